/* SPDX-License-Identifier: Apache-2.0 */
/* Unacknowledged deliveries: the ring, and what acknowledgements do to it. */
#include "broker/channel_unacked.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/channel_tx.h"
#include "broker/connection.h"
#include "broker/consumer.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "proto/reply.h"

#include <inttypes.h>
#include <stdlib.h>

#define RING_CAPACITY_MIN 16u

static struct unacked *slot_at(const struct channel *channel, uint64_t index)
{
    return &channel->unacked[index & (channel->unacked_capacity - 1)];
}

/* -- the ring -- */

/* Moves what is not a hole into a ring of this capacity. */
static void pack(struct channel *channel, uint32_t capacity)
{
    struct unacked *packed = mem_alloc(capacity * sizeof *packed);
    uint64_t count = 0;
    for (uint64_t i = channel->unacked_head; i < channel->unacked_tail; i++)
        if (slot_at(channel, i)->entry)
            packed[count++] = *slot_at(channel, i);
    mem_free(channel->unacked);
    channel->unacked = packed;
    channel->unacked_capacity = capacity;
    channel->unacked_head = 0;
    channel->unacked_tail = count;
}

static void make_room(struct channel *channel)
{
    uint64_t used = channel->unacked_tail - channel->unacked_head;
    if (used < channel->unacked_capacity)
        return;
    uint64_t alive = 0;
    for (uint64_t i = channel->unacked_head; i < channel->unacked_tail; i++)
        alive += slot_at(channel, i)->entry != NULL;
    uint32_t capacity = channel->unacked_capacity;
    if (capacity == 0)
        capacity = RING_CAPACITY_MIN;
    else if (alive > capacity / 2)
        capacity *= 2;
    pack(channel, capacity);
}

void unacked_push(struct channel *channel, const struct unacked *unacked)
{
    make_room(channel);
    *slot_at(channel, channel->unacked_tail++) = *unacked;
}

static int by_tag(const void *left, const void *right)
{
    const struct unacked *a = left;
    const struct unacked *b = right;
    return a->tag < b->tag ? -1 : a->tag > b->tag;
}

/* The timer may have run meanwhile and found nothing to wait for. */
static void watch_deadline(struct channel *channel, int64_t deadline_ms)
{
    struct timer *timer = &channel->ack_timer;
    if (deadline_ms < INT64_MAX && (!timer_is_set(timer) || timer->node.key > deadline_ms))
        timer_set(&channel->connection->broker->timers, timer, deadline_ms);
}

void unacked_put_back(struct channel *channel, const struct unacked_set *set)
{
    if (set->count == 0)
        return;
    for (size_t i = 0; i < set->count; i++) {
        unacked_push(channel, &set->items[i]);
        watch_deadline(channel, set->items[i].deadline_ms);
    }
    pack(channel, channel->unacked_capacity); /* holes gone, from index 0 on */
    qsort(channel->unacked, channel->unacked_tail, sizeof *channel->unacked, by_tag);
}

/* The first slot whose tag is not below `tag`. */
static uint64_t lower_bound(const struct channel *channel, uint64_t tag)
{
    uint64_t low = channel->unacked_head;
    uint64_t high = channel->unacked_tail;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (slot_at(channel, middle)->tag < tag)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct unacked *unacked_find(struct channel *channel, uint64_t tag)
{
    if (channel->unacked_head == channel->unacked_tail)
        return NULL;
    uint64_t guess = channel->unacked_head + (tag - slot_at(channel, channel->unacked_head)->tag);
    if (guess < channel->unacked_head || guess >= channel->unacked_tail ||
        slot_at(channel, guess)->tag != tag)
        guess = lower_bound(channel, tag);
    if (guess >= channel->unacked_tail)
        return NULL;
    struct unacked *slot = slot_at(channel, guess);
    return slot->tag == tag && slot->entry ? slot : NULL;
}

static void skip_holes(struct channel *channel)
{
    while (channel->unacked_head < channel->unacked_tail &&
           !slot_at(channel, channel->unacked_head)->entry)
        channel->unacked_head++;
}

struct unacked unacked_take(struct channel *channel, struct unacked *slot)
{
    struct unacked taken = *slot;
    CHECK(taken.entry);
    slot->entry = NULL;
    slot->consumer = NULL;
    if (slot == slot_at(channel, channel->unacked_head))
        skip_holes(channel);
    return taken;
}

struct unacked *unacked_first(struct channel *channel)
{
    skip_holes(channel);
    return channel->unacked_head < channel->unacked_tail ? slot_at(channel, channel->unacked_head)
                                                         : NULL;
}

void unacked_fini(struct channel *channel)
{
    mem_free(channel->unacked);
    channel->unacked = NULL;
    channel->unacked_capacity = 0;
}

void channel_forget_consumer(struct channel *channel, const struct consumer *consumer)
{
    for (uint64_t i = channel->unacked_head; i < channel->unacked_tail; i++)
        if (slot_at(channel, i)->consumer == consumer)
            slot_at(channel, i)->consumer = NULL;
    channel_tx_forget_consumer(channel, consumer);
}

/* -- sets -- */

void unacked_set_add(struct unacked_set *set, const struct unacked *unacked)
{
    if (set->count == set->capacity) {
        set->capacity = set->capacity ? set->capacity * 2 : 8;
        set->items = mem_realloc(set->items, set->capacity * sizeof *set->items);
    }
    set->items[set->count++] = *unacked;
}

void unacked_set_fini(struct unacked_set *set)
{
    mem_free(set->items);
    *set = (struct unacked_set){0};
}

bool unacked_select(struct channel *channel, uint64_t tag, bool multiple, struct unacked_set *set,
                    struct reply *reply)
{
    bool all = multiple && tag == 0;
    struct unacked *slot = all ? NULL : unacked_find(channel, tag);
    if (!all && !slot)
        return reply_set(reply, REPLY_PRECONDITION_FAILED, "unknown delivery tag %" PRIu64, tag);
    if (!multiple) {
        struct unacked taken = unacked_take(channel, slot);
        unacked_set_add(set, &taken);
        return true;
    }
    struct unacked *first;
    while ((first = unacked_first(channel)) && (all || first->tag <= tag)) {
        struct unacked taken = unacked_take(channel, first);
        unacked_set_add(set, &taken);
    }
    return true;
}

/* -- outcomes -- */

static void give_credit(struct channel *channel, const struct unacked_set *set)
{
    uint32_t most = channel->connection->broker->options.unacked_per_channel_max;
    bool shared = channel->prefetch_global || (most && channel->unacked_count >= most);
    CHECK(channel->unacked_count >= set->count);
    channel->unacked_count -= (uint32_t)set->count;
    for (size_t i = 0; i < set->count; i++) {
        struct consumer *consumer = set->items[i].consumer;
        channel->unacked_consumed -= !set->items[i].got;
        if (!consumer)
            continue;
        CHECK(consumer->unacked > 0);
        consumer->unacked--;
        consumer_wake(consumer);
    }
    if (!shared)
        return;
    LIST_EACH(&channel->consumers, node)
        consumer_wake(CONTAINER_OF(node, struct consumer, channel_link));
}

static int by_queue(const void *left, const void *right)
{
    const struct unacked *a = left;
    const struct unacked *b = right;
    uint64_t x = a->entry->lane->queue->target.id;
    uint64_t y = b->entry->lane->queue->target.id;
    if (x != y)
        return x < y ? -1 : 1;
    return a->tag < b->tag ? -1 : a->tag > b->tag;
}

/* Returns runs of one queue together. */
static void return_all(struct unacked_set *set)
{
    qsort(set->items, set->count, sizeof *set->items, by_queue);
    struct entry **entries = mem_alloc((set->count + 1) * sizeof *entries);
    for (size_t from = 0; from < set->count;) {
        struct queue *queue = set->items[from].entry->lane->queue;
        size_t count = 0;
        while (from + count < set->count && set->items[from + count].entry->lane->queue == queue) {
            entries[count] = set->items[from + count].entry;
            count++;
        }
        queue_return(queue, entries, count);
        from += count;
    }
    mem_free(entries);
}

static void settle_all(struct channel *channel, struct unacked_set *set, bool reject)
{
    for (size_t i = 0; i < set->count; i++) {
        struct entry *entry = set->items[i].entry;
        struct queue *queue = entry->lane->queue;
        if (reject) {
            queue_reject(queue, entry);
            continue;
        }
        queue->stats.ack++;
        channel->stats.ack++;
        queue->vhost->stats.ack++;
        queue_settle(queue, entry);
    }
}

void unacked_resolve(struct channel *channel, struct unacked_set *set, enum outcome outcome)
{
    if (set->count == 0)
        return;
    give_credit(channel, set);
    switch (outcome) {
    case OUTCOME_ACK:
        settle_all(channel, set, false);
        break;
    case OUTCOME_REJECT:
        settle_all(channel, set, true);
        break;
    case OUTCOME_REQUEUE:
        return_all(set);
        break;
    }
}
