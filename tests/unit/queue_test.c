/* SPDX-License-Identifier: Apache-2.0 */
/* Queues: order, acknowledgements, prefetch, priorities, expiry, limits. */
#include "broker/message.h"
#include "proto/table.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/suite.h"

static struct world world;
static struct test_client *client;
static struct test_channel *channel;
static struct buf arguments;

static void setup(void)
{
    world = (struct world){0};
    arguments = BUF_INIT;
    world_open(&world);
    client = client_open(&world, 'a');
    channel = client_channel(client, 1);
}

static void teardown(void)
{
    world_close(&world);
    buf_fini(&arguments);
}

static struct slice none(void)
{
    return slice_of(NULL, 0);
}

START_TEST(delivers_in_order)
{
    ck_assert(declare(client, "q", none()));
    publish(channel, "", "q", "one");
    publish(channel, "", "q", "two");
    ck_assert(consume(channel, "q", "C", false));
    world_turn(&world);
    world_expect(&world, "a1 deliver C #1 key=q body=one\na1 deliver C #2 key=q body=two\n");
    ck_assert(ack(channel, 2, true));
    world_turn(&world);
    world_expect(&world, "");
    ck_assert_uint_eq(world_queue(&world, "q")->unacked_count, 0);
}
END_TEST

START_TEST(requeues_to_the_original_place)
{
    declare(client, "q", none());
    for (int i = 0; i < 4; i++) {
        char body[2] = {(char)('a' + i), 0};
        publish(channel, "", "q", body);
    }
    prefetch(channel, 3, false);
    consume(channel, "q", "C", false);
    world_turn(&world);
    buf_clear(&world.trace);
    channel_cancel(&channel->base, slice_str("C"));
    ck_assert(nack(channel, 2, false, true));
    ck_assert(nack(channel, 3, true, true)); /* 1 and 3 */
    get(channel, "q", true);
    get(channel, "q", true);
    get(channel, "q", true);
    get(channel, "q", true);
    world_expect(&world, "a1 get #4 key=q body=a left=3 redelivered\n"
                         "a1 get #5 key=q body=b left=2 redelivered\n"
                         "a1 get #6 key=q body=c left=1 redelivered\n"
                         "a1 get #7 key=q body=d left=0\n");
}
END_TEST

START_TEST(refuses_unknown_delivery_tags)
{
    declare(client, "q", none());
    publish(channel, "", "q", "x");
    get(channel, "q", false);
    ck_assert(ack(channel, 1, false));
    ck_assert(!ack(channel, 1, false));
    expect_error(&world, "PRECONDITION_FAILED - unknown delivery tag 1");
    ck_assert(!nack(channel, 99, true, true));
    expect_error(&world, "PRECONDITION_FAILED - unknown delivery tag 99");
    ck_assert(ack(channel, 0, true)); /* all of none */
}
END_TEST

START_TEST(keeps_to_the_prefetch_of_a_consumer)
{
    declare(client, "q", none());
    for (int i = 0; i < 5; i++)
        publish(channel, "", "q", "x");
    prefetch(channel, 2, false);
    consume(channel, "q", "C", false);
    world_turn(&world);
    ck_assert_uint_eq(channel->base.unacked_count, 2);
    ack(channel, 1, false);
    world_turn(&world);
    ck_assert_uint_eq(channel->base.unacked_count, 2);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 2);
}
END_TEST

START_TEST(shares_the_global_prefetch)
{
    declare(client, "q", none());
    declare(client, "r", none());
    for (int i = 0; i < 5; i++) {
        publish(channel, "", "q", "x");
        publish(channel, "", "r", "y");
    }
    prefetch(channel, 3, true);
    consume(channel, "q", "C", false);
    consume(channel, "r", "D", false);
    world_turn(&world);
    ck_assert_uint_eq(channel->base.unacked_count, 3);
    ck_assert(ack(channel, 0, true));
    world_turn(&world);
    ck_assert_uint_eq(channel->base.unacked_count, 3);
}
END_TEST

START_TEST(takes_turns_among_consumers)
{
    declare(client, "q", none());
    struct test_channel *other = client_channel(client, 2);
    consume(channel, "q", "C", true);
    consume(other, "q", "D", true);
    for (int i = 0; i < 4; i++)
        publish(channel, "", "q", "x");
    world_turn(&world);
    world_expect(&world, "a1 deliver C #1 key=q body=x\na2 deliver D #1 key=q body=x\n"
                         "a1 deliver C #2 key=q body=x\na2 deliver D #2 key=q body=x\n");
}
END_TEST

START_TEST(serves_the_higher_consumer_priority_first)
{
    declare(client, "q", none());
    struct test_channel *other = client_channel(client, 2);
    table_add_int64(&arguments, "x-priority", 5);
    consume(channel, "q", "low", false);
    prefetch(other, 1, false);
    ck_assert(consume_with(other, "q", "high", false, false, buf_slice(&arguments)));
    publish(channel, "", "q", "x");
    publish(channel, "", "q", "y");
    world_turn(&world);
    world_expect(&world, "a2 deliver high #1 key=q body=x\na1 deliver low #1 key=q body=y\n");
}
END_TEST

START_TEST(orders_by_priority)
{
    table_add_int64(&arguments, "x-max-priority", 5);
    ck_assert(declare(client, "q", buf_slice(&arguments)));
    struct test_properties low = {.priority = 1};
    struct test_properties high = {.priority = 200};
    publish_with(channel, "", "q", "low", &low, false);
    publish_with(channel, "", "q", "high", &high, false);
    publish(channel, "", "q", "none");
    get(channel, "q", true);
    get(channel, "q", true);
    get(channel, "q", true);
    world_expect(&world, "a1 get #1 key=q body=high left=2\n"
                         "a1 get #2 key=q body=low left=1\n"
                         "a1 get #3 key=q body=none left=0\n");
}
END_TEST

START_TEST(expires_messages_anywhere)
{
    declare(client, "q", none());
    struct test_properties short_lived = {.expiration = "50"};
    publish(channel, "", "q", "stays");
    publish_with(channel, "", "q", "goes", &short_lived, false);
    world_wait(&world, 49);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 2);
    world_wait(&world, 1);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 1);
    get(channel, "q", true);
    world_expect(&world, "a1 get #1 key=q body=stays left=0\n");
}
END_TEST

START_TEST(gives_a_message_without_time_to_a_waiting_consumer_only)
{
    declare(client, "q", none());
    struct test_properties now = {.expiration = "0"};
    publish_with(channel, "", "q", "lost", &now, false);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 0);
    consume(channel, "q", "C", true);
    publish_with(channel, "", "q", "got", &now, false);
    world_expect(&world, "a1 deliver C #1 key=q body=got\n");
}
END_TEST

START_TEST(refuses_odd_expirations)
{
    static const struct {
        const char *given;
        const char *text;
    } cases[] = {
        {"foo", "PRECONDITION_FAILED - invalid expiration 'foo': no_integer"},
        {"", "PRECONDITION_FAILED - invalid expiration '': no_integer"},
        {"10x", "PRECONDITION_FAILED - invalid expiration '10x': {leftover_string,\"x\"}"},
        {"-1", "PRECONDITION_FAILED - invalid expiration '-1': {value_negative,-1}"},
        {"315360000001", "PRECONDITION_FAILED - invalid expiration '315360000001': "
                         "{value_too_large,315360000001}"},
    };
    declare(client, "q", none());
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct test_properties properties = {.expiration = cases[i].given};
        ck_assert(!publish_with(channel, "", "q", "x", &properties, false));
        expect_error(&world, cases[i].text);
    }
}
END_TEST

START_TEST(drops_the_head_when_too_long)
{
    table_add_int64(&arguments, "x-max-length", 2);
    declare(client, "q", buf_slice(&arguments));
    publish(channel, "", "q", "one");
    publish(channel, "", "q", "two");
    publish(channel, "", "q", "three");
    get(channel, "q", true);
    world_expect(&world, "a1 get #1 key=q body=two left=1\n");
}
END_TEST

START_TEST(counts_bytes_too)
{
    table_add_int64(&arguments, "x-max-length-bytes", 10);
    declare(client, "q", buf_slice(&arguments));
    publish(channel, "", "q", "12345");
    publish(channel, "", "q", "67890");
    publish(channel, "", "q", "a");
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 2);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_bytes, 6);
}
END_TEST

START_TEST(rejects_publishes_when_full)
{
    table_add_int64(&arguments, "x-max-length", 1);
    table_add_str(&arguments, "x-overflow", slice_str("reject-publish"));
    declare(client, "q", buf_slice(&arguments));
    channel_confirm_select(&channel->base, &world.reply);
    publish(channel, "", "q", "one");
    publish(channel, "", "q", "two");
    world_turn(&world);
    world_expect(&world, "a1 confirm 1\na1 confirm 2 nack\n");
}
END_TEST

START_TEST(ends_unused_queues)
{
    table_add_int64(&arguments, "x-expires", 100);
    declare(client, "q", buf_slice(&arguments));
    world_wait(&world, 60);
    get(channel, "q", true); /* a use */
    world_wait(&world, 60);
    ck_assert_ptr_nonnull(world_queue(&world, "q"));
    consume(channel, "q", "C", true);
    world_wait(&world, 500);
    ck_assert_ptr_nonnull(world_queue(&world, "q"));
    channel_cancel(&channel->base, slice_str("C"));
    world_wait(&world, 100);
    ck_assert_ptr_null(world_queue(&world, "q"));
}
END_TEST

/* Each alone, in an order that has it stand before, behind and between those that are back; some are taken
 * again in between. */
START_TEST(returns_each_to_its_place)
{
    static const uint64_t order[] = {3, 4, 7, 1, 2, 8, 5, 6};
    declare(client, "q", none());
    for (const char *body = "abcdefghij"; *body; body++)
        publish(channel, "", "q", (const char[]){*body, '\0'});
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        get(channel, "q", false);
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        nack(channel, order[i], false, true);
        queue_assert(world_queue(&world, "q"));
        if (i != 2)
            continue;
        get(channel, "q", false); /* the one of tag 3, again: tag 9 */
        nack(channel, 9, false, true);
    }
    for (uint64_t tag = 10; tag < 20; tag++) {
        struct delivery delivery;
        uint32_t left;
        ck_assert(
            channel_get(&channel->base, slice_str("q"), true, &delivery, &left, &world.reply));
        ck_assert_int_eq(message_body(delivery.message).data[0], (char)('a' + (char)(tag - 10)));
        message_unref(delivery.message);
    }
    buf_clear(&world.trace);
}
END_TEST

START_TEST(returns_messages_of_a_closed_channel)
{
    declare(client, "q", none());
    struct test_channel *other = client_channel(client, 2);
    publish(channel, "", "q", "x");
    get(other, "q", false);
    test_channel_close(other);
    get(channel, "q", true);
    world_expect(&world, "a2 get #1 key=q body=x left=0\n"
                         "a1 get #1 key=q body=x left=0 redelivered\n");
}
END_TEST

START_TEST(hands_single_activity_over)
{
    table_add_bool(&arguments, "x-single-active-consumer", true);
    declare(client, "q", buf_slice(&arguments));
    struct test_channel *other = client_channel(client, 2);
    consume(channel, "q", "C", true);
    consume(other, "q", "D", true);
    publish(channel, "", "q", "one");
    publish(channel, "", "q", "two");
    world_turn(&world);
    world_expect(&world, "a1 deliver C #1 key=q body=one\na1 deliver C #2 key=q body=two\n");
    channel_cancel(&channel->base, slice_str("C"));
    publish(channel, "", "q", "three");
    world_turn(&world);
    world_expect(&world, "a2 deliver D #1 key=q body=three\n");
}
END_TEST

START_TEST(keeps_exclusive_consumers_alone)
{
    declare(client, "q", none());
    ck_assert(consume_with(channel, "q", "C", true, true, none()));
    ck_assert(!consume(channel, "q", "D", true));
    expect_error(&world, "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use");
    channel_cancel(&channel->base, slice_str("C"));
    ck_assert(consume(channel, "q", "D", true));
    ck_assert(!consume_with(channel, "q", "E", true, true, none()));
}
END_TEST

START_TEST(tells_consumers_that_their_queue_is_gone)
{
    declare(client, "q", none());
    publish(channel, "", "q", "x");
    consume(channel, "q", "C", false);
    world_turn(&world);
    uint32_t messages;
    ck_assert(queue_delete(&client->base, slice_str("q"), false, false, &messages, &world.reply));
    world_expect(&world, "a1 deliver C #1 key=q body=x\na1 cancelled C\n");
    ck_assert(ack(channel, 1, false)); /* harmless */
}
END_TEST

START_TEST(times_acknowledgements_out)
{
    table_add_int64(&arguments, "x-consumer-timeout", 1000);
    declare(client, "q", buf_slice(&arguments));
    publish(channel, "", "q", "x");
    get(channel, "q", false);
    buf_clear(&world.trace);
    world_wait(&world, 999);
    world_expect(&world, "");
    world_wait(&world, 1);
    world_expect(&world,
                 "a1 failed 406 PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed "
                 "out. Timeout value used: 1000 ms. This timeout value can be configured, see "
                 "consumers doc guide to learn more\n");
}
END_TEST

START_TEST(takes_the_longest_consumer_timeout_for_ten_years)
{
    table_add_int64(&arguments, "x-consumer-timeout", INT64_MAX);
    declare(client, "q", slice_of(NULL, 0));
    ck_assert(consume_with(channel, "q", "C", false, false, buf_slice(&arguments)));
    publish(channel, "", "q", "x");
    world_turn(&world);
    world_wait(&world, 1000);
    world_expect(&world, "a1 deliver C #1 key=q body=x\n");
    ck_assert(ack(channel, 1, false));
}
END_TEST

START_TEST(does_not_deliver_to_a_congested_connection)
{
    declare(client, "q", none());
    consume(channel, "q", "C", true);
    connection_set_congested(&client->base, true);
    publish(channel, "", "q", "x");
    world_turn(&world);
    world_expect(&world, "");
    connection_set_congested(&client->base, false);
    world_turn(&world);
    world_expect(&world, "a1 deliver C #1 key=q body=x\n");
}
END_TEST

START_TEST(limits_deliveries_of_a_quorum_queue)
{
    table_add_str(&arguments, "x-queue-type", slice_str("quorum"));
    table_add_int64(&arguments, "x-delivery-limit", 1);
    ck_assert(declare_durable(client, "q", buf_slice(&arguments)));
    world.show_headers = true;
    publish(channel, "", "q", "x");
    consume(channel, "q", "C", false);
    world_turn(&world);
    nack(channel, 1, false, true);
    world_turn(&world);
    nack(channel, 2, false, true);
    world_turn(&world);
    world_expect(&world, "a1 deliver C #1 key=q body=x\n"
                         "a1 deliver C #2 key=q body=x {x-delivery-count:1} redelivered\n");
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        delivers_in_order,
        requeues_to_the_original_place,
        refuses_unknown_delivery_tags,
        keeps_to_the_prefetch_of_a_consumer,
        shares_the_global_prefetch,
        takes_turns_among_consumers,
        serves_the_higher_consumer_priority_first,
        orders_by_priority,
        expires_messages_anywhere,
        gives_a_message_without_time_to_a_waiting_consumer_only,
        refuses_odd_expirations,
        drops_the_head_when_too_long,
        counts_bytes_too,
        rejects_publishes_when_full,
        ends_unused_queues,
        returns_each_to_its_place,
        returns_messages_of_a_closed_channel,
        hands_single_activity_over,
        keeps_exclusive_consumers_alone,
        tells_consumers_that_their_queue_is_gone,
        times_acknowledgements_out,
        takes_the_longest_consumer_timeout_for_ten_years,
        does_not_deliver_to_a_congested_connection,
        limits_deliveries_of_a_quorum_queue,
    };
    return suite_run("queue", setup, teardown, tests, ARRAY_LEN(tests));
}
