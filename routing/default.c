/* SPDX-License-Identifier: Apache-2.0 */
/* The default exchange's type: every queue is bound to it by its name, without a binding being kept
 * anywhere [0-9-1 §2.1.2.4, "default exchange"]. The broker finds the queue of a name.
 */
#include "routing/exchange_type.h"
#include "routing/route_walk.h"

static void route_by_name(struct route_exchange *exchange, const struct route_request *request,
                          struct route_walk *walk)
{
    CHECK(exchange->lookup);
    for (size_t i = 0; i < request->key_count; i++) {
        struct route_target *queue = exchange->lookup(exchange, request->keys[i]);
        if (!queue)
            continue;
        walk->matched = true;
        if (walk->observer)
            route_walk_observe(walk, ROUTE_QUEUE, NULL, queue);
        route_walk_add(walk, queue);
    }
}

static void nothing(struct route_exchange *exchange)
{
    exchange->index = NULL;
}

const struct exchange_type default_exchange_type = {
    .name = "direct", /* as RabbitMQ shows it */
    .description = "the default exchange: routing key is the queue's name",
    .declarable = false,
    .init = nothing,
    .fini = nothing,
    .route = route_by_name,
};
