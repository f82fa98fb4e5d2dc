/* SPDX-License-Identifier: Apache-2.0 */
/* See broker_fixture.h. */
#include "tests/support/broker_fixture.h"

#include "base/mem.h"
#include "broker/access.h"
#include "broker/consumer.h"
#include "broker/message.h"
#include "proto/properties.h"
#include "proto/table.h"
#include "storage/store.h"

#include <check.h>
#include <inttypes.h>

#define START_WALL_MS 1700000000000

/* -- what clients get -- */

static void trace_value(struct buf *out, const struct field_value *value);

static void trace_table(struct buf *out, struct slice table)
{
    struct field_iter iter = {table};
    struct slice name;
    struct field_value value;
    const char *separator = "";
    buf_add_str(out, "{");
    while (field_next(&iter, &name, &value)) {
        buf_printf(out, "%s%.*s:", separator, SLICE_FMT(name));
        trace_value(out, &value);
        separator = " ";
    }
    buf_add_str(out, "}");
}

static void trace_value(struct buf *out, const struct field_value *value)
{
    if (value->type == FIELD_TABLE) {
        trace_table(out, value->bytes);
    } else if (value->type == FIELD_ARRAY) {
        struct field_iter iter = {value->bytes};
        struct field_value element;
        buf_add_str(out, "[");
        while (field_next(&iter, NULL, &element)) {
            trace_value(out, &element);
            buf_add_str(out, ",");
        }
        buf_add_str(out, "]");
    } else if (value->type == FIELD_TIMESTAMP) {
        buf_printf(out, "%" PRId64, value->integer);
    } else {
        field_print(out, value);
    }
}

static struct test_channel *own(struct channel *channel)
{
    return CONTAINER_OF(channel, struct test_channel, base);
}

static struct buf *line(struct channel *channel, const char *what)
{
    struct test_channel *mine = own(channel);
    struct buf *trace = &mine->client->world->trace;
    buf_printf(trace, "%c%u %s", mine->client->letter, channel->number, what);
    return trace;
}

static void trace_message(struct buf *trace, const struct message *message, struct slice properties,
                          bool show_headers)
{
    buf_printf(trace, " key=%.*s body=%.*s", SLICE_FMT(message_key(message)),
               SLICE_FMT(message_body(message)));
    struct slice headers;
    if (!show_headers || !properties_find(properties, PROPERTY_HEADERS, &headers))
        return;
    buf_add_str(trace, " ");
    trace_table(trace, headers);
}

static void on_deliver(struct channel *channel, struct slice tag, const struct delivery *delivery)
{
    struct buf *trace = line(channel, "deliver");
    buf_printf(trace, " %.*s #%" PRIu64, SLICE_FMT(tag), delivery->tag);
    trace_message(trace, delivery->message, delivery->properties,
                  own(channel)->client->world->show_headers);
    buf_add_str(trace, delivery->redelivered ? " redelivered\n" : "\n");
}

static void on_returned(struct channel *channel, struct message *message, uint16_t code,
                        const char *text)
{
    struct buf *trace = line(channel, "return");
    buf_printf(trace, " %u %s", code, text);
    trace_message(trace, message, message_properties(message), false);
    buf_add_str(trace, "\n");
}

static void on_confirmed(struct channel *channel, uint64_t tag, bool multiple, bool is_nack)
{
    struct buf *trace = line(channel, "confirm");
    buf_printf(trace, " %" PRIu64 "%s%s\n", tag, multiple ? " multiple" : "",
               is_nack ? " nack" : "");
}

static void on_cancelled(struct channel *channel, struct slice tag)
{
    buf_printf(line(channel, "cancelled"), " %.*s\n", SLICE_FMT(tag));
}

static void on_failed(struct channel *channel, const struct reply *reply)
{
    buf_printf(line(channel, "failed"), " %d %s\n", reply->code, reply->text);
}

static const struct channel_ops channel_ops = {
    .deliver = on_deliver,
    .returned = on_returned,
    .confirmed = on_confirmed,
    .cancelled = on_cancelled,
    .failed = on_failed,
};

static struct test_client *client_of(struct connection *connection)
{
    return CONTAINER_OF(connection, struct test_client, base);
}

static void on_close(struct connection *connection, const struct reply *reply)
{
    struct test_client *client = client_of(connection);
    buf_printf(&client->world->trace, "%c close %d %s\n", client->letter, reply->code, reply->text);
    while (!list_empty(&connection->channels))
        test_channel_close(own(LIST_FIRST(&connection->channels, struct channel, connection_link)));
    connection_release(connection);
}

static void on_blocked(struct connection *connection, const char *reason)
{
    struct test_client *client = client_of(connection);
    buf_printf(&client->world->trace, "%c blocked %s\n", client->letter, reason);
}

static void on_unblocked(struct connection *connection)
{
    struct test_client *client = client_of(connection);
    buf_printf(&client->world->trace, "%c unblocked\n", client->letter);
}

static void on_durable(struct connection *connection)
{
    (void)connection;
}

static const struct connection_ops connection_ops = {
    .close = on_close,
    .blocked = on_blocked,
    .unblocked = on_unblocked,
    .durable = on_durable,
};

/* -- the world -- */

static void start(struct world *world)
{
    struct store_options options = {
        .directory = world->vfs ? "/bilby" : NULL,
        .vfs = world->vfs,
        .manual = true,
        .pending_bytes_max = 1u << 30,
    };
    broker_store_options(&options);
    char message[512] = "";
    enum err error = store_open(&world->store, &options, message, sizeof message);
    ck_assert_msg(error == ERR_OK, "%s", message);
    world->broker = broker_new(&world->options, world->store);
    broker_set_time(world->broker, world->now_ms, world->wall_ms);
    error = broker_start(world->broker, message, sizeof message);
    ck_assert_msg(error == ERR_OK, "%s", message);
}

void world_open(struct world *world)
{
    broker_options_init(&world->options);
    world->options.seed[0] = 7;
    if (world->queue_memory)
        world->options.queue_memory = world->queue_memory;
    world->now_ms = 1000;
    world->wall_ms = START_WALL_MS;
    start(world);
    world_turn(world);
}

static void write_all(struct world *world)
{
    for (int round = 0; round < 3; round++) {
        store_write(store_node(world->store));
        LIST_EACH(&world->broker->vhost_list, node) {
            struct vhost *vhost = CONTAINER_OF(node, struct vhost, broker_link);
            store_write(vhost->db);
            store_read(vhost->db);
        }
        broker_collect(world->broker);
        while (broker_dispatch(world->broker)) {
        }
        broker_settle(world->broker);
    }
}

static void assert_queues(struct world *world)
{
    LIST_EACH(&world->broker->vhost_list, vhost_node) {
        struct vhost *vhost = CONTAINER_OF(vhost_node, struct vhost, broker_link);
        HMAP_EACH(&vhost->queues, node)
            queue_assert(CONTAINER_OF(node, struct queue, node));
    }
}

void world_turn_without_disk(struct world *world)
{
    while (broker_dispatch(world->broker)) {
    }
    broker_settle(world->broker);
    assert_queues(world);
}

void world_turn(struct world *world)
{
    world_turn_without_disk(world);
    write_all(world);
}

void world_wait(struct world *world, int64_t ms)
{
    world->now_ms += ms;
    world->wall_ms += ms;
    broker_set_time(world->broker, world->now_ms, world->wall_ms);
    broker_run_timers(world->broker);
    world_turn(world);
}

void world_expect(struct world *world, const char *text)
{
    ck_assert_str_eq(buf_cstr(&world->trace), text);
    buf_clear(&world->trace);
}

static void drop_clients(struct world *world)
{
    while (!list_empty(&world->broker->connections))
        client_close(
            client_of(LIST_FIRST(&world->broker->connections, struct connection, broker_link)));
}

void world_crash(struct world *world)
{
    store_crash(world->store);
    /* The old process is gone: its memory is given up without touching the store. */
    world->broker->shutting_down = true;
    LIST_EACH(&world->broker->vhost_list, node)
        CONTAINER_OF(node, struct vhost, broker_link)->closing = true;
    drop_clients(world);
    broker_free(world->broker);
    buf_clear(&world->trace);
    start(world);
}

void world_restart(struct world *world)
{
    drop_clients(world);
    broker_stop(world->broker);
    store_close(world->store);
    broker_free(world->broker);
    buf_clear(&world->trace);
    start(world);
}

void world_close(struct world *world)
{
    drop_clients(world);
    broker_stop(world->broker);
    store_close(world->store);
    broker_free(world->broker);
    buf_fini(&world->trace);
}

struct vhost *world_vhost(struct world *world)
{
    return vhost_find(world->broker, slice_str("/"));
}

struct queue *world_queue(struct world *world, const char *name)
{
    return queue_find(world_vhost(world), slice_str(name));
}

/* -- clients -- */

struct test_client *client_open(struct world *world, char letter)
{
    return client_open_in(world, letter, "/");
}

struct test_client *client_open_in(struct world *world, char letter, const char *vhost)
{
    struct test_client *client = MEM_NEW(struct test_client);
    client->world = world;
    client->letter = letter;
    connection_init(&client->base, &connection_ops, world->broker, "test");
    client->base.user = access_login(world->broker->access, slice_str("guest"), slice_str("guest"));
    ck_assert_ptr_nonnull(client->base.user);
    user_ref(client->base.user);
    struct reply reply;
    bool opened = connection_open_vhost(&client->base, slice_str(vhost), &reply);
    ck_assert_msg(opened, "%s", reply.text);
    return client;
}

void client_close(struct test_client *client)
{
    while (!list_empty(&client->base.channels))
        test_channel_close(
            own(LIST_FIRST(&client->base.channels, struct channel, connection_link)));
    connection_fini(&client->base);
    mem_free(client);
}

struct test_channel *client_channel(struct test_client *client, uint16_t number)
{
    struct test_channel *channel = MEM_NEW(struct test_channel);
    channel->client = client;
    channel_init(&channel->base, &channel_ops, &client->base, number);
    return channel;
}

void test_channel_close(struct test_channel *channel)
{
    channel_fini(&channel->base);
    mem_free(channel);
}

static bool do_declare(struct test_client *client, const char *name, bool durable,
                       struct slice arguments)
{
    struct queue_declare declare = {
        .name = slice_str(name), .durable = durable, .arguments = arguments};
    struct queue *queue;
    return queue_declare(&client->base, &declare, &queue, &client->world->reply);
}

bool declare(struct test_client *client, const char *queue, struct slice arguments)
{
    return do_declare(client, queue, false, arguments);
}

bool declare_durable(struct test_client *client, const char *queue, struct slice arguments)
{
    return do_declare(client, queue, true, arguments);
}

bool declare_exchange(struct test_client *client, const char *name, const char *type)
{
    struct exchange_declare declare = {
        .name = slice_str(name), .type = slice_str(type), .durable = true};
    return exchange_declare(&client->base, &declare, &client->world->reply);
}

bool bind_queue(struct test_client *client, const char *exchange, const char *queue,
                const char *key)
{
    struct bind bind = {
        .source = slice_str(exchange), .destination = slice_str(queue), .key = slice_str(key)};
    return exchange_bind(&client->base, &bind, &client->world->reply);
}

static void set_text(struct properties *properties, enum property id, const char *text)
{
    if (text)
        properties_set(properties, id, slice_str(text));
}

static void encode(struct buf *out, const struct test_properties *given)
{
    struct properties properties = {0};
    uint8_t mode = 2;
    uint8_t priority = (uint8_t)given->priority;
    if (given->persistent)
        properties_set(&properties, PROPERTY_DELIVERY_MODE, slice_of(&mode, 1));
    if (given->priority)
        properties_set(&properties, PROPERTY_PRIORITY, slice_of(&priority, 1));
    if (given->headers.len)
        properties_set(&properties, PROPERTY_HEADERS, given->headers);
    set_text(&properties, PROPERTY_EXPIRATION, given->expiration);
    set_text(&properties, PROPERTY_REPLY_TO, given->reply_to);
    set_text(&properties, PROPERTY_USER_ID, given->user_id);
    properties_encode(out, &properties);
}

bool publish_with(struct test_channel *channel, const char *exchange, const char *key,
                  const char *body, const struct test_properties *properties, bool mandatory)
{
    struct world *world = channel->client->world;
    struct buf encoded = BUF_INIT;
    encode(&encoded, properties);
    struct message *message = message_new(world->broker, slice_str(exchange), slice_str(key),
                                          buf_slice(&encoded), strlen(body));
    memcpy(message_body_bytes(message), body, strlen(body));
    buf_fini(&encoded);
    struct publish publish = {.exchange = slice_str(exchange),
                              .key = slice_str(key),
                              .mandatory = mandatory,
                              .message = message};
    return channel_publish(&channel->base, &publish, &world->reply);
}

bool publish(struct test_channel *channel, const char *exchange, const char *key, const char *body)
{
    struct test_properties persistent = {.persistent = true};
    return publish_with(channel, exchange, key, body, &persistent, false);
}

bool consume_with(struct test_channel *channel, const char *queue, const char *tag, bool no_ack,
                  bool exclusive, struct slice arguments)
{
    struct consume consume = {.queue = slice_str(queue),
                              .tag = slice_str(tag),
                              .no_ack = no_ack,
                              .exclusive = exclusive,
                              .arguments = arguments};
    struct slice given;
    return channel_consume(&channel->base, &consume, &given, &channel->client->world->reply);
}

bool consume(struct test_channel *channel, const char *queue, const char *tag, bool no_ack)
{
    return consume_with(channel, queue, tag, no_ack, false, slice_of(NULL, 0));
}

void get(struct test_channel *channel, const char *queue, bool no_ack)
{
    struct world *world = channel->client->world;
    struct delivery delivery;
    uint32_t left;
    bool good =
        channel_get(&channel->base, slice_str(queue), no_ack, &delivery, &left, &world->reply);
    ck_assert_msg(good, "%s", world->reply.text);
    if (!delivery.message) {
        buf_add_str(line(&channel->base, "get-empty"), "\n");
        return;
    }
    struct buf *trace = line(&channel->base, "get");
    buf_printf(trace, " #%" PRIu64, delivery.tag);
    trace_message(trace, delivery.message, message_properties(delivery.message),
                  world->show_headers);
    buf_printf(trace, " left=%u%s\n", left, delivery.redelivered ? " redelivered" : "");
    message_unref(delivery.message);
}

bool ack(struct test_channel *channel, uint64_t tag, bool multiple)
{
    return channel_ack(&channel->base, tag, multiple, &channel->client->world->reply);
}

bool nack(struct test_channel *channel, uint64_t tag, bool multiple, bool requeue)
{
    return channel_nack(&channel->base, tag, multiple, requeue, &channel->client->world->reply);
}

void prefetch(struct test_channel *channel, uint16_t count, bool global)
{
    struct world *world = channel->client->world;
    ck_assert(channel_set_prefetch(&channel->base, count, global, &world->reply));
}

void expect_error(struct world *world, const char *text)
{
    ck_assert_str_eq(world->reply.text, text);
    world->reply.text[0] = '\0';
}
