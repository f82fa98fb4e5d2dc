/* SPDX-License-Identifier: Apache-2.0 */
/* The chained hash map, and its hash: SipHash-1-3 (Aumasson and Bernstein's construction with one
 * round a word and three at the end), whose collisions a peer cannot find without the seed.
 *
 * (1) mask + 1 is the bucket count, a power of two; count <= bucket count.
 * (2) A node with hash h is in buckets[h & mask]; the youngest comes first.
 */
#include "base/hmap.h"

#include "base/mem.h"

#include <endian.h>

#define BUCKETS_MIN 8
/* Arrays up to this size outlive their last node: an empty map that fills and empties all the time
 * must not allocate each time. */
#define BUCKETS_KEPT 64

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t value, unsigned by)
{
    return value << by | value >> (64 - by);
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 = rotate_left(s->v2, 32);
}

/* SipHash's key has 128 bits: the seed is its first half, the second follows from it. */
static inline struct sip sip_start(uint64_t seed)
{
    uint64_t second = rotate_left(seed, 32) ^ 0x9e3779b97f4a7c15U;

    return (struct sip){
        .v0 = seed ^ 0x736f6d6570736575U,
        .v1 = second ^ 0x646f72616e646f6dU,
        .v2 = seed ^ 0x6c7967656e657261U,
        .v3 = second ^ 0x7465646279746573U,
    };
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

static inline uint64_t sip_end(struct sip *s)
{
    s->v2 ^= 0xff;
    sip_round(s);
    sip_round(s);
    sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* Little-endian whatever the machine, so that a trace replays elsewhere. */
static inline uint64_t load_64(const uint8_t *data)
{
    uint64_t word;

    memcpy(&word, data, sizeof word);
    return le64toh(word);
}

static inline uint64_t load_32(const uint8_t *data)
{
    uint32_t word;

    memcpy(&word, data, sizeof word);
    return le32toh(word);
}

/* The last len % 8 bytes as one word; reads that overlap instead of a loop over bytes. */
static inline uint64_t load_rest(const uint8_t *data, size_t len)
{
    size_t count = len % 8;
    const uint8_t *rest = data + (len - count);

    if (count == 0)
        return 0;
    if (len >= 8)
        return load_64(data + len - 8) >> (64 - 8 * count);
    if (count >= 4)
        return load_32(rest) | load_32(rest + count - 4) << (8 * (count - 4));
    return (uint64_t)rest[0] | (uint64_t)rest[count / 2] << (8 * (count / 2)) |
           (uint64_t)rest[count - 1] << (8 * (count - 1));
}

uint64_t hmap_hash(struct slice key, uint64_t seed)
{
    struct sip s = sip_start(seed);

    for (size_t i = 0; i + 8 <= key.len; i += 8)
        sip_word(&s, load_64(key.data + i));
    uint64_t rest = key.len ? load_rest(key.data, key.len) : 0;
    sip_word(&s, rest | (uint64_t)key.len << 56);
    return sip_end(&s);
}

uint64_t hmap_hash_u64(uint64_t key, uint64_t seed)
{
    struct sip s = sip_start(seed);

    sip_word(&s, key);
    return sip_end(&s);
}

void hmap_fini(struct hmap *map)
{
    mem_free(map->buckets);
    *map = HMAP_INIT;
}

static size_t bucket_count(const struct hmap *map)
{
    return map->buckets ? map->mask + 1 : 0;
}

static void rehash(struct hmap *map, size_t buckets)
{
    struct hmap_node **old = map->buckets;
    size_t old_buckets = bucket_count(map);

    map->buckets = mem_zalloc(buckets * sizeof(struct hmap_node *));
    map->mask = buckets - 1;
    for (size_t i = 0; i < old_buckets; i++) {
        struct hmap_node *next;
        for (struct hmap_node *node = old[i]; node; node = next) {
            struct hmap_node **bucket = &map->buckets[node->hash & map->mask];
            next = node->next;
            node->next = *bucket;
            *bucket = node;
        }
    }
    mem_free(old);
}

void hmap_insert(struct hmap *map, struct hmap_node *node, uint64_t hash)
{
    size_t buckets = bucket_count(map);

    if (map->count >= buckets)
        rehash(map, buckets ? 2 * buckets : BUCKETS_MIN);
    else if (buckets > BUCKETS_KEPT && map->count < buckets / 8)
        rehash(map, buckets / 4);
    struct hmap_node **bucket = &map->buckets[hash & map->mask];
    node->hash = hash;
    node->next = *bucket;
    *bucket = node;
    map->count++;
}

void hmap_remove(struct hmap *map, struct hmap_node *node)
{
    CHECK(map->count > 0);
    struct hmap_node **link = &map->buckets[node->hash & map->mask];

    while (*link && *link != node)
        link = &(*link)->next;
    CHECK(*link == node);
    *link = node->next;
    node->next = NULL;
    if (--map->count == 0 && bucket_count(map) > BUCKETS_KEPT)
        hmap_fini(map);
}

static struct hmap_node *same_from(struct hmap_node *node, uint64_t hash)
{
    while (node && node->hash != hash)
        node = node->next;
    return node;
}

struct hmap_node *hmap_first(const struct hmap *map, uint64_t hash)
{
    if (map->count == 0)
        return NULL;
    return same_from(map->buckets[hash & map->mask], hash);
}

struct hmap_node *hmap_next_same(const struct hmap_node *node)
{
    return same_from(node->next, node->hash);
}

struct hmap_node *hmap_walk(const struct hmap *map, const struct hmap_node *after)
{
    size_t buckets = bucket_count(map);
    size_t start = 0;

    if (map->count == 0)
        return NULL;
    if (after) {
        if (after->next)
            return after->next;
        start = (after->hash & map->mask) + 1;
    }
    for (size_t i = start; i < buckets; i++)
        if (map->buckets[i])
            return map->buckets[i];
    return NULL;
}

size_t hmap_buckets(const struct hmap *map)
{
    return map->buckets ? map->mask + 1 : 0;
}

struct hmap_node *hmap_bucket(const struct hmap *map, size_t bucket)
{
    return bucket < hmap_buckets(map) ? map->buckets[bucket] : NULL;
}

struct hmap_node *hmap_scan(const struct hmap *map, uint64_t cursor)
{
    return map->buckets ? map->buckets[cursor & map->mask] : NULL;
}

static uint64_t reverse_bits(uint64_t value)
{
    value = (value >> 1 & 0x5555555555555555U) | (value & 0x5555555555555555U) << 1;
    value = (value >> 2 & 0x3333333333333333U) | (value & 0x3333333333333333U) << 2;
    value = (value >> 4 & 0x0f0f0f0f0f0f0f0fU) | (value & 0x0f0f0f0f0f0f0f0fU) << 4;
    return __builtin_bswap64(value);
}

/* The cursor counts with its highest bit as the lowest. A bucket splits into those whose numbers end
 * as its own does, and this order has them one behind the other: so what lies behind the cursor
 * is behind it after growing and shrinking as well. */
uint64_t hmap_scan_next(const struct hmap *map, uint64_t cursor)
{
    uint64_t mask = map->buckets ? map->mask : 0;

    return reverse_bits(reverse_bits(cursor | ~mask) + 1);
}
