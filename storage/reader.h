/* SPDX-License-Identifier: Apache-2.0 */
/* The one who reads messages back while the broker runs: on a connection of its own, so that it sees
 * what is committed and never waits for the writer. A thread of its own, or, in manual mode,
 * reader_step() when it is called.
 *
 *   asked ── reader_ask() ──▶ requests ── the thread reads ──▶ answers ── reader_answer() ──▶ gone
 *
 * (1) The lists are under `lock`; a request that is being read is in neither.
 * (2) Connection and thread exist from the first request on: a database that is never paged costs
 *     none.
 * (3) A request that is cancelled is answered to nobody, wherever it is: even while its rows are
 *     being handed over, nothing follows.
 * (4) The database in `own` is the loop's thread's for reader_now(), the reader's else: `busy` says
 *     whose, under `lock`.
 * (5) The thread holds the answer of a read that failed back for a while, since who gets it will ask
 *     again: nobody hammers a disk in trouble.
 */
#ifndef STORAGE_READER_H
#define STORAGE_READER_H

#include "base/list.h"
#include "storage/database.h"
#include "storage/store.h"

#include <pthread.h>

typedef void reader_each(void *context, const struct store_message *message);

struct reader {
    struct database *main; /* the writer's; read through when the database is in memory */
    const char *vfs;       /* the store's */
    bool manual;
    void (*wake)(void *context);
    void *wake_context;

    struct database own; /* opened with the first request; own.sql is NULL before */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    bool busy;            /* somebody reads */
    struct list requests; /* struct request */
    struct list answers;
    struct request *reading;
    struct request *handed_over; /* the loop's thread's: its rows are on their way to their owner */
};

void reader_init(struct reader *reader, struct database *main, const char *vfs, bool manual,
                 void (*wake)(void *context), void *wake_context);
/* Ends the thread; what is asked or answered is forgotten. */
void reader_fini(struct reader *reader);

void reader_ask(struct reader *reader, const struct store_page *page);
void reader_cancel(struct reader *reader, const void *context);
/* Hands over one answer: its messages to `each`, then its end to `end`; false when there is none.
 * `*error` is how the read went. */
bool reader_answer(struct reader *reader, reader_each *each,
                   void (*end)(void *context, enum err error), enum err *error);
/* Reads on the caller's thread. */
enum err reader_now(struct reader *reader, const struct store_page *page,
                    reader_each *each) MUST_USE;
/* Manual mode: reads for one request; false when there is none. */
bool reader_step(struct reader *reader);

#endif
