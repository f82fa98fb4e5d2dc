/* SPDX-License-Identifier: Apache-2.0 */
/* What a stored message costs the process: CPU time (both threads, the kernel's share included) for
 * putting and for deleting, in batches of 1,000, on real files.
 *
 *   put     into a growing backlog, 1 or 100 lanes
 *   delete  of that backlog from its head, after it has left SQLite's cache
 *   pass    a batch is put, the one before deleted: a queue whose consumers keep up
 *   cancel  put and deleted before it is handed over: never written
 *
 * store [directory]: where to write; the current one by default.
 */
#include "storage/store.h"
#include "base/mem.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BATCH 1000
#define MESSAGES 50000
#define ROUNDS 3 /* the best one counts: the others were disturbed */
#define LANES_MOST 100

struct bench {
    struct store *store;
    struct store_db *db;
    size_t body_bytes;
    size_t lane_count;
    uint32_t lanes[LANES_MOST];
    uint8_t *body;
    uint64_t puts[BATCH];
};

struct result {
    double put, delete, pass, cancel; /* microseconds of CPU a message */
};

static double cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void settle(struct bench *bench)
{
    store_flush(bench->db);
    store_collect(bench->store);
    while (store_durable(bench->db) < store_last(bench->db)) {
        poll(NULL, 0, 1);
        store_collect(bench->store);
    }
}

static uint32_t lane_of(const struct bench *bench, uint64_t message)
{
    return bench->lanes[message % bench->lane_count];
}

static uint64_t position_of(const struct bench *bench, uint64_t message)
{
    return message / bench->lane_count;
}

static uint64_t put(struct bench *bench, uint64_t message)
{
    struct store_message stored = {
        .lane = lane_of(bench, message),
        .position = position_of(bench, message),
        .exchange = slice_str("amq.topic"),
        .routing_key = slice_str("stock.usd.nyse"),
        .properties = slice_of("\x10\x00\x02", 3),
        .body = slice_of(bench->body, bench->body_bytes),
    };
    return store_message_put(bench->db, &stored, bench);
}

static void delete (struct bench *bench, uint64_t message, uint64_t sequence)
{
    store_message_delete(bench->db, lane_of(bench, message), position_of(bench, message), sequence,
                         bench->body_bytes);
}

static double put_all(struct bench *bench)
{
    double begun = cpu_us();
    for (uint64_t i = 0; i < MESSAGES; i++) {
        put(bench, i);
        if (i % BATCH == BATCH - 1)
            settle(bench);
    }
    return (cpu_us() - begun) / MESSAGES;
}

static double delete_all(struct bench *bench)
{
    double begun = cpu_us();
    for (uint64_t i = 0; i < MESSAGES; i++) {
        delete (bench, i, 0);
        if (i % BATCH == BATCH - 1)
            settle(bench);
    }
    return (cpu_us() - begun) / MESSAGES;
}

static double pass_all(struct bench *bench)
{
    double begun = cpu_us();
    for (uint64_t i = 0; i < MESSAGES; i++) {
        put(bench, i);
        if (i >= BATCH)
            delete (bench, i - BATCH, 0);
        if (i % BATCH == BATCH - 1)
            settle(bench);
    }
    double spent = (cpu_us() - begun) / (MESSAGES - BATCH / 2);
    for (uint64_t i = MESSAGES - BATCH; i < MESSAGES; i++)
        delete (bench, i, 0);
    settle(bench);
    return spent;
}

static double cancel_all(struct bench *bench)
{
    double begun = cpu_us();
    for (uint64_t i = 0; i < MESSAGES; i += BATCH) {
        for (uint64_t k = 0; k < BATCH; k++)
            bench->puts[k] = put(bench, i + k);
        for (uint64_t k = 0; k < BATCH; k++)
            delete (bench, i + k, bench->puts[k]);
        settle(bench);
    }
    return (cpu_us() - begun) / MESSAGES;
}

static void open_store(struct bench *bench, const char *directory)
{
    char message[512];
    struct store_options options = {.directory = directory, .pending_bytes_max = UINT64_MAX};
    enum err error = store_open(&bench->store, &options, message, sizeof(message));
    if (error == ERR_OK)
        error =
            store_vhost_open(bench->store, slice_str("/"), &bench->db, message, sizeof(message));
    if (error != ERR_OK)
        check_panic("%s", message);
    for (size_t i = 0; i < bench->lane_count; i++)
        bench->lanes[i] = store_lane_new(bench->db, slice_str("q"), 0);
    settle(bench);
}

static double least(double a, double b)
{
    return a == 0 || b < a ? b : a;
}

static void run_once(struct bench *bench, const char *directory, struct result *best)
{
    open_store(bench, directory);
    best->put = least(best->put, put_all(bench));
    best->delete = least(best->delete, delete_all(bench));
    best->pass = least(best->pass, pass_all(bench));
    best->cancel = least(best->cancel, cancel_all(bench));
    store_vhost_delete(bench->store, bench->db);
    store_close(bench->store);
}

static void run(const char *directory, size_t body_bytes, size_t lane_count)
{
    struct bench bench = {.body_bytes = body_bytes, .lane_count = lane_count};
    struct result best = {0};
    bench.body = mem_zalloc(body_bytes);
    for (unsigned round = 0; round < ROUNDS; round++)
        run_once(&bench, directory, &best);
    printf("%5zu bytes %4zu lanes: put %5.2f  delete %5.2f  pass %5.2f  cancel %5.2f us\n",
           body_bytes, lane_count, best.put, best.delete, best.pass, best.cancel);
    mem_free(bench.body);
}

static void remove_files(const char *directory)
{
    static const char *const names[] = {"lock", "node.db", "node.db-wal", "node.db-shm"};
    char path[256];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        unlink(path);
    }
    rmdir(directory);
}

int main(int argc, char **argv)
{
    char directory[200];
    snprintf(directory, sizeof(directory), "%s/store-bench-XXXXXX", argc > 1 ? argv[1] : ".");
    if (!mkdtemp(directory))
        check_panic("can't make a directory in %s", argc > 1 ? argv[1] : ".");
    run(directory, 256, 1);
    run(directory, 256, LANES_MOST);
    run(directory, 1024, 1);
    run(directory, 1024, LANES_MOST);
    remove_files(directory);
    return EXIT_SUCCESS;
}
