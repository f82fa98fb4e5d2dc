/* SPDX-License-Identifier: Apache-2.0 */
/* See fuzz_world.h. */
#include "tests/fuzz/fuzz_world.h"

#include "base/check.h"
#include "base/mem.h"
#include "broker/access.h"
#include "broker/exchange.h"
#include "broker/parameter.h"
#include "broker/policy.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "storage/store.h"

#define WALL_START_MS INT64_C(1700000000000)

struct fuzz_world *fuzz_world_new(void)
{
    struct fuzz_world *world = MEM_NEW(struct fuzz_world);
    struct broker_options options;
    char message[256];
    broker_options_init(&options);
    options.auth_mechanisms = "PLAIN AMQPLAIN EXTERNAL ANONYMOUS";
    options.anonymous_user = "guest";
    struct store_options store = {.manual = true, .pending_bytes_max = UINT64_C(1) << 30};
    broker_store_options(&store);
    enum err error = store_open(&world->store, &store, message, sizeof(message));
    CHECK(error == ERR_OK);
    world->broker = broker_new(&options, world->store);
    broker_set_time(world->broker, world->now_ms, WALL_START_MS);
    error = broker_start(world->broker, message, sizeof(message));
    CHECK(error == ERR_OK);
    return world;
}

void fuzz_world_free(struct fuzz_world *world)
{
    broker_stop(world->broker);
    CHECK(store_close(world->store));
    broker_free(world->broker);
    mem_free(world);
}

/* -- the turn -- */

static void check_queues(struct broker *broker)
{
    LIST_EACH(&broker->vhost_list, vhost_node) {
        struct vhost *vhost = CONTAINER_OF(vhost_node, struct vhost, broker_link);
        HMAP_EACH(&vhost->queues, node)
            queue_assert(CONTAINER_OF(node, struct queue, node));
    }
}

void fuzz_world_begin_turn(struct fuzz_world *world)
{
    struct broker *broker = world->broker;
    if (!world->disk_stalls) {
        store_write(store_node(world->store));
        LIST_EACH(&broker->vhost_list, node) {
            struct store_db *db = CONTAINER_OF(node, struct vhost, broker_link)->db;
            store_write(db);
            store_read(db);
        }
    }
    broker_set_time(broker, world->now_ms, WALL_START_MS + world->now_ms);
    broker_collect(broker);
    broker_run_timers(broker);
}

void fuzz_world_end_turn(struct fuzz_world *world)
{
    broker_dispatch(world->broker);
    broker_settle(world->broker);
    check_queues(world->broker);
}

void fuzz_world_turn(struct fuzz_world *world)
{
    fuzz_world_begin_turn(world);
    fuzz_world_end_turn(world);
}

/* -- the end of an input -- */

static void delete_topology(struct vhost *vhost)
{
    struct hmap_node *queue;
    while ((queue = hmap_walk(&vhost->queues, NULL)))
        queue_destroy(CONTAINER_OF(queue, struct queue, node));
    HMAP_EACH_SAFE(&vhost->exchanges, node) {
        struct exchange *exchange = CONTAINER_OF(node, struct exchange, node);
        if (!exchange->predeclared)
            exchange_destroy(exchange);
    }
}

/* The default virtual host, as at first; the others go. */
static void reset_vhosts(struct broker *broker)
{
    char message[256];
    bool created;
    LIST_EACH(&broker->vhost_list, node) {
        struct vhost *vhost = CONTAINER_OF(node, struct vhost, broker_link);
        if (strcmp(vhost->name, "/") != 0)
            vhost_delete(vhost);
    }
    struct vhost *vhost = vhost_create(broker, slice_str("/"), &created, message, sizeof(message));
    CHECK(vhost);
    delete_topology(vhost);
    parameters_forget_vhost(broker->parameters, slice_str("/"));
    if (vhost->connections_max >= 0)
        vhost_set_limit(vhost, slice_str("max-connections"), -1);
    if (vhost->queues_max >= 0)
        vhost_set_limit(vhost, slice_str("max-queues"), -1);
    vhost->tracing = false;
}

struct found_policy {
    char *vhost, *name; /* NULL: none yet */
    bool of_operator;
};

static void note_policy(void *context, const struct policy *policy)
{
    struct found_policy *found = context;
    if (found->name)
        return;
    *found = (struct found_policy){slice_dup(policy->vhost), slice_dup(policy->name),
                                   policy->of_operator};
}

static void reset_policies(struct policies *policies)
{
    for (;;) {
        struct found_policy found = {0};
        policies_each(policies, note_policy, &found);
        if (!found.name)
            return;
        struct policy key = {.vhost = slice_str(found.vhost),
                             .name = slice_str(found.name),
                             .of_operator = found.of_operator};
        CHECK(policy_clear(policies, &key));
        while (policies_apply(policies)) {
        }
        mem_free(found.vhost);
        mem_free(found.name);
    }
}

static void find_other_user(void *context, struct user *user)
{
    if (strcmp(user->name, "guest") != 0)
        *(struct user **)context = user;
}

/* guest alone, with its first password and all permissions in "/". */
static void reset_users(struct access *access)
{
    const struct slice guest = slice_str("guest");
    const struct slice all = slice_str(".*");
    char message[256];
    struct user *other;
    for (;;) {
        other = NULL;
        access_each_user(access, find_other_user, &other);
        if (!other)
            break;
        char *name = slice_dup(slice_str(other->name));
        CHECK(access_delete_user(access, slice_str(name)));
        mem_free(name);
    }
    access_delete_user(access, guest);
    access_set_user(access, guest, guest, slice_str("administrator"));
    enum err error = access_set_permission(access, guest, slice_str("/"), all, all, all, message,
                                           sizeof(message));
    CHECK(error == ERR_OK);
}

static void note_global(void *context, const struct parameter *parameter)
{
    char **name = context;
    if (parameter->vhost.len == 0 && !*name)
        *name = slice_dup(parameter->name);
}

static void reset_global_parameters(struct parameters *parameters)
{
    for (;;) {
        char *name = NULL;
        parameters_each(parameters, note_global, &name);
        if (!name)
            return;
        CHECK(parameter_clear(parameters, &(struct parameter){.name = slice_str(name)}));
        mem_free(name);
    }
}

static void check_nothing_left(const struct fuzz_world *world)
{
    const struct broker *broker = world->broker;
    CHECK(list_empty(&broker->connections) && list_empty(&broker->runnable));
    CHECK(broker->message_count == 0 && broker->message_bytes == 0);
    CHECK(broker->lane_count == 0 && broker->queue_count == 0);
    CHECK(broker->reply_channels.count == 0 && broker->vhosts.count == 1);
    CHECK(broker_next_deadline(broker) == INT64_MAX);
    const struct vhost *vhost = vhost_find(world->broker, slice_str("/"));
    CHECK(vhost_durable(vhost) == store_last(vhost->db));
}

void fuzz_world_reset(struct fuzz_world *world)
{
    struct broker *broker = world->broker;
    world->disk_stalls = false;
    for (unsigned i = 0; i < ALARM_COUNT; i++)
        broker_set_alarm(broker, (enum alarm)i, false);
    fuzz_world_turn(world);
    reset_vhosts(broker);
    if (access_generation(broker->access) != world->access_generation)
        reset_users(broker->access);
    world->access_generation = access_generation(broker->access);
    reset_global_parameters(broker->parameters);
    reset_policies(broker->policies);
    for (unsigned i = 0; i < 3; i++)
        fuzz_world_turn(world);
    check_nothing_left(world);
    rng_init_u64(&broker->rng, 1);
    world->inputs++;
}
