/* SPDX-License-Identifier: Apache-2.0 */
/* What comes back after a clean end and after a crash. */
#include "broker/access.h"
#include "proto/table.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/memvfs.h"
#include "tests/support/suite.h"

#include <sqlite3.h>

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
    disk = memvfs_new("recovery");
    world = (struct world){.vfs = "recovery"};
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

static void crash(void)
{
    world_crash(&world);
    connect();
}

static void restart(void)
{
    world_restart(&world);
    connect();
}

static struct slice none(void)
{
    return slice_of(NULL, 0);
}

START_TEST(keeps_durable_topology)
{
    ck_assert(declare_exchange(client, "x", "topic"));
    ck_assert(declare_exchange(client, "y", "fanout"));
    table_add_int64(&arguments, "x-max-length", 7);
    ck_assert(declare_durable(client, "q", buf_slice(&arguments)));
    ck_assert(declare(client, "transient", none()));
    ck_assert(bind_queue(client, "x", "q", "a.#"));
    ck_assert(bind_queue(client, "x", "transient", "a.#"));
    struct bind bind = {
        .source = slice_str("y"), .destination = slice_str("x"), .to_exchange = true};
    ck_assert(exchange_bind(&client->base, &bind, &world.reply));
    world_turn(&world);
    crash();
    ck_assert_ptr_null(world_queue(&world, "transient"));
    ck_assert_int_eq(world_queue(&world, "q")->settings.length_max, 7);
    struct exchange *x = exchange_find(world_vhost(&world), slice_str("x"));
    ck_assert_uint_eq(x->route.bindings_from_count, 1);
    ck_assert_uint_eq(x->route.target.bindings_to_count, 1);
    publish(channel, "x", "a.b", "found");
    get(channel, "q", true);
    world_expect(&world, "a1 get #1 key=a.b body=found left=0\n");
}
END_TEST

START_TEST(forgets_what_was_deleted)
{
    ck_assert(declare_exchange(client, "x", "topic"));
    ck_assert(declare_durable(client, "q", none()));
    ck_assert(bind_queue(client, "x", "q", "a"));
    publish(channel, "", "q", "x");
    world_turn(&world);
    uint32_t messages;
    ck_assert(queue_delete(&client->base, slice_str("q"), false, false, &messages, &world.reply));
    ck_assert(exchange_delete(&client->base, slice_str("x"), false, &world.reply));
    world_turn(&world);
    crash();
    ck_assert_ptr_null(world_queue(&world, "q"));
    ck_assert_ptr_null(exchange_find(world_vhost(&world), slice_str("x")));
    ck_assert_uint_eq(world_vhost(&world)->router.bindings.count, 0);
    ck_assert(declare_durable(client, "q", none()));
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 0);
}
END_TEST

START_TEST(keeps_persistent_messages_in_order)
{
    struct test_properties transient = {0};
    declare_durable(client, "q", none());
    publish(channel, "", "q", "one");
    publish_with(channel, "", "q", "lost", &transient, false);
    publish(channel, "", "q", "two");
    publish(channel, "", "q", "three");
    world_turn(&world);
    crash();
    get(channel, "q", false);
    get(channel, "q", false);
    get(channel, "q", false);
    get(channel, "q", false);
    world_expect(&world, "a1 get #1 key=q body=one left=2\n"
                         "a1 get #2 key=q body=two left=1\n"
                         "a1 get #3 key=q body=three left=0\n"
                         "a1 get-empty\n");
}
END_TEST

START_TEST(loses_what_was_not_written_and_nothing_else)
{
    declare_durable(client, "q", none());
    publish(channel, "", "q", "safe");
    world_turn(&world);
    publish(channel, "", "q", "unconfirmed");
    world_turn_without_disk(&world);
    crash();
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 1);
}
END_TEST

START_TEST(says_redelivered_after_a_crash)
{
    declare_durable(client, "q", none());
    publish(channel, "", "q", "seen");
    world_turn(&world);
    get(channel, "q", false);
    world_turn(&world);
    buf_clear(&world.trace);
    crash();
    get(channel, "q", true);
    world_expect(&world, "a1 get #1 key=q body=seen left=0 redelivered\n");
}
END_TEST

START_TEST(knows_exactly_what_was_delivered_after_a_clean_end)
{
    declare_durable(client, "q", none());
    publish(channel, "", "q", "seen");
    publish(channel, "", "q", "unseen");
    world_turn(&world);
    get(channel, "q", false);
    world_turn(&world);
    restart();
    get(channel, "q", true);
    get(channel, "q", true);
    world_expect(&world, "a1 get #1 key=q body=seen left=1 redelivered\n"
                         "a1 get #2 key=q body=unseen left=0\n");
}
END_TEST

/* What is given to a client before the store knows that it may have been must wait. */
START_TEST(holds_output_until_the_delivery_is_noted)
{
    declare_durable(client, "q", none());
    publish(channel, "", "q", "x");
    world_turn(&world);
    client->base.barrier = 0; /* the declaration's */
    get(channel, "q", false);
    ck_assert_uint_gt(client->base.barrier, 0);
    buf_clear(&world.trace);
}
END_TEST

START_TEST(does_not_hold_what_is_published_and_delivered_in_one_turn)
{
    declare_durable(client, "q", none());
    consume(channel, "q", "C", false);
    world_turn(&world);
    client->base.barrier = 0;
    publish(channel, "", "q", "x");
    world_turn_without_disk(&world);
    ck_assert_uint_eq(client->base.barrier, 0);
    world_expect(&world, "a1 deliver C #1 key=q body=x\n");
    crash(); /* neither the message nor its delivery were written */
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 0);
}
END_TEST

START_TEST(moves_dead_letters_in_one_step)
{
    declare_durable(client, "dead", none());
    table_add_str(&arguments, "x-dead-letter-exchange", slice_str(""));
    table_add_str(&arguments, "x-dead-letter-routing-key", slice_str("dead"));
    declare_durable(client, "q", buf_slice(&arguments));
    publish(channel, "", "q", "x");
    world_turn(&world);
    get(channel, "q", false);
    nack(channel, 1, false, false);
    world_turn_without_disk(&world);
    crash();
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 1);
    ck_assert_uint_eq(world_queue(&world, "dead")->ready_count, 0);
    get(channel, "q", false);
    nack(channel, 1, false, false);
    world_turn(&world);
    crash();
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 0);
    ck_assert_uint_eq(world_queue(&world, "dead")->ready_count, 1);
}
END_TEST

START_TEST(keeps_priorities_and_expiry)
{
    struct test_properties high = {.persistent = true, .priority = 3};
    struct test_properties brief = {.persistent = true, .expiration = "500"};
    table_add_int64(&arguments, "x-max-priority", 5);
    declare_durable(client, "q", buf_slice(&arguments));
    publish(channel, "", "q", "low");
    publish_with(channel, "", "q", "high", &high, false);
    publish_with(channel, "", "q", "brief", &brief, false);
    world_turn(&world);
    crash();
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 3);
    world_wait(&world, 500);
    world_wait(&world, 0); /* what expires has been read */
    get(channel, "q", true);
    get(channel, "q", true);
    world_expect(&world, "a1 get #1 key=q body=high left=1\na1 get #2 key=q body=low left=0\n");
}
END_TEST

START_TEST(commits_transactions_whole)
{
    declare_durable(client, "q", none());
    declare_durable(client, "r", none());
    channel_tx_select(&channel->base, &world.reply);
    publish(channel, "", "q", "one");
    publish(channel, "", "r", "two");
    world_turn(&world);
    ck_assert(channel_tx_commit(&channel->base, &world.reply));
    ck_assert_uint_gt(client->base.barrier, 0);
    world_turn_without_disk(&world);
    crash();
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 0);
    ck_assert_uint_eq(world_queue(&world, "r")->ready_count, 0);
    channel_tx_select(&channel->base, &world.reply);
    publish(channel, "", "q", "one");
    publish(channel, "", "r", "two");
    ck_assert(channel_tx_commit(&channel->base, &world.reply));
    world_turn(&world);
    crash();
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 1);
    ck_assert_uint_eq(world_queue(&world, "r")->ready_count, 1);
}
END_TEST

START_TEST(keeps_delivery_counts)
{
    table_add_str(&arguments, "x-queue-type", slice_str("quorum"));
    declare_durable(client, "q", buf_slice(&arguments));
    publish(channel, "", "q", "x");
    world_turn(&world);
    get(channel, "q", false);
    nack(channel, 1, false, true);
    world_turn(&world);
    crash();
    struct queue *queue = world_queue(&world, "q");
    struct entry *entry = queue_take_now(queue);
    ck_assert_uint_eq(entry->delivery_count, 1);
    ck_assert(entry->redelivered);
    queue_return(queue, &entry, 1);
}
END_TEST

START_TEST(keeps_users_permissions_and_virtual_hosts)
{
    bool created;
    char message[200];
    struct access *access = world.broker->access;
    ck_assert_ptr_nonnull(
        vhost_create(world.broker, slice_str("other"), &created, message, sizeof message));
    ck_assert(
        vhost_set_limit(vhost_find(world.broker, slice_str("other")), slice_str("max-queues"), 3));
    access_set_user(access, slice_str("ann"), slice_str("secret"), slice_str("monitoring"));
    ck_assert_int_eq(access_set_permission(access, slice_str("ann"), slice_str("other"),
                                           slice_str("^a"), slice_str(""), slice_str(".*"), message,
                                           sizeof message),
                     ERR_OK);
    world_turn(&world);
    crash();
    access = world.broker->access;
    struct user *ann = access_login(access, slice_str("ann"), slice_str("secret"));
    ck_assert_ptr_nonnull(ann);
    ck_assert_ptr_null(access_login(access, slice_str("ann"), slice_str("wrong")));
    ck_assert(access_vhost(ann, slice_str("other")));
    ck_assert(!access_vhost(ann, slice_str("/")));
    ck_assert_int_eq(vhost_find(world.broker, slice_str("other"))->queues_max, 3);
}
END_TEST

static void refuse_writes(void)
{
    memvfs_fail(disk, (struct memvfs_fault){
                          .operations = MEMVFS_CHANGE, .lasting = true, .result = SQLITE_FULL});
}

START_TEST(holds_publishers_while_the_disk_takes_no_writes)
{
    const struct test_properties persistent = {.persistent = true};
    declare_durable(client, "q", none());
    ck_assert(channel_confirm_select(&channel->base, &world.reply));
    world_turn(&world);
    refuse_writes();
    publish_with(channel, "", "q", "x", &persistent, false);
    connection_note_publish(&client->base);
    world_turn(&world);
    world_expect(&world, "a blocked low on disk\n");
    ck_assert(connection_paused(&client->base));
    ck_assert(broker_disk_alarmed(world.broker));
    get(channel, "q", true);
    world_expect(&world, "a1 get #1 key=q body=x left=0\n");
    publish_with(channel, "", "q", "y", &persistent, false);
    memvfs_fail(disk, (struct memvfs_fault){0});
    world_turn(&world);
    world_expect(&world, "a unblocked\na1 confirm 1\na1 confirm 2\n");
    ck_assert(!connection_paused(&client->base));
    crash();
    get(channel, "q", true);
    world_expect(&world, "a1 get #1 key=q body=y left=0 redelivered\n");
}
END_TEST

START_TEST(forgets_a_disk_alarm_with_its_virtual_host)
{
    bool created;
    char message[200];
    struct vhost *other =
        vhost_create(world.broker, slice_str("other"), &created, message, sizeof message);
    world_turn(&world);
    refuse_writes();
    struct exchange_declare exchange = {
        .name = slice_str("x"), .type = slice_str("topic"), .durable = true};
    exchange_create(other, &exchange, true);
    world_turn(&world);
    ck_assert(broker_alarmed(world.broker));
    memvfs_fail(disk, (struct memvfs_fault){0});
    vhost_delete(other);
    ck_assert(!broker_alarmed(world.broker));
}
END_TEST

/* As a kill leaves it between a permission and the hash of its user's password. */
START_TEST(the_default_user_is_made_again_when_only_its_permission_is_there)
{
    sqlite3 *database = NULL;
    world_turn(&world);
    ck_assert_int_eq(
        sqlite3_open_v2("/bilby/node.db", &database, SQLITE_OPEN_READWRITE, "recovery"), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(database, "DELETE FROM users", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(database), SQLITE_OK);
    crash(); /* its client logs in as guest */
    ck_assert(declare_durable(client, "q", none()));
    ck_assert(access_vhost(client->base.user, slice_str("/")));
    ck_assert(user_has_tag(client->base.user, USER_TAG_ADMINISTRATOR));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        keeps_durable_topology,
        forgets_what_was_deleted,
        keeps_persistent_messages_in_order,
        loses_what_was_not_written_and_nothing_else,
        says_redelivered_after_a_crash,
        knows_exactly_what_was_delivered_after_a_clean_end,
        holds_output_until_the_delivery_is_noted,
        does_not_hold_what_is_published_and_delivered_in_one_turn,
        moves_dead_letters_in_one_step,
        keeps_priorities_and_expiry,
        commits_transactions_whole,
        keeps_delivery_counts,
        keeps_users_permissions_and_virtual_hosts,
        the_default_user_is_made_again_when_only_its_permission_is_there,
        holds_publishers_while_the_disk_takes_no_writes,
        forgets_a_disk_alarm_with_its_virtual_host,
    };
    return suite_run("recovery", setup, teardown, tests, ARRAY_LEN(tests));
}
