/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target without libFuzzer: once over each file of the directories it is given, so that
 * every input that was ever interesting is tried by each `make check`, with any compiler. */
#include "base/buf.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Some targets have one. */
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static void run_file(const char *path)
{
    struct buf content = BUF_INIT;
    FILE *file = fopen(path, "rb");
    size_t count;

    if (!file)
        return;
    do {
        count = fread(buf_reserve(&content, 65536), 1, 65536, file);
        content.len += count;
    } while (count > 0);
    fclose(file);

    /* In memory of exactly its size, so that a sanitizer sees a read beyond it. */
    uint8_t *exact = malloc(content.len ? content.len : 1);
    if (!exact)
        abort();
    if (content.len)
        memcpy(exact, content.data, content.len);
    LLVMFuzzerTestOneInput(exact, content.len);
    free(exact);
    buf_fini(&content);
}

static unsigned run_directory(const char *path)
{
    DIR *directory = opendir(path);
    struct buf name = BUF_INIT;
    unsigned count = 0;

    if (!directory)
        return 0;
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        if (entry->d_name[0] == '.')
            continue;
        buf_clear(&name);
        buf_printf(&name, "%s/%s", path, entry->d_name);
        run_file(buf_cstr(&name));
        count++;
    }
    closedir(directory);
    buf_fini(&name);
    return count;
}

int main(int argc, char **argv)
{
    unsigned count = 0;

    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++)
        count += run_directory(argv[i]);
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    printf("%u inputs\n", count);
    return EXIT_SUCCESS;
}
