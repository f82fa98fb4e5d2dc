/* SPDX-License-Identifier: Apache-2.0 */
/* Handshake, its failures, heartbeats, closing, alarms, over a real broker. */
#include "broker/access.h"
#include "broker/broker.h"
#include "broker/connection.h"
#include "broker/vhost.h"
#include "proto/frame.h"
#include "proto/table.h"
#include "session/amqp_connection.h"
#include "tests/support/amqp_fixture.h"

#include <check.h>
#include <stdlib.h>

static struct amqp_fixture fixture;

static void set_up(void)
{
    amqp_fixture_open(&fixture, NULL);
}

static void tear_down(void)
{
    amqp_fixture_close(&fixture);
}

static struct amqp_test_client *begin(const struct amqp_peer *peer)
{
    struct amqp_test_client *client = amqp_client_new(&fixture, peer);
    amqp_client_bytes(client, PROTOCOL_HEADER_0_9_1, PROTOCOL_HEADER_SIZE);
    amqp_expect(client, 0, METHOD_CONNECTION_START);
    return client;
}

static void start_ok(struct amqp_test_client *client, const char *mechanism, struct slice response,
                     bool capable)
{
    struct buf capabilities = BUF_INIT;
    struct buf properties = BUF_INIT;
    table_add_bool(&capabilities, "authentication_failure_close", capable);
    table_add_table(&properties, "capabilities", buf_slice(&capabilities));
    table_add_str(&properties, "connection_name", slice_str("unit test"));
    struct method method = {.kind = METHOD_CONNECTION_START_OK};
    method.connection_start_ok.client_properties = buf_slice(&properties);
    method.connection_start_ok.mechanism = slice_str(mechanism);
    method.connection_start_ok.response = response;
    amqp_client_send(client, 0, &method);
    buf_fini(&capabilities);
    buf_fini(&properties);
}

static void tune_ok(struct amqp_test_client *client, uint16_t channel_max, uint32_t frame_max,
                    uint16_t heartbeat)
{
    struct method method = {.kind = METHOD_CONNECTION_TUNE_OK};
    method.connection_tune_ok.channel_max = channel_max;
    method.connection_tune_ok.frame_max = frame_max;
    method.connection_tune_ok.heartbeat = heartbeat;
    amqp_client_send(client, 0, &method);
}

static void open_vhost(struct amqp_test_client *client, const char *vhost)
{
    struct method method = {.kind = METHOD_CONNECTION_OPEN};
    method.connection_open.virtual_host = slice_str(vhost);
    amqp_client_send(client, 0, &method);
}

static struct amqp_test_client *tuned(uint16_t channel_max, uint32_t frame_max, uint16_t heartbeat)
{
    struct amqp_test_client *client = begin(NULL);
    start_ok(client, "PLAIN", slice_of("\0guest\0guest", 12), true);
    amqp_expect(client, 0, METHOD_CONNECTION_TUNE);
    tune_ok(client, channel_max, frame_max, heartbeat);
    return client;
}

/* -- protocol header -- */

START_TEST(other_protocols_are_answered_with_a_header)
{
    struct amqp_test_client *client = amqp_client_new(&fixture, NULL);
    amqp_client_bytes(client, "AMQP\0\0\x09\0", 8);
    amqp_expect_bytes(client, "AMQP\0\0\x09\x01", 8);
    amqp_expect_closed(client);
    client = amqp_client_new(&fixture, NULL);
    amqp_client_bytes(client, "GET / HTTP/1.1\r\n", 16);
    amqp_expect_bytes(client, "AMQP\0\0\x09\x01", 8);
    amqp_expect_closed(client);
    client = amqp_client_new(&fixture, NULL);
    amqp_client_bytes(client, "AMQP\0\x01\0\0", 8);
    amqp_expect_bytes(client, "AMQP\0\0\x09\x01", 8);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(the_header_may_come_in_pieces)
{
    struct amqp_test_client *client = amqp_client_new(&fixture, NULL);
    for (size_t i = 0; i < 8; i++) {
        amqp_expect_nothing(client);
        amqp_client_bytes(client, PROTOCOL_HEADER_0_9_1 + i, 1);
    }
    amqp_expect(client, 0, METHOD_CONNECTION_START);
}
END_TEST

/* -- start -- */

START_TEST(server_properties_are_rabbitmq_s)
{
    struct amqp_test_client *client = amqp_client_new(&fixture, NULL);
    amqp_client_bytes(client, PROTOCOL_HEADER_0_9_1, PROTOCOL_HEADER_SIZE);
    const struct method_connection_start *start =
        &amqp_expect(client, 0, METHOD_CONNECTION_START)->connection_start;
    struct field_value value;
    ck_assert_uint_eq(start->version_major, 0);
    ck_assert_uint_eq(start->version_minor, 9);
    ck_assert(slice_equal_str(start->mechanisms, "PLAIN AMQPLAIN"));
    ck_assert(slice_equal_str(start->locales, "en_US"));
    ck_assert(table_find(start->server_properties, "product", &value));
    ck_assert(slice_equal_str(value.bytes, "RabbitMQ"));
    ck_assert(table_find(start->server_properties, "version", &value));
    ck_assert(slice_equal_str(value.bytes, "3.13.7"));
    ck_assert(table_find(start->server_properties, "cluster_name", &value));
    ck_assert(slice_equal_str(value.bytes, "rabbit@localhost"));
    ck_assert(table_find(start->server_properties, "platform", &value));
    ck_assert(slice_starts_with(value.bytes, "Bilby "));
    struct field_value capabilities;
    ck_assert(table_find(start->server_properties, "capabilities", &capabilities));
    static const char *const names[] = {
        "publisher_confirms",           "exchange_exchange_bindings", "basic.nack",
        "consumer_cancel_notify",       "connection.blocked",         "consumer_priorities",
        "authentication_failure_close", "per_consumer_qos",           "direct_reply_to"};
    struct field_iter iter = {capabilities.bytes};
    struct slice name;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        ck_assert(field_next(&iter, &name, &value));
        ck_assert(slice_equal_str(name, names[i]));
        ck_assert(value.type == FIELD_BOOL && value.boolean);
    }
}
END_TEST

START_TEST(a_handshake_ends_with_open_ok)
{
    struct amqp_test_client *client = begin(NULL);
    struct amqp_connection_info info;
    start_ok(client, "PLAIN", slice_of("\0guest\0guest", 12), true);
    const struct method_connection_tune *tune =
        &amqp_expect(client, 0, METHOD_CONNECTION_TUNE)->connection_tune;
    ck_assert_uint_eq(tune->channel_max, 2047);
    ck_assert_uint_eq(tune->frame_max, 131072);
    ck_assert_uint_eq(tune->heartbeat, 60);
    tune_ok(client, 100, 8192, 30);
    open_vhost(client, "/");
    amqp_expect(client, 0, METHOD_CONNECTION_OPEN_OK);
    struct connection *connection =
        LIST_FIRST(&fixture.broker->connections, struct connection, broker_link);
    ck_assert(amqp_connection_info(connection, &info));
    ck_assert_str_eq(info.state, "running");
    ck_assert_str_eq(info.auth_mechanism, "PLAIN");
    ck_assert_uint_eq(info.channel_max, 100);
    ck_assert_uint_eq(info.frame_max, 8192);
    ck_assert_uint_eq(info.heartbeat_s, 30);
    ck_assert(slice_equal_str(info.user_provided_name, "unit test"));
    ck_assert_uint_gt(info.sent_bytes, 0);
    amqp_call(client, 0, &(struct method){.kind = METHOD_CONNECTION_CLOSE},
              METHOD_CONNECTION_CLOSE_OK);
    amqp_expect_closed(client);
}
END_TEST

/* -- login -- */

#define REFUSED_TEXT(mechanism)                                                                    \
    "ACCESS_REFUSED - Login was refused using authentication mechanism " mechanism                 \
    ". For details see the broker logfile."

START_TEST(a_wrong_password_is_refused_with_403)
{
    struct amqp_test_client *client = begin(NULL);
    start_ok(client, "PLAIN", slice_of("\0guest\0wrong", 12), true);
    const struct method_connection_close *close =
        &amqp_expect(client, 0, METHOD_CONNECTION_CLOSE)->connection_close;
    ck_assert_uint_eq(close->reply_code, 403);
    ck_assert(slice_equal_str(close->reply_text, REFUSED_TEXT("PLAIN")));
    ck_assert_uint_eq(close->class_id, 0);
    ck_assert_uint_eq(close->method_id, 0);
    amqp_expect_nothing(client);
    ck_assert(!client->closed);
    amqp_fixture_pass(&fixture, 3000);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(without_the_capability_a_refusal_is_silence)
{
    struct amqp_test_client *client = begin(NULL);
    start_ok(client, "PLAIN", slice_of("\0nobody\0guest", 13), false);
    amqp_expect_nothing(client);
    amqp_fixture_pass(&fixture, 2500);
    ck_assert(!client->closed);
    amqp_fixture_pass(&fixture, 500);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(guest_comes_from_this_machine_only)
{
    struct amqp_peer far = {.name = "10.0.0.1:1 -> 10.0.0.2:5672", .loopback = false};
    struct amqp_test_client *client = begin(&far);
    start_ok(client, "PLAIN", slice_of("\0guest\0guest", 12), true);
    const struct method_connection_close *close =
        &amqp_expect(client, 0, METHOD_CONNECTION_CLOSE)->connection_close;
    ck_assert_uint_eq(close->reply_code, 403);
    ck_assert(slice_equal_str(close->reply_text, REFUSED_TEXT("PLAIN")));
}
END_TEST

START_TEST(amqplain_is_a_table)
{
    struct amqp_test_client *client = begin(NULL);
    struct buf response = BUF_INIT;
    table_add_str(&response, "LOGIN", slice_str("guest"));
    table_add_str(&response, "PASSWORD", slice_str("guest"));
    start_ok(client, "AMQPLAIN", buf_slice(&response), true);
    amqp_expect(client, 0, METHOD_CONNECTION_TUNE);
    buf_fini(&response);
    client = begin(NULL);
    start_ok(client, "AMQPLAIN", slice_str("no table"), true);
    amqp_expect_nothing(client);
    amqp_fixture_pass(&fixture, 3000);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(malformed_plain_responses_are_met_with_silence)
{
    static const struct {
        const char *bytes;
        size_t len;
    } responses[] = {{"", 0},
                     {"guest", 5},
                     {"\0guest", 6},
                     {"x\0guest\0guest", 13},
                     {"\0guest\0guest\0more", 17},
                     {"\0", 1},
                     {"\0\0", 2}};
    for (size_t i = 0; i < ARRAY_LEN(responses); i++) {
        struct amqp_test_client *client = begin(NULL);
        start_ok(client, "PLAIN", slice_of(responses[i].bytes, responses[i].len), false);
        amqp_expect_nothing(client);
        amqp_fixture_pass(&fixture, 3000);
        amqp_expect_closed(client);
    }
}
END_TEST

START_TEST(external_needs_a_certificate)
{
    struct broker_options options;
    struct amqp_fixture other;
    broker_options_init(&options);
    options.auth_mechanisms = "EXTERNAL PLAIN";
    amqp_fixture_open(&other, &options);
    struct amqp_peer peer = {
        .name = "a -> b", .loopback = true, .tls_protocol = "TLSv1.3", .tls_login = "guest"};
    for (int with = 0; with < 2; with++) {
        struct amqp_test_client *client = amqp_client_new(&other, with ? &peer : NULL);
        amqp_client_bytes(client, PROTOCOL_HEADER_0_9_1, PROTOCOL_HEADER_SIZE);
        const struct method *start = amqp_expect(client, 0, METHOD_CONNECTION_START);
        ck_assert(
            slice_equal_str(start->connection_start.mechanisms, with ? "EXTERNAL PLAIN" : "PLAIN"));
        start_ok(client, "EXTERNAL", slice_of(NULL, 0), true);
        if (with)
            amqp_expect(client, 0, METHOD_CONNECTION_TUNE);
        else
            amqp_expect_nothing(client);
    }
    amqp_fixture_close(&other);
}
END_TEST

START_TEST(unknown_mechanisms_are_met_with_silence)
{
    struct amqp_test_client *client = begin(NULL);
    start_ok(client, "GSSAPI", slice_of(NULL, 0), true);
    amqp_expect_nothing(client);
    amqp_fixture_pass(&fixture, 3000);
    amqp_expect_closed(client);
    client = begin(NULL);
    start_ok(client, "ANONYMOUS", slice_of(NULL, 0), true); /* known, but not configured */
    amqp_expect_nothing(client);
    amqp_fixture_pass(&fixture, 3000);
    amqp_expect_closed(client);
}
END_TEST

/* -- tuning and opening -- */

START_TEST(negotiated_values_have_bounds)
{
    amqp_expect_close(tuned(0, 131072, 0), 0, 530,
                      "NOT_ALLOWED - negotiated channel_max = 0 (no limit) is higher than the "
                      "maximum allowed value (2047)",
                      10, 30);
    amqp_expect_close(tuned(2048, 131072, 0), 0, 530,
                      "NOT_ALLOWED - negotiated channel_max = 2048 is higher than the maximum "
                      "allowed value (2047)",
                      10, 30);
    amqp_expect_close(tuned(1, 4095, 0), 0, 530,
                      "NOT_ALLOWED - negotiated frame_max = 4095 is lower than the minimum allowed "
                      "value (4096)",
                      10, 30);
    amqp_expect_close(tuned(1, 131073, 0), 0, 530,
                      "NOT_ALLOWED - negotiated frame_max = 131073 is higher than the maximum "
                      "allowed value (131072)",
                      10, 30);
    struct amqp_test_client *client = tuned(1, 4096, 0);
    open_vhost(client, "/");
    amqp_expect(client, 0, METHOD_CONNECTION_OPEN_OK);
}
END_TEST

START_TEST(an_unknown_virtual_host_is_refused)
{
    struct amqp_test_client *client = tuned(1, 4096, 0);
    open_vhost(client, "nowhere");
    amqp_expect_close(client, 0, 530, "NOT_ALLOWED - vhost nowhere not found", 10, 40);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(access_to_a_virtual_host_takes_a_permission)
{
    char message[256];
    bool created;
    ck_assert_ptr_nonnull(
        vhost_create(fixture.broker, slice_str("other"), &created, message, sizeof(message)));
    struct amqp_test_client *client = tuned(1, 4096, 0);
    open_vhost(client, "other");
    amqp_expect_close(client, 0, 530,
                      "NOT_ALLOWED - access to vhost 'other' refused for user 'guest'", 10, 40);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(methods_out_of_turn_are_refused)
{
    struct amqp_test_client *client = begin(NULL);
    tune_ok(client, 1, 4096, 0); /* nobody is known yet: silence */
    amqp_expect_nothing(client);
    amqp_fixture_pass(&fixture, 3000);
    amqp_expect_closed(client);
    client = tuned(1, 4096, 0);
    tune_ok(client, 1, 4096, 0);
    amqp_expect_close(client, 0, 504,
                      "CHANNEL_ERROR - unexpected method in connection state opening", 10, 31);
    amqp_expect_closed(client);
    client = amqp_client_login(&fixture, 0);
    tune_ok(client, 1, 4096, 0);
    amqp_expect_close(client, 0, 504,
                      "CHANNEL_ERROR - unexpected method in connection state running", 10, 31);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(a_handshake_has_ten_seconds)
{
    struct amqp_test_client *silent = amqp_client_new(&fixture, NULL);
    struct amqp_test_client *slow = begin(NULL);
    amqp_fixture_pass(&fixture, 9500);
    ck_assert(!silent->closed);
    amqp_fixture_pass(&fixture, 500);
    amqp_expect_closed(silent);
    amqp_expect_closed(slow);
}
END_TEST

START_TEST(a_client_may_leave_during_the_handshake)
{
    struct amqp_test_client *client = begin(NULL);
    amqp_call(client, 0, &(struct method){.kind = METHOD_CONNECTION_CLOSE},
              METHOD_CONNECTION_CLOSE_OK);
    amqp_expect_closed(client);
}
END_TEST

/* -- frames -- */

START_TEST(broken_frames_close_the_connection)
{
    struct amqp_test_client *client = amqp_client_login(&fixture, 4096);
    amqp_client_bytes(client, "\1\0\0\0\0\0\1xy", 9);
    amqp_expect_close(client, 0, 501,
                      "FRAME_ERROR - type 1, all octets = <<\"x\">>: "
                      "{invalid_frame_end_marker,121}",
                      0, 0);
    ck_assert(!client->closed); /* what follows a broken frame is not understood */
    amqp_fixture_pass(&fixture, 3000);
    amqp_expect_closed(client);
    client = amqp_client_login(&fixture, 4096);
    amqp_client_bytes(client, "\3\0\1\0\1\0\0", 7);
    amqp_expect_close(client, 0, 501,
                      "FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,65536,4088}", 0,
                      0);
}
END_TEST

START_TEST(frames_that_do_not_belong_close_the_connection)
{
    static const struct {
        const char *bytes;
        size_t len;
        unsigned code;
        const char *text;
    } rows[] = {
        {"\11\0\0\0\0\0\0\xCE", 8, 501, "FRAME_ERROR - type 9, all octets = <<>>: unknown_frame"},
        {"\11\0\1\0\0\0\0\xCE", 8, 501, "FRAME_ERROR - type 9, all octets = <<>>: unknown_frame"},
        {"\10\0\1\0\0\0\0\xCE", 8, 505, "UNEXPECTED_FRAME - type 8, all octets = <<>>"},
        {"\3\0\0\0\0\0\0\xCE", 8, 505, "UNEXPECTED_FRAME - type 3, all octets = <<>>"},
        {"\3\0\1\0\0\0\0\xCE", 8, 505,
         "UNEXPECTED_FRAME - expected method frame, got non method frame instead"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct amqp_test_client *client = amqp_client_login(&fixture, 0);
        amqp_client_bytes(client, rows[i].bytes, rows[i].len);
        amqp_expect_close(client, 0, rows[i].code, rows[i].text, 0, 0);
        amqp_expect_closed(client);
    }
}
END_TEST

START_TEST(a_method_that_does_not_exist_is_503)
{
    struct amqp_test_client *client = amqp_client_login(&fixture, 0);
    amqp_client_bytes(client, "\1\0\0\0\0\0\4\0\xA\0\x63\xCE", 12);
    amqp_expect_close(client, 0, 503, "COMMAND_INVALID - unimplemented method", 10, 99);
    amqp_expect_closed(client);
}
END_TEST

/* -- heartbeats -- */

static struct amqp_test_client *beating(uint16_t seconds)
{
    struct amqp_test_client *client = tuned(10, 131072, seconds);
    open_vhost(client, "/");
    amqp_expect(client, 0, METHOD_CONNECTION_OPEN_OK);
    return client;
}

START_TEST(the_broker_beats_at_half_the_interval)
{
    struct amqp_test_client *client = beating(10);
    for (int i = 0; i < 6; i++) {
        amqp_client_bytes(client, FRAME_HEARTBEAT_BYTES, FRAME_OVERHEAD);
        amqp_fixture_pass(&fixture, 4500);
        amqp_expect_nothing(client);
        amqp_fixture_pass(&fixture, 500);
        amqp_expect_bytes(client, FRAME_HEARTBEAT_BYTES, FRAME_OVERHEAD);
    }
}
END_TEST

START_TEST(a_silent_client_is_dropped_after_two_looks)
{
    struct amqp_test_client *client = beating(10);
    amqp_fixture_pass(&fixture, 10000); /* the first look still sees the handshake */
    ck_assert(!client->closed);
    amqp_fixture_pass(&fixture, 10000);
    ck_assert(!client->closed);
    amqp_fixture_pass(&fixture, 10000);
    ck_assert(client->closed);
}
END_TEST

START_TEST(a_dropped_client_is_dealt_nothing_more)
{
    struct amqp_test_client *silent = beating(10);
    amqp_open_channel(silent, 1);
    struct amqp_test_client *other = amqp_client_login(&fixture, 0);
    amqp_open_channel(other, 1);
    amqp_declare(other, 1, "q", "", slice_of(NULL, 0));
    amqp_consume(silent, 1, "q", "C", false);
    amqp_fixture_pass(&fixture, 29999);
    ck_assert(!silent->closed);
    amqp_client_publish(other, 1, "", "q", false, slice_of(NULL, 0), slice_str("x"));
    amqp_fixture_pass(&fixture, 1);
    ck_assert(silent->closed);
    amqp_client_send(other, 1,
                     &(struct method){.kind = METHOD_BASIC_GET,
                                      .basic_get = {.queue = slice_str("q"), .no_ack = true}});
    amqp_fixture_settle(&fixture);
    struct amqp_content content;
    amqp_expect_content(other, 1, METHOD_BASIC_GET_OK, &content);
    ck_assert(!content.method.basic_get_ok.redelivered);
    amqp_content_fini(&content);
}
END_TEST

START_TEST(part_of_a_frame_is_a_sign_of_life)
{
    struct amqp_test_client *client = beating(10);
    for (int i = 0; i < 7; i++) {
        amqp_client_bytes(client, FRAME_HEARTBEAT_BYTES + i, 1);
        amqp_fixture_pass(&fixture, 9000);
        ck_assert(!client->closed);
    }
}
END_TEST

START_TEST(without_heartbeat_silence_is_fine)
{
    struct amqp_test_client *client = beating(0);
    amqp_fixture_pass(&fixture, 3600000);
    amqp_expect_nothing(client);
    ck_assert(!client->closed);
}
END_TEST

/* -- closing by the broker -- */

START_TEST(shutdown_closes_with_320)
{
    struct amqp_test_client *running = amqp_client_login(&fixture, 0);
    struct amqp_test_client *starting = begin(NULL);
    broker_close_connections(fixture.broker,
                             "broker forced connection closure with reason 'shutdown'");
    amqp_expect_closed(starting);
    amqp_expect_close(running, 0, 320,
                      "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
                      0, 0);
    amqp_expect_closed(running);
}
END_TEST

START_TEST(shutdown_does_not_wait_for_penalties)
{
    struct amqp_test_client *client = begin(NULL);
    start_ok(client, "PLAIN", slice_of("\0guest\0wrong", 12), false);
    amqp_expect_nothing(client);
    broker_close_connections(fixture.broker, "enough");
    amqp_expect_closed(client);
}
END_TEST

START_TEST(a_held_publisher_can_agree_to_the_end)
{
    struct amqp_test_client *client = amqp_client_login(&fixture, 0);
    amqp_open_channel(client, 1);
    amqp_client_publish(client, 1, "", "nowhere", false, slice_of(NULL, 0), slice_str("x"));
    amqp_fixture_settle(&fixture);
    broker_set_alarm(fixture.broker, ALARM_MEMORY, true);
    amqp_expect(client, 0, METHOD_CONNECTION_BLOCKED);
    amqp_connection_shutdown(client->amqp, "enough");
    amqp_expect_close(client, 0, 320, "CONNECTION_FORCED - enough", 0, 0);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(a_client_that_does_not_answer_close_is_dropped)
{
    struct amqp_test_client *client = amqp_client_login(&fixture, 0);
    amqp_connection_shutdown(client->amqp, "enough");
    amqp_expect(client, 0, METHOD_CONNECTION_CLOSE);
    amqp_fixture_pass(&fixture, 29500);
    ck_assert(!client->closed);
    amqp_fixture_pass(&fixture, 500);
    ck_assert(client->closed);
}
END_TEST

START_TEST(deleting_the_virtual_host_closes_its_connections)
{
    struct amqp_test_client *client = amqp_client_login(&fixture, 0);
    amqp_open_channel(client, 1);
    vhost_delete(vhost_find(fixture.broker, slice_str("/")));
    amqp_expect_close(client, 0, 320, "CONNECTION_FORCED - vhost '/' is deleted", 0, 0);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(deleting_the_user_closes_its_connections)
{
    struct amqp_test_client *client = amqp_client_login(&fixture, 0);
    ck_assert(access_delete_user(fixture.broker->access, slice_str("guest")));
    amqp_expect_close(client, 0, 320, "CONNECTION_FORCED - user 'guest' is deleted", 0, 0);
    amqp_expect_closed(client);
}
END_TEST

/* -- alarms -- */

START_TEST(publishers_are_told_of_alarms_and_held)
{
    struct amqp_test_client *publisher = amqp_client_login(&fixture, 0);
    struct amqp_test_client *consumer = amqp_client_login(&fixture, 0);
    struct slice none = {0};
    amqp_open_channel(publisher, 1);
    amqp_open_channel(consumer, 1);
    amqp_client_publish(publisher, 1, "", "nowhere", false, none, slice_str("x"));
    amqp_fixture_settle(&fixture);
    broker_set_alarm(fixture.broker, ALARM_MEMORY, true);
    ck_assert(slice_equal_str(
        amqp_expect(publisher, 0, METHOD_CONNECTION_BLOCKED)->connection_blocked.reason,
        "low on memory"));
    amqp_expect_nothing(consumer);
    ck_assert(!amqp_connection_wishes(publisher->amqp).read);
    ck_assert(amqp_connection_wishes(consumer->amqp).read);
    /* What comes now stays unread; the consumer goes on. */
    amqp_client_send(publisher, 2, &(struct method){.kind = METHOD_CHANNEL_OPEN});
    amqp_expect_nothing(publisher);
    amqp_open_channel(consumer, 2);
    broker_set_alarm(fixture.broker, ALARM_MEMORY, false);
    amqp_expect(publisher, 0, METHOD_CONNECTION_UNBLOCKED);
    amqp_expect(publisher, 2, METHOD_CHANNEL_OPEN_OK);
}
END_TEST

START_TEST(a_first_publish_under_alarm_is_held)
{
    struct amqp_test_client *client = amqp_client_login(&fixture, 0);
    struct slice none = {0};
    amqp_open_channel(client, 1);
    broker_set_alarm(fixture.broker, ALARM_DISK, true);
    amqp_expect_nothing(client);
    amqp_client_publish(client, 1, "", "nowhere", false, none, slice_str("x"));
    ck_assert(slice_equal_str(
        amqp_expect(client, 0, METHOD_CONNECTION_BLOCKED)->connection_blocked.reason,
        "low on disk"));
    ck_assert(!amqp_connection_wishes(client->amqp).read);
}
END_TEST

START_TEST(a_blocked_client_s_silence_does_not_count)
{
    struct amqp_test_client *client = beating(10);
    struct slice none = {0};
    amqp_open_channel(client, 1);
    amqp_client_publish(client, 1, "", "nowhere", false, none, slice_str("x"));
    amqp_fixture_settle(&fixture);
    broker_set_alarm(fixture.broker, ALARM_MEMORY, true);
    amqp_fixture_pass(&fixture, 120000);
    ck_assert(!client->closed);
    broker_set_alarm(fixture.broker, ALARM_MEMORY, false);
    amqp_fixture_pass(&fixture, 40000);
    ck_assert(client->closed);
}
END_TEST

/* Asks for messages, many in one go. */
static void ask(struct amqp_test_client *client, size_t times)
{
    struct method method = {.kind = METHOD_BASIC_GET};
    method.basic_get.queue = slice_str("q");
    method.basic_get.no_ack = true;
    for (size_t i = 0; i < times; i++)
        amqp_client_send(client, 1, &method);
}

static struct amqp_test_client *stuck_asker(uint16_t heartbeat)
{
    struct amqp_test_client *client = beating(heartbeat);
    struct buf body = BUF_INIT;
    amqp_open_channel(client, 1);
    amqp_declare(client, 1, "q", "", (struct slice){0});
    memset(buf_reserve(&body, 65536), 'x', 65536);
    body.len = 65536;
    for (int i = 0; i < 1000; i++)
        amqp_client_publish(client, 1, "", "q", false, (struct slice){0}, buf_slice(&body));
    buf_fini(&body);
    amqp_fixture_settle(&fixture);
    amqp_expect_nothing(client);
    client->stuck = true;
    ask(client, 1000);
    amqp_fixture_settle(&fixture);
    return client;
}

START_TEST(a_client_that_does_not_read_is_not_listened_to)
{
    struct amqp_test_client *client = stuck_asker(0);
    uint64_t waiting = outq_len(amqp_connection_output(client->amqp));
    ck_assert_uint_gt(waiting, 16u << 20);
    ck_assert_uint_lt(waiting, 17u << 20);
    ck_assert(!amqp_connection_wishes(client->amqp).read);
    ck_assert_uint_gt(client->to_broker.len, 0);
    client->stuck = false;
    amqp_fixture_settle(&fixture);
    ck_assert_uint_eq(client->to_broker.len, 0);
    ck_assert_uint_gt(client->from_broker.len, 1000u * 65536);
    ck_assert(amqp_connection_wishes(client->amqp).read);
}
END_TEST

START_TEST(a_client_that_does_not_read_must_take_something)
{
    struct amqp_test_client *client = stuck_asker(10);
    for (int i = 0; i < 10; i++) { /* something each time */
        amqp_fixture_pass(&fixture, 10000);
        ck_assert(!client->closed);
        outq_drain(amqp_connection_output(client->amqp), 100);
    }
    amqp_fixture_pass(&fixture, 40000); /* and then nothing */
    ck_assert(client->closed);
}
END_TEST

/* -- the rest -- */

START_TEST(update_secret_is_answered)
{
    struct amqp_test_client *client = amqp_client_login(&fixture, 0);
    struct method method = {.kind = METHOD_CONNECTION_UPDATE_SECRET};
    method.connection_update_secret.new_secret = slice_str("token");
    method.connection_update_secret.reason = slice_str("due");
    amqp_call(client, 0, &method, METHOD_CONNECTION_UPDATE_SECRET_OK);
    access_clear_permission(fixture.broker->access, slice_str("guest"), slice_str("/"));
    amqp_client_send(client, 0, &method);
    amqp_expect_close(client, 0, 530, "NOT_ALLOWED - access to vhost '/' refused for user 'guest'",
                      10, 70);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(the_owner_is_woken_once_until_it_asks)
{
    struct amqp_test_client *client = amqp_client_new(&fixture, NULL);
    unsigned before = client->wakes;
    size_t used = amqp_connection_feed(client->amqp, slice_of(PROTOCOL_HEADER_0_9_1, 8));
    ck_assert_uint_eq(used, 8);
    ck_assert_uint_eq(client->wakes, before + 1);
    amqp_connection_shutdown(client->amqp, "enough");
    ck_assert_uint_eq(client->wakes, before + 1);
    ck_assert(amqp_connection_wishes(client->amqp).close);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("amqp_connection");
    TCase *tcase = tcase_create("amqp_connection");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, other_protocols_are_answered_with_a_header);
    tcase_add_test(tcase, the_header_may_come_in_pieces);
    tcase_add_test(tcase, server_properties_are_rabbitmq_s);
    tcase_add_test(tcase, a_handshake_ends_with_open_ok);
    tcase_add_test(tcase, a_wrong_password_is_refused_with_403);
    tcase_add_test(tcase, without_the_capability_a_refusal_is_silence);
    tcase_add_test(tcase, guest_comes_from_this_machine_only);
    tcase_add_test(tcase, amqplain_is_a_table);
    tcase_add_test(tcase, malformed_plain_responses_are_met_with_silence);
    tcase_add_test(tcase, external_needs_a_certificate);
    tcase_add_test(tcase, unknown_mechanisms_are_met_with_silence);
    tcase_add_test(tcase, negotiated_values_have_bounds);
    tcase_add_test(tcase, an_unknown_virtual_host_is_refused);
    tcase_add_test(tcase, access_to_a_virtual_host_takes_a_permission);
    tcase_add_test(tcase, methods_out_of_turn_are_refused);
    tcase_add_test(tcase, a_handshake_has_ten_seconds);
    tcase_add_test(tcase, a_client_may_leave_during_the_handshake);
    tcase_add_test(tcase, broken_frames_close_the_connection);
    tcase_add_test(tcase, frames_that_do_not_belong_close_the_connection);
    tcase_add_test(tcase, a_method_that_does_not_exist_is_503);
    tcase_add_test(tcase, the_broker_beats_at_half_the_interval);
    tcase_add_test(tcase, a_silent_client_is_dropped_after_two_looks);
    tcase_add_test(tcase, a_dropped_client_is_dealt_nothing_more);
    tcase_add_test(tcase, part_of_a_frame_is_a_sign_of_life);
    tcase_add_test(tcase, without_heartbeat_silence_is_fine);
    tcase_add_test(tcase, shutdown_closes_with_320);
    tcase_add_test(tcase, shutdown_does_not_wait_for_penalties);
    tcase_add_test(tcase, a_held_publisher_can_agree_to_the_end);
    tcase_add_test(tcase, a_client_that_does_not_answer_close_is_dropped);
    tcase_add_test(tcase, deleting_the_virtual_host_closes_its_connections);
    tcase_add_test(tcase, deleting_the_user_closes_its_connections);
    tcase_add_test(tcase, publishers_are_told_of_alarms_and_held);
    tcase_add_test(tcase, a_first_publish_under_alarm_is_held);
    tcase_add_test(tcase, a_blocked_client_s_silence_does_not_count);
    tcase_add_test(tcase, a_client_that_does_not_read_is_not_listened_to);
    tcase_add_test(tcase, a_client_that_does_not_read_must_take_something);
    tcase_add_test(tcase, update_secret_is_answered);
    tcase_add_test(tcase, the_owner_is_woken_once_until_it_asks);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
