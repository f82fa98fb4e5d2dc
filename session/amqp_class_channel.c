/* SPDX-License-Identifier: Apache-2.0 */
/* Classes channel and access, confirm and tx: what concerns the channel as a whole. */
#include "session/amqp.h"

static void answer(struct amqp_channel *channel, enum method_kind kind)
{
    amqp_send(amqp_channel_connection(channel), channel->base.number,
              &(struct method){.kind = kind});
}

/* A channel that is not open has no handlers: this is the second one. */
bool amqp_on_channel_open(struct amqp_channel *channel, const struct method *method,
                          struct reply *reply)
{
    (void)channel;
    (void)method;
    return reply_set(reply, REPLY_CHANNEL_ERROR, "second 'channel.open' seen");
}

bool amqp_on_channel_close(struct amqp_channel *channel, const struct method *method,
                           struct reply *reply)
{
    struct amqp_connection *amqp = amqp_channel_connection(channel);
    uint16_t number = channel->base.number;
    (void)method;
    (void)reply;
    amqp_channel_free(channel);
    amqp_send(amqp, number, &(struct method){.kind = METHOD_CHANNEL_CLOSE_OK});
    return true;
}

/* The one form that RabbitMQ knows: consumers are held by prefetch, publishers by the socket. */
bool amqp_on_channel_flow(struct amqp_channel *channel, const struct method *method,
                          struct reply *reply)
{
    if (!method->channel_flow.active)
        return reply_set(reply, REPLY_NOT_IMPLEMENTED, "active=false");
    amqp_send(
        amqp_channel_connection(channel), channel->base.number,
        &(struct method){.kind = METHOD_CHANNEL_FLOW_OK, .channel_flow_ok = {.active = true}});
    return true;
}

/* A leftover of 0-8 that some clients still ask for; the ticket means nothing. */
bool amqp_on_access_request(struct amqp_channel *channel, const struct method *method,
                            struct reply *reply)
{
    (void)method;
    (void)reply;
    amqp_send(
        amqp_channel_connection(channel), channel->base.number,
        &(struct method){.kind = METHOD_ACCESS_REQUEST_OK, .access_request_ok = {.ticket = 1}});
    return true;
}

bool amqp_on_confirm_select(struct amqp_channel *channel, const struct method *method,
                            struct reply *reply)
{
    if (!channel_confirm_select(&channel->base, reply))
        return false;
    if (!method->confirm_select.no_wait)
        answer(channel, METHOD_CONFIRM_SELECT_OK);
    return true;
}

bool amqp_on_tx_select(struct amqp_channel *channel, const struct method *method,
                       struct reply *reply)
{
    (void)method;
    if (!channel_tx_select(&channel->base, reply))
        return false;
    answer(channel, METHOD_TX_SELECT_OK);
    return true;
}

bool amqp_on_tx_commit(struct amqp_channel *channel, const struct method *method,
                       struct reply *reply)
{
    (void)method;
    if (!channel_tx_commit(&channel->base, reply))
        return false;
    answer(channel, METHOD_TX_COMMIT_OK);
    return true;
}

bool amqp_on_tx_rollback(struct amqp_channel *channel, const struct method *method,
                         struct reply *reply)
{
    (void)method;
    if (!channel_tx_rollback(&channel->base, reply))
        return false;
    answer(channel, METHOD_TX_ROLLBACK_OK);
    return true;
}
