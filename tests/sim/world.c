/* SPDX-License-Identifier: Apache-2.0 */
/* See world.h. Small worlds are the rule: few queues that everybody uses meet more corners than
 * many that nobody shares. */
#include "tests/sim/world.h"

#include "proto/table.h"

#define CHANCE(percent) world_percent(world, percent)
#define BELOW(bound) ((unsigned)world_below(world, bound))

uint64_t world_below(struct world *world, uint64_t bound)
{
    return rng_below(&world->rng, bound);
}

bool world_percent(struct world *world, unsigned percent)
{
    return percent && rng_below(&world->rng, 100) < percent;
}

bool world_permille(struct world *world, unsigned permille)
{
    return permille && rng_below(&world->rng, 1000) < permille;
}

/* -- vocabulary -- */

static const char *const words[] = {"a", "b", "a.b", "b.a", "a.b.c", "c", ""};
static const char *const patterns[] = {"a",   "b",     "a.b", "*",   "#", "a.#",  "#.b",
                                       "*.b", "a.*.c", "*.*", "#.#", "",  "b.#.a"};

const char *world_key(struct world *world)
{
    return words[BELOW(ARRAY_LEN(words))];
}

const char *world_pattern(struct world *world)
{
    return patterns[BELOW(ARRAY_LEN(patterns))];
}

/* -- queues -- */

static struct slice queue_arguments(struct world *world, const struct queue_spec *spec)
{
    static const char *const overflows[] = {"drop-head", "reject-publish", "reject-publish-dlx"};
    struct buf table = BUF_INIT;
    if (spec->quorum)
        table_add_str(&table, "x-queue-type", slice_str("quorum"));
    if (spec->settings.ttl_ms >= 0)
        table_add_int64(&table, "x-message-ttl", spec->settings.ttl_ms);
    if (spec->settings.expires_ms >= 0)
        table_add_int64(&table, "x-expires", spec->settings.expires_ms);
    if (spec->settings.length_max >= 0)
        table_add_int32(&table, "x-max-length", (int32_t)spec->settings.length_max);
    if (spec->settings.bytes_max >= 0)
        table_add_int64(&table, "x-max-length-bytes", spec->settings.bytes_max);
    if (spec->settings.overflow != SPEC_DROP_HEAD)
        table_add_str(&table, "x-overflow", slice_str(overflows[spec->settings.overflow]));
    if (spec->settings.dead_exchange)
        table_add_str(&table, "x-dead-letter-exchange", slice_str(spec->settings.dead_exchange));
    if (spec->settings.dead_key)
        table_add_str(&table, "x-dead-letter-routing-key", slice_str(spec->settings.dead_key));
    if (spec->priority_max)
        table_add_int32(&table, "x-max-priority", spec->priority_max);
    if (spec->single_active)
        table_add_bool(&table, "x-single-active-consumer", true);
    if (spec->quorum && spec->settings.delivery_limit >= 0)
        table_add_int64(&table, "x-delivery-limit", spec->settings.delivery_limit);
    struct slice copy = arena_copy(&world->arena, buf_slice(&table));
    buf_fini(&table);
    return copy;
}

/* Which features the queues of this world may have. */
struct taste {
    unsigned durable, quorum, ttl, expires, limits, dead, priority, single, exclusive, auto_delete;
};

static void choose_limits(struct world *world, struct queue_spec *spec, const struct taste *taste)
{
    if (CHANCE(taste->limits)) {
        if (CHANCE(75))
            spec->settings.length_max = CHANCE(10) ? 0 : 1 + BELOW(5);
        else
            spec->settings.bytes_max = BELOW(400);
        if (CHANCE(40))
            spec->settings.overflow =
                CHANCE(50) || spec->quorum ? SPEC_REJECT : SPEC_REJECT_DEAD_LETTER;
        spec->settings.has_overflow = spec->settings.overflow != SPEC_DROP_HEAD;
    }
    if (CHANCE(taste->ttl))
        spec->settings.ttl_ms = CHANCE(10) ? 0 : 10 * (1 + BELOW(40));
    if (CHANCE(taste->expires))
        spec->settings.expires_ms = 100 + BELOW(2000);
    if (CHANCE(taste->priority))
        spec->priority_max = 1 + (int)BELOW(4);
    if (spec->quorum && CHANCE(40))
        spec->settings.delivery_limit = BELOW(4);
}

static void choose_dead_letters(struct world *world, struct queue_spec *spec)
{
    if (CHANCE(50)) {
        spec->settings.dead_exchange = "";
        spec->settings.dead_key = world->queues[BELOW(world->queue_count)].name;
        return;
    }
    spec->settings.dead_exchange =
        CHANCE(8) ? "missing" : world->exchanges[BELOW(world->exchange_count)].name;
    if (CHANCE(40))
        spec->settings.dead_key = world_key(world);
}

static void make_queue(struct world *world, struct queue_spec *spec, const struct taste *taste)
{
    spec->quorum = CHANCE(taste->quorum);
    spec->durable = spec->quorum || CHANCE(taste->durable);
    if (!spec->quorum) {
        spec->exclusive = CHANCE(taste->exclusive);
        spec->auto_delete = CHANCE(taste->auto_delete);
    }
    spec->single_active = CHANCE(taste->single);
    choose_limits(world, spec, taste);
    if (CHANCE(taste->dead))
        choose_dead_letters(world, spec);
    spec->arguments = queue_arguments(world, spec);
}

static void make_queues(struct world *world)
{
    struct taste taste = {
        .durable = CHANCE(80) ? 80 : 20,
        .quorum = CHANCE(50) ? 0 : 40,
        .ttl = CHANCE(60) ? 0 : 50,
        .expires = CHANCE(85) ? 0 : 40,
        .limits = CHANCE(60) ? 0 : 60,
        .dead = CHANCE(40) ? 0 : 60,
        .priority = CHANCE(70) ? 0 : 60,
        .single = CHANCE(80) ? 0 : 50,
        .exclusive = CHANCE(85) ? 0 : 30,
        .auto_delete = CHANCE(85) ? 0 : 30,
    };
    if (world->rich)
        taste.quorum = taste.limits = taste.dead = taste.priority = taste.single = 45;
    for (unsigned i = 0; i < world->queue_count; i++) {
        struct queue_spec *spec = &world->queues[i];
        *spec = (struct queue_spec){
            .name = arena_printf(&world->arena, "q%u", i),
            .settings = {-1, -1, -1, -1, -1, false, SPEC_DROP_HEAD, NULL, NULL},
        };
    }
    for (unsigned i = 0; i < world->queue_count; i++)
        make_queue(world, &world->queues[i], &taste);
}

/* -- exchanges -- */

const char *exchange_kind_name(enum exchange_kind kind)
{
    static const char *const names[KIND_COUNT] = {"direct", "fanout", "topic", "headers"};
    return names[kind];
}

static void make_exchanges(struct world *world, unsigned own)
{
    static const char *const predeclared[KIND_COUNT] = {"amq.direct", "amq.fanout", "amq.topic",
                                                        "amq.headers"};
    world->exchanges[0] = (struct exchange_spec){
        .name = "", .kind = KIND_DIRECT, .durable = true, .predeclared = true};
    world->exchange_count = 1;
    for (unsigned i = 0; i < KIND_COUNT; i++)
        if (CHANCE(50))
            world->exchanges[world->exchange_count++] = (struct exchange_spec){
                .name = predeclared[i], .kind = i, .durable = true, .predeclared = true};
    for (unsigned i = 0; i < own && world->exchange_count < WORLD_EXCHANGES_MAX; i++) {
        struct exchange_spec *spec = &world->exchanges[world->exchange_count];
        *spec = (struct exchange_spec){
            .name = arena_printf(&world->arena, "x%u", i),
            .kind = BELOW(KIND_COUNT),
            .durable = CHANCE(75),
            .auto_delete = CHANCE(15),
            .internal = CHANCE(8),
        };
        struct buf table = BUF_INIT;
        if (CHANCE(25)) {
            spec->alternate = world->exchanges[1 + BELOW(world->exchange_count)].name;
            if (!spec->alternate)
                spec->alternate = spec->name;
            table_add_str(&table, "alternate-exchange", slice_str(spec->alternate));
        }
        spec->arguments = arena_copy(&world->arena, buf_slice(&table));
        buf_fini(&table);
        world->exchange_count++;
    }
}

const struct queue_spec *world_queue(const struct world *world, const char *name)
{
    for (unsigned i = 0; i < world->queue_count; i++)
        if (!strcmp(world->queues[i].name, name))
            return &world->queues[i];
    return NULL;
}

const struct exchange_spec *world_exchange(const struct world *world, const char *name)
{
    for (unsigned i = 0; i < world->exchange_count; i++)
        if (!strcmp(world->exchanges[i].name, name))
            return &world->exchanges[i];
    return NULL;
}

/* -- behaviour -- */

/* What `sim --coverage` showed to be rare, in company with all the rest. */
static void enrich(unsigned *weights)
{
    weights[ACT_CONSUME] += 6;
    weights[ACT_CANCEL] += 6;
    weights[ACT_NACK] += 8;
    weights[ACT_RECOVER] += 5;
    weights[ACT_DELETE_QUEUE] += 1;
    weights[ACT_TX_COMMIT] += 6;
    weights[ACT_TX_ROLLBACK] += 4;
}

static void set_weights(struct world *world)
{
    unsigned *weights = world->act_weights;
    bool transactions = world->rich || CHANCE(35);
    bool churn = CHANCE(30);
    weights[ACT_PUBLISH] = 20 + BELOW(40);
    weights[ACT_ACK] = 5 + BELOW(30);
    weights[ACT_NACK] = BELOW(12);
    weights[ACT_REJECT] = BELOW(12);
    weights[ACT_GET] = CHANCE(50) ? BELOW(12) : 0;
    weights[ACT_CONSUME] = 3 + BELOW(6);
    weights[ACT_CANCEL] = BELOW(4);
    weights[ACT_QOS] = BELOW(4);
    weights[ACT_PURGE] = CHANCE(20) ? 1 : 0;
    weights[ACT_RECOVER] = CHANCE(30) ? 2 : 0;
    weights[ACT_DECLARE_QUEUE] = 2;
    weights[ACT_DELETE_QUEUE] = churn ? 2 : 0;
    weights[ACT_DECLARE_EXCHANGE] = churn ? 2 : 1;
    weights[ACT_DELETE_EXCHANGE] = churn ? 1 : 0;
    weights[ACT_BIND] = 3;
    weights[ACT_UNBIND] = churn ? 2 : 0;
    weights[ACT_CONFIRM] = 3;
    weights[ACT_TX_SELECT] = transactions ? 4 : 0;
    weights[ACT_TX_COMMIT] = transactions ? 8 : 0;
    weights[ACT_TX_ROLLBACK] = transactions ? 3 : 0;
    weights[ACT_BAD_ACK] = CHANCE(20) ? 1 : 0;
    weights[ACT_MISBEHAVE] = CHANCE(20) ? 1 : 0;
    bool requests = CHANCE(30);
    weights[ACT_ASK] = requests ? 5 + BELOW(15) : 0;
    weights[ACT_REPLY] = requests ? 5 + BELOW(15) : 0;
    weights[ACT_FLOW] = CHANCE(20) ? 1 : 0;
    weights[ACT_OPEN_CHANNEL] = 3;
    weights[ACT_CLOSE_CHANNEL] = BELOW(3);
    weights[ACT_CLOSE_CONNECTION] = CHANCE(50) ? 1 : 0;
    weights[ACT_DIE] = CHANCE(50) ? 1 : 0;
    if (world->rich)
        enrich(weights);
    for (unsigned i = 0; i < ACT_COUNT; i++)
        world->act_total += weights[i];
}

static void set_habits(struct world *world)
{
    static const unsigned percents[] = {0, 30, 60, 100, 100};
    world->persistent_percent = percents[BELOW(ARRAY_LEN(percents))];
    world->mandatory_percent = CHANCE(50) ? 20 : 0;
    world->expiration_percent = CHANCE(30) ? 30 : 0;
    world->priority_percent = 40;
    world->headers_percent = 30;
    world->cc_percent = CHANCE(20) ? 15 : 0;
    world->user_id_percent = CHANCE(30) ? 15 : 0;
    world->default_exchange_percent = 30 + BELOW(60);
    world->body_max = CHANCE(85) ? 64 : 12000;
    world->no_wait_percent = CHANCE(60) ? 0 : 25;
    world->no_ack_percent = CHANCE(50) ? 10 : 40;
}

/* Messages may run out of time here. */
static bool expires(const struct world *world)
{
    for (unsigned i = 0; i < world->queue_count; i++)
        if (world->queues[i].settings.ttl_ms >= 0)
            return true;
    return world->expiration_percent > 0;
}

static bool limited(const struct world *world)
{
    for (unsigned i = 0; i < world->queue_count; i++)
        if (world->queues[i].settings.length_max >= 0 || world->queues[i].settings.bytes_max >= 0)
            return true;
    return false;
}

/* Queues that hold messages back: nobody takes them before they expire. What a node that reads late
 * finds overdue at the head, when it comes to deal it out, the model does not know. */
static void delay_only(struct world *world)
{
    unsigned *weights = world->act_weights;
    world->act_total -= weights[ACT_CONSUME] + weights[ACT_GET];
    weights[ACT_CONSUME] = weights[ACT_GET] = 0;
    world->expiration_percent = 80;
}

static void set_weather(struct world *world)
{
    world->crash_permille = CHANCE(60) ? 2 + BELOW(12) : 0;
    world->restart_permille = CHANCE(30) ? 3 : 0;
    world->cut_permille = CHANCE(50) ? BELOW(10) : 0;
    world->alarm_permille = CHANCE(25) ? 10 + BELOW(20) : 0;
    world->clock_permille = CHANCE(75) ? 0 : 15;
    world->fault_permille = CHANCE(80) ? 0 : 10;
    world->maintain_permille = CHANCE(60) ? 0 : 30;
    world->time_percent = 10 + BELOW(60);
    world->high_water = CHANCE(70) ? 1u << 20 : 200 + BELOW(4000);
    world->pipe_bytes = CHANCE(50) ? 1u << 20 : 50 + BELOW(2000);
    world->store_pending_max = CHANCE(85) ? 1u << 24 : 500 + BELOW(5000);
    world->consumer_timeout_ms = CHANCE(70) ? 0 : 60 + BELOW(1000);
    world->queue_memory = CHANCE(60) ? 0 : CHANCE(50) ? 1 : 1000 + BELOW(4000);
    if (expires(world) && limited(world))
        world->queue_memory = 0;
    world->unlimited = world->queue_memory && expires(world);
    bool small = CHANCE(80);
    world->page_messages = small ? 1 + BELOW(CHANCE(50) ? 3 : 12) : 4096;
    world->lane_memory_min = small ? 100 + BELOW(1500) : 8192;
    world->expiry_ahead_ms = CHANCE(50) ? 0 : BELOW(CHANCE(50) ? 30 : 600);
    world->lazy_pages = world->queue_memory && CHANCE(expires(world) ? 40 : 70);
    if (world->lazy_pages && expires(world))
        delay_only(world);
    world->heartbeat_s = CHANCE(60) ? 0 : (uint16_t)(1 + BELOW(3));
    world->frame_max = CHANCE(70) ? 131072 : 4096;
    world->write_percent = CHANCE(50) ? 90 : 5 + BELOW(50);
}

/* More is published than taken, so that queues grow beyond what stays in memory. */
static void build_backlogs(struct world *world)
{
    unsigned gets = world->lazy_pages && expires(world) ? 0 : 10;
    world->act_weights[ACT_PUBLISH] += 60;
    world->act_weights[ACT_GET] += gets;
    world->act_total += 60 + gets;
}

/* A slow disk, a bad network and a machine that dies often: much is on its way at any time. */
static void raise_storm(struct world *world)
{
    world->crash_permille = 8 + BELOW(15);
    world->cut_permille = 15 + BELOW(30);
    world->write_percent = 3 + BELOW(20);
    world->persistent_percent = 100;
    world->act_weights[ACT_NACK] += 8;
    world->act_total += 8;
}

/* Many clients that share a few queues. */
static void gather_crowd(struct world *world)
{
    world->client_count = WORLD_CROWD_MIN + BELOW(WORLD_CROWD_MIN);
    world->acting = 60 + BELOW(100);
    world->vhost_permille = 0; /* the model lets all clients go in one turn */
    world->steps /= 4;
}

/* All is on the disk, and nothing fails but what the sweep lets fail. */
static void make_durable(struct world *world)
{
    world->fault_permille = 0;
    world->maintain_permille = 30;
    world->persistent_percent = 100;
    world->write_percent = 20 + world->write_percent / 2;
    for (unsigned i = 0; i < world->queue_count; i++)
        world->queues[i].durable = true;
}

/* Most of what is ready is on the disk alone. */
static void make_long(struct world *world)
{
    if (!world->queue_memory)
        build_backlogs(world);
    world->queue_memory = 1;
    if (expires(world))
        return;
    world->page_messages = 1 + BELOW(8);
    world->lane_memory_min = 100 + BELOW(1500);
    world->lazy_pages = CHANCE(60);
}

void world_init(struct world *world, const struct sim_request *request)
{
    memset(world, 0, sizeof *world);
    world->seed = request->seed;
    world->steps = request->steps;
    world->sweep = request->sweep;
    world->sweep_at = request->at;
    trace_init(&world->trace, request);
    rng_init_u64(&world->rng, request->seed);
    bool large = CHANCE(25);
    world->client_count = large ? 3 + BELOW(WORLD_CLIENTS_MAX - 2) : 1 + BELOW(3);
    world->channels_max = 1 + BELOW(3);
    world->queue_count = large ? 4 + BELOW(WORLD_QUEUES_MAX - 3) : 1 + BELOW(3);
    world->rich = CHANCE(12);
    make_exchanges(world, large ? 2 + BELOW(4) : BELOW(3));
    make_queues(world);
    set_weights(world);
    set_habits(world);
    set_weather(world);
    if (CHANCE(20))
        raise_storm(world);
    if (world->queue_memory && CHANCE(60))
        build_backlogs(world);
    world_make_rules(world);
    world->realm_count = CHANCE(25) ? 2 : 1;
    world->vhost_permille = world->realm_count > 1 && CHANCE(50) ? 4 + BELOW(12) : 0;
    if (request->crowd)
        gather_crowd(world);
    if (request->sweep != SWEEP_NONE)
        make_durable(world);
    if (request->sweep == SWEEP_READ)
        make_long(world);
}

void world_fini(struct world *world)
{
    trace_fini(&world->trace);
    arena_fini(&world->arena);
}

enum act world_act(struct world *world)
{
    uint64_t draw = world_below(world, world->act_total);
    for (unsigned i = 0; i < ACT_COUNT; i++) {
        if (draw < world->act_weights[i])
            return i;
        draw -= world->act_weights[i];
    }
    UNREACHABLE();
}

const char *act_name(enum act act)
{
    static const char *const names[] = {
#define X(name) #name,
        ACT_TABLE(X)
#undef X
    };
    return names[act];
}
