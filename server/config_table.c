/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of config_keys.def and the search through them. Reading a configuration is rare, so the
 * search is linear.
 */
#include "server/config_table.h"

#include <ctype.h>

static const struct config_row rows[] = {
#define CONFIG(id, name, kind, value, low, high, list, text)                                       \
    [CONFIG_##id] = {                                                                              \
        .pattern = name,                                                                           \
        .range = {.type = CONFIG_TYPE_##kind, .min = low, .max = high, .choices = list},           \
        .fallback = value,                                                                         \
        .help = text,                                                                              \
    },
#include "server/config_keys.def"
};

/* Other names, and RabbitMQ's keys that need no value of ours. */
static const struct other {
    const char *pattern;
    enum config_match_kind kind;
    enum config_key key;
    const char *choices;
    const char *reason;
} others[] = {
#define CONFIG_ALIAS(name, id) {name, CONFIG_MATCH_KEY, CONFIG_##id, NULL, NULL},
#define CONFIG_FIXED(name, list, why) {name, CONFIG_MATCH_FIXED, CONFIG_KEYS, list, why},
#define CONFIG_IGNORED(name, why) {name, CONFIG_MATCH_IGNORED, CONFIG_KEYS, NULL, why},
#include "server/config_keys.def"
};

const struct config_row *config_table_row(enum config_key key)
{
    CHECK(key < CONFIG_KEYS);
    return &rows[key];
}

/* Where NAME stands in the pattern; NULL for a plain key. */
static const char *placeholder(const char *pattern)
{
    const char *dot = strstr(pattern, ".NAME");
    return dot ? dot + 1 : NULL;
}

bool config_table_is_list(const struct config_row *row)
{
    return placeholder(row->pattern) != NULL;
}

static bool same_character(char pattern, char given)
{
    return pattern == given;
}

/* In a variable's name dots are underscores and letters are capitals. */
static bool same_in_variable(char pattern, char given)
{
    return (pattern == '.' ? '_' : toupper((unsigned char)pattern)) == given;
}

typedef bool (*same_fn)(char pattern, char given);

static bool same_run(const char *pattern, const char *given, size_t len, same_fn same)
{
    for (size_t i = 0; i < len; i++) {
        if (!same(pattern[i], given[i]))
            return false;
    }
    return true;
}

/* `given` is the pattern with something that is not empty in NAME's place. */
static bool pattern_matches(const char *pattern, const char *given, same_fn same,
                            struct slice *name)
{
    const char *hole = placeholder(pattern);
    size_t len = strlen(given);
    *name = (struct slice){0};
    if (!hole)
        return strlen(pattern) == len && same_run(pattern, given, len, same);
    size_t before = (size_t)(hole - pattern);
    const char *rest = hole + strlen("NAME");
    size_t after = strlen(rest);
    if (len <= before + after || !same_run(pattern, given, before, same) ||
        !same_run(rest, given + len - after, after, same))
        return false;
    *name = slice_of(given + before, len - before - after);
    return true;
}

static struct config_match find(const char *given, same_fn same, bool lists)
{
    struct config_match match = {.kind = CONFIG_MATCH_KEY};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (config_table_is_list(&rows[i]) == lists &&
            pattern_matches(rows[i].pattern, given, same, &match.name)) {
            match.key = (enum config_key)i;
            return match;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        const struct other *other = &others[i];
        if ((placeholder(other->pattern) != NULL) == lists &&
            pattern_matches(other->pattern, given, same, &match.name))
            return (struct config_match){other->kind, other->key, match.name, other->choices,
                                         other->reason};
    }
    return (struct config_match){.kind = CONFIG_MATCH_NONE};
}

struct config_match config_table_find(const char *name)
{
    struct config_match match = find(name, same_character, false);
    return match.kind == CONFIG_MATCH_NONE ? find(name, same_character, true) : match;
}

struct config_match config_table_find_variable(const char *name)
{
    struct config_match match = find(name, same_in_variable, false);
    return match.kind == CONFIG_MATCH_NONE ? find(name, same_in_variable, true) : match;
}

/* -- the nearest name -- */

#define NAME_MAX_COMPARED 64 /* longer keys than any of the table's get no suggestion */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance: insertions, removals and replacements from one to the other. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_COMPARED + 1];
    size_t b_len = strlen(b);
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t above = row[j];
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            row[j] = least(replaced, 1 + least(above, row[j - 1]));
            diagonal = above;
        }
    }
    return row[b_len];
}

const char *config_table_nearest(const char *name)
{
    size_t best = 1 + strlen(name) / 3;
    const char *nearest = NULL;
    if (strlen(name) > NAME_MAX_COMPARED)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strlen(rows[i].pattern) > NAME_MAX_COMPARED)
            continue;
        size_t d = distance(name, rows[i].pattern);
        if (d < best) {
            best = d;
            nearest = rows[i].pattern;
        }
    }
    return nearest;
}
