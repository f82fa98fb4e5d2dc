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
    bool any = false;
    EACH_REALM(node, realm)
    any = (realm->db && !node->world->lazy_pages && store_read(realm->db)) || any;
    if (!any)
        return false;
    trace_line(&node->world->trace, "disk: read pages");
    broker_collect(node->broker);
    return !node_broken(node); /* what could not be read is asked for again and again */
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
    EACH_REALM(node, realm)
    model_set_alarm(realm->model, alarm, on);
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

struct link *node_connect(struct node *node, struct realm *realm, unsigned client)
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
    link->realm = realm;
    link->model = model_connect(realm->model, client);
    vec_push(&node->world->arena, &node->links, link);
    return link;
}

/* The node has let go of it: what it gave back may be with others already. */
static void forget_link(struct node *node, struct link *link)
{
    EACH_REALM(node, realm)
    realm->model->phase = PHASE_INPUT;
    link->amqp = NULL;
    tap_all(node);
    model_disconnected(link->realm->model, link->model);
    model_phase_end(link->realm->model);
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
    model_apply(link->realm->model, link->model, next->op);
    model_phase_end(link->realm->model);
    return true;
}

static void feed(struct node *node, struct link *link, bool everything)
{
    size_t budget = SIZE_MAX;
    if (!everything)
        budget = world_below(node->world, 3) == 0 ? 1 + world_below(node->world, 40)
                                                  : 1 + world_below(node->world, 3000);
    while (budget > 0 && amqp_connection_wishes(link->amqp).read) {
        if (model_held(link->realm->model, link->model))
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
        model_released(link->realm->model, link->model, link->left);
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

static void set_phase(struct node *node, enum m_phase phase)
{
    EACH_REALM(node, realm)
    realm->model->phase = phase;
}

static void end_phase(struct node *node, enum m_phase phase)
{
    tap_all(node);
    EACH_REALM(node, realm)
    {
        CHECK(realm->model->phase == phase);
        model_phase_end(realm->model);
    }
}

static void run_timers(struct node *node)
{
    struct peek_due due[WORLD_REALMS_MAX][DUE_MAX];
    size_t counts[WORLD_REALMS_MAX];
    for (unsigned i = 0; i < node->realm_count; i++) {
        counts[i] = peek_due(node->realms[i].model, due[i], DUE_MAX);
        peek_mark_paged(node->realms[i].model);
    }
    set_phase(node, PHASE_TIMERS);
    broker_run_timers(node->broker);
    tap_all(node);
    for (unsigned i = 0; i < node->realm_count; i++) {
        model_timers(node->realms[i].model, due[i], counts[i]);
        model_phase_end(node->realms[i].model);
    }
}

static void settle(struct node *node)
{
    set_phase(node, PHASE_SETTLE);
    broker_settle(node->broker);
    end_phase(node, PHASE_SETTLE);
    EACH_REALM(node, realm)
    realm_settle(realm);
}

void node_read(struct node *node)
{
    EACH_REALM(node, realm)
    if (realm->db && node->world->lazy_pages && store_read(realm->db))
        trace_line(&node->world->trace, "disk: read pages");
}

void node_write(struct node *node)
{
    if (world_percent(node->world, 70)) /* they have writers of their own */
        store_write(store_node(node->store));
    EACH_REALM(node, realm)
    realm_write(realm);
}

/* The operator is not idle. */
static void change_rules(struct node *node)
{
    if (world_permille(node->world, node->world->vhost_permille))
        node_toggle_vhost(node);
    if (!world_permille(node->world, node->world->rule_permille))
        return;
    unsigned index = (unsigned)world_below(node->world, node->world->rule_count);
    node_set_rule(node, index,
                  (unsigned)world_below(node->world, node->world->rules[index].states));
}

static void begin_turn(struct node *node)
{
    trace_line(&node->world->trace, "turn %" PRIu64, node->model->turn);
    broker_set_time(node->broker, node->now_ms, node->wall_ms);
    EACH_REALM(node, realm)
    model_set_time(realm->model, node->now_ms, node->wall_ms);
}

static void collect(struct node *node)
{
    set_phase(node, PHASE_COLLECT);
    broker_collect(node->broker);
    EACH_REALM(node, realm)
    {
        model_set_alarm(realm->model, M_ALARM_STORE, peek_refused(node));
        realm_collected(realm);
    }
    if (node_rules_durable(node))
        model_rules_durable(node->model);
    end_phase(node, PHASE_COLLECT);
}

static void dispatch(struct node *node)
{
    set_phase(node, PHASE_DISPATCH);
    do {
        node->busy = broker_dispatch(node->broker);
        node_note_vhosts(node);
    } while (read_pages(node));
    end_phase(node, PHASE_DISPATCH);
    EACH_REALM(node, realm)
    if (!node->busy)
        model_dispatched(realm->model);
}

static bool may_read_late(const struct world *world)
{
    return world->lazy_pages || world->fault_permille > 0 || world->sweep_at > 0;
}

void node_turn(struct node *node, bool everything)
{
    begin_turn(node);
    collect(node);
    do
        run_timers(node);
    while (read_pages(node)); /* what is due may be on the disk */
    if (!may_read_late(node->world)) {
        EACH_REALM(node, realm)
        model_check_expired(realm->model);
    }
    set_phase(node, PHASE_INPUT);
    if (!everything)
        change_rules(node);
    feed_all(node, everything);
    dispatch(node);
    settle(node);
    EACH_REALM(node, realm)
    {
        if (realm->state == REALM_THERE)
            peek_compare(realm->model);
        model_check_told(realm->model);
    }
    node_check_silence(node);
    /* The batch of this turn is closed: what comes of wires that end now is in the next one. */
    EACH_REALM(node, realm)
    model_turn_end(realm->model);
    flush_all(node, everything);
}

bool node_idle(const struct node *node)
{
    if (node->busy)
        return false;
    for (unsigned i = 0; i < node->realm_count; i++)
        if (node->realms[i].given || node->realms[i].turns.count > 0 ||
            node->realms[i].state == REALM_GOING)
            return false;
    for (size_t i = 0; i < node->links.count; i++) {
        const struct link *link = node->links.at[i];
        if (link->network.len || (link->amqp && (link->input.len || link->shadow.len)))
            return false;
    }
    return true;
}
