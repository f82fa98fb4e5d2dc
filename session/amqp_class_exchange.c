/* SPDX-License-Identifier: Apache-2.0 */
/* Class exchange. */
#include "broker/exchange.h"
#include "session/amqp.h"

static void answer(struct amqp_channel *channel, enum method_kind kind, bool no_wait)
{
    if (!no_wait)
        amqp_send(amqp_channel_connection(channel), channel->base.number,
                  &(struct method){.kind = kind});
}

bool amqp_on_exchange_declare(struct amqp_channel *channel, const struct method *method,
                              struct reply *reply)
{
    const struct method_exchange_declare *asked = &method->exchange_declare;
    uint8_t room[UINT8_MAX];
    struct exchange_declare declare = {
        .name = amqp_strip_name(asked->exchange, room),
        .type = asked->type,
        .passive = asked->passive,
        .durable = asked->durable,
        .auto_delete = asked->auto_delete,
        .internal = asked->internal,
        .arguments = asked->arguments,
    };
    if (!exchange_declare(channel->base.connection, &declare, reply))
        return false;
    answer(channel, METHOD_EXCHANGE_DECLARE_OK, asked->no_wait);
    return true;
}

bool amqp_on_exchange_delete(struct amqp_channel *channel, const struct method *method,
                             struct reply *reply)
{
    const struct method_exchange_delete *asked = &method->exchange_delete;
    uint8_t room[UINT8_MAX];
    struct slice name = amqp_strip_name(asked->exchange, room);
    if (!exchange_delete(channel->base.connection, name, asked->if_unused, reply))
        return false;
    answer(channel, METHOD_EXCHANGE_DELETE_OK, asked->no_wait);
    return true;
}

bool amqp_on_exchange_bind(struct amqp_channel *channel, const struct method *method,
                           struct reply *reply)
{
    const struct method_exchange_bind *asked = &method->exchange_bind;
    uint8_t source[UINT8_MAX];
    uint8_t destination[UINT8_MAX];
    struct bind bind = {
        .source = amqp_strip_name(asked->source, source),
        .destination = amqp_strip_name(asked->destination, destination),
        .to_exchange = true,
        .key = asked->routing_key,
        .arguments = asked->arguments,
    };
    if (!exchange_bind(channel->base.connection, &bind, reply))
        return false;
    answer(channel, METHOD_EXCHANGE_BIND_OK, asked->no_wait);
    return true;
}

bool amqp_on_exchange_unbind(struct amqp_channel *channel, const struct method *method,
                             struct reply *reply)
{
    const struct method_exchange_unbind *asked = &method->exchange_unbind;
    uint8_t source[UINT8_MAX];
    uint8_t destination[UINT8_MAX];
    struct bind bind = {
        .source = amqp_strip_name(asked->source, source),
        .destination = amqp_strip_name(asked->destination, destination),
        .to_exchange = true,
        .key = asked->routing_key,
        .arguments = asked->arguments,
    };
    if (!exchange_unbind(channel->base.connection, &bind, reply))
        return false;
    answer(channel, METHOD_EXCHANGE_UNBIND_OK, asked->no_wait);
    return true;
}
