/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of the topic trie and the edges between them; see the header for the invariants. */
#include "routing/topic_node.h"

#include "base/mem.h"

#define CAPACITY_FIRST 8

static bool is_child(const struct topic_edge *edge, struct slice word, uint64_t hash)
{
    return edge->hash == hash && slice_equal(topic_node_word(edge->child), word);
}

static struct topic_node *find_edge(const struct topic_edges *edges, struct slice word,
                                    uint64_t hash)
{
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

struct topic_node *topic_node_find(const struct topic_node *node, struct slice word, uint64_t hash)
{
    return node->children ? find_edge(&node->children->edges, word, hash) : NULL;
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

static void remove_slot(struct topic_edges *edges, const struct topic_node *child, uint64_t hash)
{
    uint32_t mask = edges->capacity - 1;
    uint32_t i = (uint32_t)hash & mask;

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

static void remove_edge(struct topic_edges *edges, const struct topic_node *child, uint64_t hash)
{
    if (edges->capacity)
        remove_slot(edges, child, hash);
    else
        remove_inline(edges, child);
}

struct topic_node *topic_node_new(enum topic_word kind, struct slice word)
{
    CHECK(word.len <= UINT8_MAX);
    struct topic_node *node = mem_alloc(sizeof(*node) + word.len);

    *node = (struct topic_node){.kind = (uint8_t)kind, .word_len = (uint8_t)word.len};
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

void topic_node_attach(struct topic_node *parent, struct topic_node *child, uint64_t hash)
{
    if (!parent->children)
        parent->children = MEM_NEW(struct topic_children);
    child->parent = parent;
    switch ((enum topic_word)child->kind) {
    case TOPIC_LITERAL:
        add_edge(&parent->children->edges, (struct topic_edge){hash, child});
        return;
    case TOPIC_STAR:
        CHECK(!parent->children->star);
        parent->children->star = child;
        return;
    case TOPIC_HASH:
        CHECK(!parent->children->hash);
        parent->children->hash = child;
        return;
    }
}

static void remove_child(struct topic_children *children, const struct topic_node *child,
                         uint64_t hash)
{
    switch ((enum topic_word)child->kind) {
    case TOPIC_LITERAL:
        remove_edge(&children->edges, child, hash);
        return;
    case TOPIC_STAR:
        CHECK(children->star == child);
        children->star = NULL;
        return;
    case TOPIC_HASH:
        CHECK(children->hash == child);
        children->hash = NULL;
        return;
    }
}

void topic_node_detach(struct topic_node *child, uint64_t hash)
{
    struct topic_node *parent = child->parent;
    struct topic_children *children = parent->children;

    remove_child(children, child, hash);
    child->parent = NULL;
    if (children->edges.count > 0 || children->star || children->hash)
        return;
    mem_free(children);
    parent->children = NULL;
}
