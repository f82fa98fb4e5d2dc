/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for many small things that go together: pieces are cut from blocks and never freed one by
 * one.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/check.h"
#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* the youngest first */
    size_t left;                /* bytes in it */
};

#define ARENA_INIT ((struct arena){0})

/* Frees all pieces; the arena may be used again. */
void arena_fini(struct arena *arena);
/* `size` bytes, uninitialised, aligned for any object; never NULL. */
void *arena_alloc(struct arena *arena, size_t size) MUST_USE;
/* A copy of the bytes. */
struct slice arena_copy(struct arena *arena, struct slice bytes) MUST_USE;

#endif
