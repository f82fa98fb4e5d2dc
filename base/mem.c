/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation over the C library's. The only place that decides what no memory means. */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 16 /* of an array that grows */

/* malloc(0) may give NULL, which here would look like a failure. */
static size_t at_least_one(size_t size)
{
    return size ? size : 1;
}

void *mem_alloc(size_t size)
{
    void *pointer = malloc(at_least_one(size));
    if (!pointer)
        check_panic("out of memory: %zu bytes", size);
    return pointer;
}

void *mem_zalloc(size_t size)
{
    void *pointer = calloc(1, at_least_one(size));
    if (!pointer)
        check_panic("out of memory: %zu bytes", size);
    return pointer;
}

void *mem_realloc(void *old, size_t size)
{
    void *pointer = realloc(old, at_least_one(size));
    if (!pointer)
        check_panic("out of memory: %zu bytes", size);
    return pointer;
}

void *mem_double(void *array, size_t *capacity, size_t size)
{
    *capacity = *capacity ? *capacity * 2 : CAPACITY_MIN;
    CHECK(*capacity <= SIZE_MAX / size);
    return mem_realloc(array, *capacity * size);
}

void *mem_try_alloc(size_t size)
{
    return malloc(at_least_one(size));
}

char *mem_strndup(const char *data, size_t len)
{
    char *copy = mem_alloc(len + 1);
    if (len)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}

void mem_free(void *pointer)
{
    free(pointer);
}
