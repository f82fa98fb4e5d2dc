/* SPDX-License-Identifier: Apache-2.0 */
/* An intrusive hash map: chained, growing by doubling, keyed by whatever the caller compares.
 * Hashes are seeded, since peers choose the keys.
 *
 * (1) The map owns its bucket array and never the nodes.
 * (2) A node is in at most one map; its hash does not change while it is there.
 * (3) Walking order depends on the seed and history only, never on addresses.
 * (4) Buckets grow and shrink on insertion only, so that a removal never disturbs a walk; a large
 *     bucket array goes when the last node does.
 */
#ifndef BASE_HMAP_H
#define BASE_HMAP_H

#include "base/slice.h"

struct hmap_node {
    struct hmap_node *next; /* in the bucket */
    uint64_t hash;
};

struct hmap {
    struct hmap_node **buckets; /* NULL until the first insertion */
    size_t mask;                /* bucket count - 1 */
    size_t count;
};

#define HMAP_INIT ((struct hmap){0})

/* 64 bits over the bytes; the same seed and bytes always give the same. */
uint64_t hmap_hash(struct slice key, uint64_t seed);
uint64_t hmap_hash_u64(uint64_t key, uint64_t seed);

void hmap_fini(struct hmap *map);
void hmap_insert(struct hmap *map, struct hmap_node *node, uint64_t hash);
/* The node must be in the map. */
void hmap_remove(struct hmap *map, struct hmap_node *node);

/* First node with this hash, or NULL; then the next with the same hash. The caller compares keys. */
struct hmap_node *hmap_first(const struct hmap *map, uint64_t hash);
struct hmap_node *hmap_next_same(const struct hmap_node *node);

/* Walks all nodes: start with NULL. No insertion while walking; and removing the node returned last
 * is not allowed either (collect first, or use HMAP_EACH_SAFE). Costs the bucket count. */
struct hmap_node *hmap_walk(const struct hmap *map, const struct hmap_node *after);

/* A part of a walk that may be interrupted: the first node of a bucket (then `next`), NULL when it is
 * empty or past the end. When the map has grown meanwhile, nodes come twice; when it has shrunk, some
 * don't come. */
struct hmap_node *hmap_bucket(const struct hmap *map, size_t bucket);
/* How many there are. */
size_t hmap_buckets(const struct hmap *map);

/* A walk that may pause for as long as it likes, while nodes come and go and the map grows and shrinks:
 * a node that is there all the time comes at least once, some come twice. The cursor starts at 0;
 * hmap_scan() gives the first node of the bucket it stands at (then `next`) or NULL, and
 * hmap_scan_next() the cursor that follows: 0 when the walk is over. */
struct hmap_node *hmap_scan(const struct hmap *map, uint64_t cursor);
uint64_t hmap_scan_next(const struct hmap *map, uint64_t cursor);

#define HMAP_EACH(map, node)                                                                       \
    for (struct hmap_node *node = hmap_walk(map, NULL); node; node = hmap_walk(map, node))

/* As HMAP_EACH, but the current node may be removed and freed in the body. */
#define HMAP_EACH_SAFE(map, node)                                                                  \
    for (struct hmap_node *node = hmap_walk(map, NULL),                                            \
                          *node##_next = node ? hmap_walk(map, node) : NULL;                       \
         node; node = node##_next, node##_next = node ? hmap_walk(map, node) : NULL)

#endif
