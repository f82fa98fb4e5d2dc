/* SPDX-License-Identifier: Apache-2.0 */
/* Outgoing bytes of one connection: small things are encoded straight into chunks, large bodies are
 * borrowed from their owner and released once written.
 *
 * (1) Bytes leave in the order in which they came.
 * (2) A borrowed run's `release` is called exactly once: when it is drained or at outq_fini().
 * (3) An empty queue holds no chunk: an idle connection costs nothing here.
 * (4) Nothing at or beyond `limit` is shown to the writer (see session: output barriers).
 */
#ifndef BASE_OUTQ_H
#define BASE_OUTQ_H

#include "base/slice.h"

struct outq_chunk;

struct outq {
    struct outq_chunk *head;
    struct outq_chunk *tail;
    struct outq_chunk *spare; /* at most one drained chunk, and only while the queue is not empty */
    uint64_t added;           /* bytes ever added */
    uint64_t drained;         /* bytes ever drained */
    uint64_t limit; /* outq_peek() shows bytes below this offset of `added`; UINT64_MAX: all */
};

#define OUTQ_INIT ((struct outq){.limit = UINT64_MAX})

void outq_fini(struct outq *queue);

/* The most that one outq_reserve() may ask for. */
#define OUTQ_RESERVE_MAX ((size_t)1 << 20)

/* Contiguous room for `len` bytes at the end (len <= OUTQ_RESERVE_MAX); then outq_commit() what was
 * filled in, which may be less, or nothing. No other call on the queue in between. */
uint8_t *outq_reserve(struct outq *queue, size_t len);
void outq_commit(struct outq *queue, size_t len);
void outq_add(struct outq *queue, const void *data, size_t len);
/* Borrows: `data` stays valid until release(owner) is called. */
void outq_add_borrowed(struct outq *queue, const void *data, size_t len,
                       void (*release)(void *owner), void *owner);

/* Bytes waiting, held-back ones included. */
static inline uint64_t outq_len(const struct outq *queue)
{
    return queue->added - queue->drained;
}

/* Memory that the queue itself has taken; what is borrowed is its owners'. */
uint64_t outq_memory(const struct outq *queue);

/* Bytes that may be written now. */
uint64_t outq_ready(const struct outq *queue);

/* Up to `most` runs of what may be written now; returns how many. Valid until the next call. */
size_t outq_peek(const struct outq *queue, struct slice *runs, size_t most);
/* The first `count` bytes are written. */
void outq_drain(struct outq *queue, uint64_t count);

#endif
