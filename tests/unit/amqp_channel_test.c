/* SPDX-License-Identifier: Apache-2.0 */
/* Channels over a real broker: their table of handlers, opening and closing, slow clients. */
#include "broker/broker.h"
#include "broker/connection.h"
#include "proto/basic.h"
#include "proto/frame.h"
#include "session/amqp.h"
#include "session/amqp_connection.h"
#include "tests/support/suite.h"
#include "tests/unit/amqp_class_fixture.h"

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
    const TTest *const tests[] = {
        every_method_of_a_client_has_a_handler,
        a_channel_must_be_open,
        a_channel_opens_once,
        a_channel_s_number_can_be_used_again,
        channels_are_counted,
        a_closing_channel_hears_nothing_but_its_end,
        both_sides_may_close_at_once,
        a_server_s_method_is_not_for_clients,
        a_client_that_does_not_read_gets_no_more_than_it_takes,
        a_publisher_that_outruns_the_disk_is_not_read_from,
        idle_connections_and_channels_are_small,
    };
    return suite_run("amqp_channel", set_up, tear_down, tests, ARRAY_LEN(tests));
}
