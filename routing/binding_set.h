/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings that match together: those of a fanout exchange, of one key of a direct exchange, of one
 * pattern of a topic exchange. An array, since it is walked far more often than it changes, with
 * the destinations beside the bindings so that a route need not look into these.
 *
 * (1) binding.slot is the binding's index in its set; a binding is in at most one set.
 * (2) A set of one, the most frequent kind, has no memory of its own.
 */
#ifndef ROUTING_BINDING_SET_H
#define ROUTING_BINDING_SET_H

#include "routing/route_walk.h"

struct binding_entry {
    struct route_target *target; /* binding->destination */
    struct binding *binding;
};

struct binding_set {
    union {
        struct binding_entry one;   /* while capacity is 0 */
        struct binding_entry *many; /* heap */
    };
    uint32_t count;
    uint32_t capacity; /* of `many`; 0: at most one binding, in `one` */
};

void binding_set_init(struct binding_set *set);
/* The set must be empty. */
void binding_set_fini(struct binding_set *set);
/* Constant time, amortised. */
void binding_set_add(struct binding_set *set, struct binding *binding);
/* Constant time, amortised; the last binding takes the place of the one removed. */
void binding_set_remove(struct binding_set *set, struct binding *binding);

static inline void binding_set_route(const struct binding_set *set, struct route_walk *walk)
{
    const struct binding_entry *entries = set->capacity ? set->many : &set->one;

    for (uint32_t i = 0; i < set->count; i++)
        route_walk_match(walk, entries[i].binding, entries[i].target);
}

#endif
