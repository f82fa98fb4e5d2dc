/* SPDX-License-Identifier: Apache-2.0 */
/* See arena.h. */
#include "tests/sim/arena.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

#define BLOCK_SIZE ((size_t)64 * 1024)
#define ALIGNMENT 16u

struct arena_block {
    struct arena_block *next;
    size_t size;
    _Alignas(ALIGNMENT) uint8_t data[];
};

static void add_block(struct arena *arena, size_t size)
{
    size = size > BLOCK_SIZE ? size : BLOCK_SIZE;
    struct arena_block *block = mem_alloc(sizeof *block + size);
    block->next = arena->blocks;
    block->size = size;
    arena->blocks = block;
    arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (!arena->blocks || arena->blocks->size - arena->used < size)
        add_block(arena, size);
    void *memory = arena->blocks->data + arena->used;
    arena->used += size;
    arena->total += size;
    memset(memory, 0, size);
    return memory;
}

void arena_fini(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        mem_free(block);
    }
    *arena = (struct arena){0};
}

const char *arena_text(struct arena *arena, struct slice text)
{
    char *copy = arena_alloc(arena, text.len + 1);
    if (text.len)
        memcpy(copy, text.data, text.len);
    return copy;
}

const char *arena_printf(struct arena *arena, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return arena_text(arena, slice_str(text));
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
    if (bytes.len == 0)
        return slice_of(NULL, 0);
    return slice_of(arena_text(arena, bytes), bytes.len);
}

/* -- vec -- */

static void make_room(struct arena *arena, struct vec *vec)
{
    if (vec->count < vec->capacity)
        return;
    size_t capacity = vec->capacity ? vec->capacity * 2 : 8;
    void **grown = arena_alloc(arena, capacity * sizeof *grown);
    if (vec->count)
        memcpy(grown, vec->at, vec->count * sizeof *grown);
    vec->at = grown;
    vec->capacity = capacity;
}

void vec_push(struct arena *arena, struct vec *vec, void *item)
{
    make_room(arena, vec);
    vec->at[vec->count++] = item;
}

void vec_insert(struct arena *arena, struct vec *vec, size_t index, void *item)
{
    CHECK(index <= vec->count);
    make_room(arena, vec);
    memmove(vec->at + index + 1, vec->at + index, (vec->count - index) * sizeof *vec->at);
    vec->at[index] = item;
    vec->count++;
}

void vec_remove_at(struct vec *vec, size_t index)
{
    CHECK(index < vec->count);
    vec->count--;
    memmove(vec->at + index, vec->at + index + 1, (vec->count - index) * sizeof *vec->at);
}

bool vec_remove(struct vec *vec, const void *item)
{
    for (size_t i = 0; i < vec->count; i++) {
        if (vec->at[i] != item)
            continue;
        vec_remove_at(vec, i);
        return true;
    }
    return false;
}

bool vec_has(const struct vec *vec, const void *item)
{
    for (size_t i = 0; i < vec->count; i++)
        if (vec->at[i] == item)
            return true;
    return false;
}
