#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Plants violations in a copy of a small tree; check-arrows must find each, and nothing else.
set -eu
check=$(dirname "$0")/../../build-aux/check-arrows
check=$(cd "$(dirname "$check")" && pwd)/check-arrows
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cases=0

plant() { # FILE LINE…
    file=$tree/$1
    shift
    mkdir -p "$(dirname "$file")"
    printf '%s\n' "$@" >"$file"
}

fresh() {
    rm -rf "${tree:?}"/*
    plant base/slice.h '#include <stddef.h>'
    plant base/buf.h '#include "base/slice.h"'
    plant proto/table.h '#include "base/slice.h"'
    plant storage/store.h '#include "proto/table.h"'
    plant storage/sqlite.c '#include "storage/store.h"' '#include <sqlite3.h>' '#include <pthread.h>'
    plant broker/queue.h '#include "storage/store.h"'
    plant broker/queue.c '#include "broker/queue.h"' '#include <string.h>' '#include <pcre2.h>'
    plant session/channel.c '#include "broker/queue.h"' '#include <event2/buffer.h>'
    plant management/api.c '#include "broker/queue.h"' '#include <jansson.h>'
    plant server/main.c '#include "session/channel.h"' '#include <event2/event.h>' \
        '#include <sys/socket.h>' '#include "config.h"'
    plant session/channel.h '#include "broker/queue.h"'
    plant tests/unit/queue_test.c '#include "broker/queue.h"' '#include "helper.h"' '#include <check.h>'
    plant tests/unit/helper.h '#include "base/buf.h"'
}

refuses() { # EXPECTED-TEXT
    cases=$((cases + 1))
    if output=$("$check" "$tree" 2>&1); then
        echo "check-arrows let pass what it should refuse: $1"
        exit 1
    fi
    case $output in
    *"$1"*) ;;
    *)
        echo "check-arrows said"
        echo "$output"
        echo "instead of: $1"
        exit 1
        ;;
    esac
    [ "$(echo "$output" | wc -l)" -eq 2 ] || {
        echo "check-arrows complains about more than what was planted:"
        echo "$output"
        exit 1
    }
}

fresh
"$check" "$tree" >/dev/null || { echo "check-arrows refuses a clean tree"; "$check" "$tree"; exit 1; }

fresh; plant base/bad.c '#include <stdio.h>' '#include "proto/table.h"'
refuses 'base/bad.c:2: base/ must not include "proto/table.h"'
fresh; plant broker/bad.c '#include "session/channel.h"'
refuses 'broker/bad.c:1: broker/ must not include "session/channel.h"'
fresh; plant storage/inner.h '#include <stddef.h>'; plant broker/bad.c '#include "storage/inner.h"'
refuses 'broker/ must not include "storage/inner.h"'
fresh; plant session/bad.c '#include "storage/store.h"'
refuses 'session/ must not include "storage/store.h"'
fresh; plant tools/bad.c '#include "broker/queue.h"'
refuses 'tools/ must not include "broker/queue.h"'
fresh; plant broker/bad.c '#  include   <sqlite3.h>'
refuses 'broker/ must not include <sqlite3.h>'
fresh; plant session/bad.c '#include <event2/bufferevent.h>'
refuses 'session/ must not include <event2/bufferevent.h>'
fresh; plant broker/bad.c '#include <event2/buffer.h>'
refuses 'broker/ must not include <event2/buffer.h>'
fresh; plant broker/bad.c '#include <jansson.h>'
refuses 'broker/ must not include <jansson.h>'
fresh; plant management/bad.c '#include <sys/socket.h>'
refuses 'management/ must not include <sys/socket.h>'
fresh; plant broker/bad.c '#include <time.h>'
refuses '<time.h> in a deterministic room'
fresh; plant routing/bad.c '#include <pthread.h>'
refuses 'routing/ must not include <pthread.h>'
fresh; plant session/bad.c '#include <unistd.h>'
refuses '<unistd.h> in a deterministic room'
fresh; plant base/bad.c '#include "slice.h"'
refuses '"slice.h" does not name its room'
fresh; plant base/bad.c '#include "base/gone.h"'
refuses '"base/gone.h" does not exist'
fresh; plant base/slice.h '#include "base/buf.h"'
refuses 'a circle of includes'

echo "100%: Checks: $((cases + 1)), Failures: 0"
