/* SPDX-License-Identifier: Apache-2.0 */
/* What the routing benchmarks share: one exchange, a row of queues, and a count of routes per
 * second of processor time.
 */
#ifndef BENCH_MICRO_ROUTING_BENCH_H
#define BENCH_MICRO_ROUTING_BENCH_H

#include "base/mem.h"
#include "proto/table.h"
#include "routing/exchange_type.h"
#include "routing/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_SECONDS 0.3
#define BENCH_ROUNDS 5 /* the best counts: others only add disturbance */

struct bench {
    struct router router;
    struct route_exchange exchange;
    struct route_target *queues;
    size_t queue_count;
    struct route_result result;
};

/* One message to be routed. */
struct bench_message {
    char key[64];
    struct buf headers;
};

static inline void bench_init(struct bench *bench, const char *type, size_t queue_count)
{
    *bench = (struct bench){.queue_count = queue_count};
    router_init(&bench->router, 1);
    route_exchange_init(&bench->exchange, exchange_type_find(slice_str(type)), &bench->router);
    bench->queues = mem_zalloc(queue_count * sizeof(bench->queues[0]));
    for (size_t i = 0; i < queue_count; i++)
        route_target_init(&bench->queues[i], &bench->router);
}

static inline void bench_fini(struct bench *bench)
{
    router_unbind_all_from(&bench->router, &bench->exchange, NULL, NULL);
    route_exchange_fini(&bench->exchange);
    router_fini(&bench->router);
    route_result_fini(&bench->result);
    mem_free(bench->queues);
}

static inline void bench_bind(struct bench *bench, size_t queue, const char *key,
                              struct slice arguments)
{
    struct reply error;

    CHECK(router_bind(&bench->router, &bench->exchange, &bench->queues[queue % bench->queue_count],
                      slice_str(key), arguments, NULL, &error) == BIND_NEW);
}

static inline double bench_cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Routes the messages in turn; returns nanoseconds a route. Each must reach `matches` queues. */
static inline double bench_round(struct bench *bench, const struct bench_message *messages,
                                 size_t message_count, size_t matches)
{
    double start = bench_cpu_seconds();
    double seconds = 0;
    size_t routes = 0;

    while (seconds < BENCH_SECONDS) {
        for (size_t i = 0; i < 10000; i++, routes++) {
            const struct bench_message *message = &messages[routes % message_count];
            struct slice key = slice_str(message->key);
            struct route_request request = {
                .exchange = &bench->exchange,
                .keys = &key,
                .key_count = 1,
                .headers = buf_slice(&message->headers),
            };
            router_route(&bench->router, &request, &bench->result);
            CHECK(bench->result.count == matches);
        }
        seconds = bench_cpu_seconds() - start;
    }
    return seconds / (double)routes * 1e9;
}

static inline void bench_print(const struct bench *bench, const char *what, size_t matches,
                               double nanoseconds)
{
    printf("%-40s %6zu bindings %4zu matches %7.0f ns %9.0f routes/cpu-s\n", what,
           bench->router.bindings.count, matches, nanoseconds, 1e9 / nanoseconds);
}

/* Prints the best of some rounds. */
static inline void bench_run(struct bench *bench, const char *what,
                             const struct bench_message *messages, size_t message_count,
                             size_t matches)
{
    double best = 1e18;

    for (int i = 0; i < BENCH_ROUNDS; i++) {
        double nanoseconds = bench_round(bench, messages, message_count, matches);
        if (nanoseconds < best)
            best = nanoseconds;
    }
    bench_print(bench, what, matches, best);
}

#endif
