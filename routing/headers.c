/* SPDX-License-Identifier: Apache-2.0 */
/* The headers type: by what the message's headers hold [0-9-1 §3.1.3.4]. Routing and binding keys
 * mean nothing to it. */
#include "base/mem.h"
#include "routing/exchange_type.h"
#include "routing/headers_index.h"
#include "routing/miss.h"

static void headers_init(struct route_exchange *exchange)
{
    struct headers_index *index = MEM_NEW(struct headers_index);

    headers_index_init(index, exchange->router->seed);
    exchange->index = index;
}

static void headers_fini(struct route_exchange *exchange)
{
    headers_index_fini(exchange->index);
    mem_free(exchange->index);
    exchange->index = NULL;
}

static bool headers_bind(struct route_exchange *exchange, struct binding *binding,
                         struct reply *error)
{
    return headers_index_add(exchange->index, binding, error);
}

static void headers_unbind(struct route_exchange *exchange, struct binding *binding)
{
    headers_index_remove(exchange->index, binding);
}

static void headers_route(struct route_exchange *exchange, const struct route_request *request,
                          struct route_walk *walk)
{
    headers_index_match(exchange->index, request->headers, walk);
}

const struct exchange_type headers_exchange_type = {
    .name = "headers",
    .description = "by the message's headers",
    .declarable = true,
    .init = headers_init,
    .fini = headers_fini,
    .bind = headers_bind,
    .unbind = headers_unbind,
    .route = headers_route,
    .miss = headers_miss,
};
