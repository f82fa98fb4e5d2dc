/* SPDX-License-Identifier: Apache-2.0 */
/* The node's life: it starts, dies, is stopped, loses its disk or its power. What it comes back with
 * decides the model's turn: what is on the disk must be what some turn left, and one that the
 * promises allow.
 */
#include "tests/sim/node.h"

#include "base/mem.h"
#include "broker/access.h"
#include "broker/broker.h"
#include "broker/vhost.h"
#include "tests/sim/peek.h"

#include <inttypes.h>
#include <sqlite3.h>

/* -- the disk -- */

void node_break_disk(struct node *node)
{
    static const int results[] = {SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC};
    struct memvfs_fault fault = {
        .operations = world_percent(node->world, 50) ? MEMVFS_CHANGE : MEMVFS_SYNC,
        .after = world_below(node->world, 6),
        .lasting = world_percent(node->world, 70),
        .result = results[world_below(node->world, ARRAY_LEN(results))],
    };
    node->broken = true;
    memvfs_fail(node->disk, fault);
    trace_line(&node->world->trace, "disk: breaks after %" PRIu64, fault.after);
}

/* In each of some ways, for once and for longer. */
static void fail_at(struct node *node, uint64_t after)
{
    static const int writes[] = {SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC};
    static const int reads[] = {SQLITE_IOERR_READ, SQLITE_CORRUPT, SQLITE_IOERR_READ};
    bool reading = node->world->sweep == SWEEP_READ;
    const int *results = reading ? reads : writes;
    memvfs_fail(node->disk,
                (struct memvfs_fault){.operations = reading ? MEMVFS_READ : MEMVFS_CHANGE,
                                      .after = after,
                                      .lasting = after % 2 == 0,
                                      .result = results[after % ARRAY_LEN(writes)]});
}

bool node_broken(const struct node *node)
{
    return node->broken || memvfs_struck(node->disk);
}

void node_mend_disk(struct node *node)
{
    if (!node_broken(node))
        return;
    node->broken = false;
    memvfs_fail(node->disk, (struct memvfs_fault){0});
    trace_line(&node->world->trace, "disk: works again");
}

void node_maintain(struct node *node)
{
    peek_maintain(node);
    trace_line(&node->world->trace, "disk: maintained");
}

bool node_dark(const struct node *node)
{
    return memvfs_dark(node->disk);
}

/* -- starting -- */

/* The disk has a reason to refuse. */
static bool is_troubled(const struct node *node)
{
    return node_dark(node) || node_broken(node);
}

/* False: the disk would not have it. */
static bool open_store(struct node *node)
{
    struct store_options options = {
        .directory = "/disk",
        .vfs = "sim",
        .manual = true,
        .pending_bytes_max = node->world->store_pending_max,
    };
    char message[512];
    broker_store_options(&options);
    bool open = store_open(&node->store, &options, message, sizeof message) == ERR_OK;
    if (!open && !is_troubled(node))
        model_fail(node->model, "the store does not open: %s", message);
    return open;
}

static void set_options(const struct node *node, struct broker_options *options)
{
    broker_options_init(options);
    rng_bytes(&node->world->rng, options->seed, sizeof options->seed);
    options->consumer_timeout_ms = node->world->consumer_timeout_ms;
    options->heartbeat_s = node->world->heartbeat_s;
    options->frame_max = node->world->frame_max;
    options->handshake_timeout_ms = INT32_MAX;
    if (!node->world->queue_memory)
        return;
    options->queue_memory = node->world->queue_memory;
    options->page_messages = node->world->page_messages;
    options->expiry_ahead_ms = node->world->expiry_ahead_ms;
    options->lane_memory_min = node->world->lane_memory_min;
}

static void die(struct node *node)
{
    store_crash(node->store);
    broker_free(node->broker);
}

struct vhost *node_make_vhost(struct node *node, const char *name)
{
    char message[512];
    bool created;
    struct vhost *vhost =
        vhost_create(node->broker, slice_str(name), &created, message, sizeof message);
    if (!vhost && !is_troubled(node))
        model_fail(node->model, "virtual host %s: %s", name, message);
    if (!vhost)
        return NULL;
    struct slice all = slice_str(".*");
    CHECK(access_set_permission(node->broker->access, slice_str("guest"), slice_str(name), all, all,
                                all, message, sizeof message) == ERR_OK);
    return vhost;
}

/* False: the disk would not have it. */
static bool find_realms(struct node *node)
{
    EACH_REALM(node, realm)
    {
        struct vhost *vhost = vhost_find(node->broker, slice_str(realm->name));
        if (!vhost && realm == node->realms)
            model_fail(node->model, "the default virtual host is not there");
        if (!vhost && node->lives == 0)
            vhost = node_make_vhost(node, realm->name);
        if (!vhost && node->lives == 0)
            return false;
        realm->db = vhost ? vhost->db : NULL;
    }
    return true;
}

/* False: the disk would not have it; nothing is left of it then. */
static bool start_broker(struct node *node)
{
    struct broker_options options;
    char message[512];
    set_options(node, &options);
    if (!open_store(node))
        return false;
    node->broker = broker_new(&options, node->store);
    broker_set_time(node->broker, node->now_ms, node->wall_ms);
    bool started = broker_start(node->broker, message, sizeof message) == ERR_OK;
    if (!started && !is_troubled(node))
        model_fail(node->model, "the broker does not start: %s", message);
    if (!started) {
        die(node);
        return false;
    }
    if (find_realms(node))
        return true;
    die(node);
    return false;
}

/* What starting wrote is made durable at once: no client can know of it. */
static void finish_start(struct node *node)
{
    broker_settle(node->broker);
    for (int i = 0; i < 3; i++) {
        store_write(store_node(node->store));
        EACH_REALM(node, realm)
        {
            if (realm->db) {
                store_write(realm->db);
                store_read(realm->db);
            }
        }
        broker_collect(node->broker);
        broker_settle(node->broker);
    }
    EACH_REALM(node, realm)
    realm_reset(realm);
}

/* Where the power is cut, it may go again before everything is as it was. */
static void lose_power(struct node *node)
{
    uint64_t seed = world_percent(node->world, 80) ? world_below(node->world, 1u << 30) : 0;
    bool dark = node_dark(node);
    memvfs_power_loss(node->disk, seed);
    if (dark && world_percent(node->world, 30))
        memvfs_cut_power(node->disk, world_below(node->world, 40));
}

/* Until it is up; the power may go at every start, and the disk may refuse what it asks. */
static void start(struct node *node, struct candidates *candidates)
{
    for (;;) {
        if (start_broker(node)) {
            node_find_rules(node);
            for (unsigned i = 0; i < node->realm_count; i++) {
                struct realm *realm = &node->realms[i];
                model_set_time(realm->model, node->now_ms, node->wall_ms);
                realm_find(node, realm, &candidates[i]);
                candidates[i] = (struct candidates){.turns = {realm->model->durable}, .count = 1};
            }
            finish_start(node);
            if (!is_troubled(node))
                break;
            die(node);
        }
        trace_line(&node->world->trace, "%s while starting",
                   node_dark(node) ? "POWER CUT" : "the disk failed");
        node_mend_disk(node);
        lose_power(node);
    }
    node->lives++;
    EACH_REALM(node, realm)
    if (realm->state == REALM_THERE)
        peek_compare(realm->model);
}

struct node *node_new(struct world *world)
{
    struct node *node = ARENA_NEW(&world->arena, struct node);
    node->world = world;
    struct candidates candidates[WORLD_REALMS_MAX] = {{.count = 1}, {.count = 1}};
    static const char *const names[WORLD_REALMS_MAX] = {"/", "other"};
    node->realm_count = world->realm_count;
    for (unsigned i = 0; i < node->realm_count; i++) {
        struct realm *realm = &node->realms[i];
        realm->name = names[i];
        realm->model = model_new(world);
        realm->model->node = node;
        realm->model->realm = realm;
    }
    node->model = node->realms[0].model;
    node->disk = memvfs_new("sim");
    node->now_ms = 1000;
    node->wall_ms = 1700000000000;
    world->trace.now_ms = node->now_ms;
    if (world->sweep_at && world->sweep == SWEEP_POWER)
        memvfs_cut_power(node->disk, world->sweep_at - 1);
    else if (world->sweep_at)
        fail_at(node, world->sweep_at - 1);
    start(node, candidates);
    return node;
}

/* -- ending -- */

static void drop_links(struct node *node, const char *reason)
{
    while (node->links.count > 0) {
        struct link *link = node->links.at[0];
        if (link->amqp)
            amqp_connection_free(link->amqp, reason);
        link->amqp = NULL;
        link_free(link);
        vec_remove_at(&node->links, 0);
    }
}

/* A batch that the disk refused half-way may be there afterwards, or not. */
void node_crash(struct node *node)
{
    struct candidates candidates[WORLD_REALMS_MAX] = {0};
    uint64_t known = store_durable(store_node(node->store));
    for (unsigned i = 0; i < node->realm_count; i++) {
        const struct model *model = node->realms[i].model;
        realm_foresee(&node->realms[i], known);
        if (node->realms[i].state == REALM_GONE)
            candidates[i].turns[candidates[i].count++] = model->turn;
        if (is_troubled(node) || node->realms[i].refused)
            candidates[i].turns[candidates[i].count++] = model->handed;
        candidates[i].turns[candidates[i].count++] = model->durable;
        trace_line(&node->world->trace, "%s: %s durable up to turn %" PRIu64 " of %" PRIu64,
                   node_dark(node) ? "POWER CUT" : "CRASH", node->realms[i].name, model->durable,
                   model->turn);
    }
    node_mend_disk(node);
    drop_links(node, "crash");
    die(node);
    lose_power(node);
    start(node, candidates);
}

static void stop(struct node *node, const char *reason)
{
    while (node->links.count > 0)
        node_disconnect(node, node->links.at[0], reason);
    broker_stop(node->broker);
    store_close(node->store);
    broker_free(node->broker);
}

void node_restart(struct node *node)
{
    struct candidates candidates[WORLD_REALMS_MAX];
    node_mend_disk(node);
    trace_line(&node->world->trace, "RESTART in order");
    uint64_t known = store_durable(store_node(node->store));
    stop(node, "restart");
    bool troubled = is_troubled(node);
    for (unsigned i = 0; i < node->realm_count; i++) {
        const struct model *model = node->realms[i].model;
        realm_foresee(&node->realms[i], troubled ? known : UINT64_MAX);
        candidates[i] = (struct candidates){
            .turns = {model->turn, model->handed, model->durable},
            .count = troubled ? CANDIDATES_MAX : 1,
            .clean = !troubled,
        };
    }
    if (troubled) {
        trace_line(&node->world->trace, "%s while stopping",
                   node_dark(node) ? "POWER CUT" : "the disk failed");
        node_mend_disk(node);
        lose_power(node);
    }
    start(node, candidates);
}

void node_free(struct node *node)
{
    stop(node, "the end");
    memvfs_free(node->disk);
}
