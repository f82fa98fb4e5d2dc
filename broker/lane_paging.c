/* SPDX-License-Identifier: Apache-2.0 */
/* Paging: a long lane's middle goes to the disk, where its rows are anyway, and comes back in time.
 * The picture and the invariants are in lane.h.
 */
#include "broker/lane.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/lane_due.h"
#include "broker/lane_parts.h"
#include "broker/message.h"
#include "broker/queue.h"
#include "broker/queue_messages.h"
#include "broker/vhost.h"
#include "proto/properties.h"
#include "proto/reply.h"
#include "proto/table.h"
#include "storage/store.h"

#include <inttypes.h>

#define READ_AHEAD_PAGES 2 /* with fewer left in `ready` the next ones are asked for */

static struct entry *first_of(struct list *list)
{
    return LIST_FIRST(list, struct entry, link);
}

static struct vhost *vhost_of(const struct lane *lane)
{
    return lane->queue->vhost;
}

static void note_heavy(struct lane *lane)
{
    if (!list_linked(&lane->heavy_link))
        list_push_back(&vhost_of(lane)->broker->heavy, &lane->heavy_link);
}

/* -- out -- */

static bool has_row(const struct entry *entry)
{
    return entry->is_stored || entry->is_spilled;
}

/* May this entry be on the disk alone? */
static bool pageable(const struct lane *lane, const struct entry *entry)
{
    return entry->position >= lane->delivered_upto && entry->position <= STORE_POSITION_MAX;
}

/* Whether entries without a row are given one. As long as the lane has no rows anyway, that waits until
 * memory is short: the disk is slow. */
static bool spills(struct lane *lane)
{
    const struct broker *broker = vhost_of(lane)->broker;
    if (lane->store_id == 0 && lane->transient_id == 0 &&
        broker_message_memory(broker) < broker->options.queue_memory / 2)
        return false;
    if (lane->transient_id == 0)
        lane->transient_id = store_lane_transient(vhost_of(lane)->db);
    return lane->transient_id != 0;
}

/* Gives a row to those at the tail's start that must leave memory next. */
static void spill(struct lane *lane, uint64_t share)
{
    uint64_t rest = lane->memory;
    for (struct list *node = lane->tail.next; node != &lane->tail && rest > share;
         node = node->next) {
        struct entry *entry = CONTAINER_OF(node, struct entry, link);
        if (!pageable(lane, entry))
            continue;
        if (!has_row(entry)) {
            entry_put(lane->queue, entry, lane->transient_id);
            entry->is_spilled = true;
            lane->rowless--;
        }
        rest -= entry_cost(entry);
    }
}

/* Everything behind the head's share of memory is put into `tail`, to be looked at there, but nothing
 * below `first`. */
static void split(struct lane *lane, uint64_t share, uint64_t first)
{
    uint64_t kept = 0;
    struct list *node = lane->ready.next;
    while (node != &lane->ready && kept < share) {
        kept += lane->memory / (lane->ready_len + 1u) + 1; /* on average */
        node = node->next;
    }
    while (node != &lane->ready && CONTAINER_OF(node, struct entry, link)->position < first)
        node = node->next;
    lane->returned = NULL;
    while (node != &lane->ready) {
        struct list *next = node->next;
        list_remove(node);
        list_push_back(&lane->tail, node);
        lane->ready_len--;
        node = next;
    }
}

/* Undoes split() for one entry that can't be paged while nothing is. */
static void unsplit_first(struct lane *lane, struct entry *entry)
{
    list_remove(&entry->link);
    list_push_back(&lane->ready, &entry->link);
    lane->ready_len++;
}

/* Keeps the count of lanes that can't be read, and the alarm that says so. */
static void note_readable(struct lane *lane, bool readable)
{
    struct broker *broker = vhost_of(lane)->broker;
    if (lane->unreadable == !readable)
        return;
    lane->unreadable = !readable;
    if (readable)
        broker->unreadable_lanes--;
    else
        broker->unreadable_lanes++;
    broker_set_alarm(broker, ALARM_READ, broker->unreadable_lanes > 0);
}

void lane_close_range(struct lane *lane)
{
    struct list *lists[] = {&lane->resident, &lane->tail};
    CHECK(lane->paged_count == 0);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct entry *entry;
        while ((entry = first_of(lists[i])))
            unsplit_first(lane, entry);
    }
    lane->queue->ready_bytes -= lane->paged_bytes; /* none, unless the database counted wrong */
    lane->paged_bytes = 0;
    note_readable(lane, true);
    lane_due_forget(lane);
    lane_lay_all_ghosts(lane);
}

static void page_entry(struct lane *lane, struct entry *entry)
{
    lane->memory -= entry_cost(entry);
    list_remove(&entry->link);
    if (heap_linked(&entry->expiry))
        heap_remove(&lane->queue->expiry, &entry->expiry);
    if (lane->paged_count == 0)
        lane->page_first = entry->position;
    lane->page_last = entry->position;
    lane->paged_count++;
    lane->paged_bytes += entry->message->body_len;
    if (entry->deadline_ms != INT64_MAX)
        lane_due_note(lane, entry->position,
                      entry->deadline_ms + lane_wall_offset(lane, entry->position));
    message_unref(entry->message);
    entry_free(vhost_of(lane)->broker, entry);
}

/* One entry of the tail leaves it; false when it may not yet. */
static bool page_next(struct lane *lane, struct entry *entry, uint64_t durable, bool spills)
{
    bool fit = pageable(lane, entry);
    if (has_row(entry) ? entry->stored > durable : fit && spills)
        return false;
    if (fit && has_row(entry)) {
        page_entry(lane, entry);
    } else if (lane->paged_count == 0) {
        unsplit_first(lane, entry);
    } else if (entry->position > STORE_POSITION_MAX) {
        return false;
    } else {
        list_remove(&entry->link);
        list_push_back(&lane->resident, &entry->link);
        lane->page_last = entry->position;
    }
    return true;
}

/* What is durable leaves the tail, and what comes next gets its row if it has none. True if it is worth
 * to go on when the store has come to retry_seq. */
static bool shorten_tail(struct lane *lane, uint64_t share, uint64_t durable)
{
    uint64_t before = lane->paged_count;
    bool spilling = spills(lane);
    struct entry *entry;
    while (lane->memory > share && (entry = first_of(&lane->tail)) &&
           page_next(lane, entry, durable, spilling)) {
    }
    if (spilling)
        spill(lane, share);
    entry = first_of(&lane->tail);
    if (entry && has_row(entry) && entry->stored > durable)
        lane->retry_seq = entry->stored;
    else if (lane->paged_count == 0 && lane->deleted_seq > durable)
        lane->retry_seq = lane->deleted_seq;
    return lane->retry_seq > durable || lane->paged_count > before;
}

void lane_page_out(struct lane *lane)
{
    uint64_t limit = broker_lane_memory(vhost_of(lane)->broker);
    uint64_t durable = store_durable(vhost_of(lane)->db);
    if (lane->retry_seq > durable) {
        note_heavy(lane);
        if (lane->unreadable && !lane->read.under_way)
            queue_wake(lane->queue);
        return;
    }
    if (lane->memory > limit) {
        if (lane->paged_count == 0)
            split(lane, limit / 2, lane_range_min(lane, durable));
        bool found = shorten_tail(lane, limit / 2, durable);
        if (lane->paged_count == 0)
            lane_close_range(lane);
        queue_watch_expiry(lane->queue);
        lane->retry_memory = found ? 0 : lane->memory * 2;
        if (found && lane->memory > limit)
            note_heavy(lane);
    }
    if (!lane->read.under_way)
        queue_wake(lane->queue);
}

/* Nobody waits for the head any more. */
static void cancel_read(struct lane *lane)
{
    struct vhost *vhost = vhost_of(lane);
    if (lane->read.under_way && !vhost->closing)
        store_page_cancel(vhost->db, &lane->read);
    lane->read.under_way = false;
}

void lane_end_range(struct lane *lane)
{
    cancel_read(lane);
    lane_close_range(lane);
    /* They would go out again at once, and come back, to and fro. */
    list_remove(&lane->heavy_link);
    lane->retry_memory = lane->memory * 2;
    queue_wake(lane->queue);
}

uint64_t lane_forget_paged(struct lane *lane, bool delete_rows)
{
    struct vhost *vhost = vhost_of(lane);
    uint64_t count = lane->paged_count;
    cancel_read(lane);
    if (count == 0)
        return 0;
    if (delete_rows && vhost_keeps_rows(vhost) && lane->store_id)
        store_lane_purge(vhost->db, lane->store_id, lane->page_first, lane->page_last);
    if (delete_rows && vhost_keeps_rows(vhost) && lane->transient_id)
        store_lane_purge(vhost->db, lane->transient_id, lane->page_first, lane->page_last);
    lane->queue->ready_count -= lane->paged_count;
    vhost->ready_count -= lane->paged_count;
    lane->paged_count = 0;
    lane_close_range(lane);
    return count;
}

/* -- in -- */

static struct store_page next_page(struct lane *lane)
{
    const struct broker *broker = vhost_of(lane)->broker;
    return (struct store_page){
        .lane = lane->store_id,
        .lane_beside = lane->transient_id,
        .first = lane->page_first,
        .last = lane->page_last,
        .messages_max = broker->options.page_messages,
        .bytes_max = broker_lane_memory(broker) / 4,
        .context = &lane->read,
    };
}

void lane_read_begin(struct lane_read *read)
{
    read->under_way = true;
    read->count = 0;
    read->durable = store_durable(vhost_of(read->lane)->db);
}

static void read_ahead(struct lane *lane)
{
    struct vhost *vhost = vhost_of(lane);
    uint64_t ahead = READ_AHEAD_PAGES * (uint64_t)vhost->broker->options.page_messages;
    if (lane->paged_count == 0 || lane->read.under_way || lane->ready_len > ahead)
        return;
    if (lane->ready_len > 0 && lane->memory > broker_lane_memory(vhost->broker))
        return;
    struct store_page page = next_page(lane);
    lane_read_begin(&lane->read);
    store_page(vhost->db, &page);
}

static struct message *message_of(struct broker *broker, const struct store_message *stored)
{
    struct properties properties;
    struct slice bcc;
    struct reply reply;
    if (stored->exchange.len > UINT8_MAX || stored->routing_key.len > UINT8_MAX ||
        !properties_parse_head(&properties, stored->properties, &bcc, &reply) ||
        array_validate(bcc) != ERR_OK || stored->body.len > UINT32_MAX)
        return NULL;
    struct slice head = slice_of(stored->properties.data, stored->properties.len - bcc.len);
    struct message *message = message_new_with_bcc(broker, stored->exchange, stored->routing_key,
                                                   head, bcc, stored->body.len);
    if (message && stored->body.len)
        memcpy(message_body_bytes(message), stored->body.data, stored->body.len);
    return message;
}

static void complain(const struct lane *lane)
{
    log_error(vhost_of(lane)->broker->log, "a stored message makes no sense and is left out",
              "vhost=%s queue=%s", vhost_of(lane)->name, lane->queue->name);
}

struct entry *lane_entry_of(struct lane *lane, const struct store_message *stored)
{
    struct broker *broker = vhost_of(lane)->broker;
    struct message *message = message_of(broker, stored);
    if (!message) {
        complain(lane);
        return NULL;
    }
    struct entry *entry = entry_new(broker);
    entry->message = message;
    entry->lane = lane;
    entry->position = stored->position;
    entry->is_stored = stored->lane == lane->store_id;
    /* Only persistent ones are stored, whatever damaged properties say. */
    message->persistent = message->persistent || entry->is_stored;
    entry->is_spilled = !entry->is_stored;
    entry->delivery_count = stored->delivery_count;
    entry->redelivered = stored->redelivered || stored->position < lane->seen_upto;
    entry->deadline_ms = stored->expires_at_ms == 0
                             ? INT64_MAX
                             : stored->expires_at_ms - lane_wall_offset(lane, stored->position);
    return entry;
}

void lane_drop(struct lane *lane, struct entry *entry)
{
    message_unref(entry->message);
    entry_free(vhost_of(lane)->broker, entry);
}

void lane_uncount(struct lane *lane, uint64_t body_len)
{
    struct queue *queue = lane->queue;
    CHECK(lane->paged_count > 0);
    lane->paged_count--;
    lane->paged_bytes -= body_len;
    queue->ready_count--;
    queue->vhost->ready_count--;
    queue->ready_bytes -= body_len;
}

/* Residents up to a position come back in order. True when one of them has this very position. */
static bool take_residents(struct lane *lane, uint64_t position)
{
    struct entry *entry;
    while ((entry = first_of(&lane->resident)) && entry->position <= position) {
        bool same = entry->position == position;
        unsplit_first(lane, entry);
        if (same)
            return true;
    }
    return false;
}

static void take_row(struct lane *lane, const struct store_message *stored)
{
    struct queue *queue = lane->queue;
    bool known = take_residents(lane, stored->position) || lane_is_ghost(lane, stored->position);
    lane->page_first = stored->position + 1;
    if (known || lane->paged_count == 0)
        return;
    lane_uncount(lane, stored->body.len);
    struct entry *entry = lane_entry_of(lane, stored);
    if (entry)
        queue_link(queue, entry, &lane->ready);
    if (lane->paged_count == 0)
        lane_close_range(lane);
    queue_mark_lane(queue, lane);
}

static void log_missing(const struct lane *lane, uint64_t count)
{
    log_error(vhost_of(lane)->broker->log, "messages are missing in the database",
              "vhost=%s queue=%s count=%" PRIu64, vhost_of(lane)->name, lane->queue->name, count);
}

/* The disk has fewer of the lane's messages than it should. */
static void note_missing(struct lane *lane)
{
    log_missing(lane, lane->paged_count);
    lane_forget_paged(lane, false);
    queue_mark_lane(lane->queue, lane);
}

void lane_page_message(void *context, const struct store_message *message)
{
    struct lane_read *read = context;
    read->count++;
    if (read->due)
        lane_due_message(read->lane, message);
    else
        take_row(read->lane, message);
}

static void end_head(struct lane *lane, enum err error)
{
    lane->read.under_way = false;
    note_readable(lane, error == ERR_OK || lane->paged_count == 0);
    if (error != ERR_OK) {
        /* Tried again when the store has news; storage/ has said what is wrong. */
        note_heavy(lane);
        return;
    }
    if (lane->paged_count > 0 && (lane->read.count == 0 || lane->page_first > lane->page_last))
        note_missing(lane);
    queue_wake(lane->queue);
}

void lane_page_end(void *context, enum err error)
{
    struct lane_read *read = context;
    if (read->due)
        lane_due_end(read->lane, error);
    else
        end_head(read->lane, error);
}

struct entry *lane_head(struct lane *lane)
{
    read_ahead(lane);
    return first_of(&lane->ready);
}

struct entry *lane_head_now(struct lane *lane)
{
    struct vhost *vhost = vhost_of(lane);
    if (list_empty(&lane->ready) && lane->paged_count > 0) {
        struct store_page page = next_page(lane);
        cancel_read(lane);
        lane->read.count = 0;
        enum err error = store_page_now(vhost->db, &page, lane_page_message);
        end_head(lane, error);
    }
    return lane_head(lane);
}

/* -- at start -- */

void lane_restore(struct lane *lane, const struct store_lane *stored)
{
    CHECK(lane->store_id == 0);
    lane->store_id = stored->id;
    lane->position_next = stored->position_next;
    lane->delivered_upto = stored->delivered_upto;
    lane->seen_upto = stored->delivered_upto;
    lane->lease_upto = stored->delivered_upto;
    lane->lease_next = stored->delivered_upto;
    if (stored->messages == 0)
        return;
    if (stored->position_next == 0) { /* then there is no row, whatever it counts */
        log_missing(lane, stored->messages);
        return;
    }
    /* All of it is on the disk: the range is as long as the lane, and read from its start. */
    lane->page_first = 0;
    lane->page_last = stored->position_next - 1;
    lane->paged_count = stored->messages;
    lane->paged_bytes = stored->bytes;
    lane->queue->ready_count += stored->messages;
    vhost_of(lane)->ready_count += stored->messages;
    lane->queue->ready_bytes += stored->bytes;
    queue_mark_lane(lane->queue, lane);
    if (stored->expires_first_ms == 0)
        return;
    lane_due_note(lane, 0, stored->expires_first_ms);
    queue_watch_expiry(lane->queue);
}
