/* SPDX-License-Identifier: Apache-2.0 */
/* Headers routing: bindings of two headers each, of which one matches each message. */
#include "bench/micro/routing_bench.h"

#define MESSAGES 10

static void headers_of(struct buf *table, size_t n)
{
    char id[32];

    snprintf(id, sizeof(id), "id-%zu", n);
    table_add_str(table, "format", slice_str(n % 2 ? "pdf" : "zip"));
    table_add_str(table, "id", slice_str(id));
}

static void run(const char *mode, size_t bindings)
{
    struct bench bench;
    struct bench_message messages[MESSAGES] = {0};
    char what[64];

    bench_init(&bench, "headers", bindings);
    for (size_t n = 0; n < bindings; n++) {
        struct buf table = BUF_INIT;
        table_add_str(&table, "x-match", slice_str(mode));
        if (!strcmp(mode, "all"))
            headers_of(&table, n);
        else
            table_add_int64(&table, "id", (int64_t)n);
        bench_bind(&bench, n, "", buf_slice(&table));
        buf_fini(&table);
    }
    for (size_t i = 0; i < MESSAGES; i++) {
        size_t n = i * 7919 % bindings;
        if (!strcmp(mode, "all"))
            headers_of(&messages[i].headers, n);
        else
            table_add_int32(&messages[i].headers, "id", (int32_t)n);
    }
    snprintf(what, sizeof(what), "headers, x-match %s", mode);
    bench_run(&bench, what, messages, MESSAGES, 1);
    for (size_t i = 0; i < MESSAGES; i++)
        buf_fini(&messages[i].headers);
    bench_fini(&bench);
}

int main(void)
{
    run("all", 10);
    run("all", 1000);
    run("all", 10000);
    run("any", 10);
    run("any", 10000);
    return EXIT_SUCCESS;
}
