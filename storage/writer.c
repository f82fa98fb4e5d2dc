/* SPDX-License-Identifier: Apache-2.0 */
/* The writer and its thread.
 *
 * (1) wake() is called without the lock, after the news is there.
 * (2) While the disk refuses, the batch stays and is tried every RETRY_MS; once it goes through, the
 *     status is ERR_OK again by itself.
 * (3) Maintenance happens between batches, and only after the batch before was reported.
 */
#include "storage/writer.h"

#include "storage/maintain.h"
#include "storage/thread.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

/* SQLite's statements are prepared; stepping them needs little. */
#define STACK_BYTES ((size_t)256 * 1024)
#define RETRY_MS 1000
#define IDLE_MS 200          /* without a batch for so long, maintenance does all there is to do */
#define MAINTAIN_NS 20000000 /* under load, maintenance and sizes come that often at most */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void lock(struct writer *writer)
{
    CHECK(pthread_mutex_lock(&writer->lock) == 0);
}

static void unlock(struct writer *writer)
{
    CHECK(pthread_mutex_unlock(&writer->lock) == 0);
}

/* Waits with the lock held; returns false when the time is over. */
static bool wait_ms(struct writer *writer, uint64_t ms)
{
    uint64_t until = now_ns() + ms * 1000000u;
    struct timespec deadline = {.tv_sec = (time_t)(until / 1000000000u),
                                .tv_nsec = (long)(until % 1000000000u)};
    int result = pthread_cond_timedwait(&writer->changed, &writer->lock, &deadline);
    CHECK(result == 0 || result == ETIMEDOUT);
    return result == 0;
}

static void tell(struct writer *writer)
{
    if (writer->wake)
        writer->wake(writer->wake_context);
}

/* -- one batch -- */

static void measure(struct database *database, struct writer_stats *stats)
{
    database_size(database, &stats->file_bytes, &stats->free_bytes);
}

/* ERR_CORRUPT and the like are the disk's failures too, once the database is open. */
static enum err status_of(int result)
{
    enum err error = database_error(result);
    return error == ERR_OK || error == ERR_NO_SPACE ? error : ERR_IO;
}

/* The attempt's outcome becomes the writer's state. */
static void report(struct writer *writer, int result, const struct writer_stats *stats)
{
    lock(writer);
    writer->status = status_of(result);
    writer->state = result == SQLITE_OK ? WRITER_DONE : WRITER_WAITING;
    snprintf(writer->message, sizeof(writer->message), "%s",
             result == SQLITE_OK ? "" : writer->database->message);
    writer->stats = *stats;
    writer->news = true;
    unlock(writer);
    tell(writer);
}

static bool attempt(struct writer *writer)
{
    struct writer_stats stats = writer->stats; /* sizes are measured off the way of the confirms */
    size_t operations = writer->batch->live;
    uint64_t begun = now_ns();
    int result = apply_batch(&writer->apply, writer->database, writer->batch);
    if (result == SQLITE_OK) {
        histogram_note(&stats.commits, &STORE_COMMIT_BOUNDS, now_ns() - begun);
        histogram_note(&stats.batch_operations, &STORE_BATCH_BOUNDS, operations);
    }
    report(writer, result, &stats);
    return result == SQLITE_OK;
}

/* -- the thread -- */

/* One step of maintenance, without the lock; false when it was the last at that load. */
static bool maintain(struct writer *writer, enum maintain_load load)
{
    struct database *database = writer->database;
    bool more = maintain_step(database, load);
    if (database->cleaned.count == 0 && more)
        return true;
    struct writer_stats stats = writer->stats;
    measure(database, &stats);
    bool cleaned = database->cleaned.count > 0;
    lock(writer);
    writer->stats = stats;
    writer->news = writer->news || cleaned;
    lane_list_move(&writer->cleaned, &database->cleaned);
    unlock(writer);
    if (cleaned)
        tell(writer);
    return more;
}

/* Between two batches maintenance need not come each time: asking for sizes takes locks of the file,
 * and batches can be a hundred microseconds apart. */
static bool maintenance_due(struct writer *writer)
{
    uint64_t now = now_ns();
    if (now - writer->maintained_ns < MAINTAIN_NS)
        return false;
    writer->maintained_ns = now;
    return true;
}

/* Until there is a batch to write, with maintenance meanwhile; false when it is time to end. */
static bool await_batch(struct writer *writer)
{
    bool idle = false;
    bool more = true;
    lock(writer);
    while (writer->state != WRITER_WRITING && !writer->stopping) {
        if (!more && writer->database->unfinished) {
            more = !wait_ms(writer, RETRY_MS);
        } else if (!more) {
            CHECK(pthread_cond_wait(&writer->changed, &writer->lock) == 0);
        } else if (!idle) {
            idle = !wait_ms(writer, IDLE_MS);
        } else {
            unlock(writer);
            more = maintain(writer, MAINTAIN_IDLE);
            lock(writer);
        }
    }
    bool found = writer->state == WRITER_WRITING && !writer->crashing;
    unlock(writer);
    return found;
}

/* After a refusal; false when it's time to give up. */
static bool await_retry(struct writer *writer)
{
    lock(writer);
    bool waiting = true;
    while (waiting && !writer->stopping)
        waiting = wait_ms(writer, RETRY_MS);
    bool again = !writer->stopping;
    unlock(writer);
    return again;
}

static void *run(void *context)
{
    struct writer *writer = context;
    while (await_batch(writer)) {
        bool written = attempt(writer);
        while (!written && await_retry(writer))
            written = attempt(writer);
        if (!written)
            break;
        lock(writer);
        bool busy = writer->state == WRITER_WRITING;
        unlock(writer);
        if (maintenance_due(writer))
            maintain(writer, busy ? MAINTAIN_BUSY : MAINTAIN_QUIET);
    }
    return NULL;
}

static void start(struct writer *writer)
{
    int result = thread_start(&writer->thread, STACK_BYTES, run, writer);
    if (result != 0)
        check_panic("can't start a writer thread: %s", strerror(result));
    writer->started = true;
}

/* -- the other side -- */

void writer_init(struct writer *writer, struct database *database, bool manual,
                 void (*wake)(void *context), void *wake_context)
{
    *writer = (struct writer){
        .database = database, .manual = manual, .wake = wake, .wake_context = wake_context};
    measure(database, &writer->stats);
    CHECK(pthread_mutex_init(&writer->lock, NULL) == 0);
    thread_condition_init(&writer->changed);
}

static void stop(struct writer *writer, bool crash)
{
    lock(writer);
    writer->stopping = true;
    writer->crashing = crash;
    CHECK(pthread_cond_signal(&writer->changed) == 0);
    unlock(writer);
    CHECK(pthread_join(writer->thread, NULL) == 0);
    writer->started = false;
}

/* What is left, on the caller's thread; the first refusal ends it. */
static void write_rest(struct writer *writer, struct batch *last)
{
    bool waiting = writer->state == WRITER_WRITING || writer->state == WRITER_WAITING;
    int result = SQLITE_OK;
    if (waiting)
        result = apply_batch(&writer->apply, writer->database, writer->batch);
    if (result == SQLITE_OK && last && last->live > 0)
        result = apply_batch(&writer->apply, writer->database, last);
    writer->status = status_of(result);
    if (result != SQLITE_OK)
        memcpy(writer->message, writer->database->message, sizeof(writer->message));
}

enum err writer_fini(struct writer *writer, struct batch *last, bool crash)
{
    if (writer->started)
        stop(writer, crash);
    if (!crash)
        write_rest(writer, last);
    apply_fini(&writer->apply);
    lane_list_fini(&writer->cleaned);
    CHECK(pthread_cond_destroy(&writer->changed) == 0);
    CHECK(pthread_mutex_destroy(&writer->lock) == 0);
    return writer->status;
}

void writer_give(struct writer *writer, struct batch *batch)
{
    bool content = batch->live > 0;
    lock(writer);
    CHECK(writer->state == WRITER_IDLE);
    writer->batch = batch;
    writer->state = content ? WRITER_WRITING : WRITER_DONE;
    writer->news = !content;
    if (content)
        CHECK(pthread_cond_signal(&writer->changed) == 0);
    unlock(writer);
    if (!content)
        tell(writer);
    else if (!writer->manual && !writer->started)
        start(writer);
}

bool writer_news(struct writer *writer, struct writer_news *news)
{
    lock(writer);
    bool found = writer->news;
    writer->news = false;
    *news = (struct writer_news){.status = writer->status, .stats = writer->stats};
    lane_list_move(&news->cleaned, &writer->cleaned);
    memcpy(news->message, writer->message, sizeof(news->message));
    if (writer->state == WRITER_DONE) {
        news->done = writer->batch;
        writer->batch = NULL;
        writer->state = WRITER_IDLE;
    }
    unlock(writer);
    CHECK(found || !news->done);
    return found;
}

bool writer_step(struct writer *writer)
{
    CHECK(writer->manual);
    if (writer->state != WRITER_WRITING)
        return false;
    if (attempt(writer))
        maintain(writer, MAINTAIN_QUIET);
    return true;
}

void writer_retry(struct writer *writer)
{
    CHECK(writer->manual);
    if (writer->state == WRITER_WAITING)
        writer->state = WRITER_WRITING;
}
