/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/hmap.h. */
#include "base/hmap.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tests/support/suite.h"

struct entry {
    struct hmap_node node;
    uint64_t key;
    bool there;
};

static struct entry *find(const struct hmap *map, uint64_t key, uint64_t hash)
{
    for (struct hmap_node *node = hmap_first(map, hash); node; node = hmap_next_same(node)) {
        struct entry *entry = CONTAINER_OF(node, struct entry, node);
        if (entry->key == key)
            return entry;
    }
    return NULL;
}

START_TEST(an_empty_map_costs_nothing)
{
    struct hmap map = HMAP_INIT;

    ck_assert_ptr_null(hmap_first(&map, 1));
    ck_assert_ptr_null(hmap_walk(&map, NULL));
    ck_assert_ptr_null(map.buckets);
    hmap_fini(&map);
}
END_TEST

START_TEST(agrees_with_an_array_over_random_steps)
{
    static struct entry entries[3000];
    struct hmap map = HMAP_INIT;
    struct rng rng;
    size_t count = 0;

    rng_init_u64(&rng, 11);
    for (int step = 0; step < 60000; step++) {
        uint64_t key = rng_below(&rng, ARRAY_LEN(entries));
        uint64_t hash = hmap_hash_u64(key, 5);
        struct entry *entry = &entries[key];
        ck_assert_ptr_eq(find(&map, key, hash), entry->there ? entry : NULL);
        if (entry->there) {
            hmap_remove(&map, &entry->node);
            count--;
        } else {
            entry->key = key;
            hmap_insert(&map, &entry->node, hash);
            count++;
        }
        entry->there = !entry->there;
        ck_assert_uint_eq(map.count, count);
    }
    size_t walked = 0;
    HMAP_EACH(&map, node) {
        ck_assert(CONTAINER_OF(node, struct entry, node)->there);
        walked++;
    }
    ck_assert_uint_eq(walked, count);
    hmap_fini(&map);
}
END_TEST

START_TEST(equal_hashes_are_all_found)
{
    struct entry entries[20] = {0};
    struct hmap map = HMAP_INIT;
    size_t seen = 0;

    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        entries[i].key = i;
        hmap_insert(&map, &entries[i].node, i % 2 ? 99 : 99 + ((uint64_t)1 << 40));
    }
    for (struct hmap_node *node = hmap_first(&map, 99); node; node = hmap_next_same(node)) {
        ck_assert_uint_eq(CONTAINER_OF(node, struct entry, node)->key % 2, 1);
        seen++;
    }
    ck_assert_uint_eq(seen, 10);
    hmap_fini(&map);
}
END_TEST

START_TEST(nodes_may_go_while_walking)
{
    struct hmap map = HMAP_INIT;
    size_t kept = 0;

    for (uint64_t key = 0; key < 1000; key++) {
        struct entry *entry = MEM_NEW(struct entry);
        entry->key = key;
        hmap_insert(&map, &entry->node, hmap_hash_u64(key, 1));
    }
    HMAP_EACH_SAFE(&map, node) {
        struct entry *entry = CONTAINER_OF(node, struct entry, node);
        if (entry->key % 10) {
            hmap_remove(&map, node);
            mem_free(entry);
        }
    }
    ck_assert_uint_eq(map.count, 100);
    HMAP_EACH_SAFE(&map, node) {
        struct entry *entry = CONTAINER_OF(node, struct entry, node);
        ck_assert_uint_eq(entry->key % 10, 0);
        hmap_remove(&map, node);
        mem_free(entry);
        kept++;
    }
    ck_assert_uint_eq(kept, 100);
    ck_assert_ptr_null(map.buckets); /* a large array goes with the last node */
    hmap_fini(&map);
}
END_TEST

START_TEST(memory_shrinks_when_few_are_left)
{
    static struct entry entries[10000];
    struct hmap map = HMAP_INIT;

    for (size_t i = 0; i < ARRAY_LEN(entries); i++)
        hmap_insert(&map, &entries[i].node, hmap_hash_u64(i, 2));
    ck_assert_uint_ge(map.mask + 1, 10000);
    for (size_t i = 10; i < ARRAY_LEN(entries); i++)
        hmap_remove(&map, &entries[i].node);
    for (int round = 0; round < 20; round++) {
        hmap_insert(&map, &entries[10].node, hmap_hash_u64(10, 2));
        hmap_remove(&map, &entries[10].node);
    }
    ck_assert_uint_le(map.mask + 1, 128);
    for (size_t i = 0; i < 10; i++)
        ck_assert_ptr_eq(hmap_first(&map, hmap_hash_u64(i, 2)), &entries[i].node);
    hmap_fini(&map);
}
END_TEST

START_TEST(walking_order_follows_from_the_history)
{
    struct entry a[200];
    struct entry b[200];
    struct hmap one = HMAP_INIT;
    struct hmap two = HMAP_INIT;

    for (size_t i = 0; i < 200; i++) {
        a[i].key = b[i].key = i;
        hmap_insert(&one, &a[i].node, hmap_hash_u64(i, 77));
        hmap_insert(&two, &b[i].node, hmap_hash_u64(i, 77));
    }
    const struct hmap_node *x = hmap_walk(&one, NULL);
    const struct hmap_node *y = hmap_walk(&two, NULL);
    for (; x && y; x = hmap_walk(&one, x), y = hmap_walk(&two, y))
        ck_assert_uint_eq(CONTAINER_OF(x, struct entry, node)->key,
                          CONTAINER_OF(y, struct entry, node)->key);
    ck_assert_ptr_eq(x, y);
    hmap_fini(&one);
    hmap_fini(&two);
}
END_TEST

START_TEST(buckets_hold_all_nodes)
{
    struct entry entries[300];
    struct hmap map = HMAP_INIT;
    size_t count = 0;

    ck_assert_uint_eq(hmap_buckets(&map), 0);
    ck_assert_ptr_null(hmap_bucket(&map, 0));
    for (size_t i = 0; i < ARRAY_LEN(entries); i++)
        hmap_insert(&map, &entries[i].node, hmap_hash_u64(i, 5));
    const struct hmap_node *next = hmap_walk(&map, NULL);
    for (size_t i = 0; i < hmap_buckets(&map); i++)
        for (const struct hmap_node *node = hmap_bucket(&map, i); node; node = node->next) {
            ck_assert_ptr_eq(node, next);
            next = hmap_walk(&map, node);
            count++;
        }
    ck_assert_uint_eq(count, ARRAY_LEN(entries));
    ck_assert_ptr_null(hmap_bucket(&map, hmap_buckets(&map)));
    hmap_fini(&map);
}
END_TEST

/* SipHash written down again the plain way, byte by byte, for any number of rounds. */
static uint64_t plain_siphash(struct slice message, const uint64_t key[2], int rounds,
                              int last_rounds)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575U, key[1] ^ 0x646f72616e646f6dU,
                     key[0] ^ 0x6c7967656e657261U, key[1] ^ 0x7465646279746573U};
    size_t words = message.len / 8 + 1;

    for (size_t at = 0; at <= words; at++) {
        bool last = at == words;
        uint64_t word = at == words - 1 ? (uint64_t)message.len << 56 : 0;
        for (size_t i = 8 * at; i < message.len && i < 8 * at + 8; i++)
            word |= (uint64_t)message.data[i] << (8 * (i % 8));
        if (last)
            v[2] ^= 0xff;
        else
            v[3] ^= word;
        for (int round = last ? last_rounds : rounds; round > 0; round--) {
            v[0] += v[1], v[1] = v[1] << 13 | v[1] >> 51, v[1] ^= v[0];
            v[0] = v[0] << 32 | v[0] >> 32;
            v[2] += v[3], v[3] = v[3] << 16 | v[3] >> 48, v[3] ^= v[2];
            v[0] += v[3], v[3] = v[3] << 21 | v[3] >> 43, v[3] ^= v[0];
            v[2] += v[1], v[1] = v[1] << 17 | v[1] >> 47, v[1] ^= v[2];
            v[2] = v[2] << 32 | v[2] >> 32;
        }
        if (!last)
            v[0] ^= word;
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Published vectors exist for 2-4: key 00 01 … 0f, messages 00 01 … of length 0, 1, 8 and 15. */
/* Makes `count` nodes come, or go. */
static void churn(struct hmap *map, struct entry *entries, size_t count, bool come)
{
    for (size_t i = 0; i < count; i++) {
        if (entries[i].there == come)
            continue;
        entries[i].there = come;
        if (come)
            hmap_insert(map, &entries[i].node, hmap_hash_u64(i, 9));
        else
            hmap_remove(map, &entries[i].node);
    }
}

/* Some nodes stay; others come and go, so that the map grows and shrinks under the walk. */
START_TEST(a_scan_misses_no_node_that_stays)
{
    static struct entry stay[100], pass[4000];
    struct hmap map = HMAP_INIT;
    struct rng rng;

    rng_init_u64(&rng, 4);
    for (unsigned round = 0; round < 20; round++) {
        for (size_t i = 0; i < ARRAY_LEN(stay); i++) {
            stay[i] = (struct entry){.key = 0};
            hmap_insert(&map, &stay[i].node, hmap_hash_u64(i, 8));
        }
        uint64_t cursor = 0;
        do {
            if (rng_below(&rng, 256) == 0)
                churn(&map, pass, rng_below(&rng, ARRAY_LEN(pass)), rng_below(&rng, 2));
            for (struct hmap_node *node = hmap_scan(&map, cursor); node; node = node->next)
                CONTAINER_OF(node, struct entry, node)->key++;
            cursor = hmap_scan_next(&map, cursor);
        } while (cursor);
        for (size_t i = 0; i < ARRAY_LEN(stay); i++) {
            ck_assert_uint_ge(stay[i].key, 1);
            hmap_remove(&map, &stay[i].node);
        }
        churn(&map, pass, ARRAY_LEN(pass), false);
    }
    hmap_fini(&map);
}
END_TEST

START_TEST(a_scan_of_an_empty_map_is_over_at_once)
{
    struct hmap map = HMAP_INIT;

    ck_assert_ptr_null(hmap_scan(&map, 0));
    ck_assert_uint_eq(hmap_scan_next(&map, 0), 0);
}
END_TEST

START_TEST(the_plain_siphash_is_right)
{
    static const struct {
        size_t len;
        uint64_t hash;
    } vectors[] = {{0, 0x726fdb47dd0e0e31},
                   {1, 0x74f839c593dc67fd},
                   {8, 0x93f5f5799a932462},
                   {15, 0xa129ca6149be45e5}};
    const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    uint8_t message[15];

    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)i;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
        ck_assert_uint_eq(plain_siphash(slice_of(message, vectors[i].len), key, 2, 4),
                          vectors[i].hash);
}
END_TEST

START_TEST(the_hash_is_siphash_for_every_length)
{
    uint8_t key[70];

    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(251 * i + 7);
    for (uint64_t seed = 0; seed < UINT64_MAX / 3; seed += UINT64_MAX / 17) {
        const uint64_t both[2] = {seed, (seed << 32 | seed >> 32) ^ 0x9e3779b97f4a7c15U};
        for (size_t len = 0; len <= sizeof key; len++)
            ck_assert_uint_eq(hmap_hash(slice_of(key, len), seed),
                              plain_siphash(slice_of(key, len), both, 1, 3));
    }
}
END_TEST

START_TEST(hashes_depend_on_every_byte_on_length_and_on_the_seed)
{
    uint8_t key[40] = {0};
    uint64_t seen[400];
    size_t count = 0;

    for (size_t len = 0; len <= sizeof key; len++)
        seen[count++] = hmap_hash(slice_of(key, len), 0);
    for (size_t at = 0; at < sizeof key; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            key[at] ^= (uint8_t)(1U << bit);
            seen[count++] = hmap_hash(slice_of(key, sizeof key), 0);
            key[at] ^= (uint8_t)(1U << bit);
        }
    }
    seen[count++] = hmap_hash(slice_of(key, sizeof key), 1);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            ck_assert_uint_ne(seen[i], seen[j]);
    ck_assert_uint_eq(hmap_hash(slice_of(NULL, 0), 9), hmap_hash(slice_str(""), 9));
}
END_TEST

START_TEST(numbers_spread_evenly)
{
    unsigned buckets[64] = {0};

    for (uint64_t i = 0; i < 64000; i++)
        buckets[hmap_hash_u64(i << 8, 3) & 63]++;
    for (size_t i = 0; i < 64; i++) {
        ck_assert_uint_gt(buckets[i], 800);
        ck_assert_uint_lt(buckets[i], 1200);
    }
    ck_assert_uint_ne(hmap_hash_u64(1, 3), hmap_hash_u64(1, 4));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_empty_map_costs_nothing,
        agrees_with_an_array_over_random_steps,
        equal_hashes_are_all_found,
        nodes_may_go_while_walking,
        memory_shrinks_when_few_are_left,
        walking_order_follows_from_the_history,
        buckets_hold_all_nodes,
        a_scan_misses_no_node_that_stays,
        a_scan_of_an_empty_map_is_over_at_once,
        the_plain_siphash_is_right,
        the_hash_is_siphash_for_every_length,
        hashes_depend_on_every_byte_on_length_and_on_the_seed,
        numbers_spread_evenly,
    };
    return suite_run("hmap", NULL, NULL, tests, ARRAY_LEN(tests));
}
