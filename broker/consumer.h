/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer: its channel's interest in a queue, with its credit.
 *
 * (1) It is in its group's ready list exactly if the broker believes that it can take a message.
 * (2) Groups hold consumers of one priority, in round robin; a queue's groups are in order of
 *     priority, highest first, and none is empty.
 */
#ifndef BROKER_CONSUMER_H
#define BROKER_CONSUMER_H

#include "base/buf.h"
#include "base/hmap.h"
#include "base/list.h"

struct channel;
struct queue;

struct consumer_group {
    struct list link;  /* in queue->groups */
    struct list ready; /* struct consumer.ready_link */
    int64_t priority;
    uint32_t consumers; /* members, ready or not */
};

struct consumer {
    struct channel *channel;
    struct queue *queue;
    struct consumer_group *group;
    struct list channel_link;  /* in channel->consumers */
    struct hmap_node tag_node; /* in channel->consumer_tags */
    struct list queue_link;    /* in queue->consumers */
    struct list ready_link;    /* in group->ready */
    char *tag;
    struct buf arguments; /* as given, sorted */
    int64_t timeout_ms;   /* of acknowledgements; 0: none; negative: the queue's */
    uint32_t unacked;
    uint16_t prefetch; /* 0: no limit */
    bool no_ack;
    bool exclusive;
};

/* Adds it to channel and queue (checks done). */
struct consumer *consumer_new(struct channel *channel, struct queue *queue, struct slice tag,
                              int64_t priority);
/* Leaves channel and queue; its unacknowledged entries stay the channel's. May end an auto-delete
 * queue, or hand over a single-active one. */
void consumer_free(struct consumer *consumer);
/* Its queue is gone: tells the client and frees it. */
void consumer_cancel_by_broker(struct consumer *consumer);
/* Credit, room and standing are there for one more message. */
bool consumer_can_take(const struct consumer *consumer);
/* Something changed in its favour: it enters the ready list if it can take a message. */
void consumer_wake(struct consumer *consumer);

#endif
