/* SPDX-License-Identifier: Apache-2.0 */
/* The topic type: a trie of patterns [0-9-1 §3.1.3.3]. */
#include "base/mem.h"
#include "routing/exchange_type.h"
#include "routing/miss.h"
#include "routing/topic_trie.h"

static void topic_init(struct route_exchange *exchange)
{
    struct topic_trie *trie = MEM_NEW(struct topic_trie);

    topic_trie_init(trie, exchange->router->seed);
    exchange->index = trie;
}

static void topic_fini(struct route_exchange *exchange)
{
    topic_trie_fini(exchange->index);
    mem_free(exchange->index);
    exchange->index = NULL;
}

static bool topic_bind(struct route_exchange *exchange, struct binding *binding,
                       struct reply *error)
{
    (void)error; /* takes every binding: no pattern is too costly to match */
    topic_trie_add(exchange->index, binding);
    return true;
}

static void topic_unbind(struct route_exchange *exchange, struct binding *binding)
{
    topic_trie_remove(exchange->index, binding);
}

static void topic_route(struct route_exchange *exchange, const struct route_request *request,
                        struct route_walk *walk)
{
    for (size_t i = 0; i < request->key_count; i++)
        topic_trie_match(exchange->index, request->keys[i], walk);
}

const struct exchange_type topic_exchange_type = {
    .name = "topic",
    .description = "by patterns of words",
    .declarable = true,
    .init = topic_init,
    .fini = topic_fini,
    .bind = topic_bind,
    .unbind = topic_unbind,
    .route = topic_route,
    .miss = topic_miss,
};
