/* SPDX-License-Identifier: Apache-2.0 */
/* Applies a batch to a database.
 *
 * (1) Operations take effect in their order, with two exceptions. Deletes wait, are sorted and merged,
 *     so that a thousand acknowledgements are a few ranges; a lane's deletion lets them through first.
 *     Puts come last, sorted, so that neighbours are inserted together: no operation that follows a
 *     standing put in its batch concerns that message, or else it would have cancelled or changed it.
 * (2) Lanes' counts are summed up in memory and written once a lane.
 * (3) Either all of it is committed or nothing.
 */
#include "storage/apply.h"

#include "base/mem.h"
#include "storage/maintain.h"
#include "storage/table_json.h"

#include <stdlib.h>

#define KEEP 1024 /* elements of the working memory */

void apply_fini(struct apply *apply)
{
    mem_free(apply->ranges);
    mem_free(apply->puts);
    *apply = (struct apply){0};
}

static int64_t row_id(uint32_t lane, uint64_t position)
{
    return (int64_t)((uint64_t)lane << SCHEMA_POSITION_BITS | position);
}

/* -- deletes -- */

static void add_range(struct apply *apply, const struct batch *batch, const struct batch_op *op)
{
    uint32_t id = batch->lanes[op->lane].id;
    apply->ranges =
        mem_grow(apply->ranges, &apply->range_capacity, apply->range_count, sizeof(*apply->ranges));
    apply->ranges[apply->range_count++] = (struct apply_range){
        .first = (uint64_t)row_id(id, op->position),
        .last = (uint64_t)row_id(id, op->last),
        .rows = op->last - op->position + 1,
        .bytes = op->bytes,
        .lane = op->lane,
    };
}

static int compare_ranges(const void *a, const void *b)
{
    const struct apply_range *left = a;
    const struct apply_range *right = b;
    return left->first < right->first ? -1 : left->first > right->first;
}

static void join_ranges(struct apply_range *range, const struct apply_range *next)
{
    if (next->last > range->last)
        range->last = next->last;
    range->rows += next->rows;
    if (next->bytes == STORE_BODY_UNKNOWN)
        range->bytes = STORE_BODY_UNKNOWN;
    else if (range->bytes != STORE_BODY_UNKNOWN)
        range->bytes += next->bytes;
}

/* Sorts the ranges and merges those that touch, never across lanes. */
static void merge_ranges(struct apply *apply)
{
    bool sorted = true;
    size_t merged = 0;
    for (size_t i = 1; sorted && i < apply->range_count; i++)
        sorted = apply->ranges[i - 1].first <= apply->ranges[i].first;
    if (!sorted)
        qsort(apply->ranges, apply->range_count, sizeof(*apply->ranges), compare_ranges);
    for (size_t i = 1; i < apply->range_count; i++) {
        struct apply_range *range = &apply->ranges[merged];
        const struct apply_range *next = &apply->ranges[i];
        if (next->lane != range->lane || next->first > range->last + 1)
            apply->ranges[++merged] = *next;
        else
            join_ranges(range, next);
    }
    apply->range_count = apply->range_count ? merged + 1 : 0;
}

static int delete_range(struct database *database, struct batch *batch,
                        const struct apply_range *range)
{
    bool known = range->bytes != STORE_BODY_UNKNOWN;
    sqlite3_stmt *statement =
        database->statements[known ? STATEMENT_MESSAGES_DELETE_KNOWN : STATEMENT_MESSAGES_DELETE];
    struct batch_lane *lane = &batch->lanes[range->lane];
    int result = sqlite3_bind_int64(statement, 1, (int64_t)range->first);
    if (result == SQLITE_OK)
        result = sqlite3_bind_int64(statement, 2, (int64_t)range->last);
    database->deleted_bytes = 0;
    if (result == SQLITE_OK)
        result = database_run(database, statement);
    if (result != SQLITE_OK)
        return result;
    int64_t rows = sqlite3_changes64(database->sql);
    lane->messages -= rows;
    lane->bytes -= known ? (int64_t)range->bytes : database->deleted_bytes;
    if (known && (uint64_t)rows != range->rows)
        lane->recount = true;
    return SQLITE_OK;
}

static int delete_waiting(struct apply *apply, struct database *database, struct batch *batch)
{
    int result = SQLITE_OK;
    merge_ranges(apply);
    for (size_t i = 0; result == SQLITE_OK && i < apply->range_count; i++)
        result = delete_range(database, batch, &apply->ranges[i]);
    apply->range_count = 0;
    return result;
}

/* -- messages -- */

static int bind_optional_text(sqlite3_stmt *statement, int index, struct slice text)
{
    return text.len ? database_bind_text(statement, index, text)
                    : sqlite3_bind_null(statement, index);
}

static int bind_optional_blob(sqlite3_stmt *statement, int index, struct slice blob)
{
    return blob.len ? database_bind_blob(statement, index, blob)
                    : sqlite3_bind_null(statement, index);
}

static int bind_optional_integer(sqlite3_stmt *statement, int index, int64_t value)
{
    return value ? sqlite3_bind_int64(statement, index, value)
                 : sqlite3_bind_null(statement, index);
}

static int bind_message(sqlite3_stmt *statement, const struct store_message *message)
{
    int result = sqlite3_bind_int64(statement, 1, row_id(message->lane, message->position));
    if (result == SQLITE_OK)
        result = bind_optional_text(statement, 2, message->exchange);
    if (result == SQLITE_OK)
        result = bind_optional_text(statement, 3, message->routing_key);
    if (result == SQLITE_OK)
        result = bind_optional_integer(statement, 4, message->expires_at_ms);
    if (result == SQLITE_OK)
        result = bind_optional_integer(statement, 5, message->delivery_count);
    if (result == SQLITE_OK)
        result = bind_optional_integer(statement, 6, message->redelivered);
    if (result == SQLITE_OK)
        result = bind_optional_blob(statement, 7, message->properties);
    if (result == SQLITE_OK)
        result = bind_optional_blob(statement, 8, message->body);
    return result;
}

static void add_put(struct apply *apply, const struct batch *batch, const struct batch_op *op)
{
    apply->puts =
        mem_grow(apply->puts, &apply->put_capacity, apply->put_count, sizeof(*apply->puts));
    apply->puts[apply->put_count++] = (struct apply_put){
        .id = (uint64_t)row_id(batch->lanes[op->lane].id, op->position),
        .index = (uint32_t)op->index,
        .lane = op->lane,
    };
}

static int compare_puts(const void *a, const void *b)
{
    const struct apply_put *left = a;
    const struct apply_put *right = b;
    return left->id < right->id ? -1 : left->id > right->id;
}

static void sort_puts(struct apply *apply)
{
    bool sorted = true;
    for (size_t i = 1; sorted && i < apply->put_count; i++)
        sorted = apply->puts[i - 1].id < apply->puts[i].id;
    if (!sorted)
        qsort(apply->puts, apply->put_count, sizeof(*apply->puts), compare_puts);
}

static int insert_message(struct database *database, struct batch *batch,
                          const struct apply_put *put)
{
    sqlite3_stmt *statement = database->statements[STATEMENT_MESSAGE_PUT];
    const struct store_message *message = &batch->puts[put->index].message;
    struct batch_lane *lane = &batch->lanes[put->lane];
    int result = bind_message(statement, message);
    if (result == SQLITE_OK)
        result = database_run(database, statement);
    if (result != SQLITE_OK)
        return result;
    lane->messages++;
    lane->bytes += (int64_t)message->body.len;
    if (lane->position_next <= message->position)
        lane->position_next = message->position + 1;
    return SQLITE_OK;
}

static int insert_messages(struct apply *apply, struct database *database, struct batch *batch)
{
    int result = SQLITE_OK;
    sort_puts(apply);
    for (size_t i = 0; result == SQLITE_OK && i < apply->put_count; i++)
        result = insert_message(database, batch, &apply->puts[i]);
    return result;
}

static int apply_returned(struct database *database, const struct batch *batch,
                          const struct batch_op *op)
{
    sqlite3_stmt *statement = database->statements[STATEMENT_MESSAGE_RETURNED];
    int64_t id = row_id(batch->lanes[op->lane].id, op->position);
    int result = sqlite3_bind_int64(statement, 1, id);
    if (result == SQLITE_OK)
        result = bind_optional_integer(statement, 2, (int64_t)op->count);
    return result == SQLITE_OK ? database_run(database, statement) : result;
}

/* -- lanes -- */

static int apply_lane_new(struct database *database, const struct batch *batch,
                          const struct batch_op *op)
{
    sqlite3_stmt *statement = database->statements[STATEMENT_LANE_NEW];
    int result = sqlite3_bind_int64(statement, 1, batch->lanes[op->lane].id);
    if (result == SQLITE_OK)
        result = database_bind_text(statement, 2, op->lane_new->queue);
    if (result == SQLITE_OK)
        result = sqlite3_bind_int64(statement, 3, op->lane_new->priority);
    return result == SQLITE_OK ? database_run(database, statement) : result;
}

/* Of a transient lane nobody knows: it counts as a big one. */
static int64_t stored_messages(struct database *database, uint32_t lane)
{
    sqlite3_stmt *statement = database->statements[STATEMENT_LANE_MESSAGES];
    if (sqlite3_bind_int64(statement, 1, lane) != SQLITE_OK)
        return 0;
    return database_integer_id(database, STATEMENT_LANE_MESSAGES, INT64_MAX);
}

/* A big lane's messages would keep all others waiting: they are dropped, to be removed later. */
static int remove_messages(struct apply *apply, struct database *database, struct batch *batch,
                           const struct batch_op *op)
{
    struct batch_lane *lane = &batch->lanes[op->lane];
    lane->dropped =
        !database->in_memory && stored_messages(database, lane->id) > MAINTAIN_DROP_BEYOND;
    if (lane->dropped) {
        lane_list_add(&database->dropped, lane->id);
        return SQLITE_OK;
    }
    add_range(apply, batch, op);
    return delete_waiting(apply, database, batch);
}

static int apply_lane_delete(struct apply *apply, struct database *database, struct batch *batch,
                             const struct batch_op *op)
{
    sqlite3_stmt *statement = database->statements[STATEMENT_LANE_DELETE];
    struct batch_lane *lane = &batch->lanes[op->lane];
    int result = remove_messages(apply, database, batch, op);
    if (result == SQLITE_OK)
        result = sqlite3_bind_int64(statement, 1, lane->id);
    if (result == SQLITE_OK)
        result = database_run(database, statement);
    lane->messages = 0;
    lane->bytes = 0;
    lane->position_next = 0;
    return result;
}

/* A row was deleted twice, or wasn't there: what the broker said of the bytes is not to be believed. */
static int recount(struct database *database, const struct batch_lane *lane)
{
    sqlite3_stmt *statement = database->statements[STATEMENT_LANE_RECOUNT];
    int result = sqlite3_bind_int64(statement, 1, lane->id);
    if (result == SQLITE_OK)
        result = sqlite3_bind_int64(statement, 2, row_id(lane->id, 0));
    if (result == SQLITE_OK)
        result = sqlite3_bind_int64(statement, 3, row_id(lane->id, STORE_POSITION_MAX));
    return result == SQLITE_OK ? database_run(database, statement) : result;
}

static int write_counts(struct database *database, const struct batch_lane *lane)
{
    sqlite3_stmt *statement = database->statements[STATEMENT_LANE_COUNTS];
    int result = sqlite3_bind_int64(statement, 1, lane->id);
    if (result == SQLITE_OK)
        result = sqlite3_bind_int64(statement, 2, lane->messages);
    if (result == SQLITE_OK)
        result = sqlite3_bind_int64(statement, 3, lane->bytes);
    if (result == SQLITE_OK)
        result = sqlite3_bind_int64(statement, 4, (int64_t)lane->position_next);
    if (result == SQLITE_OK)
        result = lane->delivered ? sqlite3_bind_int64(statement, 5, (int64_t)lane->delivered_upto)
                                 : sqlite3_bind_null(statement, 5);
    if (result == SQLITE_OK)
        result = database_run(database, statement);
    return result == SQLITE_OK && lane->recount ? recount(database, lane) : result;
}

static int write_lanes(struct database *database, const struct batch *batch)
{
    int result = SQLITE_OK;
    for (size_t i = 0; result == SQLITE_OK && i < batch->lane_count; i++) {
        const struct batch_lane *lane = &batch->lanes[i];
        if (lane->messages != 0 || lane->bytes != 0 || lane->position_next != 0 ||
            lane->delivered || lane->recount)
            result = write_counts(database, lane);
    }
    return result;
}

/* -- records -- */

static int bind_value(sqlite3_stmt *statement, int index, enum schema_column_type type,
                      const struct store_value *value)
{
    switch (type) {
    case SCHEMA_TEXT:
        return database_bind_text(statement, index, value->bytes);
    case SCHEMA_INTEGER:
        return sqlite3_bind_int64(statement, index, value->integer);
    case SCHEMA_TABLE:
        return database_bind_blob(statement, index, value->bytes);
    }
    UNREACHABLE();
}

static int bind_columns(sqlite3_stmt *statement, const struct store_record *record, size_t count)
{
    const struct schema_record *schema = schema_record(record->kind);
    int result = SQLITE_OK;
    for (size_t i = 0; result == SQLITE_OK && i < count; i++)
        result = bind_value(statement, (int)i + 1, schema->columns[i].type, &record->values[i]);
    return result;
}

/* The texts beside the tables, which come after all columns. */
static int bind_json(struct database *database, sqlite3_stmt *statement,
                     const struct store_record *record)
{
    const struct schema_record *schema = schema_record(record->kind);
    size_t count = schema_column_count(schema);
    int index = (int)count;
    int result = SQLITE_OK;
    for (size_t i = 0; result == SQLITE_OK && i < count; i++) {
        if (schema->columns[i].type != SCHEMA_TABLE)
            continue;
        buf_clear(&database->json);
        table_json_add(&database->json, record->values[i].bytes);
        result = sqlite3_bind_text64(statement, ++index, (const char *)database->json.data,
                                     database->json.len, SQLITE_TRANSIENT, SQLITE_UTF8);
    }
    return result;
}

static int apply_record_put(struct database *database, const struct store_record *record)
{
    sqlite3_stmt *statement = database->puts[record->kind];
    CHECK(statement);
    int result = bind_columns(statement, record, schema_column_count(schema_record(record->kind)));
    if (result == SQLITE_OK)
        result = bind_json(database, statement, record);
    return result == SQLITE_OK ? database_run(database, statement) : result;
}

static int apply_record_remove(struct database *database, const struct store_record *record)
{
    sqlite3_stmt *statement = database->removes[record->kind];
    CHECK(statement);
    int result = bind_columns(statement, record, schema_record(record->kind)->key_count);
    return result == SQLITE_OK ? database_run(database, statement) : result;
}

/* -- the batch -- */

static int apply_op(struct apply *apply, struct database *database, struct batch *batch,
                    const struct batch_op *op)
{
    switch ((enum batch_op_type)op->type) {
    case BATCH_NONE:
        return SQLITE_OK;
    case BATCH_PUT:
        add_put(apply, batch, op);
        return SQLITE_OK;
    case BATCH_DELETE:
        add_range(apply, batch, op);
        return SQLITE_OK;
    case BATCH_RETURNED:
        return apply_returned(database, batch, op);
    case BATCH_LANE_NEW:
        return apply_lane_new(database, batch, op);
    case BATCH_LANE_DELETE:
        return apply_lane_delete(apply, database, batch, op);
    case BATCH_RECORD_PUT:
        return apply_record_put(database, op->record);
    case BATCH_RECORD_REMOVE:
        return apply_record_remove(database, op->record);
    }
    UNREACHABLE();
}

static int apply_all(struct apply *apply, struct database *database, struct batch *batch)
{
    int result = SQLITE_OK;
    for (size_t i = 0; result == SQLITE_OK && i < batch->op_count; i++)
        result = apply_op(apply, database, batch, &batch->ops[i]);
    if (result == SQLITE_OK)
        result = delete_waiting(apply, database, batch);
    if (result == SQLITE_OK)
        result = insert_messages(apply, database, batch);
    if (result == SQLITE_OK && batch->lane_count > 0)
        result = write_lanes(database, batch);
    return result;
}

static void start(struct apply *apply, const struct database *database, struct batch *batch)
{
    apply->dropped_before = database->dropped.count;
    apply->range_count = 0;
    apply->put_count = 0;
    for (size_t i = 0; i < batch->lane_count; i++) {
        struct batch_lane *lane = &batch->lanes[i];
        lane->messages = 0;
        lane->bytes = 0;
        lane->position_next = 0;
        lane->dropped = false;
        lane->recount = false;
    }
}

/* SQLite has rolled back by itself after some failures. */
static void roll_back(const struct apply *apply, struct database *database)
{
    database->dropped.count = apply->dropped_before;
    char first[DATABASE_MESSAGE_SIZE];
    memcpy(first, database->message, sizeof(first));
    if (!sqlite3_get_autocommit(database->sql)) {
        int result = database_run_id(database, STATEMENT_ROLLBACK);
        CHECK(result == SQLITE_OK || sqlite3_get_autocommit(database->sql));
    }
    memcpy(database->message, first, sizeof(first));
}

int apply_batch(struct apply *apply, struct database *database, struct batch *batch)
{
    CHECK(sqlite3_get_autocommit(database->sql));
    start(apply, database, batch);
    int result = database_run_id(database, STATEMENT_BEGIN);
    if (result == SQLITE_OK)
        result = apply_all(apply, database, batch);
    if (result == SQLITE_OK)
        result = database_run_id(database, STATEMENT_COMMIT);
    if ((result & 0xff) == SQLITE_CONSTRAINT)
        check_panic("%s: two messages at one position, or a lane twice: %s", database->path,
                    database->message);
    if (result != SQLITE_OK)
        roll_back(apply, database);
    if (apply->range_capacity > KEEP || apply->put_capacity > KEEP)
        apply_fini(apply);
    return result;
}
