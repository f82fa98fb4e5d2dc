/* SPDX-License-Identifier: Apache-2.0 */
/* Messages with lives of their own in long lanes: they are on the disk alone and expire on time. */
#include "broker/access.h"
#include "broker/broker.h"
#include "broker/lane_due.h"
#include "broker/vhost.h"
#include "proto/table.h"
#include "storage/store.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/memvfs.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>

enum { MANY = 2000, SOONEST = 1000, SPREAD = 997 };

static struct world world;
static struct memvfs *disk;
static struct test_client *client;
static struct test_channel *channel;

static void connect(void)
{
    client = client_open(&world, 'a');
    channel = client_channel(client, 1);
}

static void setup(void)
{
    struct buf arguments = BUF_INIT;
    disk = memvfs_new("due");
    world = (struct world){.vfs = "due", .queue_memory = 1}; /* the least that a lane may have */
    world_open(&world);
    connect();
    table_add_str(&arguments, "x-dead-letter-exchange", slice_str(""));
    table_add_str(&arguments, "x-dead-letter-routing-key", slice_str("dead"));
    declare_durable(client, "q", buf_slice(&arguments));
    declare_durable(client, "dead", slice_of(NULL, 0));
    buf_fini(&arguments);
}

static void teardown(void)
{
    world_close(&world);
    memvfs_free(disk);
}

/* When message `number` expires: any order but the queue's, many at the same time. */
static int life_of(int number)
{
    return SOONEST + (int)((unsigned)number * 7919u % SPREAD) / 3 * 3;
}

static void publish_brief(int number, int life_ms, bool persistent)
{
    char body[128];
    char expiration[16];
    snprintf(expiration, sizeof expiration, "%d", life_ms);
    struct test_properties properties = {.persistent = persistent, .expiration = expiration};
    snprintf(body, sizeof body, "%d and some more bytes, so that there is something to save",
             number);
    ck_assert(publish_with(channel, "", "q", body, &properties, false));
}

/* Publishes numbers [from, to), a turn each hundred; every `odd`th one transient. */
static void fill(int from, int to, int odd)
{
    for (int i = from; i < to; i++) {
        publish_brief(i, life_of(i), !odd || i % odd != 0);
        if (i % 100 == 99)
            world_turn(&world);
    }
    world_turn(&world);
}

static struct lane *lane(void)
{
    return world_queue(&world, "q")->lanes[0];
}

static uint64_t depth(const char *queue)
{
    return world_queue(&world, queue)->ready_count;
}

/* Time passes, and all that is due is read and expires. */
static void pass(int64_t ms)
{
    world_wait(&world, ms);
    uint64_t before;
    do {
        before = depth("q");
        for (int i = 0; i < 5; i++)
            world_wait(&world, 0);
    } while (depth("q") != before);
}

static uint64_t living(int from, int to, int age_ms)
{
    uint64_t count = 0;
    for (int i = from; i < to; i++)
        count += life_of(i) > age_ms;
    return count;
}

/* The numbers in the queue of the dead, in order: those of one life in the order of the queue. */
static void expect_dead_in_order(int count)
{
    int last = -1;
    char *at;
    for (int i = 0; i < count; i++) {
        get(channel, "dead", true);
        at = strstr((char *)(uintptr_t)buf_cstr(&world.trace), "body=");
        ck_assert_ptr_nonnull(at);
        int number = (int)strtol(at + 5, NULL, 10);
        ck_assert(last < 0 || life_of(number) > life_of(last) ||
                  (life_of(number) == life_of(last) && number > last));
        last = number;
        buf_clear(&world.trace);
    }
    ck_assert_uint_eq(depth("dead"), 0);
}

START_TEST(they_leave_memory)
{
    fill(0, MANY, 0);
    ck_assert_uint_gt(lane()->paged_count, MANY * 3 / 4);
    ck_assert_uint_le(lane()->memory, 3 * broker_lane_memory(world.broker));
}
END_TEST

static void expires_on_time(int odd)
{
    fill(0, MANY, odd);
    ck_assert_uint_gt(lane()->paged_count, MANY / 2);
    pass(SOONEST - 1);
    ck_assert_uint_eq(depth("q"), MANY);
    for (int age = SOONEST; age < SOONEST + SPREAD; age += 83) {
        pass(age == SOONEST ? 1 : 83);
        ck_assert_uint_eq(depth("q"), living(0, MANY, age));
        ck_assert_uint_le(lane()->memory, 4 * broker_lane_memory(world.broker));
    }
    pass(83);
    ck_assert_uint_eq(depth("q"), 0);
    ck_assert_ptr_null(lane()->due);
}

START_TEST(each_expires_on_time_and_in_order)
{
    expires_on_time(0);
    expect_dead_in_order(MANY);
}
END_TEST

START_TEST(transient_ones_among_them)
{
    expires_on_time(3);
    expect_dead_in_order(MANY);
}
END_TEST

START_TEST(in_order_though_all_are_overdue)
{
    fill(0, MANY, 0);
    pass(SOONEST + SPREAD);
    ck_assert_uint_eq(depth("q"), 0);
    expect_dead_in_order(MANY);
}
END_TEST

START_TEST(a_start_reads_none_of_them_before_their_time)
{
    fill(0, MANY, 0);
    world_crash(&world);
    connect();
    pass(400);
    ck_assert_uint_eq(world.broker->message_count, 0);
    pass(SOONEST - 401);
    ck_assert_uint_eq(depth("q"), MANY);
    pass(1 + SPREAD / 2);
    ck_assert_uint_eq(depth("q"), living(0, MANY, SOONEST + SPREAD / 2));
    pass(SPREAD);
    ck_assert_uint_eq(depth("q"), 0);
    expect_dead_in_order(MANY);
}
END_TEST

START_TEST(those_that_expired_while_nobody_ran)
{
    fill(0, MANY, 0);
    world.now_ms += 2 * SOONEST + SPREAD;
    world.wall_ms += 2 * SOONEST + SPREAD;
    world_crash(&world);
    connect();
    ck_assert_uint_eq(depth("q"), MANY);
    pass(0);
    ck_assert_uint_eq(depth("q"), 0);
    expect_dead_in_order(MANY);
}
END_TEST

/* Taken from the head while others expire in the middle: each leaves once. */
START_TEST(consumed_and_expiring_at_once)
{
    fill(0, MANY, 0);
    pass(SOONEST);
    prefetch(channel, 50, false);
    consume(channel, "q", "C", true);
    for (int i = 0; i < 20; i++)
        pass(1);
    ck_assert_uint_eq(depth("q"), 0);
    uint64_t delivered = 0;
    for (char *at = (char *)(uintptr_t)buf_cstr(&world.trace); (at = strstr(at, "body=")); at++)
        delivered++;
    ck_assert_uint_eq(delivered + depth("dead"), MANY);
    ck_assert_uint_gt(delivered, 0);
    ck_assert_uint_gt(depth("dead"), 0);
}
END_TEST

/* A message that is paged out while a read is under way, and expires before all that it brings. */
START_TEST(an_earlier_one_comes_while_they_are_read)
{
    fill(0, MANY, 0);
    world.now_ms += SOONEST;
    world.wall_ms += SOONEST;
    broker_set_time(world.broker, world.now_ms, world.wall_ms);
    broker_run_timers(world.broker); /* asks */
    ck_assert(lane_due_reading(lane())->under_way);
    for (int i = 0; i < 200; i++)
        publish_brief(MANY + i, 100 + i % 2, true);
    while (broker_dispatch(world.broker)) {
    }
    broker_settle(world.broker);
    world_turn(&world);
    pass(99);
    ck_assert_uint_eq(depth("q"), living(0, MANY, SOONEST + 99) + 200);
    pass(1);
    ck_assert_uint_eq(depth("q"), living(0, MANY, SOONEST + 100) + 100);
    pass(1);
    ck_assert_uint_eq(depth("q"), living(0, MANY, SOONEST + 101));
}
END_TEST

START_TEST(purged_and_deleted_while_they_are_read)
{
    uint32_t messages;
    for (int round = 0; round < 2; round++) {
        fill(0, MANY, 5);
        world.now_ms += SOONEST;
        world.wall_ms += SOONEST;
        broker_set_time(world.broker, world.now_ms, world.wall_ms);
        broker_run_timers(world.broker);
        ck_assert(lane_due_reading(lane())->under_way);
        if (round == 0)
            ck_assert(queue_purge(&client->base, slice_str("q"), &messages, &world.reply));
        else
            ck_assert(
                queue_delete(&client->base, slice_str("q"), false, false, &messages, &world.reply));
        world_turn(&world);
    }
    ck_assert_ptr_null(world_queue(&world, "q"));
    ck_assert(broker_next_deadline(world.broker) == INT64_MAX);
}
END_TEST

/* What one lane leaves in the heap is not waited for while the others go. */
START_TEST(a_queue_with_two_long_lanes_is_deleted)
{
    struct buf arguments = BUF_INIT;
    uint32_t messages;
    table_add_int64(&arguments, "x-max-priority", 1);
    declare_durable(client, "two", buf_slice(&arguments));
    buf_fini(&arguments);
    for (int i = 0; i < MANY; i++) {
        struct test_properties properties = {
            .persistent = true, .priority = i % 2, .expiration = i % 2 ? "1000" : "2000"};
        ck_assert(publish_with(channel, "", "two", "some bytes", &properties, false));
        if (i % 100 == 99)
            world_turn(&world);
    }
    struct queue *queue = world_queue(&world, "two");
    ck_assert_uint_gt(queue->lanes[0]->paged_count, 0);
    ck_assert_uint_gt(queue->lanes[1]->paged_count, 0);
    ck_assert(queue_delete(&client->base, slice_str("two"), false, false, &messages, &world.reply));
    ck_assert(broker_next_deadline(world.broker) == INT64_MAX);
    pass(3000);
}
END_TEST

START_TEST(a_read_that_failed_is_tried_again)
{
    fill(0, MANY, 0);
    world_crash(&world);
    connect();
    memvfs_fail(disk, (struct memvfs_fault){.operations = MEMVFS_READ,
                                            .lasting = true,
                                            .result = 10 /* SQLITE_IOERR */});
    pass(SOONEST + SPREAD);
    ck_assert_uint_eq(depth("q"), MANY);
    int64_t next = broker_next_deadline(world.broker);
    ck_assert_int_gt(next, world.now_ms); /* but not all the time */
    ck_assert_int_lt(next, INT64_MAX);
    memvfs_fail(disk, (struct memvfs_fault){0});
    pass(next - world.now_ms);
    ck_assert_uint_eq(depth("q"), 0);
    expect_dead_in_order(MANY);
}
END_TEST

/* More often than lanes remember; by little, so that what they forget matters as little. */
START_TEST(the_clock_is_set_very_often)
{
    enum { TIMES = 80, EACH = 25 };
    for (int i = 0; i < TIMES; i++) {
        world.wall_ms += i % 2 ? -200 : 200;
        world_wait(&world, 0);
        for (int j = 0; j < EACH; j++)
            publish_brief(i * EACH + j, 3000, true);
        world_turn(&world);
    }
    ck_assert_uint_gt(lane()->paged_count, (uint64_t)TIMES * EACH / 2);
    pass(2799);
    ck_assert_uint_eq(depth("q"), (uint64_t)TIMES * EACH);
    pass(200 + 201);
    ck_assert_uint_eq(depth("q"), 0);
}
END_TEST

/* They expire in portions, so that nobody else has to wait for all of them. */
START_TEST(very_many_at_once)
{
    for (int i = 0; i < MANY; i++)
        publish_brief(i, SOONEST, false);
    world.now_ms += SOONEST;
    broker_set_time(world.broker, world.now_ms, world.wall_ms);
    broker_run_timers(world.broker);
    ck_assert_uint_gt(depth("q"), 0);
    ck_assert_uint_lt(depth("q"), MANY);
    ck_assert_int_eq(broker_next_deadline(world.broker), world.now_ms + 1);
    pass(1);
    ck_assert_uint_eq(depth("q"), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        they_leave_memory,
        each_expires_on_time_and_in_order,
        transient_ones_among_them,
        in_order_though_all_are_overdue,
        a_start_reads_none_of_them_before_their_time,
        those_that_expired_while_nobody_ran,
        consumed_and_expiring_at_once,
        an_earlier_one_comes_while_they_are_read,
        purged_and_deleted_while_they_are_read,
        a_queue_with_two_long_lanes_is_deleted,
        a_read_that_failed_is_tried_again,
        the_clock_is_set_very_often,
        very_many_at_once,
    };
    return suite_run("lane_due", setup, teardown, tests, ARRAY_LEN(tests));
}
