/* SPDX-License-Identifier: Apache-2.0 */
/* What a store and its databases consist of; for storage/ only. All of it is the loop's thread's,
 * save what writer.h says.
 */
#ifndef STORAGE_STORE_DB_H
#define STORAGE_STORE_DB_H

#include "base/list.h"
#include "storage/lane_ids.h"
#include "storage/reader.h"
#include "storage/writer.h"

#include <stdatomic.h>

struct store {
    struct store_options options; /* its strings are copies */
    int lock;                     /* the lock file's descriptor, or -1 */
    struct list databases;        /* struct store_db, the node's first */
    struct list errands;          /* struct errand, see errands.c */
    struct store_db *node;
    struct store_stats gone; /* what was counted in databases that are deleted */
    atomic_bool news;        /* a writer has some; the writers set it, store_collect() clears */
};

struct store_db {
    struct store *store;
    struct list link; /* in store->databases */
    char *name;       /* for the log: the virtual host's, or "node" */
    struct database database;
    struct writer writer;
    struct reader reader;
    struct lane_ids lane_ids;
    struct list queries; /* struct store_query.link: those that are not done with */
    struct batch *open;  /* being appended to; never NULL */
    struct batch *given; /* with the writer, or NULL */
    struct batch *spare; /* empty memory for the next one, or NULL */
    bool flushed;        /* a turn has ended since the last append */
    uint64_t last;       /* sequence numbers */
    uint64_t durable;
    uint64_t batches;
    uint64_t cancelled; /* in batches that came back */
    enum err status;    /* the writer's, as of the last store_collect() */
    char message[DATABASE_MESSAGE_SIZE];
    struct writer_stats stats;
};

/* A database comes by open() and enter(), and goes by leave(), shut() and free(). What waits for the disk
 * is any thread's: open(), when the database is nobody's yet, and shut(), when it is nobody's any more. */
enum err store_db_open(struct store *store, enum schema_database kind, struct slice name,
                       const char *path, struct store_db **db, char *message,
                       size_t message_size) MUST_USE;
/* Into the store's list. */
void store_db_enter(struct store_db *db);
/* Out of it; its queries are given up. */
void store_db_leave(struct store_db *db);
/* Writes out what is pending and closes, or, with `crash`, closes as it is. An error is the disk's that did
 * not let it. */
enum err store_db_shut(struct store_db *db, bool crash) MUST_USE;
/* Releases what was borrowed. */
void store_db_free(struct store_db *db);

/* For other threads: store_collect() has something to do. The context is the store. */
void store_note_news(void *context);

/* The moment of the queries that ask for one: no batch is with the writer. */
void query_serve(struct store_db *db);
/* Takes back those that are done. */
void query_reap(struct store_db *db);
/* Gives all up, before the database goes. */
void query_end_all(struct store_db *db);
/* Manual mode: does what a query's thread would; false when there was nothing to do. */
bool query_step(struct store_db *db);

/* Logs it when messages could not be read back. */
void store_db_note_read(struct store_db *db, enum err error);

/* Before a database is deleted: what it counted stays counted. */
void store_note_gone(struct store_db *db);

#endif
