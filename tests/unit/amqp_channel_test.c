/* SPDX-License-Identifier: Apache-2.0 */
/* Channels over a real broker: their states, every class of methods, content both ways, output
 * barriers, slow clients.
 */
#include "broker/broker.h"
#include "broker/connection.h"
#include "proto/basic.h"
#include "proto/frame.h"
#include "proto/table.h"
#include "session/amqp.h"
#include "session/amqp_connection.h"
#include "tests/support/amqp_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define NONE slice_of(NULL, 0)
#define PERSISTENT slice_of("\x10\0\2", 3)

static struct amqp_fixture fixture;
static struct amqp_test_client *client;

static void set_up(void)
{
    amqp_fixture_open(&fixture, NULL);
    client = amqp_client_login(&fixture, 0);
    amqp_open_channel(client, 1);
}

static void tear_down(void)
{
    amqp_fixture_close(&fixture);
}

static void publish(const char *key, const char *body)
{
    amqp_client_publish(client, 1, "", key, false, NONE, slice_str(body));
}

static const struct method *call(const struct method *method, enum method_kind answer)
{
    return amqp_call(client, 1, method, answer);
}

static void send(const struct method *method)
{
    amqp_client_send(client, 1, method);
}

static void ack(uint64_t tag, bool multiple)
{
    send(&(struct method){.kind = METHOD_BASIC_ACK,
                          .basic_ack = {.delivery_tag = tag, .multiple = multiple}});
}

static uint32_t ready(const char *queue)
{
    struct method method = {.kind = METHOD_QUEUE_DECLARE};
    method.queue_declare.queue = slice_str(queue);
    method.queue_declare.passive = true;
    return call(&method, METHOD_QUEUE_DECLARE_OK)->queue_declare_ok.message_count;
}

/* -- the table -- */

START_TEST(every_method_of_a_client_has_a_handler)
{
    for (unsigned i = 0; i < METHOD_COUNT; i++) {
        enum method_kind kind = (enum method_kind)i;
        const struct method_info *info = method_info(kind);
        bool on_channel = info->class_id != 10;
        bool expected =
            info->flags & METHOD_BY_CLIENT && on_channel &&
            kind != METHOD_CHANNEL_CLOSE_OK && /* ends the state CLOSING, else nothing */
            kind != METHOD_CHANNEL_FLOW_OK;    /* never asked for */
        ck_assert_msg((amqp_handler_of(kind) != NULL) == expected, "%s", info->name);
    }
}
END_TEST

/* -- opening and closing -- */

START_TEST(a_channel_must_be_open)
{
    amqp_client_send(client, 2, &(struct method){.kind = METHOD_BASIC_QOS});
    amqp_expect_close(client, 0, 504, "CHANNEL_ERROR - expected 'channel.open'", 60, 10);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(a_channel_opens_once)
{
    send(&(struct method){.kind = METHOD_CHANNEL_OPEN});
    amqp_expect_close(client, 0, 504, "CHANNEL_ERROR - second 'channel.open' seen", 20, 10);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(a_channel_s_number_can_be_used_again)
{
    for (int i = 0; i < 3; i++) {
        call(&(struct method){.kind = METHOD_CHANNEL_CLOSE}, METHOD_CHANNEL_CLOSE_OK);
        amqp_open_channel(client, 1);
    }
    send(&(struct method){.kind = METHOD_BASIC_GET, .basic_get = {.queue = slice_str("none")}});
    amqp_expect_close(client, 1, 404, "NOT_FOUND - no queue 'none' in vhost '/'", 60, 70);
    amqp_open_channel(client, 1);
    ck_assert(!client->closed);
}
END_TEST

START_TEST(channels_are_counted)
{
    struct amqp_test_client *few = amqp_client_new(&fixture, NULL);
    amqp_client_bytes(few, PROTOCOL_HEADER_0_9_1, PROTOCOL_HEADER_SIZE);
    struct method start = {.kind = METHOD_CONNECTION_START_OK};
    start.connection_start_ok.mechanism = slice_str("PLAIN");
    start.connection_start_ok.response = slice_of("\0guest\0guest", 12);
    amqp_expect(few, 0, METHOD_CONNECTION_START);
    amqp_call(few, 0, &start, METHOD_CONNECTION_TUNE);
    amqp_client_send(
        few, 0,
        &(struct method){.kind = METHOD_CONNECTION_TUNE_OK, .connection_tune_ok = {2, 4096, 0}});
    amqp_call(few, 0,
              &(struct method){.kind = METHOD_CONNECTION_OPEN,
                               .connection_open = {.virtual_host = slice_str("/")}},
              METHOD_CONNECTION_OPEN_OK);
    amqp_open_channel(few, 1);
    amqp_open_channel(few, 7);
    amqp_client_send(few, 2, &(struct method){.kind = METHOD_CHANNEL_OPEN});
    amqp_expect_close(few, 0, 530,
                      "NOT_ALLOWED - number of channels opened (2) has reached the negotiated "
                      "channel_max (2)",
                      0, 0);
}
END_TEST

START_TEST(a_closing_channel_hears_nothing_but_its_end)
{
    publish("none", "x");
    amqp_client_publish(client, 1, "missing", "k", false, NONE, slice_str("x"));
    publish("none", "is dropped");
    send(
        &(struct method){.kind = METHOD_QUEUE_DECLARE, .queue_declare = {.queue = slice_str("q")}});
    amqp_expect_close(client, 1, 404, "NOT_FOUND - no exchange 'missing' in vhost '/'", 60, 40);
    amqp_expect_nothing(client);
    amqp_open_channel(client, 1);
    send(&(struct method){.kind = METHOD_QUEUE_DECLARE,
                          .queue_declare = {.queue = slice_str("q"), .passive = true}});
    amqp_expect_close(client, 1, 404, "NOT_FOUND - no queue 'q' in vhost '/'", 50, 10);
}
END_TEST

START_TEST(both_sides_may_close_at_once)
{
    send(&(struct method){.kind = METHOD_BASIC_ACK, .basic_ack = {.delivery_tag = 9}});
    send(&(struct method){.kind = METHOD_CHANNEL_CLOSE});
    amqp_expect(client, 1, METHOD_CHANNEL_CLOSE);
    amqp_expect(client, 1, METHOD_CHANNEL_CLOSE_OK);
    send(&(struct method){.kind = METHOD_CHANNEL_CLOSE_OK});
    amqp_open_channel(client, 1);
}
END_TEST

START_TEST(a_server_s_method_is_not_for_clients)
{
    send(&(struct method){.kind = METHOD_BASIC_DELIVER});
    amqp_expect_close(client, 0, 503, "COMMAND_INVALID - unimplemented method", 60, 60);
    amqp_expect_closed(client);
}
END_TEST

/* -- content -- */

static void send_header(uint16_t class_id, uint64_t size)
{
    uint8_t frame[64];
    uint8_t *end = content_header_write(frame, 1, size, slice_of("\0\0", 2));
    wire_u16_write(frame + FRAME_HEADER_SIZE, class_id);
    amqp_client_bytes(client, frame, (size_t)(end - frame));
}

static void send_body(const char *text)
{
    uint8_t frame[64];
    uint8_t *end = content_body_write(frame, 1, slice_str(text), 4096);
    amqp_client_bytes(client, frame, (size_t)(end - frame));
}

static void send_publish(const char *key)
{
    send(&(struct method){.kind = METHOD_BASIC_PUBLISH,
                          .basic_publish = {.routing_key = slice_str(key)}});
}

START_TEST(a_body_comes_in_any_pieces)
{
    amqp_declare(client, 1, "q", "", NONE);
    amqp_consume(client, 1, "q", "tag", true);
    send_publish("q");
    amqp_fixture_settle(&fixture);
    send_header(60, 7);
    send_body("ab");
    amqp_client_bytes(client, "\3\0\1\0\0\0\0\xCE", 8); /* an empty body frame */
    amqp_fixture_settle(&fixture);
    send_body("c");
    amqp_expect_nothing(client);
    send_body("defg");
    amqp_expect_delivery(client, 1, "abcdefg");
    send_publish("q");
    send_header(60, 0);
    amqp_expect_delivery(client, 1, "");
}
END_TEST

START_TEST(a_stream_may_be_cut_at_any_byte)
{
    amqp_declare(client, 1, "q", "", NONE);
    amqp_consume(client, 1, "q", "tag", true);
    struct buf whole = BUF_INIT;
    publish("q", "one");
    buf_add_slice(&whole, buf_slice(&client->to_broker));
    buf_clear(&client->to_broker);
    for (size_t cut = 1; cut < whole.len; cut++) {
        amqp_client_bytes(client, whole.data, cut);
        amqp_fixture_settle(&fixture);
        amqp_client_bytes(client, whole.data + cut, whole.len - cut);
        amqp_expect_delivery(client, 1, "one");
    }
    amqp_expect_nothing(client);
    buf_fini(&whole);
}
END_TEST

START_TEST(two_channels_may_interleave_their_contents)
{
    amqp_open_channel(client, 2);
    amqp_declare(client, 1, "q", "", NONE);
    uint8_t frame[64];
    send_publish("q");
    amqp_client_send(client, 2,
                     &(struct method){.kind = METHOD_BASIC_PUBLISH,
                                      .basic_publish = {.routing_key = slice_str("q")}});
    send_header(60, 4);
    uint8_t *end = content_header_write(frame, 2, 2, slice_of("\0\0", 2));
    amqp_client_bytes(client, frame, (size_t)(end - frame));
    send_body("AA");
    end = content_body_write(frame, 2, slice_str("bb"), 4096);
    amqp_client_bytes(client, frame, (size_t)(end - frame));
    send_body("AA");
    amqp_consume(client, 1, "q", "tag", true);
    amqp_expect_delivery(client, 1, "bb");
    amqp_expect_delivery(client, 1, "AAAA");
}
END_TEST

START_TEST(a_header_must_follow_publish)
{
    send_publish("q");
    send(&(struct method){.kind = METHOD_BASIC_QOS});
    amqp_expect_close(client, 0, 505,
                      "UNEXPECTED_FRAME - expected content header for class 60, got non content "
                      "header frame instead",
                      60, 40);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(a_header_must_be_of_its_class)
{
    send_publish("q");
    send_header(85, 1);
    amqp_expect_close(client, 0, 505,
                      "UNEXPECTED_FRAME - expected content header for class 60, got one for class "
                      "85 instead",
                      60, 40);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(a_body_must_follow_its_header)
{
    send_publish("q");
    send_header(60, 5);
    send_publish("q");
    amqp_expect_close(client, 0, 505,
                      "UNEXPECTED_FRAME - expected content body, got non content body frame "
                      "instead",
                      60, 40);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(a_body_has_no_more_bytes_than_announced)
{
    send_publish("q");
    send_header(60, 2);
    send_body("abc");
    amqp_expect_close(client, 0, 501,
                      "FRAME_ERROR - content body frame exceeds remaining content size", 60, 40);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(malformed_headers_are_frame_or_syntax_errors)
{
    send_publish("q");
    amqp_client_bytes(client, "\2\0\1\0\0\0\4\0\x3C\0\0\xCE", 12);
    amqp_expect_close(client, 0, 501, "FRAME_ERROR - content header is cut short", 60, 40);
    client = amqp_client_login(&fixture, 0);
    amqp_open_channel(client, 1);
    send_publish("q");
    amqp_client_bytes(client, "\2\0\1\0\0\0\x0E\0\x3C\0\0\0\0\0\0\0\0\0\1\0\2\xCE", 22);
    amqp_expect_close(client, 0, 502, "SYNTAX_ERROR - unknown flags in content header", 60, 40);
}
END_TEST

START_TEST(bodies_have_a_limit)
{
    send_publish("q");
    send_header(60, 134217729);
    amqp_expect_close(client, 1, 406,
                      "PRECONDITION_FAILED - message size 134217729 is larger than configured max "
                      "size 134217728",
                      60, 40);
    amqp_open_channel(client, 1);
    send_publish("q");
    send_header(60, 536870913);
    amqp_expect_close(client, 0, 501,
                      "FRAME_ERROR - content body size 536870913 exceeds maximum allowed size "
                      "536870912",
                      60, 40);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(immediate_is_not_implemented)
{
    send(&(struct method){.kind = METHOD_BASIC_PUBLISH, .basic_publish = {.immediate = true}});
    amqp_expect_close(client, 0, 540, "NOT_IMPLEMENTED - immediate=true", 60, 40);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(properties_come_out_as_they_went_in)
{
    static const char bytes[] = "\xB0\x40\x0Atext/plain"
                                "\0\0\0\x0F\5x-intI\0\0\0\7\1bt\2"
                                "\2\0\0\0\0\0\0\0\5";
    struct slice properties = slice_of(bytes, sizeof(bytes) - 1);
    amqp_declare(client, 1, "q", "", NONE);
    amqp_client_publish(client, 1, "", "q", false, properties, slice_str("body"));
    call(&(struct method){.kind = METHOD_BASIC_GET,
                          .basic_get = {.queue = slice_str("q"), .no_ack = true}},
         METHOD_BASIC_GET_OK);
    const uint8_t *header = client->from_broker.data;
    ck_assert_uint_eq(header[0], FRAME_HEADER);
    ck_assert_mem_eq(header + FRAME_HEADER_SIZE + 12, properties.data, properties.len);
}
END_TEST

static void round_trip(uint32_t frame_max, size_t len)
{
    struct amqp_test_client *reader = amqp_client_login(&fixture, frame_max);
    uint8_t *body = malloc(len);
    struct amqp_content content;
    for (size_t i = 0; i < len; i++)
        body[i] = (uint8_t)(i * 31 + i / 251);
    amqp_open_channel(reader, 1);
    amqp_declare(reader, 1, "big", "", NONE);
    amqp_consume(reader, 1, "big", "tag", true);
    amqp_client_publish(client, 1, "", "big", false, NONE, slice_of(body, len));
    amqp_expect_content(reader, 1, METHOD_BASIC_DELIVER, &content);
    ck_assert_uint_eq(content.body.len, len);
    ck_assert_mem_eq(content.body.data, body, len);
    amqp_content_fini(&content);
    amqp_client_drop(reader);
    free(body);
}

START_TEST(bodies_of_all_sizes_come_through)
{
    static const size_t lens[] = {1, 4088, 4089, 4096, 4097, 8176, 131064, 131065, 1000000};
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        round_trip(4096, lens[i]);
        round_trip(131072, lens[i]);
    }
}
END_TEST

/* -- class queue and exchange -- */

START_TEST(the_queue_declared_last_needs_no_name)
{
    send(&(struct method){.kind = METHOD_QUEUE_PURGE});
    amqp_expect_close(client, 1, 404, "NOT_FOUND - no previously declared queue", 50, 30);
    amqp_open_channel(client, 1);
    struct method method = {.kind = METHOD_QUEUE_DECLARE};
    const struct method *answer = call(&method, METHOD_QUEUE_DECLARE_OK);
    ck_assert(slice_starts_with(answer->queue_declare_ok.queue, "amq.gen-"));
    ck_assert_uint_eq(answer->queue_declare_ok.queue.len, strlen("amq.gen-") + 22);
    call(&(struct method){.kind = METHOD_QUEUE_BIND,
                          .queue_bind = {.exchange = slice_str("amq.direct")}},
         METHOD_QUEUE_BIND_OK);
    char name[64];
    answer = call(&method, METHOD_QUEUE_DECLARE_OK);
    snprintf(name, sizeof(name), "%.*s", SLICE_FMT(answer->queue_declare_ok.queue));
    call(&(struct method){.kind = METHOD_QUEUE_BIND,
                          .queue_bind = {.exchange = slice_str("amq.direct")}},
         METHOD_QUEUE_BIND_OK);
    amqp_client_publish(client, 1, "amq.direct", name, false, NONE, slice_str("to the second"));
    ck_assert_uint_eq(ready(name), 1);
    call(&(struct method){.kind = METHOD_QUEUE_UNBIND,
                          .queue_unbind = {.exchange = slice_str("amq.direct")}},
         METHOD_QUEUE_UNBIND_OK);
    amqp_client_publish(client, 1, "amq.direct", name, false, NONE, slice_str("to nobody"));
    ck_assert_uint_eq(ready(name), 1);
    ck_assert_uint_eq(call(&(struct method){.kind = METHOD_QUEUE_PURGE}, METHOD_QUEUE_PURGE_OK)
                          ->queue_purge_ok.message_count,
                      1);
    ck_assert_uint_eq(call(&(struct method){.kind = METHOD_QUEUE_DELETE}, METHOD_QUEUE_DELETE_OK)
                          ->queue_delete_ok.message_count,
                      0);
}
END_TEST

START_TEST(line_feeds_are_stripped_from_declared_names)
{
    struct method method = {.kind = METHOD_QUEUE_DECLARE};
    method.queue_declare.queue = slice_str("\r\na\nb\r");
    const struct method *answer = call(&method, METHOD_QUEUE_DECLARE_OK);
    ck_assert(slice_equal_str(answer->queue_declare_ok.queue, "ab"));
}
END_TEST

START_TEST(no_wait_is_not_answered)
{
    send(&(struct method){.kind = METHOD_QUEUE_DECLARE,
                          .queue_declare = {.queue = slice_str("q"), .no_wait = true}});
    send(&(struct method){.kind = METHOD_EXCHANGE_DECLARE,
                          .exchange_declare = {.exchange = slice_str("x"),
                                               .type = slice_str("fanout"),
                                               .no_wait = true}});
    send(&(struct method){
        .kind = METHOD_QUEUE_BIND,
        .queue_bind = {.queue = slice_str("q"), .exchange = slice_str("x"), .no_wait = true}});
    send(&(struct method){.kind = METHOD_EXCHANGE_BIND,
                          .exchange_bind = {.source = slice_str("amq.fanout"),
                                            .destination = slice_str("x"),
                                            .no_wait = true}});
    send(&(struct method){.kind = METHOD_BASIC_CONSUME,
                          .basic_consume = {.queue = slice_str("q"),
                                            .consumer_tag = slice_str("tag"),
                                            .no_ack = true,
                                            .no_wait = true}});
    send(&(struct method){.kind = METHOD_CONFIRM_SELECT, .confirm_select = {.no_wait = true}});
    amqp_client_publish(client, 1, "amq.fanout", "", false, NONE, slice_str("through"));
    amqp_expect_delivery(client, 1, "through");
    amqp_expect(client, 1, METHOD_BASIC_ACK);
    send(&(struct method){.kind = METHOD_EXCHANGE_UNBIND,
                          .exchange_unbind = {.source = slice_str("amq.fanout"),
                                              .destination = slice_str("x"),
                                              .no_wait = true}});
    send(&(struct method){.kind = METHOD_BASIC_CANCEL,
                          .basic_cancel = {.consumer_tag = slice_str("tag"), .no_wait = true}});
    send(&(struct method){.kind = METHOD_QUEUE_PURGE,
                          .queue_purge = {.queue = slice_str("q"), .no_wait = true}});
    send(&(struct method){.kind = METHOD_QUEUE_DELETE,
                          .queue_delete = {.queue = slice_str("q"), .no_wait = true}});
    send(&(struct method){.kind = METHOD_EXCHANGE_DELETE,
                          .exchange_delete = {.exchange = slice_str("x"), .no_wait = true}});
    amqp_expect_nothing(client);
    ck_assert(!client->closed);
}
END_TEST

START_TEST(exchanges_are_declared_bound_and_deleted)
{
    struct method declare = {.kind = METHOD_EXCHANGE_DECLARE};
    declare.exchange_declare.exchange = slice_str("x");
    declare.exchange_declare.type = slice_str("topic");
    call(&declare, METHOD_EXCHANGE_DECLARE_OK);
    struct method bind = {.kind = METHOD_EXCHANGE_BIND};
    bind.exchange_bind.source = slice_str("x");
    bind.exchange_bind.destination = slice_str("amq.fanout");
    bind.exchange_bind.routing_key = slice_str("#");
    call(&bind, METHOD_EXCHANGE_BIND_OK);
    bind.kind = METHOD_EXCHANGE_UNBIND;
    call(&bind, METHOD_EXCHANGE_UNBIND_OK);
    call(&(struct method){.kind = METHOD_EXCHANGE_DELETE,
                          .exchange_delete = {.exchange = slice_str("x")}},
         METHOD_EXCHANGE_DELETE_OK);
    declare.exchange_declare.passive = true;
    send(&declare);
    amqp_expect_close(client, 1, 404, "NOT_FOUND - no exchange 'x' in vhost '/'", 40, 10);
}
END_TEST

/* -- class basic -- */

START_TEST(get_answers_with_a_message_or_empty)
{
    struct method get = {.kind = METHOD_BASIC_GET};
    get.basic_get.queue = slice_str("q");
    struct amqp_content content;
    amqp_declare(client, 1, "q", "", NONE);
    call(&get, METHOD_BASIC_GET_EMPTY);
    publish("q", "first");
    publish("q", "second");
    send(&get);
    amqp_expect_content(client, 1, METHOD_BASIC_GET_OK, &content);
    ck_assert(slice_equal_str(buf_slice(&content.body), "first"));
    ck_assert_uint_eq(content.method.basic_get_ok.message_count, 1);
    ck_assert_uint_eq(content.method.basic_get_ok.delivery_tag, 1);
    ck_assert(!content.method.basic_get_ok.redelivered);
    amqp_content_fini(&content);
    send(&(struct method){.kind = METHOD_BASIC_REJECT,
                          .basic_reject = {.delivery_tag = 1, .requeue = true}});
    send(&get);
    amqp_expect_content(client, 1, METHOD_BASIC_GET_OK, &content);
    ck_assert(slice_equal_str(buf_slice(&content.body), "first"));
    ck_assert(content.method.basic_get_ok.redelivered);
    amqp_content_fini(&content);
}
END_TEST

START_TEST(acknowledgements_settle_and_unknown_ones_close)
{
    amqp_declare(client, 1, "q", "", NONE);
    for (int i = 0; i < 5; i++)
        publish("q", "m");
    amqp_consume(client, 1, "q", "tag", false);
    for (uint64_t tag = 1; tag <= 5; tag++)
        ck_assert_uint_eq(amqp_expect_delivery(client, 1, "m"), tag);
    ack(2, false);
    ack(4, true);
    ack(5, false);
    amqp_expect_nothing(client);
    ack(5, false);
    amqp_expect_close(client, 1, 406, "PRECONDITION_FAILED - unknown delivery tag 5", 60, 80);
}
END_TEST

START_TEST(recover_and_nack_bring_messages_back)
{
    amqp_declare(client, 1, "q", "", NONE);
    publish("q", "a");
    publish("q", "b");
    amqp_consume(client, 1, "q", "tag", false);
    amqp_expect_delivery(client, 1, "a");
    amqp_expect_delivery(client, 1, "b");
    send(&(struct method){.kind = METHOD_BASIC_NACK,
                          .basic_nack = {.delivery_tag = 2, .multiple = true, .requeue = true}});
    amqp_expect_delivery(client, 1, "a");
    amqp_expect_delivery(client, 1, "b");
    call(&(struct method){.kind = METHOD_BASIC_RECOVER, .basic_recover = {.requeue = true}},
         METHOD_BASIC_RECOVER_OK);
    amqp_expect_delivery(client, 1, "a");
    amqp_expect_delivery(client, 1, "b");
    send(&(struct method){.kind = METHOD_BASIC_RECOVER_ASYNC,
                          .basic_recover_async = {.requeue = true}});
    amqp_expect_delivery(client, 1, "a");
    amqp_expect_delivery(client, 1, "b");
    send(&(struct method){.kind = METHOD_BASIC_RECOVER});
    amqp_expect_close(client, 0, 540, "NOT_IMPLEMENTED - requeue=false", 60, 110);
}
END_TEST

START_TEST(prefetch_limits_what_is_unacknowledged)
{
    amqp_declare(client, 1, "q", "", NONE);
    call(&(struct method){.kind = METHOD_BASIC_QOS, .basic_qos = {.prefetch_count = 2}},
         METHOD_BASIC_QOS_OK);
    amqp_consume(client, 1, "q", "tag", false);
    for (int i = 0; i < 4; i++)
        publish("q", "m");
    amqp_expect_delivery(client, 1, "m");
    amqp_expect_delivery(client, 1, "m");
    amqp_expect_nothing(client);
    ack(1, false);
    amqp_expect_delivery(client, 1, "m");
    amqp_expect_nothing(client);
    send(&(struct method){.kind = METHOD_BASIC_QOS, .basic_qos = {.prefetch_size = 7}});
    amqp_expect_close(client, 0, 540, "NOT_IMPLEMENTED - prefetch_size!=0 (7)", 60, 10);
}
END_TEST

START_TEST(unroutable_mandatory_messages_return_before_their_confirm)
{
    struct amqp_content content;
    call(&(struct method){.kind = METHOD_CONFIRM_SELECT}, METHOD_CONFIRM_SELECT_OK);
    amqp_client_publish(client, 1, "amq.direct", "nobody", true, NONE, slice_str("back"));
    amqp_expect_content(client, 1, METHOD_BASIC_RETURN, &content);
    ck_assert_uint_eq(content.method.basic_return.reply_code, 312);
    ck_assert(slice_equal_str(buf_slice(&content.body), "back"));
    amqp_content_fini(&content);
    const struct method *confirm = amqp_expect(client, 1, METHOD_BASIC_ACK);
    ck_assert_uint_eq(confirm->basic_ack.delivery_tag, 1);
}
END_TEST

START_TEST(confirms_wait_for_the_disk)
{
    amqp_declare(client, 1, "q", "d", NONE);
    call(&(struct method){.kind = METHOD_CONFIRM_SELECT}, METHOD_CONFIRM_SELECT_OK);
    fixture.disk_stalls = true;
    amqp_client_publish(client, 1, "", "q", false, NONE, slice_str("transient"));
    ck_assert_uint_eq(amqp_expect(client, 1, METHOD_BASIC_ACK)->basic_ack.delivery_tag, 1);
    for (int i = 0; i < 10; i++)
        amqp_client_publish(client, 1, "", "q", false, PERSISTENT, slice_str("persistent"));
    amqp_expect_nothing(client);
    fixture.disk_stalls = false;
    uint64_t upto = 1;
    while (upto < 11) {
        const struct method_basic_ack *confirm =
            &amqp_expect(client, 1, METHOD_BASIC_ACK)->basic_ack;
        ck_assert_uint_gt(confirm->delivery_tag, upto);
        ck_assert(confirm->multiple || confirm->delivery_tag == upto + 1);
        upto = confirm->delivery_tag;
    }
    amqp_expect_nothing(client);
}
END_TEST

START_TEST(a_durable_queue_is_declared_when_it_is_on_the_disk)
{
    fixture.disk_stalls = true;
    struct method method = {.kind = METHOD_QUEUE_DECLARE};
    method.queue_declare.queue = slice_str("q");
    method.queue_declare.durable = true;
    send(&method);
    amqp_expect_nothing(client);
    /* All that comes later waits behind it, in order. */
    send(&(struct method){.kind = METHOD_BASIC_QOS});
    amqp_expect_nothing(client);
    fixture.disk_stalls = false;
    amqp_expect(client, 1, METHOD_QUEUE_DECLARE_OK);
    amqp_expect(client, 1, METHOD_BASIC_QOS_OK);
}
END_TEST

START_TEST(many_barriers_keep_the_order)
{
    fixture.disk_stalls = true;
    struct method method = {.kind = METHOD_QUEUE_DECLARE};
    method.queue_declare.durable = true;
    char name[16];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "q%d", i);
        method.queue_declare.queue = slice_str(name);
        send(&method);
    }
    amqp_expect_nothing(client);
    fixture.disk_stalls = false;
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "q%d", i);
        const struct method *answer = amqp_expect(client, 1, METHOD_QUEUE_DECLARE_OK);
        ck_assert(slice_equal_str(answer->queue_declare_ok.queue, name));
    }
}
END_TEST

START_TEST(a_transaction_shows_at_its_commit)
{
    amqp_declare(client, 1, "q", "d", NONE);
    call(&(struct method){.kind = METHOD_TX_SELECT}, METHOD_TX_SELECT_OK);
    amqp_client_publish(client, 1, "", "q", false, PERSISTENT, slice_str("kept"));
    ck_assert_uint_eq(ready("q"), 0);
    fixture.disk_stalls = true;
    send(&(struct method){.kind = METHOD_TX_COMMIT});
    amqp_expect_nothing(client);
    fixture.disk_stalls = false;
    amqp_expect(client, 1, METHOD_TX_COMMIT_OK);
    ck_assert_uint_eq(ready("q"), 1);
    amqp_client_publish(client, 1, "", "q", false, PERSISTENT, slice_str("dropped"));
    call(&(struct method){.kind = METHOD_TX_ROLLBACK}, METHOD_TX_ROLLBACK_OK);
    ck_assert_uint_eq(ready("q"), 1);
    send(&(struct method){.kind = METHOD_CONFIRM_SELECT});
    amqp_expect_close(client, 1, 406, "PRECONDITION_FAILED - cannot switch from tx to confirm mode",
                      85, 10);
    amqp_open_channel(client, 1);
    send(&(struct method){.kind = METHOD_TX_COMMIT});
    amqp_expect_close(client, 1, 406, "PRECONDITION_FAILED - channel is not transactional", 90, 20);
}
END_TEST

START_TEST(flow_and_access_are_answered_as_rabbitmq_does)
{
    ck_assert(call(&(struct method){.kind = METHOD_CHANNEL_FLOW, .channel_flow = {true}},
                   METHOD_CHANNEL_FLOW_OK)
                  ->channel_flow_ok.active);
    ck_assert_uint_eq(
        call(&(struct method){.kind = METHOD_ACCESS_REQUEST}, METHOD_ACCESS_REQUEST_OK)
            ->access_request_ok.ticket,
        1);
    send(&(struct method){.kind = METHOD_CHANNEL_FLOW});
    amqp_expect_close(client, 0, 540, "NOT_IMPLEMENTED - active=false", 20, 20);
}
END_TEST

START_TEST(consumers_are_made_and_cancelled)
{
    struct method consume = {.kind = METHOD_BASIC_CONSUME};
    amqp_declare(client, 1, "q", "", NONE);
    const struct method *answer = call(&consume, METHOD_BASIC_CONSUME_OK);
    ck_assert(slice_starts_with(answer->basic_consume_ok.consumer_tag, "amq.ctag-"));
    amqp_consume(client, 1, "q", "mine", false);
    answer = call(&(struct method){.kind = METHOD_BASIC_CANCEL,
                                   .basic_cancel = {.consumer_tag = slice_str("mine")}},
                  METHOD_BASIC_CANCEL_OK);
    ck_assert(slice_equal_str(answer->basic_cancel_ok.consumer_tag, "mine"));
    call(&(struct method){.kind = METHOD_BASIC_CANCEL,
                          .basic_cancel = {.consumer_tag = slice_str("unknown")}},
         METHOD_BASIC_CANCEL_OK);
    amqp_consume(client, 1, "q", "mine", false);
    consume.basic_consume.consumer_tag = slice_str("mine");
    send(&consume);
    amqp_expect_close(client, 0, 530, "NOT_ALLOWED - attempt to reuse consumer tag 'mine'", 60, 20);
}
END_TEST

START_TEST(a_deleted_queue_cancels_its_consumers)
{
    struct amqp_test_client *other = amqp_client_login(&fixture, 0);
    amqp_open_channel(other, 3);
    amqp_declare(client, 1, "q", "", NONE);
    amqp_consume(other, 3, "q", "tag", false);
    call(&(struct method){.kind = METHOD_QUEUE_DELETE, .queue_delete = {.queue = slice_str("q")}},
         METHOD_QUEUE_DELETE_OK);
    const struct method *cancel = amqp_expect(other, 3, METHOD_BASIC_CANCEL);
    ck_assert(slice_equal_str(cancel->basic_cancel.consumer_tag, "tag"));
    ck_assert(cancel->basic_cancel.no_wait);
    amqp_client_send(other, 3,
                     &(struct method){.kind = METHOD_BASIC_CANCEL_OK,
                                      .basic_cancel_ok = {.consumer_tag = slice_str("tag")}});
    amqp_expect_nothing(other);
    ck_assert(!other->closed);
}
END_TEST

START_TEST(overdue_acknowledgements_close_the_channel)
{
    amqp_declare(client, 1, "q", "", NONE);
    amqp_consume(client, 1, "q", "tag", false);
    publish("q", "m");
    amqp_expect_delivery(client, 1, "m");
    amqp_fixture_pass(&fixture, 1800000);
    amqp_expect_close(client, 1, 406,
                      "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. "
                      "Timeout value used: 1800000 ms. This timeout value can be configured, see "
                      "consumers doc guide to learn more",
                      0, 0);
    amqp_open_channel(client, 1);
    ck_assert_uint_eq(ready("q"), 1);
}
END_TEST

START_TEST(a_dropped_client_s_messages_go_back)
{
    struct amqp_test_client *other = amqp_client_login(&fixture, 0);
    amqp_open_channel(other, 1);
    amqp_declare(client, 1, "q", "", NONE);
    publish("q", "m");
    amqp_consume(other, 1, "q", "tag", false);
    amqp_expect_delivery(other, 1, "m");
    ck_assert_uint_eq(ready("q"), 0);
    amqp_client_drop(other);
    ck_assert_uint_eq(ready("q"), 1);
}
END_TEST

START_TEST(exclusive_queues_are_gone_before_close_ok)
{
    struct amqp_test_client *other = amqp_client_login(&fixture, 0);
    amqp_open_channel(other, 1);
    amqp_declare(other, 1, "mine", "e", NONE);
    amqp_call(other, 0, &(struct method){.kind = METHOD_CONNECTION_CLOSE},
              METHOD_CONNECTION_CLOSE_OK);
    amqp_declare(client, 1, "mine", "", NONE);
}
END_TEST

START_TEST(direct_reply_to_needs_no_queue)
{
    struct method method = {.kind = METHOD_BASIC_CONSUME};
    method.basic_consume.queue = slice_str("amq.rabbitmq.reply-to");
    method.basic_consume.consumer_tag = slice_str("replies");
    method.basic_consume.no_ack = true;
    call(&method, METHOD_BASIC_CONSUME_OK);
    amqp_declare(client, 1, "server", "", NONE);
    struct buf properties = BUF_INIT;
    buf_add_u16(&properties, 0x0200);
    buf_add_u8(&properties, 21);
    buf_add_str(&properties, "amq.rabbitmq.reply-to");
    amqp_client_publish(client, 1, "", "server", false, buf_slice(&properties), slice_str("ask"));
    buf_fini(&properties);
    struct amqp_content content;
    send(&(struct method){.kind = METHOD_BASIC_GET,
                          .basic_get = {.queue = slice_str("server"), .no_ack = true}});
    amqp_expect_content(client, 1, METHOD_BASIC_GET_OK, &content);
    char address[256];
    snprintf(address, sizeof(address), "%.*s",
             SLICE_FMT(properties_get(&content.properties, PROPERTY_REPLY_TO)));
    ck_assert(slice_starts_with(slice_str(address), "amq.rabbitmq.reply-to."));
    amqp_content_fini(&content);
    method = (struct method){.kind = METHOD_QUEUE_DECLARE};
    method.queue_declare.queue = slice_str(address);
    method.queue_declare.passive = true;
    ck_assert_uint_eq(call(&method, METHOD_QUEUE_DECLARE_OK)->queue_declare_ok.consumer_count, 1);
    amqp_client_publish(client, 1, "", address, true, NONE, slice_str("answer"));
    amqp_expect_delivery(client, 1, "answer");
}
END_TEST

/* -- slow clients -- */

START_TEST(a_client_that_does_not_read_gets_no_more_than_it_takes)
{
    struct amqp_test_client *slow = amqp_client_login(&fixture, 0);
    struct amqp_connection_info info;
    static uint8_t body[20000];
    amqp_open_channel(slow, 1);
    amqp_declare(client, 1, "q", "", NONE);
    amqp_consume(slow, 1, "q", "tag", true);
    slow->stuck = true;
    for (int i = 0; i < 500; i++)
        amqp_client_publish(client, 1, "", "q", false, NONE, slice_of(body, sizeof(body)));
    amqp_fixture_settle(&fixture);
    struct connection *connection =
        LIST_LAST(&fixture.broker->connections, struct connection, broker_link);
    ck_assert(amqp_connection_info(connection, &info));
    ck_assert_uint_gt(info.send_pending_bytes, 1000000);
    ck_assert_uint_lt(info.send_pending_bytes, 1200000);
    ck_assert_uint_gt(ready("q"), 400);
    slow->stuck = false;
    for (int i = 0; i < 500; i++) {
        struct amqp_content content;
        amqp_expect_content(slow, 1, METHOD_BASIC_DELIVER, &content);
        amqp_content_fini(&content);
    }
    ck_assert_uint_eq(ready("q"), 0);
}
END_TEST

START_TEST(a_publisher_that_outruns_the_disk_is_not_read_from)
{
    struct amqp_fixture slow;
    struct amqp_connection_info info;
    static uint8_t body[100000];
    amqp_fixture_open_with(&slow, NULL, 1000000);
    struct amqp_test_client *publisher = amqp_client_login(&slow, 0);
    amqp_open_channel(publisher, 1);
    amqp_declare(publisher, 1, "q", "d", NONE);
    slow.disk_stalls = true;
    for (int i = 0; i < 100; i++)
        amqp_client_publish(publisher, 1, "", "q", false, PERSISTENT, slice_of(body, sizeof(body)));
    amqp_fixture_settle(&slow);
    ck_assert(!amqp_connection_wishes(publisher->amqp).read);
    ck_assert_uint_gt(publisher->to_broker.len, 8000000);
    ck_assert_uint_lt(publisher->to_broker.len, 9500000);
    ck_assert(amqp_connection_info(
        LIST_FIRST(&slow.broker->connections, struct connection, broker_link), &info));
    ck_assert_str_eq(info.state, "running");
    unsigned wakes = publisher->wakes;
    slow.disk_stalls = false;
    amqp_fixture_settle(&slow);
    ck_assert_uint_gt(publisher->wakes, wakes);
    ck_assert_uint_eq(publisher->to_broker.len, 0);
    amqp_fixture_close(&slow);
}
END_TEST

START_TEST(idle_connections_and_channels_are_small)
{
    ck_assert_uint_le(sizeof(struct amqp_connection), 1024);
    ck_assert_uint_le(sizeof(struct amqp_channel), 640);
    ck_assert_ptr_null(amqp_connection_output(client->amqp)->head);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("amqp_channel");
    TCase *tcase = tcase_create("amqp_channel");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, every_method_of_a_client_has_a_handler);
    tcase_add_test(tcase, a_channel_must_be_open);
    tcase_add_test(tcase, a_channel_opens_once);
    tcase_add_test(tcase, a_channel_s_number_can_be_used_again);
    tcase_add_test(tcase, channels_are_counted);
    tcase_add_test(tcase, a_closing_channel_hears_nothing_but_its_end);
    tcase_add_test(tcase, both_sides_may_close_at_once);
    tcase_add_test(tcase, a_server_s_method_is_not_for_clients);
    tcase_add_test(tcase, a_body_comes_in_any_pieces);
    tcase_add_test(tcase, a_stream_may_be_cut_at_any_byte);
    tcase_add_test(tcase, two_channels_may_interleave_their_contents);
    tcase_add_test(tcase, a_header_must_follow_publish);
    tcase_add_test(tcase, a_header_must_be_of_its_class);
    tcase_add_test(tcase, a_body_must_follow_its_header);
    tcase_add_test(tcase, a_body_has_no_more_bytes_than_announced);
    tcase_add_test(tcase, malformed_headers_are_frame_or_syntax_errors);
    tcase_add_test(tcase, bodies_have_a_limit);
    tcase_add_test(tcase, immediate_is_not_implemented);
    tcase_add_test(tcase, properties_come_out_as_they_went_in);
    tcase_add_test(tcase, bodies_of_all_sizes_come_through);
    tcase_add_test(tcase, the_queue_declared_last_needs_no_name);
    tcase_add_test(tcase, line_feeds_are_stripped_from_declared_names);
    tcase_add_test(tcase, no_wait_is_not_answered);
    tcase_add_test(tcase, exchanges_are_declared_bound_and_deleted);
    tcase_add_test(tcase, get_answers_with_a_message_or_empty);
    tcase_add_test(tcase, acknowledgements_settle_and_unknown_ones_close);
    tcase_add_test(tcase, recover_and_nack_bring_messages_back);
    tcase_add_test(tcase, prefetch_limits_what_is_unacknowledged);
    tcase_add_test(tcase, unroutable_mandatory_messages_return_before_their_confirm);
    tcase_add_test(tcase, confirms_wait_for_the_disk);
    tcase_add_test(tcase, a_durable_queue_is_declared_when_it_is_on_the_disk);
    tcase_add_test(tcase, many_barriers_keep_the_order);
    tcase_add_test(tcase, a_transaction_shows_at_its_commit);
    tcase_add_test(tcase, flow_and_access_are_answered_as_rabbitmq_does);
    tcase_add_test(tcase, consumers_are_made_and_cancelled);
    tcase_add_test(tcase, a_deleted_queue_cancels_its_consumers);
    tcase_add_test(tcase, overdue_acknowledgements_close_the_channel);
    tcase_add_test(tcase, a_dropped_client_s_messages_go_back);
    tcase_add_test(tcase, exclusive_queues_are_gone_before_close_ok);
    tcase_add_test(tcase, direct_reply_to_needs_no_queue);
    tcase_add_test(tcase, a_client_that_does_not_read_gets_no_more_than_it_takes);
    tcase_add_test(tcase, a_publisher_that_outruns_the_disk_is_not_read_from);
    tcase_add_test(tcase, idle_connections_and_channels_are_small);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
