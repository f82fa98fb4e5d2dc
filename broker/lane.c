/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes: what is where. How the middle goes to the disk and comes back is in lane_paging.c. */
#include "broker/lane.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/message.h"
#include "broker/queue.h"
#include "broker/vhost.h"

struct lane *lane_new(struct queue *queue, uint8_t priority)
{
    struct lane *lane = MEM_NEW(struct lane);
    lane->queue = queue;
    lane->priority = priority;
    lane->read.lane = lane;
    lane->wall_offset_ms = queue->vhost->broker->wall_offset_ms;
    list_init(&lane->ready);
    list_init(&lane->resident);
    list_init(&lane->tail);
    list_init(&lane->heavy_link);
    list_init(&lane->ghost_order);
    queue->vhost->broker->lane_count++;
    return lane;
}

void lane_free(struct lane *lane)
{
    if (!lane)
        return;
    CHECK(lane_empty(lane));
    CHECK(lane->memory == 0);
    CHECK(!lane->read.under_way);
    CHECK(!lane->due);
    list_remove(&lane->heavy_link);
    lane->queue->vhost->broker->lane_count--;
    lane_clock_fini(lane);
    mem_free(lane);
}

bool lane_empty(const struct lane *lane)
{
    return lane->paged_count == 0 && list_empty(&lane->ready) && list_empty(&lane->resident) &&
           list_empty(&lane->tail);
}

struct list *lane_list(struct lane *lane, uint64_t position)
{
    if (lane->paged_count == 0 || position < lane->page_first)
        return &lane->ready;
    return position <= lane->page_last ? &lane->resident : &lane->tail;
}

uint64_t entry_cost(const struct entry *entry)
{
    const struct message *message = entry->message;
    return sizeof *entry + sizeof *message + message->exchange_len + message->key_len +
           message->properties_len + message->bcc_len + message->body_len;
}

void lane_note_linked(struct lane *lane, const struct entry *entry)
{
    struct broker *broker = lane->queue->vhost->broker;
    lane->memory += entry_cost(entry);
    lane->ready_len += lane_list(lane, entry->position) == &lane->ready;
    if (lane->memory > broker_lane_memory(broker) && lane->memory >= lane->retry_memory &&
        !list_linked(&lane->heavy_link))
        list_push_back(&broker->heavy, &lane->heavy_link);
}

void lane_note_unlinked(struct lane *lane, const struct entry *entry)
{
    CHECK(lane->memory >= entry_cost(entry));
    lane->memory -= entry_cost(entry);
    if (lane->memory < lane->retry_memory / 4)
        lane->retry_memory = 0;
    lane->ready_len -= lane_list(lane, entry->position) == &lane->ready;
    if (lane->returned == entry)
        lane->returned = NULL;
}
