/* SPDX-License-Identifier: Apache-2.0 */
/* The classes basic and tx: getting, consuming, acknowledging, returning, committing. */
#include "proto/basic.h"
#include "proto/frame.h"
#include "proto/table.h"
#include "tests/support/suite.h"
#include "tests/unit/amqp_class_fixture.h"

#include <stdio.h>

static void ack(uint64_t tag, bool multiple)
{
    send(&(struct method){.kind = METHOD_BASIC_ACK,
                          .basic_ack = {.delivery_tag = tag, .multiple = multiple}});
}

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

int main(void)
{
    const TTest *const tests[] = {
        get_answers_with_a_message_or_empty,
        acknowledgements_settle_and_unknown_ones_close,
        recover_and_nack_bring_messages_back,
        prefetch_limits_what_is_unacknowledged,
        unroutable_mandatory_messages_return_before_their_confirm,
        a_transaction_shows_at_its_commit,
        flow_and_access_are_answered_as_rabbitmq_does,
        consumers_are_made_and_cancelled,
        a_deleted_queue_cancels_its_consumers,
        overdue_acknowledgements_close_the_channel,
        a_dropped_client_s_messages_go_back,
        direct_reply_to_needs_no_queue,
    };
    return suite_run("amqp_basic", set_up, tear_down, tests, ARRAY_LEN(tests));
}
