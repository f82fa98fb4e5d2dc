/* SPDX-License-Identifier: Apache-2.0 */
/* Loads rows and hands them over one by one.
 *
 * (1) Encoded tables are validated here, since everybody above walks them without checks; numbers
 *     are checked for their range, rowids of messages for their order. What fails is a damaged
 *     database.
 */
#include "storage/load.h"

#include "proto/table.h"

#include <stdio.h>

static enum err damaged(struct database *database, const char *what)
{
    snprintf(database->message, sizeof(database->message), "%s", what);
    return ERR_CORRUPT;
}

/* After the last row: was it the end? */
static enum err finish(sqlite3_stmt *statement, int result, enum err error)
{
    sqlite3_reset(statement);
    return error == ERR_OK ? database_error(result) : error;
}

/* -- records -- */

static enum err read_record(struct database *database, sqlite3_stmt *statement,
                            struct store_record *record)
{
    const struct schema_record *schema = schema_record(record->kind);
    size_t count = schema_column_count(schema);
    for (size_t i = 0; i < count; i++) {
        struct store_value *value = &record->values[i];
        if (schema->columns[i].type == SCHEMA_INTEGER)
            value->integer = sqlite3_column_int64(statement, (int)i);
        else
            value->bytes = database_column(statement, (int)i);
        if (schema->columns[i].type == SCHEMA_TABLE && table_validate(value->bytes) != ERR_OK)
            return damaged(database, "an encoded table is malformed");
    }
    return ERR_OK;
}

enum err load_records(struct database *database, enum store_record_kind kind,
                      void (*each)(void *context, const struct store_record *record), void *context)
{
    struct buf sql = BUF_INIT;
    sqlite3_stmt *statement = NULL;
    enum err error = ERR_OK;
    CHECK(schema_record(kind)->database == database->kind);
    schema_record_load_sql(&sql, schema_record(kind));
    int result = sqlite3_prepare_v2(database->sql, buf_cstr(&sql), -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = database_step(database, statement);
    while (error == ERR_OK && result == SQLITE_ROW) {
        struct store_record record = {.kind = kind};
        error = read_record(database, statement, &record);
        if (error == ERR_OK)
            each(context, &record);
        result = database_step(database, statement);
    }
    error = finish(statement, result, error);
    sqlite3_finalize(statement);
    buf_fini(&sql);
    return error;
}

/* -- lanes -- */

static enum err read_lane(struct database *database, sqlite3_stmt *statement,
                          struct store_lane *lane)
{
    int64_t id = sqlite3_column_int64(statement, 0);
    int64_t priority = sqlite3_column_int64(statement, 2);
    int64_t delivered = sqlite3_column_int64(statement, 3);
    int64_t next = sqlite3_column_int64(statement, 4);
    int64_t messages = sqlite3_column_int64(statement, 5);
    int64_t bytes = sqlite3_column_int64(statement, 6);
    int64_t expires_first = sqlite3_column_int64(statement, 7);
    if (id < 1 || id >= (int64_t)STORE_LANES_MAX || priority < 0 || priority > UINT8_MAX)
        return damaged(database, "a lane's number or priority is out of range");
    if (delivered < 0 || next < 0 || messages < 0 || bytes < 0)
        return damaged(database, "a lane's count is negative");
    if (expires_first < 0)
        return damaged(database, "a message's expiry is out of range");
    if (delivered > (int64_t)STORE_POSITION_MAX + 1 || next > (int64_t)STORE_POSITION_MAX + 1)
        return damaged(database, "a lane's position is out of range");
    *lane = (struct store_lane){
        .id = (uint32_t)id,
        .queue = database_column(statement, 1),
        .priority = (uint8_t)priority,
        .delivered_upto = (uint64_t)delivered,
        .messages = (uint64_t)messages,
        .bytes = (uint64_t)bytes,
        /* Positions that were delivered were given out, if never stored. */
        .position_next = (uint64_t)(next > delivered ? next : delivered),
        .expires_first_ms = expires_first,
    };
    return ERR_OK;
}

enum err load_lanes(struct database *database,
                    void (*each)(void *context, const struct store_lane *lane), void *context)
{
    sqlite3_stmt *statement = database->statements[STATEMENT_LANES_LOAD];
    struct store_lane lane;
    enum err error = ERR_OK;
    int result = database_step(database, statement);
    while (error == ERR_OK && result == SQLITE_ROW) {
        error = read_lane(database, statement, &lane);
        if (error == ERR_OK)
            each(context, &lane);
        result = database_step(database, statement);
    }
    return finish(statement, result, error);
}

/* -- messages -- */

/* In a damaged b-tree any rowid can come after any other. */
static enum err check_order(struct database *database, int64_t id, int64_t previous)
{
    return id <= previous ? damaged(database, "messages are out of order") : ERR_OK;
}

static enum err read_message(struct database *database, sqlite3_stmt *statement,
                             struct store_message *message)
{
    int64_t id = sqlite3_column_int64(statement, 0);
    int64_t expires_at = sqlite3_column_int64(statement, 3);
    int64_t delivery_count = sqlite3_column_int64(statement, 4);
    if (expires_at < 0 || delivery_count < 0 || delivery_count > UINT32_MAX)
        return damaged(database, "a message's expiry or delivery count is out of range");
    *message = (struct store_message){
        .lane = (uint32_t)((uint64_t)id >> SCHEMA_POSITION_BITS),
        .position = (uint64_t)id & STORE_POSITION_MAX,
        .exchange = database_column(statement, 1),
        .routing_key = database_column(statement, 2),
        .properties = database_column(statement, 6),
        .body = database_column(statement, 7),
        .expires_at_ms = expires_at,
        .delivery_count = (uint32_t)delivery_count,
        .redelivered = sqlite3_column_int(statement, 5) != 0,
    };
    return ERR_OK;
}

enum err load_messages(struct database *database, uint32_t lane,
                       void (*each)(void *context, const struct store_message *message),
                       void *context)
{
    sqlite3_stmt *statement = database->statements[STATEMENT_MESSAGES_LOAD];
    uint64_t first = (uint64_t)lane << SCHEMA_POSITION_BITS;
    int64_t previous = (int64_t)first - 1;
    struct store_message message;
    enum err error = ERR_OK;
    int result = sqlite3_bind_int64(statement, 1, (int64_t)first);
    if (result == SQLITE_OK)
        result = sqlite3_bind_int64(statement, 2, (int64_t)(first | STORE_POSITION_MAX));
    if (result == SQLITE_OK)
        result = database_step(database, statement);
    while (error == ERR_OK && result == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(statement, 0);
        error = check_order(database, id, previous);
        if (error == ERR_OK)
            error = read_message(database, statement, &message);
        if (error == ERR_OK)
            each(context, &message);
        previous = id;
        result = database_step(database, statement);
    }
    return finish(statement, result, error);
}

enum err load_lanes_of_messages(struct database *database,
                                void (*each)(void *context, uint32_t lane), void *context)
{
    sqlite3_stmt *statement = database->statements[STATEMENT_MESSAGES_SOME];
    int64_t next = 0;
    int result = SQLITE_ROW;
    while (result == SQLITE_ROW) {
        result = sqlite3_bind_int64(statement, 1, next);
        if (result == SQLITE_OK)
            result = sqlite3_bind_int64(statement, 2, INT64_MAX);
        if (result == SQLITE_OK)
            result = sqlite3_bind_int64(statement, 3, 0);
        if (result == SQLITE_OK)
            result = database_step(database, statement);
        int64_t id = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : next;
        sqlite3_reset(statement);
        if (check_order(database, id, next - 1) != ERR_OK)
            return ERR_CORRUPT;
        uint64_t lane = (uint64_t)id >> SCHEMA_POSITION_BITS;
        if (result == SQLITE_ROW)
            each(context, (uint32_t)lane);
        if (lane == STORE_LANES_MAX - 1)
            return ERR_OK; /* the next would be past the highest rowid */
        next = (int64_t)((lane + 1) << SCHEMA_POSITION_BITS);
    }
    return database_error(result);
}

/* -- pages -- */

/* A walk over a range of one lane. */
struct cursor {
    sqlite3_stmt *statement; /* NULL: there is no lane */
    int result;              /* of the last step; SQLITE_ROW: it stands on `message` */
    bool expiring;           /* in the order in which they expire, those of one time by rowid, */
    int64_t expires_at;      /* of the step before */
    int64_t id;              /* likewise */
    struct store_message message;
};

static enum err cursor_next(struct cursor *cursor, struct database *database)
{
    cursor->result = database_step(database, cursor->statement);
    if (cursor->result != SQLITE_ROW)
        return ERR_OK;
    enum err error = read_message(database, cursor->statement, &cursor->message);
    bool later = cursor->expiring && cursor->message.expires_at_ms > cursor->expires_at;
    bool sooner = cursor->expiring && cursor->message.expires_at_ms < cursor->expires_at;
    int64_t id = sqlite3_column_int64(cursor->statement, 0);
    if (error == ERR_OK && !later)
        error = check_order(database, id, sooner ? INT64_MAX : cursor->id);
    cursor->expires_at = cursor->message.expires_at_ms;
    cursor->id = id;
    return error;
}

/* What the statements of a page have in common, and those of what expires. */
static int bind_page(sqlite3_stmt *statement, const struct store_page *page, uint32_t lane)
{
    uint64_t start = (uint64_t)lane << SCHEMA_POSITION_BITS;
    int64_t values[] = {
        (int64_t)(start | page->first),
        (int64_t)(start | page->last),
        page->messages_max,
        lane,
        page->expires_from_ms,
        (int64_t)(start + page->expires_position),
    };
    size_t count = page->expiring ? ARRAY_LEN(values) : 3;
    int result = SQLITE_OK;
    for (size_t i = 0; result == SQLITE_OK && i < count; i++)
        result = sqlite3_bind_int64(statement, (int)i + 1, values[i]);
    return result;
}

static enum err cursor_start(struct cursor *cursor, struct database *database, enum statement id,
                             uint32_t lane, const struct store_page *page)
{
    uint64_t start = (uint64_t)lane << SCHEMA_POSITION_BITS;
    *cursor = (struct cursor){.statement = lane ? database->statements[id] : NULL,
                              .result = SQLITE_DONE,
                              .expiring = page->expiring};
    if (lane == 0)
        return ERR_OK;
    cursor->expires_at = page->expires_from_ms;
    cursor->id = (int64_t)(start + (page->expiring ? page->expires_position : page->first)) - 1;
    cursor->result = bind_page(cursor->statement, page, lane);
    return cursor->result == SQLITE_OK ? cursor_next(cursor, database) : ERR_OK;
}

static enum err cursor_end(struct cursor *cursor, enum err error)
{
    int result = cursor->result == SQLITE_ROW ? SQLITE_DONE : cursor->result;
    return cursor->statement ? finish(cursor->statement, result, error) : error;
}

static bool comes_before(const struct cursor *left, const struct cursor *right)
{
    if (left->expiring && left->message.expires_at_ms != right->message.expires_at_ms)
        return left->message.expires_at_ms < right->message.expires_at_ms;
    return left->message.position < right->message.position;
}

/* The one whose message comes first; NULL at the end or when a step failed. */
static struct cursor *cursor_first(struct cursor *left, struct cursor *right)
{
    if (left->result != SQLITE_ROW)
        return left->result == SQLITE_DONE && right->result == SQLITE_ROW ? right : NULL;
    if (right->result != SQLITE_ROW)
        return right->result == SQLITE_DONE ? left : NULL;
    return comes_before(left, right) ? left : right;
}

static enum err start_both(struct cursor cursors[2], struct database *database,
                           const struct store_page *page)
{
    enum err error = cursor_start(
        &cursors[0], database,
        page->expiring ? STATEMENT_MESSAGES_EXPIRING : STATEMENT_MESSAGES_PAGE, page->lane, page);
    enum err beside = cursor_start(&cursors[1], database,
                                   page->expiring ? STATEMENT_MESSAGES_EXPIRING_BESIDE
                                                  : STATEMENT_MESSAGES_PAGE_BESIDE,
                                   page->lane_beside, page);
    return error == ERR_OK ? beside : error;
}

enum err load_page(struct database *database, const struct store_page *page,
                   void (*each)(void *context, const struct store_message *message), void *context)
{
    uint64_t bytes = 0;
    uint32_t count = 0;
    struct cursor cursors[2], *first;
    enum err error = start_both(cursors, database, page);
    while (error == ERR_OK && (first = cursor_first(&cursors[0], &cursors[1]))) {
        each(context, &first->message);
        bytes += first->message.properties.len + first->message.body.len;
        count++;
        if (bytes > page->bytes_max || count == page->messages_max ||
            (page->expiring && first->message.expires_at_ms > page->expires_upto_ms))
            break;
        error = cursor_next(first, database);
    }
    error = cursor_end(&cursors[0], error);
    return cursor_end(&cursors[1], error);
}
