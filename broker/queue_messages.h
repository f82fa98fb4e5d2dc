/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a queue share with each other and nobody else: lanes and entries. */
#ifndef BROKER_QUEUE_MESSAGES_H
#define BROKER_QUEUE_MESSAGES_H

#include "broker/dead_letter.h"
#include "broker/queue.h"

/* A lane has become empty, or is no longer. */
void queue_mark_lane(struct queue *queue, const struct lane *lane);
/* The earliest deadline may have changed: sets the timer. */
void queue_watch_expiry(struct queue *queue);
struct broker;

/* The lane of a priority (already capped), made when it isn't there. */
struct lane *queue_lane(struct queue *queue, uint8_t priority);
/* The highest lane with ready entries; NULL when there is none. */
struct lane *queue_first_lane(const struct queue *queue);
/* Takes a ready entry off its lane, out of the counts and the expiry heap. */
void queue_unlink(struct queue *queue, struct entry *entry);
/* Undoes queue_unlink(): puts it before `position` of its lane's list. */
void queue_link(struct queue *queue, struct entry *entry, struct list *position);
/* Zeroed, unlinked; freed by entry_free(). */
struct entry *entry_new(struct broker *broker);
void entry_free(struct broker *broker, struct entry *entry);
/* Gives it a row in that lane of the store. */
void entry_put(struct queue *queue, struct entry *entry, uint32_t lane);
/* Removes the row, if any, and frees an unlinked entry. */
void entry_discard(struct queue *queue, struct entry *entry);
/* Delivers one message if there is one and a consumer that can take it; waits for the disk if the
 * message must be read first. */
bool queue_deal_one(struct queue *queue);
/* There is a consumer that can take a message. */
bool queue_has_taker(struct queue *queue);
/* Timer: the earliest ready entry's deadline has come. */
void queue_expiry_due(struct timer *timer, int64_t now_ms);
/* There is more in it than its limits allow. */
bool queue_over_length(const struct queue *queue);
/* Drops from the head what exceeds the limits (a consumer may take it first). When that is very much
 * the timer goes on with it. */
void queue_enforce_length(struct queue *queue);
/* Timer: there may be more to drop. */
void queue_length_due(struct timer *timer, int64_t now_ms);

#endif
