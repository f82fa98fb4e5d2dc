/* SPDX-License-Identifier: Apache-2.0 */
/* What the table `messages` tells of the current row.
 *
 * (1) A row is read when its first column is asked for, its properties are taken apart when the
 *     first of them is.
 * (2) Properties that make no sense are NULL.
 * (3) A body longer than STORE_QUERY_VALUE_MAX is NULL, as text also one that isn't UTF-8.
 */
#include "proto/utf8.h"
#include "storage/query_cursor.h"
#include "storage/table_json.h"

/* -- parts of it, once query_walk_read() has been called -- */

static const struct properties *properties_of(struct query_cursor *cursor)
{
    struct slice hidden;
    struct reply reply;

    if (!cursor->mapped) {
        cursor->mapped = true;
        if (!properties_parse_head(&cursor->properties, cursor->current.properties, &hidden,
                                   &reply))
            cursor->properties = (struct properties){0};
    }
    return &cursor->properties;
}

static void tell_text(sqlite3_context *context, struct slice text)
{
    sqlite3_result_text64(context, text.len ? (const char *)text.data : "", text.len,
                          SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void tell_property(struct query_cursor *cursor, sqlite3_context *context, enum property id)
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

static bool is_ready(const struct query_cursor *cursor)
{
    const struct snapshot_message *message = cursor->from ? NULL : query_walk_message(cursor);

    if (message && message->rowless)
        return !message->unacked;
    return snapshot_is_ready(cursor->source->snapshot, query_cursor_lane(cursor),
                             cursor->current.position);
}

static bool is_redelivered(const struct query_cursor *cursor)
{
    return cursor->current.redelivered ||
           (cursor->from && cursor->current.position < query_cursor_lane(cursor)->delivered_upto);
}

static bool is_stored(const struct query_cursor *cursor)
{
    if (cursor->from)
        return cursor->from == &cursor->rows[0];
    const struct snapshot_message *message = query_walk_message(cursor);
    return !message->rowless && message->stored == query_cursor_lane(cursor)->ids[0];
}

static void tell_body(struct query_cursor *cursor, sqlite3_context *context, bool as_text)
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

/* -- a column of it -- */

void query_tell(struct query_cursor *cursor, sqlite3_context *context, enum query_column column)
{
    const struct snapshot_lane *lane = query_cursor_lane(cursor);

    query_walk_read(cursor);
    switch (column) {
    case QUERY_COLUMN_QUEUE:
        tell_text(context, snapshot_slice(cursor->source->snapshot, lane->queue));
        break;
    case QUERY_COLUMN_POSITION:
        sqlite3_result_int64(context, (int64_t)(query_lane_base(lane) + cursor->current.position));
        break;
    case QUERY_COLUMN_STATE:
        tell_text(context, slice_str(is_ready(cursor) ? "ready" : "unacked"));
        break;
    case QUERY_COLUMN_REDELIVERED:
        sqlite3_result_int(context, is_redelivered(cursor));
        break;
    case QUERY_COLUMN_DELIVERY_COUNT:
        sqlite3_result_int64(context, cursor->current.delivery_count);
        break;
    case QUERY_COLUMN_STORED:
        sqlite3_result_int(context, is_stored(cursor));
        break;
    case QUERY_COLUMN_EXCHANGE:
        tell_text(context, cursor->current.exchange);
        break;
    case QUERY_COLUMN_ROUTING_KEY:
        tell_text(context, cursor->current.routing_key);
        break;
#define PROPERTY(name)                                                                             \
    case QUERY_COLUMN_##name:                                                                      \
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
    case QUERY_COLUMN_EXPIRES_AT:
        if (cursor->current.expires_at_ms)
            sqlite3_result_int64(context, cursor->current.expires_at_ms);
        break;
    case QUERY_COLUMN_PAYLOAD:
        tell_body(cursor, context, true);
        break;
    case QUERY_COLUMN_PAYLOAD_BYTES:
        sqlite3_result_int64(context, (int64_t)cursor->payload_bytes);
        break;
    case QUERY_COLUMN_BODY:
        tell_body(cursor, context, false);
        break;
    }
}
