/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation, in the two kinds the house knows: small fixed ones, whose failure ends the process,
 * and ones whose size a peer chose, whose failure is answered to the peer.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/check.h"

#include <stddef.h>

/* Returns `size` bytes, uninitialised; never NULL. Free with mem_free(). Any thread. */
void *mem_alloc(size_t size) MUST_USE __attribute__((malloc, alloc_size(1)));

/* As mem_alloc(), zeroed. */
void *mem_zalloc(size_t size) MUST_USE __attribute__((malloc, alloc_size(1)));

/* Grows or shrinks; `old` may be NULL. Never returns NULL. */
void *mem_realloc(void *old, size_t size) MUST_USE __attribute__((alloc_size(2)));

/* Moves an array of `size` bytes an element to where twice as many have room. It may be NULL while the
 * capacity is 0. Never returns NULL. */
void *mem_double(void *array, size_t *capacity, size_t size) MUST_USE;

/* Makes room for one element more than the `count` that are there: by mem_double(), when need be. */
static inline MUST_USE void *mem_grow(void *array, size_t *capacity, size_t count, size_t size)
{
    return count < *capacity ? array : mem_double(array, capacity, size);
}

/* For sizes that a peer chose (and that a limit has passed): NULL when there is no memory. */
void *mem_try_alloc(size_t size) MUST_USE __attribute__((malloc, alloc_size(1)));

/* A copy of `len` bytes with a NUL after them. */
char *mem_strndup(const char *data, size_t len) MUST_USE;

/* NULL is allowed. */
void mem_free(void *pointer);

/* One zeroed object of a type. */
#define MEM_NEW(type) ((type *)mem_zalloc(sizeof(type)))

#endif
