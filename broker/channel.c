/* SPDX-License-Identifier: Apache-2.0 */
/* A channel's life and its consuming side: qos, consume, get, acknowledgements. Publishing is in
 * channel_publish.c, transactions in channel_tx.c, the ring of deliveries in channel_unacked.c.
 */
#include "broker/channel.h"

#include "base/history.h"
#include "base/mem.h"
#include "broker/access.h"
#include "broker/broker.h"
#include "broker/channel_tx.h"
#include "broker/channel_unacked.h"
#include "broker/connection.h"
#include "broker/consumer.h"
#include "broker/message.h"
#include "broker/queue.h"
#include "broker/reply_to.h"
#include "broker/trace.h"
#include "broker/vhost.h"
#include "proto/properties.h"
#include "proto/reply.h"
#include "proto/table.h"

#include <inttypes.h>
#include <stdio.h>

/* -- life -- */

static void ack_overdue(struct timer *timer, int64_t now_ms);

void channel_init(struct channel *channel, const struct channel_ops *ops,
                  struct connection *connection, uint16_t number)
{
    *channel = (struct channel){
        .ops = ops,
        .connection = connection,
        .number = number,
        .flow_active = true,
        .tag_next = 1,
    };
    list_init(&channel->consumers);
    list_init(&channel->confirming_link);
    list_push_back(&connection->channels, &channel->connection_link);
    timer_init(&channel->ack_timer, ack_overdue);
    connection->channel_count++;
    if (connection->user) {
        connection->user->channel_count++;
        connection->broker->channel_count++;
    }
    if (connection->vhost && !connection->internal)
        connection->vhost->channel_count++;
    connection->broker->churn.channels_opened++;
}

static void drop_consumers(struct channel *channel)
{
    while (!list_empty(&channel->consumers))
        consumer_free(LIST_FIRST(&channel->consumers, struct consumer, channel_link));
    reply_to_fini(channel);
}

void channel_fini(struct channel *channel)
{
    struct broker *broker = channel->connection->broker;
    channel_tx_fini(channel);
    /* Messages go back before the consumers: their leaving may end an auto-delete queue. */
    channel->flow_active = false;
    channel_recover(channel);
    drop_consumers(channel);
    CHECK(channel->unacked_count == 0);
    hmap_fini(&channel->consumer_tags);
    timer_clear(&broker->timers, &channel->ack_timer);
    list_remove(&channel->confirming_link);
    list_remove(&channel->connection_link);
    channel->connection->channel_count--;
    if (channel->connection->user) {
        channel->connection->user->channel_count--;
        channel->connection->broker->channel_count--;
    }
    if (channel->connection->vhost && !channel->connection->internal)
        channel->connection->vhost->channel_count--;
    broker->churn.channels_closed++;
    history_free(channel->history);
    route_result_fini(&channel->routes);
    buf_fini(&channel->scratch);
    mem_free(channel->confirms);
    unacked_fini(channel);
}

/* -- credit -- */

static void wake_consumers(struct channel *channel)
{
    LIST_EACH(&channel->consumers, node)
        consumer_wake(CONTAINER_OF(node, struct consumer, channel_link));
}

bool channel_set_prefetch(struct channel *channel, uint16_t count, bool global, struct reply *reply)
{
    (void)reply;
    if (!global) {
        channel->prefetch_consumer = count;
        return true;
    }
    channel->prefetch_global = count;
    wake_consumers(channel);
    return true;
}

/* -- delivering -- */

/* The header of a quorum queue's redelivery: how often it came back. */
static struct slice counted_properties(struct channel *channel, const struct entry *entry)
{
    struct slice bytes = message_properties(entry->message);
    if (entry->delivery_count == 0)
        return bytes;
    struct properties properties;
    properties_map(&properties, bytes);
    struct buf headers = BUF_INIT;
    struct slice old = properties_get(&properties, PROPERTY_HEADERS);
    struct field_iter iter = {old};
    struct slice name;
    struct field_value value;
    while (field_next(&iter, &name, &value))
        if (!slice_equal_str(name, "x-delivery-count"))
            table_add(&headers, name, &value);
    table_add_int64(&headers, "x-delivery-count", entry->delivery_count);
    properties_set(&properties, PROPERTY_HEADERS, buf_slice(&headers));
    buf_clear(&channel->scratch);
    properties_encode(&channel->scratch, &properties);
    buf_fini(&headers);
    return buf_slice(&channel->scratch);
}

static int64_t ack_timeout(const struct channel *channel, const struct consumer *consumer,
                           const struct queue *queue)
{
    if (consumer && consumer->timeout_ms >= 0)
        return consumer->timeout_ms;
    return queue->settings.consumer_timeout_ms >= 0
               ? queue->settings.consumer_timeout_ms
               : channel->connection->broker->options.consumer_timeout_ms;
}

static void keep_unacked(struct channel *channel, struct consumer *consumer, struct entry *entry,
                         uint64_t tag)
{
    struct broker *broker = channel->connection->broker;
    int64_t timeout = ack_timeout(channel, consumer, entry->lane->queue);
    struct unacked unacked = {
        .tag = tag,
        .entry = entry,
        .consumer = consumer,
        .deadline_ms = timeout > 0 ? broker->now_ms + timeout : INT64_MAX,
        .got = !consumer,
    };
    unacked_push(channel, &unacked);
    channel->unacked_count++;
    channel->unacked_consumed += !unacked.got;
    if (consumer)
        consumer->unacked++;
    const struct timer *timer = &channel->ack_timer;
    if (timeout > 0 && (!timer_is_set(timer) || timer->node.key > unacked.deadline_ms))
        timer_set(&broker->timers, &channel->ack_timer, unacked.deadline_ms);
}

static void count_delivery(struct channel *channel, const struct consumer *consumer,
                           struct queue *queue, bool no_ack, bool redelivered)
{
    struct message_stats *stats[] = {&channel->stats, &queue->stats, &queue->vhost->stats};
    for (size_t i = 0; i < ARRAY_LEN(stats); i++) {
        if (consumer && no_ack)
            stats[i]->deliver_no_ack++;
        else if (consumer)
            stats[i]->deliver++;
        else if (no_ack)
            stats[i]->get_no_ack++;
        else
            stats[i]->get++;
        stats[i]->redeliver += redelivered;
    }
}

static void finish_hand_over(struct channel *channel, struct consumer *consumer,
                             struct entry *entry, bool no_ack, uint64_t tag)
{
    if (no_ack)
        queue_settle(entry->lane->queue, entry);
    else
        keep_unacked(channel, consumer, entry, tag);
}

/* The copy is published last: it may fill a queue whose consumers are dealt to at once. */
static void trace_hand_over(struct channel *channel, struct consumer *consumer, struct entry *entry,
                            bool no_ack, const struct delivery *delivery)
{
    struct queue *queue = entry->lane->queue;
    struct message *message = message_ref(entry->message);
    queue_ref(queue);
    finish_hand_over(channel, consumer, entry, no_ack, delivery->tag);
    trace_delivered(channel, queue, message, delivery->redelivered);
    queue_unref(queue);
    message_unref(message);
}

uint64_t channel_hand_over(struct channel *channel, struct consumer *consumer, struct entry *entry,
                           bool no_ack, struct delivery *delivery)
{
    struct queue *queue = entry->lane->queue;
    queue_note_delivery(queue, entry, channel->connection);
    count_delivery(channel, consumer, queue, no_ack, entry->redelivered);
    *delivery = (struct delivery){
        .message = entry->message,
        .properties = counted_properties(channel, entry),
        .tag = channel->tag_next++,
        .redelivered = entry->redelivered,
    };
    if (consumer)
        channel->ops->deliver(channel, slice_str(consumer->tag), delivery);
    else
        message_ref(entry->message);
    if (queue->vhost->tracing)
        trace_hand_over(channel, consumer, entry, no_ack, delivery);
    else
        finish_hand_over(channel, consumer, entry, no_ack, delivery->tag);
    return delivery->tag;
}

void channel_deliver_reply(struct channel *channel, struct message *message)
{
    struct delivery delivery = {
        .message = message,
        .properties = message_properties(message),
        .tag = channel->tag_next++,
    };
    channel->stats.deliver_no_ack++;
    channel->ops->deliver(channel, slice_str(channel->reply_consumer_tag), &delivery);
}

/* -- acknowledgement timeout -- */

static void ack_overdue(struct timer *timer, int64_t now_ms)
{
    struct channel *channel = CONTAINER_OF(timer, struct channel, ack_timer);
    int64_t earliest = INT64_MAX;
    const struct unacked *overdue = NULL;
    for (uint64_t i = channel->unacked_head; i < channel->unacked_tail; i++) {
        const struct unacked *slot = &channel->unacked[i & (channel->unacked_capacity - 1)];
        if (!slot->entry || slot->deadline_ms >= earliest)
            continue;
        earliest = slot->deadline_ms;
        overdue = slot;
    }
    if (!overdue || earliest == INT64_MAX)
        return;
    struct broker *broker = channel->connection->broker;
    if (earliest > now_ms) {
        timer_set(&broker->timers, &channel->ack_timer, earliest);
        return;
    }
    struct reply reply;
    reply_set(&reply, REPLY_PRECONDITION_FAILED,
              "delivery acknowledgement on channel %u timed out. Timeout value used: %" PRId64
              " ms. This timeout value can be configured, see consumers doc guide to learn more",
              channel->number,
              ack_timeout(channel, overdue->consumer, overdue->entry->lane->queue));
    channel->flow_active = false; /* it ends a little later, and takes nothing until then */
    channel->ops->failed(channel, &reply);
}

/* -- consume and cancel -- */

struct consumer *channel_consumer(const struct channel *channel, struct slice tag)
{
    uint64_t hash = hmap_hash(tag, channel->connection->broker->hash_seed);
    struct hmap_node *node = hmap_first(&channel->consumer_tags, hash);
    for (; node; node = hmap_next_same(node)) {
        struct consumer *consumer = CONTAINER_OF(node, struct consumer, tag_node);
        if (slice_equal_str(tag, consumer->tag))
            return consumer;
    }
    return NULL;
}

static bool check_tag(struct channel *channel, struct slice tag, struct reply *reply)
{
    uint32_t most = channel->connection->broker->options.consumers_per_channel_max;
    if (most && channel->consumer_count >= most)
        return reply_set(reply, REPLY_NOT_ALLOWED, "reached maximum (%u) of consumers per channel",
                         most);
    if (!slice_is_text(tag))
        return reply_set(reply, REPLY_NOT_ALLOWED, "consumer tag '%.*s...' holds a zero octet",
                         SLICE_FMT(tag));
    bool taken = channel_consumer(channel, tag) ||
                 (channel->reply_consumer_tag && slice_equal_str(tag, channel->reply_consumer_tag));
    if (taken)
        return reply_set(reply, REPLY_NOT_ALLOWED, "attempt to reuse consumer tag '%.*s'",
                         SLICE_FMT(tag));
    return true;
}

/* What a consumer's arguments say. */
struct consume_arguments {
    int64_t priority;
    int64_t timeout_ms; /* negative: not given */
};

/* What only consumers of streams may ask for. */
static bool check_no_stream(struct slice arguments, const struct queue *queue, struct reply *reply)
{
    static const char *const names[] = {"x-stream-offset", "x-stream-filter",
                                        "x-stream-match-unfiltered"};
    struct field_value value;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (table_find(arguments, names[i], &value))
            return reply_set(reply, REPLY_PRECONDITION_FAILED,
                             "invalid arg '%s' for queue '%s' in vhost '%s' of queue type %s",
                             names[i], queue->name, queue->vhost->name,
                             queue_type_module(queue->type));
    return true;
}

static bool read_arguments(struct slice arguments, const struct queue *queue,
                           struct consume_arguments *out, struct reply *reply)
{
    *out = (struct consume_arguments){.timeout_ms = -1};
    struct field_value value;
    if (!check_no_stream(arguments, queue, reply))
        return false;
    if (table_find(arguments, "x-priority", &value)) {
        if (!field_is_integer(value.type))
            return reply_set(reply, REPLY_PRECONDITION_FAILED,
                             "invalid arg 'x-priority' for queue '%s' in vhost '%s': "
                             "{unacceptable_type,%s}",
                             queue->name, queue->vhost->name, field_type_name(value.type));
        out->priority = value.integer;
    }
    if (table_find(arguments, "x-consumer-timeout", &value)) {
        if (!field_is_integer(value.type) || value.integer < 0)
            return reply_set(reply, REPLY_PRECONDITION_FAILED,
                             "invalid arg 'x-consumer-timeout' for queue '%s' in vhost '%s': "
                             "a number of milliseconds is expected",
                             queue->name, queue->vhost->name);
        out->timeout_ms = value.integer < QUEUE_TIME_MAX_MS ? value.integer : QUEUE_TIME_MAX_MS;
    }
    return true;
}

static bool check_exclusive(const struct queue *queue, bool exclusive, struct reply *reply)
{
    bool refused =
        queue->exclusive_consumer != NULL ||
        (exclusive && (queue->consumer_count > 0 || queue->settings.single_active_consumer));
    if (!refused)
        return true;
    return reply_set(reply, REPLY_ACCESS_REFUSED, "queue '%s' in vhost '%s' in exclusive use",
                     queue->name, queue->vhost->name);
}

static void start(struct channel *channel, struct queue *queue, const struct consume *consume,
                  struct slice tag, const struct consume_arguments *arguments)
{
    struct consumer *consumer = consumer_new(channel, queue, tag, arguments->priority);
    table_sort(&consumer->arguments, consume->arguments);
    consumer->no_ack = consume->no_ack;
    consumer->exclusive = consume->exclusive;
    consumer->prefetch = channel->prefetch_consumer;
    consumer->timeout_ms = arguments->timeout_ms;
    if (consume->exclusive)
        queue->exclusive_consumer = consumer;
    if (queue->settings.single_active_consumer && !queue->single_active)
        queue->single_active = consumer;
    consumer_wake(consumer);
}

bool channel_consume(struct channel *channel, const struct consume *consume, struct slice *tag,
                     struct reply *reply)
{
    struct connection *connection = channel->connection;
    char made[40];
    *tag = consume->tag;
    if (tag->len == 0) {
        char random[23];
        rng_name22(&connection->broker->rng, random);
        *tag = slice_of(made, (size_t)snprintf(made, sizeof made, "amq.ctag-%s", random));
    }
    bool replies = slice_equal_str(consume->queue, REPLY_TO_NAME);
    bool second = replies && channel->reply_consumer_tag; /* refused, whatever its tag */
    if (!second && !check_tag(channel, *tag, reply))
        return false;
    if (replies) {
        if (!reply_to_consume(channel, *tag, consume->no_ack, reply))
            return false;
        *tag = slice_str(channel->reply_consumer_tag);
        return true;
    }
    if (!access_check(connection->user, slice_str(connection->vhost->name), PERMISSION_READ,
                      "queue", consume->queue, reply))
        return false;
    struct queue *queue = queue_lookup(connection, consume->queue, reply);
    struct consume_arguments arguments;
    if (!queue || !read_arguments(consume->arguments, queue, &arguments, reply) ||
        !check_exclusive(queue, consume->exclusive, reply))
        return false;
    start(channel, queue, consume, *tag, &arguments);
    const struct consumer *youngest = LIST_LAST(&channel->consumers, struct consumer, channel_link);
    CHECK(youngest);
    *tag = slice_str(youngest->tag);
    return true;
}

void channel_cancel(struct channel *channel, struct slice tag)
{
    if (reply_to_cancel(channel, tag))
        return;
    struct consumer *consumer = channel_consumer(channel, tag);
    if (consumer)
        consumer_free(consumer);
}

/* -- get -- */

bool channel_get(struct channel *channel, struct slice name, bool no_ack, struct delivery *delivery,
                 uint32_t *remaining, struct reply *reply)
{
    struct connection *connection = channel->connection;
    *delivery = (struct delivery){0};
    *remaining = 0;
    if (!access_check(connection->user, slice_str(connection->vhost->name), PERMISSION_READ,
                      "queue", name, reply))
        return false;
    struct queue *queue = queue_lookup(connection, name, reply);
    if (!queue)
        return false;
    if (queue->settings.single_active_consumer && queue->type == QUEUE_QUORUM)
        return reply_set(
            reply, REPLY_RESOURCE_LOCKED,
            "cannot obtain access to locked queue '%s' in vhost '%s'. basic.get "
            "operations are not supported by quorum queues with single active consumer",
            queue->name, queue->vhost->name);
    queue_touch(queue);
    queue_drop_expired(queue);
    struct entry *entry = queue_take_now(queue);
    if (!entry && queue->ready_count > 0)
        return reply_set(
            reply, REPLY_INTERNAL_ERROR,
            "the next message of queue '%s' in vhost '%s' cannot be read from the disk",
            queue->name, queue->vhost->name);
    if (!entry) {
        channel->stats.get_empty++;
        queue->stats.get_empty++;
        queue->vhost->stats.get_empty++;
        return true;
    }
    *remaining = queue->ready_count > UINT32_MAX ? UINT32_MAX : (uint32_t)queue->ready_count;
    channel_hand_over(channel, NULL, entry, no_ack, delivery);
    return true;
}

/* -- acknowledgements -- */

static bool resolve(struct channel *channel, uint64_t tag, bool multiple, enum outcome outcome,
                    struct reply *reply)
{
    struct unacked_set set = {0};
    bool good = unacked_select(channel, tag, multiple, &set, reply);
    if (good && channel->tx)
        channel_tx_resolve(channel, &set, outcome);
    else if (good)
        unacked_resolve(channel, &set, outcome);
    unacked_set_fini(&set);
    return good;
}

bool channel_ack(struct channel *channel, uint64_t tag, bool multiple, struct reply *reply)
{
    return resolve(channel, tag, multiple, OUTCOME_ACK, reply);
}

bool channel_nack(struct channel *channel, uint64_t tag, bool multiple, bool requeue,
                  struct reply *reply)
{
    return resolve(channel, tag, multiple, requeue ? OUTCOME_REQUEUE : OUTCOME_REJECT, reply);
}

void channel_recover(struct channel *channel)
{
    struct unacked_set set = {0};
    struct reply unused;
    bool good = unacked_select(channel, 0, true, &set, &unused);
    CHECK(good);
    unacked_resolve(channel, &set, OUTCOME_REQUEUE);
    unacked_set_fini(&set);
}
