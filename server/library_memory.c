/* SPDX-License-Identifier: Apache-2.0 */
/* Counting allocators.
 *
 * style: two globals, because the libraries' hooks carry no context; they are counters, and of the
 * process as a whole, as the heap is.
 */
#include "server/library_memory.h"

#include "base/check.h"

#include <event2/event.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>

static _Atomic uint64_t tls_bytes, event_bytes;

static void *note(_Atomic uint64_t *counter, void *pointer)
{
    atomic_fetch_add_explicit(counter, malloc_usable_size(pointer), memory_order_relaxed);
    return pointer;
}

static void forget(_Atomic uint64_t *counter, void *pointer)
{
    atomic_fetch_sub_explicit(counter, malloc_usable_size(pointer), memory_order_relaxed);
}

static void *resize(_Atomic uint64_t *counter, void *old, size_t size)
{
    size_t before = malloc_usable_size(old);
    void *pointer = realloc(old, size);
    if (pointer || size == 0) {
        atomic_fetch_sub_explicit(counter, before, memory_order_relaxed);
        note(counter, pointer);
    }
    return pointer;
}

static void *tls_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return note(&tls_bytes, malloc(size));
}

static void *tls_realloc(void *old, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return resize(&tls_bytes, old, size);
}

static void tls_free(void *pointer, const char *file, int line)
{
    (void)file;
    (void)line;
    forget(&tls_bytes, pointer);
    free(pointer);
}

static void *event_malloc(size_t size)
{
    return note(&event_bytes, malloc(size));
}

static void *event_realloc(void *old, size_t size)
{
    return resize(&event_bytes, old, size);
}

static void event_free_memory(void *pointer)
{
    forget(&event_bytes, pointer);
    free(pointer);
}

void library_memory_init(void)
{
    CHECK(CRYPTO_set_mem_functions(tls_malloc, tls_realloc, tls_free) == 1);
    event_set_mem_functions(event_malloc, event_realloc, event_free_memory);
}

uint64_t library_memory_tls(void)
{
    return atomic_load_explicit(&tls_bytes, memory_order_relaxed);
}

uint64_t library_memory_events(void)
{
    return atomic_load_explicit(&event_bytes, memory_order_relaxed);
}
