/* SPDX-License-Identifier: Apache-2.0 */
/* See amqp_fixture.h. The turn is the one that the server does, with the store written by hand. */
#include "tests/support/amqp_fixture.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/vhost.h"
#include "proto/basic.h"
#include "proto/frame.h"
#include "proto/table.h"
#include "storage/store.h"

#include <check.h>
#include <stdio.h>

#define WALL_START_MS INT64_C(1700000000000)
#define STEP_MS 500

/* -- broker -- */

void amqp_fixture_open(struct amqp_fixture *fixture, const struct broker_options *options)
{
    amqp_fixture_open_with(fixture, options, UINT64_C(1) << 30);
}

void amqp_fixture_open_with(struct amqp_fixture *fixture, const struct broker_options *options,
                            uint64_t pending_bytes_max)
{
    char message[512] = "";
    struct broker_options defaults;
    broker_options_init(&defaults);
    *fixture = (struct amqp_fixture){.now_ms = 1000};
    struct store_options store = {.manual = true, .pending_bytes_max = pending_bytes_max};
    broker_store_options(&store);
    ck_assert_int_eq(store_open(&fixture->store, &store, message, sizeof(message)), ERR_OK);
    fixture->broker = broker_new(options ? options : &defaults, fixture->store);
    broker_set_time(fixture->broker, fixture->now_ms, WALL_START_MS);
    ck_assert_msg(broker_start(fixture->broker, message, sizeof(message)) == ERR_OK, "%s", message);
    amqp_fixture_settle(fixture);
}

static void free_client(struct amqp_test_client *client)
{
    amqp_client_drop(client);
    buf_fini(&client->to_broker);
    buf_fini(&client->from_broker);
    buf_fini(&client->taken);
    mem_free(client);
}

void amqp_fixture_close(struct amqp_fixture *fixture)
{
    fixture->disk_stalls = false;
    while (fixture->clients) {
        struct amqp_test_client *client = fixture->clients;
        fixture->clients = client->next;
        free_client(client);
    }
    amqp_fixture_settle(fixture);
    broker_stop(fixture->broker);
    broker_free(fixture->broker);
    store_close(fixture->store);
}

static bool write_stores(struct amqp_fixture *fixture)
{
    if (fixture->disk_stalls)
        return false;
    bool wrote = store_write(store_node(fixture->store));
    LIST_EACH(&fixture->broker->vhost_list, node)
        wrote = store_write(CONTAINER_OF(node, struct vhost, broker_link)->db) || wrote;
    return wrote;
}

static bool feed(struct amqp_test_client *client)
{
    if (!client->amqp || !client->to_broker.len)
        return false;
    size_t used = amqp_connection_feed(client->amqp, buf_slice(&client->to_broker));
    buf_drain(&client->to_broker, used);
    return used > 0;
}

/* Takes what may be written; true when something moved. */
static bool collect(struct amqp_test_client *client)
{
    if (!client->amqp)
        return false;
    struct outq *output = amqp_connection_output(client->amqp);
    struct amqp_wishes wishes = amqp_connection_wishes(client->amqp);
    struct slice runs[4];
    bool moved = false;
    size_t count;
    while (!client->stuck && (count = outq_peek(output, runs, ARRAY_LEN(runs))) > 0) {
        uint64_t bytes = 0;
        for (size_t i = 0; i < count; i++) {
            buf_add_slice(&client->from_broker, runs[i]);
            bytes += runs[i].len;
        }
        outq_drain(output, bytes);
        amqp_connection_written(client->amqp);
        moved = true;
    }
    if (wishes.abort || (wishes.close && outq_len(output) == 0)) {
        client->closed = true;
        client->parted = wishes.parted;
        amqp_client_drop(client);
    }
    return moved;
}

static bool turn(struct amqp_fixture *fixture)
{
    struct broker *broker = fixture->broker;
    bool moved = write_stores(fixture);
    broker_set_time(broker, fixture->now_ms, WALL_START_MS + fixture->now_ms);
    broker_collect(broker);
    broker_run_timers(broker);
    for (struct amqp_test_client *client = fixture->clients; client; client = client->next)
        moved = feed(client) || moved;
    moved = broker_dispatch(broker) || moved;
    broker_settle(broker);
    for (struct amqp_test_client *client = fixture->clients; client; client = client->next)
        moved = collect(client) || moved;
    return moved;
}

void amqp_fixture_settle(struct amqp_fixture *fixture)
{
    for (unsigned quiet = 0; quiet < 3;)
        quiet = turn(fixture) ? 0 : quiet + 1;
}

void amqp_fixture_pass(struct amqp_fixture *fixture, int64_t ms)
{
    while (ms > 0) {
        int64_t step = ms < STEP_MS ? ms : STEP_MS;
        fixture->now_ms += step;
        ms -= step;
        amqp_fixture_settle(fixture);
    }
}

/* -- clients -- */

static void note_wake(void *context)
{
    ((struct amqp_test_client *)context)->wakes++;
}

struct amqp_test_client *amqp_client_new(struct amqp_fixture *fixture, const struct amqp_peer *peer)
{
    struct amqp_peer usual = {.name = "127.0.0.1:40000 -> 127.0.0.1:5672", .loopback = true};
    struct amqp_test_client *client = MEM_NEW(struct amqp_test_client);
    struct amqp_owner owner = {note_wake, client};
    client->fixture = fixture;
    client->amqp = amqp_connection_new(fixture->broker, peer ? peer : &usual, &owner);
    client->next = fixture->clients;
    fixture->clients = client;
    return client;
}

void amqp_client_drop(struct amqp_test_client *client)
{
    if (client->amqp)
        amqp_connection_free(client->amqp, "the test dropped it");
    client->amqp = NULL;
}

void amqp_client_bytes(struct amqp_test_client *client, const void *bytes, size_t len)
{
    buf_add(&client->to_broker, bytes, len);
}

void amqp_client_send(struct amqp_test_client *client, uint16_t channel,
                      const struct method *method)
{
    method_frame_add(&client->to_broker, channel, method);
}

void amqp_client_publish(struct amqp_test_client *client, uint16_t channel, const char *exchange,
                         const char *key, bool mandatory, struct slice properties,
                         struct slice body)
{
    struct slice none = slice_of("\0\0", 2);
    struct slice given = properties.len ? properties : none;
    amqp_client_send(client, channel,
                     &(struct method){.kind = METHOD_BASIC_PUBLISH,
                                      .basic_publish = {.exchange = slice_str(exchange),
                                                        .routing_key = slice_str(key),
                                                        .mandatory = mandatory}});
    size_t size = content_header_size(given) + content_body_size(body.len, 4096);
    uint8_t *out = buf_reserve(&client->to_broker, size);
    out = content_header_write(out, channel, body.len, given);
    content_body_write(out, channel, body, 4096);
    client->to_broker.len += size;
}

static void send_start_ok(struct amqp_test_client *client)
{
    struct buf capabilities = BUF_INIT;
    struct buf properties = BUF_INIT;
    table_add_bool(&capabilities, "connection.blocked", true);
    table_add_bool(&capabilities, "consumer_cancel_notify", true);
    table_add_bool(&capabilities, "authentication_failure_close", true);
    table_add_table(&properties, "capabilities", buf_slice(&capabilities));
    amqp_client_send(
        client, 0,
        &(struct method){.kind = METHOD_CONNECTION_START_OK,
                         .connection_start_ok = {.client_properties = buf_slice(&properties),
                                                 .mechanism = slice_str("PLAIN"),
                                                 .response = slice_of("\0guest\0guest", 12),
                                                 .locale = slice_str("en_US")}});
    buf_fini(&capabilities);
    buf_fini(&properties);
}

struct amqp_test_client *amqp_client_login(struct amqp_fixture *fixture, uint32_t frame_max)
{
    struct amqp_test_client *client = amqp_client_new(fixture, NULL);
    amqp_client_bytes(client, PROTOCOL_HEADER_0_9_1, PROTOCOL_HEADER_SIZE);
    amqp_expect(client, 0, METHOD_CONNECTION_START);
    send_start_ok(client);
    struct method_connection_tune tune =
        amqp_expect(client, 0, METHOD_CONNECTION_TUNE)->connection_tune;
    amqp_client_send(client, 0,
                     &(struct method){.kind = METHOD_CONNECTION_TUNE_OK,
                                      .connection_tune_ok = {
                                          .channel_max = tune.channel_max,
                                          .frame_max = frame_max ? frame_max : tune.frame_max}});
    amqp_call(client, 0,
              &(struct method){.kind = METHOD_CONNECTION_OPEN,
                               .connection_open = {.virtual_host = slice_str("/")}},
              METHOD_CONNECTION_OPEN_OK);
    return client;
}

/* -- expectations -- */

/* The next frame that came from the broker; its bytes move to client->taken. */
static bool take_frame(struct amqp_test_client *client, struct frame *frame)
{
    struct reply error;
    amqp_fixture_settle(client->fixture);
    enum frame_status status =
        frame_parse(buf_slice(&client->from_broker), UINT32_MAX / 2, frame, &error);
    ck_assert_int_ne(status, FRAME_BROKEN);
    if (status == FRAME_PARTIAL)
        return false;
    buf_clear(&client->taken);
    buf_add(&client->taken, client->from_broker.data, frame->size);
    buf_drain(&client->from_broker, frame->size);
    frame->payload.data = client->taken.data + FRAME_HEADER_SIZE;
    return true;
}

static void expect_frame(struct amqp_test_client *client, uint16_t channel, enum frame_type type,
                         struct frame *frame)
{
    ck_assert_msg(take_frame(client, frame), "no frame came (closed: %d)", client->closed);
    ck_assert_msg(frame->type == type && frame->channel == channel,
                  "a frame of type %u came on channel %u", frame->type, frame->channel);
}

static const char *method_text(const struct method *method)
{
    static char text[400];
    struct slice reply = {0};
    if (method->kind == METHOD_CHANNEL_CLOSE)
        reply = method->channel_close.reply_text;
    if (method->kind == METHOD_CONNECTION_CLOSE)
        reply = method->connection_close.reply_text;
    snprintf(text, sizeof(text), "%s %.*s", method_info(method->kind)->name, SLICE_FMT(reply));
    return text;
}

const struct method *amqp_expect(struct amqp_test_client *client, uint16_t channel,
                                 enum method_kind kind)
{
    struct frame frame;
    struct reply error;
    ck_assert_msg(take_frame(client, &frame), "no %s came (closed: %d)", method_info(kind)->name,
                  client->closed);
    ck_assert_uint_eq(frame.type, FRAME_METHOD);
    ck_assert(method_decode(&client->method, frame.payload, &error));
    ck_assert_msg(client->method.kind == kind && frame.channel == channel,
                  "%s on channel %u came instead of %s on %u", method_text(&client->method),
                  frame.channel, method_info(kind)->name, channel);
    return &client->method;
}

const struct method *amqp_call(struct amqp_test_client *client, uint16_t channel,
                               const struct method *method, enum method_kind answer)
{
    amqp_client_send(client, channel, method);
    return amqp_expect(client, channel, answer);
}

void amqp_expect_close(struct amqp_test_client *client, uint16_t channel, unsigned code,
                       const char *text, unsigned class_id, unsigned method_id)
{
    /* Both methods have the same fields. */
    enum method_kind kind = channel ? METHOD_CHANNEL_CLOSE : METHOD_CONNECTION_CLOSE;
    const struct method_connection_close *close =
        &amqp_expect(client, channel, kind)->connection_close;
    char got[256];
    snprintf(got, sizeof(got), "%.*s", SLICE_FMT(close->reply_text));
    ck_assert_str_eq(got, text);
    ck_assert_uint_eq(close->reply_code, code);
    ck_assert_uint_eq(close->class_id, class_id);
    ck_assert_uint_eq(close->method_id, method_id);
    amqp_client_send(
        client, channel,
        &(struct method){.kind = channel ? METHOD_CHANNEL_CLOSE_OK : METHOD_CONNECTION_CLOSE_OK});
    amqp_fixture_settle(client->fixture);
}

void amqp_expect_content(struct amqp_test_client *client, uint16_t channel, enum method_kind kind,
                         struct amqp_content *content)
{
    struct frame frame;
    struct reply error;
    struct content_header header;
    *content = (struct amqp_content){0};
    content->method = *amqp_expect(client, channel, kind);
    expect_frame(client, channel, FRAME_HEADER, &frame);
    buf_add_slice(&content->header, frame.payload);
    ck_assert(content_header_parse(&header, buf_slice(&content->header), &error));
    ck_assert(properties_parse(&content->properties, header.properties, &error));
    content->body_size = header.body_size;
    while (content->body.len < header.body_size) {
        expect_frame(client, channel, FRAME_BODY, &frame);
        buf_add_slice(&content->body, frame.payload);
    }
    ck_assert_uint_eq(content->body.len, header.body_size);
}

void amqp_content_fini(struct amqp_content *content)
{
    buf_fini(&content->header);
    buf_fini(&content->body);
}

void amqp_expect_nothing(struct amqp_test_client *client)
{
    struct frame frame;
    struct reply error;
    struct method method = {0};
    if (!take_frame(client, &frame))
        return;
    bool known = frame.type == FRAME_METHOD && method_decode(&method, frame.payload, &error);
    ck_abort_msg("a frame of type %u came: %s", frame.type, known ? method_text(&method) : "");
}

void amqp_expect_bytes(struct amqp_test_client *client, const void *bytes, size_t len)
{
    amqp_fixture_settle(client->fixture);
    ck_assert_uint_ge(client->from_broker.len, len);
    ck_assert_mem_eq(client->from_broker.data, bytes, len);
    buf_drain(&client->from_broker, len);
}

void amqp_expect_closed(struct amqp_test_client *client)
{
    amqp_expect_nothing(client);
    ck_assert(client->closed);
}

/* -- what most tests do -- */

void amqp_open_channel(struct amqp_test_client *client, uint16_t channel)
{
    amqp_call(client, channel, &(struct method){.kind = METHOD_CHANNEL_OPEN},
              METHOD_CHANNEL_OPEN_OK);
}

void amqp_declare(struct amqp_test_client *client, uint16_t channel, const char *queue,
                  const char *flags, struct slice arguments)
{
    struct method method = {.kind = METHOD_QUEUE_DECLARE};
    method.queue_declare.queue = slice_str(queue);
    method.queue_declare.durable = strchr(flags, 'd') != NULL;
    method.queue_declare.exclusive = strchr(flags, 'e') != NULL;
    method.queue_declare.auto_delete = strchr(flags, 'a') != NULL;
    method.queue_declare.arguments = arguments;
    const struct method *answer = amqp_call(client, channel, &method, METHOD_QUEUE_DECLARE_OK);
    if (*queue)
        ck_assert(slice_equal_str(answer->queue_declare_ok.queue, queue));
}

void amqp_consume(struct amqp_test_client *client, uint16_t channel, const char *queue,
                  const char *tag, bool no_ack)
{
    struct method method = {.kind = METHOD_BASIC_CONSUME};
    method.basic_consume.queue = slice_str(queue);
    method.basic_consume.consumer_tag = slice_str(tag);
    method.basic_consume.no_ack = no_ack;
    amqp_call(client, channel, &method, METHOD_BASIC_CONSUME_OK);
}

uint64_t amqp_expect_delivery(struct amqp_test_client *client, uint16_t channel, const char *body)
{
    struct amqp_content content;
    amqp_expect_content(client, channel, METHOD_BASIC_DELIVER, &content);
    ck_assert_msg(slice_equal_str(buf_slice(&content.body), body), "'%.*s' came instead of '%s'",
                  (int)content.body.len, (const char *)content.body.data, body);
    uint64_t tag = content.method.basic_deliver.delivery_tag;
    amqp_content_fini(&content);
    return tag;
}
