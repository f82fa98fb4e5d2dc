/* SPDX-License-Identifier: Apache-2.0 */
/* Class basic, from the client's side. */
#include "broker/message.h"
#include "session/amqp.h"

static void send(struct amqp_channel *channel, const struct method *method)
{
    amqp_send(amqp_channel_connection(channel), channel->base.number, method);
}

bool amqp_on_basic_qos(struct amqp_channel *channel, const struct method *method,
                       struct reply *reply)
{
    const struct method_basic_qos *asked = &method->basic_qos;
    if (asked->prefetch_size)
        return reply_set(reply, REPLY_NOT_IMPLEMENTED, "prefetch_size!=0 (%u)",
                         asked->prefetch_size);
    if (!channel_set_prefetch(&channel->base, asked->prefetch_count, asked->global, reply))
        return false;
    send(channel, &(struct method){.kind = METHOD_BASIC_QOS_OK});
    return true;
}

/* -- consumers -- */

bool amqp_on_basic_consume(struct amqp_channel *channel, const struct method *method,
                           struct reply *reply)
{
    const struct method_basic_consume *asked = &method->basic_consume;
    struct slice tag;
    struct consume consume = {
        .queue = asked->queue,
        .tag = asked->consumer_tag,
        .no_ack = asked->no_ack,
        .exclusive = asked->exclusive,
        .arguments = asked->arguments,
    };
    if (!amqp_queue_name(channel, &consume.queue, reply) ||
        !channel_consume(&channel->base, &consume, &tag, reply))
        return false;
    if (!asked->no_wait)
        send(channel, &(struct method){.kind = METHOD_BASIC_CONSUME_OK,
                                       .basic_consume_ok = {.consumer_tag = tag}});
    return true;
}

bool amqp_on_basic_cancel(struct amqp_channel *channel, const struct method *method,
                          struct reply *reply)
{
    const struct method_basic_cancel *asked = &method->basic_cancel;
    (void)reply;
    channel_cancel(&channel->base, asked->consumer_tag);
    if (!asked->no_wait)
        send(channel, &(struct method){.kind = METHOD_BASIC_CANCEL_OK,
                                       .basic_cancel_ok = {.consumer_tag = asked->consumer_tag}});
    return true;
}

/* The client agrees to a basic.cancel of ours, which asked for no answer. */
bool amqp_on_basic_cancel_ok(struct amqp_channel *channel, const struct method *method,
                             struct reply *reply)
{
    (void)reply;
    channel_cancel(&channel->base, method->basic_cancel_ok.consumer_tag);
    return true;
}

/* -- messages -- */

bool amqp_on_basic_publish(struct amqp_channel *channel, const struct method *method,
                           struct reply *reply)
{
    return amqp_publish_begin(channel, &method->basic_publish, reply);
}

bool amqp_on_basic_get(struct amqp_channel *channel, const struct method *method,
                       struct reply *reply)
{
    struct amqp_connection *amqp = amqp_channel_connection(channel);
    struct slice name = method->basic_get.queue;
    struct delivery delivery;
    uint32_t remaining;
    if (!amqp_queue_name(channel, &name, reply) ||
        !channel_get(&channel->base, name, method->basic_get.no_ack, &delivery, &remaining, reply))
        return false;
    if (!delivery.message) {
        send(channel, &(struct method){.kind = METHOD_BASIC_GET_EMPTY});
        return true;
    }
    send(channel, &(struct method){.kind = METHOD_BASIC_GET_OK,
                                   .basic_get_ok = {.delivery_tag = delivery.tag,
                                                    .redelivered = delivery.redelivered,
                                                    .exchange = message_exchange(delivery.message),
                                                    .routing_key = message_key(delivery.message),
                                                    .message_count = remaining}});
    amqp_send_content(amqp, channel->base.number, delivery.message, delivery.properties);
    message_unref(delivery.message);
    return true;
}

/* -- acknowledgements -- */

bool amqp_on_basic_ack(struct amqp_channel *channel, const struct method *method,
                       struct reply *reply)
{
    const struct method_basic_ack *asked = &method->basic_ack;
    return channel_ack(&channel->base, asked->delivery_tag, asked->multiple, reply);
}

bool amqp_on_basic_nack(struct amqp_channel *channel, const struct method *method,
                        struct reply *reply)
{
    const struct method_basic_nack *asked = &method->basic_nack;
    return channel_nack(&channel->base, asked->delivery_tag, asked->multiple, asked->requeue,
                        reply);
}

bool amqp_on_basic_reject(struct amqp_channel *channel, const struct method *method,
                          struct reply *reply)
{
    const struct method_basic_reject *asked = &method->basic_reject;
    return channel_nack(&channel->base, asked->delivery_tag, false, asked->requeue, reply);
}

static bool recover(struct amqp_channel *channel, bool requeue, struct reply *reply)
{
    if (!requeue)
        return reply_set(reply, REPLY_NOT_IMPLEMENTED, "requeue=false");
    channel_recover(&channel->base);
    return true;
}

bool amqp_on_basic_recover_async(struct amqp_channel *channel, const struct method *method,
                                 struct reply *reply)
{
    return recover(channel, method->basic_recover_async.requeue, reply);
}

bool amqp_on_basic_recover(struct amqp_channel *channel, const struct method *method,
                           struct reply *reply)
{
    if (!recover(channel, method->basic_recover.requeue, reply))
        return false;
    send(channel, &(struct method){.kind = METHOD_BASIC_RECOVER_OK});
    return true;
}
