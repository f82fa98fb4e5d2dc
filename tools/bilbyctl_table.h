/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of JSON objects as text: aligned for people; JSON, CSV or tab-separated for programs.
 *
 * (1) What clients have named can't move a terminal's cursor: control characters in cells of tables
 *     and tab-separated lines are shown as \xNN.
 */
#ifndef TOOLS_BILBYCTL_TABLE_H
#define TOOLS_BILBYCTL_TABLE_H

#include "base/buf.h"
#include "tools/bilbyctl_status.h"

#include <jansson.h>

#define CTL_COLUMNS_MAX 64
#define CTL_COLUMN_MAX 128

#define CTL_FORMATS(X)                                                                             \
    X(TABLE, "table")                                                                              \
    X(JSON, "json")                                                                                \
    X(CSV, "csv")                                                                                  \
    X(TSV, "tsv")

enum ctl_format {
#define X(name, text) CTL_FORMAT_##name,
    CTL_FORMATS(X)
#undef X
};

struct ctl_column {
    char name[CTL_COLUMN_MAX];
    char path[CTL_COLUMN_MAX]; /* in the row's object: "message_stats.publish" */
};

struct ctl_columns {
    struct ctl_column columns[CTL_COLUMNS_MAX];
    size_t count;
};

struct ctl_view {
    enum ctl_format format;
    bool headers;
    const char *noun; /* what rows are, "queues", for the count below a table; NULL: no count */
};

/* By its name; false when there is none. */
bool ctl_format_find(const char *name, enum ctl_format *format);

/* The columns of a row of bilbyctl_commands.def: the wanted ones, or those with a star when none is.
 * "known.member" is any member of a known column. Complains about others, naming those there are. */
enum ctl_status ctl_columns_choose(struct ctl_columns *columns, const char *shows,
                                   char *const *wanted, size_t wanted_count) MUST_USE;
/* Puts a known column before the others unless it is there. */
void ctl_columns_lead(struct ctl_columns *columns, const char *shows, const char *name);

/* The member at a path with dots; NULL: none. Borrowed. */
const json_t *ctl_member(const json_t *object, const char *path);
/* Appends a value as text: texts as they are, lists with commas, null as nothing. */
void ctl_add_cell(struct buf *out, const json_t *value);
/* The same for a terminal: control characters as \xNN. */
void ctl_add_visible(struct buf *out, const json_t *value);
/* Appends "queue" or "queues", by the count. */
void ctl_add_noun(struct buf *out, const char *plural, size_t count);

/* Appends "12.5 MiB". */
void ctl_add_bytes(struct buf *out, double bytes);

/* Appends an array of objects. */
void ctl_add_table(struct buf *out, const struct ctl_view *view, const struct ctl_columns *columns,
                   const json_t *rows);
/* Appends one object, a member a line. */
void ctl_add_object(struct buf *out, const struct ctl_view *view, const json_t *object);

#endif
