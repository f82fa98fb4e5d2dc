/* SPDX-License-Identifier: Apache-2.0 */
/* The table `messages`: each message of each queue once, from the disk and from memory.
 *
 *   filter(): the lanes that may have some ─▶ enter_lane(): up to three sources, side by side:
 *             rows of the durable lane, rows of the transient lane, messages of the snapshot
 *          ─▶ settle(): the nearest of them in the order of the walk is the current one
 *
 * (1) Rows come in order of queue and position, or of one queue by falling position: whoever wants
 *     the oldest ten reads ten.
 * (2) A position is told in the order of delivery: in a queue with priorities it is counted from a
 *     multiple of 2^43 on, the highest priority's from 0.
 * (3) Bodies are read only if the SQL asks for them, and none longer than STORE_QUERY_VALUE_MAX.
 * (4) Properties that make no sense are NULL.
 */
#include "base/mem.h"
#include "proto/properties.h"
#include "proto/utf8.h"
#include "storage/database.h"
#include "storage/query_tables.h"
#include "storage/table_json.h"

/* -- columns -- */

#define MESSAGE_COLUMNS(X)                                                                         \
    X(QUEUE, "queue", TEXT, "the queue's name")                                                    \
    X(POSITION, "position", INTEGER, "its place in the order of delivery; rises, with gaps")       \
    X(STATE, "state", TEXT, "ready, or unacked: a client has it")                                  \
    X(REDELIVERED, "redelivered", BOOLEAN, "it may have been delivered before")                    \
    X(DELIVERY_COUNT, "delivery_count", INTEGER, "failed deliveries (quorum queues)")              \
    X(STORED, "stored", BOOLEAN, "it outlives a restart of the broker")                            \
    X(EXCHANGE, "exchange", TEXT, "it was published to; empty: the default exchange")              \
    X(ROUTING_KEY, "routing_key", TEXT, "with which it was published")                             \
    X(CONTENT_TYPE, "content_type", TEXT, "property")                                              \
    X(CONTENT_ENCODING, "content_encoding", TEXT, "property")                                      \
    X(HEADERS, "headers", JSON, "property; headers ->> 'name' is one of them")                     \
    X(DELIVERY_MODE, "delivery_mode", INTEGER, "property; 2: persistent")                          \
    X(PRIORITY, "priority", INTEGER, "property")                                                   \
    X(CORRELATION_ID, "correlation_id", TEXT, "property")                                          \
    X(REPLY_TO, "reply_to", TEXT, "property")                                                      \
    X(EXPIRATION, "expiration", TEXT, "property, in milliseconds")                                 \
    X(MESSAGE_ID, "message_id", TEXT, "property")                                                  \
    X(TIMESTAMP, "timestamp", INTEGER, "property, in seconds of Unix time")                        \
    X(TYPE, "type", TEXT, "property")                                                              \
    X(USER_ID, "user_id", TEXT, "property")                                                        \
    X(APP_ID, "app_id", TEXT, "property")                                                          \
    X(CLUSTER_ID, "cluster_id", TEXT, "property")                                                  \
    X(EXPIRES_AT, "expires_at", INTEGER, "Unix time in milliseconds; NULL: never")                 \
    X(PAYLOAD, "payload", TEXT, "the body as text; NULL unless it is UTF-8 and at most 4 MiB")     \
    X(PAYLOAD_BYTES, "payload_bytes", INTEGER, "how long the body is")                             \
    X(BODY, "body", BLOB, "the body; NULL when it is longer than 4 MiB")

enum column {
#define X(name, text, type, help) COLUMN_##name,
    MESSAGE_COLUMNS(X)
#undef X
};

static const struct store_query_column columns[] = {
#define X(name, text, type, help) {text, STORE_QUERY_##type, help},
    MESSAGE_COLUMNS(X)
#undef X
};

const struct store_query_table store_query_messages = {
    .name = "messages",
    .help = "messages in queues, ready and unacknowledged",
    .columns = columns,
    .column_count = ARRAY_LEN(columns),
};

/* -- the plan: what best_index() tells filter() -- */

#define PLAN_DESCENDING 1
#define PLAN_BODY 2

#define TAKES_QUEUE 'q' /* the plan's text: what each argument is */

static const struct {
    unsigned char operator;
    char letter;
} position_operators[] = {
    {SQLITE_INDEX_CONSTRAINT_EQ, '='}, {SQLITE_INDEX_CONSTRAINT_GE, 'g'},
    {SQLITE_INDEX_CONSTRAINT_GT, '>'}, {SQLITE_INDEX_CONSTRAINT_LE, 'l'},
    {SQLITE_INDEX_CONSTRAINT_LT, '<'},
};

/* How a usable constraint is told to filter(); 0: not at all. */
static char letter_of(const struct sqlite3_index_constraint *constraint)
{
    if (!constraint->usable)
        return 0;
    if (constraint->iColumn == COLUMN_QUEUE)
        return constraint->op == SQLITE_INDEX_CONSTRAINT_EQ ? TAKES_QUEUE : 0;
    if (constraint->iColumn != COLUMN_POSITION)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(position_operators); i++)
        if (position_operators[i].operator== constraint->op)
            return position_operators[i].letter;
    return 0;
}

static bool wants(const sqlite3_index_info *info, enum column column)
{
    return info->colUsed & (UINT64_C(1) << column);
}

/* Can the walk bring the rows in the order that is asked for? By queue, then by position; of one queue
 * by position either way. */
static bool in_order(const sqlite3_index_info *info, bool one_queue, bool *descending)
{
    bool by_queue = info->nOrderBy > 0 && info->aOrderBy[0].iColumn == COLUMN_QUEUE;
    int at = by_queue ? 1 : 0;

    *descending = false;
    if (info->nOrderBy == 0 || (by_queue && info->aOrderBy[0].desc && !one_queue))
        return false;
    if (at == info->nOrderBy)
        return true;
    if (at + 1 != info->nOrderBy || info->aOrderBy[at].iColumn != COLUMN_POSITION)
        return false;
    *descending = info->aOrderBy[at].desc;
    return one_queue || (by_queue && !*descending);
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    char letters[32];
    int count = 0;
    bool one_queue = false;
    bool descending;

    (void)base;
    for (int i = 0; i < info->nConstraint; i++) {
        char letter = letter_of(&info->aConstraint[i]);
        bool binary = letter && strcmp(sqlite3_vtab_collation(info, i), "BINARY") == 0;
        if (!binary || count + 1 == (int)sizeof(letters) || (letter == TAKES_QUEUE && one_queue))
            continue;
        one_queue = one_queue || letter == TAKES_QUEUE;
        letters[count++] = letter;
        info->aConstraintUsage[i].argvIndex = count;
    }
    letters[count] = '\0';
    info->orderByConsumed = in_order(info, one_queue, &descending);
    info->idxNum = (info->orderByConsumed && descending ? PLAN_DESCENDING : 0) |
                   (wants(info, COLUMN_PAYLOAD) || wants(info, COLUMN_BODY) ? PLAN_BODY : 0);
    info->idxStr = sqlite3_mprintf("%s", letters);
    info->needToFreeIdxStr = 1;
    info->estimatedRows = one_queue ? 10000 : 1000000;
    info->estimatedCost = (double)info->estimatedRows;
    return info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}

/* -- the cursor -- */

/* Rows of one lane of the store. */
struct rows {
    sqlite3_stmt *statement; /* NULL: not prepared */
    uint32_t lane;
    bool there; /* it stands on a row, at: */
    uint64_t position;
};

struct table {
    sqlite3_vtab base;
    struct query_source *source;
};

struct cursor {
    sqlite3_vtab_cursor base;
    struct query_source *source;
    int plan;
    uint64_t first, last; /* positions wanted, as they are told */
    size_t lane;          /* index of the present lane, */
    size_t lane_end;      /* and of where the walk ends */
    int64_t step;         /* to the next message of the snapshot */
    struct rows rows[2];
    size_t message;       /* of the snapshot, */
    size_t messages_left; /* and how many more of the lane */

    /* The current one. */
    bool at_end;
    struct rows *from; /* NULL: from the snapshot */
    bool read;         /* `current` is filled in */
    bool mapped;       /* and `properties` */
    bool sensible;
    struct store_message current;
    uint64_t payload_bytes;
    bool body_known;
    struct properties properties;
};

static struct cursor *cursor_of(sqlite3_vtab_cursor *base)
{
    return CONTAINER_OF(base, struct cursor, base);
}

static const struct snapshot_lane *lane_of(const struct cursor *cursor)
{
    return &cursor->source->snapshot->lanes[cursor->lane];
}

static bool descends(const struct cursor *cursor)
{
    return cursor->plan & PLAN_DESCENDING;
}

/* What the lane's positions are told from. */
static uint64_t base_of(const struct snapshot_lane *lane)
{
    return (uint64_t)(lane->priority_max - lane->priority) << SCHEMA_POSITION_BITS;
}

int query_disk_failed(sqlite3_vtab *table, sqlite3 *disk)
{
    int result = sqlite3_errcode(disk);

    sqlite3_free(table->zErrMsg);
    table->zErrMsg = sqlite3_mprintf("the database can't be read: %s", sqlite3_errmsg(disk));
    return result;
}

/* -- rows of the disk -- */

static const char *rows_sql(int plan)
{
#define SELECT_ROWS(body, order)                                                                   \
    "SELECT id, exchange, routing_key, expires_at, delivery_count, redelivered, properties, "      \
    "length(body), " body " FROM messages WHERE id BETWEEN ?1 AND ?2 ORDER BY id " order
#define BODY "CASE WHEN length(body) <= ?3 THEN body END"
    if (plan & PLAN_BODY)
        return plan & PLAN_DESCENDING ? SELECT_ROWS(BODY, "DESC") : SELECT_ROWS(BODY, "");
    return plan & PLAN_DESCENDING ? SELECT_ROWS("?3", "DESC") : SELECT_ROWS("?3", "");
#undef BODY
#undef SELECT_ROWS
}

static int step_rows(struct cursor *cursor, struct rows *rows)
{
    int result;

    do {
        if (query_guard_over(cursor->source->guard))
            return SQLITE_INTERRUPT;
        result = sqlite3_step(rows->statement);
        rows->there = result == SQLITE_ROW;
        if (!rows->there)
            return result == SQLITE_DONE
                       ? SQLITE_OK
                       : query_disk_failed(cursor->base.pVtab, cursor->source->disk);
        rows->position = (uint64_t)sqlite3_column_int64(rows->statement, 0) & STORE_POSITION_MAX;
    } while (snapshot_is_gone(cursor->source->snapshot, rows->lane, rows->position));
    return SQLITE_OK;
}

static int start_rows(struct cursor *cursor, struct rows *rows, uint32_t lane, uint64_t first,
                      uint64_t last)
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
    return result == SQLITE_OK ? step_rows(cursor, rows)
                               : query_disk_failed(cursor->base.pVtab, disk);
}

static struct slice blob(sqlite3_stmt *statement, int column)
{
    const void *data = sqlite3_column_blob(statement, column);

    return slice_of(data, data ? (size_t)sqlite3_column_bytes(statement, column) : 0);
}

static void read_row(struct cursor *cursor, sqlite3_stmt *row)
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
    if (cursor->plan & PLAN_BODY)
        cursor->current.body = blob(row, 8);
}

/* -- the walk -- */

static const struct snapshot_message *next_message(const struct cursor *cursor)
{
    return cursor->messages_left ? &cursor->source->snapshot->messages[cursor->message] : NULL;
}

static void pass_message(struct cursor *cursor)
{
    cursor->message = (size_t)((int64_t)cursor->message + cursor->step);
    cursor->messages_left--;
}

/* The part of first..last that this lane may hold, in its own positions; false: none. */
static bool clip(const struct cursor *cursor, uint64_t *first, uint64_t *last)
{
    uint64_t base = base_of(lane_of(cursor));

    if (cursor->last < base || cursor->first > base + STORE_POSITION_MAX)
        return false;
    *first = cursor->first > base ? cursor->first - base : 0;
    *last = cursor->last - base < STORE_POSITION_MAX ? cursor->last - base : STORE_POSITION_MAX;
    return *first <= *last;
}

/* Those of the snapshot's that are within. */
static void start_messages(struct cursor *cursor, uint64_t first, uint64_t last)
{
    const struct snapshot_lane *lane = lane_of(cursor);
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

static int enter_lane(struct cursor *cursor)
{
    uint64_t first, last;
    int result = SQLITE_OK;

    cursor->messages_left = 0;
    cursor->rows[0].there = cursor->rows[1].there = false;
    if (!clip(cursor, &first, &last))
        return SQLITE_OK;
    start_messages(cursor, first, last);
    for (size_t i = 0; result == SQLITE_OK && i < 2; i++)
        result = start_rows(cursor, &cursor->rows[i], lane_of(cursor)->ids[i], first, last);
    return result;
}

/* Is `position` before `other` in the order of the walk? */
static bool before(const struct cursor *cursor, uint64_t position, uint64_t other)
{
    return descends(cursor) ? position > other : position < other;
}

/* Makes the nearest of the lane's sources the current one; false when all are at their end. */
static bool choose(struct cursor *cursor)
{
    const struct snapshot_message *message = next_message(cursor);
    uint64_t best = message ? message->message.position : 0;
    bool found = message != NULL;

    cursor->from = NULL;
    cursor->read = cursor->mapped = false;
    for (size_t i = 0; i < 2; i++) {
        struct rows *rows = &cursor->rows[i];
        if (!rows->there || (found && !before(cursor, rows->position, best)))
            continue;
        found = true;
        best = rows->position;
        cursor->from = rows;
    }
    return found;
}

/* Goes on to the next lane that has something, if this one has nothing more. */
static int settle(struct cursor *cursor)
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

static int next(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = cursor_of(base);
    int result = SQLITE_OK;

    if (cursor->from)
        result = step_rows(cursor, cursor->from);
    else
        pass_message(cursor);
    return result == SQLITE_OK ? settle(cursor) : result;
}

/* -- the start of a walk -- */

/* Narrows first..last; a bound that isn't a number is looked at by SQLite alone. */
static void narrow(struct cursor *cursor, char letter, sqlite3_value *value)
{
    if (sqlite3_value_type(value) != SQLITE_INTEGER)
        return;
    int64_t number = sqlite3_value_int64(value);
    uint64_t position = number < 0 ? 0 : (uint64_t)number;
    if ((letter == '=' || letter == 'g' || letter == '>') && position > cursor->first)
        cursor->first = position;
    if (letter == '=' || letter == 'l' || letter == '<') {
        if (number < 0)
            cursor->first = UINT64_MAX;
        else if (position < cursor->last)
            cursor->last = position;
    }
}

static void choose_lanes(struct cursor *cursor, const char *letters, sqlite3_value **values)
{
    const struct snapshot *snapshot = cursor->source->snapshot;
    size_t first = 0, count = snapshot->lane_count;

    cursor->first = 0;
    cursor->last = UINT64_MAX;
    for (size_t i = 0; letters[i]; i++) {
        if (letters[i] != TAKES_QUEUE) {
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

static void finish_rows(struct cursor *cursor)
{
    for (size_t i = 0; i < 2; i++) {
        sqlite3_finalize(cursor->rows[i].statement);
        cursor->rows[i] = (struct rows){0};
    }
}

static int filter(sqlite3_vtab_cursor *base, int plan, const char *letters, int count,
                  sqlite3_value **values)
{
    struct cursor *cursor = cursor_of(base);

    (void)count;
    if (plan != cursor->plan)
        finish_rows(cursor);
    cursor->plan = plan;
    choose_lanes(cursor, letters, values);
    if (cursor->at_end)
        return SQLITE_OK;
    int result = enter_lane(cursor);
    return result == SQLITE_OK ? settle(cursor) : result;
}

static int at_end(sqlite3_vtab_cursor *base)
{
    return cursor_of(base)->at_end;
}

/* -- what is told of the current one -- */

static void read_current(struct cursor *cursor)
{
    if (cursor->read)
        return;
    cursor->read = true;
    if (cursor->from) {
        read_row(cursor, cursor->from->statement);
        return;
    }
    cursor->current = next_message(cursor)->message;
    cursor->payload_bytes = cursor->current.body.len;
    cursor->body_known = cursor->payload_bytes <= STORE_QUERY_VALUE_MAX;
}

static const struct properties *properties_of(struct cursor *cursor)
{
    struct reply reply;

    read_current(cursor);
    if (!cursor->mapped) {
        cursor->mapped = true;
        cursor->sensible =
            properties_parse(&cursor->properties, cursor->current.properties, &reply);
        if (!cursor->sensible)
            cursor->properties = (struct properties){0};
    }
    return &cursor->properties;
}

static void tell_text(sqlite3_context *context, struct slice text)
{
    sqlite3_result_text64(context, text.len ? (const char *)text.data : "", text.len,
                          SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void tell_property(struct cursor *cursor, sqlite3_context *context, enum property id)
{
    const struct properties *properties = properties_of(cursor);
    struct slice value = properties_get(properties, id);
    struct buf json = BUF_INIT;

    if (!properties_has(properties, id))
        return;
    switch (property_type(id)) {
    case PROPERTY_TYPE_SHORTSTR:
        tell_text(context, value);
        break;
    case PROPERTY_TYPE_TABLE:
        table_json_add(&json, value);
        tell_text(context, buf_slice(&json));
        buf_fini(&json);
        break;
    case PROPERTY_TYPE_OCTET:
        sqlite3_result_int(context, value.data[0]);
        break;
    case PROPERTY_TYPE_TIMESTAMP:
        sqlite3_result_int64(context, (int64_t)properties_timestamp(properties, 0));
        break;
    }
}

/* read_current() has been called. */
static bool is_ready(const struct cursor *cursor)
{
    const struct snapshot_message *message = cursor->from ? NULL : next_message(cursor);

    if (message && message->rowless)
        return !message->unacked;
    return snapshot_is_ready(cursor->source->snapshot, lane_of(cursor), cursor->current.position);
}

static bool is_redelivered(struct cursor *cursor)
{
    read_current(cursor);
    return cursor->current.redelivered ||
           (cursor->from && cursor->current.position < lane_of(cursor)->delivered_upto);
}

static bool is_stored(const struct cursor *cursor)
{
    if (cursor->from)
        return cursor->from == &cursor->rows[0];
    const struct snapshot_message *message = next_message(cursor);
    return !message->rowless && message->stored == lane_of(cursor)->ids[0];
}

static void tell_body(struct cursor *cursor, sqlite3_context *context, bool as_text)
{
    struct slice body = cursor->current.body;

    if (!cursor->body_known || (as_text && !utf8_valid(body)))
        return;
    if (as_text)
        tell_text(context, body);
    else
        sqlite3_result_blob64(context, body.len ? (const void *)body.data : "", body.len,
                              SQLITE_TRANSIENT);
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int index)
{
    struct cursor *cursor = cursor_of(base);
    const struct snapshot_lane *lane = lane_of(cursor);

    read_current(cursor);
    switch ((enum column)index) {
    case COLUMN_QUEUE:
        tell_text(context, snapshot_slice(cursor->source->snapshot, lane->queue));
        break;
    case COLUMN_POSITION:
        sqlite3_result_int64(context, (int64_t)(base_of(lane) + cursor->current.position));
        break;
    case COLUMN_STATE:
        tell_text(context, slice_str(is_ready(cursor) ? "ready" : "unacked"));
        break;
    case COLUMN_REDELIVERED:
        sqlite3_result_int(context, is_redelivered(cursor));
        break;
    case COLUMN_DELIVERY_COUNT:
        sqlite3_result_int64(context, cursor->current.delivery_count);
        break;
    case COLUMN_STORED:
        sqlite3_result_int(context, is_stored(cursor));
        break;
    case COLUMN_EXCHANGE:
        tell_text(context, cursor->current.exchange);
        break;
    case COLUMN_ROUTING_KEY:
        tell_text(context, cursor->current.routing_key);
        break;
#define PROPERTY(name)                                                                             \
    case COLUMN_##name:                                                                            \
        tell_property(cursor, context, PROPERTY_##name);                                           \
        break;
        PROPERTY(CONTENT_TYPE)
        PROPERTY(CONTENT_ENCODING)
        PROPERTY(HEADERS)
        PROPERTY(DELIVERY_MODE)
        PROPERTY(PRIORITY)
        PROPERTY(CORRELATION_ID)
        PROPERTY(REPLY_TO)
        PROPERTY(EXPIRATION)
        PROPERTY(MESSAGE_ID)
        PROPERTY(TIMESTAMP)
        PROPERTY(TYPE)
        PROPERTY(USER_ID)
        PROPERTY(APP_ID)
        PROPERTY(CLUSTER_ID)
#undef PROPERTY
    case COLUMN_EXPIRES_AT:
        if (cursor->current.expires_at_ms)
            sqlite3_result_int64(context, cursor->current.expires_at_ms);
        break;
    case COLUMN_PAYLOAD:
        tell_body(cursor, context, true);
        break;
    case COLUMN_PAYLOAD_BYTES:
        sqlite3_result_int64(context, (int64_t)cursor->payload_bytes);
        break;
    case COLUMN_BODY:
        tell_body(cursor, context, false);
        break;
    }
    return SQLITE_OK;
}

static int row_id(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    const struct cursor *cursor = cursor_of(base);

    *out = (sqlite3_int64)cursor->lane;
    return SQLITE_OK;
}

/* -- the table -- */

static int connect_messages(sqlite3 *sql, void *context, int count, const char *const *arguments,
                            sqlite3_vtab **out, char **message)
{
    (void)count;
    (void)arguments;
    (void)message;
    int result = query_table_declare(context, sql, &store_query_messages);
    if (result != SQLITE_OK)
        return result;
    struct table *table = MEM_NEW(struct table);
    table->source = context;
    *out = &table->base;
    return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *base)
{
    mem_free(CONTAINER_OF(base, struct table, base));
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    struct cursor *cursor = MEM_NEW(struct cursor);

    cursor->source = CONTAINER_OF(base, struct table, base)->source;
    *out = &cursor->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = cursor_of(base);

    finish_rows(cursor);
    mem_free(cursor);
    return SQLITE_OK;
}

static const sqlite3_module module_methods = {
    .xConnect = connect_messages,
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = at_end,
    .xColumn = column,
    .xRowid = row_id,
};

int query_messages_install(struct query_source *source, sqlite3 *sql)
{
    return sqlite3_create_module_v2(sql, store_query_messages.name, &module_methods, source, NULL);
}
