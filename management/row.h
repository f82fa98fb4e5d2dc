/* SPDX-License-Identifier: Apache-2.0 */
/* JSON objects written member by member straight into text: what an object shows is told once, in the
 * order of its members, and the same telling serves a whole row, a row of some columns, and the
 * value of one column to sort by.
 *
 * (1) What is not wanted is not written; row_open() says whether the inside of a member is
 *     worth working out.
 * (2) Texts come out as JSON whatever their bytes are: those that are no UTF-8 as U+FFFD each.
 */
#ifndef MANAGEMENT_ROW_H
#define MANAGEMENT_ROW_H

#include "base/buf.h"

#include <jansson.h>

/* ---- which columns ---- */

/* The names of members, dotted for what lies deeper. A zeroed one stands for all. */
struct columns {
    char *names;         /* heap; the slices' bytes */
    struct slice *paths; /* heap */
    size_t count;
};

/* From "name,message_stats.publish"; NULL and "" are all. */
void columns_init(struct columns *columns, const char *names);
void columns_fini(struct columns *columns);

/* ---- values to sort by ---- */

/* In RabbitMQ's order of kinds; what is missing counts as the number 0. */
enum row_value_kind { ROW_NUMBER, ROW_FLAG, ROW_OBJECT, ROW_ARRAY, ROW_TEXT };

struct row_value {
    enum row_value_kind kind;
    double number;     /* a flag's too: null and false are 0 */
    struct slice text; /* the row's, until its next value */
};

/* <0, 0, >0. */
int row_value_compare(const struct row_value *a, const struct row_value *b);

/* ---- writing ---- */

#define ROW_DEPTH_MAX 64 /* a table's depth, and what stands around it */

struct row {
    struct buf *out;         /* NULL: `value` is looked for */
    struct row_value *value; /* of the only path, when it is there */
    struct buf text;         /* its text */
    struct slice *paths;     /* heap: those of every level that is open, one level behind another */
    size_t path_count, path_capacity;
    struct row_level {
        size_t first; /* of this level's paths */
        bool all;     /* everything in here is wanted */
        bool list;
        bool filled; /* the next member needs a comma */
    } levels[ROW_DEPTH_MAX];
    unsigned depth;
};

/* Writes to `out`. `columns` may be NULL: all. */
void row_init(struct row *row, struct buf *out, const struct columns *columns);
/* Looks for the value at the columns' only path; `*value` is the number 0 until it is met. */
void row_init_value(struct row *row, const struct columns *columns, struct row_value *value);
void row_fini(struct row *row);

/* A row's braces. A row that looks for a value may be begun again after its end. */
void row_begin(struct row *row);
void row_end(struct row *row);

/* Is the member, or some of its inside, wanted? For values that are dear to work out. */
bool row_wants(const struct row *row, const char *key);

/* Members. Inside a list `key` is NULL. */
void row_text(struct row *row, const char *key, struct slice text);
void row_string(struct row *row, const char *key, const char *text); /* NULL: null */
void row_number(struct row *row, const char *key, uint64_t number);  /* signed, as jansson's are */
void row_known(struct row *row, const char *key, uint64_t number);   /* unless FACT_UNKNOWN */
void row_real(struct row *row, const char *key, double number);
void row_flag(struct row *row, const char *key, bool flag);
void row_null(struct row *row, const char *key);
/* A table's validated content, as an object. */
void row_table(struct row *row, const char *key, struct slice table);
/* All members of an object. */
void row_members(struct row *row, const json_t *object);
/* Any value; taken over. */
void row_json(struct row *row, const char *key, json_t *value);

/* Opens an object or a list; false when nothing in it is wanted: then nothing is to be closed. */
bool row_open(struct row *row, const char *key) __attribute__((warn_unused_result));
bool row_open_list(struct row *row, const char *key) __attribute__((warn_unused_result));
void row_close(struct row *row);

#endif
