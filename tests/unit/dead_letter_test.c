/* SPDX-License-Identifier: Apache-2.0 */
/* Dead-lettering: reasons, the x-death record, keys, cycles. */
#include "broker/message.h"
#include "proto/table.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/suite.h"

#include <stdio.h>

static struct world world;
static struct test_client *client;
static struct test_channel *channel;
static struct buf arguments;

static void setup(void)
{
    world = (struct world){.show_headers = true};
    arguments = BUF_INIT;
    world_open(&world);
    client = client_open(&world, 'a');
    channel = client_channel(client, 1);
    ck_assert(declare_exchange(client, "dlx", "fanout"));
    ck_assert(declare(client, "dead", slice_of(NULL, 0)));
    ck_assert(bind_queue(client, "dlx", "dead", ""));
    table_add_str(&arguments, "x-dead-letter-exchange", slice_str("dlx"));
}

static void teardown(void)
{
    world_close(&world);
    buf_fini(&arguments);
}

START_TEST(records_a_rejection)
{
    ck_assert(declare(client, "q", buf_slice(&arguments)));
    publish(channel, "", "q", "x");
    get(channel, "q", false);
    nack(channel, 1, false, false);
    get(channel, "dead", true);
    world_expect(&world,
                 "a1 get #1 key=q body=x left=0\n"
                 "a1 get #2 key=q body=x {"
                 "x-death:[{count:1 reason:rejected queue:q time:1700000000 exchange: "
                 "routing-keys:[q,]},] "
                 "x-first-death-exchange: x-first-death-queue:q x-first-death-reason:rejected "
                 "x-last-death-exchange: x-last-death-queue:q x-last-death-reason:rejected} "
                 "left=0\n");
}
END_TEST

START_TEST(records_an_expiry_and_its_expiration)
{
    declare(client, "q", buf_slice(&arguments));
    struct test_properties properties = {.expiration = "20"};
    publish_with(channel, "", "q", "x", &properties, false);
    world_wait(&world, 20);
    world_wait(&world, 1000); /* it does not expire again: the expiration is gone */
    get(channel, "dead", true);
    world_expect(&world,
                 "a1 get #1 key=q body=x {"
                 "x-death:[{original-expiration:20 count:1 reason:expired queue:q "
                 "time:1700000000 exchange: routing-keys:[q,]},] "
                 "x-first-death-exchange: x-first-death-queue:q x-first-death-reason:expired "
                 "x-last-death-exchange: x-last-death-queue:q x-last-death-reason:expired} "
                 "left=0\n");
}
END_TEST

START_TEST(uses_the_dead_letter_routing_key)
{
    table_add_str(&arguments, "x-dead-letter-routing-key", slice_str("elsewhere"));
    table_add_int64(&arguments, "x-max-length", 1);
    declare(client, "q", buf_slice(&arguments));
    publish(channel, "", "q", "x");
    publish(channel, "", "q", "y");
    world.show_headers = false;
    get(channel, "dead", true);
    world_expect(&world, "a1 get #1 key=elsewhere body=x left=0\n");
    ck_assert_uint_eq(world_queue(&world, "q")->stats.dead_letter_maxlen, 1);
}
END_TEST

START_TEST(drops_what_goes_round_by_itself)
{
    struct buf back = BUF_INIT;
    table_add_str(&back, "x-dead-letter-exchange", slice_str(""));
    table_add_int64(&back, "x-message-ttl", 10);
    declare(client, "loop", buf_slice(&back));
    publish(channel, "", "loop", "x");
    world_wait(&world, 10);
    world_wait(&world, 10);
    ck_assert_uint_eq(world_queue(&world, "loop")->ready_count, 0);
    buf_fini(&back);
}
END_TEST

/* work -(rejected)-> retry -(expired after a while)-> work: the usual retry, which must not be taken
 * for a cycle, and counts up. */
START_TEST(counts_deaths_on_a_way_with_rejections)
{
    struct buf retry = BUF_INIT;
    table_add_str(&retry, "x-dead-letter-exchange", slice_str(""));
    table_add_str(&retry, "x-dead-letter-routing-key", slice_str("work"));
    table_add_int64(&retry, "x-message-ttl", 10);
    ck_assert(declare(client, "retry", buf_slice(&retry)));
    struct buf work = BUF_INIT;
    table_add_str(&work, "x-dead-letter-exchange", slice_str(""));
    table_add_str(&work, "x-dead-letter-routing-key", slice_str("retry"));
    ck_assert(declare(client, "work", buf_slice(&work)));
    publish(channel, "", "work", "x");
    for (uint64_t round = 1; round <= 3; round++) {
        buf_clear(&world.trace);
        get(channel, "work", false);
        nack(channel, round, false, false);
        world_wait(&world, 10);
    }
    buf_clear(&world.trace);
    get(channel, "work", true);
    const char *trace = buf_cstr(&world.trace);
    ck_assert_ptr_nonnull(strstr(trace, "x-death:[{count:3 reason:expired queue:retry"));
    ck_assert_ptr_nonnull(strstr(trace, "{count:3 reason:rejected queue:work"));
    ck_assert_ptr_nonnull(strstr(trace, "x-first-death-queue:work"));
    ck_assert_ptr_nonnull(strstr(trace, "x-last-death-queue:retry"));
    buf_clear(&world.trace);
    buf_fini(&retry);
    buf_fini(&work);
}
END_TEST

START_TEST(survives_a_long_chain)
{
    char name[16];
    char next[16];
    struct buf link = BUF_INIT;
    enum { LINKS = 3000 };
    for (int i = 0; i < LINKS; i++) {
        snprintf(name, sizeof name, "c%d", i);
        snprintf(next, sizeof next, "c%d", i + 1);
        buf_clear(&link);
        table_add_str(&link, "x-dead-letter-exchange", slice_str(""));
        table_add_str(&link, "x-dead-letter-routing-key", slice_str(next));
        table_add_int64(&link, "x-max-length", 0);
        ck_assert(declare(client, name, buf_slice(&link)));
    }
    snprintf(name, sizeof name, "c%d", LINKS);
    declare(client, name, slice_of(NULL, 0));
    publish(channel, "", "c0", "x");
    ck_assert_uint_eq(world_queue(&world, name)->ready_count, 1);
    buf_fini(&link);
}
END_TEST

START_TEST(dead_letters_rejected_publishes)
{
    table_add_int64(&arguments, "x-max-length", 1);
    table_add_str(&arguments, "x-overflow", slice_str("reject-publish-dlx"));
    declare(client, "q", buf_slice(&arguments));
    publish(channel, "", "q", "x");
    publish(channel, "", "q", "y");
    world.show_headers = false;
    get(channel, "dead", true);
    get(channel, "q", true);
    world_expect(&world, "a1 get #1 key=q body=y left=0\na1 get #2 key=q body=x left=0\n");
}
END_TEST

START_TEST(does_not_dead_letter_what_is_purged_or_deleted)
{
    declare(client, "q", buf_slice(&arguments));
    publish(channel, "", "q", "x");
    publish(channel, "", "q", "y");
    uint32_t messages;
    ck_assert(queue_purge(&client->base, slice_str("q"), &messages, &world.reply));
    ck_assert_uint_eq(messages, 2);
    publish(channel, "", "q", "z");
    ck_assert(queue_delete(&client->base, slice_str("q"), false, false, &messages, &world.reply));
    ck_assert_uint_eq(messages, 1);
    ck_assert_uint_eq(world_queue(&world, "dead")->ready_count, 0);
}
END_TEST

START_TEST(leaves_cc_out_when_the_key_is_given)
{
    struct buf cc = BUF_INIT;
    struct buf headers = BUF_INIT;
    array_add_str(&cc, slice_str("other"));
    table_add_array(&headers, "CC", buf_slice(&cc));
    table_add_str(&arguments, "x-dead-letter-routing-key", slice_str("k"));
    declare(client, "q", buf_slice(&arguments));
    struct test_properties properties = {.headers = buf_slice(&headers)};
    publish_with(channel, "", "q", "x", &properties, false);
    get(channel, "q", false);
    nack(channel, 1, false, false);
    buf_clear(&world.trace);
    get(channel, "dead", true);
    const char *trace = buf_cstr(&world.trace);
    ck_assert_ptr_nonnull(strstr(trace, "key=k "));
    ck_assert_ptr_nonnull(strstr(trace, "routing-keys:[q,other,]"));
    ck_assert_ptr_null(strstr(trace, "CC:"));
    buf_clear(&world.trace);
    buf_fini(&cc);
    buf_fini(&headers);
}
END_TEST

/* What is no string is no key; and nested as deep as it may be in CC it would be too deep in the record,
 * and the dead letter taken for damaged when it comes back from the disk. */
START_TEST(records_the_keys_that_are_keys)
{
    struct buf nested = BUF_INIT;
    struct buf cc = BUF_INIT;
    struct buf headers = BUF_INIT;
    for (unsigned depth = 3; depth < TABLE_DEPTH_MAX; depth++) {
        struct buf around = BUF_INIT;
        table_add_table(&around, "t", buf_slice(&nested));
        buf_fini(&nested);
        nested = around;
    }
    array_add_table(&cc, buf_slice(&nested));
    array_add_str(&cc, slice_str("other"));
    table_add_array(&headers, "CC", buf_slice(&cc));
    ck_assert_int_eq(table_validate(buf_slice(&headers)), ERR_OK);
    declare(client, "q", buf_slice(&arguments));
    struct test_properties properties = {.headers = buf_slice(&headers)};
    publish_with(channel, "", "q", "x", &properties, false);
    get(channel, "q", false);
    nack(channel, 1, false, false);
    struct delivery dead;
    uint32_t left;
    ck_assert(channel_get(&channel->base, slice_str("dead"), true, &dead, &left, &world.reply));
    ck_assert_ptr_nonnull(dead.message);
    ck_assert_int_eq(table_validate(message_headers(dead.message)), ERR_OK);
    message_unref(dead.message);
    buf_clear(&world.trace);
    buf_fini(&nested);
    buf_fini(&cc);
    buf_fini(&headers);
}
END_TEST

/* The record is a header like any other: a client may have written it. */
START_TEST(counts_no_higher_than_a_number_holds)
{
    struct buf death = BUF_INIT;
    struct buf deaths = BUF_INIT;
    struct buf headers = BUF_INIT;
    table_add_int64(&death, "count", INT64_MAX);
    table_add_str(&death, "reason", slice_str("rejected"));
    table_add_str(&death, "queue", slice_str("q"));
    array_add_table(&deaths, buf_slice(&death));
    table_add_array(&headers, "x-death", buf_slice(&deaths));
    declare(client, "q", buf_slice(&arguments));
    struct test_properties properties = {.headers = buf_slice(&headers)};
    publish_with(channel, "", "q", "x", &properties, false);
    get(channel, "q", false);
    nack(channel, 1, false, false);
    buf_clear(&world.trace);
    get(channel, "dead", true);
    ck_assert_ptr_nonnull(
        strstr(buf_cstr(&world.trace), "x-death:[{count:9223372036854775807 reason:rejected"));
    buf_clear(&world.trace);
    buf_fini(&death);
    buf_fini(&deaths);
    buf_fini(&headers);
}
END_TEST

START_TEST(routes_by_bcc_again_and_shows_it_to_nobody)
{
    struct buf bcc = BUF_INIT;
    struct buf headers = BUF_INIT;
    array_add_str(&bcc, slice_str("dead"));
    table_add_array(&headers, "BCC", buf_slice(&bcc));
    ck_assert(declare_exchange(client, "keys", "direct"));
    ck_assert(bind_queue(client, "keys", "dead", "dead"));
    buf_clear(&arguments);
    table_add_str(&arguments, "x-dead-letter-exchange", slice_str("keys"));
    declare(client, "q", buf_slice(&arguments));
    struct test_properties properties = {.headers = buf_slice(&headers)};
    publish_with(channel, "", "q", "x", &properties, false);
    get(channel, "dead", true);
    get(channel, "q", false);
    nack(channel, 2, false, false);
    buf_clear(&world.trace);
    get(channel, "dead", true);
    const char *trace = buf_cstr(&world.trace);
    ck_assert_ptr_nonnull(strstr(trace, "key=q body=x"));
    ck_assert_ptr_nonnull(strstr(trace, "routing-keys:[q,]"));
    ck_assert_ptr_null(strstr(trace, "BCC:"));
    buf_clear(&world.trace);
    buf_fini(&bcc);
    buf_fini(&headers);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        records_a_rejection,
        records_an_expiry_and_its_expiration,
        uses_the_dead_letter_routing_key,
        drops_what_goes_round_by_itself,
        counts_deaths_on_a_way_with_rejections,
        survives_a_long_chain,
        dead_letters_rejected_publishes,
        does_not_dead_letter_what_is_purged_or_deleted,
        leaves_cc_out_when_the_key_is_given,
        records_the_keys_that_are_keys,
        counts_no_higher_than_a_number_holds,
        routes_by_bcc_again_and_shows_it_to_nobody,
    };
    return suite_run("dead_letter", setup, teardown, tests, ARRAY_LEN(tests));
}
