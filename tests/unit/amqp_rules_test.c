/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the specification that no other test proves; tests/spec/rules.tsv names them. */
#include "broker/broker.h"
#include "proto/frame.h"
#include "proto/properties.h"
#include "proto/table.h"
#include "session/amqp_connection.h"
#include "tests/support/suite.h"
#include "tests/unit/amqp_class_fixture.h"

#include <stdio.h>

static void publish_to(const char *exchange, const char *key, struct slice properties,
                       const char *body)
{
    amqp_client_publish(client, 1, exchange, key, false, properties, slice_str(body));
}

START_TEST(frames_of_the_minimum_size_are_taken_before_tuning)
{
    struct amqp_test_client *large = amqp_client_new(&fixture, NULL);
    amqp_client_bytes(large, PROTOCOL_HEADER_0_9_1, PROTOCOL_HEADER_SIZE);
    amqp_expect(large, 0, METHOD_CONNECTION_START);
    static char filling[FRAME_SIZE_MIN];
    struct buf properties = BUF_INIT;
    struct method method = {.kind = METHOD_CONNECTION_START_OK};
    method.connection_start_ok.mechanism = slice_str("PLAIN");
    method.connection_start_ok.response = slice_of("\0guest\0guest", 12);
    table_add_str(&properties, "x", slice_of(filling, 0));
    method.connection_start_ok.client_properties = buf_slice(&properties);
    size_t room = FRAME_SIZE_MIN - method_frame_size(&method);
    buf_clear(&properties);
    table_add_str(&properties, "x", slice_of(filling, room));
    method.connection_start_ok.client_properties = buf_slice(&properties);
    ck_assert_uint_eq(method_frame_size(&method), FRAME_SIZE_MIN);
    amqp_call(large, 0, &method, METHOD_CONNECTION_TUNE);
    buf_fini(&properties);
}
END_TEST

START_TEST(after_close_only_close_and_close_ok_are_heard)
{
    amqp_connection_shutdown(client->amqp, "enough");
    amqp_expect(client, 0, METHOD_CONNECTION_CLOSE);
    send(&(struct method){.kind = METHOD_QUEUE_DECLARE});
    publish_to("", "q", NONE, "dropped");
    amqp_client_send(client, 0, &(struct method){.kind = METHOD_CONNECTION_OPEN});
    amqp_expect_nothing(client);
    ck_assert(!client->closed);
    amqp_call(client, 0, &(struct method){.kind = METHOD_CONNECTION_CLOSE},
              METHOD_CONNECTION_CLOSE_OK);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(a_durable_queue_binds_to_a_transient_exchange)
{
    struct method method = {.kind = METHOD_EXCHANGE_DECLARE};
    method.exchange_declare.exchange = slice_str("passing");
    method.exchange_declare.type = slice_str("direct");
    call(&method, METHOD_EXCHANGE_DECLARE_OK);
    amqp_declare(client, 1, "lasting", "d", NONE);
    method = (struct method){.kind = METHOD_QUEUE_BIND};
    method.queue_bind.queue = slice_str("lasting");
    method.queue_bind.exchange = slice_str("passing");
    method.queue_bind.routing_key = slice_str("k");
    call(&method, METHOD_QUEUE_BIND_OK);
    amqp_consume(client, 1, "lasting", "tag", true);
    publish_to("passing", "k", NONE, "through");
    amqp_expect_delivery(client, 1, "through");
}
END_TEST

START_TEST(order_does_not_depend_on_persistence)
{
    struct slice persistent = slice_of("\x10\0\2", 3);
    amqp_declare(client, 1, "q", "d", NONE);
    char body[8];
    for (int i = 0; i < 20; i++) {
        snprintf(body, sizeof(body), "%d", i);
        publish_to("", "q", i % 3 ? persistent : NONE, body);
    }
    amqp_consume(client, 1, "q", "tag", true);
    for (int i = 0; i < 20; i++) {
        snprintf(body, sizeof(body), "%d", i);
        amqp_expect_delivery(client, 1, body);
    }
}
END_TEST

START_TEST(recovered_messages_say_redelivered)
{
    struct amqp_content content;
    amqp_declare(client, 1, "q", "", NONE);
    publish_to("", "q", NONE, "m");
    amqp_consume(client, 1, "q", "tag", false);
    amqp_expect_content(client, 1, METHOD_BASIC_DELIVER, &content);
    ck_assert(!content.method.basic_deliver.redelivered);
    amqp_content_fini(&content);
    for (int i = 0; i < 2; i++) {
        bool asynchronous = i == 1;
        struct method method = {.kind = METHOD_BASIC_RECOVER, .basic_recover = {.requeue = true}};
        if (asynchronous)
            method = (struct method){.kind = METHOD_BASIC_RECOVER_ASYNC,
                                     .basic_recover_async = {.requeue = true}};
        send(&method);
        if (!asynchronous)
            amqp_expect(client, 1, METHOD_BASIC_RECOVER_OK);
        amqp_expect_content(client, 1, METHOD_BASIC_DELIVER, &content);
        ck_assert(content.method.basic_deliver.redelivered);
        amqp_content_fini(&content);
    }
}
END_TEST

START_TEST(consumer_tags_are_the_channel_s_own)
{
    amqp_open_channel(client, 2);
    amqp_declare(client, 1, "one", "", NONE);
    amqp_declare(client, 1, "two", "", NONE);
    amqp_consume(client, 1, "one", "same", true);
    amqp_consume(client, 2, "two", "same", true);
    amqp_call(client, 2,
              &(struct method){.kind = METHOD_BASIC_CANCEL,
                               .basic_cancel = {.consumer_tag = slice_str("same")}},
              METHOD_BASIC_CANCEL_OK);
    publish_to("", "one", NONE, "still consumed");
    amqp_expect_delivery(client, 1, "still consumed");
}
END_TEST

START_TEST(cancel_is_answered_when_the_queue_is_gone)
{
    amqp_declare(client, 1, "q", "", NONE);
    amqp_consume(client, 1, "q", "tag", true);
    call(&(struct method){.kind = METHOD_QUEUE_DELETE, .queue_delete = {.queue = slice_str("q")}},
         METHOD_QUEUE_DELETE_OK);
    amqp_expect(client, 1, METHOD_BASIC_CANCEL);
    call(&(struct method){.kind = METHOD_BASIC_CANCEL,
                          .basic_cancel = {.consumer_tag = slice_str("tag")}},
         METHOD_BASIC_CANCEL_OK);
}
END_TEST

START_TEST(deliveries_are_numbered_from_one)
{
    amqp_open_channel(client, 2);
    amqp_declare(client, 1, "q", "", NONE);
    publish_to("", "q", NONE, "a");
    publish_to("", "q", NONE, "b");
    for (uint16_t channel = 1; channel <= 2; channel++) {
        struct amqp_content content;
        amqp_client_send(
            client, channel,
            &(struct method){.kind = METHOD_BASIC_GET, .basic_get = {.queue = slice_str("q")}});
        amqp_expect_content(client, channel, METHOD_BASIC_GET_OK, &content);
        ck_assert_uint_eq(content.method.basic_get_ok.delivery_tag, 1);
        amqp_content_fini(&content);
    }
    /* Two was never given out on channel 2. */
    amqp_client_send(client, 2,
                     &(struct method){.kind = METHOD_BASIC_ACK, .basic_ack = {.delivery_tag = 2}});
    amqp_expect_close(client, 2, 406, "PRECONDITION_FAILED - unknown delivery tag 2", 60, 80);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        frames_of_the_minimum_size_are_taken_before_tuning,
        after_close_only_close_and_close_ok_are_heard,
        a_durable_queue_binds_to_a_transient_exchange,
        order_does_not_depend_on_persistence,
        recovered_messages_say_redelivered,
        consumer_tags_are_the_channel_s_own,
        cancel_is_answered_when_the_queue_is_gone,
        deliveries_are_numbered_from_one,
    };
    return suite_run("amqp_rules", set_up, tear_down, tests, ARRAY_LEN(tests));
}
