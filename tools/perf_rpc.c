/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and replies over direct reply-to: each producer is a client that keeps --in-flight
 * requests on the way, each consumer a server on the one queue. A reply echoes its request's body,
 * so a client knows which of its requests was answered, and when it had sent it.
 */
#include "base/mem.h"
#include "proto/basic.h"
#include "proto/properties.h"
#include "tools/perf_publish.h"
#include "tools/perf_run.h"
#include "tools/perf_setup.h"

#define REPLY_QUEUE "amq.rabbitmq.reply-to"

struct rpc_client {
    struct perf_link link;
    struct rpc *rpc;
    uint32_t index;
    uint64_t sent;
    uint64_t answered;
    bool ready;
};

struct rpc_server {
    struct perf_link link;
    struct rpc *rpc;
    uint32_t answers_due;
    bool ready;
};

struct rpc {
    struct perf_run *run;
    struct perf_templates templates;
    struct rpc_client *clients;
    struct rpc_server *servers;
    uint8_t *body; /* of replies: options->size bytes, the stamp in front is patched */
    uint32_t closed;
    bool started;
};

/* ---- clients ---- */

static void send_consume(struct perf_link *link, const char *queue, bool no_ack)
{
    struct method method = {.kind = METHOD_BASIC_CONSUME,
                            .basic_consume = {.queue = slice_str(queue),
                                              .consumer_tag = slice_str("0"),
                                              .no_ack = no_ack}};
    perf_link_send(link, 1, &method);
    perf_link_wake(link);
}

static void client_ready(struct perf_link *link)
{
    send_consume(link, REPLY_QUEUE, true);
}

static void client_method(struct perf_link *link, struct perf_channel *channel,
                          const struct method *method)
{
    struct rpc_client *client = link->owner;
    (void)channel;
    if (method->kind == METHOD_BASIC_CONSUME_OK)
        client->ready = true;
}

static bool client_may_ask(const struct rpc_client *client)
{
    const struct perf_run *run = client->rpc->run;
    const struct perf_options *o = run->options;
    return client->rpc->started && !run->stopping &&
           client->sent - client->answered < o->in_flight &&
           (o->producer_messages == 0 || client->sent < o->producer_messages);
}

static void client_fill(struct perf_link *link)
{
    struct rpc_client *client = link->owner;
    struct perf_run *run = client->rpc->run;
    int64_t now_ns = perf_clock_ns();
    while (client_may_ask(client) && outq_len(&link->out) < PERF_FILL_BELOW) {
        struct perf_stamp stamp = {.run = run->ledger.run,
                                   .stream = client->index,
                                   .sequence = client->sent++,
                                   .time_ns = (uint64_t)now_ns};
        perf_template_add(&client->rpc->templates, 0, 1, &stamp, &link->out);
        run->counts.published++;
        run->published_ns = now_ns;
    }
}

static void client_message(struct perf_link *link, struct perf_channel *channel)
{
    struct rpc_client *client = link->owner;
    struct perf_run *run = client->rpc->run;
    struct perf_stamp stamp;
    if (!perf_stamp_read(&stamp, channel->head, channel->head_len) ||
        stamp.run != run->ledger.run || stamp.stream != client->index) {
        run->misrouted++;
        return;
    }
    /* Several servers may answer out of order: only once and all of them is what is checked. */
    struct perf_receipt receipt = {.queue = client->index,
                                   .redelivered = run->options->consumers > 1};
    perf_ledger_note(&run->ledger, &receipt, &stamp);
    client->answered++;
    run->counts.delivered++;
    run->delivered_ns = run->loop.now_ns;
    perf_run_latency(run, perf_stamp_age(&stamp, run->loop.now_ns));
}

static void link_closed(struct perf_link *link)
{
    struct rpc_client *client = link->owner;
    client->rpc->closed++;
}

/* ---- servers ---- */

static void server_ready(struct perf_link *link)
{
    struct rpc_server *server = link->owner;
    const struct perf_options *o = server->rpc->run->options;
    struct method qos = {.kind = METHOD_BASIC_QOS,
                         .basic_qos = {.prefetch_count = (uint16_t)o->prefetch}};
    server->answers_due = 1;
    if (o->prefetch) {
        perf_link_send(link, 1, &qos);
        server->answers_due++;
    }
    send_consume(link, o->queue, o->auto_ack);
}

static void server_method(struct perf_link *link, struct perf_channel *channel,
                          const struct method *method)
{
    struct rpc_server *server = link->owner;
    (void)channel;
    (void)method;
    server->ready = --server->answers_due == 0;
}

/* The frames of a publish to the default exchange. */
static void add_reply(struct perf_link *link, struct slice reply_to, struct slice correlation_id,
                      struct slice body)
{
    uint8_t properties[2 + 1 + 255];
    uint8_t *end = wire_u16_write(properties, 0x8000u >> PROPERTY_CORRELATION_ID);
    end = wire_shortstr_write(end, correlation_id);
    struct slice encoded = slice_of(properties, (size_t)(end - properties));
    size_t publish = 4 + 2 + 1 + 1 + reply_to.len + 1;
    size_t size = publish + FRAME_OVERHEAD + content_header_size(encoded) +
                  content_body_size(body.len, link->frame_max);
    uint8_t *out = outq_reserve(&link->out, size);
    out = frame_header_write(out, FRAME_METHOD, 1, (uint32_t)publish);
    out = wire_u32_write(out, BASIC_PUBLISH_ID);
    out = wire_u16_write(out, 0);
    out = wire_u8_write(out, 0);
    out = wire_shortstr_write(out, reply_to);
    out = wire_u8_write(out, 0);
    out = wire_u8_write(out, FRAME_END);
    out = content_header_write(out, 1, body.len, encoded);
    content_body_write(out, 1, body, link->frame_max);
    outq_commit(&link->out, size);
}

static void server_message(struct perf_link *link, struct perf_channel *channel)
{
    struct rpc_server *server = link->owner;
    struct rpc *rpc = server->rpc;
    struct properties properties;
    struct reply error;
    if (!properties_parse(&properties, buf_slice(&channel->properties), &error)) {
        perf_loop_fail(&rpc->run->loop, "a request with bad properties: %s", error.text);
        return;
    }
    memcpy(rpc->body, channel->head, PERF_STAMP_SIZE);
    add_reply(link, properties_get(&properties, PROPERTY_REPLY_TO),
              properties_get(&properties, PROPERTY_CORRELATION_ID),
              slice_of(rpc->body, rpc->run->options->size));
    if (rpc->run->options->auto_ack)
        return;
    uint8_t *out = outq_reserve(&link->out, BASIC_ACK_FRAME_SIZE);
    basic_ack_write(out, 1, channel->tag, false);
    outq_commit(&link->out, BASIC_ACK_FRAME_SIZE);
}

static void server_closed(struct perf_link *link)
{
    struct rpc_server *server = link->owner;
    server->rpc->closed++;
}

/* ---- the run ---- */

static const struct perf_link_ops CLIENT_OPS = {
    .ready = client_ready,
    .fill = client_fill,
    .method = client_method,
    .message = client_message,
    .closed = link_closed,
};

static const struct perf_link_ops SERVER_OPS = {
    .ready = server_ready,
    .method = server_method,
    .message = server_message,
    .closed = server_closed,
};

static void open_links(struct rpc *rpc)
{
    const struct perf_options *o = rpc->run->options;
    rpc->clients = mem_zalloc(o->producers * sizeof(*rpc->clients));
    rpc->servers = mem_zalloc(o->consumers * sizeof(*rpc->servers));
    rpc->body = mem_zalloc(o->size);
    for (uint32_t i = 0; i < o->consumers; i++) {
        struct rpc_server *server = &rpc->servers[i];
        server->rpc = rpc;
        perf_link_init(&server->link, &rpc->run->loop, &rpc->run->peer, &SERVER_OPS, server, 1);
        server->link.keep_properties = true;
        perf_link_open(&server->link);
    }
    for (uint32_t i = 0; i < o->producers; i++) {
        struct rpc_client *client = &rpc->clients[i];
        client->rpc = rpc;
        client->index = i;
        perf_link_init(&client->link, &rpc->run->loop, &rpc->run->peer, &CLIENT_OPS, client, 1);
        perf_link_open(&client->link);
    }
}

static bool all_ready(void *owner)
{
    const struct rpc *rpc = owner;
    const struct perf_options *o = rpc->run->options;
    for (uint32_t i = 0; i < o->consumers; i++)
        if (!rpc->servers[i].ready)
            return false;
    for (uint32_t i = 0; i < o->producers; i++)
        if (!rpc->clients[i].ready)
            return false;
    return true;
}

static bool client_done(const struct rpc_client *client)
{
    const struct perf_run *run = client->rpc->run;
    uint64_t target = run->options->producer_messages;
    bool finished = run->stopping || (target && client->sent == target);
    return finished && client->answered >= client->sent;
}

static bool answers_done(void *owner)
{
    const struct rpc *rpc = owner;
    const struct perf_run *run = rpc->run;
    int64_t silence = run->loop.now_ns - run->delivered_ns;
    bool done = true;
    for (uint32_t i = 0; i < run->options->producers && done; i++)
        done = client_done(&rpc->clients[i]);
    return done || silence > (int64_t)run->options->wait * 1000000000;
}

static bool all_closed(void *owner)
{
    const struct rpc *rpc = owner;
    return rpc->closed == rpc->run->options->producers + rpc->run->options->consumers;
}

static bool leave(struct rpc *rpc)
{
    const struct perf_options *o = rpc->run->options;
    for (uint32_t i = 0; i < o->producers; i++)
        perf_link_close(&rpc->clients[i].link);
    for (uint32_t i = 0; i < o->consumers; i++)
        perf_link_close(&rpc->servers[i].link);
    return perf_run_until_closed(rpc->run, all_closed, rpc);
}

static bool start(struct rpc *rpc)
{
    struct perf_run *run = rpc->run;
    if (!perf_templates_init(&rpc->templates, &run->plan, rpc->clients[0].link.frame_max, 1,
                             REPLY_QUEUE, run->loop.failure, sizeof(run->loop.failure))) {
        run->loop.failed = true;
        return false;
    }
    perf_run_start(run);
    rpc->started = true;
    for (uint32_t i = 0; i < run->options->producers; i++)
        perf_link_wake(&rpc->clients[i].link);
    return true;
}

static bool work(struct rpc *rpc)
{
    struct perf_run *run = rpc->run;
    if (!perf_setup_declare(run))
        return false;
    open_links(rpc);
    if (!perf_run_until(run, all_ready, rpc) || !start(rpc) ||
        !perf_run_until(run, answers_done, rpc))
        return false;
    perf_run_end(run);
    if (!leave(rpc))
        return false;
    for (uint32_t i = 0; i < run->options->producers; i++)
        run->missing += perf_ledger_missing(&run->ledger, i, i, rpc->clients[i].sent);
    return perf_setup_delete(run);
}

bool perf_rpc(struct perf_run *run)
{
    struct rpc rpc = {.run = run};
    bool done = work(&rpc);
    for (uint32_t i = 0; rpc.clients && i < run->options->producers; i++)
        perf_link_fini(&rpc.clients[i].link);
    for (uint32_t i = 0; rpc.servers && i < run->options->consumers; i++)
        perf_link_fini(&rpc.servers[i].link);
    perf_templates_fini(&rpc.templates);
    mem_free(rpc.clients);
    mem_free(rpc.servers);
    mem_free(rpc.body);
    return done;
}
