/* SPDX-License-Identifier: Apache-2.0 */
/* A queue's messages: appended, taken, returned, expired, dropped.
 *
 * An entry's ways:
 *
 *   queue_append() ──> ready ──queue_take()──> unacknowledged ──queue_settle()──> gone
 *                       │  ^                        │
 *        expiry, length │  └──── queue_return() ────┘
 *                       v
 *                dead_letter_entry() ──> gone
 */
#include "broker/queue_messages.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/connection.h"
#include "broker/dead_letter.h"
#include "broker/lane_due.h"
#include "broker/message.h"
#include "broker/vhost.h"
#include "storage/store.h"

#include <stdlib.h>

#define LEASE_AHEAD 4096 /* positions; bounds what a crash can flag as redelivered in vain */
/* Messages dropped over a limit in one step: some milliseconds, dead-lettering included. */
#define SHED_QUANTUM 1024
#define EXPIRY_QUANTUM 1024 /* messages that expire in one step: likewise */

struct lane *queue_lane(struct queue *queue, uint8_t priority)
{
    CHECK(priority <= queue->settings.priority_max);
    struct lane *lane = queue->lanes[priority];
    if (lane)
        return lane;
    lane = lane_new(queue, priority);
    queue->lanes[priority] = lane;
    return lane;
}

struct lane *queue_first_lane(const struct queue *queue)
{
    for (int word = 3; word >= 0; word--)
        if (queue->lanes_ready[word])
            return queue->lanes[word * 64 + 63 - __builtin_clzll(queue->lanes_ready[word])];
    return NULL;
}

void queue_mark_lane(struct queue *queue, const struct lane *lane)
{
    uint64_t bit = 1ull << (lane->priority % 64);
    if (lane_empty(lane))
        queue->lanes_ready[lane->priority / 64] &= ~bit;
    else
        queue->lanes_ready[lane->priority / 64] |= bit;
}

/* When the first of the heap is to be looked at. */
static int64_t expiry_when(const struct queue *queue)
{
    const struct heap_node *first = heap_first(&queue->expiry);
    if (!first || queue->deleted)
        return INT64_MAX;
    return lane_due_is_bound(first) ? lane_due_when(first) : first->key;
}

void queue_watch_expiry(struct queue *queue)
{
    struct timers *timers = &queue->vhost->broker->timers;
    int64_t when_ms = expiry_when(queue);
    if (when_ms < INT64_MAX)
        timer_set(timers, &queue->expiry_timer, when_ms);
    else
        timer_clear(timers, &queue->expiry_timer);
}

void queue_link(struct queue *queue, struct entry *entry, struct list *position)
{
    list_insert_before(&entry->link, position);
    lane_note_linked(entry->lane, entry);
    queue_mark_lane(queue, entry->lane);
    queue->ready_count++;
    queue->vhost->ready_count++;
    queue->ready_bytes += entry->message->body_len;
    if (entry->deadline_ms == INT64_MAX)
        return;
    heap_insert_ranked(&queue->expiry, &entry->expiry, entry->deadline_ms,
                       lane_due_rank(entry->lane, entry->position, false));
    if (heap_first(&queue->expiry) == &entry->expiry)
        queue_watch_expiry(queue);
}

void queue_unlink(struct queue *queue, struct entry *entry)
{
    list_remove(&entry->link);
    lane_note_unlinked(entry->lane, entry);
    queue_mark_lane(queue, entry->lane);
    CHECK(queue->ready_count > 0);
    queue->ready_count--;
    queue->vhost->ready_count--;
    queue->ready_bytes -= entry->message->body_len;
    if (!heap_linked(&entry->expiry))
        return;
    bool was_first = heap_first(&queue->expiry) == &entry->expiry;
    heap_remove(&queue->expiry, &entry->expiry);
    if (was_first)
        queue_watch_expiry(queue);
}

struct entry *entry_new(struct broker *broker)
{
    struct entry *entry = pool_take(&broker->entries);
    *entry = (struct entry){0};
    broker->entry_count++;
    list_init(&entry->link);
    return entry;
}

void entry_free(struct broker *broker, struct entry *entry)
{
    CHECK(broker->entry_count > 0);
    broker->entry_count--;
    pool_give(&broker->entries, entry);
}

void entry_discard(struct queue *queue, struct entry *entry)
{
    CHECK(!list_linked(&entry->link));
    struct lane *lane = entry->lane;
    uint32_t id = entry->is_stored ? lane->store_id : entry->is_spilled ? lane->transient_id : 0;
    if (id != 0 && !queue->deleted && vhost_keeps_rows(queue->vhost))
        lane_note_deleted(entry->lane, entry->position,
                          store_message_delete(queue->vhost->db, id, entry->position, entry->stored,
                                               entry->message->body_len));
    if (!entry->is_stored && !entry->is_spilled)
        lane->rowless--;
    message_unref(entry->message);
    entry_free(queue->vhost->broker, entry);
}

/* -- appending -- */

static int64_t deadline_of(const struct queue *queue, const struct message *message)
{
    int64_t ttl = queue->settings.message_ttl_ms;
    if (message->ttl_ms != MESSAGE_NO_TTL && (ttl < 0 || message->ttl_ms < ttl))
        ttl = message->ttl_ms;
    return ttl < 0 ? INT64_MAX : queue->vhost->broker->now_ms + ttl;
}

void entry_put(struct queue *queue, struct entry *entry, uint32_t lane)
{
    const struct message *message = entry->message;
    struct store_message stored = {
        .lane = lane,
        .position = entry->position,
        .exchange = message_exchange(message),
        .routing_key = message_key(message),
        .properties = message_stored_properties(message),
        .body = message_body(message),
        .expires_at_ms = entry->deadline_ms == INT64_MAX
                             ? 0
                             : entry->deadline_ms + lane_wall_offset(entry->lane, entry->position),
        .delivery_count = entry->delivery_count,
        .redelivered = entry->redelivered,
    };
    entry->stored = store_message_put(queue->vhost->db, &stored, message_ref(entry->message));
}

static void store_entry(struct queue *queue, struct entry *entry)
{
    entry_put(queue, entry, entry->lane->store_id);
    entry->is_stored = true;
    entry->lane->rowless--;
}

/* The store can take one more message of the lane: false when it has no more lanes or positions. */
static bool storable(struct queue *queue, struct lane *lane)
{
    if (lane->store_id == 0)
        lane->store_id = store_lane_new(queue->vhost->db, slice_str(queue->name), lane->priority);
    if (lane->store_id != 0 && lane->position_next <= STORE_POSITION_MAX)
        return true;
    log_error(queue->vhost->broker->log, "the store is at its limit: a message is refused",
              "vhost=%s queue=%s", queue->vhost->name, queue->name);
    return false;
}

static struct lane *lane_for(struct queue *queue, const struct message *message)
{
    uint8_t most = queue->settings.priority_max;
    return queue_lane(queue, message->priority < most ? message->priority : most);
}

static struct entry *new_entry(struct queue *queue, struct lane *lane, struct message *message)
{
    struct entry *entry = entry_new(queue->vhost->broker);
    entry->message = message_ref(message);
    entry->lane = lane;
    lane_note_clock(lane);
    entry->position = lane->position_next++;
    entry->deadline_ms = deadline_of(queue, message);
    lane->rowless++;
    return entry;
}

static bool over(const struct queue *queue, uint64_t count, uint64_t bytes)
{
    const struct queue_settings *settings = &queue->settings;
    return (settings->length_max >= 0 && count > (uint64_t)settings->length_max) ||
           (settings->bytes_max >= 0 && bytes > (uint64_t)settings->bytes_max);
}

/* With the message at its end the queue would exceed a limit, and no consumer is there to take one. */
static bool refuses(struct queue *queue, const struct message *message)
{
    if (queue->settings.overflow == OVERFLOW_DROP_HEAD)
        return false;
    if (!over(queue, queue->ready_count + 1, queue->ready_bytes + message->body_len))
        return false;
    queue_ref(queue);
    while (queue_deal_one(queue)) {
    }
    bool taken = queue->ready_count == 0 && queue_has_taker(queue);
    queue_unref(queue);
    return !taken && over(queue, queue->ready_count + 1, queue->ready_bytes + message->body_len);
}

bool queue_over_length(const struct queue *queue)
{
    return over(queue, queue->ready_count, queue->ready_bytes);
}

/* Delivers or drops one; false when neither can be done, or need be. */
static bool shed_one(struct queue *queue)
{
    if (queue_deal_one(queue))
        return true;
    struct lane *lane = queue_first_lane(queue);
    if (!lane || !queue_over_length(queue))
        return false;
    /* With somebody there to take it, it could not be read a moment ago. */
    struct entry *entry = queue_has_taker(queue) ? NULL : lane_head_now(lane);
    if (!entry)
        return false;
    queue_unlink(queue, entry);
    dead_letter_entry(queue, entry, DEATH_MAXLEN);
    return true;
}

void queue_enforce_length(struct queue *queue)
{
    if (!queue_over_length(queue))
        return;
    queue_ref(queue);
    size_t budget = SHED_QUANTUM;
    while (budget > 0 && queue_over_length(queue) && shed_one(queue))
        budget--;
    if (budget == 0 && queue_over_length(queue) && !queue->deleted)
        timer_set(&queue->vhost->broker->timers, &queue->length_timer,
                  queue->vhost->broker->now_ms);
    queue_unref(queue);
}

void queue_length_due(struct timer *timer, int64_t now_ms)
{
    (void)now_ms;
    queue_enforce_length(CONTAINER_OF(timer, struct queue, length_timer));
}

/* TTL 0: a consumer takes it now or it expires. */
static void deliver_or_expire(struct queue *queue)
{
    queue_ref(queue);
    while (queue_deal_one(queue)) {
    }
    if (!queue->deleted)
        queue_expiry_due(&queue->expiry_timer, queue->vhost->broker->now_ms);
    queue_unref(queue);
}

enum append_result queue_append(struct queue *queue, struct message *message, uint64_t *seq)
{
    CHECK(!queue->deleted);
    if (refuses(queue, message)) {
        if (queue->settings.overflow == OVERFLOW_REJECT_PUBLISH_DLX)
            dead_letter_message(queue, message, DEATH_MAXLEN);
        return APPEND_REJECTED;
    }
    struct lane *lane = lane_for(queue, message);
    bool stored = queue->durable && message->persistent;
    if (stored && !storable(queue, lane))
        return APPEND_REJECTED;
    struct entry *entry = new_entry(queue, lane, message);
    if (stored)
        store_entry(queue, entry);
    if (entry->stored > *seq)
        *seq = entry->stored;
    bool at_once = entry->deadline_ms <= queue->vhost->broker->now_ms;
    queue_link(queue, entry, lane_list(entry->lane, entry->position));
    if (at_once)
        deliver_or_expire(queue);
    queue_enforce_length(queue);
    queue_wake(queue);
    return APPEND_OK;
}

/* -- taking, settling, returning -- */

static struct entry *take(struct queue *queue, struct entry *entry)
{
    if (!entry)
        return NULL;
    queue_unlink(queue, entry);
    queue->unacked_count++;
    queue->vhost->unacked_count++;
    queue->unacked_bytes += entry->message->body_len;
    queue_ref(queue);
    return entry;
}

struct entry *queue_take(struct queue *queue)
{
    struct lane *lane = queue_first_lane(queue);
    return take(queue, lane ? lane_head(lane) : NULL);
}

struct entry *queue_take_now(struct queue *queue)
{
    struct lane *lane = queue_first_lane(queue);
    return take(queue, lane ? lane_head_now(lane) : NULL);
}

static void leave_unacked(struct queue *queue, const struct entry *entry)
{
    CHECK(queue->unacked_count > 0);
    queue->unacked_count--;
    if (!queue->deleted)
        queue->vhost->unacked_count--;
    queue->unacked_bytes -= entry->message->body_len;
}

void queue_settle(struct queue *queue, struct entry *entry)
{
    leave_unacked(queue, entry);
    entry_discard(queue, entry);
    queue_unref(queue);
}

void queue_reject(struct queue *queue, struct entry *entry)
{
    leave_unacked(queue, entry);
    dead_letter_entry(queue, entry, DEATH_REJECTED);
    queue_unref(queue);
}

static int by_place(const void *left, const void *right)
{
    const struct entry *a = *(struct entry *const *)left;
    const struct entry *b = *(struct entry *const *)right;
    if (a->lane->priority != b->lane->priority)
        return a->lane->priority < b->lane->priority ? -1 : 1;
    return a->position < b->position ? -1 : a->position > b->position;
}

/* Notes in the store that the message came back. */
static void note_return(struct queue *queue, struct entry *entry)
{
    entry->redelivered = true;
    if (entry->is_stored && queue->type == QUEUE_QUORUM)
        store_message_returned(queue->vhost->db, entry->lane->store_id, entry->position,
                               entry->stored, entry->delivery_count);
}

/* A message that failed too often (quorum), or whose time ran out while a client had it, does not
 * come back. */
static bool ends(struct queue *queue, struct entry *entry)
{
    int64_t limit = queue->settings.delivery_limit;
    if (queue->type == QUEUE_QUORUM)
        entry->delivery_count++;
    if (limit >= 0 && entry->delivery_count > limit) {
        dead_letter_entry(queue, entry, DEATH_DELIVERY_LIMIT);
        return true;
    }
    if (entry->deadline_ms <= queue->vhost->broker->now_ms) {
        dead_letter_entry(queue, entry, DEATH_EXPIRED);
        return true;
    }
    return false;
}

/* Before the first ready entry that stands behind it. Those that come back one after the other mostly
 * stand so: the search goes on from the last one, or many thousands would take for ever. */
static struct list *place_for(const struct entry *entry)
{
    struct lane *lane = entry->lane;
    bool behind = lane->returned && lane->returned->position < entry->position;
    struct list *at = behind ? lane->returned->link.next : lane->ready.next;
    while (at != &lane->ready && CONTAINER_OF(at, struct entry, link)->position < entry->position)
        at = at->next;
    return at;
}

static void come_back(struct queue *queue, struct entry *entry)
{
    note_return(queue, entry);
    queue_link(queue, entry, place_for(entry));
    entry->lane->returned = entry;
}

void queue_return(struct queue *queue, struct entry **entries, size_t count)
{
    queue_ref(queue);
    qsort(entries, count, sizeof *entries, by_place);
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = entries[i];
        CHECK(entry->lane);
        leave_unacked(queue, entry);
        if (queue->deleted)
            entry_discard(queue, entry);
        else if (!ends(queue, entry))
            come_back(queue, entry);
        queue_unref(queue);
    }
    if (!queue->deleted) {
        queue_enforce_length(queue);
        queue_wake(queue);
    }
    queue_unref(queue);
}

/* -- leaving otherwise -- */

/* What is first in the heap, and due. False when it must wait. */
static bool expire(struct queue *queue, struct heap_node *first)
{
    if (lane_due_is_bound(first))
        return lane_due_read(first);
    struct entry *entry = CONTAINER_OF(first, struct entry, expiry);
    queue_unlink(queue, entry);
    dead_letter_entry(queue, entry, DEATH_EXPIRED);
    return true;
}

void queue_expiry_due(struct timer *timer, int64_t now_ms)
{
    struct queue *queue = CONTAINER_OF(timer, struct queue, expiry_timer);
    queue_ref(queue);
    unsigned budget = EXPIRY_QUANTUM;
    struct heap_node *first;
    while (budget > 0 && !queue->deleted && (first = heap_first(&queue->expiry)) &&
           first->key <= now_ms && expire(queue, first))
        budget--;
    if (!queue->deleted)
        queue_watch_expiry(queue);
    if (budget == 0 && timer_is_set(timer)) /* not within this turn again */
        timer_set(&queue->vhost->broker->timers, timer, now_ms + 1);
    queue_unref(queue);
}

static void purge_lane(struct queue *queue, struct lane *lane)
{
    lane_forget_paged(lane, !queue->deleted);
    struct entry *entry;
    while ((entry = LIST_FIRST(&lane->ready, struct entry, link))) {
        queue_unlink(queue, entry);
        entry_discard(queue, entry);
    }
    queue_mark_lane(queue, lane);
}

uint64_t queue_purge_ready(struct queue *queue)
{
    uint64_t count = queue->ready_count;
    struct lane *lane;
    while ((lane = queue_first_lane(queue)))
        purge_lane(queue, lane);
    CHECK(queue->ready_count == 0);
    CHECK(queue->ready_bytes == 0);
    return count;
}

/* -- the delivered watermark -- */

static void extend_lease(struct lane *lane, uint64_t position)
{
    struct store_db *db = lane->queue->vhost->db;
    if (lane->lease_next > lane->lease_upto && lane->lease_seq <= store_durable(db))
        lane->lease_upto = lane->lease_next;
    uint64_t next = position + LEASE_AHEAD;
    if (next > STORE_POSITION_MAX + 1) /* there are no more */
        next = STORE_POSITION_MAX + 1;
    if (position + LEASE_AHEAD / 2 < lane->lease_next || next <= lane->lease_next)
        return;
    lane->lease_next = next;
    lane->lease_seq = store_lane_delivered(db, lane->store_id, lane->lease_next);
}

void queue_note_delivery(struct queue *queue, struct entry *entry, struct connection *connection)
{
    struct lane *lane = entry->lane;
    if (entry->position >= lane->delivered_upto)
        lane->delivered_upto = entry->position + 1;
    /* One that is flagged already may owe it to a delivery that never left. */
    if (!entry->is_stored || queue->deleted)
        return;
    extend_lease(lane, entry->position);
    if (entry->position < lane->lease_upto)
        return;
    /* In the same batch as the lease, or behind it: the message can't survive without it. */
    bool together = entry->stored > queue->vhost->flushed || entry->stored >= lane->lease_seq;
    if (!together)
        connection_hold(connection, lane->lease_seq);
}
