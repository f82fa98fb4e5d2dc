/* SPDX-License-Identifier: Apache-2.0 */
/* One message's walk over the exchanges, as the exchange types see it: they name what matches, the
 * walk collects each queue once and remembers which exchanges are still to be entered.
 *
 * (1) The exchanges to be entered form a chain through route_exchange.pending, so that a route
 *     needs no memory of its own and no recursion, however long the paths that clients lay.
 */
#ifndef ROUTING_ROUTE_WALK_H
#define ROUTING_ROUTE_WALK_H

#include "routing/router.h"

struct route_walk {
    uint64_t visit;                  /* this route's number */
    struct route_exchange *exchange; /* being asked now */
    bool matched;                    /* whether anything of it has matched */
    struct route_exchange *first;    /* chain of those to be asked after it */
    struct route_exchange *last;
    struct route_result *result;
    struct route_observer *observer; /* NULL in router_route() */
};

/* What a walk does out of line. */
void route_walk_grow(struct route_walk *walk);
void route_walk_observe(struct route_walk *walk, enum route_event event, struct binding *binding,
                        const struct route_target *target);

/* Adds a target unless it has had its turn. */
static inline void route_walk_add(struct route_walk *walk, struct route_target *target)
{
    if (target->visit == walk->visit)
        return;
    target->visit = walk->visit;
    if (target->is_exchange) {
        struct route_exchange *exchange = CONTAINER_OF(target, struct route_exchange, target);
        exchange->pending = NULL;
        if (walk->first)
            walk->last->pending = exchange;
        else
            walk->first = exchange;
        walk->last = exchange;
        return;
    }
    if (walk->result->count == walk->result->capacity)
        route_walk_grow(walk);
    walk->result->queues[walk->result->count++] = target;
}

/* `binding`, whose destination is `target`, matches. */
static inline void route_walk_match(struct route_walk *walk, struct binding *binding,
                                    struct route_target *target)
{
    walk->matched = true;
    if (__builtin_expect(walk->observer != NULL, 0))
        route_walk_observe(walk, ROUTE_MATCHED, binding, NULL);
    route_walk_add(walk, target);
}

#endif
