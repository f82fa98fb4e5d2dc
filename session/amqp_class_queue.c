/* SPDX-License-Identifier: Apache-2.0 */
/* Class queue. */
#include "base/mem.h"
#include "broker/exchange.h"
#include "broker/queue.h"
#include "broker/reply_to.h"
#include "broker/vhost.h"
#include "session/amqp.h"

static void remember(struct amqp_channel *channel, struct slice name)
{
    if (channel->last_queue && slice_equal_str(name, channel->last_queue))
        return;
    mem_free(channel->last_queue);
    channel->last_queue = slice_dup(name);
}

static uint32_t clamp(uint64_t count)
{
    return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}

static void answer_declare(struct amqp_channel *channel, struct slice name, uint32_t messages,
                           uint32_t consumers)
{
    amqp_send(amqp_channel_connection(channel), channel->base.number,
              &(struct method){.kind = METHOD_QUEUE_DECLARE_OK,
                               .queue_declare_ok = {.queue = name,
                                                    .message_count = messages,
                                                    .consumer_count = consumers}});
}

/* A direct reply-to queue is no queue of the broker's: an address is there while somebody waits for
 * replies, with no messages and one consumer. */
static bool declare_reply_to(struct amqp_channel *channel, struct slice name, bool no_wait,
                             struct reply *reply)
{
    struct connection *connection = channel->base.connection;
    if (!reply_to_exists(connection->broker, name))
        return reply_set(reply, REPLY_NOT_FOUND, "no queue '%.*s' in vhost '%s'", SLICE_FMT(name),
                         connection->vhost->name);
    remember(channel, name);
    if (!no_wait)
        answer_declare(channel, name, 0, 1);
    return true;
}

bool amqp_on_queue_declare(struct amqp_channel *channel, const struct method *method,
                           struct reply *reply)
{
    const struct method_queue_declare *asked = &method->queue_declare;
    uint8_t room[UINT8_MAX];
    struct queue *queue = NULL;
    struct queue_declare declare = {
        .name = amqp_strip_name(asked->queue, room),
        .passive = asked->passive,
        .durable = asked->durable,
        .exclusive = asked->exclusive,
        .auto_delete = asked->auto_delete,
        .arguments = asked->arguments,
    };
    if (reply_to_is_pseudo_queue(declare.name))
        return declare_reply_to(channel, declare.name, asked->no_wait, reply);
    if (!queue_declare(channel->base.connection, &declare, &queue, reply))
        return false;
    remember(channel, slice_str(queue->name));
    if (!asked->no_wait)
        answer_declare(channel, slice_str(queue->name), clamp(queue->ready_count),
                       queue->consumer_count);
    return true;
}

/* The queue's name filled in; with no name and no key at all, the key is the name too. */
static bool fill_bind(const struct amqp_channel *channel, struct bind *bind, struct reply *reply)
{
    bool named = bind->destination.len > 0;
    if (!amqp_queue_name(channel, &bind->destination, reply))
        return false;
    if (!named && bind->key.len == 0)
        bind->key = bind->destination;
    return true;
}

bool amqp_on_queue_bind(struct amqp_channel *channel, const struct method *method,
                        struct reply *reply)
{
    const struct method_queue_bind *asked = &method->queue_bind;
    uint8_t queue[UINT8_MAX];
    uint8_t exchange[UINT8_MAX];
    struct bind bind = {
        .source = amqp_strip_name(asked->exchange, exchange),
        .destination = amqp_strip_name(asked->queue, queue),
        .key = asked->routing_key,
        .arguments = asked->arguments,
    };
    if (!fill_bind(channel, &bind, reply) || !exchange_bind(channel->base.connection, &bind, reply))
        return false;
    if (!asked->no_wait)
        amqp_send(amqp_channel_connection(channel), channel->base.number,
                  &(struct method){.kind = METHOD_QUEUE_BIND_OK});
    return true;
}

bool amqp_on_queue_unbind(struct amqp_channel *channel, const struct method *method,
                          struct reply *reply)
{
    const struct method_queue_unbind *asked = &method->queue_unbind;
    uint8_t queue[UINT8_MAX];
    uint8_t exchange[UINT8_MAX];
    struct bind bind = {
        .source = amqp_strip_name(asked->exchange, exchange),
        .destination = amqp_strip_name(asked->queue, queue),
        .key = asked->routing_key,
        .arguments = asked->arguments,
    };
    if (!fill_bind(channel, &bind, reply) ||
        !exchange_unbind(channel->base.connection, &bind, reply))
        return false;
    amqp_send(amqp_channel_connection(channel), channel->base.number,
              &(struct method){.kind = METHOD_QUEUE_UNBIND_OK});
    return true;
}

bool amqp_on_queue_purge(struct amqp_channel *channel, const struct method *method,
                         struct reply *reply)
{
    const struct method_queue_purge *asked = &method->queue_purge;
    uint8_t room[UINT8_MAX];
    struct slice name = amqp_strip_name(asked->queue, room);
    uint32_t messages = 0;
    if (!amqp_queue_name(channel, &name, reply) ||
        !queue_purge(channel->base.connection, name, &messages, reply))
        return false;
    if (!asked->no_wait)
        amqp_send(amqp_channel_connection(channel), channel->base.number,
                  &(struct method){.kind = METHOD_QUEUE_PURGE_OK,
                                   .queue_purge_ok = {.message_count = messages}});
    return true;
}

static bool delete (struct amqp_channel *channel, const struct method_queue_delete *asked,
                    uint32_t *messages, struct reply *reply)
{
    uint8_t room[UINT8_MAX];
    struct slice name = amqp_strip_name(asked->queue, room);
    return amqp_queue_name(channel, &name, reply) &&
           queue_delete(channel->base.connection, name, asked->if_unused, asked->if_empty, messages,
                        reply);
}

/* The client's own consumers hear of it after the answer, as with RabbitMQ. */
bool amqp_on_queue_delete(struct amqp_channel *channel, const struct method *method,
                          struct reply *reply)
{
    struct amqp_connection *amqp = amqp_channel_connection(channel);
    struct buf cancels = BUF_INIT;
    uint32_t messages = 0;
    amqp->afterwards = &cancels;
    bool good = delete (channel, &method->queue_delete, &messages, reply);
    amqp->afterwards = NULL;
    if (good && !method->queue_delete.no_wait)
        amqp_send(amqp, channel->base.number,
                  &(struct method){.kind = METHOD_QUEUE_DELETE_OK,
                                   .queue_delete_ok = {.message_count = messages}});
    if (cancels.len)
        amqp_send_bytes(amqp, cancels.data, cancels.len);
    buf_fini(&cancels);
    return good;
}
