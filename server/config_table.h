/* SPDX-License-Identifier: Apache-2.0 */
/* config_keys.def as data: its rows, and which row a key's name belongs to. */
#ifndef SERVER_CONFIG_TABLE_H
#define SERVER_CONFIG_TABLE_H

#include "base/slice.h"
#include "server/configuration.h"

struct config_row {
    const char *pattern;
    struct config_range range;
    const char *fallback; /* the default; of a list "name=value name=value" */
    const char *help;
};

/* The row of a key. */
const struct config_row *config_table_row(enum config_key key);
/* The pattern has a component NAME. */
bool config_table_is_list(const struct config_row *row);

enum config_match_kind {
    CONFIG_MATCH_NONE,
    CONFIG_MATCH_KEY,
    CONFIG_MATCH_FIXED,
    CONFIG_MATCH_IGNORED
};

struct config_match {
    enum config_match_kind kind;
    enum config_key key; /* of CONFIG_MATCH_KEY */
    struct slice name;   /* what stands for NAME, part of the name that was looked up */
    const char *choices; /* of CONFIG_MATCH_FIXED */
    const char *reason;  /* of FIXED and IGNORED */
};

/* Which row `name` belongs to; own keys first, plain ones before lists. */
struct config_match config_table_find(const char *name);
/* As above for what follows BILBY_ in a variable's name. */
struct config_match config_table_find_variable(const char *name);
/* The pattern most like `name`, or NULL when none is near. */
const char *config_table_nearest(const char *name);

#endif
