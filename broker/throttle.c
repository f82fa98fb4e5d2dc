/* SPDX-License-Identifier: Apache-2.0 */
/* Failed logins by source. The invariants are in throttle.h. */
#include "broker/throttle.h"

#include "base/buf.h"
#include "base/mem.h"

#define USER_LEN_MAX 255 /* no user's name is longer; what is given may be */

struct throttle_entry {
    struct hmap_node node;
    struct list link;
    int64_t since_ms;
    uint32_t count;
    uint32_t key_len;
    uint8_t key[]; /* the source; for a pair a NUL and the user as well */
};

static void make_key(struct buf *key, const char *source, const struct slice *user)
{
    buf_add_str(key, source);
    if (!user)
        return;
    buf_add_u8(key, 0);
    buf_add_slice(key, slice_of(user->data, user->len < USER_LEN_MAX ? user->len : USER_LEN_MAX));
}

static void drop(struct throttle *throttle, struct throttle_entry *entry)
{
    CHECK(entry);
    hmap_remove(&throttle->entries, &entry->node);
    list_remove(&entry->link);
    mem_free(entry);
}

/* An entry whose window is over is as good as none, and dropped. */
static struct throttle_entry *find(struct throttle *throttle, int64_t now_ms, struct slice key)
{
    struct hmap_node *node = hmap_first(&throttle->entries, hmap_hash(key, throttle->hash_seed));

    for (; node; node = hmap_next_same(node)) {
        struct throttle_entry *entry = CONTAINER_OF(node, struct throttle_entry, node);
        if (!slice_equal(key, slice_of(entry->key, entry->key_len)))
            continue;
        if (now_ms - entry->since_ms < throttle->limits.window_ms)
            return entry;
        drop(throttle, entry);
        return NULL;
    }
    return NULL;
}

static struct throttle_entry *add(struct throttle *throttle, int64_t now_ms, struct slice key)
{
    if (throttle->entries.count >= THROTTLE_ENTRIES_MAX)
        drop(throttle, LIST_FIRST(&throttle->by_age, struct throttle_entry, link));
    struct throttle_entry *entry = mem_zalloc(sizeof(*entry) + key.len);
    entry->since_ms = now_ms;
    entry->key_len = (uint32_t)key.len;
    memcpy(entry->key, key.data, key.len);
    list_init(&entry->link);
    list_push_back(&throttle->by_age, &entry->link);
    hmap_insert(&throttle->entries, &entry->node, hmap_hash(key, throttle->hash_seed));
    return entry;
}

void throttle_init(struct throttle *throttle, const struct throttle_limits *limits,
                   uint64_t hash_seed)
{
    *throttle = (struct throttle){.limits = *limits, .hash_seed = hash_seed};
    list_init(&throttle->by_age);
}

void throttle_fini(struct throttle *throttle)
{
    struct throttle_entry *entry;

    while ((entry = LIST_FIRST(&throttle->by_age, struct throttle_entry, link)) != NULL)
        drop(throttle, entry);
    hmap_fini(&throttle->entries);
}

static bool below(struct throttle *throttle, int64_t now_ms, const char *source,
                  const struct slice *user, uint32_t most)
{
    struct buf key = BUF_INIT;

    if (most == 0)
        return true;
    make_key(&key, source, user);
    const struct throttle_entry *entry = find(throttle, now_ms, buf_slice(&key));
    buf_fini(&key);
    return !entry || entry->count < most;
}

bool throttle_allows(struct throttle *throttle, int64_t now_ms, const char *source,
                     struct slice user)
{
    return !source || (below(throttle, now_ms, source, NULL, throttle->limits.source_max) &&
                       below(throttle, now_ms, source, &user, throttle->limits.pair_max));
}

static void count(struct throttle *throttle, int64_t now_ms, const char *source,
                  const struct slice *user, uint32_t most)
{
    struct buf key = BUF_INIT;

    if (most == 0)
        return;
    make_key(&key, source, user);
    struct throttle_entry *entry = find(throttle, now_ms, buf_slice(&key));
    if (!entry)
        entry = add(throttle, now_ms, buf_slice(&key));
    if (entry->count < UINT32_MAX)
        entry->count++;
    buf_fini(&key);
}

void throttle_note_failure(struct throttle *throttle, int64_t now_ms, const char *source,
                           struct slice user)
{
    if (!source)
        return;
    count(throttle, now_ms, source, NULL, throttle->limits.source_max);
    count(throttle, now_ms, source, &user, throttle->limits.pair_max);
}

void throttle_note_success(struct throttle *throttle, const char *source, struct slice user)
{
    struct buf key = BUF_INIT;

    if (!source || throttle->limits.pair_max == 0)
        return;
    make_key(&key, source, &user);
    struct throttle_entry *entry = find(throttle, 0, buf_slice(&key));
    if (entry)
        drop(throttle, entry);
    buf_fini(&key);
}
