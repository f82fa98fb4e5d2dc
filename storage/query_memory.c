/* SPDX-License-Identifier: Apache-2.0 */
/* malloc() with a count of all, and one for each thread that wants one.
 *
 * style: variables that aren't anyone's members, because SQLite's allocator is one for the process and
 * gets no context; one is each thread's own, the other a counter.
 */
#include "storage/query_memory.h"

#include <malloc.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

static _Thread_local struct {
    size_t used;
    size_t limit; /* 0: nothing is counted */
} account;

static _Atomic uint64_t total; /* of all threads */

static void count_all(size_t more, size_t less)
{
    atomic_fetch_add_explicit(&total, (uint64_t)more - less, memory_order_relaxed);
}

/* What another thread took for this one's connection was never counted here. */
static void give(size_t size)
{
    account.used -= size < account.used ? size : account.used;
}

static int size_of(void *memory)
{
    return (int)malloc_usable_size(memory);
}

static void *allocate(int size)
{
    bool bounded = account.limit != 0;
    if (bounded && account.used + (size_t)size > account.limit)
        return NULL;
    void *memory = malloc((size_t)size);
    count_all(malloc_usable_size(memory), 0);
    if (bounded)
        account.used += malloc_usable_size(memory);
    return memory;
}

static void release(void *memory)
{
    size_t size = malloc_usable_size(memory);
    count_all(0, size);
    if (account.limit)
        give(size);
    free(memory);
}

static void *reallocate(void *memory, int size)
{
    bool bounded = account.limit != 0;
    size_t before = malloc_usable_size(memory);
    if (bounded && (size_t)size > before && account.used + (size_t)size - before > account.limit)
        return NULL;
    void *moved = realloc(memory, (size_t)size);
    if (!moved)
        return NULL;
    count_all(malloc_usable_size(moved), before);
    if (bounded) {
        give(before);
        account.used += malloc_usable_size(moved);
    }
    return moved;
}

static int round_up(int size)
{
    return (size + 7) & ~7;
}

static int init(void *context)
{
    (void)context;
    return SQLITE_OK;
}

static void shut_down(void *context)
{
    (void)context;
}

void query_memory_install(void)
{
    static const sqlite3_mem_methods methods = {
        .xMalloc = allocate,
        .xFree = release,
        .xRealloc = reallocate,
        .xSize = size_of,
        .xRoundup = round_up,
        .xInit = init,
        .xShutdown = shut_down,
    };

    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}

void query_memory_limit(size_t bytes)
{
    account.limit = bytes;
    account.used = 0;
}

uint64_t query_memory_total(void)
{
    return atomic_load_explicit(&total, memory_order_relaxed);
}
