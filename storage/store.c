/* SPDX-License-Identifier: Apache-2.0 */
/* The store: opening and closing its databases. What is appended to them is in append.c, how those of
 * virtual hosts come and go beside the loop in errands.c.
 *
 * (1) Every database of a store is in its list, the node's first; they are closed in reverse.
 */
#include "storage/store.h"

#include "base/mem.h"
#include "storage/errands.h"
#include "storage/files.h"
#include "storage/load.h"
#include "storage/query_memory.h"
#include "storage/store_db.h"

#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

/* -- one database -- */

void store_note_news(void *context)
{
    struct store *store = context;
    atomic_store(&store->news, true);
    if (store->options.wake)
        store->options.wake(store->options.wake_context);
}

static void mark_lane(void *context, const struct store_lane *lane)
{
    struct lane_ids *ids = context;
    lane_ids_mark(ids, lane->id);
}

/* Messages of a lane that isn't there: it was deleted, and they were not all removed yet, or it was a
 * transient one, which has no row. */
static void find_dropped(void *context, uint32_t lane)
{
    struct store_db *db = context;
    if (lane == 0 || lane_ids_taken(&db->lane_ids, lane))
        return;
    lane_ids_mark(&db->lane_ids, lane);
    lane_list_add(&db->database.dropped, lane);
}

static enum err find_lanes(struct store_db *db, char *message, size_t message_size)
{
    if (db->database.kind != SCHEMA_VHOST)
        return ERR_OK;
    enum err error = load_lanes(&db->database, mark_lane, &db->lane_ids);
    if (error == ERR_OK)
        error = load_lanes_of_messages(&db->database, find_dropped, db);
    if (error != ERR_OK)
        snprintf(message, message_size,
                 "%s: tables lanes and messages: %s. Restore the file from "
                 "a backup",
                 db->database.path, db->database.message);
    return error;
}

enum err store_db_open(struct store *store, enum schema_database kind, struct slice name,
                       const char *path, struct store_db **out, char *message, size_t message_size)
{
    struct store_db *db = MEM_NEW(struct store_db);
    enum err error =
        database_open(&db->database, kind, path, store->options.vfs, name, message, message_size);
    if (error != ERR_OK)
        goto fail_open;
    error = find_lanes(db, message, message_size);
    if (error != ERR_OK)
        goto fail_lanes;
    db->store = store;
    db->name = slice_dup(name);
    db->open = batch_new();
    batch_reset(db->open, 1);
    writer_init(&db->writer, &db->database, store->options.manual, store_note_news, store);
    reader_init(&db->reader, &db->database, store->options.vfs, store->options.manual,
                store_note_news, store);
    db->stats = db->writer.stats;
    list_init(&db->queries);
    list_init(&db->link);
    *out = db;
    return ERR_OK;

fail_lanes:
    lane_ids_fini(&db->lane_ids);
    database_close(&db->database, true);
fail_open:
    mem_free(db);
    return error;
}

static void close_batch(struct store_db *db, struct batch *batch)
{
    if (batch)
        batch_release(batch, db->store->options.release);
    batch_free(batch);
}

static void log_loss(struct store_db *db)
{
    char name[128];
    char reason[DATABASE_MESSAGE_SIZE + 16];
    log_error(db->store->options.log, "closed with operations that could not be written",
              "db=%s error=%s reason=%s", log_quote(name, sizeof(name), slice_str(db->name)),
              err_text(db->writer.status),
              log_quote(reason, sizeof(reason), slice_str(db->writer.message)));
}

void store_db_enter(struct store_db *db)
{
    list_push_back(&db->store->databases, &db->link);
}

void store_db_leave(struct store_db *db)
{
    query_end_all(db);
    list_remove(&db->link);
}

enum err store_db_shut(struct store_db *db, bool crash)
{
    CHECK(!list_linked(&db->link));
    reader_fini(&db->reader);
    enum err error = writer_fini(&db->writer, db->open, crash);
    database_close(&db->database, crash);
    return crash ? ERR_OK : error;
}

void store_db_free(struct store_db *db)
{
    close_batch(db, db->given);
    close_batch(db, db->open);
    close_batch(db, db->spare);
    lane_ids_fini(&db->lane_ids);
    mem_free(db->name);
    mem_free(db);
}

/* False when something could not be written. */
static bool close_db(struct store_db *db, bool crash)
{
    CHECK(db);
    store_db_leave(db);
    bool whole = store_db_shut(db, crash) == ERR_OK;
    if (!whole)
        log_loss(db);
    store_db_free(db);
    return whole;
}

/* -- the store -- */

static bool on_disk(const struct store *store)
{
    return store->options.directory && !store->options.vfs;
}

static char *copy_text(const char *text)
{
    return text ? mem_strndup(text, strlen(text)) : NULL;
}

static enum err enter_directory(struct store *store, char *message, size_t message_size)
{
    const char *directory = store->options.directory;
    if (!on_disk(store))
        return ERR_OK;
    enum err error = files_directory(directory, message, message_size);
    return error == ERR_OK ? files_lock(directory, &store->lock, message, message_size) : error;
}

/* Users and rights are in the node's database: beside virtual hosts, none is made anew unasked. */
static enum err expect_node(const struct store *store, const char *path, char *message,
                            size_t message_size)
{
    if (!on_disk(store) || access(path, F_OK) == 0 || !files_any_vhost(store->options.directory))
        return ERR_OK;
    snprintf(message, message_size,
             "%s is missing, though there are databases of virtual hosts beside it. Nothing was "
             "changed. Restore the file from a backup; or, to begin with the default user and "
             "virtual host, put an empty file in its place",
             path);
    return ERR_CORRUPT;
}

static enum err open_node(struct store *store, char *message, size_t message_size)
{
    struct buf path = BUF_INIT;
    if (store->options.directory)
        files_node_path(&path, store->options.directory);
    else
        buf_add_str(&path, ":memory:");
    enum err error = expect_node(store, buf_cstr(&path), message, message_size);
    if (error == ERR_OK)
        error = store_db_open(store, SCHEMA_NODE, slice_str("node"), buf_cstr(&path), &store->node,
                              message, message_size);
    if (error == ERR_OK)
        store_db_enter(store->node);
    buf_fini(&path);
    return error;
}

static void free_store(struct store *store)
{
    files_unlock(store->lock);
    mem_free((char *)(uintptr_t)store->options.directory);
    mem_free((char *)(uintptr_t)store->options.vfs);
    mem_free(store);
}

enum err store_open(struct store **out, const struct store_options *options, char *message,
                    size_t message_size)
{
    struct store *store = MEM_NEW(struct store);
    /* A lock less in each of SQLite's allocations; refused, and no matter, when it runs already. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    query_memory_install();
    store->options = *options;
    store->options.directory = copy_text(options->directory);
    store->options.vfs = copy_text(options->vfs);
    store->lock = -1;
    list_init(&store->databases);
    list_init(&store->errands);
    atomic_init(&store->news, false);
    enum err error = enter_directory(store, message, message_size);
    if (error == ERR_OK)
        error = open_node(store, message, message_size);
    if (error != ERR_OK) {
        free_store(store);
        return error;
    }
    *out = store;
    return ERR_OK;
}

static bool close_all(struct store *store, bool crash)
{
    bool whole = true;
    errands_end(store);
    while (!list_empty(&store->databases))
        whole = close_db(LIST_LAST(&store->databases, struct store_db, link), crash) && whole;
    free_store(store);
    return whole;
}

bool store_close(struct store *store)
{
    return close_all(store, false);
}

void store_crash(struct store *store)
{
    (void)close_all(store, true);
}

struct store_db *store_node(struct store *store)
{
    return store->node;
}

bool store_created(const struct store_db *db)
{
    return db->database.created;
}

void store_vhost_close(struct store_db *db)
{
    CHECK(db != db->store->node);
    (void)close_db(db, true);
}

uint64_t store_disk_free(const struct store *store)
{
    return on_disk(store) ? files_disk_free(store->options.directory) : UINT64_MAX;
}

/* -- loading -- */

static enum err loaded(struct store_db *db, enum err error)
{
    char name[128];
    char reason[DATABASE_MESSAGE_SIZE + 16];
    if (error != ERR_OK)
        log_error(db->store->options.log, "can't read the database", "db=%s error=%s reason=%s",
                  log_quote(name, sizeof(name), slice_str(db->name)), err_text(error),
                  log_quote(reason, sizeof(reason), slice_str(db->database.message)));
    return error;
}

enum err store_load(struct store_db *db, enum store_record_kind kind,
                    void (*each)(void *context, const struct store_record *record), void *context)
{
    CHECK(db->last == 0);
    return loaded(db, load_records(&db->database, kind, each, context));
}

enum err store_load_lanes(struct store_db *db,
                          void (*each)(void *context, const struct store_lane *lane), void *context)
{
    CHECK(db->last == 0);
    return loaded(db, load_lanes(&db->database, each, context));
}

enum err store_load_messages(struct store_db *db, uint32_t lane,
                             void (*each)(void *context, const struct store_message *message),
                             void *context)
{
    CHECK(db->last == 0);
    return loaded(db, load_messages(&db->database, lane, each, context));
}

/* -- paging -- */

void store_page(struct store_db *db, const struct store_page *page)
{
    CHECK(page->lane != 0 || page->lane_beside != 0);
    CHECK(page->first <= page->last && page->messages_max > 0);
    reader_ask(&db->reader, page);
}

void store_page_cancel(struct store_db *db, const void *context)
{
    reader_cancel(&db->reader, context);
}

void store_db_note_read(struct store_db *db, enum err error)
{
    char name[128];
    if (error != ERR_OK)
        log_error(db->store->options.log, "can't read messages back; it is tried again",
                  "db=%s error=\"%s\"", log_quote(name, sizeof(name), slice_str(db->name)),
                  err_text(error));
}

enum err store_page_now(struct store_db *db, const struct store_page *page,
                        void (*each)(void *context, const struct store_message *message))
{
    enum err error = reader_now(&db->reader, page, each);
    store_db_note_read(db, error);
    return error;
}

bool store_read(struct store_db *db)
{
    bool any = false;
    CHECK(db->store->options.manual);
    while (reader_step(&db->reader))
        any = true;
    return query_step(db) || any;
}

uint64_t store_memory(void)
{
    return query_memory_total();
}
