/* SPDX-License-Identifier: Apache-2.0 */
/* The types of configuration values: text to number, with a sentence about what would be right. */
#ifndef SERVER_CONFIG_VALUE_H
#define SERVER_CONFIG_VALUE_H

#include "base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_TYPE_TABLE(X)                                                                       \
    X(INTEGER, "integer")                                                                          \
    X(LIMIT, "integer or infinity")                                                                \
    X(SIZE, "size")                                                                                \
    X(DURATION, "duration")                                                                        \
    X(RATIO, "ratio")                                                                              \
    X(BOOL, "true or false")                                                                       \
    X(TEXT, "text")                                                                                \
    X(SECRET, "text, never shown")                                                                 \
    X(CHOICE, "choice")                                                                            \
    X(LEVEL, "log level")                                                                          \
    X(ADDRESS, "IP address")                                                                       \
    X(ENDPOINT, "port or address:port")

enum config_type {
#define X(name, text) CONFIG_TYPE_##name,
    CONFIG_TYPE_TABLE(X)
#undef X
};

const char *config_type_text(enum config_type type);

/* What a value of a key may be. */
struct config_range {
    enum config_type type;
    int64_t min;         /* numbers: bounds; texts: 1 when it must not be empty */
    int64_t max;         /* texts: most bytes, 0: no bound */
    const char *choices; /* "a|b", or NULL */
};

/* Numbers: INTEGER as it is; LIMIT 0 for infinity; SIZE bytes; DURATION milliseconds; RATIO
 * millionths; BOOL 0 or 1; LEVEL the enum log_level; CHOICE the choice's place; else 0. When the
 * value is not allowed: false, and `why` is the end of a sentence ("must be …"). */
bool config_value_parse(const struct config_range *range, const char *text, int64_t *number,
                        char *why, size_t why_size) MUST_USE;

#endif
