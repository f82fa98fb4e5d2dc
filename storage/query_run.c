/* SPDX-License-Identifier: Apache-2.0 */
/* A query's own side: compiling, running, closing. */
#include "storage/query_run.h"

#include "base/mem.h"
#include "storage/database.h"
#include "storage/query_result.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define BUSY_MS 1000 /* a checkpoint that restarts the WAL locks readers out for a moment */
#define CACHE_KIB "-16000"

enum query_stage query_stage(struct store_query *query)
{
    pthread_mutex_lock(&query->lock);
    enum query_stage stage = query->stage;
    pthread_mutex_unlock(&query->lock);
    return stage;
}

void query_set_stage(struct store_query *query, enum query_stage stage)
{
    pthread_mutex_lock(&query->lock);
    query->stage = stage;
    pthread_cond_broadcast(&query->changed);
    pthread_mutex_unlock(&query->lock);
}

void query_fail(struct store_query *query, enum store_query_outcome outcome, const char *format,
                ...)
{
    struct store_query_result *result = &query->result;
    va_list arguments;

    result->outcome = outcome;
    buf_clear(&result->message);
    va_start(arguments, format);
    buf_vprintf(&result->message, format, arguments);
    va_end(arguments);
}

/* Puts what SQLite, or the guard, says of a failure into words. */
static void fail_sql(struct store_query *query, int result)
{
    const struct store_query_options *options = &query->options;

    if (query->guard.late)
        query_fail(query, STORE_QUERY_BAD,
                   "the query was stopped: it took longer than %" PRId64 " ms",
                   options->time_max_ms);
    else if (result == SQLITE_NOMEM)
        query_fail(query, STORE_QUERY_BAD,
                   "the query was stopped: it needs more than %" PRIu64 " MiB of memory",
                   options->memory_max >> 20);
    else if (atomic_load(&query->guard.cancelled))
        query_fail(query, STORE_QUERY_UNAVAILABLE, "the query was given up");
    else
        query_fail(query, STORE_QUERY_BAD, "%s",
                   query->sql ? sqlite3_errmsg(query->sql) : sqlite3_errstr(result));
}

static void fail_disk(struct store_query *query, int result)
{
    query_fail(query, STORE_QUERY_UNAVAILABLE, "the database can't be read: %s",
               query->disk ? sqlite3_errmsg(query->disk) : sqlite3_errstr(result));
}

/* -- compiling -- */

static int open_front(struct store_query *query)
{
    int result =
        sqlite3_open_v2(":memory:", &query->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    if (result == SQLITE_OK) /* sorting and the like is bounded by memory_max */
        result = sqlite3_exec(query->sql, "PRAGMA temp_store = MEMORY", NULL, NULL, NULL);
    if (result == SQLITE_OK)
        result = query_rows_install(&query->source, query->sql);
    if (result == SQLITE_OK)
        result = query_messages_install(&query->source, query->sql);
    if (result == SQLITE_OK)
        result = query_guard_install(&query->guard, query->sql);
    return result;
}

/* The file's schema is read here, not at the moment. */
static int open_disk(struct store_query *query)
{
    if (!query->path)
        return SQLITE_OK;
    int result = sqlite3_open_v2(query->path, &query->disk,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, query->vfs);
    if (result == SQLITE_OK)
        result = sqlite3_busy_timeout(query->disk, BUSY_MS);
    if (result == SQLITE_OK)
        result = sqlite3_exec(query->disk,
                              "PRAGMA query_only = 1; PRAGMA cache_size = " CACHE_KIB ";"
                              "SELECT id FROM messages LIMIT 0",
                              NULL, NULL, NULL);
    return result;
}

/* Nothing but spaces, comments and semicolons may follow the statement. */
static bool is_last(struct store_query *query, const char *tail)
{
    while (*tail) {
        sqlite3_stmt *another = NULL;
        int result = sqlite3_prepare_v2(query->sql, tail, -1, &another, &tail);
        sqlite3_finalize(another);
        if (another || result != SQLITE_OK)
            return false;
    }
    return true;
}

static void compile(struct store_query *query)
{
    const char *tail = NULL;
    int result = open_front(query);

    if (result == SQLITE_OK)
        result = sqlite3_prepare_v2(query->sql, query->sql_text, -1, &query->statement, &tail);
    if (result != SQLITE_OK)
        fail_sql(query, result);
    else if (!query->statement)
        query_fail(query, STORE_QUERY_BAD, "there is no statement in it");
    else if (!is_last(query, tail))
        query_fail(query, STORE_QUERY_BAD, "one statement at a time, please");
    else if (!sqlite3_stmt_readonly(query->statement) ||
             sqlite3_column_count(query->statement) == 0)
        query_fail(query, STORE_QUERY_BAD, "only statements that read are allowed");
}

/* Texts in quotes, '' standing for one within. What stands in a comment may be among them: it does no
 * harm. */
static void find_literals(struct store_query *query)
{
    const char *at = query->sql_text;

    while (query->literal_count < QUERY_LITERALS_MAX && (at = strchr(at, '\''))) {
        struct buf text = BUF_INIT;
        for (at++; *at && (*at != '\'' || at[1] == '\''); at++) {
            at += *at == '\'';
            buf_add_u8(&text, (uint8_t)*at);
        }
        at += *at != '\0';
        query->literals[query->literal_count++] = slice_of(slice_dup(buf_slice(&text)), text.len);
        buf_fini(&text);
    }
}

void query_prepare(struct store_query *query)
{
    find_literals(query);
    query->begun_ms = query_guard_now_ms();
    query->guard.deadline_ms = query->begun_ms + query->options.time_max_ms;
    compile(query);
    if (query->result.message.len == 0) {
        int result = open_disk(query);
        if (result != SQLITE_OK)
            fail_disk(query, result);
    }
    query_set_stage(query, query->result.message.len ? QUERY_DONE : QUERY_ASKING);
}

/* -- the moment -- */

enum err query_begin_reading(struct store_query *query)
{
    int result = SQLITE_OK;

    if (query->disk) {
        /* Who locks readers out just now does so for a moment: the next try is soon. */
        sqlite3_busy_timeout(query->disk, 0);
        if (sqlite3_get_autocommit(query->disk))
            result = sqlite3_exec(query->disk, "BEGIN", NULL, NULL, NULL);
        if (result == SQLITE_OK)
            result = sqlite3_exec(query->disk, "SELECT id FROM messages LIMIT 0", NULL, NULL, NULL);
        sqlite3_busy_timeout(query->disk, BUSY_MS);
    }
    return result == SQLITE_OK ? ERR_OK : database_error(result);
}

/* -- running -- */

static double milliseconds(const struct timespec *from)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - from->tv_sec) * 1e3 + (double)(now.tv_nsec - from->tv_nsec) / 1e6;
}

void query_run(struct store_query *query)
{
    struct store_query_result *result = &query->result;
    struct timespec begun;

    clock_gettime(CLOCK_MONOTONIC, &begun);
    query->source.disk = query->disk;
    snapshot_settle(&query->snapshot);
    int outcome = query_guard_over(&query->guard) || result->message.len
                      ? SQLITE_INTERRUPT
                      : query_result_read(result, query->statement, query->options.rows_max,
                                          query->options.bytes_max);
    if (outcome != SQLITE_OK && result->message.len == 0)
        fail_sql(query, outcome);
    result->notes = query->snapshot.notes;
    result->note_count = query->snapshot.note_count;
    result->milliseconds = milliseconds(&begun);
    query_close(query);
    query_set_stage(query, QUERY_DONE);
}

void query_close(struct store_query *query)
{
    sqlite3_finalize(query->statement);
    query->statement = NULL;
    sqlite3_close(query->sql);
    query->sql = NULL;
    sqlite3_close(query->disk);
    query->disk = NULL;
}
