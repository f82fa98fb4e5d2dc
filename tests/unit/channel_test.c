/* SPDX-License-Identifier: Apache-2.0 */
/* Channels: confirms, returns, transactions, sender-selected keys, direct reply-to, user-id. */
#include "broker/message.h"
#include "proto/table.h"
#include "proto/utf8.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/suite.h"

#include <stdio.h>

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

START_TEST(confirms_only_what_is_durable)
{
    declare_durable(client, "q", none());
    world_turn(&world);
    ck_assert(channel_confirm_select(&channel->base, &world.reply));
    publish(channel, "", "q", "one");
    publish(channel, "", "q", "two");
    world_turn_without_disk(&world);
    world_expect(&world, "");
    world_turn(&world);
    world_expect(&world, "a1 confirm 2 multiple\n");
}
END_TEST

START_TEST(confirms_transient_messages_at_once)
{
    declare_durable(client, "q", none());
    channel_confirm_select(&channel->base, &world.reply);
    struct test_properties transient = {0};
    publish_with(channel, "", "q", "x", &transient, false);
    world_turn_without_disk(&world);
    world_expect(&world, "a1 confirm 1\n");
}
END_TEST

START_TEST(returns_before_it_confirms)
{
    channel_confirm_select(&channel->base, &world.reply);
    struct test_properties properties = {0};
    publish_with(channel, "", "nowhere", "x", &properties, true);
    publish_with(channel, "", "nowhere", "y", &properties, false);
    world_turn(&world);
    world_expect(&world, "a1 return 312 NO_ROUTE key=nowhere body=x\na1 confirm 2 multiple\n");
}
END_TEST

START_TEST(does_not_mix_confirms_and_transactions)
{
    struct test_channel *other = client_channel(client, 2);
    ck_assert(channel_confirm_select(&channel->base, &world.reply));
    ck_assert(!channel_tx_select(&channel->base, &world.reply));
    expect_error(&world, "PRECONDITION_FAILED - cannot switch from confirm to tx mode");
    ck_assert(channel_tx_select(&other->base, &world.reply));
    ck_assert(!channel_confirm_select(&other->base, &world.reply));
    expect_error(&world, "PRECONDITION_FAILED - cannot switch from tx to confirm mode");
    ck_assert(!channel_tx_commit(&channel->base, &world.reply));
    expect_error(&world, "PRECONDITION_FAILED - channel is not transactional");
}
END_TEST

START_TEST(keeps_a_transaction_back_until_the_commit)
{
    declare(client, "q", none());
    publish(channel, "", "q", "old");
    ck_assert(channel_tx_select(&channel->base, &world.reply));
    get(channel, "q", false);
    ack(channel, 1, false);
    publish(channel, "", "q", "new");
    ck_assert_uint_eq(world_queue(&world, "q")->unacked_count, 1);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 0);
    ck_assert(channel_tx_commit(&channel->base, &world.reply));
    ck_assert_uint_eq(world_queue(&world, "q")->unacked_count, 0);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 1);
}
END_TEST

START_TEST(rolls_back)
{
    declare(client, "q", none());
    publish(channel, "", "q", "old");
    channel_tx_select(&channel->base, &world.reply);
    get(channel, "q", false);
    ack(channel, 1, false);
    publish(channel, "", "q", "new");
    ck_assert(channel_tx_rollback(&channel->base, &world.reply));
    ck_assert_uint_eq(world_queue(&world, "q")->unacked_count, 1);
    ck_assert(ack(channel, 1, false)); /* it is unacknowledged again */
    ck_assert(channel_tx_commit(&channel->base, &world.reply));
    ck_assert_uint_eq(world_queue(&world, "q")->unacked_count, 0);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 0);
}
END_TEST

START_TEST(gives_back_what_an_unfinished_transaction_held)
{
    declare(client, "q", none());
    publish(channel, "", "q", "old");
    struct test_channel *other = client_channel(client, 2);
    channel_tx_select(&other->base, &world.reply);
    get(other, "q", false);
    ack(other, 1, false);
    publish(other, "", "q", "new");
    test_channel_close(other);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 1);
    ck_assert_uint_eq(world_queue(&world, "q")->unacked_count, 0);
}
END_TEST

START_TEST(routes_by_cc_and_bcc_and_hides_bcc)
{
    struct buf list = BUF_INIT;
    struct buf headers = BUF_INIT;
    declare(client, "q", none());
    declare(client, "r", none());
    declare(client, "s", none());
    array_add_str(&list, slice_str("r"));
    table_add_array(&headers, "CC", buf_slice(&list));
    buf_clear(&list);
    array_add_str(&list, slice_str("s"));
    array_add_str(&list, slice_str("q"));
    table_add_array(&headers, "BCC", buf_slice(&list));
    struct test_properties properties = {.headers = buf_slice(&headers)};
    ck_assert(publish_with(channel, "", "q", "x", &properties, true));
    world.show_headers = true;
    get(channel, "q", true);
    get(channel, "r", true);
    get(channel, "s", true);
    world_expect(&world, "a1 get #1 key=q body=x {CC:[r,]} left=0\n"
                         "a1 get #2 key=q body=x {CC:[r,]} left=0\n"
                         "a1 get #3 key=q body=x {CC:[r,]} left=0\n");
    buf_fini(&list);
    buf_fini(&headers);
}
END_TEST

START_TEST(refuses_a_cc_that_is_no_list)
{
    struct buf headers = BUF_INIT;
    table_add_str(&headers, "CC", slice_str("q"));
    struct test_properties properties = {.headers = buf_slice(&headers)};
    ck_assert(!publish_with(channel, "", "q", "x", &properties, false));
    expect_error(&world, "PRECONDITION_FAILED - invalid message: "
                         "{unacceptable_type_in_header,\"CC\",longstr}");
    buf_fini(&headers);
}
END_TEST

START_TEST(refuses_missing_and_internal_exchanges)
{
    ck_assert(!publish(channel, "missing", "k", "x"));
    expect_error(&world, "NOT_FOUND - no exchange 'missing' in vhost '/'");
    ck_assert(!publish(channel, "amq.rabbitmq.trace", "k", "x"));
    expect_error(&world, "ACCESS_REFUSED - cannot publish to internal exchange "
                         "'amq.rabbitmq.trace' in vhost '/'");
}
END_TEST

START_TEST(checks_user_ids)
{
    declare(client, "q", none());
    struct test_properties right = {.user_id = "guest"};
    struct test_properties wrong = {.user_id = "other"};
    ck_assert(publish_with(channel, "", "q", "x", &right, false));
    ck_assert(!publish_with(channel, "", "q", "x", &wrong, false));
    expect_error(&world, "PRECONDITION_FAILED - user_id property set to 'other' but authenticated "
                         "user was 'guest'");
}
END_TEST

START_TEST(answers_directly)
{
    struct test_channel *server = client_channel(client, 2);
    struct test_properties asks = {.reply_to = "amq.rabbitmq.reply-to"};
    declare(client, "rpc", none());
    ck_assert(!publish_with(channel, "", "rpc", "early", &asks, false));
    expect_error(&world, "PRECONDITION_FAILED - fast reply consumer does not exist");
    ck_assert(!consume(channel, "amq.rabbitmq.reply-to", "C", false));
    expect_error(&world, "PRECONDITION_FAILED - reply consumer cannot acknowledge");
    ck_assert(consume(channel, "amq.rabbitmq.reply-to", "C", true));
    ck_assert(!consume(channel, "amq.rabbitmq.reply-to", "D", true));
    expect_error(&world, "PRECONDITION_FAILED - reply consumer already set");
    ck_assert(publish_with(channel, "", "rpc", "question", &asks, false));
    get(server, "rpc", true);
    char address[64];
    snprintf(address, sizeof address, "amq.rabbitmq.reply-to.%s", channel->base.reply_token);
    buf_clear(&world.trace);
    struct test_properties plain = {0};
    ck_assert(publish_with(server, "", address, "answer", &plain, true));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&world.trace), "a1 deliver C #1"));
    ck_assert_ptr_null(strstr(buf_cstr(&world.trace), "return"));
    buf_clear(&world.trace);
    channel_cancel(&channel->base, slice_str("C"));
    ck_assert(publish_with(server, "", address, "late", &plain, true));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&world.trace), "a2 return 312"));
    buf_clear(&world.trace);
}
END_TEST

START_TEST(tells_publishers_of_alarms)
{
    broker_set_alarm(world.broker, ALARM_MEMORY, true);
    world_expect(&world, "");
    connection_note_publish(&client->base);
    ck_assert(connection_paused(&client->base));
    broker_set_alarm(world.broker, ALARM_DISK, true);
    broker_set_alarm(world.broker, ALARM_MEMORY, false);
    ck_assert(connection_paused(&client->base));
    broker_set_alarm(world.broker, ALARM_DISK, false);
    ck_assert(!connection_paused(&client->base));
    world_expect(&world, "a blocked low on memory\na unblocked\n");
}
END_TEST

START_TEST(refuses_a_consumer_tag_twice)
{
    declare(client, "q", none());
    ck_assert(consume(channel, "q", "C", true));
    ck_assert(!consume(channel, "q", "C", true));
    expect_error(&world, "NOT_ALLOWED - attempt to reuse consumer tag 'C'");
    ck_assert_int_eq(world.reply.code, REPLY_NOT_ALLOWED);
}
END_TEST

START_TEST(refuses_a_zero_octet_in_a_consumer_tag)
{
    static const char octets[] = "c\0d";
    struct consume consume = {.queue = slice_str("q"), .tag = slice_of(octets, 3)};
    struct slice tag;
    declare(client, "q", none());
    ck_assert(!channel_consume(&channel->base, &consume, &tag, &world.reply));
    expect_error(&world, "NOT_ALLOWED - consumer tag 'c...' holds a zero octet");
}
END_TEST

START_TEST(keeps_the_ring_small_under_holes)
{
    declare(client, "q", none());
    publish(channel, "", "q", "first");
    get(channel, "q", false); /* never acknowledged: it stays the ring's head */
    for (uint64_t tag = 2; tag < 5000; tag++) {
        publish(channel, "", "q", "x");
        get(channel, "q", false);
        ck_assert(ack(channel, tag, false));
    }
    ck_assert_uint_le(channel->base.unacked_capacity, 32);
    ck_assert(ack(channel, 1, false));
    buf_clear(&world.trace);
}
END_TEST

START_TEST(traces_what_is_published_and_delivered)
{
    declare(client, "q", none());
    declare(client, "firehose", none());
    struct buf headers = BUF_INIT;
    table_add_array(&headers, "BCC", slice_of("S\0\0\0\4none", 9));
    struct test_properties hidden = {.headers = buf_slice(&headers)};
    ck_assert(bind_queue(client, "amq.rabbitmq.trace", "firehose", "#"));
    world_vhost(&world)->tracing = true;
    publish_with(channel, "", "q", "x", &hidden, false);
    get(channel, "q", true);
    buf_clear(&world.trace);
    ck_assert_uint_eq(world_queue(&world, "firehose")->ready_count, 2);
    world.show_headers = true;
    get(channel, "firehose", true);
    world_expect(&world, "a1 get #2 key=publish. body=x {exchange_name: routing_keys:[q,none,] "
                         "properties:{headers:{}} node:rabbit@localhost vhost:/ "
                         "connection:test channel:1 user:guest routed_queues:[q,]} left=1\n");
    get(channel, "firehose", true);
    world_expect(&world, "a1 get #3 key=deliver.q body=x {exchange_name: routing_keys:[q,none,] "
                         "properties:{headers:{}} node:rabbit@localhost vhost:/ "
                         "connection:test channel:1 user:guest redelivered:0} left=0\n");
    ck_assert_uint_eq(world_queue(&world, "firehose")->ready_count, 0);
    buf_fini(&headers);
}
END_TEST

/* What can be validated before can be validated after: else the copy is lost when it is paged out. */
START_TEST(traces_no_deeper_than_tables_may_be)
{
    struct buf headers = BUF_INIT;
    table_add_bool(&headers, "bottom", true);
    for (unsigned depth = 1; depth < TABLE_DEPTH_MAX; depth++) {
        struct buf around = BUF_INIT;
        table_add_table(&around, "t", buf_slice(&headers));
        buf_fini(&headers);
        headers = around;
    }
    ck_assert_int_eq(table_validate(buf_slice(&headers)), ERR_OK);
    declare(client, "q", none());
    declare(client, "firehose", none());
    ck_assert(bind_queue(client, "amq.rabbitmq.trace", "firehose", "publish.#"));
    world_vhost(&world)->tracing = true;
    struct test_properties properties = {.headers = buf_slice(&headers)};
    publish_with(channel, "", "q", "x", &properties, false);
    struct delivery copy;
    uint32_t left;
    ck_assert(channel_get(&channel->base, slice_str("firehose"), true, &copy, &left, &world.reply));
    ck_assert_ptr_nonnull(copy.message);
    ck_assert_int_eq(table_validate(message_headers(copy.message)), ERR_OK);
    message_unref(copy.message);
    buf_fini(&headers);
    buf_clear(&world.trace);
}
END_TEST

/* The copy's routing key is a short string too, and UTF-8. */
START_TEST(cuts_a_traced_name_between_characters)
{
    char name[251] = "";
    for (size_t i = 0; i < 250; i++)
        name[i] = "\xc3\xa9"[i % 2];
    declare(client, name, none());
    declare(client, "firehose", none());
    ck_assert(bind_queue(client, "amq.rabbitmq.trace", "firehose", "deliver.#"));
    world_vhost(&world)->tracing = true;
    publish(channel, "", name, "x");
    get(channel, name, true);
    struct delivery copy;
    uint32_t left;
    ck_assert(channel_get(&channel->base, slice_str("firehose"), true, &copy, &left, &world.reply));
    ck_assert_ptr_nonnull(copy.message);
    ck_assert_uint_eq(message_key(copy.message).len, 254);
    ck_assert(utf8_valid(message_key(copy.message)));
    message_unref(copy.message);
    buf_clear(&world.trace);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        confirms_only_what_is_durable,
        confirms_transient_messages_at_once,
        returns_before_it_confirms,
        does_not_mix_confirms_and_transactions,
        keeps_a_transaction_back_until_the_commit,
        rolls_back,
        gives_back_what_an_unfinished_transaction_held,
        routes_by_cc_and_bcc_and_hides_bcc,
        refuses_a_cc_that_is_no_list,
        refuses_missing_and_internal_exchanges,
        checks_user_ids,
        answers_directly,
        tells_publishers_of_alarms,
        refuses_a_consumer_tag_twice,
        refuses_a_zero_octet_in_a_consumer_tag,
        keeps_the_ring_small_under_holes,
        traces_what_is_published_and_delivered,
        traces_no_deeper_than_tables_may_be,
        cuts_a_traced_name_between_characters,
    };
    return suite_run("channel", setup, teardown, tests, ARRAY_LEN(tests));
}
