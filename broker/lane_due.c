/* SPDX-License-Identifier: Apache-2.0 */
/* The paged messages that expire next, read in time. See lane_due.h. */
#include "broker/lane_due.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/lane_parts.h"
#include "broker/message.h"
#include "broker/queue.h"
#include "broker/queue_messages.h"
#include "broker/vhost.h"
#include "storage/store.h"

#include <stdlib.h>

#define RETRY_MS 1000 /* after a read that failed */

/* A place in the order in which a lane's rows expire. */
struct due_key {
    int64_t at_ms; /* Unix time */
    uint64_t position;
};

static const struct due_key never = {.at_ms = INT64_MAX};

struct lane_due {
    struct heap_node node; /* in queue->expiry: the bound */
    struct lane *lane;
    struct lane_read read;
    struct due_key asked;    /* where the read under way began; `never`: there is none */
    struct due_key come;     /* where the next one begins */
    uint64_t asked_position; /* one of the stretch that is read */
    int64_t upto_ms;         /* Unix time: what expires later is not wanted yet */
    int64_t retry_ms;        /* monotonic: nothing is read before */
    struct entry **arrived;  /* by the read under way, in the order of their deadlines */
    size_t arrived_count;
    size_t arrived_capacity;
    /* Where each stretch's unread rows begin, numbered as by lane_window(). */
    struct due_key unread[LANE_CLOCKS_MAX + 1];
};

/* -- keys -- */

static bool before(struct due_key left, struct due_key right)
{
    return left.at_ms != right.at_ms ? left.at_ms < right.at_ms : left.position < right.position;
}

static void lower(struct due_key *key, struct due_key to)
{
    if (before(to, *key))
        *key = to;
}

static bool is_never(struct due_key key)
{
    return key.at_ms == INT64_MAX;
}

/* The same in monotonic time. */
static struct due_key monotonic(struct due_key key, int64_t offset_ms)
{
    key.at_ms -= is_never(key) ? 0 : offset_ms;
    return key;
}

/* The stretch whose unread rows expire first. Of those below the range nothing is paged any more. */
static uint32_t first_stretch(const struct lane *lane, struct due_key *bound)
{
    uint32_t first = 0;
    *bound = never;
    for (uint32_t i = 0; i <= lane->clock_count; i++) {
        struct lane_window stretch = lane_window(lane, i);
        struct due_key key = monotonic(lane->due->unread[i], stretch.offset_ms);
        if (stretch.last < lane->page_first || !before(key, *bound))
            continue;
        first = i;
        *bound = key;
    }
    return first;
}

static struct due_key bound_of(const struct lane *lane)
{
    const struct lane_due *due = lane->due;
    struct due_key bound;
    (void)first_stretch(lane, &bound);
    lower(&bound, monotonic(due->asked, lane_wall_offset(lane, due->asked_position)));
    return bound;
}

bool lane_due_bound(const struct lane *lane, int64_t *deadline_ms, uint64_t *position)
{
    struct due_key bound = lane->due ? bound_of(lane) : never;
    *deadline_ms = bound.at_ms;
    *position = bound.position;
    return !is_never(bound);
}

/* -- the heap -- */

uint64_t lane_due_rank(const struct lane *lane, uint64_t position, bool bound)
{
    CHECK(position < 1ull << 48);
    return ((uint64_t)(UINT8_MAX - lane->priority) << 48 | position) << 1 | bound;
}

bool lane_due_is_bound(const struct heap_node *node)
{
    return node->sequence & 1;
}

/* Puts the bound where it belongs. */
static void place(struct lane *lane)
{
    struct lane_due *due = lane->due;
    const struct broker *broker = lane->queue->vhost->broker;
    struct due_key bound = bound_of(lane);
    heap_remove(&lane->queue->expiry, &due->node);
    if (is_never(bound))
        return;
    bool early = !due->read.under_way && lane->memory <= broker_lane_memory(broker);
    heap_insert_ranked(&lane->queue->expiry, &due->node,
                       bound.at_ms - (early ? broker->options.expiry_ahead_ms : 0),
                       lane_due_rank(lane, bound.position, true));
}

int64_t lane_due_when(const struct heap_node *node)
{
    const struct lane_due *due = CONTAINER_OF(node, struct lane_due, node);
    if (due->read.under_way)
        return INT64_MAX;
    return node->key > due->retry_ms ? node->key : due->retry_ms;
}

/* -- what is paged -- */

static struct lane_due *due_new(struct lane *lane)
{
    struct lane_due *due = MEM_NEW(struct lane_due);
    due->lane = lane;
    due->read = (struct lane_read){.lane = lane, .due = true};
    due->asked = due->come = never;
    due->retry_ms = INT64_MIN;
    for (size_t i = 0; i < ARRAY_LEN(due->unread); i++)
        due->unread[i] = never;
    return due;
}

void lane_due_note(struct lane *lane, uint64_t position, int64_t expires_at_ms)
{
    struct due_key key = {.at_ms = expires_at_ms, .position = position};
    if (!lane->due)
        lane->due = due_new(lane);
    struct due_key *unread = &lane->due->unread[lane_window_of(lane, position)];
    if (!before(key, *unread))
        return;
    *unread = key;
    place(lane);
}

static void drop_arrived(struct lane_due *due)
{
    for (size_t i = 0; i < due->arrived_count; i++)
        lane_drop(due->lane, due->arrived[i]);
    mem_free(due->arrived);
    due->arrived = NULL;
    due->arrived_count = due->arrived_capacity = 0;
}

/* Its rows are unread again, from `from` on. */
static void end_read(struct lane_due *due, struct due_key from)
{
    due->read.under_way = false;
    due->asked = never;
    lower(&due->unread[lane_window_of(due->lane, due->asked_position)], from);
}

static void cancel_read(struct lane_due *due)
{
    struct vhost *vhost = due->lane->queue->vhost;
    if (!due->read.under_way)
        return;
    if (!vhost->closing)
        store_page_cancel(vhost->db, &due->read);
    end_read(due, due->asked);
    drop_arrived(due);
}

void lane_due_forget(struct lane *lane)
{
    struct lane_due *due = lane->due;
    if (!due)
        return;
    bool was_first = heap_first(&lane->queue->expiry) == &due->node;
    cancel_read(due);
    heap_remove(&lane->queue->expiry, &due->node);
    lane->due = NULL;
    mem_free(due);
    if (was_first)
        queue_watch_expiry(lane->queue);
}

void lane_due_merge_oldest(struct lane *lane)
{
    struct lane_due *due = lane->due;
    if (!due)
        return;
    lower(&due->unread[1], due->unread[0]);
    memmove(due->unread, due->unread + 1, sizeof due->unread - sizeof due->unread[0]);
    due->unread[LANE_CLOCKS_MAX] = never;
    cancel_read(due);
    place(lane);
    queue_watch_expiry(lane->queue);
}

/* -- reading -- */

const struct lane_read *lane_due_reading(const struct lane *lane)
{
    return lane->due ? &lane->due->read : NULL;
}

static struct store_page next_page(struct lane *lane, struct due_key from,
                                   struct lane_window stretch)
{
    const struct broker *broker = lane->queue->vhost->broker;
    bool starts = stretch.first > lane->page_first;
    bool ends = stretch.last < lane->page_last;
    return (struct store_page){
        .lane = lane->store_id,
        .lane_beside = lane->transient_id,
        .first = starts ? stretch.first : lane->page_first,
        .last = ends ? stretch.last : lane->page_last,
        .messages_max = broker->options.page_messages,
        .bytes_max = broker_lane_memory(broker) / 4,
        .context = &lane->due->read,
        .expiring = true,
        .expires_from_ms = from.at_ms,
        .expires_position = from.position,
    };
}

static void ask(struct lane_due *due, struct store_page *page, int64_t upto_ms)
{
    due->asked = (struct due_key){page->expires_from_ms, page->expires_position};
    due->asked_position = page->first;
    due->come = never;
    due->upto_ms = page->expires_upto_ms = upto_ms;
    lane_read_begin(&due->read);
    store_page(due->lane->queue->vhost->db, page);
}

bool lane_due_read(struct heap_node *node)
{
    struct lane_due *due = CONTAINER_OF(node, struct lane_due, node);
    struct lane *lane = due->lane;
    const struct broker *broker = lane->queue->vhost->broker;
    struct due_key bound;
    if (due->read.under_way || due->retry_ms > broker->now_ms)
        return false;
    uint32_t first = first_stretch(lane, &bound);
    if (is_never(bound)) {
        place(lane);
        return true;
    }
    struct lane_window stretch = lane_window(lane, first);
    struct store_page page = next_page(lane, due->unread[first], stretch);
    due->unread[first] = never;
    int64_t upto_ms = bound.at_ms > broker->now_ms ? bound.at_ms : broker->now_ms;
    bool ever = upto_ms > INT64_MAX / 2; /* what a damaged database may say */
    upto_ms += ever ? 0 : 2 * broker->options.expiry_ahead_ms + stretch.offset_ms;
    ask(due, &page, upto_ms);
    place(lane);
    return true;
}

void lane_due_message(struct lane *lane, const struct store_message *stored)
{
    struct lane_due *due = lane->due;
    bool wanted = stored->expires_at_ms <= due->upto_ms;
    due->come = (struct due_key){stored->expires_at_ms, stored->position + wanted};
    struct entry *entry = wanted ? lane_entry_of(lane, stored) : NULL;
    if (!entry)
        return;
    due->arrived =
        mem_grow(due->arrived, &due->arrived_capacity, due->arrived_count, sizeof(struct entry *));
    due->arrived[due->arrived_count++] = entry;
}

static int by_position(const void *left, const void *right)
{
    uint64_t a = (*(struct entry *const *)left)->position;
    uint64_t b = (*(struct entry *const *)right)->position;
    return a < b ? -1 : a > b;
}

static uint64_t position_at(const struct list *node)
{
    return CONTAINER_OF(node, struct entry, link)->position;
}

/* Is its message in the paged range and not a resident (of which `at` is the first behind it)? */
static bool is_paged(struct lane *lane, uint64_t position, const struct list *at)
{
    bool within =
        lane->paged_count > 0 && position >= lane->page_first && position <= lane->page_last;
    bool resident = at->prev != &lane->resident && position_at(at->prev) == position;
    return within && !resident && !lane_is_ghost(lane, position);
}

/* What has arrived becomes resident, in its places. */
static void keep_arrived(struct lane_due *due)
{
    struct lane *lane = due->lane;
    struct list *at = lane->resident.next;
    if (due->arrived_count > 0)
        qsort(due->arrived, due->arrived_count, sizeof *due->arrived, by_position);
    for (size_t i = 0; i < due->arrived_count; i++) {
        struct entry *entry = due->arrived[i];
        while (at != &lane->resident && position_at(at) <= entry->position)
            at = at->next;
        if (is_paged(lane, entry->position, at)) {
            queue_link(lane->queue, entry, at);
            lane_uncount(lane, entry->message->body_len);
        } else {
            lane_drop(lane, entry);
        }
    }
    due->arrived_count = 0;
}

void lane_due_end(struct lane *lane, enum err error)
{
    struct lane_due *due = lane->due;
    struct broker *broker = lane->queue->vhost->broker;
    if (error == ERR_OK) {
        keep_arrived(due);
        end_read(due, due->come);
    } else {
        due->retry_ms = broker->now_ms + RETRY_MS;
        end_read(due, due->asked);
    }
    drop_arrived(due);
    if (lane->paged_count == 0)
        lane_end_range(lane);
    else
        place(lane);
    queue_watch_expiry(lane->queue);
}
