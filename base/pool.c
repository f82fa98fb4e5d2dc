/* SPDX-License-Identifier: Apache-2.0 */
/* See pool.h. */
#include "base/pool.h"

#include "base/mem.h"

#include <stdbool.h>

#if defined(__SANITIZE_ADDRESS__)
#define KEEPS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS false
#endif
#endif
#ifndef KEEPS
#define KEEPS true
#endif

void pool_init(struct pool *pool, size_t size, uint32_t kept_max)
{
    CHECK(size >= sizeof(void *));
    *pool = (struct pool){.size = size, .kept_max = KEEPS ? kept_max : 0};
}

void pool_fini(struct pool *pool)
{
    while (pool->kept > 0)
        mem_free(pool_take(pool));
    CHECK(!pool->free);
}

void *pool_grow(struct pool *pool)
{
    return mem_alloc(pool->size);
}

void pool_give_up(void *piece)
{
    mem_free(piece);
}
