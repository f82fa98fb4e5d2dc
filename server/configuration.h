/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: values of the keys of config_keys.def, gathered from a file, the environment
 * and the command line, in this order of rising precedence.
 *
 * (1) Every value held has passed its row's check.
 * (2) A list that was set anywhere replaces the default list; its items are replaced by name.
 * (3) Secrets are never printed.
 */
#ifndef SERVER_CONFIGURATION_H
#define SERVER_CONFIGURATION_H

#include "base/buf.h"
#include "server/config_value.h"

enum config_key {
#define CONFIG(id, ...) CONFIG_##id,
#include "server/config_keys.def"
    CONFIG_KEYS
};

/* One value: of a plain key, or one item of a list. */
struct config_item {
    char *name; /* what stands for NAME; "" for a plain key */
    char *text;
    int64_t number; /* see config_value_parse() */
};

struct configuration;

/* All keys at their defaults. */
struct configuration *configuration_new(void);
void configuration_free(struct configuration *configuration);

/* -- filling it: complaints, one line each, go to configuration_errors() and _warnings() -- */

/* Checks and takes one value; `where` begins the complaint ("bilby.conf:12", "--set"). */
void configuration_set(struct configuration *configuration, const char *where, const char *key,
                       const char *value);
/* "KEY=VALUE". */
void configuration_assign(struct configuration *configuration, const char *where,
                          const char *assignment);
/* A file's text, named `name` in complaints. */
void configuration_parse(struct configuration *configuration, const char *name, struct slice text);
void configuration_read_file(struct configuration *configuration, const char *path);
/* Variables BILBY_<KEY>: capitals, dots written as underscores; what stands for NAME is taken as
 * it is written. */
void configuration_read_environment(struct configuration *configuration, char **environment);
/* What a single value can't tell: keys that need each other. Call when all are read. */
void configuration_check(struct configuration *configuration);

/* Adds "where: sentence" to the errors, or to the warnings. */
void configuration_complain(struct configuration *configuration, const char *where,
                            const char *sentence);
void configuration_warn(struct configuration *configuration, const char *where,
                        const char *sentence);

/* How many secrets have been taken so far. */
size_t configuration_secrets(const struct configuration *configuration);
/* Who else may read or write the file itself, and those that the configuration names. */
void configuration_check_own_file(struct configuration *configuration, const char *path,
                                  bool has_secrets);
void configuration_check_files(struct configuration *configuration);

/* Lines, each with its end; empty when all is well. */
struct slice configuration_errors(const struct configuration *configuration);
struct slice configuration_warnings(const struct configuration *configuration);

/* -- asking -- */

int64_t configuration_number(const struct configuration *configuration, enum config_key key);
const char *configuration_text(const struct configuration *configuration, enum config_key key);
/* The text is not empty. */
bool configuration_given(const struct configuration *configuration, enum config_key key);
/* A list's items in the order of their names (numbers by value). */
const struct config_item *configuration_list(const struct configuration *configuration,
                                             enum config_key key, size_t *count);
/* The item of that name, or NULL. */
const struct config_item *configuration_find(const struct configuration *configuration,
                                             enum config_key key, const char *name);

/* -- telling -- */

/* The effective values in the file's own form. */
void configuration_print(const struct configuration *configuration, struct buf *out);
/* Calls `each` with every effective value and its key; with NULL for a secret that is set. What is not
 * set is left out. */
void configuration_each(const struct configuration *configuration,
                        void (*each)(void *context, const char *key, const char *value),
                        void *context);
/* The table of keys: one key a line, its type, default and help after tabs. */
void configuration_describe(struct buf *out);

#endif
