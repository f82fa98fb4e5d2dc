/* SPDX-License-Identifier: Apache-2.0 */
/* Long lanes: their middle is on the disk alone, and nobody notices. */
#include "broker/access.h"
#include "broker/broker.h"
#include "broker/policy.h"
#include "broker/vhost.h"
#include "proto/table.h"
#include "storage/store.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/memvfs.h"
#include "tests/support/suite.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

enum { MANY = 2000 };

static struct world world;
static struct memvfs *disk;
static struct test_client *client;
static struct test_channel *channel;
static struct buf arguments;

static void connect(void)
{
    client = client_open(&world, 'a');
    channel = client_channel(client, 1);
}

static void setup(void)
{
    disk = memvfs_new("lane");
    world = (struct world){.vfs = "lane", .queue_memory = 1}; /* the least that a lane may have */
    arguments = BUF_INIT;
    world_open(&world);
    connect();
}

static void teardown(void)
{
    world_close(&world);
    memvfs_free(disk);
    buf_fini(&arguments);
}

static struct slice none(void)
{
    return slice_of(NULL, 0);
}

static void publish_number(const char *queue, int number, const struct test_properties *properties)
{
    char body[128];
    snprintf(body, sizeof body, "%d and some more bytes, so that there is something to save",
             number);
    ck_assert(publish_with(channel, "", queue, body, properties, false));
}

/* Publishes numbers [from, to), a turn each hundred; every `odd`th one transient. */
static void fill(const char *queue, int from, int to, int odd)
{
    struct test_properties persistent = {.persistent = true};
    struct test_properties transient = {0};
    for (int i = from; i < to; i++) {
        publish_number(queue, i, odd && i % odd == 0 ? &transient : &persistent);
        if (i % 100 == 99)
            world_turn(&world);
    }
    world_turn(&world);
}

static struct lane *first_lane(const char *queue)
{
    return world_queue(&world, queue)->lanes[0];
}

/* Reads the numbers that were delivered out of the trace and compares them with `from`, from + step … */
static int count_delivered(int from, int step)
{
    int count = 0;
    for (char *at = (char *)(uintptr_t)buf_cstr(&world.trace); (at = strstr(at, "body=")); count++)
        ck_assert_int_eq((int)strtol(at += 5, NULL, 10), from + count * step);
    buf_clear(&world.trace);
    return count;
}

START_TEST(keeps_only_the_ends_in_memory)
{
    declare_durable(client, "q", none());
    fill("q", 0, MANY, 0);
    struct lane *lane = first_lane("q");
    ck_assert_uint_gt(lane->paged_count, MANY / 2);
    ck_assert_uint_le(lane->memory, 3 * broker_lane_memory(world.broker));
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, MANY);
    ck_assert_uint_lt(world.broker->message_count, MANY / 2);
}
END_TEST

START_TEST(delivers_all_of_it_in_order)
{
    declare_durable(client, "q", none());
    fill("q", 0, MANY, 0);
    consume(channel, "q", "C", true);
    for (int i = 0; i < 100; i++)
        world_turn(&world);
    ck_assert_int_eq(count_delivered(0, 1), MANY);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 0);
    fill("q", MANY, MANY + 10, 0);
    world_turn(&world);
    ck_assert_int_eq(count_delivered(MANY, 1), 10);
}
END_TEST

START_TEST(keeps_transient_messages_in_their_places)
{
    declare_durable(client, "q", none());
    fill("q", 0, MANY, 3);
    ck_assert_uint_gt(first_lane("q")->paged_count, 0);
    consume(channel, "q", "C", true);
    for (int i = 0; i < 100; i++)
        world_turn(&world);
    ck_assert_int_eq(count_delivered(0, 1), MANY);
}
END_TEST

START_TEST(takes_messages_back_while_paged)
{
    declare_durable(client, "q", none());
    fill("q", 0, MANY, 0);
    prefetch(channel, 50, false);
    consume(channel, "q", "C", false);
    for (int i = 0; i < 5; i++)
        world_turn(&world);
    ck_assert_int_eq(count_delivered(0, 1), 50);
    test_channel_close(channel);
    channel = client_channel(client, 2);
    consume(channel, "q", "D", true);
    for (int i = 0; i < 100; i++)
        world_turn(&world);
    ck_assert_int_eq(count_delivered(0, 1), MANY);
}
END_TEST

START_TEST(gets_one_by_one)
{
    declare_durable(client, "q", none());
    fill("q", 0, MANY, 0);
    for (int i = 0; i < MANY; i++)
        get(channel, "q", true);
    ck_assert_int_eq(count_delivered(0, 1), MANY);
    get(channel, "q", true);
    world_expect(&world, "a1 get-empty\n");
}
END_TEST

START_TEST(purges_and_deletes_what_is_paged)
{
    uint32_t messages;
    declare_durable(client, "q", none());
    fill("q", 0, MANY, 7);
    ck_assert(queue_purge(&client->base, slice_str("q"), &messages, &world.reply));
    ck_assert_uint_eq(messages, MANY);
    fill("q", 0, MANY, 7);
    consume(channel, "q", "C", true);
    world_turn_without_disk(&world); /* a read is asked for */
    ck_assert(queue_delete(&client->base, slice_str("q"), false, false, &messages, &world.reply));
    world_turn(&world);
    buf_clear(&world.trace);
    world_crash(&world);
    connect();
    ck_assert_ptr_null(world_queue(&world, "q"));
    declare_durable(client, "q", none());
    get(channel, "q", true);
    world_expect(&world, "a1 get-empty\n");
}
END_TEST

START_TEST(drops_the_head_of_a_long_queue)
{
    table_add_int64(&arguments, "x-max-length", 1500);
    declare_durable(client, "q", buf_slice(&arguments));
    fill("q", 0, MANY, 0);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 1500);
    get(channel, "q", true);
    ck_assert_int_eq(count_delivered(MANY - 1500, 1), 1);
}
END_TEST

START_TEST(expires_with_a_queue_wide_ttl)
{
    table_add_int64(&arguments, "x-message-ttl", 1000);
    table_add_str(&arguments, "x-dead-letter-exchange", slice_str(""));
    table_add_str(&arguments, "x-dead-letter-routing-key", slice_str("dead"));
    declare_durable(client, "q", buf_slice(&arguments));
    declare_durable(client, "dead", none());
    fill("q", 0, MANY, 0);
    ck_assert_uint_gt(first_lane("q")->paged_count, 0);
    world_wait(&world, 999);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, MANY);
    for (int i = 0; i < 100; i++)
        world_wait(&world, 1);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 0);
    ck_assert_uint_eq(world_queue(&world, "dead")->ready_count, MANY);
    for (int i = 0; i < MANY; i++)
        get(channel, "dead", true);
    ck_assert_int_eq(count_delivered(0, 1), MANY);
}
END_TEST

static void set_ttl_policy(void)
{
    struct buf definition = BUF_INIT;
    table_add_int64(&definition, "message-ttl", 1000);
    const struct policy policy = {
        .vhost = slice_str("/"),
        .name = slice_str("ttl"),
        .pattern = slice_str("^q"),
        .apply_to = slice_str("queues"),
        .definition = buf_slice(&definition),
    };
    ck_assert_int_eq(policy_set(world.broker->policies, &policy, NULL), ERR_OK);
    buf_fini(&definition);
}

static void clear_ttl_policy(void)
{
    const struct policy key = {.vhost = slice_str("/"), .name = slice_str("ttl")};
    ck_assert(policy_clear(world.broker->policies, &key));
}

/* What a policy's time to live gave a deadline leaves on time, though what stands before it stays. */
START_TEST(expires_behind_messages_older_than_the_policy)
{
    enum { OLDER = 200 };
    declare_durable(client, "q", none());
    fill("q", 0, OLDER, 0);
    set_ttl_policy();
    fill("q", OLDER, MANY, 0);
    world_wait(&world, 1000);
    for (int i = 0; i < 100; i++)
        world_wait(&world, 1);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, OLDER);
}
END_TEST

/* Messages that are on the disk alone while the wall clock is set expire when those in memory do. */
static void expires_as_if_the_clock_had_not_been_set(int64_t by_ms)
{
    declare_durable(client, "q", none());
    set_ttl_policy();
    fill("q", 0, MANY, 0);
    world.wall_ms += by_ms;
    world_wait(&world, 100);
    fill("q", MANY, 2 * MANY, 0);
    ck_assert_uint_gt(first_lane("q")->paged_count, MANY);
    world_wait(&world, 800);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 2 * MANY);
    for (int i = 0; i < MANY / 2; i++)
        get(channel, "q", true); /* from the disk */
    ck_assert_int_eq(count_delivered(0, 1), MANY / 2);
    world_wait(&world, 100);
    for (int i = 0; i < 100; i++)
        world_wait(&world, 0);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, MANY);
    world_wait(&world, 100);
    for (int i = 0; i < 100; i++)
        world_wait(&world, 0);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 0);
}

START_TEST(expires_on_time_when_the_clock_jumps_forwards)
{
    expires_as_if_the_clock_had_not_been_set(7200000);
}
END_TEST

START_TEST(expires_on_time_when_the_clock_jumps_backwards)
{
    expires_as_if_the_clock_had_not_been_set(-7200000);
}
END_TEST

START_TEST(expires_before_messages_younger_than_the_policy)
{
    declare_durable(client, "q", none());
    set_ttl_policy();
    fill("q", 0, MANY, 0);
    clear_ttl_policy();
    fill("q", MANY, 2 * MANY, 0);
    ck_assert_uint_gt(first_lane("q")->paged_count, MANY);
    world_wait(&world, 1000);
    for (int i = 0; i < 100; i++)
        world_wait(&world, 1);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, MANY);
    for (int i = 0; i < MANY; i++)
        get(channel, "q", true);
    ck_assert_int_eq(count_delivered(MANY, 1), MANY);
}
END_TEST

/* A millisecond passes; what is read comes, nothing becomes durable. */
static void wait_without_disk(void)
{
    world.now_ms++;
    world.wall_ms++;
    broker_set_time(world.broker, world.now_ms, world.wall_ms);
    do {
        broker_collect(world.broker);
        broker_run_timers(world.broker);
        world_turn_without_disk(&world);
    } while (store_read(world_vhost(&world)->db));
}

/* Messages of their own short lives in the middle of a long queue leave on time, and their rows do
 * not come back. */
START_TEST(expires_single_messages_in_the_middle)
{
    struct test_properties brief = {.persistent = true, .expiration = "500"};
    struct test_properties lasting = {.persistent = true};
    declare_durable(client, "q", none());
    for (int i = 0; i < MANY; i++) {
        publish_number("q", i, i % 2 ? &brief : &lasting);
        if (i % 100 == 99)
            world_turn(&world);
    }
    ck_assert_uint_gt(first_lane("q")->paged_count, MANY / 2);
    world_wait(&world, 499);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, MANY);
    wait_without_disk();
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, MANY / 2);
    for (int i = 0; i < MANY / 2; i++)
        get(channel, "q", true); /* the rows of the expired are still there */
    ck_assert_int_eq(count_delivered(0, 2), MANY / 2);
    get(channel, "q", true);
    world_expect(&world, "a1 get-empty\n");
}
END_TEST

START_TEST(comes_back_paged_after_a_crash)
{
    struct test_properties brief = {.persistent = true, .expiration = "500"};
    declare_durable(client, "q", none());
    fill("q", 0, MANY, 0);
    publish_number("q", MANY, &brief);
    world_turn(&world);
    world_crash(&world);
    connect();
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, MANY + 1);
    ck_assert_uint_eq(first_lane("q")->paged_count, MANY + 1);
    ck_assert_uint_eq(world.broker->message_count, 0);
    world_wait(&world, 499);
    ck_assert_uint_eq(world.broker->message_count, 1); /* the one that expires */
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, MANY + 1);
    world_wait(&world, 1);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, MANY);
    fill("q", MANY, MANY + 100, 0);
    consume(channel, "q", "C", true);
    for (int i = 0; i < 100; i++)
        world_turn(&world);
    ck_assert_int_eq(count_delivered(0, 1), MANY + 100);
}
END_TEST

START_TEST(waits_for_the_page_of_the_highest_priority)
{
    struct test_properties high = {.persistent = true, .priority = 1};
    table_add_int64(&arguments, "x-max-priority", 1);
    declare_durable(client, "q", buf_slice(&arguments));
    fill("q", MANY, MANY + 10, 0);
    for (int i = 0; i < MANY; i++) {
        publish_number("q", i, &high);
        if (i % 100 == 99)
            world_turn(&world);
    }
    ck_assert_uint_gt(world_queue(&world, "q")->lanes[1]->paged_count, 0);
    consume(channel, "q", "C", true);
    for (int i = 0; i < 100; i++)
        world_turn(&world);
    ck_assert_int_eq(count_delivered(0, 1), MANY + 10);
}
END_TEST

START_TEST(goes_on_after_a_read_failed)
{
    declare_durable(client, "q", none());
    fill("q", 0, MANY, 0);
    world_crash(&world);
    connect();
    memvfs_fail(disk, (struct memvfs_fault){.operations = MEMVFS_READ,
                                            .lasting = true,
                                            .result = 10 /* SQLITE_IOERR */});
    consume(channel, "q", "C", true);
    for (int i = 0; i < 5; i++)
        world_turn(&world);
    ck_assert(world.broker->alarms[ALARM_READ]);
    ck_assert(!broker_alarmed(world.broker)); /* it holds nobody */
    memvfs_fail(disk, (struct memvfs_fault){0});
    ck_assert_int_eq(count_delivered(0, 1), 0);
    for (int i = 0; i < 100; i++)
        world_turn(&world);
    ck_assert_int_eq(count_delivered(0, 1), MANY);
    ck_assert(!world.broker->alarms[ALARM_READ]);
}
END_TEST

/* As under load: whatever has become durable, the latest deletions have not. */
START_TEST(pages_out_while_the_head_is_dropped_all_the_time)
{
    struct test_properties persistent = {.persistent = true};
    table_add_int64(&arguments, "x-max-length", MANY / 2);
    declare_durable(client, "q", buf_slice(&arguments));
    uint64_t most = 0;
    for (int i = 0; i < 2 * MANY; i++) {
        publish_number("q", i, &persistent);
        if (i < MANY / 2 || i % 50 != 49)
            continue; /* no turn before the first one is dropped */
        store_write(world_vhost(&world)->db);
        broker_collect(world.broker);
        world_turn_without_disk(&world);
        if (i > MANY && first_lane("q")->memory > most)
            most = first_lane("q")->memory;
    }
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, MANY / 2);
    ck_assert_uint_gt(first_lane("q")->paged_count, MANY / 4);
    ck_assert_uint_le(most, 8 * broker_lane_memory(world.broker));
    consume(channel, "q", "C", true);
    for (int i = 0; i < 100; i++)
        world_turn(&world);
    ck_assert_int_eq(count_delivered(MANY + MANY / 2, 1), MANY / 2);
}
END_TEST

static void execute(const char *sql)
{
    sqlite3 *shell;
    ck_assert_int_eq(sqlite3_open_v2("/bilby/vhost-%2F.db", &shell, SQLITE_OPEN_READWRITE, "lane"),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(shell, sql, NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(shell), SQLITE_OK);
}

/* Somebody deletes rows behind the broker's back: what is left is delivered, and nothing stalls. */
/* "Empty" would be a lie. */
START_TEST(getting_says_that_a_read_failed)
{
    struct delivery delivery;
    uint32_t left;
    declare_durable(client, "q", none());
    fill("q", 0, MANY, 0);
    world_crash(&world);
    connect();
    memvfs_fail(disk, (struct memvfs_fault){.operations = MEMVFS_READ,
                                            .lasting = true,
                                            .result = 10 /* SQLITE_IOERR */});
    ck_assert(!channel_get(&channel->base, slice_str("q"), true, &delivery, &left, &world.reply));
    ck_assert_int_eq(world.reply.code, REPLY_INTERNAL_ERROR);
    ck_assert_str_eq(world.reply.text,
                     "INTERNAL_ERROR - the next message of queue 'q' in vhost '/' cannot be read "
                     "from the disk");
    memvfs_fail(disk, (struct memvfs_fault){0});
    get(channel, "q", true);
    ck_assert_int_eq(count_delivered(0, 1), 1);
}
END_TEST

static void refuse_reads(bool on)
{
    struct memvfs_fault fault = {
        .operations = MEMVFS_READ, .lasting = true, .result = SQLITE_CORRUPT};
    memvfs_fail(disk, on ? fault : (struct memvfs_fault){0});
}

/* Purged or deleted, a queue needs nothing read any more. */
START_TEST(the_alarm_of_reads_ends_with_what_could_not_be_read)
{
    declare_durable(client, "q", none());
    declare_durable(client, "r", none());
    fill("q", 0, MANY, 0);
    fill("r", 0, MANY, 0);
    world_crash(&world);
    connect();
    refuse_reads(true);
    consume(channel, "q", "C", true);
    consume(channel, "r", "D", true);
    for (int i = 0; i < 5; i++)
        world_turn(&world);
    ck_assert_uint_eq(world.broker->unreadable_lanes, 2);
    queue_purge_ready(world_queue(&world, "q"));
    ck_assert_uint_eq(world.broker->unreadable_lanes, 1);
    ck_assert(world.broker->alarms[ALARM_READ]);
    queue_destroy(world_queue(&world, "r"));
    ck_assert(!world.broker->alarms[ALARM_READ]);
    refuse_reads(false);
}
END_TEST

START_TEST(goes_on_without_rows_that_are_gone)
{
    struct test_properties high = {.persistent = true, .priority = 1};
    table_add_int64(&arguments, "x-max-priority", 1);
    declare_durable(client, "q", buf_slice(&arguments));
    fill("q", MANY, MANY + 10, 0);
    for (int i = 0; i < MANY; i++)
        publish_number("q", i, &high);
    world_turn(&world);
    execute("DELETE FROM messages WHERE (id & 0x7ffffffffff) BETWEEN 500 AND 549");
    consume(channel, "q", "C", true);
    for (int i = 0; i < 100; i++)
        world_turn(&world);
    char *first_part_end = strstr(buf_cstr(&world.trace), "body=550 ");
    ck_assert_ptr_nonnull(first_part_end);
    ck_assert_ptr_null(strstr(buf_cstr(&world.trace), "body=520 "));
    ck_assert_ptr_nonnull(strstr(first_part_end, "body=1999 "));
    ck_assert_ptr_nonnull(strstr(first_part_end, "body=2009 "));
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 0);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_bytes, 0);
}
END_TEST

/* Publishes transient numbers; a turn each hundred. */
static void fill_transient(const char *queue, int from, int to)
{
    fill(queue, from, to, 1);
}

START_TEST(transient_messages_leave_memory_too)
{
    declare(client, "q", none());
    fill_transient("q", 0, MANY);
    struct lane *lane = first_lane("q");
    ck_assert_uint_gt(lane->paged_count, MANY / 2);
    ck_assert_uint_le(lane->memory, 3 * broker_lane_memory(world.broker));
    ck_assert_uint_eq(lane->store_id, 0);
    consume(channel, "q", "C", true);
    for (int i = 0; i < 100; i++)
        world_turn(&world);
    ck_assert_int_eq(count_delivered(0, 1), MANY);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_bytes, 0);
}
END_TEST

/* One message in many queues: its places are what takes the memory. */
START_TEST(a_wide_fan_out_leaves_memory_too)
{
    enum { QUEUES = 20, MESSAGES = 200, LIMIT = 200000 };
    struct test_properties transient = {0};
    char name[8];
    world.broker->options.queue_memory = LIMIT;
    for (int i = 0; i < QUEUES; i++) {
        snprintf(name, sizeof name, "q%d", i);
        declare(client, name, none());
        ck_assert(bind_queue(client, "amq.fanout", name, ""));
    }
    for (int i = 0; i < MESSAGES; i++) {
        ck_assert(publish_with(channel, "amq.fanout", "", "to all", &transient, false));
        world_turn(&world);
    }
    for (int i = 0; i < 20; i++)
        world_turn(&world);
    ck_assert_uint_lt(world.broker->entry_count, QUEUES * MESSAGES / 2);
    ck_assert_uint_le(broker_message_memory(world.broker), LIMIT);
    ck_assert_uint_eq(world_queue(&world, "q7")->ready_count, MESSAGES);
}
END_TEST

START_TEST(a_restart_forgets_transient_messages_on_the_disk)
{
    declare_durable(client, "q", none());
    declare(client, "gone", none());
    fill("q", 0, MANY, 2);
    fill_transient("gone", 0, MANY);
    ck_assert_uint_gt(first_lane("q")->paged_count, MANY / 2);
    world_crash(&world);
    connect();
    ck_assert_ptr_null(world_queue(&world, "gone"));
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, MANY / 2);
    fill_transient("q", MANY + 1, MANY + 2);
    consume(channel, "q", "C", true);
    for (int i = 0; i < 100; i++)
        world_turn(&world);
    ck_assert_int_eq(count_delivered(1, 2), MANY / 2 + 1);
}
END_TEST

START_TEST(a_queue_with_spilled_messages_is_purged_and_deleted)
{
    declare(client, "q", none());
    for (int i = 0; i < 3; i++) {
        fill_transient("q", 0, MANY);
        ck_assert_uint_eq(queue_purge_ready(world_queue(&world, "q")), MANY);
        fill_transient("q", 0, MANY);
        get(channel, "q", true);
        ck_assert_int_eq(count_delivered(0, 1), 1);
        queue_destroy(world_queue(&world, "q"));
        world_turn(&world);
        declare(client, "q", none());
    }
}
END_TEST

/* Both ends of the queue are due: the middle, on the disk, goes before the tail. */
START_TEST(all_of_it_expires_in_order)
{
    struct test_properties persistent = {.persistent = true};
    table_add_int64(&arguments, "x-message-ttl", 1000);
    table_add_str(&arguments, "x-dead-letter-exchange", slice_str(""));
    table_add_str(&arguments, "x-dead-letter-routing-key", slice_str("dead"));
    declare(client, "dead", none());
    declare_durable(client, "q", buf_slice(&arguments));
    fill("q", 0, MANY - 50, 3);
    for (int i = MANY - 50; i < MANY; i++)
        publish_number("q", i, &persistent);
    ck_assert_uint_gt(first_lane("q")->paged_count, 0);
    ck_assert(!list_empty(&first_lane("q")->tail));
    world_wait(&world, 1000);
    for (int i = 0; i < 300; i++)
        world_wait(&world, 1);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 0);
    consume(channel, "dead", "C", true);
    for (int i = 0; i < 300; i++)
        world_turn(&world);
    ck_assert_int_eq(count_delivered(0, 1), MANY);
}
END_TEST

/* A database whose next position is this one, as only a damaged one ever has it. */
static void restart_at(const char *queue, uint64_t position)
{
    char sql[128];
    snprintf(sql, sizeof sql, "UPDATE lanes SET position_next = %" PRIu64, position);
    world_turn(&world);
    execute(sql);
    world_crash(&world);
    connect();
    ck_assert_uint_eq(first_lane(queue)->position_next, position);
}

START_TEST(delivers_up_to_its_last_position)
{
    struct test_properties persistent = {.persistent = true};
    declare_durable(client, "q", none());
    fill("q", 0, 1, 0);
    restart_at("q", STORE_POSITION_MAX - 9);
    fill("q", 1, 11, 0);
    publish_with(channel, "", "q", "refused", &persistent, false);
    ck_assert_uint_eq(first_lane("q")->position_next, STORE_POSITION_MAX + 1);
    for (int i = 0; i < 11; i++)
        get(channel, "q", true);
    ck_assert_int_eq(count_delivered(0, 1), 11);
    ck_assert_uint_eq(first_lane("q")->lease_next, STORE_POSITION_MAX + 1);
    world_turn(&world);
    world_crash(&world);
    connect();
    get(channel, "q", true);
    world_expect(&world, "a1 get-empty\n");
}
END_TEST

/* Those have no rows, and are not within the range. */
START_TEST(purges_what_came_after_its_last_position)
{
    declare_durable(client, "q", none());
    fill("q", 0, MANY, 0);
    restart_at("q", STORE_POSITION_MAX - 9);
    fill_transient("q", MANY, 2 * MANY);
    ck_assert_uint_gt(first_lane("q")->paged_count, 0);
    ck_assert_uint_le(first_lane("q")->page_last, STORE_POSITION_MAX);
    ck_assert_uint_eq(queue_purge_ready(world_queue(&world, "q")), 2 * MANY);
    fill_transient("q", 0, 10);
    consume(channel, "q", "C", true);
    world_turn(&world);
    ck_assert_int_eq(count_delivered(0, 1), 10);
}
END_TEST

START_TEST(delivers_what_came_after_its_last_position)
{
    declare_durable(client, "q", none());
    fill("q", 0, MANY, 0);
    restart_at("q", STORE_POSITION_MAX - 9);
    fill_transient("q", MANY, 2 * MANY);
    consume(channel, "q", "C", true);
    for (int i = 0; i < 100; i++)
        world_turn(&world);
    ck_assert_int_eq(count_delivered(0, 1), 2 * MANY);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        keeps_only_the_ends_in_memory,
        delivers_all_of_it_in_order,
        keeps_transient_messages_in_their_places,
        takes_messages_back_while_paged,
        gets_one_by_one,
        purges_and_deletes_what_is_paged,
        drops_the_head_of_a_long_queue,
        expires_with_a_queue_wide_ttl,
        expires_behind_messages_older_than_the_policy,
        expires_on_time_when_the_clock_jumps_forwards,
        expires_on_time_when_the_clock_jumps_backwards,
        expires_before_messages_younger_than_the_policy,
        expires_single_messages_in_the_middle,
        comes_back_paged_after_a_crash,
        waits_for_the_page_of_the_highest_priority,
        goes_on_after_a_read_failed,
        getting_says_that_a_read_failed,
        the_alarm_of_reads_ends_with_what_could_not_be_read,
        pages_out_while_the_head_is_dropped_all_the_time,
        goes_on_without_rows_that_are_gone,
        transient_messages_leave_memory_too,
        a_wide_fan_out_leaves_memory_too,
        a_restart_forgets_transient_messages_on_the_disk,
        a_queue_with_spilled_messages_is_purged_and_deleted,
        all_of_it_expires_in_order,
        delivers_up_to_its_last_position,
        purges_what_came_after_its_last_position,
        delivers_what_came_after_its_last_position,
    };
    return suite_run("lane", setup, teardown, tests, ARRAY_LEN(tests));
}
