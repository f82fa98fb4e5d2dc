/* SPDX-License-Identifier: Apache-2.0 */
/* See trace.h.
 *
 * (1) What went through the trace exchange is never traced itself, so tracing feeds on nothing of its
 *     own.
 * (2) Headers that are nested too deep to stand within the copy's are left out of it: its own are to be a
 *     table that anybody may validate.
 */
#include "broker/trace.h"

#include "broker/access.h"
#include "broker/broker.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/exchange.h"
#include "broker/message.h"
#include "broker/publish.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "proto/properties.h"
#include "proto/table.h"
#include "proto/utf8.h"

static bool wanted(const struct vhost *vhost, const struct message *message)
{
    return vhost->tracing && !slice_equal_str(message_exchange(message), TRACE_EXCHANGE);
}

static void add_property(struct buf *table, const struct properties *properties, enum property id)
{
    struct slice value = properties_get(properties, id);
    switch (property_type(id)) {
    case PROPERTY_TYPE_SHORTSTR:
        table_add_str(table, property_name(id), value);
        break;
    case PROPERTY_TYPE_TABLE: /* within the copy's headers and their `properties` */
        if (table_fits(value, 2))
            table_add_table(table, property_name(id), value);
        break;
    case PROPERTY_TYPE_OCTET:
        table_add_int32(table, property_name(id), value.data[0]);
        break;
    case PROPERTY_TYPE_TIMESTAMP:
        table_add_timestamp(table, property_name(id), (int64_t)properties_timestamp(properties, 0));
        break;
    }
}

static void add_properties(struct buf *headers, const struct message *message)
{
    struct properties properties;
    struct buf table = BUF_INIT;
    properties_map(&properties, message_properties(message));
    for (unsigned id = 0; id < PROPERTY_COUNT; id++)
        if (properties_has(&properties, (enum property)id))
            add_property(&table, &properties, (enum property)id);
    table_add_table(headers, "properties", buf_slice(&table));
    buf_fini(&table);
}

static void add_keys(struct buf *headers, const struct message *message)
{
    struct buf keys = BUF_INIT;
    struct field_value cc;
    array_add_str(&keys, message_key(message));
    if (table_find(message_headers(message), "CC", &cc) && cc.type == FIELD_ARRAY)
        publish_keys_copy(&keys, cc.bytes);
    publish_keys_copy(&keys, message_bcc(message));
    table_add_array(headers, "routing_keys", buf_slice(&keys));
    buf_fini(&keys);
}

static void add_facts(struct buf *headers, const struct vhost *vhost, const struct message *message)
{
    table_add_str(headers, "exchange_name", message_exchange(message));
    add_keys(headers, message);
    add_properties(headers, message);
    table_add_str(headers, "node", slice_str(vhost->broker->options.node_name));
}

static void add_channel(struct buf *headers, const struct channel *channel)
{
    const struct connection *connection = channel->connection;
    table_add_str(headers, "vhost", slice_str(connection->vhost->name));
    table_add_str(headers, "connection", slice_str(connection->name));
    table_add_int32(headers, "channel", channel->number);
    table_add_str(headers, "user", slice_str(connection->user->name));
}

/* Sends the copy: key `what`.`name`, the headers, the original's body. */
static void emit(struct vhost *vhost, const char *what, struct slice name, struct buf *headers,
                 const struct message *message)
{
    struct properties properties = {0};
    struct buf encoded = BUF_INIT;
    struct buf key = BUF_INIT;
    properties_set(&properties, PROPERTY_HEADERS, buf_slice(headers));
    properties_encode(&encoded, &properties);
    buf_printf(&key, "%s.%.*s", what, SLICE_FMT(name));
    key.len = utf8_cut(buf_slice(&key), UINT8_MAX);
    struct exchange *exchange = exchange_find(vhost, slice_str(TRACE_EXCHANGE));
    CHECK(exchange);
    struct message *copy =
        message_with_properties(message, slice_str(TRACE_EXCHANGE), buf_slice(&key),
                                buf_slice(&encoded), slice_of(NULL, 0));
    if (copy) {
        struct route_result routes = ROUTE_RESULT_INIT;
        struct publish_result result;
        copy->ttl_ms = MESSAGE_NO_TTL;
        publish_route(exchange, copy, slice_of(NULL, 0), &routes, &result);
        route_result_fini(&routes);
        message_unref(copy);
    }
    buf_fini(&key);
    buf_fini(&encoded);
}

void trace_published(struct channel *channel, const struct message *message,
                     const struct route_result *routes)
{
    struct vhost *vhost = channel->connection->vhost;
    if (!wanted(vhost, message))
        return;
    struct buf headers = BUF_INIT;
    struct buf queues = BUF_INIT;
    add_facts(&headers, vhost, message);
    add_channel(&headers, channel);
    for (size_t i = 0; i < routes->count; i++)
        array_add_str(&queues, slice_str(target_queue(routes->queues[i])->name));
    table_add_array(&headers, "routed_queues", buf_slice(&queues));
    emit(vhost, "publish", message_exchange(message), &headers, message);
    buf_fini(&queues);
    buf_fini(&headers);
}

void trace_delivered(struct channel *channel, const struct queue *queue,
                     const struct message *message, bool redelivered)
{
    struct vhost *vhost = queue->vhost;
    if (!wanted(vhost, message))
        return;
    struct buf headers = BUF_INIT;
    add_facts(&headers, vhost, message);
    add_channel(&headers, channel);
    table_add_int32(&headers, "redelivered", redelivered);
    emit(vhost, "deliver", slice_str(queue->name), &headers, message);
    buf_fini(&headers);
}
