/* SPDX-License-Identifier: Apache-2.0 */
/* Messages per CPU second through codec, session and broker, without sockets and disk: one client
 * publishes 100 bytes a time, another consumes. And the codec alone: the inline one against the
 * table's.
 */
#include "base/buf.h"
#include "base/check.h"
#include "broker/broker.h"
#include "proto/basic.h"
#include "proto/method.h"
#include "session/amqp_connection.h"
#include "storage/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define MESSAGES 1000000
#define BURST 500 /* publishes a turn */
#define BODY 100

struct client {
    struct amqp_connection *amqp;
    struct buf input;
    uint64_t received; /* bytes */
};

struct world {
    struct store *store;
    struct broker *broker;
    struct client publisher;
    struct client consumer;
    int64_t now_ms;
};

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void report(const char *what, double seconds, uint64_t count)
{
    printf("%-44s %7.0f ns each, %6.2f million a second\n", what, seconds / (double)count * 1e9,
           (double)count / seconds / 1e6);
}

/* -- codec -- */

static void bench_codec(void)
{
    struct buf frame = BUF_INIT;
    struct method method = {.kind = METHOD_BASIC_PUBLISH};
    struct reply reply;
    uint64_t sum = 0;
    method.basic_publish.exchange = slice_str("amq.topic");
    method.basic_publish.routing_key = slice_str("rentals.eu.france.paris");
    method_frame_add(&frame, 1, &method);
    struct slice payload = slice_of(frame.data + FRAME_HEADER_SIZE, frame.len - FRAME_OVERHEAD);
    double start = cpu_seconds();
    for (unsigned i = 0; i < 10 * MESSAGES; i++) {
        bool good = method_decode(&method, payload, &reply);
        CHECK(good);
        sum += method.basic_publish.routing_key.len;
    }
    report("basic.publish decoded by the table", cpu_seconds() - start, 10 * MESSAGES);
    start = cpu_seconds();
    for (unsigned i = 0; i < 10 * MESSAGES; i++) {
        __asm__ volatile("" : : "r"(payload.data) : "memory");
        bool good = basic_publish_decode(&method.basic_publish, payload);
        CHECK(good);
        sum += method.basic_publish.routing_key.len;
    }
    report("basic.publish decoded inline", cpu_seconds() - start, 10 * MESSAGES);
    CHECK(sum > 0);
    buf_fini(&frame);
}

/* -- conversation -- */

static void note_wake(void *context)
{
    (void)context;
}

static void collect(struct client *client)
{
    if (!client->amqp)
        return;
    struct outq *output = amqp_connection_output(client->amqp);
    struct slice runs[16];
    size_t count;
    (void)amqp_connection_wishes(client->amqp);
    while ((count = outq_peek(output, runs, ARRAY_LEN(runs))) > 0) {
        uint64_t bytes = 0;
        for (size_t i = 0; i < count; i++)
            bytes += runs[i].len;
        outq_drain(output, bytes);
        client->received += bytes;
    }
    amqp_connection_written(client->amqp);
}

static void feed(struct client *client)
{
    if (!client->input.len)
        return;
    size_t used = amqp_connection_feed(client->amqp, buf_slice(&client->input));
    buf_drain(&client->input, used);
}

static void turn(struct world *world)
{
    world->now_ms++;
    broker_set_time(world->broker, world->now_ms, world->now_ms);
    store_write(store_node(world->store));
    broker_collect(world->broker);
    broker_run_timers(world->broker);
    feed(&world->publisher);
    feed(&world->consumer);
    while (broker_dispatch(world->broker))
        ;
    broker_settle(world->broker);
    collect(&world->publisher);
    collect(&world->consumer);
}

static void send(struct client *client, uint16_t channel, const struct method *method)
{
    method_frame_add(&client->input, channel, method);
}

static void log_in(struct world *world, struct client *client)
{
    struct amqp_peer peer = {.name = "bench", .loopback = true};
    struct amqp_owner owner = {note_wake, client};
    client->amqp = amqp_connection_new(world->broker, &peer, &owner);
    buf_add(&client->input, PROTOCOL_HEADER_0_9_1, PROTOCOL_HEADER_SIZE);
    struct method method = {.kind = METHOD_CONNECTION_START_OK};
    method.connection_start_ok.mechanism = slice_str("PLAIN");
    method.connection_start_ok.response = slice_of("\0guest\0guest", 12);
    send(client, 0, &method);
    send(client, 0,
         &(struct method){.kind = METHOD_CONNECTION_TUNE_OK,
                          .connection_tune_ok = {2047, 131072, 0}});
    method = (struct method){.kind = METHOD_CONNECTION_OPEN};
    method.connection_open.virtual_host = slice_str("/");
    send(client, 0, &method);
    send(client, 1, &(struct method){.kind = METHOD_CHANNEL_OPEN});
    turn(world);
}

static void open_world(struct world *world, bool no_ack)
{
    char message[256];
    struct broker_options options;
    broker_options_init(&options);
    struct store_options store = {.manual = true, .pending_bytes_max = 1 << 30};
    broker_store_options(&store);
    enum err error = store_open(&world->store, &store, message, sizeof(message));
    CHECK(error == ERR_OK);
    world->broker = broker_new(&options, world->store);
    error = broker_start(world->broker, message, sizeof(message));
    CHECK(error == ERR_OK);
    log_in(world, &world->publisher);
    log_in(world, &world->consumer);
    struct method method = {.kind = METHOD_QUEUE_DECLARE};
    method.queue_declare.queue = slice_str("q");
    send(&world->consumer, 1, &method);
    method = (struct method){.kind = METHOD_BASIC_CONSUME};
    method.basic_consume.queue = slice_str("q");
    method.basic_consume.no_ack = no_ack;
    send(&world->consumer, 1, &method);
    turn(world);
}

static void close_world(struct world *world)
{
    amqp_connection_free(world->publisher.amqp, "done");
    amqp_connection_free(world->consumer.amqp, "done");
    buf_fini(&world->publisher.input);
    buf_fini(&world->consumer.input);
    broker_stop(world->broker);
    broker_free(world->broker);
    store_close(world->store);
}

static void add_publish(struct buf *out)
{
    static const uint8_t body[BODY];
    struct method method = {.kind = METHOD_BASIC_PUBLISH};
    struct slice properties = slice_of("\0\0", 2);
    method.basic_publish.routing_key = slice_str("q");
    method_frame_add(out, 1, &method);
    size_t size = content_header_size(properties) + content_body_size(BODY, 131072);
    uint8_t *at = buf_reserve(out, size);
    at = content_header_write(at, 1, BODY, properties);
    content_body_write(at, 1, slice_of(body, BODY), 131072);
    out->len += size;
}

static void bench_flow(const char *what, bool no_ack)
{
    struct world world = {0};
    struct buf burst = BUF_INIT;
    uint64_t tag = 0;
    open_world(&world, no_ack);
    for (unsigned i = 0; i < BURST; i++)
        add_publish(&burst);
    double start = cpu_seconds();
    for (unsigned sent = 0; sent < MESSAGES; sent += BURST) {
        buf_add_slice(&world.publisher.input, buf_slice(&burst));
        turn(&world);
        for (unsigned i = 0; !no_ack && i < BURST; i++)
            send(&world.consumer, 1,
                 &(struct method){.kind = METHOD_BASIC_ACK, .basic_ack = {.delivery_tag = ++tag}});
    }
    turn(&world);
    report(what, cpu_seconds() - start, MESSAGES);
    CHECK(world.consumer.received > (uint64_t)MESSAGES * BODY);
    buf_fini(&burst);
    close_world(&world);
}

int main(void)
{
    bench_codec();
    bench_flow("published, delivered without ack", true);
    bench_flow("published, delivered, acknowledged", false);
    return 0;
}
