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

struct vhost *vhost_find(struct broker *broker, struct slice name)
{
    struct hmap_node *node = hmap_first(&broker->vhosts, name_hash(broker, name));
    for (; node; node = hmap_next_same(node)) {
        struct vhost *vhost = CONTAINER_OF(node, struct vhost, node);
        if (slice_equal_str(name, vhost->name))
            return vhost;
    }
    return NULL;
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

struct vhost *vhost_create(struct broker *broker, struct slice name, bool *created, char *message,
                           size_t message_size)
{
    struct vhost *vhost = vhost_find(broker, name);
    uint32_t most = broker->options.vhosts_max;
    *created = false;
    if (vhost)
        return vhost;
    if (most && broker->vhosts.count >= most) {
        snprintf(message, message_size, "cannot create vhost '%.*s': vhost limit of %u is reached",
                 SLICE_FMT(name), most);
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
    if (!vhost->closing)
        store_put(vhost->db, record);
}

void vhost_remove_record(struct vhost *vhost, const struct store_record *record)
{
    if (!vhost->closing)
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

static void close_connections(struct vhost *vhost)
{
    struct reply reply;
    reply_set(&reply, REPLY_CONNECTION_FORCED, "vhost '%s' is deleted", vhost->name);
    while (!list_empty(&vhost->connections)) {
        struct connection *connection =
            LIST_FIRST(&vhost->connections, struct connection, vhost_link);
        connection->ops->close(connection, &reply);
        connection_leave_vhost(connection);
        connection->ops->durable(connection);
    }
}

static void destroy_queues(struct vhost *vhost)
{
    struct hmap_node *node;
    while ((node = hmap_walk(&vhost->queues, NULL)))
        queue_destroy(CONTAINER_OF(node, struct queue, node));
}

static void destroy_exchanges(struct vhost *vhost)
{
    struct hmap_node *node;
    while ((node = hmap_walk(&vhost->exchanges, NULL)))
        exchange_destroy(CONTAINER_OF(node, struct exchange, node));
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

void vhost_delete(struct vhost *vhost)
{
    struct broker *broker = vhost->broker;
    struct store_record record = {
        .kind = STORE_VHOST,
        .values = {{.bytes = slice_str(vhost->name)}},
    };
    close_connections(vhost);
    destroy_queues(vhost);
    destroy_exchanges(vhost);
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

void vhost_free(struct vhost *vhost)
{
    /* What is in memory goes; the rows stay. */
    vhost->closing = true;
    CHECK(list_empty(&vhost->connections));
    destroy_queues(vhost);
    destroy_exchanges(vhost);
    release(vhost);
}
