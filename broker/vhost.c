/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual hosts: made with the predeclared exchanges, found, limited, deleted. Loading is in
 * recovery.c. */
#include "broker/vhost.h"

#include "base/history.h"
#include "base/mem.h"
#include "broker/access.h"
#include "broker/broker.h"
#include "broker/connection.h"
#include "broker/exchange.h"
#include "broker/message.h"
#include "broker/parameter.h"
#include "broker/policy.h"
#include "broker/queue.h"
#include "proto/reply.h"
#include "storage/store.h"

#include <stdio.h>

static const struct {
    const char *name;
    const char *type;
    bool internal;
} predeclared[] = {
    {"", "direct", false},
    {"amq.direct", "direct", false},
    {"amq.fanout", "fanout", false},
    {"amq.topic", "topic", false},
    {"amq.headers", "headers", false},
    {"amq.match", "headers", false},
    {"amq.rabbitmq.trace", "topic", true},
};

static uint64_t name_hash(const struct broker *broker, struct slice name)
{
    return hmap_hash(name, broker->hash_seed);
}

static struct vhost *find_any(const struct broker *broker, struct slice name)
{
    struct hmap_node *node = hmap_first(&broker->vhosts, name_hash(broker, name));
    for (; node; node = hmap_next_same(node)) {
        struct vhost *vhost = CONTAINER_OF(node, struct vhost, node);
        if (slice_equal_str(name, vhost->name))
            return vhost;
    }
    return NULL;
}

struct vhost *vhost_find(struct broker *broker, struct slice name)
{
    struct vhost *vhost = find_any(broker, name);
    return vhost && !vhost->deleting ? vhost : NULL;
}

bool vhost_deleting(const struct broker *broker, struct slice name)
{
    const struct vhost *vhost = find_any(broker, name);
    return vhost ? vhost->deleting : store_vhost_deleting(broker->store, name);
}

static void declare_predeclared(struct vhost *vhost)
{
    for (size_t i = 0; i < ARRAY_LEN(predeclared); i++) {
        struct exchange_declare declare = {
            .name = slice_str(predeclared[i].name),
            .type = slice_str(predeclared[i].type),
            .durable = true,
            .internal = predeclared[i].internal,
        };
        exchange_create(vhost, &declare, false)->predeclared = true;
    }
}

enum err vhost_restore(struct broker *broker, struct slice name, struct vhost **out, char *message,
                       size_t message_size)
{
    struct store_db *db;
    enum err error = store_vhost_open(broker->store, name, &db, message, message_size);
    *out = NULL;
    if (error != ERR_OK)
        return error;
    struct vhost *vhost = MEM_NEW(struct vhost);
    vhost->broker = broker;
    vhost->db = db;
    vhost->name = slice_dup(name);
    vhost->description = slice_dup(slice_str(""));
    vhost->tags = slice_dup(slice_str(""));
    vhost->connections_max = -1;
    vhost->queues_max = -1;
    list_init(&vhost->connections);
    list_init(&vhost->waiting);
    list_init(&vhost->dead_letters);
    list_init(&vhost->dying_link);
    list_init(&vhost->ending);
    router_init(&vhost->router, rng_u64(&broker->rng));
    hmap_insert(&broker->vhosts, &vhost->node, name_hash(broker, name));
    list_push_back(&broker->vhost_list, &vhost->broker_link);
    declare_predeclared(vhost);
    *out = vhost;
    return ERR_OK;
}

void vhost_save(struct vhost *vhost)
{
    struct store_record record = {
        .kind = STORE_VHOST,
        .values = {{.bytes = slice_str(vhost->name)},
                   {.bytes = slice_str(vhost->description)},
                   {.bytes = slice_str(vhost->tags)},
                   {.bytes = slice_str(vhost->default_queue_type)},
                   {.integer = vhost->tracing},
                   {.bytes = slice_str(vhost->metadata)}},
    };
    store_put(store_node(vhost->broker->store), &record);
}

static bool too_many(const struct broker *broker)
{
    uint32_t most = broker->options.vhosts_max;
    return most && broker->vhosts.count >= most;
}

bool vhost_prepare(struct broker *broker, struct slice name)
{
    if (find_any(broker, name) || vhost_deleting(broker, name) || too_many(broker))
        return true;
    return store_vhost_prepare(broker->store, name);
}

struct vhost *vhost_create(struct broker *broker, struct slice name, bool *created, char *message,
                           size_t message_size)
{
    struct vhost *vhost = vhost_find(broker, name);
    *created = false;
    if (vhost)
        return vhost;
    if (vhost_deleting(broker, name)) {
        snprintf(message, message_size, "cannot create vhost '%.*s': it is being deleted",
                 SLICE_FMT(name));
        return NULL;
    }
    if (too_many(broker)) {
        store_vhost_drop(broker->store, name); /* another one came first */
        snprintf(message, message_size, "cannot create vhost '%.*s': vhost limit of %u is reached",
                 SLICE_FMT(name), broker->options.vhosts_max);
        return NULL;
    }
    if (vhost_restore(broker, name, &vhost, message, message_size) != ERR_OK)
        return NULL;
    if (vhost_load(vhost, message, message_size) != ERR_OK) {
        struct store_db *db = vhost->db;
        vhost_free(vhost);
        store_vhost_close(db);
        return NULL;
    }
    *created = true;
    vhost_save(vhost);
    vhost->known_seq = store_last(store_node(broker->store));
    return vhost;
}

uint64_t vhost_durable(const struct vhost *vhost)
{
    bool known = vhost->known_seq <= store_durable(store_node(vhost->broker->store));
    return known ? store_durable(vhost->db) : 0;
}

void vhost_put_record(struct vhost *vhost, const struct store_record *record)
{
    if (vhost_keeps_rows(vhost))
        store_put(vhost->db, record);
}

void vhost_remove_record(struct vhost *vhost, const struct store_record *record)
{
    if (vhost_keeps_rows(vhost))
        store_remove(vhost->db, record);
}

/* -- limits -- */

bool vhost_set_limit(struct vhost *vhost, struct slice name, int64_t value)
{
    if (slice_equal_str(name, "max-connections"))
        vhost->connections_max = value;
    else if (slice_equal_str(name, "max-queues"))
        vhost->queues_max = value;
    else
        return false;
    struct store_record record = {
        .kind = STORE_VHOST_LIMIT,
        .values = {{.bytes = slice_str(vhost->name)}, {.bytes = name}, {.integer = value}},
    };
    if (value < 0)
        store_remove(store_node(vhost->broker->store), &record);
    else
        store_put(store_node(vhost->broker->store), &record);
    return true;
}

/* -- the end -- */

/* A turn's share of work: about half a millisecond. */
#define BURY_TURN 192
#define CONNECTION_WORK 32 /* of which it takes so many to close a connection */
#define OBJECT_WORK 2      /* to destroy a queue or an exchange, and for each of its bindings */

static void spend(size_t *budget, size_t work)
{
    *budget -= work < *budget ? work : *budget;
}

/* True when all are closed. */
static bool close_connections(struct vhost *vhost, size_t *budget)
{
    struct reply reply;
    reply_set(&reply, REPLY_CONNECTION_FORCED, "vhost '%s' is deleted", vhost->name);
    while (!list_empty(&vhost->connections)) {
        if (*budget == 0)
            return false;
        struct connection *connection =
            LIST_FIRST(&vhost->connections, struct connection, vhost_link);
        connection->ops->close(connection, &reply);
        connection_leave_vhost(connection);
        connection->ops->durable(connection);
        spend(budget, CONNECTION_WORK);
    }
    return true;
}

static size_t destroy_queue(struct hmap_node *node)
{
    struct queue *queue = CONTAINER_OF(node, struct queue, node);
    size_t work = OBJECT_WORK * (1 + queue->target.bindings_to_count);
    queue_destroy(queue);
    return work;
}

static size_t destroy_exchange(struct hmap_node *node)
{
    struct exchange *exchange = CONTAINER_OF(node, struct exchange, node);
    size_t work = OBJECT_WORK * (1 + exchange->route.bindings_from_count +
                                 exchange->route.target.bindings_to_count);
    exchange_destroy(exchange);
    return work;
}

/* True when the map is empty. An object's end may be that of others, so a bucket is asked again for
 * each. */
static bool destroy_all(const struct hmap *map, uint64_t *cursor, size_t *budget,
                        size_t (*destroy)(struct hmap_node *node))
{
    while (map->count > 0) {
        struct hmap_node *node = hmap_scan(map, *cursor);
        if (*budget == 0)
            return false;
        if (node)
            spend(budget, destroy(node));
        else
            *cursor = hmap_scan_next(map, *cursor);
    }
    *cursor = 0;
    return true;
}

static void destroy_content(struct vhost *vhost)
{
    size_t budget = SIZE_MAX;
    uint64_t cursor = 0;
    CHECK(destroy_all(&vhost->queues, &cursor, &budget, destroy_queue));
    CHECK(destroy_all(&vhost->exchanges, &cursor, &budget, destroy_exchange));
}

static void release(struct vhost *vhost)
{
    CHECK(vhost->ready_count == 0);
    CHECK(vhost->unacked_count == 0);
    CHECK(vhost->consumer_count == 0);
    CHECK(vhost->channel_count == 0);
    router_fini(&vhost->router);
    hmap_fini(&vhost->exchanges);
    hmap_fini(&vhost->queues);
    hmap_remove(&vhost->broker->vhosts, &vhost->node);
    list_remove(&vhost->broker_link);
    list_remove(&vhost->dying_link);
    message_stats_add(&vhost->broker->stats, &vhost->stats);
    histogram_add(&vhost->broker->message_sizes, &vhost->message_sizes);
    history_free(vhost->history);
    mem_free(vhost->metadata);
    mem_free(vhost->default_queue_type);
    mem_free(vhost->tags);
    mem_free(vhost->description);
    mem_free(vhost->name);
    mem_free(vhost);
}

/* What is left of it when its objects have gone. */
static void end(struct vhost *vhost)
{
    struct broker *broker = vhost->broker;
    struct store_record record = {
        .kind = STORE_VHOST,
        .values = {{.bytes = slice_str(vhost->name)}},
    };
    vhost_set_limit(vhost, slice_str("max-connections"), -1);
    vhost_set_limit(vhost, slice_str("max-queues"), -1);
    access_forget_vhost(broker->access, slice_str(vhost->name));
    parameters_forget_vhost(broker->parameters, slice_str(vhost->name));
    policies_forget_vhost(broker->policies, slice_str(vhost->name));
    store_remove(store_node(broker->store), &record);
    store_vhost_delete(broker->store, vhost->db);
    release(vhost);
    broker_note_store(broker);
}

/* False when the budget is used up. */
static bool bury(struct vhost *vhost, size_t *budget)
{
    if (!close_connections(vhost, budget))
        return false;
    vhost->dropped = true;
    return destroy_all(&vhost->queues, &vhost->dying_cursor, budget, destroy_queue) &&
           destroy_all(&vhost->exchanges, &vhost->dying_cursor, budget, destroy_exchange);
}

/* To close a database is to wait for its writer, unless it has nothing to do. */
static bool idle(const struct vhost *vhost)
{
    return store_durable(vhost->db) >= store_last(vhost->db) ||
           store_status(vhost->db, NULL) != ERR_OK;
}

bool vhosts_bury(struct broker *broker)
{
    size_t budget = BURY_TURN;
    LIST_EACH(&broker->dying, node) {
        struct vhost *vhost = CONTAINER_OF(node, struct vhost, dying_link);
        if (!bury(vhost, &budget))
            return true;
        if (idle(vhost))
            end(vhost);
    }
    return false;
}

void vhost_delete(struct vhost *vhost)
{
    CHECK(!vhost->deleting);
    vhost->deleting = true;
    list_push_back(&vhost->broker->dying, &vhost->dying_link);
    vhosts_bury(vhost->broker);
}

void vhost_free(struct vhost *vhost)
{
    /* What is in memory goes; the rows stay. */
    vhost->closing = true;
    CHECK(list_empty(&vhost->connections));
    destroy_content(vhost);
    release(vhost);
}
