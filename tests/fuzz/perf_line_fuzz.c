/* SPDX-License-Identifier: Apache-2.0 */
/* What bilby-perf is told: the first line is an address, the others are arguments. What is taken fits
 * into its fields and parses to the same again; what is refused is explained, without a password.
 */
#include "base/check.h"
#include "tools/perf_options.h"
#include "tools/perf_uri.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORDS_MAX 64
#define SECRET "s3cr3t-"

static void check_terminated(const char *field, size_t size)
{
    CHECK(memchr(field, '\0', size));
}

static void try_uri(const char *text)
{
    struct perf_uri uri;
    char error[512] = "";
    if (perf_uri_parse(&uri, text, error, sizeof(error))) {
        check_terminated(uri.host, sizeof(uri.host));
        check_terminated(uri.port, sizeof(uri.port));
        check_terminated(uri.user, sizeof(uri.user));
        check_terminated(uri.password, sizeof(uri.password));
        check_terminated(uri.vhost, sizeof(uri.vhost));
        CHECK(uri.host[0] && strtoul(uri.port, NULL, 10) <= 65535);
    } else {
        check_terminated(error, sizeof(error));
        CHECK(error[0] && !strstr(error, SECRET));
    }
}

static void try_pairs(const char *rest)
{
    char key[256], value[256];
    bool bad = false;
    while (perf_pair_next(&rest, key, value, &bad)) {
        check_terminated(key, sizeof(key));
        check_terminated(value, sizeof(value));
        CHECK(!bad);
    }
}

static void try_options(int argc, char **argv)
{
    struct perf_options options;
    char error[512] = "";
    if (perf_options_parse(&options, argc, argv, error, sizeof(error))) {
        if (options.queue_args)
            try_pairs(options.queue_args);
    } else {
        check_terminated(error, sizeof(error));
        CHECK(error[0]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *argv[WORDS_MAX + 1] = {NULL};
    int argc = 1;
    char *text = malloc(size + 1);
    CHECK(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    char *rest = strchr(text, '\n');
    if (rest)
        *rest++ = '\0';
    argv[0] = text;
    while (rest && argc < WORDS_MAX) {
        argv[argc++] = rest;
        rest = strchr(rest, '\n');
        if (rest)
            *rest++ = '\0';
    }
    try_uri(text);
    try_options(argc, argv);
    free(text);
    return 0;
}
