/* SPDX-License-Identifier: Apache-2.0 */
/* What the options mean in terms of AMQP: which queues, routing keys and bindings there are, who
 * publishes and consumes what, and which queues a message must reach. Pure arithmetic.
 *
 * Queues, keys and bindings are numbers from 0; their names follow from them:
 * - default exchange and direct: a key for each queue, or with --keys K key k to queue k mod Q;
 * - fanout: every key to every queue;
 * - topic and headers: key k matches exactly the bindings k·M … k·M+M-1 (M: --matches), which lead
 *   to the queues of these numbers mod Q; all other bindings match nothing.
 */
#ifndef TOOLS_PERF_PLAN_H
#define TOOLS_PERF_PLAN_H

#include "base/buf.h"
#include "tools/perf_options.h"

#define PERF_NAME_SIZE 256 /* a short string and a NUL */

enum perf_routing {
    PERF_DIRECT, /* the default exchange too */
    PERF_FANOUT,
    PERF_TOPIC,
    PERF_HEADERS,
};

struct perf_plan {
    const struct perf_options *options; /* borrowed */
    char exchange[PERF_NAME_SIZE];      /* "" for the default one */
    enum perf_routing routing;
    bool declare_exchange;
    uint32_t queues;
    uint32_t keys;
    uint32_t bindings;  /* on the exchange; 0 for the default one */
    uint32_t producers; /* channels that publish */
    uint32_t consumers; /* channels that consume */
};

void perf_plan_init(struct perf_plan *plan, const struct perf_options *options);

void perf_plan_queue_name(const struct perf_plan *plan, uint32_t queue, char out[PERF_NAME_SIZE]);
/* The routing key that messages of a key carry. */
void perf_plan_key_name(const struct perf_plan *plan, uint32_t key, char out[PERF_NAME_SIZE]);
/* The headers that they carry: fields appended to `table`; nothing but for headers exchanges. */
void perf_plan_key_headers(const struct perf_plan *plan, uint32_t key, struct buf *table);

/* A binding: its queue, binding key, and arguments (appended to `arguments`). */
uint32_t perf_plan_binding(const struct perf_plan *plan, uint32_t binding, char key[PERF_NAME_SIZE],
                           struct buf *arguments);

/* The queues that a message of this key reaches: how many, and the i-th of them. */
uint32_t perf_plan_route_count(const struct perf_plan *plan);
uint32_t perf_plan_route(const struct perf_plan *plan, uint32_t key, uint32_t i);

/* Of `owned` things dealt to `owners`: how many an owner has, and the i-th of them. When there are
 * fewer things than owners, some have the same. */
uint32_t perf_share_count(uint32_t owned, uint32_t owners, uint32_t owner);
uint32_t perf_share(uint32_t owned, uint32_t owners, uint32_t owner, uint32_t i);

/* Keys that a producer publishes with, by perf_share(); a fanout's, topic's, headers' or --keys'
 * producers all use all keys. */
uint32_t perf_plan_producer_keys(const struct perf_plan *plan, uint32_t producer);
uint32_t perf_plan_producer_key(const struct perf_plan *plan, uint32_t producer, uint32_t i);

/* Consumers on a queue. */
uint32_t perf_plan_queue_consumers(const struct perf_plan *plan, uint32_t queue);

#endif
