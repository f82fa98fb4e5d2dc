/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of one size that comes and goes all the time: freed pieces are kept, up to a number, and
 * given out again before malloc is asked.
 *
 * (1) Under AddressSanitizer nothing is kept, so that a use after free is found.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/check.h"

#include <stddef.h>
#include <stdint.h>

struct pool {
    size_t size; /* of a piece */
    void *free;  /* kept pieces, each beginning with a pointer to the next */
    uint32_t kept;
    uint32_t kept_max;
};

/* `size` is at least a pointer's. */
void pool_init(struct pool *pool, size_t size, uint32_t kept_max);
/* Frees what is kept; pieces that are out stay valid and go by mem_free(). */
void pool_fini(struct pool *pool);

void *pool_grow(struct pool *pool) MUST_USE;
void pool_give_up(void *piece);

/* An uninitialised piece; never NULL. */
static inline MUST_USE void *pool_take(struct pool *pool)
{
    void *piece = pool->free;
    if (!piece)
        return pool_grow(pool);
    pool->free = *(void **)piece;
    pool->kept--;
    return piece;
}

static inline void pool_give(struct pool *pool, void *piece)
{
    if (pool->kept >= pool->kept_max) {
        pool_give_up(piece);
        return;
    }
    *(void **)piece = pool->free;
    pool->free = piece;
    pool->kept++;
}

#endif
