/* SPDX-License-Identifier: Apache-2.0 */
/* Questions in SQL about one virtual host: what is on its disk and what the broker knows, as tables
 * that only exist for the time of one query. The second door of this room, beside store.h.
 *
 *   PREPARING ─────▶ ASKING ──────────▶ RUNNING ─────▶ DONE
 *   the thread       the loop, at a     the thread     the caller takes the result
 *   compiles it      moment when the
 *                    writer is idle
 *
 * (1) The broker never waits: a query has a thread and connections of its own; what it costs the
 *     loop is to fill in the snapshot, which the caller bounds.
 * (2) The moment: no batch is with the writer, so what is on the disk is exactly the operations up to
 *     store_durable(), and what the broker knows is those and the open batch. There and then the
 *     query's read transaction begins, the open batch's puts and deletions are noted and the caller
 *     fills in the rest: all of one virtual host is seen as it was at one instant.
 * (3) A message is told once. On the disk are those whose put is durable; rows that the open batch
 *     deletes are left out. From memory come the open batch's puts and what the caller adds: only
 *     entries that have no row at all.
 * (4) What was borrowed for the snapshot (owners of messages) goes back on the loop's thread.
 * (5) A query reads nothing but its tables: its SQL runs on an empty database in memory, and reaches
 *     the file by the table `messages` alone, which reads it by a connection of its own.
 * (6) Time, rows, bytes of the result and memory are bounded; at most STORE_QUERIES_MAX run at once.
 * (7) All functions are the event loop's thread's.
 */
#ifndef STORAGE_QUERY_H
#define STORAGE_QUERY_H

#include "base/buf.h"
#include "base/check.h"
#include "storage/store.h"

#define STORE_QUERIES_MAX 2 /* of a store: a half of a small machine for people's questions */
#define STORE_QUERY_TEXT_MAX 65536      /* bytes of SQL */
#define STORE_QUERY_VALUE_MAX (4 << 20) /* bytes of a value; a longer body can't be looked at */

/* -- tables -- */

enum store_query_type {
    STORE_QUERY_TEXT,
    STORE_QUERY_INTEGER,
    STORE_QUERY_REAL,
    STORE_QUERY_BOOLEAN, /* 0 or 1 */
    STORE_QUERY_JSON,    /* text; given as an encoded field table */
    STORE_QUERY_BLOB,
};
/* "text", "integer" … */
const char *store_query_type_name(enum store_query_type type);

struct store_query_column {
    const char *name;
    enum store_query_type type;
    const char *help;
};

#define STORE_QUERY_COLUMNS_MAX 32

struct store_query_table {
    const char *name;
    const char *help;
    const struct store_query_column *columns;
    size_t column_count;
};

/* The one that this room fills itself. */
extern const struct store_query_table store_query_messages;
/* The SQL functions that a query may call; NULL past the end. */
const char *store_query_function(size_t index);

/* -- asking -- */

struct store_query;

struct store_query_options {
    struct slice sql;
    const struct store_query_table *tables; /* beside `messages`; they outlive the query */
    size_t table_count;
    uint32_t rows_max;
    uint64_t bytes_max;  /* of the result's text */
    uint64_t memory_max; /* of what SQLite needs */
    int64_t time_max_ms;
    /* Fills in the snapshot, by the functions below; called once at most, by store_collect(). */
    void (*snapshot)(void *context, struct store_query *query);
    /* The owner of a message is needed until options.release(owner) of the store. */
    void (*retain)(void *owner);
    void *context;
};

/* NULL when STORE_QUERIES_MAX run already. */
struct store_query *store_query_new(struct store_db *db,
                                    const struct store_query_options *options) MUST_USE;
/* The SQL names this table: else there is no need to fill it in. */
bool store_query_uses(const struct store_query *query, const struct store_query_table *table);
/* The first texts in quotes in the SQL: what they name is worth to be filled in first. */
size_t store_query_literals(const struct store_query *query);
struct slice store_query_literal(const struct store_query *query, size_t index);

/* A lane of a queue; returns its index for the next three. The name is copied. */
struct store_query_lane {
    struct slice queue;
    uint32_t lane;        /* 0: none has been stored */
    uint32_t lane_beside; /* the transient one, 0: none */
    uint8_t priority;
    uint8_t priority_max;    /* of the queue */
    uint64_t delivered_upto; /* positions below it may have been delivered */
    uint64_t ready_from;     /* messages with a row from this position on are ready; below it… */
};
uint32_t store_query_add_lane(struct store_query *query, const struct store_query_lane *lane);
/* …only those at these positions are; the others are with clients. */
void store_query_add_returned(struct store_query *query, uint32_t lane, uint64_t position);
/* A message that has no row; message->lane is the index. The owner was retained for the query. */
void store_query_add_message(struct store_query *query, const struct store_message *message,
                             bool unacked, void *owner);

/* A bit for each column of a table that the SQL needs, the first column's the lowest. */
uint64_t store_query_wants(const struct store_query *query, const struct store_query_table *table);
/* A row of a table: one value for each wanted column, in order. Bytes are copied. */
void store_query_add_row(struct store_query *query, const struct store_query_table *table);
void store_query_add_text(struct store_query *query, struct slice text);
void store_query_add_integer(struct store_query *query, int64_t value);
void store_query_add_real(struct store_query *query, double value);
/* An encoded field table. */
void store_query_add_json(struct store_query *query, struct slice table);
void store_query_add_null(struct store_query *query);

/* The snapshot lacks something; told with the result. Static storage. */
void store_query_note(struct store_query *query, const char *note);

/* -- the result -- */

enum store_query_outcome {
    STORE_QUERY_OK,
    STORE_QUERY_BAD,         /* the SQL is wrong, does what it may not, or takes too much */
    STORE_QUERY_UNAVAILABLE, /* the disk */
};

struct store_query_result {
    enum store_query_outcome outcome;
    struct buf message; /* unless OK: what is wrong */
    struct buf columns; /* a JSON array of names */
    struct buf rows;    /* a JSON array of arrays */
    bool truncated;     /* there were more */
    double milliseconds;
    const char *const *notes; /* of store_query_note(), */
    size_t note_count;
};

/* NULL until it is done, which store_collect() brings about after options.wake. The buffers may be
 * taken. */
struct store_query_result *store_query_result(struct store_query *query);
/* At any time: one that still runs is given up. */
void store_query_free(struct store_query *query);

#endif
