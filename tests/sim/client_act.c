/* SPDX-License-Identifier: Apache-2.0 */
/* What clients decide to do, and the methods that it takes. */
#include "tests/sim/client.h"

#include "proto/table.h"
#include "tests/sim/client_send.h"

#define CHANCE(percent) world_percent(client->world, percent)
#define BELOW(bound) world_below(client->world, bound)

static const struct queue_spec *any_queue(struct client *client)
{
    return &client->world->queues[BELOW(client->world->queue_count)];
}

static const struct exchange_spec *any_exchange(struct client *client)
{
    return &client->world->exchanges[BELOW(client->world->exchange_count)];
}

/* NULL: the world has none of that kind. */
static const struct exchange_spec *own_exchange(struct client *client)
{
    const struct exchange_spec *spec = any_exchange(client);
    return spec->predeclared ? NULL : spec;
}

/* -- publishing -- */

static struct m_message *new_message(struct client *client)
{
    struct world *world = client->world;
    struct m_message *message = ARENA_NEW(&world->arena, struct m_message);
    message->id = ++world->message_next;
    message->priority = CHANCE(world->priority_percent) ? (int)BELOW(6) : -1;
    message->persistent = CHANCE(world->persistent_percent);
    message->body_len = CHANCE(10) ? 0 : BELOW(world->body_max);
    message->header_h = message->header_g = -1;
    if (CHANCE(world->expiration_percent))
        message->expiration =
            arena_printf(&world->arena, "%u", CHANCE(10) ? 0 : 5 * (1 + (unsigned)BELOW(60)));
    if (CHANCE(world->headers_percent)) {
        message->has_headers = true;
        message->header_h = CHANCE(80) ? (int64_t)BELOW(3) : -1;
        message->header_g = CHANCE(50) ? (int64_t)BELOW(3) : -1;
    }
    if (CHANCE(world->user_id_percent))
        message->user_id = CHANCE(50) ? "guest" : WORLD_SECOND_USER;
    if (CHANCE(world->cc_percent)) {
        message->has_headers = true;
        message->cc[0] = CHANCE(50) ? any_queue(client)->name : world_key(world);
        message->cc[1] = CHANCE(30) ? world_key(world) : NULL;
        message->bcc = CHANCE(30) ? any_queue(client)->name : NULL;
    }
    return message;
}

static void send_message(struct client *client, uint16_t channel, struct m_message *message)
{
    struct m_op *op = client_op(client, channel, METHOD_BASIC_PUBLISH);
    trace_line(&client->world->trace, "client %u ch %u: message %lu for '%s' '%s'", client->id,
               channel, (unsigned long)message->id, message->exchange, message->key);
    op->message = message;
    op->method.basic_publish = (struct method_basic_publish){
        .exchange = slice_str(message->exchange),
        .routing_key = slice_str(message->key),
        .mandatory = CHANCE(client->world->mandatory_percent),
    };
    client_send(client, op);
}

static void publish(struct client *client, uint16_t channel)
{
    struct m_message *message = new_message(client);
    if (CHANCE(client->world->default_exchange_percent)) {
        message->exchange = "";
        message->key = any_queue(client)->name;
    } else {
        message->exchange = any_exchange(client)->name;
        message->key = world_key(client->world);
    }
    send_message(client, channel, message);
}

/* -- asking and answering -- */

static void consume_replies(struct client *client, uint16_t number)
{
    struct world *world = client->world;
    struct client_channel *channel = &client->channels[number];
    struct client_consumer *consumer = ARENA_NEW(&world->arena, struct client_consumer);
    struct m_op *op = client_op(client, number, METHOD_BASIC_CONSUME);
    consumer->tag = arena_printf(&world->arena, "r%u.%u", client->id, client->consumer_next++);
    consumer->no_ack = true;
    op->for_replies = true;
    op->method.basic_consume.queue = slice_str("amq.rabbitmq.reply-to");
    op->method.basic_consume.consumer_tag = slice_str(consumer->tag);
    op->method.basic_consume.no_ack = !CHANCE(5);
    channel->asks = true;
    vec_push(&world->arena, &channel->consumers, consumer);
    client_send(client, op);
}

/* A request to whoever consumes; sometimes, wrongly, without waiting for replies. */
static void ask(struct client *client, uint16_t number)
{
    bool prepared = client->channels[number].asks;
    if (!client->channels[number].waiting && CHANCE(prepared ? 5 : 90)) {
        consume_replies(client, number);
        return;
    }
    struct m_message *message = new_message(client);
    message->wants_reply = true;
    message->exchange = "";
    message->key = any_queue(client)->name;
    send_message(client, number, message);
}

static void reply(struct client *client, uint16_t number)
{
    if (!client->reply_to)
        return;
    struct m_message *message = new_message(client);
    message->exchange = "";
    message->key = client->reply_to;
    if (CHANCE(70))
        client->reply_to = NULL;
    send_message(client, number, message);
}

/* -- acknowledging -- */

/* A tag that is waiting, and with `multiple` all before it, taken off the list. */
static uint64_t take_tag(struct client *client, struct client_channel *channel, bool multiple)
{
    size_t index = CHANCE(60) ? 0 : BELOW(channel->tags.count);
    uint64_t tag = *(uint64_t *)channel->tags.at[index];
    if (!multiple) {
        vec_remove_at(&channel->tags, index);
        return tag;
    }
    for (size_t i = 0; i <= index; i++)
        vec_remove_at(&channel->tags, 0);
    if (CHANCE(15)) {
        channel->tags.count = 0;
        return 0;
    }
    return tag;
}

static void acknowledge(struct client *client, uint16_t number, enum act act)
{
    struct client_channel *channel = &client->channels[number];
    if (channel->tags.count == 0)
        return;
    bool multiple = act != ACT_REJECT && CHANCE(30);
    uint64_t tag = take_tag(client, channel, multiple);
    /* Tag 0 is "all": deliveries on their way here, too, which will then be unknown. */
    if (tag == 0)
        multiple = true;
    struct m_op *op = client_op(client, number,
                                act == ACT_ACK    ? METHOD_BASIC_ACK
                                : act == ACT_NACK ? METHOD_BASIC_NACK
                                                  : METHOD_BASIC_REJECT);
    bool requeue = CHANCE(60);
    if (act == ACT_ACK)
        op->method.basic_ack = (struct method_basic_ack){tag, multiple};
    else if (act == ACT_NACK)
        op->method.basic_nack = (struct method_basic_nack){tag, multiple, requeue};
    else
        op->method.basic_reject = (struct method_basic_reject){tag, requeue};
    client_send(client, op);
}

static void acknowledge_nonsense(struct client *client, uint16_t number)
{
    struct m_op *op = client_op(client, number, METHOD_BASIC_ACK);
    op->method.basic_ack.delivery_tag = 1000000 + BELOW(5);
    client_send(client, op);
}

/* -- consuming -- */

static void consume(struct client *client, uint16_t number)
{
    struct world *world = client->world;
    const struct queue_spec *spec = any_queue(client);
    struct client_consumer *consumer = ARENA_NEW(&world->arena, struct client_consumer);
    struct m_op *op = client_op(client, number, METHOD_BASIC_CONSUME);
    struct method_basic_consume *method = &op->method.basic_consume;
    if (client->channels[number].consumers.count >= 4)
        return;
    consumer->tag = arena_printf(&world->arena, "c%u.%u", client->id, client->consumer_next++);
    consumer->no_ack = CHANCE(world->no_ack_percent);
    op->queue = spec;
    op->priority = CHANCE(30) ? (int64_t)BELOW(3) : 0;
    method->queue = slice_str(spec->name);
    method->consumer_tag = slice_str(consumer->tag);
    method->no_ack = consumer->no_ack;
    method->exclusive = CHANCE(4);
    if (op->priority) {
        struct buf table = BUF_INIT;
        table_add_int32(&table, "x-priority", (int32_t)op->priority);
        method->arguments = arena_copy(&world->arena, buf_slice(&table));
        buf_fini(&table);
    }
    vec_push(&world->arena, &client->channels[number].consumers, consumer);
    client_send(client, op);
}

static void cancel(struct client *client, uint16_t number)
{
    struct client_channel *channel = &client->channels[number];
    if (channel->consumers.count == 0)
        return;
    size_t index = BELOW(channel->consumers.count);
    const struct client_consumer *consumer = channel->consumers.at[index];
    struct m_op *op = client_op(client, number, METHOD_BASIC_CANCEL);
    op->method.basic_cancel.consumer_tag = slice_str(consumer->tag);
    client_send(client, op);
}

static void set_qos(struct client *client, uint16_t number)
{
    struct m_op *op = client_op(client, number, METHOD_BASIC_QOS);
    op->method.basic_qos.prefetch_count = (uint16_t)BELOW(5);
    op->method.basic_qos.global = CHANCE(30);
    client_send(client, op);
}

/* The one form that is allowed. */
static void set_flow(struct client *client, uint16_t number)
{
    struct m_op *op = client_op(client, number, METHOD_CHANNEL_FLOW);
    op->method.channel_flow.active = true;
    client_send(client, op);
}

void client_get(struct client *client, uint16_t number, const struct queue_spec *spec, bool no_ack)
{
    struct m_op *op = client_op(client, number, METHOD_BASIC_GET);
    op->queue = spec;
    op->method.basic_get.queue = slice_str(spec->name);
    op->method.basic_get.no_ack = no_ack;
    client->channels[number].got_no_ack = no_ack;
    client_send(client, op);
}

/* -- topology -- */

void client_declare_queue(struct client *client, uint16_t channel, const struct queue_spec *spec)
{
    struct m_op *op = client_op(client, channel, METHOD_QUEUE_DECLARE);
    op->queue = spec;
    op->method.queue_declare = (struct method_queue_declare){
        .queue = slice_str(spec->name),
        .passive = CHANCE(10),
        .durable = spec->durable,
        .exclusive = spec->exclusive,
        .auto_delete = spec->auto_delete,
        .arguments = spec->arguments,
    };
    client_send(client, op);
}

void client_delete_queue(struct client *client, uint16_t channel, const struct queue_spec *spec)
{
    struct m_op *op = client_op(client, channel, METHOD_QUEUE_DELETE);
    op->queue = spec;
    op->method.queue_delete.queue = slice_str(spec->name);
    client_send(client, op);
}

static void delete_any_queue(struct client *client, uint16_t channel)
{
    struct m_op *op = client_op(client, channel, METHOD_QUEUE_DELETE);
    op->queue = any_queue(client);
    op->method.queue_delete.queue = slice_str(op->queue->name);
    op->method.queue_delete.if_unused = !op->queue->quorum && CHANCE(20);
    op->method.queue_delete.if_empty = !op->queue->quorum && CHANCE(20);
    client_send(client, op);
}

static void purge(struct client *client, uint16_t channel)
{
    struct m_op *op = client_op(client, channel, METHOD_QUEUE_PURGE);
    op->queue = any_queue(client);
    op->method.queue_purge.queue = slice_str(op->queue->name);
    client_send(client, op);
}

void client_declare_exchange(struct client *client, uint16_t channel,
                             const struct exchange_spec *spec)
{
    struct m_op *op = client_op(client, channel, METHOD_EXCHANGE_DECLARE);
    op->exchange = spec;
    op->method.exchange_declare = (struct method_exchange_declare){
        .exchange = slice_str(spec->name),
        .type = slice_str(exchange_kind_name(spec->kind)),
        .durable = spec->durable,
        .auto_delete = spec->auto_delete,
        .internal = spec->internal,
        .arguments = spec->arguments,
    };
    client_send(client, op);
}

void client_delete_exchange(struct client *client, uint16_t channel,
                            const struct exchange_spec *spec)
{
    struct m_op *op = client_op(client, channel, METHOD_EXCHANGE_DELETE);
    op->exchange = spec;
    op->method.exchange_delete.exchange = slice_str(spec->name);
    op->method.exchange_delete.if_unused = CHANCE(20);
    client_send(client, op);
}

static void choose_headers(struct client *client, struct m_binding *pattern, struct buf *table)
{
    pattern->header_h = pattern->header_g = -1;
    pattern->any = CHANCE(40);
    if (CHANCE(70))
        pattern->header_h = (int64_t)BELOW(3);
    if (CHANCE(40))
        pattern->header_g = (int64_t)BELOW(3);
    table_add_str(table, "x-match", slice_str(pattern->any ? "any" : "all"));
    if (pattern->header_h >= 0)
        table_add_int64(table, "h", pattern->header_h);
    if (pattern->header_g >= 0)
        table_add_int32(table, "g", (int32_t)pattern->header_g);
}

/* A binding's source, key and arguments; NULL: there is nothing to bind to. */
static struct m_op *binding_op(struct client *client, uint16_t channel, bool bind)
{
    const struct exchange_spec *source = any_exchange(client);
    if (*source->name == '\0')
        return NULL;
    bool to_queue = CHANCE(80) || client->world->exchange_count < 2;
    struct m_op *op = client_op(client, channel,
                                to_queue ? (bind ? METHOD_QUEUE_BIND : METHOD_QUEUE_UNBIND)
                                         : (bind ? METHOD_EXCHANGE_BIND : METHOD_EXCHANGE_UNBIND));
    op->binding = ARENA_NEW(&client->world->arena, struct m_binding);
    op->binding->header_h = op->binding->header_g = -1;
    op->binding->key =
        source->kind == KIND_TOPIC ? world_pattern(client->world) : world_key(client->world);
    op->exchange = source;
    if (to_queue)
        op->queue = any_queue(client);
    else
        op->destination = &client->world->exchanges[1 + BELOW(client->world->exchange_count - 1)];
    return op;
}

static void fill_binding(struct m_op *op, struct slice arguments)
{
    struct slice key = slice_str(op->binding->key);
    struct slice source = slice_str(op->exchange->name);
    struct method *method = &op->method;
    if (method->kind == METHOD_QUEUE_BIND)
        method->queue_bind = (struct method_queue_bind){.queue = slice_str(op->queue->name),
                                                        .exchange = source,
                                                        .routing_key = key,
                                                        .arguments = arguments};
    else if (method->kind == METHOD_QUEUE_UNBIND)
        method->queue_unbind = (struct method_queue_unbind){.queue = slice_str(op->queue->name),
                                                            .exchange = source,
                                                            .routing_key = key,
                                                            .arguments = arguments};
    else if (method->kind == METHOD_EXCHANGE_BIND)
        method->exchange_bind =
            (struct method_exchange_bind){.destination = slice_str(op->destination->name),
                                          .source = source,
                                          .routing_key = key,
                                          .arguments = arguments};
    else
        method->exchange_unbind =
            (struct method_exchange_unbind){.destination = slice_str(op->destination->name),
                                            .source = source,
                                            .routing_key = key,
                                            .arguments = arguments};
}

static void change_binding(struct client *client, uint16_t channel, bool bind)
{
    struct m_op *op = binding_op(client, channel, bind);
    if (!op)
        return;
    struct buf table = BUF_INIT;
    if (op->exchange->kind == KIND_HEADERS)
        choose_headers(client, op->binding, &table);
    fill_binding(op, arena_copy(&client->world->arena, buf_slice(&table)));
    buf_fini(&table);
    client_send(client, op);
}

void client_bind_random(struct client *client, uint16_t channel)
{
    change_binding(client, channel, true);
}

/* -- deciding -- */

static void simple(struct client *client, uint16_t channel, enum method_kind kind)
{
    struct m_op *op = client_op(client, channel, kind);
    if (kind == METHOD_BASIC_RECOVER)
        op->method.basic_recover.requeue = true;
    client_send(client, op);
}

static void close_channel(struct client *client, uint16_t number)
{
    struct m_op *op = client_op(client, number, METHOD_CHANNEL_CLOSE);
    op->method.channel_close.reply_code = 200;
    client_send(client, op);
    client->channels[number].open = false;
    client->channels[number].closing = true;
}

/* What ends the connection with a hard error. */
static void misbehave(struct client *client, uint16_t number)
{
    uint64_t way = BELOW(5);
    struct m_op *op;
    if (way == 0) {
        op = client_op(client, number, METHOD_BASIC_QOS);
        op->method.basic_qos.prefetch_size = 1;
        op->hard = 540;
    } else if (way == 1) {
        op = client_op(client, number, METHOD_BASIC_RECOVER);
        op->hard = 540;
    } else if (way == 2) {
        op = client_op(client, number, METHOD_CHANNEL_FLOW);
        op->hard = 540;
    } else if (way == 3) {
        op = client_op(client, number, METHOD_CHANNEL_OPEN);
        op->hard = 504;
    } else {
        op = client_op(client, M_CHANNELS_MAX, METHOD_BASIC_QOS);
        op->hard = 504;
    }
    client_send(client, op);
}

static void die(struct client *client)
{
    trace_line(&client->world->trace, "client %u dies", client->id);
    client->link->half_open = true;
    client_reset(client);
}

/* Acts on an open channel that waits for nothing. style: long, because it is a table. */
static void act_on(struct client *client, uint16_t number, enum act act)
{
    struct client_channel *channel = &client->channels[number];
    const struct exchange_spec *own = own_exchange(client);
    switch (act) {
    case ACT_PUBLISH:
        publish(client, number);
        break;
    case ACT_ACK:
    case ACT_NACK:
    case ACT_REJECT:
        acknowledge(client, number, act);
        break;
    case ACT_BAD_ACK:
        acknowledge_nonsense(client, number);
        break;
    case ACT_GET:
        client_get(client, number, any_queue(client), CHANCE(30));
        break;
    case ACT_CONSUME:
        consume(client, number);
        break;
    case ACT_CANCEL:
        cancel(client, number);
        break;
    case ACT_QOS:
        set_qos(client, number);
        break;
    case ACT_PURGE:
        purge(client, number);
        break;
    case ACT_RECOVER:
        simple(client, number, METHOD_BASIC_RECOVER);
        break;
    case ACT_DECLARE_QUEUE:
        client_declare_queue(client, number, any_queue(client));
        break;
    case ACT_DELETE_QUEUE:
        delete_any_queue(client, number);
        break;
    case ACT_DECLARE_EXCHANGE:
        if (own)
            client_declare_exchange(client, number, own);
        break;
    case ACT_DELETE_EXCHANGE:
        if (own)
            client_delete_exchange(client, number, own);
        break;
    case ACT_BIND:
        change_binding(client, number, true);
        break;
    case ACT_UNBIND:
        change_binding(client, number, false);
        break;
    case ACT_CONFIRM:
        if (!channel->transactional)
            simple(client, number, METHOD_CONFIRM_SELECT), channel->confirming = true;
        break;
    case ACT_TX_SELECT:
        if (!channel->confirming)
            simple(client, number, METHOD_TX_SELECT), channel->transactional = true;
        break;
    case ACT_TX_COMMIT:
    case ACT_TX_ROLLBACK:
        if (channel->transactional)
            simple(client, number, act == ACT_TX_COMMIT ? METHOD_TX_COMMIT : METHOD_TX_ROLLBACK);
        break;
    case ACT_MISBEHAVE:
        misbehave(client, number);
        break;
    case ACT_ASK:
        ask(client, number);
        break;
    case ACT_REPLY:
        reply(client, number);
        break;
    case ACT_FLOW:
        set_flow(client, number);
        break;
    case ACT_CLOSE_CHANNEL:
        close_channel(client, number);
        break;
    case ACT_OPEN_CHANNEL:
    case ACT_CLOSE_CONNECTION:
    case ACT_DIE:
    case ACT_COUNT:
        break;
    }
}

void client_act(struct client *client)
{
    if (client->state == CLIENT_AWAY) {
        if (CHANCE(30))
            client_connect(client);
        return;
    }
    enum act act = world_act(client->world);
    if (act == ACT_DIE) {
        die(client);
        return;
    }
    if (client->state != CLIENT_OPEN)
        return;
    uint16_t number = (uint16_t)(1 + BELOW(client->world->channels_max));
    struct client_channel *channel = &client->channels[number];
    if (act == ACT_CLOSE_CONNECTION) {
        client_close(client);
        return;
    }
    if (!channel->open) {
        if (!channel->waiting && !channel->closing)
            client_open_channel(client, number);
        return;
    }
    bool async = act == ACT_PUBLISH || act == ACT_ACK || act == ACT_NACK || act == ACT_REJECT;
    if (!channel->waiting || async)
        act_on(client, number, act);
}
