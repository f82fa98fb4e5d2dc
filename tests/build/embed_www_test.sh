#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Files of any bytes, in folders too, become a table that a C program reads back.
set -eu
embed=$(cd "$(dirname "$0")/../.." && pwd)/build-aux/embed-www
cc=${CC:-cc}
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cd "$tree"

mkdir -p www/js out/management
printf 'a\0b\n' >www/index.html
printf '' >www/empty.css
printf '\377"\\' >www/js/app.js
"$embed" out/management/www_files.h out/management/www_files.c www \
    www/empty.css www/index.html www/js/app.js

cat >main.c <<'END'
#include "management/www_files.h"
#include <stdio.h>
int main(void)
{
    for (const struct www_file *file = www_files; file->path; file++) {
        printf("%s %zu:", file->path, file->len);
        for (size_t i = 0; i < file->len; i++)
            printf(" %02x", file->data[i]);
        printf(" %s\n", file->etag);
    }
    return 0;
}
END
$cc -std=gnu17 -Wall -Wextra -Werror -Iout -o main main.c out/management/www_files.c
./main >got
cat >want <<'END'
/empty.css 0: "e3b0c44298fc1c149afbf4c8"
/index.html 4: 61 00 62 0a "3a100994c4e38751871e6e8e"
/js/app.js 3: ff 22 5c "587443d3a5f6e5ad51b46659"
END
diff -u want got
echo "100%: Checks: 3, Failures: 0"
