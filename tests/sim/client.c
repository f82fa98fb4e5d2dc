/* SPDX-License-Identifier: Apache-2.0 */
/* A client's conversation: what it sends and what it makes of what arrives. What it decides to do is
 * in client_act.c. */
#include "tests/sim/client.h"

#include "proto/basic.h"
#include "proto/frame.h"
#include "proto/properties.h"
#include "proto/table.h"
#include "tests/sim/client_send.h"

#include <inttypes.h>

void client_init(struct client *client, unsigned id, struct node *node, struct realm *realm)
{
    *client = (struct client){.id = id, .world = node->world, .node = node, .realm = realm};
}

void client_reset(struct client *client)
{
    client->link = NULL;
    client->state = CLIENT_AWAY;
    memset(client->channels, 0, sizeof client->channels);
}

bool client_quiet(const struct client *client)
{
    if (client->state == CLIENT_GREETING || client->state == CLIENT_LEAVING)
        return false;
    for (unsigned i = 1; i <= M_CHANNELS_MAX; i++)
        if (client->channels[i].waiting)
            return false;
    return true;
}

/* -- sending -- */

struct m_op *client_op(struct client *client, uint16_t channel, enum method_kind kind)
{
    struct m_op *op = ARENA_NEW(&client->world->arena, struct m_op);
    op->channel = channel;
    op->method.kind = kind;
    return op;
}

static void add_content(struct client *client, struct buf *bytes, const struct m_op *op)
{
    const struct m_message *message = op->message;
    struct slice properties = model_properties(client->node->model, message);
    uint8_t *body = arena_alloc(&client->world->arena, message->body_len + 1);
    for (size_t i = 0; i < message->body_len; i++)
        body[i] = model_body_byte(message->id, i);
    uint32_t frame_max = client->world->frame_max;
    size_t size = content_header_size(properties) + content_body_size(message->body_len, frame_max);
    uint8_t *start = buf_reserve(bytes, size);
    uint8_t *at = content_header_write(start, op->channel, message->body_len, properties);
    at = content_body_write(at, op->channel, slice_of(body, message->body_len), frame_max);
    CHECK(at == start + size);
    bytes->len += size;
}

/* Where the method has a no-wait bit. */
static bool *no_wait_of(struct method *method)
{
    /* style: no exhaustive switch, because most methods have none. */
    enum method_kind kind = method->kind;
    return kind == METHOD_QUEUE_DECLARE     ? &method->queue_declare.no_wait
           : kind == METHOD_QUEUE_BIND      ? &method->queue_bind.no_wait
           : kind == METHOD_QUEUE_PURGE     ? &method->queue_purge.no_wait
           : kind == METHOD_QUEUE_DELETE    ? &method->queue_delete.no_wait
           : kind == METHOD_EXCHANGE_BIND   ? &method->exchange_bind.no_wait
           : kind == METHOD_EXCHANGE_UNBIND ? &method->exchange_unbind.no_wait
           : kind == METHOD_BASIC_CONSUME   ? &method->basic_consume.no_wait
           : kind == METHOD_BASIC_CANCEL    ? &method->basic_cancel.no_wait
           : kind == METHOD_CONFIRM_SELECT  ? &method->confirm_select.no_wait
                                            : NULL;
}

static void choose_no_wait(struct client *client, struct m_op *op)
{
    bool *no_wait = op->protocol_header ? NULL : no_wait_of(&op->method);
    if (!no_wait || !world_percent(client->world, client->world->no_wait_percent))
        return;
    *no_wait = true;
    op->no_wait = true;
}

void client_send(struct client *client, struct m_op *op)
{
    choose_no_wait(client, op);
    struct buf bytes = BUF_INIT;
    const struct method_info *info = op->protocol_header ? NULL : method_info(op->method.kind);
    trace_line(&client->world->trace, "client %u ch %u: %s%s%lu", client->id, op->channel,
               info ? info->name : "protocol header", op->message ? " message " : " ",
               op->message ? (unsigned long)op->message->id : 0ul);
    if (op->protocol_header)
        buf_add(&bytes, PROTOCOL_HEADER_0_9_1, PROTOCOL_HEADER_SIZE);
    else
        method_frame_add(&bytes, op->channel, &op->method);
    if (op->message)
        add_content(client, &bytes, op);
    if (info && (info->flags & METHOD_SYNC) && op->channel > 0 && !op->no_wait)
        client->channels[op->channel].waiting = true;
    link_send(client->node, client->link, op, &bytes);
    client->last_sent_ms = client->node->now_ms;
    buf_fini(&bytes);
}

/* Twice an interval, as clients do. */
void client_beat(struct client *client)
{
    int64_t silence_ms = client->node->now_ms - client->last_sent_ms;
    if (client->world->heartbeat_s == 0 || client->state != CLIENT_OPEN ||
        silence_ms < client->world->heartbeat_s * 500)
        return;
    struct m_op *op = ARENA_NEW(&client->world->arena, struct m_op);
    struct buf bytes = BUF_INIT;
    op->heartbeat = true;
    buf_add(&bytes, FRAME_HEARTBEAT_BYTES, FRAME_OVERHEAD);
    trace_line(&client->world->trace, "client %u: beats", client->id);
    link_send(client->node, client->link, op, &bytes);
    client->last_sent_ms = client->node->now_ms;
    buf_fini(&bytes);
}

/* -- connecting -- */

void client_connect(struct client *client)
{
    client->link = node_connect(client->node, client->realm, client->id);
    client->state = CLIENT_GREETING;
    struct m_op *op = ARENA_NEW(&client->world->arena, struct m_op);
    op->protocol_header = true;
    client_send(client, op);
}

/* Mostly the right one, when there is one. */
static const char *password(struct client *client)
{
    const char *right = model_user(client->node->model)->password;
    if (right && world_percent(client->world, 85))
        return right;
    return world_percent(client->world, 50) ? WORLD_SECOND_USER : WORLD_OTHER_PASSWORD;
}

static struct slice credentials(struct client *client, const char *user, const char *password)
{
    char text[64] = "";
    size_t user_len = strlen(user);
    size_t len = user_len + strlen(password) + 2;
    CHECK(len < sizeof text);
    memcpy(text + 1, user, user_len);
    memcpy(text + user_len + 2, password, strlen(password));
    return arena_copy(&client->world->arena, slice_of(text, len));
}

static void start_ok(struct client *client)
{
    struct m_op *op = client_op(client, 0, METHOD_CONNECTION_START_OK);
    struct method_connection_start_ok *method = &op->method.connection_start_ok;
    struct buf properties = BUF_INIT;
    struct buf capabilities = BUF_INIT;
    op->cancel_notify = world_percent(client->world, 80);
    op->understands_blocked = world_percent(client->world, 70);
    table_add_bool(&capabilities, "consumer_cancel_notify", op->cancel_notify);
    table_add_bool(&capabilities, "connection.blocked", op->understands_blocked);
    table_add_bool(&capabilities, "authentication_failure_close", true);
    table_add_table(&properties, "capabilities", buf_slice(&capabilities));
    method->client_properties = arena_copy(&client->world->arena, buf_slice(&properties));
    method->mechanism = slice_str("PLAIN");
    op->second_user =
        client->world->second_user && client->id % 2 == 1 && client->realm == client->node->realms;
    op->password = op->second_user ? password(client) : "guest";
    method->response =
        credentials(client, op->second_user ? WORLD_SECOND_USER : "guest", op->password);
    method->locale = slice_str("en_US");
    buf_fini(&capabilities);
    buf_fini(&properties);
    client_send(client, op);
}

static void tune_ok(struct client *client, const struct method_connection_tune *tune)
{
    struct m_op *op = client_op(client, 0, METHOD_CONNECTION_TUNE_OK);
    op->method.connection_tune_ok = (struct method_connection_tune_ok){
        .channel_max = tune->channel_max,
        .frame_max = client->world->frame_max,
        .heartbeat = client->world->heartbeat_s,
    };
    client_send(client, op);
    op = client_op(client, 0, METHOD_CONNECTION_OPEN);
    op->method.connection_open.virtual_host = slice_str(client->realm->name);
    client_send(client, op);
}

void client_close(struct client *client)
{
    struct m_op *op = client_op(client, 0, METHOD_CONNECTION_CLOSE);
    op->method.connection_close.reply_code = 200;
    client_send(client, op);
    client->state = CLIENT_LEAVING;
    for (unsigned i = 1; i <= M_CHANNELS_MAX; i++)
        client->channels[i] = (struct client_channel){0};
}

/* -- channels -- */

void client_open_channel(struct client *client, uint16_t number)
{
    client_send(client, client_op(client, number, METHOD_CHANNEL_OPEN));
}

static void channel_closed_by_node(struct client *client, uint16_t number)
{
    client->channels[number] = (struct client_channel){0};
    client_send(client, client_op(client, number, METHOD_CHANNEL_CLOSE_OK));
}

/* -- arriving -- */

static void note_tag(struct client *client, struct client_channel *channel, uint64_t tag)
{
    uint64_t *copy = ARENA_NEW(&client->world->arena, uint64_t);
    *copy = tag;
    vec_push(&client->world->arena, &channel->tags, copy);
}

static void note_request(struct client *client, const struct m_frame *frame)
{
    struct slice address;
    if (properties_find(frame->content.properties, PROPERTY_REPLY_TO, &address))
        client->reply_to = arena_text(&client->world->arena, address);
}

static struct client_consumer *find_consumer(struct client_channel *channel, struct slice tag)
{
    for (size_t i = 0; i < channel->consumers.count; i++) {
        struct client_consumer *consumer = channel->consumers.at[i];
        if (slice_equal_str(tag, consumer->tag))
            return consumer;
    }
    return NULL;
}

static void forget_consumer(struct client_channel *channel, struct slice tag)
{
    struct client_consumer *consumer = find_consumer(channel, tag);
    if (consumer)
        vec_remove(&channel->consumers, consumer);
}

static void read_connection(struct client *client, const struct m_frame *frame)
{
    enum method_kind kind = frame->method.kind;
    if (kind == METHOD_CONNECTION_START)
        start_ok(client);
    else if (kind == METHOD_CONNECTION_TUNE)
        tune_ok(client, &frame->method.connection_tune);
    else if (kind == METHOD_CONNECTION_OPEN_OK)
        client->state = CLIENT_OPEN;
    else if (kind == METHOD_CONNECTION_CLOSE) {
        client_send(client, client_op(client, 0, METHOD_CONNECTION_CLOSE_OK));
        client->state = CLIENT_LEAVING;
        for (unsigned i = 1; i <= M_CHANNELS_MAX; i++)
            client->channels[i] = (struct client_channel){0};
    }
}

/* Whether the method answers what the channel waits for. */
static bool is_answer(enum method_kind kind)
{
    return kind != METHOD_BASIC_DELIVER && kind != METHOD_BASIC_RETURN &&
           kind != METHOD_BASIC_ACK && kind != METHOD_BASIC_NACK && kind != METHOD_BASIC_CANCEL;
}

static void read_channel(struct client *client, const struct m_frame *frame)
{
    struct client_channel *channel = &client->channels[frame->channel];
    const struct method *method = &frame->method;
    enum method_kind kind = method->kind;
    if (is_answer(kind))
        channel->waiting = false;
    if (kind == METHOD_CHANNEL_OPEN_OK) {
        *channel = (struct client_channel){.open = true};
    } else if (kind == METHOD_CHANNEL_CLOSE) {
        bool closing = channel->closing;
        channel_closed_by_node(client, frame->channel);
        channel->closing = channel->waiting = closing;
    } else if (kind == METHOD_CHANNEL_CLOSE_OK) {
        *channel = (struct client_channel){0};
    } else if (kind == METHOD_BASIC_DELIVER) {
        note_request(client, frame);
        const struct client_consumer *consumer =
            find_consumer(channel, method->basic_deliver.consumer_tag);
        if (consumer && !consumer->no_ack)
            note_tag(client, channel, method->basic_deliver.delivery_tag);
    } else if (kind == METHOD_BASIC_GET_OK && !channel->got_no_ack) {
        note_tag(client, channel, method->basic_get_ok.delivery_tag);
    } else if (kind == METHOD_BASIC_CANCEL) {
        forget_consumer(channel, method->basic_cancel.consumer_tag);
    } else if (kind == METHOD_BASIC_RECOVER_OK) {
        channel->tags.count = 0;
    }
}

void client_read(struct client *client)
{
    struct link *link = client->link;
    while (client->link && link->frames.count > 0) {
        const struct m_frame *frame = link->frames.at[0];
        if (frame->release->offset > link->arrived)
            return;
        vec_remove_at(&link->frames, 0);
        if (frame->channel == 0)
            read_connection(client, frame);
        else if (client->state == CLIENT_OPEN)
            read_channel(client, frame);
    }
}
