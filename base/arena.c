/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of memory, cut from their ends. */
#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>

#define BLOCK_SIZE 32768u /* below malloc's threshold for mapping pages */

struct arena_block {
    struct arena_block *next;
    alignas(max_align_t) uint8_t bytes[];
};

void arena_fini(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        mem_free(block);
    }
    *arena = ARENA_INIT;
}

static void add_block(struct arena *arena, size_t size)
{
    struct arena_block *block = mem_alloc(sizeof(struct arena_block) + size);

    block->next = arena->blocks;
    arena->blocks = block;
    arena->left = size;
}

static uint8_t *cut(struct arena *arena, size_t size)
{
    if (!arena->blocks || arena->left < size)
        add_block(arena, size < BLOCK_SIZE ? BLOCK_SIZE : size);
    arena->left -= size;
    return arena->blocks->bytes + arena->left;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    arena->left -= arena->left % alignof(max_align_t);
    return cut(arena,
               (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t));
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
    if (bytes.len == 0)
        return slice_of(NULL, 0);
    uint8_t *copy = cut(arena, bytes.len);
    memcpy(copy, bytes.data, bytes.len);
    return slice_of(copy, bytes.len);
}
