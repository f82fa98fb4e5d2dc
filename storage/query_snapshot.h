/* SPDX-License-Identifier: Apache-2.0 */
/* What a query sees beside the disk: rows of tables, lanes, and messages that have no row. Filled in
 * on the loop's thread at the query's moment, then only read, by the query's.
 *
 * (1) Texts are in `text`, cells know where: it may move while it grows.
 * (2) After snapshot_settle(): lanes are in order of queue, then of delivery (highest priority
 *     first); messages, returned positions and gone ranges in order of lane and position; gone ranges
 *     don't overlap.
 */
#ifndef STORAGE_QUERY_SNAPSHOT_H
#define STORAGE_QUERY_SNAPSHOT_H

#include "storage/batch.h"
#include "storage/query.h"

#define SNAPSHOT_NOTES_MAX 8

struct snapshot_text {
    size_t at; /* in snapshot.text */
    size_t len;
};

struct snapshot_cell {
    enum { CELL_NULL, CELL_TEXT, CELL_INTEGER, CELL_REAL, CELL_JSON } kind;
    union {
        int64_t integer;
        double real;
        struct snapshot_text text; /* JSON: an encoded table */
    };
};

struct snapshot_rows {
    struct snapshot_cell *cells; /* row by row, of each the wanted columns */
    size_t count;
    size_t capacity;
    size_t row_count;
    uint64_t wanted; /* a bit for each column that the SQL needs */
};

struct snapshot_lane {
    struct snapshot_text queue;
    uint32_t ids[2]; /* of the store: the durable and the transient lane, 0: none */
    uint8_t priority;
    uint8_t priority_max;
    uint64_t delivered_upto;
    uint64_t ready_from;
    uint32_t number; /* store_query_add_lane()'s */
    size_t messages; /* index of its first message, */
    size_t message_count;
    size_t returned; /* and of its first returned position */
    size_t returned_count;
};

struct snapshot_message {
    struct store_message message; /* message.lane: a lane's number */
    void *owner;
    bool unacked;    /* is with a client; else what the lane says of its position counts */
    bool rowless;    /* has no row and will have none */
    uint32_t stored; /* unless rowless: the store's lane it goes to, in place of the number */
};

struct snapshot_place {
    uint32_t lane; /* a lane's number (returned), a lane of the store (counts) */
    uint32_t count;
    uint64_t position;
};

struct snapshot_gone {
    uint32_t lane; /* of the store */
    uint64_t first, last;
};

struct snapshot {
    struct buf text;
    struct snapshot_rows *rows; /* for each of the query's tables */
    size_t table_count;
    bool planned; /* the wanted columns stand: filling has begun */
    struct snapshot_lane *lanes;
    size_t lane_count, lane_capacity;
    struct snapshot_message *messages;
    size_t message_count, message_capacity;
    struct snapshot_place *returned;
    size_t returned_count, returned_capacity;
    struct snapshot_place *counts; /* delivery counts that are not on the disk yet */
    size_t count_count, count_capacity;
    struct snapshot_gone *gone;
    size_t gone_count, gone_capacity;
    const char *notes[SNAPSHOT_NOTES_MAX];
    size_t note_count;
};

void snapshot_init(struct snapshot *snapshot, size_t table_count);
/* The owners must have been released. */
void snapshot_fini(struct snapshot *snapshot);
/* Gives the owners back. */
void snapshot_release(struct snapshot *snapshot, void (*release)(void *owner));

uint32_t snapshot_add_lane(struct snapshot *snapshot, const struct store_query_lane *lane);
void snapshot_add_returned(struct snapshot *snapshot, uint32_t lane, uint64_t position);
void snapshot_add_message(struct snapshot *snapshot, const struct snapshot_message *message);
/* The end of the last row of a table. */
void snapshot_add_cell(struct snapshot *snapshot, struct snapshot_rows *rows,
                       const struct snapshot_cell *cell);
struct snapshot_text snapshot_add_text(struct snapshot *snapshot, struct slice text);
void snapshot_add_note(struct snapshot *snapshot, const char *note);
/* What the batch will change on the disk; its messages' owners are retained. */
void snapshot_add_batch(struct snapshot *snapshot, const struct batch *batch,
                        void (*retain)(void *owner));

/* -- the query's thread -- */

void snapshot_settle(struct snapshot *snapshot);
struct slice snapshot_slice(const struct snapshot *snapshot, struct snapshot_text text);
/* The first lane of a queue; their number in `*count`. */
size_t snapshot_find_queue(const struct snapshot *snapshot, struct slice queue, size_t *count);
bool snapshot_is_gone(const struct snapshot *snapshot, uint32_t store_lane, uint64_t position);
bool snapshot_is_ready(const struct snapshot *snapshot, const struct snapshot_lane *lane,
                       uint64_t position);
/* The delivery count that a row is about to get; `stored` when nothing is. */
uint32_t snapshot_count(const struct snapshot *snapshot, uint32_t store_lane, uint64_t position,
                        uint32_t stored);

#endif
