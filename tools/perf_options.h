/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of bilby-perf, from the rows of perf_options.def. */
#ifndef TOOLS_PERF_OPTIONS_H
#define TOOLS_PERF_OPTIONS_H

#include "tools/perf_options.def"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PERF_USAGE_STATUS 64 /* EX_USAGE of sysexits.h */

enum perf_flag {
    PERF_PERSISTENT = 1,
    PERF_MANDATORY = 2,
};

#define PERF_CTYPE_FLAG bool
#define PERF_CTYPE_ONOFF bool
#define PERF_CTYPE_NUMBER uint64_t
#define PERF_CTYPE_BITS uint64_t
#define PERF_CTYPE_TEXT const char *

/* One member an option; texts are borrowed from argv or static. */
struct perf_options {
#define S(title)
#define X(shorthand, name, kind, field, fallback, least, most, argument, help)                     \
    PERF_CTYPE_##kind field;
    PERF_OPTIONS(X, S)
#undef X
#undef S
};

/* Fills in defaults, then what the arguments say, then checks that they fit together. On failure
 * returns false with a sentence for the user in `error`. */
bool perf_options_parse(struct perf_options *options, int argc, char *const *argv, char *error,
                        size_t error_size);

/* --help */
void perf_options_help(FILE *out);

/* Walks "K=V,K=V": the next pair's key and value are NUL-terminated into the caller's buffers.
 * Returns false at the end, or (with *bad set) at a pair that is none. */
bool perf_pair_next(const char **rest, char key[256], char value[256], bool *bad);

#endif
