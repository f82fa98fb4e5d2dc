/* SPDX-License-Identifier: Apache-2.0 */
/* The outgoing queue: a list of chunks, each a block of memory from which runs and the bytes that
 * were encoded into the queue are both cut, in order. A delivery of a large body is three runs (its
 * header's bytes, the borrowed body, the end marker's byte) in one chunk; without borrowed runs a
 * chunk is one run.
 *
 *   chunk: | run | bytes…… | run (borrowed) | run | bytes………… |   free   |
 *                                              ^ last, growing  ^ used
 *
 * (1) A chunk is freed, or becomes the spare, once all of its runs are drained.
 * (2) Only the tail chunk's last run grows, and only while its bytes end at `used`.
 * (3) head is NULL exactly while nothing waits; then there is no spare either. Between
 *     outq_reserve() and outq_commit() alone a chunk may be there with nothing in it.
 */
#include "base/outq.h"

#include "base/mem.h"

/* A chunk's whole size: a socket write's worth of small deliveries. */
#define CHUNK_SIZE ((size_t)16 * 1024)
/* The first chunk of an empty queue is smaller: most turns have but one small reply for a connection,
 * and blocks up to 1032 bytes come from malloc's per-thread cache. */
#define CHUNK_SIZE_FIRST ((size_t)1024)

struct run {
    struct run *next; /* in the same chunk */
    const uint8_t *data;
    size_t len;
    void (*release)(void *owner); /* NULL when the bytes are the chunk's own */
    void *owner;
};

struct outq_chunk {
    struct outq_chunk *next;
    struct run *first; /* not drained yet; NULL: all are */
    struct run *last;
    size_t used;
    size_t capacity;
    _Alignas(struct run) uint8_t memory[];
};

static size_t align_run(size_t offset)
{
    size_t alignment = _Alignof(struct run);

    return (offset + alignment - 1) & ~(alignment - 1);
}

static struct outq_chunk *chunk_new(struct outq *queue, size_t need)
{
    size_t size = queue->head ? CHUNK_SIZE : CHUNK_SIZE_FIRST;
    size_t capacity = size - sizeof(struct outq_chunk);
    struct outq_chunk *chunk = queue->spare;

    if (capacity < need)
        capacity = need;
    if (chunk && chunk->capacity >= need) {
        queue->spare = NULL;
        capacity = chunk->capacity;
    } else {
        chunk = mem_alloc(sizeof *chunk + capacity);
    }
    chunk->next = NULL;
    chunk->first = NULL;
    chunk->last = NULL;
    chunk->used = 0;
    chunk->capacity = capacity;
    return chunk;
}

static void chunk_append(struct outq *queue, struct outq_chunk *chunk)
{
    if (queue->tail)
        queue->tail->next = chunk;
    else
        queue->head = chunk;
    queue->tail = chunk;
}

/* Takes the first chunk, whose runs are all drained, out of the queue. */
static void chunk_retire(struct outq *queue)
{
    struct outq_chunk *chunk = queue->head;

    CHECK(!chunk->first);
    queue->head = chunk->next;
    if (!queue->head)
        queue->tail = NULL;
    bool usual = chunk->capacity > CHUNK_SIZE_FIRST && chunk->capacity <= CHUNK_SIZE;
    if (queue->head && !queue->spare && usual)
        queue->spare = chunk;
    else
        mem_free(chunk);
    if (!queue->head) {
        mem_free(queue->spare);
        queue->spare = NULL;
    }
}

/* A new, empty run at the end of the queue, with room for `len` bytes after it. */
static struct run *run_new(struct outq *queue, size_t len)
{
    struct outq_chunk *chunk = queue->tail;
    size_t at = chunk ? align_run(chunk->used) : 0;
    size_t need = sizeof(struct run) + len;

    if (!chunk || at > chunk->capacity || chunk->capacity - at < need) {
        chunk = chunk_new(queue, need);
        chunk_append(queue, chunk);
        at = 0;
    }
    struct run *run = (struct run *)(void *)(chunk->memory + at);
    chunk->used = at + sizeof *run;
    *run = (struct run){.data = chunk->memory + chunk->used};
    if (chunk->first)
        chunk->last->next = run;
    else
        chunk->first = run;
    chunk->last = run;
    return run;
}

static bool can_grow(const struct outq_chunk *chunk, size_t len)
{
    return chunk && chunk->first && !chunk->last->release && chunk->capacity - chunk->used >= len &&
           chunk->last->data + chunk->last->len == chunk->memory + chunk->used;
}

static void pop_run(struct outq *queue)
{
    struct outq_chunk *chunk = queue->head;
    struct run *run = chunk->first;

    if (run->release)
        run->release(run->owner);
    chunk->first = run->next;
    if (!chunk->first)
        chunk_retire(queue);
}

void outq_fini(struct outq *queue)
{
    while (queue->head)
        pop_run(queue);
    *queue = OUTQ_INIT;
}

uint8_t *outq_reserve(struct outq *queue, size_t len)
{
    CHECK(len <= OUTQ_RESERVE_MAX);
    if (!can_grow(queue->tail, len))
        run_new(queue, len);
    return queue->tail->memory + queue->tail->used;
}

void outq_commit(struct outq *queue, size_t len)
{
    struct outq_chunk *chunk = queue->tail;

    CHECK(chunk);
    CHECK(chunk->capacity - chunk->used >= len);
    chunk->used += len;
    chunk->last->len += len;
    queue->added += len;
    if (queue->added == queue->drained)
        pop_run(queue); /* reserved, then nothing filled in */
}

void outq_add(struct outq *queue, const void *data, size_t len)
{
    const uint8_t *from = data;

    while (len > 0) {
        size_t count = len < OUTQ_RESERVE_MAX ? len : OUTQ_RESERVE_MAX;
        memcpy(outq_reserve(queue, count), from, count);
        outq_commit(queue, count);
        from += count;
        len -= count;
    }
}

void outq_add_borrowed(struct outq *queue, const void *data, size_t len,
                       void (*release)(void *owner), void *owner)
{
    CHECK(release);
    if (len == 0) {
        release(owner);
        return;
    }
    struct run *run = run_new(queue, 0);
    run->data = data;
    run->len = len;
    run->release = release;
    run->owner = owner;
    queue->added += len;
}

uint64_t outq_memory(const struct outq *queue)
{
    uint64_t bytes = queue->spare ? sizeof(struct outq_chunk) + queue->spare->capacity : 0;

    for (const struct outq_chunk *chunk = queue->head; chunk; chunk = chunk->next)
        bytes += sizeof(*chunk) + chunk->capacity;
    return bytes;
}

uint64_t outq_ready(const struct outq *queue)
{
    uint64_t end = queue->added < queue->limit ? queue->added : queue->limit;

    return end > queue->drained ? end - queue->drained : 0;
}

size_t outq_peek(const struct outq *queue, struct slice *runs, size_t most)
{
    uint64_t left = outq_ready(queue);
    size_t count = 0;

    for (const struct outq_chunk *chunk = queue->head; chunk; chunk = chunk->next) {
        for (const struct run *run = chunk->first; run; run = run->next) {
            if (left == 0 || count == most)
                return count;
            if (run->len == 0)
                continue;
            runs[count] = slice_of(run->data, run->len < left ? run->len : (size_t)left);
            left -= runs[count++].len;
        }
    }
    return count;
}

void outq_drain(struct outq *queue, uint64_t count)
{
    CHECK(count <= outq_ready(queue));
    queue->drained += count;
    while (queue->head) {
        struct run *run = queue->head->first;
        if (run->len > count) {
            run->data += count;
            run->len -= (size_t)count;
            break;
        }
        count -= run->len;
        pop_run(queue);
    }
    CHECK(queue->head ? outq_len(queue) > 0 : outq_len(queue) == 0);
}
