/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual hosts that come and go while the node's database lags behind theirs: two files, two writers,
 * and a crash at any moment. */
#include "broker/vhost.h"

#include "broker/access.h"
#include "broker/point.h"
#include "storage/store.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/memvfs.h"
#include "tests/support/suite.h"

#include <sqlite3.h>

#include <stdio.h>

static const struct test_properties persistent = {.persistent = true};

static struct world world;
static struct memvfs *disk;

static void setup(void)
{
    disk = memvfs_new("vhost");
    world = (struct world){.vfs = "vhost"};
    world_open(&world);
}

static void teardown(void)
{
    world_close(&world);
    memvfs_free(disk);
}

static struct slice none(void)
{
    return slice_of(NULL, 0);
}

static struct vhost *find_other(void)
{
    return vhost_find(world.broker, slice_str("other"));
}

static struct vhost *create_other(char *message, size_t message_size)
{
    bool created = false;
    struct vhost *other =
        vhost_create(world.broker, slice_str("other"), &created, message, message_size);
    ck_assert(created == (other != NULL));
    return other;
}

/* A client in the virtual host "other", which is new: its channel, in confirm mode. */
static struct test_channel *enter_other(void)
{
    char message[200] = "";
    struct vhost *other = create_other(message, sizeof message);
    ck_assert_msg(other != NULL, "%s", message);
    enum err error = access_set_permission(world.broker->access, slice_str("guest"),
                                           slice_str("other"), slice_str(".*"), slice_str(".*"),
                                           slice_str(".*"), message, sizeof message);
    ck_assert_int_eq(error, ERR_OK);
    struct test_channel *channel = client_channel(client_open_in(&world, 'o', "other"), 1);
    ck_assert(channel_confirm_select(&channel->base, &world.reply));
    return channel;
}

static void write_one(struct store_db *db)
{
    broker_settle(world.broker);
    ck_assert(store_write(db));
    broker_collect(world.broker);
    broker_settle(world.broker);
}

START_TEST(confirms_wait_for_the_virtual_host_itself)
{
    struct test_channel *channel = enter_other();
    struct connection *connection = &channel->client->base;
    ck_assert(declare_durable(channel->client, "q", none()));
    publish_with(channel, "", "q", "x", &persistent, false);
    write_one(find_other()->db);
    ck_assert_uint_eq(store_durable(find_other()->db), store_last(find_other()->db));
    ck_assert_uint_eq(vhost_durable(find_other()), 0);
    ck_assert_uint_gt(connection->held_upto, connection_durable(connection));
    world_expect(&world, "");
    write_one(store_node(world.store));
    ck_assert_uint_eq(vhost_durable(find_other()), store_last(find_other()->db));
    ck_assert_uint_le(connection->held_upto, connection_durable(connection));
    world_expect(&world, "o1 confirm 1\n");
}
END_TEST

START_TEST(an_answer_does_not_overtake_it_either)
{
    struct test_channel *channel = enter_other();
    ck_assert(declare_durable(channel->client, "q", none()));
    write_one(find_other()->db);
    /* Nothing new is stored, but what the answer is about isn't safe yet. */
    ck_assert(declare_durable(channel->client, "q", none()));
    struct connection *connection = &channel->client->base;
    ck_assert_uint_gt(connection->barrier, connection_durable(connection));
    write_one(store_node(world.store));
    ck_assert_uint_le(connection->barrier, connection_durable(connection));
}
END_TEST

START_TEST(what_a_crash_left_is_taken_up_again)
{
    struct test_channel *channel = enter_other();
    ck_assert(declare_durable(channel->client, "q", none()));
    publish_with(channel, "", "q", "x", &persistent, false);
    write_one(find_other()->db);
    world_crash(&world);
    ck_assert_ptr_null(find_other());
    channel = enter_other();
    ck_assert_uint_eq(queue_find(find_other(), slice_str("q"))->ready_count, 1);
    /* The next message must find a place beside the one that is there. */
    publish_with(channel, "", "q", "y", &persistent, false);
    world_turn(&world);
    world_expect(&world, "o1 confirm 1\n");
    world_crash(&world);
    channel = client_channel(client_open_in(&world, 'o', "other"), 1);
    get(channel, "q", true);
    get(channel, "q", true);
    world_expect(&world, "o1 get #1 key=q body=x left=1\no1 get #2 key=q body=y left=0\n");
}
END_TEST

static void edit_other(const char *sql)
{
    sqlite3 *database = NULL;
    ck_assert_int_eq(
        sqlite3_open_v2("/bilby/vhost-other.db", &database, SQLITE_OPEN_READWRITE, "vhost"),
        SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(database), SQLITE_OK);
}

START_TEST(what_is_left_and_damaged_is_not_taken_for_empty)
{
    char message[200] = "";
    struct test_channel *channel = enter_other();
    ck_assert(declare_durable(channel->client, "q", none()));
    publish_with(channel, "", "q", "x", &persistent, false);
    write_one(find_other()->db);
    world_crash(&world);
    edit_other("UPDATE queues SET arguments = x'01'");
    ck_assert_ptr_null(create_other(message, sizeof message));
    ck_assert_str_eq(message, "loading virtual host 'other' failed: the database is damaged");
    ck_assert_ptr_null(find_other());
    edit_other("UPDATE queues SET arguments = x''");
    ck_assert_ptr_nonnull(create_other(message, sizeof message));
    ck_assert_uint_eq(queue_find(find_other(), slice_str("q"))->ready_count, 1);
}
END_TEST

START_TEST(a_second_lane_of_a_queue_is_left_out)
{
    struct test_channel *channel = enter_other();
    ck_assert(declare_durable(channel->client, "q", none()));
    ck_assert(declare_durable(channel->client, "r", none()));
    publish_with(channel, "", "q", "x", &persistent, false);
    publish_with(channel, "", "r", "y", &persistent, false);
    write_one(find_other()->db);
    world_crash(&world);
    edit_other("UPDATE lanes SET queue = 'q'");
    enter_other();
    ck_assert_uint_eq(queue_find(find_other(), slice_str("q"))->ready_count, 1);
    ck_assert_uint_eq(queue_find(find_other(), slice_str("r"))->ready_count, 0);
}
END_TEST

START_TEST(a_lane_without_messages_is_empty_whatever_it_counts)
{
    struct test_channel *channel = enter_other();
    uint32_t messages;
    ck_assert(declare_durable(channel->client, "q", none()));
    publish_with(channel, "", "q", "x", &persistent, false);
    write_one(find_other()->db);
    world_crash(&world);
    edit_other("DELETE FROM messages; UPDATE lanes SET messages = 7, position_next = 0");
    channel = enter_other();
    ck_assert(queue_purge(&channel->client->base, slice_str("q"), &messages, &world.reply));
    ck_assert_uint_eq(messages, 0);
}
END_TEST

/* An answer waits for what was on its way to the database of the first; the second one's numbers begin
 * anew. */
START_TEST(a_point_does_not_wait_for_a_namesake)
{
    struct test_channel *channel = enter_other();
    world_turn(&world);
    ck_assert(declare_durable(channel->client, "q", none()));
    ck_assert(declare_durable(channel->client, "r", none()));
    struct broker_point *point = broker_point_new(world.broker);
    ck_assert_ptr_nonnull(point);
    ck_assert(!broker_point_durable(world.broker, point));
    vhost_delete(find_other());
    world_turn(&world);
    ck_assert_ptr_null(find_other());
    enter_other();
    world_turn(&world);
    ck_assert(broker_point_durable(world.broker, point));
    broker_point_free(point);
    buf_clear(&world.trace);
}
END_TEST

START_TEST(one_that_was_deleted_comes_back_empty)
{
    struct test_channel *channel = enter_other();
    ck_assert(declare_durable(channel->client, "q", none()));
    world_turn(&world);
    vhost_delete(find_other());
    world_expect(&world, "o close 320 CONNECTION_FORCED - vhost 'other' is deleted\n");
    enter_other();
    ck_assert_ptr_null(queue_find(find_other(), slice_str("q")));
}
END_TEST

/* Two are prepared at once and there is room for one: nothing is left of the other. */
START_TEST(a_limit_is_found_out_late)
{
    char message[256];
    bool created;
    world.broker->options.vhosts_max = 2;
    ck_assert(vhost_prepare(world.broker, slice_str("other")));
    ck_assert(vhost_prepare(world.broker, slice_str("third")));
    ck_assert(memvfs_exists(disk, "/bilby/vhost-third.db"));
    ck_assert_ptr_nonnull(create_other(message, sizeof message));
    ck_assert_ptr_null(
        vhost_create(world.broker, slice_str("third"), &created, message, sizeof message));
    ck_assert_str_eq(message, "cannot create vhost 'third': vhost limit of 2 is reached");
    ck_assert(!memvfs_exists(disk, "/bilby/vhost-third.db"));
    ck_assert(vhost_prepare(world.broker, slice_str("third")));
    ck_assert(!memvfs_exists(disk, "/bilby/vhost-third.db"));
}
END_TEST

static struct vhost *find_dying(void)
{
    return LIST_FIRST(&world.broker->dying, struct vhost, dying_link);
}

/* Found no more, but gone only turns later; its name is free then. */
START_TEST(a_large_one_goes_turn_by_turn)
{
    struct test_channel *channel = enter_other();
    char name[32], message[256];
    unsigned turns = 0;
    bool created;
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "q%u", i);
        ck_assert(declare_durable(channel->client, name, none()));
        bind_queue(channel->client, "amq.direct", name, name);
    }
    world_turn(&world);
    vhost_delete(find_other());
    ck_assert_ptr_null(find_other());
    ck_assert(vhost_deleting(world.broker, slice_str("other")));
    ck_assert_ptr_null(
        vhost_create(world.broker, slice_str("other"), &created, message, sizeof message));
    ck_assert_str_eq(message, "cannot create vhost 'other': it is being deleted");
    const struct vhost *dying;
    for (; (dying = find_dying()) && dying->queues.count > 0; turns++) {
        size_t before = dying->queues.count;
        if (broker_dispatch(world.broker))
            ck_assert_uint_le(before - dying->queues.count, 500);
    }
    ck_assert_uint_gt(turns, 3);
    world_turn(&world);
    ck_assert(!vhost_deleting(world.broker, slice_str("other")));
    world_expect(&world, "o close 320 CONNECTION_FORCED - vhost 'other' is deleted\n");
    enter_other();
    ck_assert_uint_eq(find_other()->queues.count, 0);
}
END_TEST

/* A crash in the middle leaves all of it as it was. */
START_TEST(one_that_is_half_deleted_comes_back_whole)
{
    struct test_channel *channel = enter_other();
    char name[32];
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "q%u", i);
        ck_assert(declare_durable(channel->client, name, none()));
    }
    world_turn(&world);
    vhost_delete(find_other());
    (void)broker_dispatch(world.broker);
    ck_assert_uint_lt(find_dying()->queues.count, 1000);
    broker_settle(world.broker);
    world_crash(&world);
    ck_assert_ptr_nonnull(find_other());
    ck_assert_uint_eq(find_other()->queues.count, 1000);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        confirms_wait_for_the_virtual_host_itself,
        an_answer_does_not_overtake_it_either,
        what_a_crash_left_is_taken_up_again,
        what_is_left_and_damaged_is_not_taken_for_empty,
        a_second_lane_of_a_queue_is_left_out,
        a_lane_without_messages_is_empty_whatever_it_counts,
        a_point_does_not_wait_for_a_namesake,
        one_that_was_deleted_comes_back_empty,
        a_limit_is_found_out_late,
        a_large_one_goes_turn_by_turn,
        one_that_is_half_deleted_comes_back_whole,
    };
    return suite_run("vhost", setup, teardown, tests, ARRAY_LEN(tests));
}
