/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation that runs: broken frames, heartbeats, closing, alarms, slow clients, over a real
 * broker. */
#include "broker/access.h"
#include "broker/broker.h"
#include "broker/connection.h"
#include "broker/vhost.h"
#include "session/amqp_connection.h"
#include "tests/support/suite.h"
#include "tests/unit/amqp_handshake_fixture.h"

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

START_TEST(who_asked_for_the_end_ends_the_stream)
{
    struct amqp_test_client *client = amqp_client_login(&fixture, 0);
    amqp_call(client, 0, &(struct method){.kind = METHOD_CONNECTION_CLOSE},
              METHOD_CONNECTION_CLOSE_OK);
    amqp_expect_closed(client);
    ck_assert(client->parted);
    struct amqp_test_client *both = amqp_client_login(&fixture, 0);
    amqp_connection_shutdown(both->amqp, "enough");
    amqp_expect(both, 0, METHOD_CONNECTION_CLOSE);
    amqp_call(both, 0, &(struct method){.kind = METHOD_CONNECTION_CLOSE},
              METHOD_CONNECTION_CLOSE_OK);
    amqp_expect_closed(both);
    ck_assert(both->parted);
    struct amqp_test_client *other = amqp_client_login(&fixture, 0);
    amqp_connection_shutdown(other->amqp, "enough");
    amqp_expect_close(other, 0, 320, "CONNECTION_FORCED - enough", 0, 0);
    amqp_expect_closed(other);
    ck_assert(!other->parted);
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

/* Its channels end at once although it is on its way out already: nothing may be left there. */
START_TEST(the_virtual_host_of_a_client_that_is_given_up_can_be_deleted)
{
    struct amqp_test_client *client = beating(10);
    amqp_open_channel(client, 1);
    amqp_declare(client, 1, "q", "", slice_of(NULL, 0));
    amqp_consume(client, 1, "q", "C", false);
    amqp_fixture_pass(&fixture, 29999);
    fixture.now_ms += 1;
    broker_set_time(fixture.broker, fixture.now_ms, fixture.now_ms);
    broker_run_timers(fixture.broker);
    ck_assert(amqp_connection_wishes(client->amqp).abort);
    vhost_delete(vhost_find(fixture.broker, slice_str("/")));
    ck_assert_ptr_null(vhost_find(fixture.broker, slice_str("/")));
    amqp_fixture_settle(&fixture);
    ck_assert(client->closed);
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
    ck_assert_uint_gt(client->from_broker.len, (size_t)1000 * 65536);
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
    const TTest *const tests[] = {
        broken_frames_close_the_connection,
        frames_that_do_not_belong_close_the_connection,
        a_method_that_does_not_exist_is_503,
        the_broker_beats_at_half_the_interval,
        a_silent_client_is_dropped_after_two_looks,
        a_dropped_client_is_dealt_nothing_more,
        part_of_a_frame_is_a_sign_of_life,
        without_heartbeat_silence_is_fine,
        shutdown_closes_with_320,
        shutdown_does_not_wait_for_penalties,
        who_asked_for_the_end_ends_the_stream,
        a_held_publisher_can_agree_to_the_end,
        a_client_that_does_not_answer_close_is_dropped,
        deleting_the_virtual_host_closes_its_connections,
        the_virtual_host_of_a_client_that_is_given_up_can_be_deleted,
        deleting_the_user_closes_its_connections,
        publishers_are_told_of_alarms_and_held,
        a_first_publish_under_alarm_is_held,
        a_blocked_client_s_silence_does_not_count,
        a_client_that_does_not_read_is_not_listened_to,
        a_client_that_does_not_read_must_take_something,
        update_secret_is_answered,
        the_owner_is_woken_once_until_it_asks,
    };
    return suite_run("amqp_connection", set_up, tear_down, tests, ARRAY_LEN(tests));
}
