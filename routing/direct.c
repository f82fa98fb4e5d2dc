/* SPDX-License-Identifier: Apache-2.0 */
/* The direct type: bindings whose key is the routing key, found by hash [0-9-1 §3.1.3.1].
 *
 * (1) There is a group for each key that has a binding, and no other.
 * (2) binding.place is the binding's group.
 */
#include "base/mem.h"
#include "routing/binding_set.h"
#include "routing/exchange_type.h"
#include "routing/miss.h"

struct direct_index {
    struct hmap groups; /* struct direct_group.node, by key */
};

struct direct_group {
    struct hmap_node node;
    struct binding_set bindings;
    size_t key_len;
    uint8_t key[]; /* a copy: bindings of the same key come and go */
};

static struct direct_group *find(const struct direct_index *index, struct slice key, uint64_t hash)
{
    struct hmap_node *node = hmap_first(&index->groups, hash);

    for (; node; node = hmap_next_same(node)) {
        struct direct_group *group = CONTAINER_OF(node, struct direct_group, node);
        if (slice_equal(slice_of(group->key, group->key_len), key))
            return group;
    }
    return NULL;
}

static struct direct_group *group_new(struct direct_index *index, struct slice key, uint64_t hash)
{
    struct direct_group *group = mem_alloc(sizeof(*group) + key.len);

    binding_set_init(&group->bindings);
    group->key_len = key.len;
    if (key.len)
        memcpy(group->key, key.data, key.len);
    hmap_insert(&index->groups, &group->node, hash);
    return group;
}

static void direct_init(struct route_exchange *exchange)
{
    exchange->index = MEM_NEW(struct direct_index);
}

static void direct_fini(struct route_exchange *exchange)
{
    struct direct_index *index = exchange->index;

    CHECK(index->groups.count == 0);
    hmap_fini(&index->groups);
    mem_free(index);
    exchange->index = NULL;
}

static bool direct_bind(struct route_exchange *exchange, struct binding *binding,
                        struct reply *error)
{
    struct direct_index *index = exchange->index;
    uint64_t hash = hmap_hash(binding->key, exchange->router->seed);
    struct direct_group *group = find(index, binding->key, hash);

    (void)error; /* takes every binding */
    if (!group)
        group = group_new(index, binding->key, hash);
    binding_set_add(&group->bindings, binding);
    binding->place = group;
    return true;
}

static void direct_unbind(struct route_exchange *exchange, struct binding *binding)
{
    struct direct_index *index = exchange->index;
    struct direct_group *group = binding->place;

    binding_set_remove(&group->bindings, binding);
    binding->place = NULL;
    if (group->bindings.count > 0)
        return;
    hmap_remove(&index->groups, &group->node);
    binding_set_fini(&group->bindings);
    mem_free(group);
}

static void direct_route(struct route_exchange *exchange, const struct route_request *request,
                         struct route_walk *walk)
{
    const struct direct_index *index = exchange->index;

    for (size_t i = 0; i < request->key_count; i++) {
        uint64_t hash = hmap_hash(request->keys[i], exchange->router->seed);
        struct direct_group *group = find(index, request->keys[i], hash);
        if (group)
            binding_set_route(&group->bindings, walk);
    }
}

const struct exchange_type direct_exchange_type = {
    .name = "direct",
    .description = "where the binding key is the routing key",
    .declarable = true,
    .init = direct_init,
    .fini = direct_fini,
    .bind = direct_bind,
    .unbind = direct_unbind,
    .route = direct_route,
    .miss = direct_miss,
};
