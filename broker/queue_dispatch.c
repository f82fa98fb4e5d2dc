/* SPDX-License-Identifier: Apache-2.0 */
/* Dealing a queue's messages to its consumers: highest priority first, in turn among equals.
 *
 * (1) A consumer that can't take a message is put out of its group's ready list when it is met, and
 *     comes back by consumer_wake(): nothing is scanned twice for the same state.
 */
#include "broker/broker.h"
#include "broker/channel.h"
#include "broker/consumer.h"
#include "broker/dead_letter.h"
#include "broker/queue_messages.h"
#include "broker/vhost.h"

/* The next consumer that can take a message; those that can't are parked on the way. */
static struct consumer *next_taker(struct queue *queue)
{
    LIST_EACH(&queue->groups, node) {
        struct consumer_group *group = CONTAINER_OF(node, struct consumer_group, link);
        struct consumer *consumer;
        while ((consumer = LIST_FIRST(&group->ready, struct consumer, ready_link))) {
            if (consumer_can_take(consumer))
                return consumer;
            list_remove(&consumer->ready_link);
        }
    }
    return NULL;
}

bool queue_has_taker(struct queue *queue)
{
    return next_taker(queue) != NULL;
}

/* A message whose time is over is not delivered even if its timer has not run yet. */
static bool expire_head(struct queue *queue)
{
    struct lane *lane = queue_first_lane(queue);
    struct entry *entry = lane ? lane_head(lane) : NULL;
    if (!entry || entry->deadline_ms >= queue->vhost->broker->now_ms)
        return false;
    queue_unlink(queue, entry);
    dead_letter_entry(queue, entry, DEATH_EXPIRED);
    return true;
}

void queue_drop_expired(struct queue *queue)
{
    while (expire_head(queue)) {
    }
}

/* One message, if there is one in memory, or (`now`) also if it must be read first. */
static bool deal(struct queue *queue, bool now)
{
    queue_drop_expired(queue);
    if (queue->ready_count == 0)
        return false;
    struct consumer *consumer = next_taker(queue);
    if (!consumer)
        return false;
    struct entry *entry = now ? queue_take_now(queue) : queue_take(queue);
    if (!entry)
        return false; /* its page is on the way, and wakes the queue */
    list_remove(&consumer->ready_link);
    list_push_back(&consumer->group->ready, &consumer->ready_link);
    struct channel *channel = consumer->channel;
    struct delivery delivery;
    channel_hand_over(channel, consumer, entry, consumer->no_ack, &delivery);
    return true;
}

bool queue_deal_one(struct queue *queue)
{
    return deal(queue, true);
}

bool queue_dispatch(struct queue *queue, uint32_t quantum)
{
    queue_ref(queue);
    bool more = true;
    for (uint32_t dealt = 0; more && dealt < quantum; dealt++)
        more = deal(queue, false) && !queue->deleted;
    more = more && queue->ready_count > 0 && queue_has_taker(queue);
    queue_unref(queue);
    return more;
}

void queue_wake(struct queue *queue)
{
    if (queue->ready_count == 0 || queue->deleted || list_linked(&queue->runnable_link))
        return;
    LIST_EACH(&queue->groups, node) {
        if (list_empty(&CONTAINER_OF(node, struct consumer_group, link)->ready))
            continue;
        list_push_back(&queue->vhost->broker->runnable, &queue->runnable_link);
        return;
    }
}
