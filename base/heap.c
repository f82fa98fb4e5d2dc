/* SPDX-License-Identifier: Apache-2.0 */
/* The binary heap of deadlines.
 *
 * (1) nodes[i]->index == i + 1 for every i < count.
 * (2) No node comes before its parent, nodes[(i - 1) / 2].
 * (3) The array is at most four times as long as it was ever needed since it was last shrunk.
 */
#include "base/heap.h"

#include "base/mem.h"

/* Below this many slots shrinking is not worth a call. */
#define CAPACITY_MIN 16

void heap_fini(struct heap *heap)
{
    mem_free(heap->nodes);
    *heap = HEAP_INIT;
}

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    if (a->key != b->key)
        return a->key < b->key;
    return a->sequence < b->sequence;
}

static void place(struct heap *heap, struct heap_node *node, size_t position)
{
    heap->nodes[position] = node;
    node->index = position + 1;
}

static void sift_up(struct heap *heap, struct heap_node *node, size_t position)
{
    while (position > 0) {
        size_t parent = (position - 1) / 2;
        if (!before(node, heap->nodes[parent]))
            break;
        place(heap, heap->nodes[parent], position);
        position = parent;
    }
    place(heap, node, position);
}

static void sift_down(struct heap *heap, struct heap_node *node, size_t position)
{
    for (;;) {
        size_t child = 2 * position + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && before(heap->nodes[child + 1], heap->nodes[child]))
            child++;
        if (!before(heap->nodes[child], node))
            break;
        place(heap, heap->nodes[child], position);
        position = child;
    }
    place(heap, node, position);
}

/* Puts a node whose key has changed, or that fills a hole, where it belongs. */
static void settle(struct heap *heap, struct heap_node *node, size_t position)
{
    if (position > 0 && before(node, heap->nodes[(position - 1) / 2]))
        sift_up(heap, node, position);
    else
        sift_down(heap, node, position);
}

static void resize(struct heap *heap, size_t capacity)
{
    heap->nodes = mem_realloc(heap->nodes, capacity * sizeof(struct heap_node *));
    heap->capacity = capacity;
}

void heap_insert(struct heap *heap, struct heap_node *node, int64_t key)
{
    heap_insert_ranked(heap, node, key, heap->sequence++);
}

void heap_insert_ranked(struct heap *heap, struct heap_node *node, int64_t key, uint64_t rank)
{
    CHECK(!heap_linked(node));
    if (heap->count == heap->capacity)
        resize(heap, heap->capacity ? 2 * heap->capacity : CAPACITY_MIN);
    node->key = key;
    node->sequence = rank;
    sift_up(heap, node, heap->count++);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    if (!heap_linked(node))
        return;
    size_t position = node->index - 1;
    CHECK(position < heap->count);
    CHECK(heap->nodes[position] == node);

    struct heap_node *last = heap->nodes[--heap->count];
    node->index = 0;
    if (last != node)
        settle(heap, last, position);
    if (heap->capacity > CAPACITY_MIN && heap->count < heap->capacity / 4)
        resize(heap, heap->capacity / 2);
}

void heap_move(struct heap *heap, struct heap_node *node, int64_t key)
{
    if (!heap_linked(node)) {
        heap_insert(heap, node, key);
        return;
    }
    size_t position = node->index - 1;
    CHECK(position < heap->count);
    CHECK(heap->nodes[position] == node);
    node->key = key;
    node->sequence = heap->sequence++;
    settle(heap, node, position);
}
