/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over the table `messages`, as its three files share it: query_messages.c plans it,
 * query_walk.c takes its steps, query_tell.c tells SQLite what the current row has.
 *
 * (1) A position is told in the order of delivery: in a queue with priorities it is counted from a
 *     multiple of 2^43 on (query_lane_base()), the highest priority's from 0. Inside, positions are
 *     the lane's own.
 * (2) After each step, unless `at_end`, there is a current row: that on which `from` stands, or the
 *     snapshot's next message when `from` is NULL.
 * (3) What is read of the current row stays in the statement or in the snapshot: it is good until the
 *     next step.
 * (4) All of it is the query's thread's.
 */
#ifndef STORAGE_QUERY_CURSOR_H
#define STORAGE_QUERY_CURSOR_H

#include "proto/properties.h"
#include "storage/query_tables.h"
#include "storage/schema.h"

/* -- columns -- */

#define QUERY_MESSAGE_COLUMNS(X)                                                                   \
    X(QUEUE, "queue", TEXT, "the queue's name")                                                    \
    X(POSITION, "position", INTEGER, "its place in the order of delivery; rises, with gaps")       \
    X(STATE, "state", TEXT, "ready, or unacked: a client has it")                                  \
    X(REDELIVERED, "redelivered", BOOLEAN, "it may have been delivered before")                    \
    X(DELIVERY_COUNT, "delivery_count", INTEGER, "failed deliveries (quorum queues)")              \
    X(STORED, "stored", BOOLEAN, "it outlives a restart of the broker")                            \
    X(EXCHANGE, "exchange", TEXT, "it was published to; empty: the default exchange")              \
    X(ROUTING_KEY, "routing_key", TEXT, "with which it was published")                             \
    X(CONTENT_TYPE, "content_type", TEXT, "property")                                              \
    X(CONTENT_ENCODING, "content_encoding", TEXT, "property")                                      \
    X(HEADERS, "headers", JSON, "property; headers ->> 'name' is one of them")                     \
    X(DELIVERY_MODE, "delivery_mode", INTEGER, "property; 2: persistent")                          \
    X(PRIORITY, "priority", INTEGER, "property")                                                   \
    X(CORRELATION_ID, "correlation_id", TEXT, "property")                                          \
    X(REPLY_TO, "reply_to", TEXT, "property")                                                      \
    X(EXPIRATION, "expiration", TEXT, "property, in milliseconds")                                 \
    X(MESSAGE_ID, "message_id", TEXT, "property")                                                  \
    X(TIMESTAMP, "timestamp", INTEGER, "property, in seconds of Unix time")                        \
    X(TYPE, "type", TEXT, "property")                                                              \
    X(USER_ID, "user_id", TEXT, "property")                                                        \
    X(APP_ID, "app_id", TEXT, "property")                                                          \
    X(CLUSTER_ID, "cluster_id", TEXT, "property")                                                  \
    X(EXPIRES_AT, "expires_at", INTEGER, "Unix time in milliseconds; NULL: never")                 \
    X(PAYLOAD, "payload", TEXT, "the body as text; NULL unless it is UTF-8 and at most 4 MiB")     \
    X(PAYLOAD_BYTES, "payload_bytes", INTEGER, "how long the body is")                             \
    X(BODY, "body", BLOB, "the body; NULL when it is longer than 4 MiB")

enum query_column {
#define X(name, text, type, help) QUERY_COLUMN_##name,
    QUERY_MESSAGE_COLUMNS(X)
#undef X
};

/* -- the plan: what is told from xBestIndex to xFilter -- */

/* Its number. */
#define QUERY_PLAN_DESCENDING 1 /* falling positions */
#define QUERY_PLAN_BODY 2       /* the SQL asks for bodies */

/* Its text: a letter for each argument; the others bound the position. */
#define QUERY_TAKES_QUEUE 'q'
#define QUERY_TAKES_EQUAL '='
#define QUERY_TAKES_LEAST 'g' /* it is at least the argument, */
#define QUERY_TAKES_ABOVE '>'
#define QUERY_TAKES_MOST 'l' /* at most, */
#define QUERY_TAKES_BELOW '<'

/* -- the cursor -- */

/* Rows of one lane of the store. */
struct query_lane_rows {
    sqlite3_stmt *statement; /* NULL: not prepared */
    uint32_t lane;
    bool there; /* it stands on a row, at: */
    uint64_t position;
};

struct query_cursor {
    sqlite3_vtab_cursor base;
    struct query_source *source;

    /* The walk, query_walk.c's. */
    int plan;
    uint64_t first, last; /* positions wanted, as they are told */
    size_t lane;          /* index of the present lane, */
    size_t lane_end;      /* and of where the walk ends */
    int64_t step;         /* to the next lane, and to the snapshot's next message: 1 or -1 */
    struct query_lane_rows rows[2]; /* of the durable and of the transient lane */
    size_t message;                 /* of the snapshot, */
    size_t messages_left;           /* and how many more of the lane */
    bool at_end;
    struct query_lane_rows *from; /* one of `rows`; NULL: the snapshot */

    /* What query_walk_read() has filled in. */
    bool read;
    struct store_message current;
    uint64_t payload_bytes;
    bool body_known;

    /* Its properties, query_tell.c's; each step takes `mapped` back. */
    bool mapped;
    struct properties properties; /* none when they make no sense */
};

static inline const struct snapshot_lane *query_cursor_lane(const struct query_cursor *cursor)
{
    return &cursor->source->snapshot->lanes[cursor->lane];
}

/* What the lane's positions are told from. */
static inline uint64_t query_lane_base(const struct snapshot_lane *lane)
{
    return (uint64_t)(lane->priority_max - lane->priority) << SCHEMA_POSITION_BITS;
}

/* -- the walk -- */

/* Begins one, or begins anew: goes to its first row. `values` are the arguments that `letters` tells.
 * As query_walk_next(), an SQLite result: failures of the disk have their text in the table. */
int query_walk_begin(struct query_cursor *cursor, int plan, const char *letters,
                     sqlite3_value **values);
int query_walk_next(struct query_cursor *cursor);
/* Gives the cursor's statements back; another walk may begin. */
void query_walk_fini(struct query_cursor *cursor);

/* The snapshot's next message, which is the current row unless `from` says otherwise; NULL: the lane
 * has no more. */
const struct snapshot_message *query_walk_message(const struct query_cursor *cursor);
/* Fills in `current` and what belongs to it, if that hasn't been done for this row. */
void query_walk_read(struct query_cursor *cursor);

/* -- what is told -- */

/* The current row's value in a column; none (NULL) unless it sets one. */
void query_tell(struct query_cursor *cursor, sqlite3_context *context, enum query_column column);

#endif
