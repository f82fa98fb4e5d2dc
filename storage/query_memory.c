/* SPDX-License-Identifier: Apache-2.0 */
/* malloc() with a count for each thread that wants one.
 *
 * style: a variable that isn't anyone's member, because SQLite's allocator is one for the process and
 * gets no context; it is each thread's own.
 */
#include "storage/query_memory.h"

#include <malloc.h>
#include <sqlite3.h>
#include <stdlib.h>

static _Thread_local struct {
    size_t used;
    size_t limit; /* 0: nothing is counted */
} account;

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
    if (account.limit == 0)
        return malloc((size_t)size);
    void *memory = account.used + (size_t)size > account.limit ? NULL : malloc((size_t)size);
    if (memory)
        account.used += malloc_usable_size(memory);
    return memory;
}

static void release(void *memory)
{
    if (account.limit)
        give(malloc_usable_size(memory));
    free(memory);
}

static void *reallocate(void *memory, int size)
{
    if (account.limit == 0)
        return realloc(memory, (size_t)size);
    size_t before = malloc_usable_size(memory);
    if ((size_t)size > before && account.used + (size_t)size - before > account.limit)
        return NULL;
    void *moved = realloc(memory, (size_t)size);
    if (moved) {
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
