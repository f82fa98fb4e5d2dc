/* SPDX-License-Identifier: Apache-2.0 */
/* A small virtual host for the tests of routing: exchanges by letter, queues by number, and routes
 * written as text ("0 2 7": the queues' numbers, rising; "-": none).
 */
#ifndef TESTS_UNIT_ROUTING_FIXTURE_H
#define TESTS_UNIT_ROUTING_FIXTURE_H

#include "base/mem.h"
#include "proto/table.h"
#include "routing/exchange_type.h"
#include "routing/router.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define FIXTURE_QUEUES 64
#define FIXTURE_EXCHANGES 8

struct fixture {
    struct router router;
    struct route_exchange exchanges[FIXTURE_EXCHANGES];
    size_t exchange_count;
    struct route_target queues[FIXTURE_QUEUES];
    struct route_result result;
    struct reply error;
    char text[FIXTURE_QUEUES * 4];
};

static inline void fixture_init(struct fixture *fixture)
{
    memset(fixture, 0, sizeof(*fixture));
    router_init(&fixture->router, 42);
    for (size_t i = 0; i < FIXTURE_QUEUES; i++)
        route_target_init(&fixture->queues[i], &fixture->router);
}

static inline void fixture_fini(struct fixture *fixture)
{
    for (size_t i = 0; i < fixture->exchange_count; i++)
        router_unbind_all_from(&fixture->router, &fixture->exchanges[i], NULL, NULL);
    for (size_t i = 0; i < fixture->exchange_count; i++)
        route_exchange_fini(&fixture->exchanges[i]);
    router_fini(&fixture->router);
    route_result_fini(&fixture->result);
}

static inline struct route_exchange *fixture_exchange(struct fixture *fixture, const char *type)
{
    ck_assert_uint_lt(fixture->exchange_count, FIXTURE_EXCHANGES);
    struct route_exchange *exchange = &fixture->exchanges[fixture->exchange_count++];

    route_exchange_init(exchange, exchange_type_find(slice_str(type)), &fixture->router);
    return exchange;
}

static inline enum bind_outcome fixture_bind_with(struct fixture *fixture,
                                                  struct route_exchange *source, size_t queue,
                                                  const char *key, struct slice arguments)
{
    return router_bind(&fixture->router, source, &fixture->queues[queue], slice_str(key), arguments,
                       NULL, &fixture->error);
}

static inline void fixture_bind(struct fixture *fixture, struct route_exchange *source,
                                size_t queue, const char *key)
{
    ck_assert_int_eq(fixture_bind_with(fixture, source, queue, key, slice_of(NULL, 0)), BIND_NEW);
}

static inline void fixture_bind_exchange(struct fixture *fixture, struct route_exchange *source,
                                         struct route_exchange *destination, const char *key)
{
    ck_assert_int_eq(router_bind(&fixture->router, source, &destination->target, slice_str(key),
                                 slice_of(NULL, 0), NULL, &fixture->error),
                     BIND_NEW);
}

static inline void fixture_unbind(struct fixture *fixture, struct route_exchange *source,
                                  size_t queue, const char *key)
{
    struct binding *binding = router_find(&fixture->router, source, &fixture->queues[queue],
                                          slice_str(key), slice_of(NULL, 0));

    ck_assert_ptr_nonnull(binding);
    router_unbind(&fixture->router, binding);
}

/* The result as text. */
static inline const char *fixture_text(struct fixture *fixture)
{
    bool reached[FIXTURE_QUEUES] = {false};
    size_t len = 0;

    for (size_t i = 0; i < fixture->result.count; i++) {
        size_t queue = (size_t)(fixture->result.queues[i] - fixture->queues);
        ck_assert_uint_lt(queue, FIXTURE_QUEUES);
        ck_assert_msg(!reached[queue], "queue %zu is listed twice", queue);
        reached[queue] = true;
    }
    for (size_t i = 0; i < FIXTURE_QUEUES; i++)
        if (reached[i])
            len += (size_t)snprintf(fixture->text + len, sizeof(fixture->text) - len, "%s%zu",
                                    len ? " " : "", i);
    return len ? fixture->text : "-";
}

static inline const char *fixture_route_with(struct fixture *fixture,
                                             struct route_exchange *exchange, const char *key,
                                             struct slice headers)
{
    struct slice keys[] = {slice_str(key)};
    struct route_request request = {
        .exchange = exchange,
        .keys = keys,
        .key_count = 1,
        .headers = headers,
    };
    bool routed = router_route(&fixture->router, &request, &fixture->result);

    ck_assert_int_eq(routed, fixture->result.count > 0);
    return fixture_text(fixture);
}

static inline const char *fixture_route(struct fixture *fixture, struct route_exchange *exchange,
                                        const char *key)
{
    return fixture_route_with(fixture, exchange, key, slice_of(NULL, 0));
}

/* One main for all: a suite of plain tests. */
static inline int fixture_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
