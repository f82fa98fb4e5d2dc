/* SPDX-License-Identifier: Apache-2.0 */
/* An intrusive binary heap of deadlines, the earliest first. Equal deadlines leave in the order of
 * their insertion, or of ranks that the caller gives them, so that a run replays to the bit.
 *
 * (1) A node not in a heap has index 0; nodes in a heap are numbered from 1.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    int64_t key;       /* the deadline, in the caller's unit */
    uint64_t sequence; /* order among equal keys */
    size_t index;      /* 0: not in a heap */
};

struct heap {
    struct heap_node **nodes;
    size_t count;
    size_t capacity;
    uint64_t sequence; /* the next insertion's number */
};

#define HEAP_INIT ((struct heap){0})

void heap_fini(struct heap *heap);
/* The node must not be in a heap. */
void heap_insert(struct heap *heap, struct heap_node *node, int64_t key);
/* As heap_insert(), but among equal keys the lowest rank comes first: for all nodes of the heap or none. */
void heap_insert_ranked(struct heap *heap, struct heap_node *node, int64_t key, uint64_t rank);
/* Harmless when the node is not in a heap. */
void heap_remove(struct heap *heap, struct heap_node *node);
/* Inserts, or moves a node that is there already to a new key (last among its equals). */
void heap_move(struct heap *heap, struct heap_node *node, int64_t key);

static inline struct heap_node *heap_first(const struct heap *heap)
{
    return heap->count ? heap->nodes[0] : NULL;
}

static inline bool heap_linked(const struct heap_node *node)
{
    return node->index != 0;
}

#endif
