/* SPDX-License-Identifier: Apache-2.0 */
/* What a query is told of lanes, and of messages without a row: ready ones in the lanes' lists,
 * unacknowledged ones in the channels' rings.
 *
 * (1) Which of a lane's rows are ready: all from ready_from on, since what was delivered stands below
 *     (lane.h (3)); below it those in the list `ready`, which is walked only that far.
 * (2) Lanes and rings are walked for messages without a row only where there are any
 *     (lane->rowless).
 * (3) A lane that has been told is known again by lane->inspected.
 */
#include "broker/inspect_messages.h"

#include "broker/broker.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/inspect.h"
#include "broker/lane.h"
#include "broker/message.h"
#include "broker/queue.h"
#include "broker/vhost.h"

struct telling {
    struct store_query *query;
    const struct broker *broker;
    uint64_t number; /* of this snapshot: lanes that have it are told already */
    size_t lanes_left;
    size_t entries_left;
    bool unacked_rowless; /* there may be such: the rings are to be walked */
};

static const char unfinished[] =
    "not all messages that are in memory alone are there: too many for one look";
static const char unsure[] = "state may be wrong where very many messages came back";
static const char fewer_queues[] =
    "not all queues' messages are there: too many queues for one look";

void inspect_retain(void *message)
{
    message_ref(message);
}

/* False when enough has been looked at. */
static bool look(struct telling *telling, const char *note)
{
    if (telling->entries_left == 0) {
        store_query_note(telling->query, note);
        return false;
    }
    telling->entries_left--;
    return true;
}

static bool is_rowless(const struct entry *entry)
{
    return !entry->is_stored && !entry->is_spilled;
}

static void tell_entry(struct telling *telling, const struct entry *entry, bool unacked)
{
    const struct broker *broker = telling->broker;
    struct store_message message = {
        .lane = entry->lane->inspected_as,
        .position = entry->position,
        .exchange = message_exchange(entry->message),
        .routing_key = message_key(entry->message),
        .properties = message_properties(entry->message),
        .body = message_body(entry->message),
        .expires_at_ms = entry->deadline_ms == INT64_MAX
                             ? 0
                             : entry->deadline_ms - broker->now_ms + broker->wall_ms,
        .delivery_count = entry->delivery_count,
        .redelivered = entry->redelivered,
    };

    store_query_add_message(telling->query, &message, unacked, message_ref(entry->message));
}

/* -- ready -- */

static void tell_rowless(struct telling *telling, const struct list *head)
{
    for (const struct list *node = head->next; node != head; node = node->next) {
        const struct entry *entry = CONTAINER_OF(node, struct entry, link);
        if (!look(telling, unfinished))
            return;
        if (is_rowless(entry))
            tell_entry(telling, entry, false);
    }
}

static void tell_returned(struct telling *telling, const struct lane *lane, uint64_t ready_from)
{
    const struct list *head = &lane->ready;

    for (const struct list *node = head->next; node != head; node = node->next) {
        const struct entry *entry = CONTAINER_OF(node, struct entry, link);
        if (entry->position >= ready_from || !look(telling, unsure))
            return;
        store_query_add_returned(telling->query, lane->inspected_as, entry->position);
    }
}

static uint64_t ready_from(const struct lane *lane)
{
    return lane->paged_count > 0 && lane->page_first < lane->delivered_upto ? lane->page_first
                                                                            : lane->delivered_upto;
}

static void tell_lane(struct telling *telling, struct lane *lane)
{
    const struct queue *queue = lane->queue;
    struct store_query_lane told = {
        .queue = slice_str(queue->name),
        .lane = lane->store_id,
        .lane_beside = lane->transient_id,
        .priority = lane->priority,
        .priority_max = queue->settings.priority_max,
        .delivered_upto = lane->delivered_upto,
        .ready_from = ready_from(lane),
    };

    lane->inspected = telling->number;
    lane->inspected_as = store_query_add_lane(telling->query, &told);
    if (lane->store_id || lane->transient_id)
        tell_returned(telling, lane, told.ready_from);
    if (lane->rowless == 0)
        return;
    tell_rowless(telling, &lane->ready);
    tell_rowless(telling, &lane->resident);
    tell_rowless(telling, &lane->tail);
    telling->unacked_rowless = telling->unacked_rowless || queue->unacked_count > 0;
}

static bool tell_queue(struct telling *telling, struct queue *queue)
{
    if (queue->ready_count + queue->unacked_count == 0)
        return true;
    for (size_t i = 0; i <= queue->settings.priority_max; i++) {
        struct lane *lane = queue->lanes[i];
        if (!lane || lane->inspected == telling->number)
            continue;
        if (telling->lanes_left == 0) {
            store_query_note(telling->query, fewer_queues);
            return false;
        }
        telling->lanes_left--;
        tell_lane(telling, lane);
    }
    return true;
}

/* -- unacknowledged -- */

static bool tell_ring(struct telling *telling, const struct channel *channel)
{
    for (uint64_t at = channel->unacked_head; at != channel->unacked_tail; at++) {
        const struct entry *entry = channel->unacked[at & (channel->unacked_capacity - 1)].entry;
        if (!entry)
            continue;
        if (!look(telling, unfinished))
            return false;
        if (is_rowless(entry) && !entry->lane->queue->deleted &&
            entry->lane->inspected == telling->number)
            tell_entry(telling, entry, true);
    }
    return true;
}

static void tell_rings(struct telling *telling, const struct vhost *vhost)
{
    const struct list *connections = &vhost->connections;

    for (const struct list *node = connections->next; node != connections; node = node->next) {
        const struct list *channels = &CONTAINER_OF(node, struct connection, vhost_link)->channels;
        for (const struct list *link = channels->next; link != channels; link = link->next)
            if (!tell_ring(telling, CONTAINER_OF(link, struct channel, connection_link)))
                return;
    }
}

/* -- the whole -- */

void inspect_messages(struct vhost *vhost, struct store_query *query)
{
    struct telling telling = {
        .query = query,
        .broker = vhost->broker,
        .number = ++vhost->inspections,
        .lanes_left = INSPECT_LANES_MAX,
        .entries_left = INSPECT_ENTRIES_MAX,
    };

    for (size_t i = 0; i < store_query_literals(query); i++) {
        struct queue *queue = queue_find(vhost, store_query_literal(query, i));
        if (queue)
            (void)tell_queue(&telling, queue);
    }
    HMAP_EACH(&vhost->queues, node)
        if (!tell_queue(&telling, CONTAINER_OF(node, struct queue, node)))
            break;
    if (telling.unacked_rowless)
        tell_rings(&telling, vhost);
}
