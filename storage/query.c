/* SPDX-License-Identifier: Apache-2.0 */
/* Queries, the loop's side: beginning them, giving them their moment, taking their results. */
#include "storage/query.h"

#include "base/mem.h"
#include "storage/query_memory.h"
#include "storage/query_run.h"
#include "storage/store_db.h"
#include "storage/thread.h"

#define STACK_BYTES ((size_t)1 << 20) /* SQLite's parser, and JSON's, descend */

/* -- the thread -- */

static void wait_for_moment(struct store_query *query)
{
    struct timespec until = {.tv_sec = query->guard.deadline_ms / 1000,
                             .tv_nsec = query->guard.deadline_ms % 1000 * 1000000};
    int result = 0;

    pthread_mutex_lock(&query->lock);
    while (query->stage == QUERY_ASKING && result == 0)
        result = pthread_cond_timedwait(&query->changed, &query->lock, &until);
    /* The loop takes its turn under the lock: it hasn't, so it is too late. */
    bool late = query->stage == QUERY_ASKING;
    if (late)
        query->stage = QUERY_RUNNING;
    pthread_mutex_unlock(&query->lock);
    if (late)
        query->guard.late = true;
}

static void tell(struct store_query *query)
{
    struct store *store = query->store;

    atomic_store(&store->news, true);
    if (store->options.wake)
        store->options.wake(store->options.wake_context);
}

static void *run(void *context)
{
    struct store_query *query = context;

    query_memory_limit(query->options.memory_max);
    query_prepare(query);
    if (query_stage(query) != QUERY_DONE) { /* the loop may have given it its moment by now */
        tell(query);
        wait_for_moment(query);
        if (query_stage(query) == QUERY_RUNNING)
            query_run(query);
    }
    query_close(query);
    tell(query);
    return NULL;
}

static void start(struct store_query *query)
{
    query->started = thread_start(&query->thread, STACK_BYTES, run, query) == 0;
    if (query->started)
        return;
    query_fail(query, STORE_QUERY_UNAVAILABLE, "no thread can be started");
    query->stage = QUERY_DONE;
}

/* -- beginning -- */

static size_t count_running(const struct store *store)
{
    size_t count = 0;

    for (const struct list *node = store->databases.next; node != &store->databases;
         node = node->next) {
        const struct store_db *db = CONTAINER_OF(node, struct store_db, link);
        for (const struct list *at = db->queries.next; at != &db->queries; at = at->next)
            count++;
    }
    return count;
}

struct store_query *store_query_new(struct store_db *db, const struct store_query_options *options)
{
    if (count_running(db->store) >= STORE_QUERIES_MAX)
        return NULL;
    struct store_query *query = MEM_NEW(struct store_query);
    const char *vfs = db->store->options.vfs;
    query->store = db->store;
    query->db = db;
    query->options = *options;
    query->sql_text = slice_dup(options->sql);
    query->path = db->database.in_memory ? NULL : slice_dup(slice_str(db->database.path));
    query->vfs = vfs ? slice_dup(slice_str(vfs)) : NULL;
    query->guard.tables = options->tables;
    query->guard.table_count = options->table_count;
    query->guard.used = mem_zalloc((options->table_count + 1) * sizeof(bool));
    snapshot_init(&query->snapshot, options->table_count);
    query->source = (struct query_source){
        .tables = options->tables,
        .table_count = options->table_count,
        .snapshot = &query->snapshot,
        .guard = &query->guard,
    };
    CHECK(pthread_mutex_init(&query->lock, NULL) == 0);
    thread_condition_init(&query->changed);
    list_push_back(&db->queries, &query->link);
    if (db->store->options.manual)
        tell(query);
    else
        start(query);
    return query;
}

/* -- the moment -- */

static void take_moment(struct store_query *query)
{
    struct store_db *db = query->db;

    enum err error = query_begin_reading(query);
    if (error == ERR_BUSY) {
        tell(query); /* a checkpoint cuts the WAL just now: in the next turn */
        return;
    }
    if (error != ERR_OK) {
        query_fail(query, STORE_QUERY_UNAVAILABLE, "the database can't be read: %s",
                   err_text(error));
        query->stage = QUERY_RUNNING;
        pthread_cond_broadcast(&query->changed);
        return;
    }
    if (store_query_uses(query, &store_query_messages))
        snapshot_add_batch(&query->snapshot, db->open, query->options.retain);
    query->snapshot.planned = true;
    query->options.snapshot(query->options.context, query);
    CHECK(!query->filling || query->filling->count == query->row_end);
    query->stage = QUERY_RUNNING;
    pthread_cond_broadcast(&query->changed);
}

void query_serve(struct store_db *db)
{
    CHECK(!db->given);
    LIST_EACH(&db->queries, node) {
        struct store_query *query = CONTAINER_OF(node, struct store_query, link);
        pthread_mutex_lock(&query->lock);
        if (query->stage == QUERY_ASKING && !atomic_load(&query->guard.cancelled))
            take_moment(query);
        pthread_mutex_unlock(&query->lock);
    }
}

bool query_step(struct store_db *db)
{
    bool any = false;

    LIST_EACH(&db->queries, node) {
        struct store_query *query = CONTAINER_OF(node, struct store_query, link);
        enum query_stage stage = query_stage(query);
        if (stage != QUERY_PREPARING && stage != QUERY_RUNNING)
            continue;
        if (stage == QUERY_PREPARING)
            query_prepare(query);
        else
            query_run(query);
        tell(query);
        any = true;
    }
    return any;
}

/* -- the end -- */

/* The thread is over, or will be at once; then nothing of it is left but the result. */
static void join(struct store_query *query)
{
    if (query->started && !query->joined)
        CHECK(pthread_join(query->thread, NULL) == 0);
    query->joined = true;
    query_close(query);
    list_remove(&query->link);
    snapshot_release(&query->snapshot, query->store->options.release);
    query->db = NULL;
}

static void free_query(struct store_query *query)
{
    CHECK(!query->db);
    snapshot_fini(&query->snapshot);
    for (size_t i = 0; i < query->literal_count; i++)
        mem_free((void *)(uintptr_t)query->literals[i].data);
    buf_fini(&query->result.message);
    buf_fini(&query->result.columns);
    buf_fini(&query->result.rows);
    CHECK(pthread_cond_destroy(&query->changed) == 0);
    CHECK(pthread_mutex_destroy(&query->lock) == 0);
    mem_free(query->guard.used);
    mem_free(query->sql_text);
    mem_free(query->path);
    mem_free(query->vfs);
    mem_free(query);
}

void query_reap(struct store_db *db)
{
    LIST_EACH(&db->queries, node) {
        struct store_query *query = CONTAINER_OF(node, struct store_query, link);
        if (query_stage(query) != QUERY_DONE)
            continue;
        join(query);
        if (query->abandoned)
            free_query(query);
    }
}

void query_end_all(struct store_db *db)
{
    LIST_EACH(&db->queries, node) {
        struct store_query *query = CONTAINER_OF(node, struct store_query, link);
        atomic_store(&query->guard.cancelled, true);
        pthread_mutex_lock(&query->lock);
        if (query->stage == QUERY_ASKING)
            query->stage = QUERY_RUNNING; /* which ends at the first look at the guard */
        pthread_cond_broadcast(&query->changed);
        pthread_mutex_unlock(&query->lock);
    }
    while (!list_empty(&db->queries)) {
        struct store_query *query = LIST_FIRST(&db->queries, struct store_query, link);
        join(query);
        if (query->stage != QUERY_DONE) {
            query->stage = QUERY_DONE;
            query_fail(query, STORE_QUERY_UNAVAILABLE, "the query was given up");
        }
        if (query->abandoned)
            free_query(query);
    }
}

struct store_query_result *store_query_result(struct store_query *query)
{
    return query->db ? NULL : &query->result;
}

void store_query_free(struct store_query *query)
{
    if (!query->db) {
        free_query(query);
        return;
    }
    query->abandoned = true;
    atomic_store(&query->guard.cancelled, true);
    pthread_mutex_lock(&query->lock);
    if (query->stage == QUERY_ASKING)
        query->stage = QUERY_RUNNING;
    pthread_cond_broadcast(&query->changed);
    pthread_mutex_unlock(&query->lock);
    if (query->store->options.manual) {
        query->stage = QUERY_DONE;
        tell(query);
    }
}

/* -- filling -- */

bool store_query_uses(const struct store_query *query, const struct store_query_table *table)
{
    if (table == &store_query_messages)
        return query->guard.used[query->options.table_count];
    return query->guard.used[table - query->options.tables];
}

uint64_t store_query_wants(const struct store_query *query, const struct store_query_table *table)
{
    return query->snapshot.rows[table - query->options.tables].wanted;
}

size_t store_query_literals(const struct store_query *query)
{
    return query->literal_count;
}

struct slice store_query_literal(const struct store_query *query, size_t index)
{
    CHECK(index < query->literal_count);
    return query->literals[index];
}

uint32_t store_query_add_lane(struct store_query *query, const struct store_query_lane *lane)
{
    return snapshot_add_lane(&query->snapshot, lane);
}

void store_query_add_returned(struct store_query *query, uint32_t lane, uint64_t position)
{
    snapshot_add_returned(&query->snapshot, lane, position);
}

void store_query_add_message(struct store_query *query, const struct store_message *message,
                             bool unacked, void *owner)
{
    struct snapshot_message added = {
        .message = *message, .owner = owner, .unacked = unacked, .rowless = true};

    CHECK(message->lane < query->snapshot.lane_count);
    snapshot_add_message(&query->snapshot, &added);
}

void store_query_add_row(struct store_query *query, const struct store_query_table *table)
{
    size_t index = (size_t)(table - query->options.tables);

    CHECK(index < query->options.table_count);
    CHECK(!query->filling || query->filling->count == query->row_end);
    query->filling = &query->snapshot.rows[index];
    query->filling->row_count++;
    query->row_end =
        query->filling->count + (size_t)__builtin_popcountll(store_query_wants(query, table));
}

static void add_cell(struct store_query *query, const struct snapshot_cell *cell)
{
    CHECK(query->filling && query->filling->count < query->row_end);
    snapshot_add_cell(&query->snapshot, query->filling, cell);
}

void store_query_add_text(struct store_query *query, struct slice text)
{
    struct snapshot_cell cell = {.kind = CELL_TEXT,
                                 .text = snapshot_add_text(&query->snapshot, text)};
    add_cell(query, &cell);
}

void store_query_add_integer(struct store_query *query, int64_t value)
{
    struct snapshot_cell cell = {.kind = CELL_INTEGER, .integer = value};
    add_cell(query, &cell);
}

void store_query_add_real(struct store_query *query, double value)
{
    struct snapshot_cell cell = {.kind = CELL_REAL, .real = value};
    add_cell(query, &cell);
}

void store_query_add_json(struct store_query *query, struct slice table)
{
    struct snapshot_cell cell = {.kind = CELL_JSON,
                                 .text = snapshot_add_text(&query->snapshot, table)};
    add_cell(query, &cell);
}

void store_query_add_null(struct store_query *query)
{
    struct snapshot_cell cell = {.kind = CELL_NULL};
    add_cell(query, &cell);
}

void store_query_note(struct store_query *query, const char *note)
{
    snapshot_add_note(&query->snapshot, note);
}
