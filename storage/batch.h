/* SPDX-License-Identifier: Apache-2.0 */
/* What has been appended to one database and not yet been written: one transaction in the making.
 *
 * (1) The loop's thread appends to a batch until it is handed over; then it is the writer's until it
 *     comes back; nobody ever shares it.
 * (2) Each operation has a sequence number and the slot ops[number - first]; what was cancelled
 *     leaves its slot as BATCH_NONE.
 * (3) Every put's owner is released once: when its message is cancelled by a delete, else by
 *     batch_release().
 */
#ifndef STORAGE_BATCH_H
#define STORAGE_BATCH_H

#include "storage/store.h"

enum batch_op_type {
    BATCH_NONE,     /* cancelled, or folded into another operation or its lane */
    BATCH_PUT,      /* puts[index] */
    BATCH_DELETE,   /* the lane's positions from `position` to `last` */
    BATCH_RETURNED, /* `position` came back for the `count`th time */
    BATCH_LANE_NEW, /* lane_new */
    BATCH_LANE_DELETE,
    BATCH_RECORD_PUT, /* record */
    BATCH_RECORD_REMOVE,
};

struct batch_op {
    uint64_t position;
    union {
        uint64_t index;
        uint64_t last;
        uint64_t count;
        const struct batch_lane_new *lane_new;
        const struct store_record *record;
    };
    uint64_t bytes; /* of a delete: of the bodies, or STORE_BODY_UNKNOWN */
    uint32_t type;  /* enum batch_op_type */
    uint32_t lane;  /* index in the batch's lanes */
};

struct batch_lane_new {
    struct slice queue;
    uint8_t priority;
};

struct batch_put {
    struct store_message message;
    void *owner;
    uint32_t before; /* the put of the same lane before this: its index + 1 */
    uint32_t op;     /* its slot */
    bool cancelled;  /* not to be written */
    bool released;
};

/* A lane that the batch touches. */
struct batch_lane {
    uint32_t id;
    uint32_t puts;    /* the newest put into it: its index + 1 */
    uint32_t created; /* the slot + 1 of its BATCH_LANE_NEW while that stands */
    bool deleted;     /* its number is free when the batch is written, unless… */
    bool dropped;     /* …the writer left its messages for later */
    bool delivered;   /* delivered_upto is news */
    uint64_t delivered_upto;
    /* the writer's, while it applies the batch */
    int64_t messages;
    int64_t bytes;
    uint64_t position_next;
    bool recount; /* other rows were deleted than the broker thought */
};

struct batch {
    uint64_t first; /* sequence number of the first slot */
    struct batch_op *ops;
    struct batch_put *puts;
    struct batch_lane *lanes;
    uint32_t *lane_slots; /* open addressing: index in lanes + 1 */
    size_t op_count, op_capacity;
    size_t put_count, put_capacity;
    size_t lane_count, lane_capacity;
    size_t lane_slot_count;     /* a power of two, or 0 */
    struct batch_block *blocks; /* copied bytes */
    size_t live;                /* operations that have something to write */
    uint64_t cancelled;         /* operations that will never be written */
    uint64_t bytes;             /* memory that waits with it, messages included */
};

struct batch *batch_new(void) MUST_USE;
void batch_free(struct batch *batch);
/* Empties it for operations from `first` on; gives memory back when it grew out of the usual. */
void batch_reset(struct batch *batch, uint64_t first);
/* Releases what is still borrowed. */
void batch_release(struct batch *batch, void (*release)(void *owner));

/* Each appends one operation. */
void batch_put(struct batch *batch, const struct store_message *message, void *owner);
void batch_delete(struct batch *batch, uint32_t lane, uint64_t first, uint64_t last,
                  uint64_t bytes);
void batch_returned(struct batch *batch, uint32_t lane, uint64_t position, uint32_t count);
void batch_lane_new(struct batch *batch, uint32_t lane, struct slice queue, uint8_t priority);
/* Cancels the lane's puts and, when it was created in this batch, the lane itself. */
void batch_lane_delete(struct batch *batch, uint32_t lane);
/* Cancels the lane's puts in the range; for older ones appends a delete. */
void batch_lane_purge(struct batch *batch, uint32_t lane, uint64_t first, uint64_t last);
void batch_lane_delivered(struct batch *batch, uint32_t lane, uint64_t upto);
void batch_record(struct batch *batch, enum batch_op_type type, const struct store_record *record);
/* Appends an operation that does nothing. */
void batch_none(struct batch *batch);

/* The put with that sequence number when it stands in this batch, not cancelled; else NULL. It must be
 * the message's. */
struct batch_put *batch_find_put(struct batch *batch, uint64_t sequence, uint32_t lane,
                                 uint64_t position) MUST_USE;
/* Takes a put out; its owner is still to be released. */
void batch_cancel(struct batch *batch, struct batch_put *put);

#endif
