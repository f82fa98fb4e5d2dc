/* SPDX-License-Identifier: Apache-2.0 */
/* The bindings of a headers exchange by what they ask for; see the header for the invariants. */
#include "routing/headers_index.h"

#include "base/mem.h"
#include "routing/headers_match.h"

/* Pairs of equal hash. */
struct headers_group {
    struct hmap_node node;
    struct list pairs; /* struct headers_pair.in_group */
    size_t count;
};

void headers_index_init(struct headers_index *index, uint64_t seed)
{
    *index = (struct headers_index){.seed = seed};
    list_init(&index->always);
}

void headers_index_fini(struct headers_index *index)
{
    CHECK(index->groups.count == 0);
    CHECK(index->presence_pairs == 0);
    CHECK(list_empty(&index->always));
    hmap_fini(&index->groups);
    header_view_fini(&index->message);
}

static struct headers_group *group_find(const struct headers_index *index, uint64_t hash)
{
    struct hmap_node *node = hmap_first(&index->groups, hash);

    return node ? CONTAINER_OF(node, struct headers_group, node) : NULL;
}

static struct headers_group *group_new(struct headers_index *index, uint64_t hash)
{
    struct headers_group *group = MEM_NEW(struct headers_group);

    list_init(&group->pairs);
    hmap_insert(&index->groups, &group->node, hash);
    return group;
}

static void file(struct headers_index *index, struct headers_pair *pair)
{
    struct headers_group *group = group_find(index, pair->hash);

    if (!group)
        group = group_new(index, pair->hash);
    list_push_back(&group->pairs, &pair->in_group);
    group->count++;
    pair->group = group;
    if (pair->wanted.value.type == FIELD_VOID)
        index->presence_pairs++;
}

static void unfile(struct headers_index *index, struct headers_pair *pair)
{
    struct headers_group *group = pair->group;

    list_remove(&pair->in_group);
    pair->group = NULL;
    if (pair->wanted.value.type == FIELD_VOID)
        index->presence_pairs--;
    if (--group->count > 0)
        return;
    hmap_remove(&index->groups, &group->node);
    mem_free(group);
}

static size_t group_size(const struct headers_index *index, const struct headers_pair *pair)
{
    const struct headers_group *group = group_find(index, pair->hash);

    return group ? group->count : 0;
}

/* The pair whose group is the smallest; one that asks for a value before one that asks for presence
 * only, which more messages have. */
static struct headers_pair *rarest(const struct headers_index *index, struct headers_match *match)
{
    struct headers_pair *best = &match->pairs[0];
    size_t best_size = group_size(index, best);

    for (size_t i = 1; i < match->pair_count; i++) {
        struct headers_pair *pair = &match->pairs[i];
        size_t size = group_size(index, pair);
        bool presence = pair->wanted.value.type == FIELD_VOID;
        bool best_presence = best->wanted.value.type == FIELD_VOID;
        if (presence == best_presence ? size < best_size : best_presence) {
            best = pair;
            best_size = size;
        }
    }
    return best;
}

bool headers_index_add(struct headers_index *index, struct binding *binding, struct reply *error)
{
    struct headers_match *match = headers_match_new(binding, index->seed, error);

    if (!match)
        return false;
    binding->place = match;
    if (match->any) {
        for (size_t i = 0; i < match->pair_count; i++)
            file(index, &match->pairs[i]);
        return true;
    }
    if (match->pair_count == 0)
        list_push_back(&index->always, &match->in_always);
    else
        file(index, rarest(index, match));
    return true;
}

void headers_index_remove(struct headers_index *index, struct binding *binding)
{
    struct headers_match *match = binding->place;

    list_remove(&match->in_always);
    for (size_t i = 0; i < match->pair_count; i++)
        if (match->pairs[i].group)
            unfile(index, &match->pairs[i]);
    binding->place = NULL;
    headers_match_free(match);
}

static void matched(struct headers_match *match, struct route_walk *walk)
{
    route_walk_match(walk, match->binding, match->binding->destination);
}

/* Verifies whom the hash has found. */
static void ask_group(const struct headers_index *index, uint64_t hash, struct route_walk *walk)
{
    const struct headers_group *group = group_find(index, hash);

    if (!group)
        return;
    LIST_EACH(&group->pairs, node) {
        struct headers_pair *pair = CONTAINER_OF(node, struct headers_pair, in_group);
        bool holds = pair->match->any ? headers_pair_holds(pair, &index->message)
                                      : headers_match_all_hold(pair->match, &index->message);
        if (holds)
            matched(pair->match, walk);
    }
}

void headers_index_match(struct headers_index *index, struct slice headers, struct route_walk *walk)
{
    LIST_EACH(&index->always, node)
        matched(CONTAINER_OF(node, struct headers_match, in_always), walk);
    if (index->groups.count == 0)
        return;
    header_view_read(&index->message, headers, index->seed);
    for (size_t i = 0; i < index->message.count; i++) {
        const struct header *header = &index->message.headers[i];
        if (header->value.type != FIELD_VOID)
            ask_group(index, header_hash(header->name_hash, &header->value), walk);
        if (index->presence_pairs > 0)
            ask_group(index, header_hash_presence(header->name_hash), walk);
    }
}
