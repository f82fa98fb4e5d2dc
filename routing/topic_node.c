/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of the topic trie and the edges between them; see the header for the invariants. */
#include "routing/topic_node.h"

#include "base/mem.h"

#define CAPACITY_FIRST 8

static bool is_child(const struct topic_edge *edge, struct slice word, uint64_t hash)
{
    return edge->hash == hash &&
           slice_equal(slice_of(edge->child->word, edge->child->word_len), word);
}

struct topic_node *topic_node_find(const struct topic_node *node, struct slice word, uint64_t hash)
{
    const struct topic_edges *edges = &node->edges;

    if (edges->capacity == 0) {
        for (uint32_t i = 0; i < edges->count; i++)
            if (is_child(&edges->few[i], word, hash))
                return edges->few[i].child;
        return NULL;
    }
    for (uint64_t i = hash;; i++) {
        const struct topic_edge *edge = &edges->slots[i & (edges->capacity - 1)];
        if (!edge->child)
            return NULL;
        if (is_child(edge, word, hash))
            return edge->child;
    }
}

static void place(struct topic_edges *edges, struct topic_edge edge)
{
    uint64_t i = edge.hash;

    while (edges->slots[i & (edges->capacity - 1)].child)
        i++;
    edges->slots[i & (edges->capacity - 1)] = edge;
}

/* To a table of `capacity` slots, from one or from inline. */
static void rehash(struct topic_edges *edges, uint32_t capacity)
{
    struct topic_edges old = *edges;
    const struct topic_edge *from = old.capacity ? old.slots : old.few;
    uint32_t from_len = old.capacity ? old.capacity : old.count;

    edges->slots = mem_zalloc(capacity * sizeof(edges->slots[0]));
    edges->capacity = capacity;
    for (uint32_t i = 0; i < from_len; i++)
        if (from[i].child)
            place(edges, from[i]);
    if (old.capacity)
        mem_free(old.slots);
}

/* Back from a table to inline. */
static void move_in(struct topic_edges *edges)
{
    struct topic_edge *slots = edges->slots;
    uint32_t count = 0;

    for (uint32_t i = 0; i < edges->capacity; i++)
        if (slots[i].child)
            edges->few[count++] = slots[i];
    CHECK(count == edges->count);
    edges->capacity = 0;
    mem_free(slots);
}

static void add_edge(struct topic_edges *edges, struct topic_edge edge)
{
    CHECK(edges->count < UINT32_MAX / 4);
    if (edges->capacity == 0 && edges->count < TOPIC_EDGES_INLINE) {
        edges->few[edges->count++] = edge;
        return;
    }
    if (edges->capacity == 0)
        rehash(edges, CAPACITY_FIRST);
    else if (edges->count >= edges->capacity / 2)
        rehash(edges, edges->capacity * 2);
    place(edges, edge);
    edges->count++;
}

/* Closes the gap at `hole`: whoever was pushed past it by others moves back into it. */
static void close_gap(struct topic_edges *edges, uint32_t hole)
{
    uint32_t mask = edges->capacity - 1;

    for (uint32_t i = (hole + 1) & mask; edges->slots[i].child; i = (i + 1) & mask) {
        uint32_t home = (uint32_t)edges->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue; /* its home is behind the hole */
        edges->slots[hole] = edges->slots[i];
        hole = i;
    }
    edges->slots[hole].child = NULL;
}

static void remove_inline(struct topic_edges *edges, const struct topic_node *child)
{
    uint32_t i = 0;

    while (i < edges->count && edges->few[i].child != child)
        i++;
    CHECK(i < edges->count);
    edges->few[i] = edges->few[--edges->count];
}

static void remove_slot(struct topic_edges *edges, const struct topic_node *child)
{
    uint32_t mask = edges->capacity - 1;
    uint32_t i = (uint32_t)child->word_hash & mask;

    while (edges->slots[i].child != child) {
        CHECK(edges->slots[i].child);
        i = (i + 1) & mask;
    }
    close_gap(edges, i);
    edges->count--;
    if (edges->count <= TOPIC_EDGES_INLINE)
        move_in(edges);
    else if (edges->capacity > CAPACITY_FIRST && edges->count <= edges->capacity / 8)
        rehash(edges, edges->capacity / 2);
}

struct topic_node *topic_node_new(enum topic_word kind, struct slice word, uint64_t word_hash)
{
    CHECK(word.len <= UINT8_MAX);
    struct topic_node *node = mem_alloc(sizeof(*node) + word.len);

    *node = (struct topic_node){
        .kind = kind,
        .word_hash = word_hash,
        .word_len = (uint8_t)word.len,
    };
    binding_set_init(&node->bindings);
    if (word.len)
        memcpy(node->word, word.data, word.len);
    return node;
}

void topic_node_free(struct topic_node *node)
{
    CHECK(topic_node_is_bare(node));
    binding_set_fini(&node->bindings);
    mem_free(node);
}

void topic_node_attach(struct topic_node *parent, struct topic_node *child)
{
    child->parent = parent;
    switch (child->kind) {
    case TOPIC_LITERAL:
        add_edge(&parent->edges, (struct topic_edge){child->word_hash, child});
        return;
    case TOPIC_STAR:
        CHECK(!parent->star);
        parent->star = child;
        return;
    case TOPIC_HASH:
        CHECK(!parent->hash);
        parent->hash = child;
        return;
    }
}

void topic_node_detach(struct topic_node *child)
{
    struct topic_node *parent = child->parent;

    child->parent = NULL;
    switch (child->kind) {
    case TOPIC_LITERAL:
        if (parent->edges.capacity)
            remove_slot(&parent->edges, child);
        else
            remove_inline(&parent->edges, child);
        return;
    case TOPIC_STAR:
        CHECK(parent->star == child);
        parent->star = NULL;
        return;
    case TOPIC_HASH:
        CHECK(parent->hash == child);
        parent->hash = NULL;
        return;
    }
}

bool topic_node_is_bare(const struct topic_node *node)
{
    return node->bindings.count == 0 && node->edges.count == 0 && !node->star && !node->hash;
}
