/* SPDX-License-Identifier: Apache-2.0 */
/* Declaring and deleting exchanges, queues and bindings: equivalence, names, rights, auto-delete. */
#include "broker/access.h"
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

START_TEST(predeclares_exchanges)
{
    static const char *const names[] = {
        "",          "amq.direct",  "amq.fanout",        "amq.topic",
        "amq.match", "amq.headers", "amq.rabbitmq.trace"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        ck_assert_ptr_nonnull(exchange_find(world_vhost(&world), slice_str(names[i])));
    ck_assert_uint_eq(world_vhost(&world)->exchanges.count, ARRAY_LEN(names));
}
END_TEST

START_TEST(refuses_another_declaration_of_a_queue)
{
    table_add_int64(&arguments, "x-message-ttl", 1000);
    ck_assert(declare(client, "q", buf_slice(&arguments)));
    ck_assert(declare(client, "q", buf_slice(&arguments)));
    ck_assert(!declare_durable(client, "q", buf_slice(&arguments)));
    expect_error(&world, "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost "
                         "'/': received 'true' but current is 'false'");
    ck_assert(!declare(client, "q", none()));
    expect_error(&world, "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in "
                         "vhost '/': received none but current is the value '1000' of type "
                         "'long'");
    buf_clear(&arguments);
    table_add_int32(&arguments, "x-message-ttl", 1000); /* another width, the same number */
    ck_assert(declare(client, "q", buf_slice(&arguments)));
    buf_clear(&arguments);
    table_add_int32(&arguments, "x-message-ttl", 5000);
    ck_assert(!declare(client, "q", buf_slice(&arguments)));
    expect_error(&world, "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in "
                         "vhost '/': received '5000' but current is '1000'");
}
END_TEST

START_TEST(refuses_bad_queue_arguments)
{
    static const struct {
        const char *name;
        int64_t value;
        const char *text;
    } cases[] = {
        {"x-expires", 0, "{value_zero,0}"},
        {"x-expires", -1, "{value_negative,-1}"},
        {"x-message-ttl", 315360000001, "{value_too_large,315360000001}"},
        {"x-max-priority", 256, "{max_value_exceeded,256}"},
        {"x-overflow", 1, "{unacceptable_type,long}"},
        {"x-queue-type", 1, "{unacceptable_type,long}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[256];
        buf_clear(&arguments);
        table_add_int64(&arguments, cases[i].name, cases[i].value);
        ck_assert(!declare(client, "q", buf_slice(&arguments)));
        snprintf(text, sizeof text,
                 "PRECONDITION_FAILED - invalid arg '%s' for queue 'q' in vhost '/': %s",
                 cases[i].name, cases[i].text);
        expect_error(&world, text);
    }
    buf_clear(&arguments);
    table_add_str(&arguments, "x-queue-type", slice_str("stream"));
    ck_assert(!declare(client, "q", buf_slice(&arguments)));
    expect_error(&world, "PRECONDITION_FAILED - invalid arg 'x-queue-type' for queue 'q' in vhost "
                         "'/': \"unsupported queue type 'stream'\"");
    buf_clear(&arguments);
    table_add_str(&arguments, "x-dead-letter-routing-key", slice_str("k"));
    ck_assert(!declare(client, "q", buf_slice(&arguments)));
    expect_error(&world,
                 "PRECONDITION_FAILED - invalid arg 'x-dead-letter-routing-key' for queue 'q' in "
                 "vhost '/': routing_key_but_no_dlx_defined");
}
END_TEST

/* Names are kept as strings: what followed a NUL would be lost, and "a" and "a\0b" be the same row of the
 * database. [0-9-1 §4.2.5.3] */
START_TEST(refuses_a_zero_octet_in_names)
{
    static const char octets[] = "a\0b";
    struct slice name = slice_of(octets, 3);
    struct queue *queue;
    struct queue_declare queue_asked = {.name = name, .durable = true};
    ck_assert(!queue_declare(&client->base, &queue_asked, &queue, &world.reply));
    expect_error(&world, "PRECONDITION_FAILED - queue name 'a...' in vhost '/' holds a zero octet");
    struct exchange_declare asked = {.name = name, .type = slice_str("direct"), .durable = true};
    ck_assert(!exchange_declare(&client->base, &asked, &world.reply));
    expect_error(&world,
                 "PRECONDITION_FAILED - exchange name 'a...' in vhost '/' holds a zero octet");
    table_add_str(&arguments, "alternate-exchange", name);
    asked.name = slice_str("e");
    asked.arguments = buf_slice(&arguments);
    ck_assert(!exchange_declare(&client->base, &asked, &world.reply));
    expect_error(&world, "PRECONDITION_FAILED - alternate exchange 'a...' of exchange 'e' in vhost "
                         "'/' holds a zero octet");
}
END_TEST

START_TEST(keeps_quorum_queues_durable_and_shared)
{
    table_add_str(&arguments, "x-queue-type", slice_str("quorum"));
    ck_assert(!declare(client, "q", buf_slice(&arguments)));
    expect_error(&world,
                 "PRECONDITION_FAILED - invalid property 'non-durable' for queue 'q' in vhost '/'");
    ck_assert(!declare_durable(client, "", buf_slice(&arguments)));
    expect_error(&world, "PRECONDITION_FAILED - Cannot declare a server-named queue for type "
                         "rabbit_quorum_queue");
    ck_assert(declare_durable(client, "q", buf_slice(&arguments)));
    ck_assert(!declare_durable(client, "q", none()));
    ck_assert_uint_eq(world_queue(&world, "q")->type, QUEUE_QUORUM);
}
END_TEST

START_TEST(locks_exclusive_queues)
{
    struct queue_declare exclusive = {.name = slice_str("mine"), .exclusive = true};
    struct test_client *other = client_open(&world, 'b');
    struct queue *queue;
    ck_assert(queue_declare(&client->base, &exclusive, &queue, &world.reply));
    ck_assert(!declare(other, "mine", none()));
    expect_error(&world,
                 "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'mine' in vhost "
                 "'/'. It could be originally declared on another connection or the exclusive "
                 "property value does not match that of the original declaration.");
    client_close(client);
    ck_assert_ptr_null(world_queue(&world, "mine"));
    ck_assert(declare(other, "mine", none()));
}
END_TEST

START_TEST(names_queues_itself)
{
    struct queue_declare unnamed = {0};
    struct queue *queue;
    ck_assert(queue_declare(&client->base, &unnamed, &queue, &world.reply));
    ck_assert_int_eq(strncmp(queue->name, "amq.gen-", 8), 0);
    ck_assert_uint_eq(strlen(queue->name), 30);
    ck_assert(!declare(client, "amq.mine", none()));
    expect_error(&world, "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'");
}
END_TEST

START_TEST(ends_auto_delete_queues_with_their_last_consumer)
{
    struct queue_declare temporary = {.name = slice_str("q"), .auto_delete = true};
    struct queue *queue;
    ck_assert(queue_declare(&client->base, &temporary, &queue, &world.reply));
    consume(channel, "q", "C", false);
    consume(channel, "q", "D", false);
    channel_cancel(&channel->base, slice_str("C"));
    ck_assert_ptr_nonnull(world_queue(&world, "q"));
    channel_cancel(&channel->base, slice_str("D"));
    ck_assert_ptr_null(world_queue(&world, "q"));
}
END_TEST

static bool declare_auto_delete_exchange(const char *name)
{
    struct exchange_declare temporary = {
        .name = slice_str(name), .type = slice_str("fanout"), .auto_delete = true};
    return exchange_declare(&client->base, &temporary, &world.reply);
}

/* Deleting the queue at the end of a chain of auto-delete exchanges ends them all. */
START_TEST(ends_a_long_chain_of_auto_delete_exchanges)
{
    enum { LINKS = 5000 };
    char name[16];
    char next[16];
    declare(client, "q", none());
    for (int i = 0; i < LINKS; i++) {
        snprintf(name, sizeof name, "x%d", i);
        ck_assert(declare_auto_delete_exchange(name));
    }
    for (int i = 0; i + 1 < LINKS; i++) {
        snprintf(name, sizeof name, "x%d", i);
        snprintf(next, sizeof next, "x%d", i + 1);
        struct bind bind = {
            .source = slice_str(name), .destination = slice_str(next), .to_exchange = true};
        ck_assert(exchange_bind(&client->base, &bind, &world.reply));
    }
    snprintf(name, sizeof name, "x%d", LINKS - 1);
    ck_assert(bind_queue(client, name, "q", ""));
    uint32_t messages;
    ck_assert(queue_delete(&client->base, slice_str("q"), false, false, &messages, &world.reply));
    ck_assert_uint_eq(world_vhost(&world)->exchanges.count, 7);
}
END_TEST

START_TEST(guards_system_exchanges)
{
    ck_assert(!exchange_delete(&client->base, slice_str("amq.topic"), false, &world.reply));
    expect_error(&world, "ACCESS_REFUSED - deletion of system exchange 'amq.topic' in vhost '/' "
                         "not allowed");
    ck_assert(!exchange_delete(&client->base, slice_str(""), false, &world.reply));
    expect_error(&world, "ACCESS_REFUSED - operation not permitted on the default exchange");
    ck_assert(!declare_exchange(client, "amq.mine", "direct"));
    expect_error(&world,
                 "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'");
    ck_assert(!declare_exchange(client, "x", "sideways"));
    expect_error(&world, "COMMAND_INVALID - unknown exchange type 'sideways'");
    ck_assert(declare_exchange(client, "x", "direct"));
    ck_assert(!declare_exchange(client, "x", "fanout"));
    expect_error(&world, "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'x' in vhost "
                         "'/': received 'fanout' but current is 'direct'");
    ck_assert(exchange_delete(&client->base, slice_str("nothing"), false, &world.reply));
}
END_TEST

START_TEST(routes_to_the_alternate_exchange)
{
    table_add_str(&arguments, "alternate-exchange", slice_str("rest"));
    struct exchange_declare main_exchange = {
        .name = slice_str("main"), .type = slice_str("direct"), .arguments = buf_slice(&arguments)};
    ck_assert(exchange_declare(&client->base, &main_exchange, &world.reply));
    struct test_properties properties = {0};
    ck_assert(publish_with(channel, "main", "k", "early", &properties, true));
    world_expect(&world, "a1 return 312 NO_ROUTE key=k body=early\n");
    ck_assert(declare_exchange(client, "rest", "fanout"));
    declare(client, "q", none());
    ck_assert(bind_queue(client, "rest", "q", ""));
    ck_assert(publish_with(channel, "main", "k", "x", &properties, true));
    get(channel, "q", true);
    world_expect(&world, "a1 get #1 key=k body=x left=0\n");
}
END_TEST

START_TEST(unbinds_all_sorts_of_things_that_are_not_there)
{
    struct bind bind = {
        .source = slice_str("amq.direct"), .destination = slice_str("none"), .key = slice_str("k")};
    ck_assert(exchange_unbind(&client->base, &bind, &world.reply));
    bind.source = slice_str("none");
    ck_assert(exchange_unbind(&client->base, &bind, &world.reply));
    ck_assert(!exchange_bind(&client->base, &bind, &world.reply));
    expect_error(&world, "NOT_FOUND - no exchange 'none' in vhost '/'"); /* the source first */
    bind.source = slice_str("amq.direct");
    ck_assert(!exchange_bind(&client->base, &bind, &world.reply));
    expect_error(&world, "NOT_FOUND - no queue 'none' in vhost '/'");
}
END_TEST

START_TEST(asks_for_rights)
{
    char message[200];
    struct access *access = world.broker->access;
    ck_assert_int_eq(access_set_permission(access, slice_str("guest"), slice_str("/"),
                                           slice_str("^mine"), slice_str("^mine"),
                                           slice_str("^mine"), message, sizeof message),
                     ERR_OK);
    ck_assert(declare(client, "mine", none()));
    ck_assert(!declare(client, "other", none()));
    expect_error(&world, "ACCESS_REFUSED - configure access to queue 'other' in vhost '/' refused "
                         "for user 'guest'");
    ck_assert(!publish(channel, "", "mine", "x"));
    expect_error(&world, "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' "
                         "refused for user 'guest'");
    ck_assert(!consume(channel, "other", "C", true));
    expect_error(&world, "ACCESS_REFUSED - read access to queue 'other' in vhost '/' refused for "
                         "user 'guest'");
    ck_assert(!bind_queue(client, "amq.fanout", "mine", ""));
    expect_error(&world, "ACCESS_REFUSED - read access to exchange 'amq.fanout' in vhost '/' "
                         "refused for user 'guest'");
    ck_assert(!bind_queue(client, "", "other", "")); /* the destination's first */
    expect_error(&world, "ACCESS_REFUSED - write access to queue 'other' in vhost '/' refused for "
                         "user 'guest'");
    ck_assert(!bind_queue(client, "", "mine", ""));
    expect_error(&world, "ACCESS_REFUSED - operation not permitted on the default exchange");
}
END_TEST

START_TEST(keeps_to_limits_of_a_virtual_host)
{
    ck_assert(vhost_set_limit(world_vhost(&world), slice_str("max-queues"), 1));
    ck_assert(declare(client, "q", none()));
    ck_assert(!declare(client, "r", none()));
    expect_error(&world, "PRECONDITION_FAILED - cannot declare queue 'r': queue limit in vhost '/' "
                         "(1) is reached");
}
END_TEST

START_TEST(deletes_a_virtual_host_with_all_in_it)
{
    declare_durable(client, "q", none());
    publish(channel, "", "q", "x");
    get(channel, "q", false);
    buf_clear(&world.trace);
    vhost_delete(world_vhost(&world));
    world_expect(&world, "a close 320 CONNECTION_FORCED - vhost '/' is deleted\n");
    ck_assert_ptr_null(client->base.vhost);
    ck_assert_ptr_null(vhost_find(world.broker, slice_str("/")));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        predeclares_exchanges,
        refuses_another_declaration_of_a_queue,
        refuses_bad_queue_arguments,
        refuses_a_zero_octet_in_names,
        keeps_quorum_queues_durable_and_shared,
        locks_exclusive_queues,
        names_queues_itself,
        ends_auto_delete_queues_with_their_last_consumer,
        ends_a_long_chain_of_auto_delete_exchanges,
        guards_system_exchanges,
        routes_to_the_alternate_exchange,
        unbinds_all_sorts_of_things_that_are_not_there,
        asks_for_rights,
        keeps_to_limits_of_a_virtual_host,
        deletes_a_virtual_host_with_all_in_it,
    };
    return suite_run("topology", setup, teardown, tests, ARRAY_LEN(tests));
}
