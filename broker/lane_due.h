/* SPDX-License-Identifier: Apache-2.0 */
/* What of a lane's paged range expires. The rows stand on the disk in the order of their deadlines too
 * (storage/schema.c), so memory needs to know no more than where the unread ones begin:
 *
 *        residents         unread
 *   5 9 12 14 17 23  │  31 40 40 58 …      deadlines within the range
 *                  the bound
 *
 *   lane_due_note(): a message that is paged out before the bound moves it back
 *   lane_due_read() → lane_due_message() … lane_due_end(): the next ones come into memory ahead of
 *                    their time, as residents, and the bound moves on
 *
 * (1) No message that is on the disk alone has a deadline (of equal ones, a position) below the bound.
 * (2) The bound is in the queue's heap of deadlines, some time early while nothing is read and memory
 *     allows it, exactly in its place else: what expires behind it waits for the read, so that all
 *     leave in order of their deadlines, wherever they are.
 * (3) What is in memory for this does not grow with the range: a page of messages and their bodies'
 *     bytes at a time, and the next one not before those have gone or there is room.
 * (4) Rows say in Unix time when they expire (lane_clock.c). Where the wall clock was set, each stretch
 *     of positions with a clock of its own has its own bound; the lane's is the earliest.
 */
#ifndef BROKER_LANE_DUE_H
#define BROKER_LANE_DUE_H

#include "base/err.h"
#include "base/heap.h"

struct lane;
struct lane_due;
struct lane_read;
struct store_message;

/* A paged message's row says that it expires then (Unix time). The caller calls queue_watch_expiry(). */
void lane_due_note(struct lane *lane, uint64_t position, int64_t expires_at_ms);
/* The range is closed: forgets all of it. */
void lane_due_forget(struct lane *lane);
/* The two oldest stretches of positions are one now. */
void lane_due_merge_oldest(struct lane *lane);

/* The rank of a position in queue->expiry, among equal deadlines; `bound`: of a bound there. */
uint64_t lane_due_rank(const struct lane *lane, uint64_t position, bool bound);
/* Is this node of queue->expiry a lane's bound? */
bool lane_due_is_bound(const struct heap_node *node);
/* A bound's time has come: the next ones are asked for. False when all behind it must wait. */
bool lane_due_read(struct heap_node *node);
/* When something is to be done about a bound that is first in the heap; INT64_MAX: not before the
 * read under way ends. */
int64_t lane_due_when(const struct heap_node *node);
/* The bound; false when nothing that expires is on the disk alone. */
bool lane_due_bound(const struct lane *lane, int64_t *deadline_ms, uint64_t *position);
/* Its read, if there ever was one, else NULL. */
const struct lane_read *lane_due_reading(const struct lane *lane);

/* What lane_page_message() and lane_page_end() are told of its reads. */
void lane_due_message(struct lane *lane, const struct store_message *stored);
void lane_due_end(struct lane *lane, enum err error);

#endif
