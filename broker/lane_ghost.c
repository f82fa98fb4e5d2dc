/* SPDX-License-Identifier: Apache-2.0 */
/* Ghosts: rows on the disk whose messages are gone already, while their deletion is on its way. See
 * (5) of lane.h.
 */
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/lane_due.h"
#include "broker/lane_parts.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "storage/store.h"

struct ghost {
    struct hmap_node node; /* in lane->ghosts */
    struct list link;      /* in lane->ghost_order */
    uint64_t position;
    uint64_t seq; /* the deletion */
};

static void lay_ghost(struct lane *lane, struct ghost *ghost)
{
    hmap_remove(&lane->ghosts, &ghost->node);
    list_remove(&ghost->link);
    mem_free(ghost);
}

static void lay_until(struct lane *lane, uint64_t durable)
{
    struct ghost *ghost;
    while ((ghost = LIST_FIRST(&lane->ghost_order, struct ghost, link)) && ghost->seq <= durable)
        lay_ghost(lane, ghost);
    if (lane->ghosts.count == 0)
        hmap_fini(&lane->ghosts);
}

void lane_lay_ghosts(struct lane *lane)
{
    const struct lane_read *reads[] = {&lane->read, lane_due_reading(lane)};
    uint64_t durable = store_durable(lane->queue->vhost->db);
    for (size_t i = 0; i < ARRAY_LEN(reads); i++)
        if (reads[i] && reads[i]->under_way && reads[i]->durable < durable)
            durable = reads[i]->durable;
    lay_until(lane, durable);
}

void lane_lay_all_ghosts(struct lane *lane)
{
    lay_until(lane, UINT64_MAX);
}

static uint64_t hash_of(const struct lane *lane, uint64_t position)
{
    return hmap_hash_u64(position, lane->queue->vhost->broker->hash_seed);
}

bool lane_is_ghost(struct lane *lane, uint64_t position)
{
    if (lane->ghosts.count == 0)
        return false;
    struct hmap_node *node = hmap_first(&lane->ghosts, hash_of(lane, position));
    for (; node; node = hmap_next_same(node))
        if (CONTAINER_OF(node, struct ghost, node)->position == position)
            return true;
    return false;
}

uint64_t lane_range_min(const struct lane *lane, uint64_t durable)
{
    bool going = lane->deleted_seq > durable && lane->deleted_upto > lane->delivered_upto;
    return going ? lane->deleted_upto : lane->delivered_upto;
}

void lane_note_deleted(struct lane *lane, uint64_t position, uint64_t seq)
{
    uint64_t durable = store_durable(lane->queue->vhost->db);
    if (position >= lane->delivered_upto) {
        if (lane->deleted_seq <= durable || position >= lane->deleted_upto)
            lane->deleted_upto = position + 1;
        lane->deleted_seq = seq;
    }
    if (lane->paged_count == 0 || position < lane->page_first)
        return;
    lane_lay_ghosts(lane);
    struct ghost *ghost = MEM_NEW(struct ghost);
    ghost->position = position;
    ghost->seq = seq;
    list_push_back(&lane->ghost_order, &ghost->link);
    hmap_insert(&lane->ghosts, &ghost->node, hash_of(lane, position));
}
