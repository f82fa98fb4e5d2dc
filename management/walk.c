/* SPDX-License-Identifier: Apache-2.0 */
/* Walks in parts: a bucket of a map at a time. */
#include "management/walk.h"

#include "base/mem.h"
#include "broker/connection.h"
#include "broker/exchange.h"
#include "broker/queue.h"
#include "broker/vhost.h"

#define RESTARTS_MAX 8
#define BUCKET_WORK 4 /* an empty one's; see management_work() */

void walk_init(struct walk *walk, struct broker *broker, enum walk_kind kind,
               bool (*wants)(const void *context, const struct vhost *vhost), const void *context)
{
    *walk = (struct walk){.kind = kind};
    walk->vhosts = mem_zalloc((broker->vhosts.count + 1) * sizeof(*walk->vhosts));
    if (kind == WALK_CONNECTIONS) {
        walk->vhost_count = 1;
        return;
    }
    LIST_EACH(&broker->vhost_list, link) {
        const struct vhost *vhost = CONTAINER_OF(link, struct vhost, broker_link);
        if (!wants || wants(context, vhost))
            walk->vhosts[walk->vhost_count++] = slice_dup(slice_str(vhost->name));
    }
}

void walk_fini(struct walk *walk)
{
    for (size_t i = 0; i < walk->vhost_count; i++)
        mem_free(walk->vhosts[i]);
    mem_free(walk->vhosts);
    *walk = (struct walk){0};
}

/* The map at which the walk is; NULL when its virtual host has gone. */
static const struct hmap *current_map(const struct walk *walk, struct broker *broker)
{
    if (walk->kind == WALK_CONNECTIONS)
        return &broker->connection_ids;
    const struct vhost *vhost = vhost_find(broker, slice_str(walk->vhosts[walk->vhost]));
    if (!vhost)
        return NULL;
    if (walk->kind == WALK_QUEUES)
        return &vhost->queues;
    return walk->kind == WALK_EXCHANGES ? &vhost->exchanges : &vhost->router.bindings;
}

static void *object_of(enum walk_kind kind, struct hmap_node *node)
{
    switch (kind) {
    case WALK_QUEUES:
        return CONTAINER_OF(node, struct queue, node);
    case WALK_EXCHANGES:
        return CONTAINER_OF(node, struct exchange, node);
    case WALK_BINDINGS:
        return CONTAINER_OF(node, struct binding, in_router);
    case WALK_CONNECTIONS:
        return CONTAINER_OF(node, struct connection, id_node);
    }
    UNREACHABLE();
}

/* False when the map is not the one in which the walk began. */
static bool keeps_still(struct walk *walk, const struct hmap *map)
{
    size_t buckets = hmap_buckets(map);

    if (walk->cursor == 0)
        walk->buckets = buckets;
    return walk->buckets == buckets || walk->restarts == RESTARTS_MAX;
}

static void restart(struct walk *walk, const struct walk_visitor *visitor)
{
    walk->restarts++;
    walk->vhost = 0;
    walk->cursor = 0;
    visitor->forget(visitor->context);
}

/* Until the map's end, or that of the call's work: then false. */
static bool run_map(struct walk *walk, const struct hmap *map, struct call *call,
                    const struct walk_visitor *visitor)
{
    do {
        if (call_spent(call))
            return false;
        for (struct hmap_node *node = hmap_scan(map, walk->cursor); node; node = node->next)
            visitor->visit(visitor->context, object_of(walk->kind, node));
        call_spend(call, BUCKET_WORK);
        walk->cursor = hmap_scan_next(map, walk->cursor);
    } while (walk->cursor);
    return true;
}

bool walk_run(struct walk *walk, struct call *call, const struct walk_visitor *visitor)
{
    while (walk->vhost < walk->vhost_count) {
        const struct hmap *map = current_map(walk, call->broker);
        if (map && !keeps_still(walk, map)) {
            restart(walk, visitor);
            continue;
        }
        if (map && !run_map(walk, map, call, visitor))
            return false;
        walk->cursor = 0;
        walk->vhost++;
    }
    return true;
}
