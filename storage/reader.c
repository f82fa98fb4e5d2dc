/* SPDX-License-Identifier: Apache-2.0 */
/* Reading messages back. See reader.h. */
#include "storage/reader.h"

#include "base/mem.h"
#include "storage/load.h"
#include "storage/thread.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define STACK_BYTES ((size_t)256 * 1024)
#define BUSY_MS 1000 /* a checkpoint that restarts the WAL locks readers out for a moment */

#define RETRY_S 1 /* how long the answer of a failed read is held back */

/* A page that was asked for, and what was found. */
struct request {
    struct list link;
    struct store_page page;
    bool cancelled;
    enum err error;
    struct buf rows; /* struct row, then its bytes, again and again, each row aligned */
};

struct row {
    struct store_message message; /* its slices' data are set when it is handed over */
    size_t size;                  /* of the row with its bytes, in the buffer */
};

/* -- rows -- */

static size_t align(size_t size)
{
    return (size + _Alignof(struct row) - 1) & ~(_Alignof(struct row) - 1);
}

static void keep_row(void *context, const struct store_message *message)
{
    struct request *request = context;
    struct slice parts[] = {message->exchange, message->routing_key, message->properties,
                            message->body};
    struct row row = {.message = *message};
    row.size = sizeof row;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        row.size += parts[i].len;
    row.size = align(row.size);
    size_t end = request->rows.len + row.size;
    buf_reserve(&request->rows, row.size);
    buf_add(&request->rows, &row, sizeof row);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        buf_add_slice(&request->rows, parts[i]);
    request->rows.len = end;
}

static const uint8_t *take_part(struct slice *part, const uint8_t *at)
{
    part->data = at;
    return at + part->len;
}

static void hand_over(struct request *request, reader_each *each)
{
    for (size_t offset = 0; offset < request->rows.len && !request->cancelled;) {
        struct row row;
        memcpy(&row, request->rows.data + offset, sizeof row);
        const uint8_t *at = request->rows.data + offset + sizeof row;
        at = take_part(&row.message.exchange, at);
        at = take_part(&row.message.routing_key, at);
        at = take_part(&row.message.properties, at);
        take_part(&row.message.body, at);
        each(request->page.context, &row.message);
        offset += row.size;
    }
}

static void free_request(struct request *request)
{
    list_remove(&request->link);
    buf_fini(&request->rows);
    mem_free(request);
}

/* -- reading -- */

static int open_own(struct reader *reader)
{
    struct database *own = &reader->own;
    static const enum statement needed[] = {STATEMENT_MESSAGES_PAGE, STATEMENT_MESSAGES_PAGE_BESIDE,
                                            STATEMENT_MESSAGES_EXPIRING,
                                            STATEMENT_MESSAGES_EXPIRING_BESIDE};
    if (own->sql)
        return SQLITE_OK;
    int result = sqlite3_open_v2(reader->main->path, &own->sql,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, reader->vfs);
    if (result == SQLITE_OK)
        result = sqlite3_busy_timeout(own->sql, BUSY_MS);
    if (result == SQLITE_OK)
        result = sqlite3_exec(own->sql, "PRAGMA query_only = 1", NULL, NULL, NULL);
    for (size_t i = 0; result == SQLITE_OK && i < ARRAY_LEN(needed); i++)
        result = sqlite3_prepare_v3(own->sql, database_sql(needed[i]), -1,
                                    SQLITE_PREPARE_PERSISTENT, &own->statements[needed[i]], NULL);
    return database_note(own, result);
}

static void close_own(struct reader *reader)
{
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(reader->own.statements[i]);
    sqlite3_close(reader->own.sql);
    reader->own = (struct database){0};
}

static enum err read_page(struct reader *reader, const struct store_page *page, void *context,
                          reader_each *each)
{
    struct database *database = reader->main->in_memory ? reader->main : &reader->own;
    if (!reader->main->in_memory) {
        int result = open_own(reader);
        if (result != SQLITE_OK) {
            close_own(reader);
            return database_error(result);
        }
    }
    return load_page(database, page, each, context);
}

/* Waits with the lock held, unless it's not worth it any more. */
static void hold_back(struct reader *reader, const struct request *request)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += RETRY_S;
    int result = 0;
    while (result == 0 && !reader->stopping && !request->cancelled)
        result = pthread_cond_timedwait(&reader->changed, &reader->lock, &until);
    CHECK(result == 0 || result == ETIMEDOUT);
}

static void *run(void *context)
{
    struct reader *reader = context;
    pthread_mutex_lock(&reader->lock);
    while (!reader->stopping) {
        struct request *request = LIST_FIRST(&reader->requests, struct request, link);
        if (!request || reader->busy) {
            pthread_cond_wait(&reader->changed, &reader->lock);
            continue;
        }
        list_remove(&request->link);
        reader->reading = request;
        reader->busy = true;
        pthread_mutex_unlock(&reader->lock);
        request->error = read_page(reader, &request->page, request, keep_row);
        pthread_mutex_lock(&reader->lock);
        reader->busy = false;
        pthread_cond_broadcast(&reader->changed);
        if (request->error != ERR_OK)
            hold_back(reader, request);
        reader->reading = NULL;
        list_push_back(&reader->answers, &request->link);
        reader->wake(reader->wake_context);
    }
    pthread_mutex_unlock(&reader->lock);
    return NULL;
}

static void start(struct reader *reader)
{
    int result = thread_start(&reader->thread, STACK_BYTES, run, reader);
    if (result != 0)
        check_panic("can't start a reader thread: %s", strerror(result));
    reader->started = true;
}

/* -- the loop's side -- */

void reader_init(struct reader *reader, struct database *main, const char *vfs, bool manual,
                 void (*wake)(void *context), void *wake_context)
{
    *reader = (struct reader){
        .main = main, .vfs = vfs, .manual = manual, .wake = wake, .wake_context = wake_context};
    list_init(&reader->requests);
    list_init(&reader->answers);
    CHECK(pthread_mutex_init(&reader->lock, NULL) == 0);
    thread_condition_init(&reader->changed);
}

static void free_all(struct list *list)
{
    LIST_EACH(list, node)
        free_request(CONTAINER_OF(node, struct request, link));
}

void reader_fini(struct reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    reader->stopping = true;
    pthread_cond_broadcast(&reader->changed);
    pthread_mutex_unlock(&reader->lock);
    if (reader->started)
        CHECK(pthread_join(reader->thread, NULL) == 0);
    free_all(&reader->requests);
    free_all(&reader->answers);
    close_own(reader);
    CHECK(pthread_cond_destroy(&reader->changed) == 0);
    CHECK(pthread_mutex_destroy(&reader->lock) == 0);
}

void reader_ask(struct reader *reader, const struct store_page *page)
{
    struct request *request = MEM_NEW(struct request);
    CHECK(reader->manual || !reader->main->in_memory);
    request->page = *page;
    pthread_mutex_lock(&reader->lock);
    list_push_back(&reader->requests, &request->link);
    pthread_cond_broadcast(&reader->changed);
    pthread_mutex_unlock(&reader->lock);
    if (!reader->started && !reader->manual)
        start(reader);
}

static void cancel_in(struct list *list, const void *context)
{
    LIST_EACH(list, node) {
        struct request *request = CONTAINER_OF(node, struct request, link);
        if (request->page.context == context)
            free_request(request);
    }
}

void reader_cancel(struct reader *reader, const void *context)
{
    pthread_mutex_lock(&reader->lock);
    cancel_in(&reader->requests, context);
    cancel_in(&reader->answers, context);
    if (reader->reading && reader->reading->page.context == context)
        reader->reading->cancelled = true;
    pthread_cond_broadcast(&reader->changed);
    pthread_mutex_unlock(&reader->lock);
    if (reader->handed_over && reader->handed_over->page.context == context)
        reader->handed_over->cancelled = true;
}

bool reader_answer(struct reader *reader, reader_each *each,
                   void (*end)(void *context, enum err error), enum err *error)
{
    pthread_mutex_lock(&reader->lock);
    struct request *request = LIST_FIRST(&reader->answers, struct request, link);
    if (request)
        list_remove(&request->link);
    pthread_mutex_unlock(&reader->lock);
    if (!request)
        return false;
    reader->handed_over = request;
    hand_over(request, each);
    if (!request->cancelled)
        end(request->page.context, request->error);
    reader->handed_over = NULL;
    *error = request->error;
    free_request(request);
    return true;
}

enum err reader_now(struct reader *reader, const struct store_page *page, reader_each *each)
{
    pthread_mutex_lock(&reader->lock);
    while (reader->busy)
        pthread_cond_wait(&reader->changed, &reader->lock);
    reader->busy = true;
    pthread_mutex_unlock(&reader->lock);
    enum err error = read_page(reader, page, page->context, each);
    pthread_mutex_lock(&reader->lock);
    reader->busy = false;
    pthread_cond_broadcast(&reader->changed);
    pthread_mutex_unlock(&reader->lock);
    return error;
}

bool reader_step(struct reader *reader)
{
    struct request *request = LIST_FIRST(&reader->requests, struct request, link);
    if (!request)
        return false;
    list_remove(&request->link);
    request->error = read_page(reader, &request->page, request, keep_row);
    list_push_back(&reader->answers, &request->link);
    reader->wake(reader->wake_context);
    return true;
}
