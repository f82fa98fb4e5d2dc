/* SPDX-License-Identifier: Apache-2.0 */
/* A lane: a queue's ready messages of one priority, in order of position. Only its two ends are in
 * memory when it is long; the middle is on the disk alone, index and bodies both:
 *
 *      ready             paged range             tail
 *   0 1 2 3 4 5 │ 6 . . . . 11 . . . . 997 │ 998 999     (11 is resident)
 *               page_first            page_last
 *
 *   lane_page_out(): durable entries of the tail, oldest first, join the paged range; those without
 *                    a row get one first, in a lane of the store that a restart forgets
 *   lane_read_ahead() → lane_page_message(): the range's first ones come back behind `ready`
 *
 * (1) While nothing is paged (paged_count is 0), resident and tail are empty.
 * (2) Positions in `ready` are below page_first, those of residents within the range, those in
 *     `tail` above page_last; each list is in order.
 * (3) What is paged was never delivered in this run: every position that is out with a client is
 *     below delivered_upto, and so below page_first.
 * (4) An entry with a deadline is paged only if nothing before it in the lane expires later or never,
 *     so that the head always expires first. Others stay as residents.
 *     (Where a policy with a time to live came and went, messages that are returned to their places
 *     or found at start may stand before such ones: those then expire when they get to the head.)
 * (5) An entry in memory from page_first on whose row is deleted leaves a ghost until the deletion is
 *     durable, so that a read that still sees the row passes over it. For the same reason a range
 *     starts above the rows that are about to go.
 * (6) Messages that are paged count in queue->ready_count and ready_bytes like all ready ones.
 */
#ifndef BROKER_LANE_H
#define BROKER_LANE_H

#include "base/err.h"
#include "base/hmap.h"
#include "base/list.h"

#include <stdint.h>

struct entry;
struct lane_clock;
struct queue;
struct store_lane;
struct store_message;

struct lane {
    struct queue *queue;
    struct list ready; /* struct entry.link, as in the next two */
    struct list resident;
    struct list tail;
    struct list heavy_link; /* in broker->heavy: it has more in memory than it should */
    uint64_t memory;        /* bytes of the entries in the three lists, messages included */
    struct entry *returned; /* the one in `ready` that came back last; NULL: it has left since */
    uint32_t ready_len;     /* entries in `ready` */
    uint32_t inspected_as;  /* by a query's snapshot, */
    uint64_t inspected;     /* of this number (inspect_messages.c) */
    uint64_t rowless;       /* entries without a row, ready or unacknowledged */
    uint32_t store_id;      /* 0: nothing was stored yet */
    uint32_t transient_id;  /* the same for messages that only had to leave memory */
    uint8_t priority;
    bool reading;    /* store_page() was asked */
    bool unreadable; /* the last read of the range failed: counts in broker->unreadable_lanes */
    uint64_t position_next;
    uint64_t delivered_upto; /* positions below were delivered */
    uint64_t seen_upto;      /* positions below may have been delivered before this start */
    uint64_t lease_upto;     /* the store knows (durably) that positions below may have been */
    uint64_t lease_next;     /* and will, once its operation lease_seq is durable */
    uint64_t lease_seq;

    uint64_t page_first; /* the paged range */
    uint64_t page_last;
    uint64_t paged_count;   /* messages in it that are not residents */
    uint64_t paged_bytes;   /* their bodies */
    int64_t paged_deadline; /* the latest up to page_last; INT64_MAX: one never expires */
    uint32_t overdue;       /* entries of the tail that lane_expires() said no to */
    uint64_t
        deleted_seq; /* the last deletion of a row of a message that was not delivered; until it */
    uint64_t deleted_upto;   /* is durable, the range can't start below here */
    uint32_t read_count;     /* messages that the read under way brought so far */
    struct hmap ghosts;      /* struct ghost by position */
    struct list ghost_order; /* the same, oldest deletion first */
    uint64_t retry_memory;   /* paging found too little to page out: not before it has this much */
    uint64_t retry_seq;      /* nor before the store has come that far */

    int64_t wall_offset_ms;    /* Unix time less monotonic time, of the newest positions */
    struct lane_clock *clocks; /* of older ones, oldest first; NULL: the same for all */
    uint32_t clock_count;
};

struct lane *lane_new(struct queue *queue, uint8_t priority);
/* The lists must be empty. */
void lane_free(struct lane *lane);

/* Nothing in it, in memory or on the disk. */
bool lane_empty(const struct lane *lane);
/* The entry that is dealt next; NULL when there is none, or when it has yet to be read (then that
 * is under way). */
struct entry *lane_head(struct lane *lane);
/* As lane_head(), waiting for the disk if need be. */
struct entry *lane_head_now(struct lane *lane);
/* The list that an entry of this position belongs to. */
struct list *lane_list(struct lane *lane, uint64_t position);

/* Bookkeeping of queue_link() and queue_unlink(). */
void lane_note_linked(struct lane *lane, const struct entry *entry);
void lane_note_unlinked(struct lane *lane, const struct entry *entry);
/* The row of an entry in memory is deleted by this operation of the store. */
void lane_note_deleted(struct lane *lane, uint64_t position, uint64_t seq);
/* May this entry, which is due, expire now? Not while messages that are due before it have yet to be read:
 * then that is under way, and it is back in the queue's heap when they have gone. */
bool lane_expires(struct lane *lane, struct entry *entry);
/* Before a position is given out: the wall clock may have been set since the last one. */
void lane_note_clock(struct lane *lane);
/* What the row of a position says when it expires, less its monotonic deadline. */
int64_t lane_wall_offset(const struct lane *lane, uint64_t position);
void lane_clock_fini(struct lane *lane);
/* What an entry costs in memory, its message included. */
uint64_t entry_cost(const struct entry *entry);

/* Pages out what is durable until little enough is in memory; for the lanes taken from
 * broker->heavy. It goes back there if that was not enough yet. */
void lane_page_out(struct lane *lane);
/* The paged messages are gone (purged or deleted, rows too if `delete_rows`). How many. */
uint64_t lane_forget_paged(struct lane *lane, bool delete_rows);

/* At start: what its row says. All its messages are paged, but for those that expire out of turn. */
enum err lane_restore(struct lane *lane, const struct store_lane *stored) MUST_USE;

/* options.page_message and options.page_end for store_open(); the context is the lane. */
void lane_page_message(void *context, const struct store_message *message);
void lane_page_end(void *context, enum err error);

#endif
