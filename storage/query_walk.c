/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over the table `messages`: rows of the disk beside messages of the snapshot, in order.
 *
 *   choose_lanes(): the lanes that may have some ─▶ enter_lane(): up to three sources, side by side:
 *             rows of the durable lane, rows of the transient lane, messages of the snapshot
 *          ─▶ settle(): the nearest of them in the order of the walk is the current one
 *
 * (1) Rows come in order of queue and position, or of one queue by falling position: whoever wants
 *     the oldest ten reads ten.
 * (2) Bodies are read only if the SQL asks for them, and none longer than STORE_QUERY_VALUE_MAX.
 */
#include "storage/query_cursor.h"

static bool descends(const struct query_cursor *cursor)
{
    return cursor->plan & QUERY_PLAN_DESCENDING;
}

/* -- rows of the disk -- */

/* A failure of the disk's connection, as the virtual table's. */
static int disk_failed(sqlite3_vtab *table, sqlite3 *disk)
{
    int result = sqlite3_errcode(disk);

    sqlite3_free(table->zErrMsg);
    table->zErrMsg = sqlite3_mprintf("the database can't be read: %s", sqlite3_errmsg(disk));
    return result;
}

static const char *rows_sql(int plan)
{
#define SELECT_ROWS(body, order)                                                                   \
    "SELECT id, exchange, routing_key, expires_at, delivery_count, redelivered, properties, "      \
    "length(body), " body " FROM messages WHERE id BETWEEN ?1 AND ?2 ORDER BY id " order
#define BODY "CASE WHEN length(body) <= ?3 THEN body END"
    if (plan & QUERY_PLAN_BODY)
        return plan & QUERY_PLAN_DESCENDING ? SELECT_ROWS(BODY, "DESC") : SELECT_ROWS(BODY, "");
    return plan & QUERY_PLAN_DESCENDING ? SELECT_ROWS("?3", "DESC") : SELECT_ROWS("?3", "");
#undef BODY
#undef SELECT_ROWS
}

static int step_rows(struct query_cursor *cursor, struct query_lane_rows *rows)
{
    int result;

    do {
        if (query_guard_over(cursor->source->guard))
            return SQLITE_INTERRUPT;
        result = sqlite3_step(rows->statement);
        rows->there = result == SQLITE_ROW;
        if (!rows->there)
            return result == SQLITE_DONE ? SQLITE_OK
                                         : disk_failed(cursor->base.pVtab, cursor->source->disk);
        rows->position = (uint64_t)sqlite3_column_int64(rows->statement, 0) & STORE_POSITION_MAX;
    } while (snapshot_is_gone(cursor->source->snapshot, rows->lane, rows->position));
    return SQLITE_OK;
}

static int start_rows(struct query_cursor *cursor, struct query_lane_rows *rows, uint32_t lane,
                      uint64_t first, uint64_t last)
{
    sqlite3 *disk = cursor->source->disk;
    int64_t start = (int64_t)((uint64_t)lane << SCHEMA_POSITION_BITS);
    int result = SQLITE_OK;

    rows->lane = lane;
    rows->there = false;
    if (lane == 0 || !disk)
        return SQLITE_OK;
    if (!rows->statement)
        result = sqlite3_prepare_v2(disk, rows_sql(cursor->plan), -1, &rows->statement, NULL);
    else
        sqlite3_reset(rows->statement);
    if (result == SQLITE_OK)
        result = sqlite3_bind_int64(rows->statement, 1, start + (int64_t)first);
    if (result == SQLITE_OK)
        result = sqlite3_bind_int64(rows->statement, 2, start + (int64_t)last);
    if (result == SQLITE_OK)
        result = sqlite3_bind_int64(rows->statement, 3, STORE_QUERY_VALUE_MAX);
    return result == SQLITE_OK ? step_rows(cursor, rows) : disk_failed(cursor->base.pVtab, disk);
}

static struct slice blob(sqlite3_stmt *statement, int column)
{
    const void *data = sqlite3_column_blob(statement, column);

    return slice_of(data, data ? (size_t)sqlite3_column_bytes(statement, column) : 0);
}

static void read_row(struct query_cursor *cursor, sqlite3_stmt *row)
{
    cursor->current = (struct store_message){
        .position = cursor->from->position,
        .exchange = blob(row, 1),
        .routing_key = blob(row, 2),
        .expires_at_ms = sqlite3_column_int64(row, 3),
        .delivery_count =
            snapshot_count(cursor->source->snapshot, cursor->from->lane, cursor->from->position,
                           (uint32_t)sqlite3_column_int64(row, 4)),
        .redelivered = sqlite3_column_int64(row, 5) != 0,
        .properties = blob(row, 6),
    };
    cursor->payload_bytes = (uint64_t)sqlite3_column_int64(row, 7);
    cursor->body_known = cursor->payload_bytes <= STORE_QUERY_VALUE_MAX;
    if (cursor->plan & QUERY_PLAN_BODY)
        cursor->current.body = blob(row, 8);
}

/* -- the walk -- */

const struct snapshot_message *query_walk_message(const struct query_cursor *cursor)
{
    return cursor->messages_left ? &cursor->source->snapshot->messages[cursor->message] : NULL;
}

static void pass_message(struct query_cursor *cursor)
{
    cursor->message = (size_t)((int64_t)cursor->message + cursor->step);
    cursor->messages_left--;
}

/* The part of first..last that this lane may hold, in its own positions; false: none. */
static bool clip(const struct query_cursor *cursor, uint64_t *first, uint64_t *last)
{
    uint64_t base = query_lane_base(query_cursor_lane(cursor));

    if (cursor->last < base || cursor->first > base + STORE_POSITION_MAX)
        return false;
    *first = cursor->first > base ? cursor->first - base : 0;
    *last = cursor->last - base < STORE_POSITION_MAX ? cursor->last - base : STORE_POSITION_MAX;
    return *first <= *last;
}

/* Those of the snapshot's that are within. */
static void start_messages(struct query_cursor *cursor, uint64_t first, uint64_t last)
{
    const struct snapshot_lane *lane = query_cursor_lane(cursor);
    const struct snapshot_message *messages = cursor->source->snapshot->messages;
    size_t low = lane->messages;
    size_t high = lane->messages + lane->message_count;

    while (low < high && messages[low].message.position < first)
        low++;
    while (low < high && messages[high - 1].message.position > last)
        high--;
    cursor->messages_left = high - low;
    cursor->message = descends(cursor) && high > low ? high - 1 : low;
}

static int enter_lane(struct query_cursor *cursor)
{
    uint64_t first, last;
    int result = SQLITE_OK;

    cursor->messages_left = 0;
    cursor->rows[0].there = cursor->rows[1].there = false;
    if (!clip(cursor, &first, &last))
        return SQLITE_OK;
    start_messages(cursor, first, last);
    for (size_t i = 0; result == SQLITE_OK && i < 2; i++)
        result =
            start_rows(cursor, &cursor->rows[i], query_cursor_lane(cursor)->ids[i], first, last);
    return result;
}

/* Is `position` before `other` in the order of the walk? */
static bool before(const struct query_cursor *cursor, uint64_t position, uint64_t other)
{
    return descends(cursor) ? position > other : position < other;
}

/* Makes the nearest of the lane's sources the current one; false when all are at their end. */
static bool choose(struct query_cursor *cursor)
{
    const struct snapshot_message *message = query_walk_message(cursor);
    uint64_t best = message ? message->message.position : 0;
    bool found = message != NULL;

    cursor->from = NULL;
    cursor->read = cursor->mapped = false;
    for (size_t i = 0; i < 2; i++) {
        struct query_lane_rows *rows = &cursor->rows[i];
        if (!rows->there || (found && !before(cursor, rows->position, best)))
            continue;
        found = true;
        best = rows->position;
        cursor->from = rows;
    }
    return found;
}

/* Goes on to the next lane that has something, if this one has nothing more. */
static int settle(struct query_cursor *cursor)
{
    int result = SQLITE_OK;

    while (result == SQLITE_OK && !choose(cursor)) {
        cursor->lane = (size_t)((int64_t)cursor->lane + cursor->step);
        if (cursor->lane == cursor->lane_end) {
            cursor->at_end = true;
            return SQLITE_OK;
        }
        result = query_guard_over(cursor->source->guard) ? SQLITE_INTERRUPT : enter_lane(cursor);
    }
    return result;
}

int query_walk_next(struct query_cursor *cursor)
{
    int result = SQLITE_OK;

    if (cursor->from)
        result = step_rows(cursor, cursor->from);
    else
        pass_message(cursor);
    return result == SQLITE_OK ? settle(cursor) : result;
}

void query_walk_read(struct query_cursor *cursor)
{
    if (cursor->read)
        return;
    cursor->read = true;
    if (cursor->from) {
        read_row(cursor, cursor->from->statement);
        return;
    }
    cursor->current = query_walk_message(cursor)->message;
    cursor->payload_bytes = cursor->current.body.len;
    cursor->body_known = cursor->payload_bytes <= STORE_QUERY_VALUE_MAX;
}

/* -- the start of a walk -- */

static bool bounds_below(char letter)
{
    return letter == QUERY_TAKES_EQUAL || letter == QUERY_TAKES_LEAST ||
           letter == QUERY_TAKES_ABOVE;
}

static bool bounds_above(char letter)
{
    return letter == QUERY_TAKES_EQUAL || letter == QUERY_TAKES_MOST || letter == QUERY_TAKES_BELOW;
}

/* Narrows first..last; a bound that isn't a number is looked at by SQLite alone. */
static void narrow(struct query_cursor *cursor, char letter, sqlite3_value *value)
{
    if (sqlite3_value_type(value) != SQLITE_INTEGER)
        return;
    int64_t number = sqlite3_value_int64(value);
    uint64_t position = number < 0 ? 0 : (uint64_t)number;
    if (bounds_below(letter) && position > cursor->first)
        cursor->first = position;
    if (bounds_above(letter)) {
        if (number < 0)
            cursor->first = UINT64_MAX;
        else if (position < cursor->last)
            cursor->last = position;
    }
}

static void choose_lanes(struct query_cursor *cursor, const char *letters, sqlite3_value **values)
{
    const struct snapshot *snapshot = cursor->source->snapshot;
    size_t first = 0, count = snapshot->lane_count;

    cursor->first = 0;
    cursor->last = UINT64_MAX;
    for (size_t i = 0; letters[i]; i++) {
        if (letters[i] != QUERY_TAKES_QUEUE) {
            narrow(cursor, letters[i], values[i]);
            continue;
        }
        const char *text = (const char *)sqlite3_value_text(values[i]);
        first = snapshot_find_queue(
            snapshot, slice_of(text, text ? (size_t)sqlite3_value_bytes(values[i]) : 0), &count);
        if (!text)
            count = 0;
    }
    cursor->step = descends(cursor) ? -1 : 1;
    cursor->lane = descends(cursor) ? first + count - 1 : first;
    cursor->lane_end = descends(cursor) ? first - 1 : first + count;
    cursor->at_end = count == 0 || cursor->first > cursor->last;
}

void query_walk_fini(struct query_cursor *cursor)
{
    for (size_t i = 0; i < 2; i++) {
        sqlite3_finalize(cursor->rows[i].statement);
        cursor->rows[i] = (struct query_lane_rows){0};
    }
}

int query_walk_begin(struct query_cursor *cursor, int plan, const char *letters,
                     sqlite3_value **values)
{
    if (plan != cursor->plan)
        query_walk_fini(cursor);
    cursor->plan = plan;
    choose_lanes(cursor, letters, values);
    if (cursor->at_end)
        return SQLITE_OK;
    int result = enter_lane(cursor);
    return result == SQLITE_OK ? settle(cursor) : result;
}
