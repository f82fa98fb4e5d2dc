/* SPDX-License-Identifier: Apache-2.0 */
/* The log of intentions: appending operations, handing batches to the writer, taking note of what it
 * has finished.
 *
 * (1) The open batch's first operation is the one after the given batch's last.
 * (2) A batch is handed over only at the end of a turn: in store_flush(), or in store_collect() while
 *     nothing was appended since.
 */
#include "storage/store.h"

#include "storage/errands.h"
#include "storage/store_db.h"

#include <stdio.h>

/* -- appending -- */

/* The batch that the next operation goes to. */
static struct batch *begin(struct store_db *db)
{
    CHECK(db->open->first + db->open->op_count == db->last + 1);
    db->flushed = false;
    db->last++;
    return db->open;
}

uint64_t store_put(struct store_db *db, const struct store_record *record)
{
    CHECK(schema_record(record->kind)->database == db->database.kind);
    batch_record(begin(db), BATCH_RECORD_PUT, record);
    return db->last;
}

uint64_t store_remove(struct store_db *db, const struct store_record *record)
{
    CHECK(schema_record(record->kind)->database == db->database.kind);
    batch_record(begin(db), BATCH_RECORD_REMOVE, record);
    return db->last;
}

uint32_t store_lane_new(struct store_db *db, struct slice queue, uint8_t priority)
{
    CHECK(db->database.kind == SCHEMA_VHOST);
    uint32_t id = lane_ids_take(&db->lane_ids);
    if (id != 0)
        batch_lane_new(begin(db), id, queue, priority);
    return id;
}

uint32_t store_lane_transient(struct store_db *db)
{
    CHECK(db->database.kind == SCHEMA_VHOST);
    return lane_ids_take(&db->lane_ids); /* no row in `lanes`: store.c, find_dropped() */
}

uint64_t store_lane_delete(struct store_db *db, uint32_t lane)
{
    batch_lane_delete(begin(db), lane);
    return db->last;
}

uint64_t store_lane_purge(struct store_db *db, uint32_t lane, uint64_t first, uint64_t last)
{
    batch_lane_purge(begin(db), lane, first, last);
    return db->last;
}

uint64_t store_lane_delivered(struct store_db *db, uint32_t lane, uint64_t upto)
{
    batch_lane_delivered(begin(db), lane, upto);
    return db->last;
}

uint64_t store_message_put(struct store_db *db, const struct store_message *message, void *owner)
{
    CHECK(db->database.kind == SCHEMA_VHOST);
    batch_put(begin(db), message, owner);
    return db->last;
}

uint64_t store_message_delete(struct store_db *db, uint32_t lane, uint64_t position, uint64_t put,
                              uint64_t body_len)
{
    struct batch_put *waiting = batch_find_put(db->open, put, lane, position);
    if (!waiting && put >= db->open->first) {
        batch_none(begin(db)); /* its lane was purged or deleted in the meantime */
        return db->last;
    }
    if (!waiting) {
        batch_delete(begin(db), lane, position, position, body_len);
        return db->last;
    }
    void *owner = waiting->owner;
    waiting->released = true;
    batch_cancel(db->open, waiting);
    batch_none(begin(db));
    if (db->store->options.release)
        db->store->options.release(owner);
    return db->last;
}

uint64_t store_message_returned(struct store_db *db, uint32_t lane, uint64_t position, uint64_t put,
                                uint32_t delivery_count)
{
    struct batch_put *waiting = batch_find_put(db->open, put, lane, position);
    if (waiting) {
        waiting->message.delivery_count = delivery_count;
        waiting->message.redelivered = true;
        batch_none(begin(db));
    } else if (put >= db->open->first) {
        batch_none(begin(db));
    } else {
        batch_returned(begin(db), lane, position, delivery_count);
    }
    return db->last;
}

/* -- batches -- */

static void hand_over(struct store_db *db)
{
    struct batch *batch = db->open;
    CHECK(!db->given);
    db->given = batch;
    db->open = db->spare ? db->spare : batch_new();
    db->spare = NULL;
    batch_reset(db->open, db->last + 1);
    writer_give(&db->writer, batch);
}

void store_flush(struct store_db *db)
{
    db->flushed = true;
    if (db->store->options.manual)
        writer_retry(&db->writer);
    if (!db->given && db->open->op_count > 0)
        hand_over(db);
}

bool store_write(struct store_db *db)
{
    CHECK(db->store->options.manual);
    return writer_step(&db->writer);
}

static void log_status(struct store_db *db)
{
    char name[128];
    char reason[DATABASE_MESSAGE_SIZE + 16];
    log_quote(name, sizeof(name), slice_str(db->name));
    if (db->status == ERR_OK)
        log_info(db->store->options.log, "the database can be written again", "db=%s", name);
    else
        log_error(db->store->options.log,
                  "the database can't be written; what waits is kept and tried again",
                  "db=%s error=\"%s\" reason=%s", name, err_text(db->status),
                  log_quote(reason, sizeof(reason), slice_str(db->message)));
}

static void take_back(struct store_db *db, struct batch *batch)
{
    CHECK(batch == db->given);
    db->given = NULL;
    db->durable = batch->first + batch->op_count - 1;
    db->batches++;
    db->cancelled += batch->cancelled;
    batch_release(batch, db->store->options.release);
    batch_reset(batch, 0);
    CHECK(!db->spare);
    db->spare = batch;
}

/* A lane's number is used again when nothing of it is left on the disk. */
static void free_lanes(struct store_db *db, const struct batch *done, struct lane_list *cleaned)
{
    for (size_t i = 0; done && i < done->lane_count; i++)
        if (done->lanes[i].deleted && !done->lanes[i].dropped)
            lane_ids_give(&db->lane_ids, done->lanes[i].id);
    for (size_t i = 0; i < cleaned->count; i++)
        lane_ids_give(&db->lane_ids, cleaned->ids[i]);
    lane_list_fini(cleaned);
}

/* Everything that is new of one database; true when its durable number or status changed. */
static bool collect(struct store_db *db)
{
    struct writer_news news;
    bool changed = false;
    while (writer_news(&db->writer, &news)) {
        bool status_changed = news.status != db->status;
        db->status = news.status;
        db->stats = news.stats;
        memcpy(db->message, news.message, sizeof(db->message));
        if (status_changed)
            log_status(db);
        free_lanes(db, news.done, &news.cleaned);
        if (news.done)
            take_back(db, news.done);
        changed = changed || status_changed || news.done;
        if (!db->given)
            query_serve(db);
        if (!db->given && db->flushed && db->open->op_count > 0)
            hand_over(db);
    }
    if (!db->given)
        query_serve(db);
    query_reap(db);
    const struct store_options *options = &db->store->options;
    enum err error;
    while (reader_answer(&db->reader, options->page_message, options->page_end, &error)) {
        store_db_note_read(db, error);
        changed = true;
    }
    return changed;
}

bool store_collect(struct store *store)
{
    bool changed = false;
    if (!atomic_exchange(&store->news, false))
        return false;
    errands_collect(store);
    LIST_EACH(&store->databases, link)
        changed |= collect(CONTAINER_OF(link, struct store_db, link));
    return changed;
}

/* -- what it is like -- */

uint64_t store_last(const struct store_db *db)
{
    return db->last;
}

uint64_t store_durable(const struct store_db *db)
{
    return db->durable;
}

/* The writer never changes a batch's size. */
static uint64_t pending_bytes(const struct store_db *db)
{
    return db->open->bytes + (db->given ? db->given->bytes : 0);
}

bool store_congested(const struct store_db *db)
{
    return pending_bytes(db) > db->store->options.pending_bytes_max;
}

enum err store_status(const struct store_db *db, const char **message)
{
    if (message)
        *message = db->message;
    return db->status;
}

/* From what a disk with a cache needs to where it is in trouble; from one operation to what piles up
 * meanwhile. */
const struct histogram_bounds STORE_COMMIT_BOUNDS = {
    .count = 11,
    .upto = {100000, 300000, 1000000, 3000000, 10000000, 30000000, 100000000, 300000000, 1000000000,
             3000000000, 10000000000},
};
const struct histogram_bounds STORE_BATCH_BOUNDS = {
    .count = 11,
    .upto = {1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000},
};

void store_stats(const struct store_db *db, struct store_stats *stats)
{
    *stats = (struct store_stats){
        .batches = db->batches,
        .operations = db->last,
        .cancelled = db->cancelled + db->open->cancelled,
        .pending_bytes = pending_bytes(db),
        .file_bytes = db->stats.file_bytes,
        .free_bytes = db->stats.free_bytes,
        .commits = db->stats.commits,
        .batch_operations = db->stats.batch_operations,
    };
}

static void add_counted(struct store_stats *sum, const struct store_stats *part)
{
    sum->batches += part->batches;
    sum->operations += part->operations;
    sum->cancelled += part->cancelled;
    histogram_add(&sum->commits, &part->commits);
    histogram_add(&sum->batch_operations, &part->batch_operations);
}

void store_total(const struct store *store, struct store_stats *stats)
{
    *stats = store->gone;
    LIST_EACH(&store->databases, link) {
        struct store_stats part;
        store_stats(CONTAINER_OF(link, struct store_db, link), &part);
        add_counted(stats, &part);
        stats->pending_bytes += part.pending_bytes;
        stats->file_bytes += part.file_bytes;
        stats->free_bytes += part.free_bytes;
    }
}

void store_note_gone(struct store_db *db)
{
    struct store_stats stats;
    store_stats(db, &stats);
    add_counted(&db->store->gone, &stats);
}
