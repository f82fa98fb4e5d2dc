/* SPDX-License-Identifier: Apache-2.0 */
/* Direct and fanout routing. */
#include "bench/micro/routing_bench.h"

#define MESSAGES 10

static void run_direct(size_t bindings)
{
    struct bench bench;
    struct bench_message messages[MESSAGES] = {0};
    char key[32];

    bench_init(&bench, "direct", bindings);
    for (size_t n = 0; n < bindings; n++) {
        snprintf(key, sizeof(key), "order.created.%zu", n);
        bench_bind(&bench, n, key, slice_of(NULL, 0));
    }
    for (size_t i = 0; i < MESSAGES; i++)
        snprintf(messages[i].key, sizeof(messages[i].key), "order.created.%zu",
                 i * 7919 % bindings);
    bench_run(&bench, "direct", messages, MESSAGES, 1);
    bench_fini(&bench);
}

static void run_fanout(size_t bindings)
{
    struct bench bench;
    struct bench_message message = {.key = "any"};

    bench_init(&bench, "fanout", bindings);
    for (size_t n = 0; n < bindings; n++)
        bench_bind(&bench, n, "", slice_of(NULL, 0));
    bench_run(&bench, "fanout", &message, 1, bindings);
    bench_fini(&bench);
}

int main(void)
{
    run_direct(10);
    run_direct(10000);
    run_fanout(10);
    run_fanout(1000);
    return EXIT_SUCCESS;
}
