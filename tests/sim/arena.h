/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of one simulated world: it only grows and goes as a whole, so that the model needs no
 * ownership rules of its own. And a growing array of pointers in it.
 */
#ifndef TESTS_SIM_ARENA_H
#define TESTS_SIM_ARENA_H

#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* of the newest */
    size_t total;
};

/* Zeroed, aligned for anything; never NULL. */
void *arena_alloc(struct arena *arena, size_t size);
void arena_fini(struct arena *arena);
/* A NUL-terminated copy. */
const char *arena_text(struct arena *arena, struct slice text);
const char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct slice arena_copy(struct arena *arena, struct slice bytes);

#define ARENA_NEW(arena, type) ((type *)arena_alloc(arena, sizeof(type)))

struct vec {
    void **at;
    size_t count;
    size_t capacity;
};

void vec_push(struct arena *arena, struct vec *vec, void *item);
void vec_insert(struct arena *arena, struct vec *vec, size_t index, void *item);
void vec_remove_at(struct vec *vec, size_t index);
/* False when it is not there. */
bool vec_remove(struct vec *vec, const void *item);
bool vec_has(const struct vec *vec, const void *item);

#endif
