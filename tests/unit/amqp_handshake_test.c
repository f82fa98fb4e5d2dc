/* SPDX-License-Identifier: Apache-2.0 */
/* Handshake and its failures, over a real broker. */
#include "broker/access.h"
#include "broker/broker.h"
#include "broker/connection.h"
#include "broker/vhost.h"
#include "session/amqp_connection.h"
#include "tests/support/suite.h"
#include "tests/unit/amqp_handshake_fixture.h"

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

int main(void)
{
    const TTest *const tests[] = {
        other_protocols_are_answered_with_a_header,
        the_header_may_come_in_pieces,
        server_properties_are_rabbitmq_s,
        a_handshake_ends_with_open_ok,
        a_wrong_password_is_refused_with_403,
        without_the_capability_a_refusal_is_silence,
        guest_comes_from_this_machine_only,
        amqplain_is_a_table,
        malformed_plain_responses_are_met_with_silence,
        external_needs_a_certificate,
        unknown_mechanisms_are_met_with_silence,
        negotiated_values_have_bounds,
        an_unknown_virtual_host_is_refused,
        access_to_a_virtual_host_takes_a_permission,
        methods_out_of_turn_are_refused,
        a_handshake_has_ten_seconds,
        a_client_may_leave_during_the_handshake,
    };
    return suite_run("amqp_handshake", set_up, tear_down, tests, ARRAY_LEN(tests));
}
