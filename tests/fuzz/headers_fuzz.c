/* SPDX-License-Identifier: Apache-2.0 */
/* Headers bindings and messages, compared with the naive matcher. The input is a row of steps: one
 * byte (its lowest bits: bind, unbind, route; the others: which queue), two of length, and a field
 * table of that length. */
#include "proto/table.h"
#include "routing/exchange_type.h"
#include "routing/router.h"
#include "tests/unit/naive_headers.h"

#define QUEUES 16

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
    route_exchange_init(&host->exchange, &headers_exchange_type, &host->router);
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

static bool mode_is_valid(struct slice arguments)
{
    struct field_value mode;
    struct buf sorted = BUF_INIT;
    bool valid;

    table_sort(&sorted, arguments);
    if (!table_find(buf_slice(&sorted), "x-match", &mode))
        valid = true;
    else
        valid = mode.type == FIELD_LONGSTR &&
                (slice_equal_str(mode.bytes, "all") || slice_equal_str(mode.bytes, "any") ||
                 slice_equal_str(mode.bytes, "all-with-x") ||
                 slice_equal_str(mode.bytes, "any-with-x"));
    buf_fini(&sorted);
    return valid;
}

static void unbind(struct host *host, size_t queue)
{
    if (host->bindings[queue])
        router_unbind(&host->router, host->bindings[queue]);
    host->bindings[queue] = NULL;
}

static void bind(struct host *host, size_t queue, struct slice arguments)
{
    struct reply error = {0};

    unbind(host, queue);
    enum bind_outcome outcome =
        router_bind(&host->router, &host->exchange, &host->queues[queue], slice_of(NULL, 0),
                    arguments, &host->bindings[queue], &error);
    CHECK(outcome == (mode_is_valid(arguments) ? BIND_NEW : BIND_REFUSED));
    CHECK((error.code == REPLY_PRECONDITION_FAILED) == (outcome == BIND_REFUSED));
    CHECK(!host->bindings[queue] == (outcome == BIND_REFUSED));
}

static void route(struct host *host, struct slice headers)
{
    struct slice key = {0};
    struct route_request request = {
        .exchange = &host->exchange,
        .keys = &key,
        .key_count = 1,
        .headers = headers,
    };
    bool found[QUEUES] = {false};

    router_route(&host->router, &request, &host->result);
    for (size_t i = 0; i < host->result.count; i++) {
        size_t queue = (size_t)(host->result.queues[i] - host->queues);
        CHECK(!found[queue]);
        found[queue] = true;
    }
    for (size_t i = 0; i < QUEUES; i++)
        CHECK(found[i] ==
              (host->bindings[i] && naive_headers_match(host->bindings[i]->arguments, headers)));
}

static void run_step(struct host *host, uint8_t step, struct slice table)
{
    size_t queue = (step >> 2) % QUEUES;

    if ((step & 3) == 1)
        unbind(host, queue);
    else if (table_validate(table) != ERR_OK)
        return;
    else if ((step & 3) == 0)
        bind(host, queue, table);
    else
        route(host, table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of(data, size);
    struct host host;

    host_init(&host);
    while (rest.len >= 3) {
        size_t len = (size_t)(rest.data[1] << 8 | rest.data[2]);
        if (len > rest.len - 3)
            len = rest.len - 3;
        run_step(&host, rest.data[0], slice_of(rest.data + 3, len));
        rest = slice_of(rest.data + 3 + len, rest.len - 3 - len);
    }
    host_fini(&host);
    return 0;
}
