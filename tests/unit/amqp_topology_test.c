/* SPDX-License-Identifier: Apache-2.0 */
/* The classes queue and exchange, and what has to be on the disk before it is answered. */
#include "proto/basic.h"
#include "tests/support/suite.h"
#include "tests/unit/amqp_class_fixture.h"

#include <stdio.h>

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

/* -- the disk -- */

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

int main(void)
{
    const TTest *const tests[] = {
        the_queue_declared_last_needs_no_name,
        line_feeds_are_stripped_from_declared_names,
        no_wait_is_not_answered,
        exchanges_are_declared_bound_and_deleted,
        a_durable_queue_is_declared_when_it_is_on_the_disk,
        exclusive_queues_are_gone_before_close_ok,
        confirms_wait_for_the_disk,
        many_barriers_keep_the_order,
    };
    return suite_run("amqp_topology", set_up, tear_down, tests, ARRAY_LEN(tests));
}
