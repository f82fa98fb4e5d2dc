/* SPDX-License-Identifier: Apache-2.0 */
/* A node of the topic trie: what follows when one word of a pattern has been read. Literal words
 * lead to children by hash, `*` and `#` to one child each.
 *
 * (1) A node of at most TOPIC_EDGES_INLINE literal children keeps them in itself; one of more keeps
 *     them in a hash table that is at most half full, probed linearly, without gravestones.
 * (2) Hashes are seeded, since peers choose the words, and equal hashes are never believed alone.
 * (3) Most nodes are leaves. What a match reads of a leaf fits into a cache line or two, which is
 *     what a match in a large trie costs: children are elsewhere, and who has none has no room for
 *     them.
 */
#ifndef ROUTING_TOPIC_NODE_H
#define ROUTING_TOPIC_NODE_H

#include "routing/binding_set.h"

#define TOPIC_EDGES_INLINE 2

struct topic_node;

struct topic_edge {
    uint64_t hash; /* of the child's word */
    struct topic_node *child;
};

struct topic_edges {
    union {
        struct topic_edge few[TOPIC_EDGES_INLINE]; /* the first `count`; while capacity is 0 */
        struct topic_edge *slots;                  /* heap; free ones have no child */
    };
    uint32_t count;
    uint32_t capacity; /* of `slots`, a power of two; 0: inline */
};

enum topic_word {
    TOPIC_LITERAL,
    TOPIC_STAR, /* exactly one word */
    TOPIC_HASH, /* any number of words, none included */
};

struct topic_children {
    struct topic_node *star; /* by wildcard, or NULL */
    struct topic_node *hash;
    struct topic_edges edges; /* by literal word */
};

struct topic_node {
    struct topic_node *parent;       /* NULL: the root */
    uint64_t stamp;                  /* the latest step of a match in which it was alive */
    struct topic_children *children; /* NULL: none */
    struct binding_set bindings;     /* of the pattern that ends here */
    uint8_t kind;                    /* enum topic_word */
    uint8_t word_len;
    uint8_t word[];
};

/* A node without a parent. */
struct topic_node *topic_node_new(enum topic_word kind, struct slice word);
/* It must have no bindings and no children. */
void topic_node_free(struct topic_node *node);

/* The child by a literal word, or NULL. */
struct topic_node *topic_node_find(const struct topic_node *node, struct slice word, uint64_t hash);
/* The place of its kind must be free; `hash` is that of its word. */
void topic_node_attach(struct topic_node *parent, struct topic_node *child, uint64_t hash);
void topic_node_detach(struct topic_node *child, uint64_t hash);

/* The child by wildcard, or NULL. */
static inline struct topic_node *topic_node_star(const struct topic_node *node)
{
    return node->children ? node->children->star : NULL;
}

static inline struct topic_node *topic_node_hash(const struct topic_node *node)
{
    return node->children ? node->children->hash : NULL;
}

static inline struct slice topic_node_word(const struct topic_node *node)
{
    return slice_of(node->word, node->word_len);
}

/* Neither bindings nor children. */
static inline bool topic_node_is_bare(const struct topic_node *node)
{
    return node->bindings.count == 0 && !node->children;
}

#endif
