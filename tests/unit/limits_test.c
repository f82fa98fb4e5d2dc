/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of the node, of a virtual host and of a user: what is one too many is refused with the
 * limit's name, and what there was goes on.
 */
#include "broker/access.h"
#include "broker/vhost.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/suite.h"

static struct world world;
static struct test_client *client;
static struct test_channel *channel;

static void setup(void)
{
    world = (struct world){0};
    world_open(&world);
    client = client_open(&world, 'a');
    channel = client_channel(client, 1);
}

static void teardown(void)
{
    world_close(&world);
}

static struct broker_options *options(void)
{
    return &world.broker->options;
}

/* A second connection of guest's to "/" is refused. */
static void expect_connection_refused(const char *text)
{
    struct connection second;
    struct reply reply;
    connection_init(&second, client->base.ops, world.broker, "second");
    second.user = client->base.user;
    user_ref(second.user);
    ck_assert(!connection_open_vhost(&second, slice_str("/"), &reply));
    ck_assert_str_eq(reply.text, text);
    connection_fini(&second);
}

START_TEST(connections_are_limited_thrice)
{
    struct vhost *vhost = world_vhost(&world);
    struct user *guest = client->base.user;
    options()->connections_max = 1;
    expect_connection_refused(
        "NOT_ALLOWED - connection refused: node connection limit (1) is reached");
    options()->connections_max = 0;
    ck_assert(vhost_set_limit(vhost, slice_str("max-connections"), 1));
    expect_connection_refused("NOT_ALLOWED - access to vhost '/' refused for user 'guest': "
                              "connection limit (1) is reached");
    ck_assert(vhost_set_limit(vhost, slice_str("max-connections"), -1));
    ck_assert(access_set_user_limit(world.broker->access, guest, slice_str("max-connections"), 1));
    expect_connection_refused("NOT_ALLOWED - connection refused for user 'guest': user connection "
                              "limit (1) is reached");
    ck_assert(access_set_user_limit(world.broker->access, guest, slice_str("max-connections"), 2));
    client_close(client_open(&world, 'b'));
}
END_TEST

START_TEST(queues_are_limited_twice)
{
    ck_assert(declare(client, "q", slice_of(NULL, 0)));
    options()->queues_max = 1;
    ck_assert(!declare(client, "r", slice_of(NULL, 0)));
    expect_error(&world, "PRECONDITION_FAILED - cannot declare queue 'r': queue limit in cluster "
                         "(1) is reached");
    options()->queues_max = 0;
    ck_assert(vhost_set_limit(world_vhost(&world), slice_str("max-queues"), 1));
    ck_assert(!declare(client, "r", slice_of(NULL, 0)));
    expect_error(&world, "PRECONDITION_FAILED - cannot declare queue 'r': queue limit in vhost '/' "
                         "(1) is reached");
    /* One that is there is none too many. */
    ck_assert(declare(client, "q", slice_of(NULL, 0)));
}
END_TEST

START_TEST(exchanges_are_limited)
{
    options()->exchanges_max = (uint32_t)world_vhost(&world)->exchanges.count;
    ck_assert(!declare_exchange(client, "x", "topic"));
    ck_assert_ptr_nonnull(strstr(world.reply.text, "exchange limit of "));
    ck_assert_int_eq(world.reply.code, REPLY_PRECONDITION_FAILED);
    options()->exchanges_max++;
    ck_assert(declare_exchange(client, "x", "topic"));
}
END_TEST

START_TEST(virtual_hosts_are_limited)
{
    bool created;
    char message[200] = "";
    options()->vhosts_max = 1;
    ck_assert_ptr_null(
        vhost_create(world.broker, slice_str("v"), &created, message, sizeof(message)));
    ck_assert_str_eq(message, "cannot create vhost 'v': vhost limit of 1 is reached");
    ck_assert_ptr_nonnull(
        vhost_create(world.broker, slice_str("/"), &created, message, sizeof(message)));
    ck_assert(!created);
}
END_TEST

START_TEST(consumers_of_a_channel_are_limited)
{
    ck_assert(declare(client, "q", slice_of(NULL, 0)));
    options()->consumers_per_channel_max = 1;
    ck_assert(consume(channel, "q", "one", true));
    ck_assert(!consume(channel, "q", "two", true));
    expect_error(&world, "NOT_ALLOWED - reached maximum (1) of consumers per channel");
}
END_TEST

START_TEST(alarms_are_told_by_their_names)
{
    connection_note_publish(&client->base);
    broker_set_alarm(world.broker, ALARM_MEMORY, true);
    world_expect(&world, "a blocked low on memory\n");
    broker_set_alarm(world.broker, ALARM_MEMORY, false);
    world_expect(&world, "a unblocked\n");
    broker_set_alarm(world.broker, ALARM_DISK, true);
    world_expect(&world, "a blocked low on disk\n");
    broker_set_alarm(world.broker, ALARM_MEMORY, true);
    broker_set_alarm(world.broker, ALARM_DISK, false);
    ck_assert(connection_paused(&client->base));
    broker_set_alarm(world.broker, ALARM_MEMORY, false);
    ck_assert(!connection_paused(&client->base));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        connections_are_limited_thrice,
        queues_are_limited_twice,
        exchanges_are_limited,
        virtual_hosts_are_limited,
        consumers_of_a_channel_are_limited,
        alarms_are_told_by_their_names,
    };
    return suite_run("limits", setup, teardown, tests, ARRAY_LEN(tests));
}
