/* SPDX-License-Identifier: Apache-2.0 */
/* The walk of one message over the exchanges, breadth first.
 *
 *   published to ──> ask an exchange's type ──> queues: into the result
 *                         ^        │
 *                         │        ├─ exchanges not yet entered: into the chain
 *                         │        └─ nothing matched: the alternate exchange, into the chain
 *                         └──────── next of the chain
 */
#include "routing/route_walk.h"

#include "base/mem.h"
#include "routing/exchange_type.h"

#define RESULT_FIRST 16

void route_result_fini(struct route_result *result)
{
    mem_free(result->queues);
    *result = ROUTE_RESULT_INIT;
}

void route_walk_grow(struct route_walk *walk)
{
    struct route_result *result = walk->result;

    result->capacity = result->capacity ? result->capacity * 2 : RESULT_FIRST;
    result->queues = mem_realloc(result->queues, result->capacity * sizeof(result->queues[0]));
}

void route_walk_observe(struct route_walk *walk, enum route_event event, struct binding *binding,
                        const struct route_target *target)
{
    if (binding) {
        if (binding->visit == walk->visit)
            return; /* told already */
        binding->visit = walk->visit;
    }
    walk->observer->step(walk->observer, event, walk->exchange, binding, target);
}

/* About what it takes to compare a binding with a message. */
static uint64_t work_of(const struct binding *binding, const struct route_request *request)
{
    uint64_t work = sizeof(*binding) + binding->key.len + binding->arguments.len;

    for (size_t i = 0; i < request->key_count; i++)
        work += request->keys[i].len;
    return work;
}

/* Those that have no mark of this walk didn't match. */
static void observe_unmatched(struct route_walk *walk, const struct route_request *request)
{
    struct route_observer *observer = walk->observer;

    LIST_EACH(&walk->exchange->bindings_from, node) {
        struct binding *binding = CONTAINER_OF(node, struct binding, in_source);
        if (observer->work_max && observer->work >= observer->work_max)
            return;
        observer->work += work_of(binding, request);
        route_walk_observe(walk, ROUTE_UNMATCHED, binding, NULL);
    }
}

static void turn_to_alternate(struct route_walk *walk)
{
    struct route_exchange *alternate = walk->exchange->alternate(walk->exchange);

    if (!alternate)
        return;
    if (walk->observer)
        route_walk_observe(walk, ROUTE_ALTERNATE, NULL, &alternate->target);
    route_walk_add(walk, &alternate->target);
}

static void ask(struct route_walk *walk, const struct route_request *request)
{
    struct route_exchange *exchange = walk->exchange;

    walk->matched = false;
    if (walk->observer)
        route_walk_observe(walk, ROUTE_ENTER, NULL, NULL);
    exchange->type->route(exchange, request, walk);
    if (walk->observer)
        observe_unmatched(walk, request);
    if (!walk->matched && exchange->alternate)
        turn_to_alternate(walk);
}

static bool route(struct router *router, const struct route_request *request,
                  struct route_result *result, struct route_observer *observer)
{
    struct route_walk walk = {
        .visit = ++router->visit,
        .result = result,
        .observer = observer,
    };

    CHECK(request->exchange->router == router);
    result->count = 0;
    route_walk_add(&walk, &request->exchange->target);
    while (walk.first) {
        walk.exchange = walk.first;
        walk.first = walk.exchange->pending;
        ask(&walk, request);
    }
    return result->count > 0;
}

bool router_route(struct router *router, const struct route_request *request,
                  struct route_result *result)
{
    return route(router, request, result, NULL);
}

bool router_explain(struct router *router, const struct route_request *request,
                    struct route_result *result, struct route_observer *observer)
{
    return route(router, request, result, observer);
}
