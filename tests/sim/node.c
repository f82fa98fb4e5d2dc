/* SPDX-License-Identifier: Apache-2.0 */
/* See node.h. The wire's frames are read in tap.c. */
#include "tests/sim/node.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/connection.h"
#include "tests/sim/peek.h"
#include "tests/sim/tap.h"

#include <inttypes.h>
#include <stdio.h>

#define DUE_MAX 4096

/* Pages that were asked for come at once, save in some worlds: where messages expire, the model knows
 * of no waiting. True if there were any. */
static bool read_pages(struct node *node)
{
    if (node->world->lazy_pages || !store_read(node->db))
        return false;
    trace_line(&node->world->trace, "disk: read pages");
    broker_collect(node->broker);
    return true;
}

/* -- time -- */

void node_set_clock(struct node *node, int64_t by_ms)
{
    node->wall_ms += by_ms;
    trace_line(&node->world->trace, "the wall clock jumps by %" PRId64 " ms", by_ms);
}

void node_set_alarm(struct node *node, enum m_alarm alarm, bool on)
{
    static const enum alarm alarms[] = {
        [M_ALARM_MEMORY] = ALARM_MEMORY, [M_ALARM_DISK] = ALARM_DISK};
    CHECK(alarm != M_ALARM_STORE); /* the broker's own */
    model_set_alarm(node->model, alarm, on);
    broker_set_alarm(node->broker, alarms[alarm], on);
    tap_all(node);
}

void node_pass_time(struct node *node, int64_t ms)
{
    node->now_ms += ms;
    node->wall_ms += ms;
    node->world->trace.now_ms = node->now_ms;
}

/* -- wires -- */

void link_free(struct link *link)
{
    buf_fini(&link->network);
    buf_fini(&link->input);
    buf_fini(&link->tap);
    buf_fini(&link->shadow);
}

static void note_wake(void *context)
{
    (void)context;
}

struct link *node_connect(struct node *node, unsigned client)
{
    struct link *link = ARENA_NEW(&node->world->arena, struct link);
    struct amqp_peer peer = {
        .name = arena_printf(&node->world->arena, "client-%u", client),
        .loopback = true,
    };
    struct amqp_owner owner = {.wake = note_wake};
    link->client = client;
    link->amqp = amqp_connection_new(node->broker, &peer, &owner);
    link->connection = LIST_LAST(&node->broker->connections, struct connection, broker_link);
    link->model = model_connect(node->model, client);
    vec_push(&node->world->arena, &node->links, link);
    return link;
}

/* The node has let go of it: what it gave back may be with others already. */
static void forget_link(struct node *node, struct link *link)
{
    node->model->phase = PHASE_INPUT;
    link->amqp = NULL;
    tap_all(node);
    model_disconnected(node->model, link->model);
    model_phase_end(node->model);
}

void node_disconnect(struct node *node, struct link *link, const char *reason)
{
    trace_line(&node->world->trace, "node: client %u is gone: %s", link->client, reason);
    CHECK(vec_remove(&node->links, link));
    if (link->amqp)
        amqp_connection_free(link->amqp, reason);
    forget_link(node, link);
    link_free(link);
}

void link_send(struct node *node, struct link *link, struct m_op *op, const struct buf *bytes)
{
    struct link_op *entry = ARENA_NEW(&node->world->arena, struct link_op);
    buf_add_slice(&link->network, buf_slice(bytes));
    link->sent += bytes->len;
    entry->end = link->sent;
    entry->op = op;
    vec_push(&node->world->arena, &link->ops, entry);
}

/* -- input -- */

/* Feeds up to the end of the next operation; false when the session did not take anything. */
static bool feed_one(struct node *node, struct link *link, size_t *budget)
{
    if (link->ops.count == 0 || link->input.len == 0)
        return false;
    const struct link_op *next = link->ops.at[0];
    size_t len = (size_t)(next->end - link->consumed);
    if (len > link->input.len)
        len = link->input.len;
    if (len > *budget)
        len = *budget;
    *budget -= len;
    link->model->may_publish = link->model->may_publish || next->op->message;
    node_heard(node, link);
    size_t took = amqp_connection_feed(link->amqp, slice_of(link->input.data, len));
    CHECK(took <= len);
    buf_drain(&link->input, took);
    link->consumed += took;
    tap_all(node);
    if (link->consumed < next->end)
        return took > 0;
    vec_remove_at(&link->ops, 0);
    model_apply(node->model, link->model, next->op);
    model_phase_end(node->model);
    return true;
}

static void feed(struct node *node, struct link *link, bool everything)
{
    size_t budget = SIZE_MAX;
    if (!everything)
        budget = world_below(node->world, 3) == 0 ? 1 + world_below(node->world, 40)
                                                  : 1 + world_below(node->world, 3000);
    while (budget > 0 && amqp_connection_wishes(link->amqp).read) {
        if (model_held(node->model, link->model))
            model_fail(node->model, "client %u: is read from during an alarm", link->client);
        if (!feed_one(node, link, &budget))
            break;
    }
}

static void feed_all(struct node *node, bool everything)
{
    size_t first = node->links.count ? world_below(node->world, node->links.count) : 0;
    for (size_t i = 0; i < node->links.count; i++) {
        struct link *link = node->links.at[(first + i) % node->links.count];
        if (link->amqp && (everything || world_percent(node->world, 70)))
            feed(node, link, everything);
    }
}

/* -- output -- */

static void check_bytes(struct node *node, struct link *link, struct slice run)
{
    if (run.len > link->shadow.len || memcmp(run.data, link->shadow.data, run.len) != 0)
        model_fail(node->model, "client %u: bytes changed between being made and leaving",
                   link->client);
}

static void write_out(struct node *node, struct link *link, size_t most)
{
    struct outq *output = amqp_connection_output(link->amqp);
    struct slice runs[8];
    size_t wrote = 0;
    while (wrote < most) {
        size_t count = outq_peek(output, runs, ARRAY_LEN(runs));
        size_t round = 0;
        for (size_t i = 0; i < count && wrote < most; i++) {
            struct slice run = runs[i];
            if (run.len > most - wrote)
                run.len = most - wrote;
            check_bytes(node, link, run);
            buf_drain(&link->shadow, run.len);
            wrote += run.len;
            round += run.len;
        }
        if (round == 0)
            break;
        outq_drain(output, round);
    }
    link->left += wrote;
    if (wrote > 0) {
        amqp_connection_written(link->amqp);
        model_released(node->model, link->model, link->left);
    }
}

/* False: the link is gone now. */
static bool flush_link(struct node *node, struct link *link, bool everything)
{
    struct world *world = node->world;
    struct amqp_wishes wishes = amqp_connection_wishes(link->amqp);
    if (everything || world_percent(world, 80))
        write_out(node, link, everything ? SIZE_MAX : 1 + world_below(world, world->pipe_bytes));
    struct outq *output = amqp_connection_output(link->amqp);
    if (!everything && outq_len(output) > world->high_water)
        connection_set_congested(link->connection, true);
    link->closing = wishes.close || wishes.abort;
    if (wishes.abort)
        node_check_abort(node, link);
    if (wishes.abort || (wishes.close && outq_len(output) == 0)) {
        trace_line(&world->trace, "node: closes client %u", link->client);
        amqp_connection_free(link->amqp, "closed");
        forget_link(node, link);
    }
    return true;
}

static void flush_all(struct node *node, bool everything)
{
    for (size_t i = 0; i < node->links.count; i++) {
        struct link *link = node->links.at[i];
        if (link->amqp)
            flush_link(node, link, everything);
    }
}

/* -- the turn -- */

static void end_phase(struct node *node, enum m_phase phase)
{
    tap_all(node);
    CHECK(node->model->phase == phase);
    model_phase_end(node->model);
}

static void run_timers(struct node *node)
{
    struct peek_due due[DUE_MAX];
    size_t count = peek_due(node->model, due, DUE_MAX);
    peek_mark_paged(node->model);
    node->model->phase = PHASE_TIMERS;
    broker_run_timers(node->broker);
    tap_all(node);
    model_timers(node->model, due, count);
    model_phase_end(node->model);
}

/* Turns whose last operation has been applied are durable. */
static void note_written(struct node *node)
{
    uint64_t durable = node->model->durable;
    while (node->turns.count > 0) {
        const struct node_turn *turn = node->turns.at[0];
        if (turn->last > node->written)
            break;
        durable = turn->turn;
        vec_remove_at(&node->turns, 0);
    }
    if (durable > node->model->durable)
        model_durable(node->model, durable);
}

/* The store hands over what has piled up to the end of `turn` when its writer is idle. */
static void give(struct node *node, uint64_t turn)
{
    if (node->given || store_last(node->db) == node->flushed)
        return;
    node->given = true;
    node->applied = false;
    node->flushed = store_last(node->db);
    node->model->handed = turn;
}

static void settle(struct node *node)
{
    node->model->phase = PHASE_SETTLE;
    broker_settle(node->broker);
    end_phase(node, PHASE_SETTLE);
    struct node_turn *turn = ARENA_NEW(&node->world->arena, struct node_turn);
    turn->turn = node->model->turn;
    turn->last = node->settled = store_last(node->db);
    vec_push(&node->world->arena, &node->turns, turn);
    give(node, node->model->turn);
    note_written(node);
}

void node_read(struct node *node)
{
    if (node->world->lazy_pages && store_read(node->db))
        trace_line(&node->world->trace, "disk: read pages");
}

bool node_write(struct node *node)
{
    store_write(store_node(node->store));
    bool wrote = store_write(node->db);
    if (!node->given || node->applied)
        return false;
    /* It is written, or had cancelled itself out; or the disk refused it. */
    if (!peek_applied(node)) {
        trace_line(&node->world->trace, "disk: refused a batch");
        return false;
    }
    node->applied = true;
    node->written = node->flushed;
    note_written(node);
    trace_line(&node->world->trace, "disk: durable up to turn %" PRIu64, node->model->durable);
    return wrote;
}

static void collected(struct node *node)
{
    /* A batch that has cancelled itself out is done as soon as it is handed over. */
    while (node->given && (node->applied || store_durable(node->db) >= node->flushed)) {
        node->given = false;
        node->written = node->flushed;
        note_written(node);
        /* Not in the middle of a turn, as when a client was lost since the last one ended. */
        if (store_last(node->db) == node->settled)
            give(node, node->model->turn - 1);
    }
}

/* The operator is not idle. */
static void change_rules(struct node *node)
{
    if (!world_permille(node->world, node->world->rule_permille))
        return;
    unsigned index = (unsigned)world_below(node->world, node->world->rule_count);
    node_set_rule(node, index,
                  (unsigned)world_below(node->world, node->world->rules[index].states));
}

void node_turn(struct node *node, bool everything)
{
    struct model *model = node->model;
    trace_line(&node->world->trace, "turn %" PRIu64, model->turn);
    broker_set_time(node->broker, node->now_ms, node->wall_ms);
    model_set_time(model, node->now_ms, node->wall_ms);
    model->phase = PHASE_COLLECT;
    broker_collect(node->broker);
    model_set_alarm(model, M_ALARM_STORE, peek_refused(node));
    if (node_rules_durable(node))
        model_rules_durable(model);
    collected(node);
    end_phase(node, PHASE_COLLECT);
    do
        run_timers(node);
    while (read_pages(node)); /* what is due may be on the disk */
    model->phase = PHASE_INPUT;
    if (!everything)
        change_rules(node);
    feed_all(node, everything);
    model->phase = PHASE_DISPATCH;
    do
        node->busy = broker_dispatch(node->broker);
    while (read_pages(node));
    end_phase(node, PHASE_DISPATCH);
    if (!node->busy)
        model_dispatched(model);
    settle(node);
    peek_compare(model);
    model_check_told(model);
    node_check_silence(node);
    flush_all(node, everything);
    model_turn_end(model);
}

bool node_idle(const struct node *node)
{
    if (node->busy || node->given || node->turns.count > 0)
        return false;
    for (size_t i = 0; i < node->links.count; i++) {
        const struct link *link = node->links.at[i];
        if (link->network.len || (link->amqp && (link->input.len || link->shadow.len)))
            return false;
    }
    return true;
}
