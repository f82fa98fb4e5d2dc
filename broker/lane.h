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
 *     `tail` above page_last; each list is in order. The range ends at STORE_POSITION_MAX at the
 *     latest: rows have no positions above it.
 * (3) What is paged was never delivered in this run: every position that is out with a client is
 *     below delivered_upto, and so below page_first.
 * (4) Of what expires within the paged range only the earliest deadline is known; the next ones to
 *     expire are read ahead of their time, and then are residents (lane_due.h).
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
struct lane_due;
struct queue;
struct store_lane;
struct store_message;

#define LANE_CLOCKS_MAX 64u /* times the clock was set; beyond, the oldest positions are off */

/* Messages on their way back: the context of store_page(). */
struct lane_read {
    struct lane *lane;
    bool due;         /* lane_due.c's; else those at the head */
    bool under_way;   /* store_page() was asked, */
    uint32_t count;   /* has brought that many so far, */
    uint64_t durable; /* and sees at least all operations of the store up to this one */
};

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
    bool unreadable; /* the last read of the range failed: counts in broker->unreadable_lanes */
    uint64_t position_next;
    uint64_t delivered_upto; /* positions below were delivered */
    uint64_t seen_upto;      /* positions below may have been delivered before this start */
    uint64_t lease_upto;     /* the store knows (durably) that positions below may have been */
    uint64_t lease_next;     /* and will, once its operation lease_seq is durable */
    uint64_t lease_seq;

    uint64_t page_first; /* the paged range */
    uint64_t page_last;
    uint64_t paged_count; /* messages in it that are not residents */
    uint64_t paged_bytes; /* their bodies */
    struct lane_due *due; /* what of them expires; NULL: none ever did */
    struct lane_read read;
    uint64_t
        deleted_seq; /* the last deletion of a row of a message that was not delivered; until it */
    uint64_t deleted_upto;   /* is durable, the range can't start below here */
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
/* Before a position is given out: the wall clock may have been set since the last one. */
void lane_note_clock(struct lane *lane);
/* What the row of a position says when it expires, less its monotonic deadline. */
int64_t lane_wall_offset(const struct lane *lane, uint64_t position);
/* The same, of all positions that share it, first to last. They are numbered: clock_count has the newest. */
struct lane_window {
    uint64_t first;
    uint64_t last;
    int64_t offset_ms;
};
uint32_t lane_window_of(const struct lane *lane, uint64_t position);
struct lane_window lane_window(const struct lane *lane, uint32_t number);
void lane_clock_fini(struct lane *lane);
/* What an entry costs in memory, its message included. */
uint64_t entry_cost(const struct entry *entry);

/* Pages out what is durable until little enough is in memory; for the lanes taken from
 * broker->heavy. It goes back there if that was not enough yet. */
void lane_page_out(struct lane *lane);
/* The paged messages are gone (purged or deleted, rows too if `delete_rows`). How many. */
uint64_t lane_forget_paged(struct lane *lane, bool delete_rows);

/* At start: what its row says. All its messages are paged. */
void lane_restore(struct lane *lane, const struct store_lane *stored);

/* options.page_message and options.page_end for store_open(); the context is a struct lane_read. */
void lane_page_message(void *context, const struct store_message *message);
void lane_page_end(void *context, enum err error);

#endif
