/* SPDX-License-Identifier: Apache-2.0 */
/* The only door to the disk. The store is a log of intentions with a group commit: the event loop
 * appends operations to the current batch and never waits; the writer applies everything that has
 * piled up in one SQLite transaction and reports "durable up to operation N".
 *
 * (1) Operations of one database get increasing sequence numbers, from 1. After a crash exactly a
 *     prefix of them, cut between two batches, is there.
 * (2) Everything appended between two calls of store_flush() lands in the same batch, and so in one
 *     transaction: all or nothing.
 * (3) A message that is deleted before its batch was handed to the writer is never written.
 * (4) All functions are the event loop's thread's, unless they say otherwise.
 * (5) Every failed write is kept and tried again; what was not durable stays not durable, and
 *     store_status() says what is wrong.
 */
#ifndef STORAGE_STORE_H
#define STORAGE_STORE_H

#include "base/err.h"
#include "base/histogram.h"
#include "base/log.h"
#include "base/slice.h"

struct store_message;
struct store;    /* the node's: a directory, its lock, its databases */
struct store_db; /* one database: the node's, or one virtual host's */

#define STORE_COLUMNS_MAX 8
#define STORE_LANES_MAX (1u << 20) /* lanes of one database: 20 bits of a message's rowid */
#define STORE_POSITION_MAX ((1ull << 43) - 1) /* 43 bits of it */

enum store_record_kind {
#define RECORD(kind, ...) STORE_##kind,
#include "storage/records.def"
#undef RECORD
    STORE_RECORD_KINDS
};

/* A column's value: an integer, or text, or an encoded table. */
struct store_value {
    int64_t integer;
    struct slice bytes;
};

/* Values in the order of records.def's columns. */
struct store_record {
    enum store_record_kind kind;
    struct store_value values[STORE_COLUMNS_MAX];
};

struct store_options {
    const char *directory; /* created when missing; NULL: in memory, gone with the store */
    const char *vfs;       /* SQLite VFS; NULL: the default */
    bool manual;           /* no writer threads: store_write() does their work when it is called */
    /* Called when store_collect() has something to do: on a writer's thread, or in store_flush() and
     * store_collect() when a batch had nothing left to write. */
    void (*wake)(void *context);
    void *wake_context;
    /* Called by store_collect(), store_message_delete(), store_vhost_delete(), store_close() and
     * store_crash(), once a put: what store_message_put() borrowed is no longer needed. */
    void (*release)(void *owner);
    /* Called by store_collect() with what store_page() asked for: each message in order of position,
     * valid during the call, then the end. NULL when nothing will be asked for. */
    void (*page_message)(void *context, const struct store_message *message);
    void (*page_end)(void *context, enum err error);
    uint64_t pending_bytes_max; /* store_congested() above it */
    struct log *log;
};

/* Opens or creates the directory and the node's database. On failure `message` tells the operator what is wrong
 * and what to do; nothing is ever recreated over a damaged or newer database. ERR_BUSY: another
 * process has it. */
enum err store_open(struct store **store, const struct store_options *options, char *message,
                    size_t message_size) MUST_USE;
/* Writes out all that is pending, closes everything. False when the disk did not let it: the log says what
 * was lost; nothing of it had been reported durable. */
bool store_close(struct store *store);
/* For tests and the simulator: closes without writing anything more, as a crash would; what was borrowed
 * is released. */
void store_crash(struct store *store);

struct store_db *store_node(struct store *store);
/* Opens or creates the database of a virtual host; waits for the disk, unless store_vhost_prepare() has
 * said that it is done. */
enum err store_vhost_open(struct store *store, struct slice name, struct store_db **db,
                          char *message, size_t message_size) MUST_USE;
/* Has it opened beside the loop, which `wake` wakes afterwards; true: it is done, well or not, and
 * store_vhost_open() tells. Each that is prepared is to be opened or dropped. In manual mode it is done at
 * once. */
bool store_vhost_prepare(struct store *store, struct slice name) MUST_USE;
/* It is not to be opened after all; harmless when it was not prepared. */
void store_vhost_drop(struct store *store, struct slice name);
/* Opening made it: there was none. */
bool store_created(const struct store_db *db);
/* Closes the virtual host's database as it is: nothing that waits is written. */
void store_vhost_close(struct store_db *db);
/* Closes the virtual host's database and removes its files, beside the loop, which `wake` wakes
 * afterwards; in manual mode at once. */
void store_vhost_delete(struct store *store, struct store_db *db);
/* It is not through with that: there can't be another one of the name yet. */
bool store_vhost_deleting(const struct store *store, struct slice name);

/* -- records -- */

/* Inserts or replaces. The record's bytes are copied. Returns the operation's sequence number, as
 * all functions of type uint64_t below. */
uint64_t store_put(struct store_db *db, const struct store_record *record);
/* Removes by the key columns; harmless when there is none. */
uint64_t store_remove(struct store_db *db, const struct store_record *record);
/* Before anything is appended: hands over all records of a kind, valid during the call. */
enum err store_load(struct store_db *db, enum store_record_kind kind,
                    void (*each)(void *context, const struct store_record *record),
                    void *context) MUST_USE;

/* -- lanes: a queue's messages of one priority, in order of position -- */

struct store_lane {
    uint32_t id;
    struct slice queue; /* its name */
    uint8_t priority;
    uint64_t delivered_upto;  /* positions below it may have been delivered to a consumer */
    uint64_t messages;        /* how many are stored */
    uint64_t bytes;           /* their bodies */
    uint64_t position_next;   /* above every position stored or below delivered_upto */
    int64_t expires_first_ms; /* Unix time; 0: none of the messages expires */
};

/* A new, empty lane; 0 when all STORE_LANES_MAX are taken. */
uint32_t store_lane_new(struct store_db *db, struct slice queue, uint8_t priority) MUST_USE;
/* A lane for messages that need not outlive this run: the next start finds none of it. 0 when all are
 * taken. */
uint32_t store_lane_transient(struct store_db *db) MUST_USE;
/* The lane and all its messages. */
uint64_t store_lane_delete(struct store_db *db, uint32_t lane);
/* All messages of the lane with first <= position <= last. */
uint64_t store_lane_purge(struct store_db *db, uint32_t lane, uint64_t first, uint64_t last);
/* Positions below `upto` may have been delivered. The last call counts, be it higher or lower. */
uint64_t store_lane_delivered(struct store_db *db, uint32_t lane, uint64_t upto);
enum err store_load_lanes(struct store_db *db,
                          void (*each)(void *context, const struct store_lane *lane),
                          void *context) MUST_USE;

/* -- messages -- */

struct store_message {
    uint32_t lane;
    uint64_t position; /* unique in the lane; mostly rising */
    struct slice exchange;
    struct slice routing_key;
    struct slice properties; /* AMQP property flags and list as they arrived; then BCC keys */
    struct slice body;
    int64_t expires_at_ms;   /* Unix time; 0: never */
    uint32_t delivery_count; /* failed deliveries so far */
    bool redelivered;
};

/* Appends a message. Its slices are borrowed: they stay valid until options.release(owner). */
uint64_t store_message_put(struct store_db *db, const struct store_message *message, void *owner);
/* How long a body is that nobody has at hand. */
#define STORE_BODY_UNKNOWN UINT64_MAX

/* `put` is what store_message_put() returned for it in this run, 0 for one that was loaded. When
 * its batch has not been handed over, neither operation is ever written. `body_len` keeps the lane's
 * bytes known without reading the body again; STORE_BODY_UNKNOWN: the writer reads it. */
uint64_t store_message_delete(struct store_db *db, uint32_t lane, uint64_t position, uint64_t put,
                              uint64_t body_len);
/* The message came back: its delivery count, and that it was delivered. */
uint64_t store_message_returned(struct store_db *db, uint32_t lane, uint64_t position, uint64_t put,
                                uint32_t delivery_count);
/* All messages of a lane in order of position, valid during the call. Before anything is appended. */
enum err store_load_messages(struct store_db *db, uint32_t lane,
                             void (*each)(void *context, const struct store_message *message),
                             void *context) MUST_USE;

/* -- paging: messages read back while the broker runs -- */

struct store_page {
    uint32_t lane;        /* 0: none, */
    uint32_t lane_beside; /* nor a second one; the messages of both come in order of position */
    uint64_t first;       /* positions, both inclusive */
    uint64_t last;
    uint32_t messages_max; /* it ends after so many, */
    uint64_t bytes_max;    /* or when bodies and properties exceed this (at least one message) */
    void *context;         /* for page_message() and page_end() */
    /* Only messages that expire, in the order in which they do (those of one time by position): from the
     * one of this time and position on, to the first one that expires after `expires_upto_ms`. */
    bool expiring;
    int64_t expires_from_ms; /* Unix time, as expires_upto_ms */
    uint64_t expires_position;
    int64_t expires_upto_ms;
};

/* Asks for committed messages; the answer comes by store_collect() after `wake`. Read on a second
 * connection, by a thread of its own (in manual mode: by store_read()), in the order of asking. What the
 * caller has had made durable before the call is seen, what it deletes later may be. */
void store_page(struct store_db *db, const struct store_page *page);
/* Forgets the requests with this context: neither callback is called for them any more. */
void store_page_cancel(struct store_db *db, const void *context);
/* As store_page(), here and now: it waits for the disk. `each` gets the messages. */
enum err store_page_now(struct store_db *db, const struct store_page *page,
                        void (*each)(void *context, const struct store_message *message)) MUST_USE;
/* In manual mode: answers the requests that wait, and does a part of what queries (query.h) have to
 * do; then store_collect() sees it. True if any. */
bool store_read(struct store_db *db);

/* -- batches -- */

/* The end of a turn: the batch so far goes to the writer if it is idle, else when it is. */
void store_flush(struct store_db *db);
/* Takes note of what the writers have finished: releases owners, advances store_durable(), hands
 * over the next batches; and of the pages read back. Returns true when any database's durable
 * number or status changed or a page came. */
bool store_collect(struct store *store);
/* In manual mode: applies the batch handed over, if any; then store_collect() sees it. */
bool store_write(struct store_db *db);

/* The last operation appended; the last one that is on the disk. */
uint64_t store_last(const struct store_db *db);
uint64_t store_durable(const struct store_db *db);
/* More than pending_bytes_max wait for the disk: publishers should pause. */
bool store_congested(const struct store_db *db);
/* ERR_OK; ERR_NO_SPACE or ERR_IO while the writer can't write. `message` may be NULL. */
enum err store_status(const struct store_db *db, const char **message);

struct store_stats {
    uint64_t batches;
    uint64_t operations;
    uint64_t cancelled; /* appended and deleted before they were written */
    uint64_t pending_bytes;
    uint64_t file_bytes;               /* database and WAL */
    uint64_t free_bytes;               /* reclaimable inside the file */
    struct histogram commits;          /* the writer's transactions: nanoseconds */
    struct histogram batch_operations; /* and operations in each */
};
extern const struct histogram_bounds STORE_COMMIT_BOUNDS, STORE_BATCH_BOUNDS;
void store_stats(const struct store_db *db, struct store_stats *stats);
/* The sums over all databases; what was counted in deleted ones stays in. */
void store_total(const struct store *store, struct store_stats *stats);

/* Bytes that SQLite has allocated, for all stores of the process. */
uint64_t store_memory(void);

/* Bytes free on the disk of the store's directory; UINT64_MAX in memory. */
uint64_t store_disk_free(const struct store *store);

#endif
