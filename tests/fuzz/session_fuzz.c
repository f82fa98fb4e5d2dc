/* SPDX-License-Identifier: Apache-2.0 */
/* Whole conversations with a whole broker: the input is a script of what two clients, the clock, the
 * disk and the operator do. What the broker sends must always be well-formed frames, and when all that
 * a script made is deleted nothing may be left over: no message, no timer, no lane. Then the broker
 * serves the next script (fuzz_world.h).
 *
 * A script is a row of steps: one byte that says what to do (its lowest bit: which client), one that
 * says how many bytes follow for it, those bytes.
 */
#include "base/buf.h"
#include "base/check.h"
#include "broker/vhost.h"
#include "proto/basic.h"
#include "proto/method.h"
#include "proto/properties.h"
#include "session/amqp_connection.h"
#include "tests/fuzz/fuzz_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS 2
#define STEPS_MAX 400
#define SCRIPTS_PER_BROKER 5000

struct client {
    struct amqp_connection *amqp;
    struct buf input;
    struct buf output;
    bool preface_seen; /* the broker answers a wrong protocol header with eight bytes, no frame */
    bool stuck;
};

struct world {
    struct fuzz_world *base;
    struct client clients[CLIENTS];
};

/* -- the broker's output -- */

static void check_frame(const struct frame *frame)
{
    struct method method;
    struct content_header header;
    struct properties properties;
    struct reply error;
    switch (frame->type) {
    case FRAME_METHOD:
        CHECK(method_decode(&method, frame->payload, &error));
        CHECK(method_info(method.kind)->flags & METHOD_BY_SERVER);
        break;
    case FRAME_HEADER:
        CHECK(content_header_parse(&header, frame->payload, &error));
        CHECK(properties_parse(&properties, header.properties, &error));
        break;
    default:
        CHECK(frame->type == FRAME_BODY || frame->type == FRAME_HEARTBEAT);
    }
}

static void check_output(struct client *client)
{
    struct frame frame;
    struct reply error;
    struct slice rest = buf_slice(&client->output);
    enum frame_status status = FRAME_PARTIAL;
    if (!client->preface_seen && rest.len >= 4) {
        client->preface_seen = true;
        if (memcmp(rest.data, "AMQP", 4) == 0) {
            buf_clear(&client->output);
            return;
        }
    }
    while ((status = frame_parse(rest, UINT32_MAX / 2, &frame, &error)) == FRAME_WHOLE) {
        check_frame(&frame);
        rest = slice_of(rest.data + frame.size, rest.len - frame.size);
    }
    CHECK(status == FRAME_PARTIAL);
    buf_drain(&client->output, client->output.len - rest.len);
}

/* -- the turn -- */

static void drop(struct client *client)
{
    if (client->amqp)
        amqp_connection_free(client->amqp, "dropped");
    client->amqp = NULL;
    buf_clear(&client->input);
    buf_clear(&client->output);
}

static void feed(struct client *client)
{
    if (!client->amqp || !client->input.len)
        return;
    size_t used = amqp_connection_feed(client->amqp, buf_slice(&client->input));
    CHECK(used <= client->input.len);
    buf_drain(&client->input, used);
}

static void collect(struct client *client)
{
    if (!client->amqp)
        return;
    struct outq *output = amqp_connection_output(client->amqp);
    struct amqp_wishes wishes = amqp_connection_wishes(client->amqp);
    struct slice run;
    while (!client->stuck && outq_peek(output, &run, 1)) {
        buf_add_slice(&client->output, run);
        outq_drain(output, run.len);
        amqp_connection_written(client->amqp);
    }
    check_output(client);
    if (wishes.abort || (wishes.close && outq_len(output) == 0))
        drop(client);
}

static void turn(struct world *world)
{
    fuzz_world_begin_turn(world->base);
    for (size_t i = 0; i < CLIENTS; i++)
        feed(&world->clients[i]);
    fuzz_world_end_turn(world->base);
    for (size_t i = 0; i < CLIENTS; i++)
        collect(&world->clients[i]);
}

/* -- steps -- */

static void note_wake(void *context)
{
    (void)context;
}

static void connect(struct world *world, struct client *client)
{
    struct amqp_peer peer = {.name = "fuzz", .loopback = true, .tls_login = "guest"};
    struct amqp_owner owner = {note_wake, client};
    drop(client);
    client->preface_seen = false;
    client->stuck = false;
    client->amqp = amqp_connection_new(world->base->broker, &peer, &owner);
}

static void send(struct client *client, uint16_t channel, const struct method *method)
{
    method_frame_add(&client->input, channel, method);
}

static void log_in(struct world *world, struct client *client)
{
    connect(world, client);
    buf_add(&client->input, PROTOCOL_HEADER_0_9_1, PROTOCOL_HEADER_SIZE);
    struct slice properties =
        slice_of("\014capabilitiesF\0\0\0\31\026consumer_cancel_notifyt\1", 43);
    struct method method = {.kind = METHOD_CONNECTION_START_OK};
    method.connection_start_ok.client_properties = properties;
    method.connection_start_ok.mechanism = slice_str("PLAIN");
    method.connection_start_ok.response = slice_of("\0guest\0guest", 12);
    send(client, 0, &method);
    method = (struct method){.kind = METHOD_CONNECTION_TUNE_OK};
    method.connection_tune_ok.channel_max = 8;
    method.connection_tune_ok.frame_max = 4096;
    method.connection_tune_ok.heartbeat = 20;
    send(client, 0, &method);
    method = (struct method){.kind = METHOD_CONNECTION_OPEN};
    method.connection_open.virtual_host = slice_str("/");
    send(client, 0, &method);
    send(client, 1, &(struct method){.kind = METHOD_CHANNEL_OPEN});
}

/* Bytes as the payload of a frame, so that the fuzzer needn't count: type, channel, payload. */
static void send_frame(struct client *client, struct slice bytes)
{
    if (bytes.len < 2)
        return;
    buf_add_u8(&client->input, bytes.data[0]);
    buf_add_u16(&client->input, bytes.data[1]);
    buf_add_u32(&client->input, (uint32_t)bytes.len - 2);
    buf_add(&client->input, bytes.data + 2, bytes.len - 2);
    buf_add_u8(&client->input, FRAME_END);
}

/* A whole publish: channel, property byte, key; the rest is the body. */
static void publish(struct client *client, struct slice bytes)
{
    static const char *const keys[] = {"q", "r", "", "a.b"};
    static const char *const exchanges[] = {"", "amq.topic", "x", "amq.headers"};
    if (bytes.len < 3)
        return;
    uint8_t choice = bytes.data[1];
    struct slice body = slice_of(bytes.data + 3, bytes.len - 3);
    struct slice properties = choice & 0x80 ? slice_of("\x10\0\2", 3) : slice_of("\0\0", 2);
    struct method method = {.kind = METHOD_BASIC_PUBLISH};
    method.basic_publish.exchange = slice_str(exchanges[choice & 3]);
    method.basic_publish.routing_key = slice_str(keys[choice >> 2 & 3]);
    method.basic_publish.mandatory = choice & 0x40;
    send(client, bytes.data[0], &method);
    size_t size = content_header_size(properties) + content_body_size(body.len, 4096);
    uint8_t *out = buf_reserve(&client->input, size);
    out = content_header_write(out, bytes.data[0], body.len, properties);
    content_body_write(out, bytes.data[0], body, 4096);
    client->input.len += size;
}

/* A publish whose content comes in pieces: channel, size of a piece, after which piece a heartbeat
 * comes between; the rest is the body. */
static void publish_in_pieces(struct client *client, struct slice bytes)
{
    if (bytes.len < 3)
        return;
    uint8_t channel = bytes.data[0];
    size_t most = bytes.data[1] ? bytes.data[1] : 1;
    struct slice body = slice_of(bytes.data + 3, bytes.len - 3);
    struct slice properties = slice_of("\0\0", 2);
    struct method method = {.kind = METHOD_BASIC_PUBLISH};
    method.basic_publish.routing_key = slice_str("q");
    send(client, channel, &method);
    uint8_t *out = buf_reserve(&client->input, content_header_size(properties));
    content_header_write(out, channel, body.len, properties);
    client->input.len += content_header_size(properties);
    for (size_t piece = 0; body.len; piece++) {
        size_t len = body.len < most ? body.len : most;
        if (piece == bytes.data[2])
            buf_add(&client->input, "\10\0\0\0\0\0\0\316", 8);
        out = buf_reserve(&client->input, len + FRAME_OVERHEAD);
        content_body_write(out, channel, slice_of(body.data, len), 4096);
        client->input.len += len + FRAME_OVERHEAD;
        body = slice_of(body.data + len, body.len - len);
    }
}

static void step(struct world *world, uint8_t what, struct slice bytes)
{
    struct client *client = &world->clients[what & 1];
    uint8_t first = bytes.len ? bytes.data[0] : 0;
    switch (what >> 1 & 15) {
    case 0:
        connect(world, client);
        break;
    case 1:
        log_in(world, client);
        break;
    case 2:
        buf_add_slice(&client->input, bytes);
        break;
    case 3:
        publish(client, bytes);
        break;
    case 4:
        world->base->now_ms += (int64_t)first * 100;
        break;
    case 5:
        drop(client);
        break;
    case 6:
        world->base->disk_stalls = first & 1;
        break;
    case 7:
        broker_set_alarm(world->base->broker, ALARM_DISK, first & 1);
        break;
    case 8:
        client->stuck = first & 1;
        break;
    case 9:
        broker_close_connections(world->base->broker, "enough");
        break;
    case 15:
        publish_in_pieces(client, bytes);
        break;
    default:
        send_frame(client, bytes);
    }
    turn(world);
    if ((what >> 1 & 15) == 1) /* else all scripts would look at nothing but the handshake */
        CHECK(vhost_find(world->base->broker, slice_str("/"))->connection_count > 0);
}

/* -- the whole -- */

static void run(struct world *world, struct slice script)
{
    size_t at = 0;
    for (size_t steps = 0; steps < STEPS_MAX && at + 2 <= script.len; steps++) {
        size_t len = script.data[at + 1];
        if (len > script.len - at - 2)
            len = script.len - at - 2;
        step(world, script.data[at], slice_of(script.data + at + 2, len));
        at += 2 + len;
    }
}

static void end(struct world *world)
{
    world->base->disk_stalls = false;
    for (size_t i = 0; i < CLIENTS; i++) {
        drop(&world->clients[i]);
        buf_fini(&world->clients[i].input);
        buf_fini(&world->clients[i].output);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_world *base;
    if (!base)
        base = fuzz_world_new();
    struct world world = {.base = base};
    run(&world, slice_of(data, size));
    end(&world);
    fuzz_world_reset(base);
    if (base->inputs == SCRIPTS_PER_BROKER) {
        fuzz_world_free(base);
        base = NULL;
    }
    return 0;
}
