/* SPDX-License-Identifier: Apache-2.0 */
/* See sim.h: the scheduler of one world. */
#include "tests/sim/sim.h"

#include "tests/sim/client.h"
#include "tests/sim/peek.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define REST_ROUNDS_MAX 5000

struct sim {
    struct world world;
    struct node *node;
    struct client *clients;                  /* in the world's arena */
    struct client keepers[WORLD_REALMS_MAX]; /* the simulation's own: they set the scene, and count
                                                at the end */
};

/* -- network -- */

static void carry(struct sim *sim, struct link *link, bool everything)
{
    struct world *world = &sim->world;
    if (link->network.len > 0 && (everything || world_percent(world, 70))) {
        size_t len =
            everything ? link->network.len : 1 + (size_t)world_below(world, link->network.len);
        buf_add(&link->input, link->network.data, len);
        buf_drain(&link->network, len);
    }
    if (link->left > link->arrived && (everything || world_percent(world, 70)))
        link->arrived += everything ? link->left - link->arrived
                                    : 1 + world_below(world, link->left - link->arrived);
}

/* NULL: it does not think of that link any more. */
static struct client *client_of(struct sim *sim, const struct link *link)
{
    size_t realm = (size_t)(link->realm - sim->node->realms);
    struct client *client = link->client ? &sim->clients[link->client - 1] : &sim->keepers[realm];
    return client->link == link ? client : NULL;
}

static void carry_all(struct sim *sim, bool everything)
{
    for (size_t i = sim->node->links.count; i-- > 0;) {
        struct link *link = sim->node->links.at[i];
        struct client *client = client_of(sim, link);
        carry(sim, link, everything);
        if (client)
            client_read(client);
        bool ended = !link->amqp && link->arrived == link->left;
        bool lost = link->half_open &&
                    (everything || (!sim->world.heartbeat_s && world_percent(&sim->world, 20)));
        bool refused = link->model->refused && link->arrived == link->left &&
                       (everything || world_percent(&sim->world, 30));
        if (!ended && !lost && !refused)
            continue;
        if (client)
            client_reset(client);
        node_disconnect(sim->node, link, ended ? "closed" : lost ? "lost" : "refused");
    }
}

/* -- disasters -- */

static void forget_clients(struct sim *sim)
{
    for (unsigned i = 0; i < sim->world.client_count; i++)
        client_reset(&sim->clients[i]);
    for (unsigned i = 0; i < sim->node->realm_count; i++)
        client_reset(&sim->keepers[i]);
}

static void cut_one(struct sim *sim)
{
    if (sim->node->links.count == 0)
        return;
    struct link *link = sim->node->links.at[world_below(&sim->world, sim->node->links.count)];
    struct client *client = client_of(sim, link);
    if (client)
        client_reset(client);
    node_disconnect(sim->node, link, "cut");
}

/* At most some seconds, and more than what the broker takes for the clocks' ordinary unevenness. */
static int64_t clock_jump(struct world *world)
{
    int64_t ms = 101 + (int64_t)world_below(world, 3000);
    return world_percent(world, 50) ? ms : -ms;
}

static void trouble(struct sim *sim)
{
    struct world *world = &sim->world;
    if (world_permille(world, world->crash_permille)) {
        forget_clients(sim);
        node_crash(sim->node);
    } else if (world_permille(world, world->restart_permille)) {
        forget_clients(sim);
        node_restart(sim->node);
    }
    if (world_permille(world, world->cut_permille))
        cut_one(sim);
    if (world_permille(world, world->clock_permille))
        node_set_clock(sim->node, clock_jump(world));
    if (!node_broken(sim->node) && world_permille(world, world->fault_permille))
        node_break_disk(sim->node);
    else if (node_broken(sim->node) && world_percent(world, 10))
        node_mend_disk(sim->node);
    if (world_permille(world, world->alarm_permille))
        node_set_alarm(sim->node, world_percent(world, 50) ? M_ALARM_MEMORY : M_ALARM_DISK,
                       world_percent(world, 40));
}

static void pass_time(struct sim *sim)
{
    struct world *world = &sim->world;
    if (!world_percent(world, world->time_percent))
        return;
    uint64_t kind = world_below(world, 100);
    uint64_t most = kind < 60 ? 5 : kind < 92 ? 60 : 800;
    node_pass_time(sim->node, 1 + (int64_t)world_below(world, most));
}

/* -- the run -- */

/* What was on its way when the power went is lost with the node. */
static void mind_the_dark(struct sim *sim)
{
    if (!node_dark(sim->node))
        return;
    forget_clients(sim);
    node_crash(sim->node);
}

static void turn(struct sim *sim, bool everything)
{
    if (world_percent(&sim->world, everything ? 100 : sim->world.write_percent))
        node_write(sim->node);
    if (world_permille(&sim->world, sim->world.maintain_permille))
        node_maintain(sim->node);
    mind_the_dark(sim);
    if (everything || world_percent(&sim->world, 40))
        node_read(sim->node);
    if (everything || world_percent(&sim->world, 85))
        node_turn(sim->node, everything);
}

static void act(struct sim *sim, struct client *client)
{
    for (uint64_t acts = world_below(&sim->world, 3); acts > 0; acts--)
        client_act(client);
}

static void act_all(struct sim *sim)
{
    unsigned count = sim->world.client_count;
    for (unsigned i = 0; i < sim->world.acting; i++)
        act(sim, &sim->clients[world_below(&sim->world, count)]);
    for (unsigned i = 0; i < count && !sim->world.acting; i++)
        act(sim, &sim->clients[i]);
}

static void step(struct sim *sim)
{
    trouble(sim);
    pass_time(sim);
    act_all(sim);
    for (unsigned i = 0; i < sim->world.client_count; i++)
        client_beat(&sim->clients[i]);
    carry_all(sim, false);
    turn(sim, false);
}

static bool at_rest(struct sim *sim)
{
    for (unsigned i = 0; i < sim->world.client_count; i++)
        if (!client_quiet(&sim->clients[i]))
            return false;
    for (unsigned i = 0; i < sim->node->realm_count; i++)
        if (!client_quiet(&sim->keepers[i]))
            return false;
    return node_idle(sim->node);
}

/* Until nothing moves any more. */
static void rest(struct sim *sim)
{
    for (int i = 0; i < REST_ROUNDS_MAX; i++) {
        carry_all(sim, true);
        turn(sim, true);
        if (i % 4 == 3)
            node_mend_disk(sim->node);
        if (at_rest(sim))
            return;
    }
    model_fail(sim->node->model, "it does not come to rest");
}

/* -- the beginning and the end -- */

static void gather(struct sim *sim)
{
    for (unsigned i = 0; i < sim->world.client_count; i++)
        client_connect(&sim->clients[i]);
    rest(sim);
}

/* The keeper with an open channel 1, whatever happened before. */
static struct client *ready_keeper(struct sim *sim, unsigned realm)
{
    struct client *keeper = &sim->keepers[realm];
    while (keeper->state != CLIENT_OPEN || !keeper->channels[1].open) {
        if (keeper->state == CLIENT_AWAY)
            client_connect(keeper);
        else if (keeper->state == CLIENT_OPEN)
            client_open_channel(keeper, 1);
        rest(sim);
    }
    return keeper;
}

static void dismiss_keepers(struct sim *sim)
{
    for (unsigned i = 0; i < sim->node->realm_count; i++)
        if (sim->keepers[i].state == CLIENT_OPEN)
            client_close(&sim->keepers[i]);
    rest(sim);
}

static void set_the_scene(struct sim *sim, unsigned realm)
{
    const struct world *world = &sim->world;
    for (unsigned i = 0; i < world->exchange_count; i++) {
        if (!world->exchanges[i].predeclared)
            client_declare_exchange(ready_keeper(sim, realm), 1, &world->exchanges[i]);
        rest(sim);
    }
    for (unsigned i = 0; i < world->queue_count; i++) {
        if (!world->queues[i].exclusive)
            client_declare_queue(ready_keeper(sim, realm), 1, &world->queues[i]);
        rest(sim);
    }
    for (unsigned i = 0; i < 2 * world->queue_count; i++) {
        client_bind_random(ready_keeper(sim, realm), 1);
        rest(sim);
    }
    dismiss_keepers(sim);
}

static void check_confirms(struct model *model)
{
    for (size_t i = 0; i < model->connections.count; i++) {
        const struct m_connection *connection = model->connections.at[i];
        for (unsigned j = 1; j <= M_CHANNELS_MAX; j++)
            if (connection->channels[j].publishes.count > 0)
                model_fail(model, "client %u ch %u: %zu publishes are never confirmed",
                           connection->client, j, connection->channels[j].publishes.count);
    }
}

static void send_clients_home(struct sim *sim)
{
    for (unsigned i = 0; i < sim->world.client_count; i++) {
        struct client *client = &sim->clients[i];
        if (client->state == CLIENT_OPEN && world_percent(&sim->world, 50))
            client_close(client);
        else if (client->link)
            client->link->half_open = true, client_reset(client);
    }
    rest(sim);
}

static void take_everything(struct sim *sim, unsigned realm, const struct queue_spec *spec)
{
    const struct model *model = sim->node->realms[realm].model;
    const struct m_queue *queue;
    while ((queue = model_queue(model, spec->name)) && queue->ready.count > 0 &&
           !(spec->quorum && spec->single_active)) {
        client_get(ready_keeper(sim, realm), 1, spec, true);
        rest(sim);
    }
    while (model_queue(model, spec->name)) {
        client_delete_queue(ready_keeper(sim, realm), 1, spec);
        rest(sim);
    }
}

static void count_everything(struct sim *sim)
{
    for (unsigned realm = 0; realm < sim->node->realm_count; realm++)
        for (unsigned i = 0; i < sim->world.queue_count; i++)
            take_everything(sim, realm, &sim->world.queues[i]);
    dismiss_keepers(sim);
    EACH_REALM(sim->node, realm)
    {
        if (realm->model->queues.count > 0)
            model_fail(realm->model, "queues are left");
        if (realm->state == REALM_THERE)
            peek_empty(realm->model);
    }
}

static void finish(struct sim *sim)
{
    sim->world.crash_permille = sim->world.restart_permille = 0;
    node_set_alarm(sim->node, M_ALARM_MEMORY, false);
    node_set_alarm(sim->node, M_ALARM_DISK, false);
    node_mend_disk(sim->node);
    for (unsigned i = 0; i < sim->world.rule_count; i++)
        node_set_rule(sim->node, i, 0);
    trace_line(&sim->world.trace, "to rest");
    rest(sim);
    EACH_REALM(sim->node, realm)
    check_confirms(realm->model);
    send_clients_home(sim);
    count_everything(sim);
}

static void count(struct sim *sim, struct sim_result *result)
{
    *result = (struct sim_result){
        .messages = sim->world.message_next,
        .lives = sim->node->lives,
        .disk_changes = memvfs_changes(sim->node->disk),
        .disk_reads = memvfs_reads(sim->node->disk),
        .coverage = sim->world.coverage,
    };
    EACH_REALM(sim->node, realm)
    {
        result->delivered += realm->model->delivered;
        result->confirmed += realm->model->confirmed;
        result->dead_lettered += realm->model->dead_lettered;
    }
}

void sim_run(const struct sim_request *request, struct sim_result *result)
{
    struct sim *sim = calloc(1, sizeof *sim);
    CHECK(sim);
    world_init(&sim->world, request);
    sim->node = node_new(&sim->world);
    sim->clients = arena_alloc(&sim->world.arena, sim->world.client_count * sizeof *sim->clients);
    for (unsigned i = 0; i < sim->world.client_count; i++)
        client_init(&sim->clients[i], i + 1, sim->node,
                    &sim->node->realms[i / 2 % sim->node->realm_count]);
    for (unsigned i = 0; i < sim->node->realm_count; i++) {
        client_init(&sim->keepers[i], 0, sim->node, &sim->node->realms[i]);
        set_the_scene(sim, i);
    }
    if (request->crowd)
        gather(sim);
    for (unsigned i = 1; i <= sim->world.steps; i++) {
        sim->world.trace.step = i;
        step(sim);
    }
    finish(sim);
    count(sim, result);
    node_free(sim->node);
    result->hash = sim->world.trace.hash;
    world_fini(&sim->world);
    free(sim);
}
