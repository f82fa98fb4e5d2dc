/* SPDX-License-Identifier: Apache-2.0 */
/* The fanout type: every binding matches [0-9-1 §3.1.3.2]. */
#include "base/mem.h"
#include "routing/binding_set.h"
#include "routing/exchange_type.h"

static void fanout_init(struct route_exchange *exchange)
{
    struct binding_set *all = MEM_NEW(struct binding_set);

    binding_set_init(all);
    exchange->index = all;
}

static void fanout_fini(struct route_exchange *exchange)
{
    binding_set_fini(exchange->index);
    mem_free(exchange->index);
    exchange->index = NULL;
}

static bool fanout_bind(struct route_exchange *exchange, struct binding *binding,
                        struct reply *error)
{
    (void)error; /* takes every binding */
    binding_set_add(exchange->index, binding);
    return true;
}

static void fanout_unbind(struct route_exchange *exchange, struct binding *binding)
{
    binding_set_remove(exchange->index, binding);
}

static void fanout_route(struct route_exchange *exchange, const struct route_request *request,
                         struct route_walk *walk)
{
    (void)request;
    binding_set_route(exchange->index, walk);
}

const struct exchange_type fanout_exchange_type = {
    .name = "fanout",
    .description = "to everything that is bound",
    .declarable = true,
    .init = fanout_init,
    .fini = fanout_fini,
    .bind = fanout_bind,
    .unbind = fanout_unbind,
    .route = fanout_route,
};
