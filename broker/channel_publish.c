/* SPDX-License-Identifier: Apache-2.0 */
/* basic.publish: the checks in RabbitMQ's order, then routing, returns and confirms. */
#include "broker/channel_publish.h"

#include "base/mem.h"
#include "broker/access.h"
#include "broker/broker.h"
#include "broker/channel_tx.h"
#include "broker/connection.h"
#include "broker/exchange.h"
#include "broker/message.h"
#include "broker/publish.h"
#include "broker/queue_settings.h"
#include "broker/reply_to.h"
#include "broker/trace.h"
#include "broker/vhost.h"
#include "proto/properties.h"
#include "proto/table.h"
#include "routing/exchange_type.h"
#include "storage/store.h"

#include <inttypes.h>

#define CONFIRMS_CAPACITY_MIN 64u

/* Property flags that a publish must look at; all others just pass through. */
#define FLAG(id) (0x8000u >> PROPERTY_##id)
#define FLAGS_TO_CHECK (FLAG(HEADERS) | FLAG(REPLY_TO) | FLAG(EXPIRATION) | FLAG(USER_ID))

/* -- checks -- */

static bool check_exchange(struct channel *channel, struct slice name, struct exchange **out,
                           struct reply *reply)
{
    struct connection *connection = channel->connection;
    struct vhost *vhost = connection->vhost;
    uint64_t access = access_generation(connection->broker->access);
    struct exchange *cached = channel->route_exchange;
    if (cached && channel->route_generation == vhost->router.generation &&
        channel->access_generation == access && slice_equal_str(name, cached->name)) {
        *out = cached;
        return true;
    }
    channel->route_exchange = NULL;
    struct slice vhost_name = slice_str(vhost->name);
    if (!access_check(connection->user, vhost_name, PERMISSION_WRITE, "exchange", name, reply))
        return false;
    struct exchange *exchange = exchange_find(vhost, name);
    if (!exchange)
        return reply_set(reply, REPLY_NOT_FOUND, "no exchange '%.*s' in vhost '%s'",
                         SLICE_FMT(name), vhost->name);
    if (exchange->internal)
        return reply_set(reply, REPLY_ACCESS_REFUSED,
                         "cannot publish to internal exchange '%.*s' in vhost '%s'",
                         SLICE_FMT(name), vhost->name);
    channel->route_exchange = exchange;
    channel->route_generation = vhost->router.generation;
    channel->access_generation = access;
    channel->topic_checked = access_has_topic(connection->user, vhost_name);
    *out = exchange;
    return true;
}

bool publish_read_expiration(struct slice text, int64_t *ttl_ms, struct reply *reply)
{
    size_t at = text.len && (text.data[0] == '-' || text.data[0] == '+');
    size_t digits = at;
    int64_t value = 0;
    while (at < text.len && text.data[at] >= '0' && text.data[at] <= '9') {
        if (value <= QUEUE_TIME_MAX_MS)
            value = value * 10 + (text.data[at] - '0');
        at++;
    }
    if (at == digits)
        return reply_set(reply, REPLY_PRECONDITION_FAILED, "invalid expiration '%.*s': no_integer",
                         SLICE_FMT(text));
    if (at < text.len)
        return reply_set(reply, REPLY_PRECONDITION_FAILED,
                         "invalid expiration '%.*s': {leftover_string,\"%.*s\"}", SLICE_FMT(text),
                         (int)(text.len - at), (const char *)text.data + at);
    if (text.data[0] == '-' && value > 0)
        return reply_set(reply, REPLY_PRECONDITION_FAILED,
                         "invalid expiration '%.*s': {value_negative,-%" PRId64 "}",
                         SLICE_FMT(text), value);
    if (value > QUEUE_TIME_MAX_MS)
        return reply_set(reply, REPLY_PRECONDITION_FAILED,
                         "invalid expiration '%.*s': {value_too_large,%.*s}", SLICE_FMT(text),
                         SLICE_FMT(text));
    *ttl_ms = value;
    return true;
}

/* CC and BCC: arrays. What in them is no string is no key; a key is a short string. */
static bool check_selected(struct slice headers, const char *name, bool *present,
                           struct reply *reply)
{
    struct field_value list;
    *present = table_find(headers, name, &list);
    if (!*present)
        return true;
    bool good = list.type == FIELD_ARRAY;
    struct field_iter iter = {good ? list.bytes : slice_of(NULL, 0)};
    struct field_value key;
    while (good && field_next(&iter, NULL, &key))
        good = key.type != FIELD_LONGSTR || key.bytes.len <= UINT8_MAX;
    if (good)
        return true;
    return reply_set(reply, REPLY_PRECONDITION_FAILED,
                     "invalid message: {unacceptable_type_in_header,\"%s\",%s}", name,
                     field_type_name(list.type));
}

static bool check_user_id(const struct channel *channel, const struct properties *properties,
                          struct reply *reply)
{
    const struct user *user = channel->connection->user;
    if (!properties_has(properties, PROPERTY_USER_ID) || user_has_tag(user, USER_TAG_IMPERSONATOR))
        return true;
    struct slice claimed = properties_get(properties, PROPERTY_USER_ID);
    if (slice_equal_str(claimed, user->name))
        return true;
    return reply_set(reply, REPLY_PRECONDITION_FAILED,
                     "user_id property set to '%.*s' but authenticated user was '%s'",
                     SLICE_FMT(claimed), user->name);
}

/* What the properties ask of the publish path. */
struct wishes {
    bool has_bcc;
    bool rewrites_reply_to;
};

static bool check_properties(struct channel *channel, struct message *message,
                             struct wishes *wishes, struct reply *reply)
{
    struct slice bytes = message_properties(message);
    unsigned flags = (unsigned)(bytes.data[0] << 8 | bytes.data[1]);
    if (!(flags & FLAGS_TO_CHECK))
        return true;
    struct properties properties;
    properties_map(&properties, bytes);
    if (!reply_to_check(channel, properties_get(&properties, PROPERTY_REPLY_TO),
                        &wishes->rewrites_reply_to, reply))
        return false;
    if (properties_has(&properties, PROPERTY_EXPIRATION) &&
        !publish_read_expiration(properties_get(&properties, PROPERTY_EXPIRATION), &message->ttl_ms,
                                 reply))
        return false;
    struct slice headers = properties_get(&properties, PROPERTY_HEADERS);
    bool has_cc;
    if (headers.len && (!check_selected(headers, "CC", &has_cc, reply) ||
                        !check_selected(headers, "BCC", &wishes->has_bcc, reply)))
        return false;
    return check_user_id(channel, &properties, reply);
}

/* A table without one of its fields. */
static void table_without(struct buf *out, struct slice table, const char *name)
{
    struct field_iter iter = {table};
    struct slice field;
    struct field_value value;
    while (field_next(&iter, &field, &value))
        if (!slice_equal_str(field, name))
            table_add(out, field, &value);
}

/* The message as it goes on: BCC hidden, reply_to made addressable. */
static bool rewrite(struct channel *channel, struct message **message, const struct wishes *wishes,
                    struct reply *reply)
{
    struct properties properties;
    properties_map(&properties, message_properties(*message));
    struct buf headers = BUF_INIT;
    struct field_value bcc = {.bytes = slice_of(NULL, 0)};
    char address[REPLY_TO_ADDRESS_MAX];
    if (wishes->has_bcc) {
        struct slice all = properties_get(&properties, PROPERTY_HEADERS);
        CHECK(table_find(all, "BCC", &bcc));
        table_without(&headers, all, "BCC");
        properties_set(&properties, PROPERTY_HEADERS, buf_slice(&headers));
    }
    if (wishes->rewrites_reply_to)
        properties_set(&properties, PROPERTY_REPLY_TO, reply_to_address(channel, address));
    buf_clear(&channel->scratch);
    properties_encode(&channel->scratch, &properties);
    struct message *changed =
        message_with_properties(*message, message_exchange(*message), message_key(*message),
                                buf_slice(&channel->scratch), bcc.bytes);
    buf_fini(&headers);
    if (!changed)
        return reply_set(reply, REPLY_RESOURCE_ERROR, "out of memory");
    message_unref(*message);
    *message = changed;
    return true;
}

/* -- confirms -- */

static void grow_confirms(struct channel *channel)
{
    uint64_t used = channel->confirms_last - channel->confirms_first;
    if (used < channel->confirms_capacity)
        return;
    uint32_t capacity =
        channel->confirms_capacity ? channel->confirms_capacity * 2 : CONFIRMS_CAPACITY_MIN;
    struct confirm *grown = mem_alloc(capacity * sizeof *grown);
    for (uint64_t i = 0; i < used; i++)
        grown[i] =
            channel->confirms[(channel->confirms_first + i) & (channel->confirms_capacity - 1)];
    mem_free(channel->confirms);
    channel->confirms = grown;
    channel->confirms_capacity = capacity;
    channel->confirms_first = 0;
    channel->confirms_last = used;
}

static void note_confirm(struct channel *channel, const struct publish_result *result)
{
    grow_confirms(channel);
    channel->confirms[channel->confirms_last++ & (channel->confirms_capacity - 1)] =
        (struct confirm){
            .tag = channel->publish_next++,
            .seq = result->seq,
            .nack = result->rejected,
        };
    if (!list_linked(&channel->confirming_link))
        list_push_back(&channel->connection->broker->confirming, &channel->confirming_link);
}

bool channel_settle(struct channel *channel)
{
    uint64_t durable = vhost_durable(channel->connection->vhost);
    uint64_t acked = 0; /* last tag of a run of acknowledgements */
    uint64_t runs = 0;
    while (channel->confirms_first < channel->confirms_last) {
        const struct confirm *next =
            &channel->confirms[channel->confirms_first & (channel->confirms_capacity - 1)];
        if (next->seq > durable)
            break;
        if (next->nack) {
            if (runs)
                channel->ops->confirmed(channel, acked, runs > 1, false);
            runs = 0;
            channel->ops->confirmed(channel, next->tag, false, true);
        } else {
            acked = next->tag;
            runs++;
        }
        channel->stats.confirm++;
        channel->connection->vhost->stats.confirm++;
        channel->confirms_first++;
    }
    if (runs)
        channel->ops->confirmed(channel, acked, runs > 1, false);
    return channel->confirms_first < channel->confirms_last;
}

bool channel_confirm_select(struct channel *channel, struct reply *reply)
{
    if (channel->tx)
        return reply_set(reply, REPLY_PRECONDITION_FAILED, "cannot switch from tx to confirm mode");
    channel->confirming = true;
    if (channel->publish_next == 0)
        channel->publish_next = 1;
    return true;
}

/* -- routing -- */

static void give_back(struct channel *channel, struct message *message)
{
    channel->ops->returned(channel, message, REPLY_NO_ROUTE, "NO_ROUTE");
    channel->stats.return_unroutable++;
    channel->connection->vhost->stats.return_unroutable++;
}

static void count(struct channel *channel, const struct checked_publish *publish,
                  const struct publish_result *result)
{
    struct vhost *vhost = channel->connection->vhost;
    channel->stats.publish++;
    vhost->stats.publish++;
    vhost->stats.publish_confirm += channel->confirming;
    histogram_note(&vhost->message_sizes, &MESSAGE_SIZE_BOUNDS, message_body(publish->message).len);
    if (result->queues)
        return;
    if (publish->mandatory) {
        give_back(channel, publish->message);
        return;
    }
    channel->stats.drop_unroutable++;
    vhost->stats.drop_unroutable++;
}

/* The routes are those in channel->routes only if the message was `routed`. */
static void trace(struct channel *channel, const struct message *message, bool routed)
{
    static const struct route_result none;
    trace_published(channel, message, routed ? &channel->routes : &none);
}

bool channel_route(struct channel *channel, const struct checked_publish *publish)
{
    struct vhost *vhost = channel->connection->vhost;
    struct publish_result result = {0};
    struct exchange *exchange = channel->route_exchange;
    if (!exchange || channel->route_generation != vhost->router.generation ||
        !slice_equal_str(publish->exchange, exchange->name))
        exchange = exchange_find(vhost, publish->exchange);
    bool replied = publish->exchange.len == 0 && reply_to_deliver(vhost->broker, publish->message);
    if (replied)
        result.queues = 1;
    else if (exchange)
        publish_route(exchange, publish->message, message_headers(publish->original),
                      &channel->routes, &result);
    if (vhost->tracing)
        trace(channel, publish->message, !replied && result.queues > 0);
    channel->connection->outruns = result.outruns;
    count(channel, publish, &result);
    if (channel->confirming)
        note_confirm(channel, &result);
    message_unref(publish->message);
    message_unref(publish->original);
    return !result.rejected;
}

static bool check_all(struct channel *channel, const struct publish *publish, struct wishes *wishes,
                      struct reply *reply)
{
    struct exchange *exchange = NULL;
    if (!check_exchange(channel, publish->exchange, &exchange, reply))
        return false;
    CHECK(exchange);
    if (!check_properties(channel, publish->message, wishes, reply))
        return false;
    if (!channel->topic_checked || exchange->route.type != &topic_exchange_type)
        return true;
    const struct connection *connection = channel->connection;
    return access_check_topic(connection->user, slice_str(connection->vhost->name),
                              PERMISSION_WRITE, publish->exchange, publish->key, reply);
}

bool channel_publish(struct channel *channel, const struct publish *publish, struct reply *reply)
{
    struct wishes wishes = {0};
    struct checked_publish checked = {
        .exchange = publish->exchange,
        .mandatory = publish->mandatory,
        .message = publish->message,
        .original = message_ref(publish->message),
    };
    bool good = check_all(channel, publish, &wishes, reply);
    if (good && (wishes.has_bcc || wishes.rewrites_reply_to))
        good = rewrite(channel, &checked.message, &wishes, reply);
    if (!good) {
        message_unref(checked.message);
        message_unref(checked.original);
    } else if (channel->tx) {
        channel_tx_publish(channel, &checked);
    } else {
        channel_route(channel, &checked);
    }
    return good;
}
