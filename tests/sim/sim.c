/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator: one seed, one world. It steps clients, network, disk, time and node in an order
 * drawn from the seed, kills and restarts the node in between, and at the end lets everything come
 * to rest and counts what is there.
 *
 *   sim --seeds N     runs the seeds 1 … N (or S … S+N-1 with --first S)
 *   sim --seed S      replays one;  --trace prints what happens as it happens
 *   --steps N         length of a run
 *   --keep-going      each seed in a process of its own; goes on after a failure
 *   --twice           runs every eighth seed a second time: the traces' hashes must agree
 */
#include "tests/sim/client.h"
#include "tests/sim/peek.h"

#include "broker/broker.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS_DEFAULT 400
#define REST_ROUNDS_MAX 5000
#define TWICE_EVERY 8

struct sim {
    struct world world;
    struct model *model;
    struct node *node;
    struct client clients[WORLD_CLIENTS_MAX];
    struct client keeper; /* the simulation's own: sets the scene, and counts at the end */
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

static struct client *client_of(struct sim *sim, const struct link *link)
{
    if (sim->keeper.link == link)
        return &sim->keeper;
    for (unsigned i = 0; i < sim->world.client_count; i++)
        if (sim->clients[i].link == link)
            return &sim->clients[i];
    return NULL;
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
        bool lost = link->half_open && (everything || world_percent(&sim->world, 20));
        if (!ended && !lost)
            continue;
        if (client)
            client_reset(client);
        node_disconnect(sim->node, link, ended ? "closed" : "lost");
    }
}

/* -- disasters -- */

static void forget_clients(struct sim *sim)
{
    for (unsigned i = 0; i < sim->world.client_count; i++)
        client_reset(&sim->clients[i]);
    client_reset(&sim->keeper);
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
        node_set_clock(sim->node, (int64_t)world_below(world, 6000) - 3000);
    if (!sim->node->broken && world_permille(world, world->fault_permille))
        node_break_disk(sim->node);
    else if (sim->node->broken && world_percent(world, 10))
        node_mend_disk(sim->node);
    if (world_permille(world, world->alarm_permille))
        broker_set_alarm(sim->node->broker, ALARM_MEMORY, world_percent(world, 40));
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

static void turn(struct sim *sim, bool everything)
{
    if (world_percent(&sim->world, everything ? 100 : sim->world.write_percent))
        node_write(sim->node);
    if (everything || world_percent(&sim->world, 40))
        node_read(sim->node);
    if (everything || world_percent(&sim->world, 85))
        node_turn(sim->node, everything);
}

static void step(struct sim *sim)
{
    trouble(sim);
    pass_time(sim);
    for (unsigned i = 0; i < sim->world.client_count; i++)
        for (uint64_t acts = world_below(&sim->world, 3); acts > 0; acts--)
            client_act(&sim->clients[i]);
    carry_all(sim, false);
    turn(sim, false);
}

static bool at_rest(struct sim *sim)
{
    for (unsigned i = 0; i < sim->world.client_count; i++)
        if (!client_quiet(&sim->clients[i]))
            return false;
    return client_quiet(&sim->keeper) && node_idle(sim->node);
}

/* Until nothing moves any more. */
static void rest(struct sim *sim)
{
    for (int i = 0; i < REST_ROUNDS_MAX; i++) {
        carry_all(sim, true);
        turn(sim, true);
        if (at_rest(sim))
            return;
    }
    model_fail(sim->model, "it does not come to rest");
}

/* -- the beginning and the end -- */

static void set_the_scene(struct sim *sim)
{
    struct client *keeper = &sim->keeper;
    client_connect(keeper);
    rest(sim);
    client_open_channel(keeper, 1);
    rest(sim);
    for (unsigned i = 0; i < sim->world.exchange_count; i++) {
        if (sim->world.exchanges[i].predeclared)
            continue;
        client_declare_exchange(keeper, 1, &sim->world.exchanges[i]);
        rest(sim);
    }
    for (unsigned i = 0; i < sim->world.queue_count; i++) {
        if (!keeper->channels[1].open)
            client_open_channel(keeper, 1), rest(sim);
        if (!sim->world.queues[i].exclusive)
            client_declare_queue(keeper, 1, &sim->world.queues[i]);
        rest(sim);
    }
    for (unsigned i = 0; i < 2 * sim->world.queue_count; i++) {
        if (!keeper->channels[1].open)
            client_open_channel(keeper, 1), rest(sim);
        client_bind_random(keeper, 1);
        rest(sim);
    }
    client_close(keeper);
    rest(sim);
}

static void check_confirms(struct sim *sim)
{
    for (size_t i = 0; i < sim->model->connections.count; i++) {
        const struct m_connection *connection = sim->model->connections.at[i];
        for (unsigned j = 1; j <= M_CHANNELS_MAX; j++)
            if (connection->channels[j].publishes.count > 0)
                model_fail(sim->model, "client %u ch %u: %zu publishes are never confirmed",
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

static void take_everything(struct sim *sim, const struct queue_spec *spec)
{
    const struct m_queue *queue;
    while ((queue = model_queue(sim->model, spec->name)) && queue->ready.count > 0 &&
           !(spec->quorum && spec->single_active)) {
        client_get(&sim->keeper, 1, spec, true);
        rest(sim);
    }
    client_delete_queue(&sim->keeper, 1, spec);
    rest(sim);
}

static void count_everything(struct sim *sim)
{
    struct client *keeper = &sim->keeper;
    client_connect(keeper);
    rest(sim);
    client_open_channel(keeper, 1);
    rest(sim);
    for (unsigned i = 0; i < sim->world.queue_count; i++)
        take_everything(sim, &sim->world.queues[i]);
    if (sim->model->queues.count > 0)
        model_fail(sim->model, "queues are left");
    client_close(keeper);
    rest(sim);
    peek_empty(sim->model);
}

static void finish(struct sim *sim)
{
    sim->world.crash_permille = sim->world.restart_permille = 0;
    broker_set_alarm(sim->node->broker, ALARM_MEMORY, false);
    node_mend_disk(sim->node);
    trace_line(&sim->world.trace, "to rest");
    rest(sim);
    check_confirms(sim);
    send_clients_home(sim);
    count_everything(sim);
}

static uint64_t run(uint64_t seed, unsigned steps, bool live, bool verbose)
{
    struct sim *sim = calloc(1, sizeof *sim);
    CHECK(sim);
    world_init(&sim->world, seed, steps, live);
    sim->model = model_new(&sim->world);
    sim->node = node_new(&sim->world, sim->model);
    for (unsigned i = 0; i < sim->world.client_count; i++)
        client_init(&sim->clients[i], i + 1, &sim->world, sim->node);
    client_init(&sim->keeper, 0, &sim->world, sim->node);
    set_the_scene(sim);
    for (unsigned i = 1; i <= steps; i++) {
        sim->world.trace.step = i;
        step(sim);
    }
    finish(sim);
    node_free(sim->node);
    uint64_t hash = sim->world.trace.hash;
    if (verbose)
        printf("seed %" PRIu64 " ok: hash %016" PRIx64 ", %" PRIu64 " messages, %" PRIu64
               " delivered, %" PRIu64 " confirmed, %" PRIu64 " dead-lettered, %" PRIu64 " starts\n",
               seed, hash, sim->world.message_next, sim->model->delivered, sim->model->confirmed,
               sim->model->dead_lettered, sim->node->lives);
    world_fini(&sim->world);
    free(sim);
    return hash;
}

/* -- the command line -- */

struct arguments {
    uint64_t first, count;
    unsigned steps;
    bool trace, keep_going, one, twice;
};

static int keep_going(const struct arguments *arguments)
{
    uint64_t failed = 0;
    for (uint64_t i = 0; i < arguments->count; i++) {
        fflush(stdout);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            run(arguments->first + i, arguments->steps, arguments->trace, false);
            exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        failed += status != 0;
    }
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", arguments->count - failed, failed);
    return failed > 0;
}

static uint64_t run_one(const struct arguments *arguments, uint64_t seed)
{
    uint64_t hash = run(seed, arguments->steps, arguments->trace, arguments->one);
    if (!arguments->twice || seed % TWICE_EVERY != 0 ||
        run(seed, arguments->steps, false, false) == hash)
        return hash;
    fprintf(stderr, "seed %" PRIu64 ": VIOLATION: does not replay: another trace\n", seed);
    exit(1);
}

static int run_all(const struct arguments *arguments)
{
    uint64_t hash = 0;
    for (uint64_t i = 0; i < arguments->count; i++)
        hash = hash * 31 + run_one(arguments, arguments->first + i);
    printf("%" PRIu64 " seeds of %u steps, hash %016" PRIx64 "\n", arguments->count,
           arguments->steps, hash);
    printf("%" PRIu64 " passed, 0 failed\n", arguments->count);
    return 0;
}

static void usage(void)
{
    fprintf(stderr, "usage: sim [--seeds N] [--first S] [--seed S] [--steps N] [--trace] "
                    "[--keep-going] [--twice]\n");
    exit(64);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 'n'}, {"first", required_argument, NULL, 'f'},
        {"seed", required_argument, NULL, 's'},  {"steps", required_argument, NULL, 't'},
        {"trace", no_argument, NULL, 'v'},       {"keep-going", no_argument, NULL, 'k'},
        {"twice", no_argument, NULL, 'w'},       {NULL, 0, NULL, 0},
    };
    struct arguments arguments = {.first = 1, .count = 100, .steps = STEPS_DEFAULT};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'n')
            arguments.count = strtoull(optarg, NULL, 10);
        else if (option == 'f')
            arguments.first = strtoull(optarg, NULL, 10);
        else if (option == 's')
            arguments.first = strtoull(optarg, NULL, 10), arguments.count = 1, arguments.one = true;
        else if (option == 't')
            arguments.steps = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'v')
            arguments.trace = true;
        else if (option == 'k')
            arguments.keep_going = true;
        else if (option == 'w')
            arguments.twice = true;
        else
            usage();
    }
    return arguments.keep_going ? keep_going(&arguments) : run_all(&arguments);
}
