/* SPDX-License-Identifier: Apache-2.0 */
/* One query, from text to result; and its states, as both threads see them.
 *
 * (1) `stage` is under `lock`; everything else belongs to the one whose turn it is: to the loop's
 *     thread while ASKING and DONE, to the query's else.
 * (2) guard.cancelled may be set by the loop's thread at any time.
 * (3) The thread ends by itself once it has set DONE: joining it then takes no time.
 */
#ifndef STORAGE_QUERY_RUN_H
#define STORAGE_QUERY_RUN_H

#include "base/list.h"
#include "storage/query_tables.h"

#include <pthread.h>

#define QUERY_LITERALS_MAX 16

enum query_stage {
    QUERY_PREPARING, /* the thread's */
    QUERY_ASKING,    /* the loop's: it waits for the moment */
    QUERY_RUNNING,   /* the thread's */
    QUERY_DONE,      /* the loop's */
};

struct store_query {
    struct list link; /* in the database's queries, until it is done with */
    struct store *store;
    struct store_db *db; /* NULL: gone */
    struct store_query_options options;
    char *sql_text;
    struct slice literals[QUERY_LITERALS_MAX]; /* heap */
    size_t literal_count;
    char *path; /* of the file; NULL: in memory */
    char *vfs;

    pthread_t thread;
    bool started;
    bool joined;
    bool abandoned; /* nobody waits for it any more: freed when it is done */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum query_stage stage;

    struct query_guard guard;
    struct query_source source;
    struct snapshot snapshot;
    struct snapshot_rows *filling; /* the table that store_query_add_row() named */
    size_t row_end;                /* how many cells it has when its last row is whole */
    sqlite3 *sql;
    sqlite3 *disk;
    sqlite3_stmt *statement;
    int64_t begun_ms;
    struct store_query_result result;
};

enum query_stage query_stage(struct store_query *query);
void query_set_stage(struct store_query *query, enum query_stage stage);

/* The thread's two halves; each ends with a stage of the loop's, which the store is told by `wake`. */
void query_prepare(struct store_query *query);
void query_run(struct store_query *query);
/* The loop's part: the read transaction begins. */
enum err query_begin_reading(struct store_query *query);
/* DONE, with what is wrong. */
void query_fail(struct store_query *query, enum store_query_outcome outcome, const char *format,
                ...) __attribute__((format(printf, 3, 4)));
/* Connections and statements. */
void query_close(struct store_query *query);

#endif
