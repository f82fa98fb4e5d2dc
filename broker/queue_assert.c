/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants of queue.h, checked one by one: for tests and the simulator. */
#include "broker/consumer.h"
#include "broker/lane_due.h"
#include "broker/message.h"
#include "broker/queue_messages.h"
#include "broker/vhost.h"

struct sums {
    uint64_t count;
    uint64_t bytes;
    size_t expiring;
    uint64_t rowless; /* of the lane */
};

static void add_entry(const struct queue *queue, const struct lane *lane, const struct entry *entry,
                      struct sums *sums)
{
    CHECK(entry->lane == lane);
    CHECK(entry->message->refs > 0);
    CHECK(entry->position < lane->position_next);
    CHECK(heap_linked(&entry->expiry) == (entry->deadline_ms != INT64_MAX));
    if (entry->is_stored)
        CHECK(queue->durable && entry->message->persistent && !entry->is_spilled);
    sums->rowless += !entry->is_stored && !entry->is_spilled;
    sums->count++;
    sums->bytes += entry->message->body_len;
    sums->expiring += heap_linked(&entry->expiry);
}

/* Entries of one list, all of which must belong there. */
static uint64_t add_list(const struct queue *queue, struct lane *lane, struct list *list,
                         struct sums *sums)
{
    uint64_t last = 0;
    uint64_t before = sums->count;
    for (const struct list *node = list->next; node != list; node = node->next) {
        const struct entry *entry = CONTAINER_OF(node, struct entry, link);
        CHECK(sums->count == before || entry->position > last);
        CHECK(lane_list(lane, entry->position) == list);
        last = entry->position;
        add_entry(queue, lane, entry, sums);
    }
    return sums->count - before;
}

static void add_lane(const struct queue *queue, struct lane *lane, struct sums *sums)
{
    bool marked = queue->lanes_ready[lane->priority / 64] >> (lane->priority % 64) & 1;
    CHECK(marked == !lane_empty(lane));
    if (lane->paged_count == 0)
        CHECK(list_empty(&lane->resident) && list_empty(&lane->tail) && !lane->due);
    else
        CHECK(lane->page_first <= lane->page_last);
    if (lane->returned)
        CHECK(list_linked(&lane->returned->link) &&
              lane_list(lane, lane->returned->position) == &lane->ready);
    sums->rowless = 0;
    CHECK(add_list(queue, lane, &lane->ready, sums) == lane->ready_len);
    add_list(queue, lane, &lane->resident, sums);
    add_list(queue, lane, &lane->tail, sums);
    CHECK(sums->rowless <= lane->rowless);
    CHECK(lane->rowless - sums->rowless <= queue->unacked_count);
    sums->count += lane->paged_count;
    sums->bytes += lane->paged_bytes;
    int64_t deadline_ms;
    uint64_t position;
    sums->expiring += lane_due_bound(lane, &deadline_ms, &position);
}

static void check_groups(const struct queue *queue)
{
    uint32_t members = 0;
    const struct consumer_group *above = NULL;
    for (const struct list *node = queue->groups.next; node != &queue->groups; node = node->next) {
        const struct consumer_group *group = CONTAINER_OF(node, struct consumer_group, link);
        CHECK(group->consumers > 0);
        CHECK(!above || above->priority > group->priority);
        above = group;
        members += group->consumers;
    }
    CHECK(members == queue->consumer_count);
}

/* What comes first is waited for: by the timer, or by a read under way. */
static void check_timer(const struct queue *queue)
{
    const struct heap_node *first = heap_first(&queue->expiry);
    if (!first || (lane_due_is_bound(first) && lane_due_when(first) == INT64_MAX))
        return;
    CHECK(timer_is_set(&queue->expiry_timer));
}

void queue_assert(const struct queue *queue)
{
    struct sums sums = {0};
    for (unsigned i = 0; i <= queue->settings.priority_max; i++)
        if (queue->lanes[i])
            add_lane(queue, queue->lanes[i], &sums);
    CHECK(sums.count == queue->ready_count);
    CHECK(sums.bytes == queue->ready_bytes);
    CHECK(sums.expiring == queue->expiry.count);
    check_groups(queue);
    check_timer(queue);
}
