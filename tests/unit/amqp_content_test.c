/* SPDX-License-Identifier: Apache-2.0 */
/* Content both ways: in any pieces, malformed, too large, properties and bodies of all sizes. */
#include "base/mem.h"
#include "proto/basic.h"
#include "proto/frame.h"
#include "tests/support/suite.h"
#include "tests/unit/amqp_class_fixture.h"

#include <stdlib.h>

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

int main(void)
{
    const TTest *const tests[] = {
        a_body_comes_in_any_pieces,
        a_stream_may_be_cut_at_any_byte,
        two_channels_may_interleave_their_contents,
        a_header_must_follow_publish,
        a_header_must_be_of_its_class,
        a_body_must_follow_its_header,
        a_body_has_no_more_bytes_than_announced,
        malformed_headers_are_frame_or_syntax_errors,
        bodies_have_a_limit,
        immediate_is_not_implemented,
        properties_come_out_as_they_went_in,
        bodies_of_all_sizes_come_through,
    };
    return suite_run("amqp_content", set_up, tear_down, tests, ARRAY_LEN(tests));
}
