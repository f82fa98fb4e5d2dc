/* SPDX-License-Identifier: Apache-2.0 */
/* Topic patterns and keys, one a line, compared with the naive matcher: "+pattern" binds the next
 * queue, "-pattern" unbinds it again, any other line is a key to be routed. */
#include "routing/exchange_type.h"
#include "routing/router.h"
#include "tests/unit/naive_topic.h"

#define QUEUES 32
#define KEY_MAX 255

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct host {
    struct router router;
    struct route_exchange exchange;
    struct route_target queues[QUEUES];
    struct binding *bindings[QUEUES]; /* of the queue; NULL when it has none */
    struct route_result result;
};

static void host_init(struct host *host)
{
    *host = (struct host){0};
    router_init(&host->router, 7);
    route_exchange_init(&host->exchange, &topic_exchange_type, &host->router);
    for (size_t i = 0; i < QUEUES; i++)
        route_target_init(&host->queues[i], &host->router);
}

static void host_fini(struct host *host)
{
    router_unbind_all_from(&host->router, &host->exchange, NULL, NULL);
    route_exchange_fini(&host->exchange);
    router_fini(&host->router);
    route_result_fini(&host->result);
}

static void bind(struct host *host, struct slice pattern)
{
    struct reply error;

    for (size_t i = 0; i < QUEUES; i++) {
        if (host->bindings[i])
            continue;
        CHECK(router_bind(&host->router, &host->exchange, &host->queues[i], pattern,
                          slice_of(NULL, 0), &host->bindings[i], &error) == BIND_NEW);
        return;
    }
}

static void unbind(struct host *host, struct slice pattern)
{
    for (size_t i = 0; i < QUEUES; i++) {
        if (!host->bindings[i] || !slice_equal(host->bindings[i]->key, pattern))
            continue;
        router_unbind(&host->router, host->bindings[i]);
        host->bindings[i] = NULL;
        return;
    }
}

static void route(struct host *host, struct slice key)
{
    struct route_request request = {.exchange = &host->exchange, .keys = &key, .key_count = 1};
    bool found[QUEUES] = {false};

    router_route(&host->router, &request, &host->result);
    for (size_t i = 0; i < host->result.count; i++) {
        size_t queue = (size_t)(host->result.queues[i] - host->queues);
        CHECK(!found[queue]);
        found[queue] = true;
    }
    for (size_t i = 0; i < QUEUES; i++)
        CHECK(found[i] == (host->bindings[i] && naive_topic_match(host->bindings[i]->key, key)));
}

static void run_line(struct host *host, struct slice line)
{
    struct slice rest = line.len ? slice_of(line.data + 1, line.len - 1) : line;

    if (line.len > KEY_MAX)
        return;
    if (slice_starts_with(line, "+"))
        bind(host, rest);
    else if (slice_starts_with(line, "-"))
        unbind(host, rest);
    else
        route(host, line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct host host;
    size_t start = 0;

    host_init(&host);
    for (size_t i = 0; i <= size; i++) {
        if (i < size && data[i] != '\n')
            continue;
        run_line(&host, slice_of(data + start, i - start));
        start = i + 1;
    }
    host_fini(&host);
    return 0;
}
