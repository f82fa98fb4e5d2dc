/* SPDX-License-Identifier: Apache-2.0 */
/* The one who writes a database: takes whole batches, one at a time, and gives them back when they
 * are on the disk. A thread of its own, or, in manual mode, writer_step() when it is called.
 *
 *              writer_give()               apply_batch() succeeds           writer_take()
 *   IDLE ────────────────────▶ WRITING ──────────────────────────▶ DONE ────────────────▶ IDLE
 *                               │    ▲
 *          apply_batch() fails  ▼    │ a second later, or writer_retry()
 *                               WAITING
 *
 * (1) The state, the batch, status and stats are under `lock`; while WRITING the batch and the
 *     database are the writer's alone.
 * (2) The thread starts with the first batch that has something to write, so a database that is
 *     only read costs none.
 */
#ifndef STORAGE_WRITER_H
#define STORAGE_WRITER_H

#include "storage/apply.h"

#include <pthread.h>

enum writer_state {
    WRITER_IDLE,
    WRITER_WRITING, /* given to it */
    WRITER_WAITING, /* the disk refused; to be tried again */
    WRITER_DONE,
};

struct writer_stats {
    uint64_t file_bytes;               /* the database and its WAL */
    uint64_t free_bytes;               /* in the database */
    struct histogram commits;          /* nanoseconds, by STORE_COMMIT_BOUNDS */
    struct histogram batch_operations; /* by STORE_BATCH_BOUNDS */
};

struct writer {
    struct database *database;
    bool manual;
    void (*wake)(void *context); /* after news; on the writer's thread or in writer_give() */
    void *wake_context;

    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping; /* to end as soon as nothing waits, or the disk refuses */
    bool crashing; /* to end now */
    enum writer_state state;
    struct batch *batch; /* unless IDLE */
    enum err status;
    char message[DATABASE_MESSAGE_SIZE];
    struct lane_list cleaned; /* numbers of deleted lanes that are free again */
    bool news;                /* something for writer_news() */
    struct writer_stats stats;

    struct apply apply;     /* the writing side's own, as is the next */
    uint64_t maintained_ns; /* when maintenance ran last */
};

struct writer_news {
    struct batch *done; /* the caller's now; or NULL */
    enum err status;
    char message[DATABASE_MESSAGE_SIZE];
    struct writer_stats stats;
    struct lane_list cleaned; /* the caller's now */
};

void writer_init(struct writer *writer, struct database *database, bool manual,
                 void (*wake)(void *context), void *wake_context);
/* Ends the thread and frees all but the batches, which are the caller's again. With `crash` at once;
 * else writes what is with it and then `last` (may be NULL), until the disk refuses. Returns the
 * status at the end; the text is in writer->message. */
enum err writer_fini(struct writer *writer, struct batch *last, bool crash);

/* Hands a batch over; the writer must be idle. One without content is done at once. */
void writer_give(struct writer *writer, struct batch *batch);
/* What is new since the last call; false when nothing is. */
bool writer_news(struct writer *writer, struct writer_news *news);
/* Manual mode: one attempt at the batch that was given; false when there is none. */
bool writer_step(struct writer *writer);
/* Manual mode: the next writer_step() may try a refused batch again. */
void writer_retry(struct writer *writer);

#endif
