/* SPDX-License-Identifier: Apache-2.0 */
/* The bindings of one virtual host: how they come and go. (How they are walked: route.c.) */
#include "routing/router.h"

#include "base/mem.h"
#include "proto/table.h"
#include "routing/exchange_type.h"

#define KEY_LEN_MAX 255 /* a shortstr [0-9-1 §4.2.5.3] */

/* What makes a binding unique; `arguments` in sorted form. */
struct identity {
    const struct route_exchange *source;
    const struct route_target *destination;
    struct slice key;
    struct slice arguments;
    uint64_t hash;
};

void router_init(struct router *router, uint64_t seed)
{
    *router = (struct router){.seed = seed, .next_id = 1};
}

void router_fini(struct router *router)
{
    CHECK(router->bindings.count == 0);
    hmap_fini(&router->bindings);
}

void router_changed(struct router *router)
{
    router->generation++;
}

static void target_init(struct route_target *target, struct router *router, bool is_exchange)
{
    *target = (struct route_target){.is_exchange = is_exchange, .id = router->next_id++};
    list_init(&target->bindings_to);
}

void route_target_init(struct route_target *target, struct router *router)
{
    target_init(target, router, false);
}

void route_exchange_init(struct route_exchange *exchange, const struct exchange_type *type,
                         struct router *router)
{
    *exchange = (struct route_exchange){.type = type, .router = router};
    target_init(&exchange->target, router, true);
    list_init(&exchange->bindings_from);
    type->init(exchange);
}

void route_exchange_fini(struct route_exchange *exchange)
{
    CHECK(exchange->bindings_from_count == 0);
    CHECK(exchange->target.bindings_to_count == 0);
    exchange->type->fini(exchange);
}

/* Hashes go into one another; ids rather than addresses, so that a run replays to the bit. */
static struct identity identify(const struct router *router, const struct route_exchange *source,
                                const struct route_target *destination, struct slice key,
                                struct slice arguments)
{
    uint64_t hash = hmap_hash_u64(source->target.id, router->seed);

    hash = hmap_hash_u64(destination->id, hash);
    hash = hmap_hash(key, hash);
    hash = hmap_hash(arguments, hash);
    return (struct identity){source, destination, key, arguments, hash};
}

static struct binding *find(const struct router *router, const struct identity *identity)
{
    struct hmap_node *node = hmap_first(&router->bindings, identity->hash);

    for (; node; node = hmap_next_same(node)) {
        struct binding *binding = CONTAINER_OF(node, struct binding, in_router);
        if (binding->source == identity->source && binding->destination == identity->destination &&
            slice_equal(binding->key, identity->key) &&
            slice_equal(binding->arguments, identity->arguments))
            return binding;
    }
    return NULL;
}

/* The sorted form of `arguments`; `sorted` holds its bytes. */
static struct slice sort(struct buf *sorted, struct slice arguments)
{
    if (arguments.len == 0)
        return arguments;
    table_sort(sorted, arguments);
    return buf_slice(sorted);
}

/* One piece of memory for the binding and its two copies; NULL when there is none: clients choose
 * the size of the arguments. */
static struct binding *binding_new(const struct identity *identity, struct route_exchange *source,
                                   struct route_target *destination)
{
    size_t key_len = identity->key.len;
    size_t arguments_len = identity->arguments.len;
    struct binding *binding = mem_try_alloc(sizeof(*binding) + key_len + arguments_len);

    if (!binding)
        return NULL;
    uint8_t *bytes = (uint8_t *)(binding + 1);
    *binding = (struct binding){
        .source = source,
        .destination = destination,
        .key = slice_of(bytes, key_len),
        .arguments = slice_of(bytes + key_len, arguments_len),
    };
    if (key_len)
        memcpy(bytes, identity->key.data, key_len);
    if (arguments_len)
        memcpy(bytes + key_len, identity->arguments.data, arguments_len);
    return binding;
}

static void link(struct router *router, struct binding *binding, uint64_t hash)
{
    hmap_insert(&router->bindings, &binding->in_router, hash);
    list_push_back(&binding->source->bindings_from, &binding->in_source);
    binding->source->bindings_from_count++;
    list_push_back(&binding->destination->bindings_to, &binding->in_destination);
    binding->destination->bindings_to_count++;
    router_changed(router);
}

static enum bind_outcome bind_identity(struct router *router, const struct identity *identity,
                                       struct route_exchange *source,
                                       struct route_target *destination, struct binding **out,
                                       struct reply *error)
{
    *out = find(router, identity);
    if (*out)
        return BIND_EXISTED;
    struct binding *binding = binding_new(identity, source, destination);
    if (!binding) {
        reply_set(error, REPLY_RESOURCE_ERROR, "no memory for a binding's arguments");
        return BIND_REFUSED;
    }
    if (!source->type->bind(source, binding, error)) {
        mem_free(binding);
        return BIND_REFUSED;
    }
    link(router, binding, identity->hash);
    *out = binding;
    return BIND_NEW;
}

enum bind_outcome router_bind(struct router *router, struct route_exchange *source,
                              struct route_target *destination, struct slice key,
                              struct slice arguments, struct binding **out, struct reply *error)
{
    CHECK(source->router == router);
    CHECK(source->type->bind);
    CHECK(key.len <= KEY_LEN_MAX);

    struct buf sorted = BUF_INIT;
    struct binding *binding = NULL;
    struct identity identity = identify(router, source, destination, key, sort(&sorted, arguments));
    enum bind_outcome outcome =
        bind_identity(router, &identity, source, destination, &binding, error);

    buf_fini(&sorted);
    if (out)
        *out = binding;
    return outcome;
}

struct binding *router_find(struct router *router, const struct route_exchange *source,
                            const struct route_target *destination, struct slice key,
                            struct slice arguments)
{
    struct buf sorted = BUF_INIT;
    struct identity identity = identify(router, source, destination, key, sort(&sorted, arguments));
    struct binding *binding = find(router, &identity);

    buf_fini(&sorted);
    return binding;
}

void router_unbind(struct router *router, struct binding *binding)
{
    struct route_exchange *source = binding->source;
    struct route_target *destination = binding->destination;

    CHECK(source->bindings_from_count > 0);
    CHECK(destination->bindings_to_count > 0);
    source->type->unbind(source, binding);
    hmap_remove(&router->bindings, &binding->in_router);
    list_remove(&binding->in_source);
    source->bindings_from_count--;
    list_remove(&binding->in_destination);
    destination->bindings_to_count--;
    mem_free(binding);
    router_changed(router);
}

static void unbind_telling(struct router *router, struct binding *binding, binding_gone *gone,
                           void *context)
{
    CHECK(binding);
    if (gone)
        gone(binding, context);
    router_unbind(router, binding);
}

void router_unbind_all_to(struct router *router, struct route_target *target, binding_gone *gone,
                          void *context)
{
    while (!list_empty(&target->bindings_to))
        unbind_telling(router, LIST_FIRST(&target->bindings_to, struct binding, in_destination),
                       gone, context);
}

void router_unbind_all_from(struct router *router, struct route_exchange *exchange,
                            binding_gone *gone, void *context)
{
    while (!list_empty(&exchange->bindings_from))
        unbind_telling(router, LIST_FIRST(&exchange->bindings_from, struct binding, in_source),
                       gone, context);
}
