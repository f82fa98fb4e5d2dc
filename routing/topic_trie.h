/* SPDX-License-Identifier: Apache-2.0 */
/* Topic patterns, matched against routing keys [0-9-1 §3.1.3.3]: a pattern's words, split at dots,
 * are a path through a trie; `*` stands for one word, `#` for any number of words, none included.
 * The empty key has no words; everywhere else an empty word is a word like others.
 *
 * A key is read word by word while the set of nodes that are alive moves along, as a
 * non-deterministic automaton's states do:
 *
 *   alive after word i  ─── word i+1 ──>  its child of that word, its `*` child,
 *                                         itself if it is a `#` node
 *   and with each node that comes alive its `#` child does, too (which may stand for nothing)
 *
 * (1) At each word a node is entered once, however many ways lead to it: a match costs at most
 *     words × nodes alive, whatever the pattern, and patterns that don't share a prefix with the key
 *     cost nothing.
 * (2) Every node but the root has a binding at or below it.
 * (3) binding.place is the node at which its pattern ends.
 */
#ifndef ROUTING_TOPIC_TRIE_H
#define ROUTING_TOPIC_TRIE_H

#include "routing/topic_node.h"

/* Nodes alive; keeps its memory from match to match. */
struct topic_alive {
    struct topic_node **nodes;
    size_t count;
    size_t capacity;
};

struct topic_trie {
    uint64_t seed;
    uint64_t stamp; /* the number of the latest step, see topic_node.stamp */
    size_t node_count;
    struct topic_node *root;
    struct topic_alive now;
    struct topic_alive next;
};

void topic_trie_init(struct topic_trie *trie, uint64_t seed);
/* All bindings must be gone. */
void topic_trie_fini(struct topic_trie *trie);
/* By binding->key. */
void topic_trie_add(struct topic_trie *trie, struct binding *binding);
void topic_trie_remove(struct topic_trie *trie, struct binding *binding);
/* Names each binding whose pattern matches `key` to the walk, once. */
void topic_trie_match(struct topic_trie *trie, struct slice key, struct route_walk *walk);

#endif
