/* SPDX-License-Identifier: Apache-2.0 */
/* (1) Number 0 is none, so its bit is always set. */
#include "storage/lane_ids.h"

#include "base/mem.h"

#define WORDS_MAX (STORE_LANES_MAX / 64)

void lane_ids_fini(struct lane_ids *ids)
{
    mem_free(ids->words);
    *ids = (struct lane_ids){0};
}

static void reach(struct lane_ids *ids, size_t words)
{
    if (words <= ids->word_count)
        return;
    size_t count = ids->word_count ? ids->word_count : 1;
    while (count < words)
        count *= 2;
    CHECK(count <= WORDS_MAX);
    ids->words = mem_realloc(ids->words, count * sizeof(*ids->words));
    memset(ids->words + ids->word_count, 0, (count - ids->word_count) * sizeof(*ids->words));
    ids->word_count = count;
    ids->words[0] |= 1;
}

uint32_t lane_ids_take(struct lane_ids *ids)
{
    while (ids->full < ids->word_count && ids->words[ids->full] == UINT64_MAX)
        ids->full++;
    if (ids->full == WORDS_MAX)
        return 0;
    reach(ids, ids->full + 1);
    uint32_t bit = (uint32_t)__builtin_ctzll(~ids->words[ids->full]);
    ids->words[ids->full] |= UINT64_C(1) << bit;
    return (uint32_t)ids->full * 64 + bit;
}

void lane_ids_mark(struct lane_ids *ids, uint32_t id)
{
    CHECK(id > 0 && id < STORE_LANES_MAX);
    reach(ids, id / 64 + 1);
    ids->words[id / 64] |= UINT64_C(1) << id % 64;
}

bool lane_ids_taken(const struct lane_ids *ids, uint32_t id)
{
    return id / 64 < ids->word_count && (ids->words[id / 64] >> id % 64 & 1);
}

void lane_ids_give(struct lane_ids *ids, uint32_t id)
{
    CHECK(id > 0);
    CHECK(lane_ids_taken(ids, id));
    ids->words[id / 64] &= ~(UINT64_C(1) << id % 64);
    if (id / 64 < ids->full)
        ids->full = id / 64;
}

/* -- lists -- */

void lane_list_fini(struct lane_list *list)
{
    mem_free(list->ids);
    *list = (struct lane_list){0};
}

void lane_list_add(struct lane_list *list, uint32_t id)
{
    list->ids = mem_grow(list->ids, &list->capacity, list->count, sizeof(*list->ids));
    list->ids[list->count++] = id;
}

void lane_list_move(struct lane_list *list, struct lane_list *from)
{
    for (size_t i = 0; i < from->count; i++)
        lane_list_add(list, from->ids[i]);
    lane_list_fini(from);
}
