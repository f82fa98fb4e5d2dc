/* SPDX-License-Identifier: Apache-2.0 */
/* Topic routing with 10 bindings and with 10,000, of which three match each message: the cost must
 * not grow with those that don't. The two take turns, so that whatever else the machine does
 * disturbs both. */
#include "bench/micro/routing_bench.h"

#define MATCHES 3

struct sample {
    struct bench bench;
    struct bench_message *messages;
    size_t message_count;
    double best; /* nanoseconds */
};

/* Three bindings that match "stock.eu.s<n>" and nothing else. */
static void bind_symbol(struct bench *bench, size_t n)
{
    char key[64];

    snprintf(key, sizeof(key), "stock.eu.s%zu", n);
    bench_bind(bench, MATCHES * n, key, slice_of(NULL, 0));
    snprintf(key, sizeof(key), "stock.*.s%zu", n);
    bench_bind(bench, MATCHES * n + 1, key, slice_of(NULL, 0));
    snprintf(key, sizeof(key), "#.s%zu", n);
    bench_bind(bench, MATCHES * n + 2, key, slice_of(NULL, 0));
}

static void sample_init(struct sample *sample, size_t bindings, size_t message_count)
{
    size_t symbols = bindings / MATCHES;

    *sample = (struct sample){.message_count = message_count, .best = 1e18};
    bench_init(&sample->bench, "topic", bindings);
    for (size_t n = 0; n < symbols; n++)
        bind_symbol(&sample->bench, n);
    for (size_t n = MATCHES * symbols; n < bindings; n++)
        bench_bind(&sample->bench, n, "nobody.asks", slice_of(NULL, 0));
    sample->messages = mem_zalloc(message_count * sizeof(sample->messages[0]));
    for (size_t i = 0; i < message_count; i++)
        snprintf(sample->messages[i].key, sizeof(sample->messages[i].key), "stock.eu.s%zu",
                 i * 7919 % symbols); /* from all over the exchange */
}

static void sample_fini(struct sample *sample)
{
    mem_free(sample->messages);
    bench_fini(&sample->bench);
}

static void sample_run(struct sample *sample)
{
    double nanoseconds =
        bench_round(&sample->bench, sample->messages, sample->message_count, MATCHES);

    if (nanoseconds < sample->best)
        sample->best = nanoseconds;
}

static void compare(size_t message_count)
{
    struct sample few;
    struct sample many;
    char what[64];

    sample_init(&few, 10, message_count);
    sample_init(&many, 10000, message_count);
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        sample_run(&few);
        sample_run(&many);
    }
    snprintf(what, sizeof(what), "topic, %zu messages in turn", message_count);
    bench_print(&few.bench, what, MATCHES, few.best);
    bench_print(&many.bench, what, MATCHES, many.best);
    printf("    10,000 bindings: %+.0f %%\n", (many.best / few.best - 1) * 100);
    sample_fini(&few);
    sample_fini(&many);
}

/* A pattern of many `#` against a key that almost matches it. */
static void run_hashes(void)
{
    struct bench bench;
    struct bench_message message = {.key = "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a"};

    bench_init(&bench, "topic", 1);
    bench_bind(&bench, 0, "#.a.#.a.#.a.#.a.#.a.#.a.#.a.#.a.#.a.#.a.#.a.#.a.#.b", slice_of(NULL, 0));
    bench_run(&bench, "topic, 13 #, a key of 24 words", &message, 1, 0);
    bench_fini(&bench);
}

int main(void)
{
    compare(3);
    compare(100);
    compare(3333); /* every binding is asked for in turn: the caches' turn to be measured */
    run_hashes();
    return EXIT_SUCCESS;
}
