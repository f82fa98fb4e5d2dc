/* SPDX-License-Identifier: Apache-2.0 */
/* The topic trie; see the header for what it is. */
#include "routing/topic_trie.h"

#include "base/mem.h"

#define ALIVE_FIRST 16

/* Takes the next word off `rest`; false when there are none left. An empty key has none; otherwise
 * there is one more than there are dots. `rest->data` is NULL after the last. */
static bool next_word(struct slice *rest, struct slice *word)
{
    if (!rest->data)
        return false;
    const uint8_t *dot = memchr(rest->data, '.', rest->len);
    if (!dot) {
        *word = *rest;
        *rest = slice_of(NULL, 0);
        return true;
    }
    *word = slice_of(rest->data, (size_t)(dot - rest->data));
    *rest = slice_of(dot + 1, rest->len - word->len - 1);
    return true;
}

static struct slice words_of(struct slice key)
{
    return key.len ? key : slice_of(NULL, 0);
}

static enum topic_word kind_of(struct slice word)
{
    if (word.len != 1)
        return TOPIC_LITERAL;
    return word.data[0] == '*' ? TOPIC_STAR : word.data[0] == '#' ? TOPIC_HASH : TOPIC_LITERAL;
}

void topic_trie_init(struct topic_trie *trie, uint64_t seed)
{
    *trie = (struct topic_trie){
        .seed = seed,
        .root = topic_node_new(TOPIC_LITERAL, slice_of(NULL, 0)),
        .node_count = 1,
    };
}

void topic_trie_fini(struct topic_trie *trie)
{
    CHECK(trie->node_count == 1);
    topic_node_free(trie->root);
    mem_free(trie->now.nodes);
    mem_free(trie->next.nodes);
}

static struct topic_node *child_of(struct topic_node *node, enum topic_word kind, struct slice word,
                                   uint64_t hash)
{
    switch (kind) {
    case TOPIC_LITERAL:
        return topic_node_find(node, word, hash);
    case TOPIC_STAR:
        return topic_node_star(node);
    case TOPIC_HASH:
        return topic_node_hash(node);
    }
    UNREACHABLE();
}

/* The child of `node` by that word of a pattern; made when there is none. */
static struct topic_node *step_down(struct topic_trie *trie, struct topic_node *node,
                                    struct slice word)
{
    enum topic_word kind = kind_of(word);
    uint64_t hash = hmap_hash(word, trie->seed);
    struct topic_node *child = child_of(node, kind, word, hash);

    if (child)
        return child;
    child = topic_node_new(kind, word);
    topic_node_attach(node, child, hash);
    trie->node_count++;
    return child;
}

void topic_trie_add(struct topic_trie *trie, struct binding *binding)
{
    struct topic_node *node = trie->root;
    struct slice rest = words_of(binding->key);
    struct slice word;

    while (next_word(&rest, &word))
        node = step_down(trie, node, word);
    binding_set_add(&node->bindings, binding);
    binding->place = node;
}

/* Frees the node and those above it that (2) leaves without a reason to be. */
static void prune(struct topic_trie *trie, struct topic_node *node)
{
    while (node != trie->root && topic_node_is_bare(node)) {
        struct topic_node *parent = node->parent;
        topic_node_detach(node, hmap_hash(topic_node_word(node), trie->seed));
        topic_node_free(node);
        trie->node_count--;
        node = parent;
    }
}

void topic_trie_remove(struct topic_trie *trie, struct binding *binding)
{
    struct topic_node *node = binding->place;

    binding_set_remove(&node->bindings, binding);
    binding->place = NULL;
    prune(trie, node);
}

static void grow(struct topic_alive *alive)
{
    alive->capacity = alive->capacity ? alive->capacity * 2 : ALIVE_FIRST;
    alive->nodes = mem_realloc(alive->nodes, alive->capacity * sizeof(struct topic_node *));
}

/* Brings a node alive, and with it the `#` nodes that may stand for nothing after it. One that is
 * alive already has brought its own. */
static void enter(struct topic_trie *trie, struct topic_alive *alive, struct topic_node *node)
{
    for (; node && node->stamp != trie->stamp; node = topic_node_hash(node)) {
        node->stamp = trie->stamp;
        if (alive->count == alive->capacity)
            grow(alive);
        alive->nodes[alive->count++] = node;
    }
}

/* Moves the set of nodes alive over one word. */
static void read_word(struct topic_trie *trie, struct slice word)
{
    uint64_t hash = hmap_hash(word, trie->seed);

    trie->stamp++;
    trie->next.count = 0;
    for (size_t i = 0; i < trie->now.count; i++) {
        struct topic_node *node = trie->now.nodes[i];
        if (node->kind == TOPIC_HASH)
            enter(trie, &trie->next, node);
        enter(trie, &trie->next, topic_node_star(node));
        enter(trie, &trie->next, topic_node_find(node, word, hash));
    }
    struct topic_alive old = trie->now;
    trie->now = trie->next;
    trie->next = old;
}

void topic_trie_match(struct topic_trie *trie, struct slice key, struct route_walk *walk)
{
    struct slice rest = words_of(key);
    struct slice word;

    trie->stamp++;
    trie->now.count = 0;
    enter(trie, &trie->now, trie->root);
    while (trie->now.count > 0 && next_word(&rest, &word))
        read_word(trie, word);
    for (size_t i = 0; i < trie->now.count; i++)
        binding_set_route(&trie->now.nodes[i]->bindings, walk);
}
