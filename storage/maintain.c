/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints, incremental vacuum, and the messages of big lanes that were deleted.
 *
 * (1) The WAL is copied back when it passes a bound that depends on how busy the writer is. Its file is
 *     kept, and written from its start again: to sync blocks that are there already takes the disk a
 *     fraction of the time that new ones take. Only a file beyond WAL_BYTES_KEPT is cut, when idle.
 * (2) Free pages are given back to the disk: when it is quiet, once they are more than half of the
 *     file (while a backlog drains, its pages would be moved only to be freed a moment later); when
 *     idle, all but FREE_PAGES_KEPT, which the next backlog will want.
 * (3) A step that fails is not tried again before the next batch, or when idle after a pause: the
 *     disk's trouble will show there. A reader may make a checkpoint incomplete: that is no failure, but
 *     something to come back to.
 * (4) A lane's number is reported as cleaned, and so used again, only when none of its messages is left.
 */
#include "storage/maintain.h"

#define WAL_PAGES_BUSY 4096 /* 32 MiB; the WAL may grow by one batch beyond it */
#define WAL_PAGES_QUIET 1024
#define WAL_PAGES_IDLE 128
#define WAL_BYTES_KEPT (9u << 20) /* a little more than WAL_PAGES_QUIET */
#define FREE_PAGES_KEPT 512       /* 4 MiB */
#define REMOVE_BUSY 200 /* messages of a dropped lane in one step: a fraction of a millisecond… */
#define REMOVE_QUIET 2000 /* …or a few */

static int wal_bound(enum maintain_load load)
{
    switch (load) {
    case MAINTAIN_BUSY:
        return WAL_PAGES_BUSY;
    case MAINTAIN_QUIET:
        return WAL_PAGES_QUIET;
    case MAINTAIN_IDLE:
        return WAL_PAGES_IDLE;
    }
    UNREACHABLE();
}

static bool may_shrink(struct database *database, enum maintain_load load)
{
    int64_t pages = database_integer_id(database, STATEMENT_FREE_PAGES, 0);
    if (load == MAINTAIN_BUSY || pages <= FREE_PAGES_KEPT)
        return false;
    return load == MAINTAIN_IDLE || pages > database_integer_id(database, STATEMENT_PAGES, 0) / 2;
}

/* A reader may hold it back: that is not waited for, since a batch may come any moment. */
static int checkpoint(struct database *database, int mode)
{
    sqlite3_busy_timeout(database->sql, 0);
    int in_wal = 0;
    int copied = 0;
    int result = sqlite3_wal_checkpoint_v2(database->sql, NULL, mode, &in_wal, &copied);
    database->unfinished = result != SQLITE_OK || copied < in_wal;
    sqlite3_busy_timeout(database->sql, DATABASE_BUSY_TIMEOUT_MS);
    if (!database->unfinished)
        database->wal_pages = 0;
    return result;
}

static bool may_cut_wal(struct database *database, enum maintain_load load)
{
    return load == MAINTAIN_IDLE && database_wal_bytes(database) > WAL_BYTES_KEPT;
}

/* The rowid of the message so many after the lane's first; its highest possible one when there are
 * fewer, and `*end` is set then. */
static int some_messages(struct database *database, uint32_t lane, int64_t count, int64_t *last,
                         bool *end)
{
    sqlite3_stmt *statement = database->statements[STATEMENT_MESSAGES_SOME];
    int64_t first = (int64_t)((uint64_t)lane << SCHEMA_POSITION_BITS);
    *last = first + (int64_t)STORE_POSITION_MAX;
    int result = sqlite3_bind_int64(statement, 1, first);
    if (result == SQLITE_OK)
        result = sqlite3_bind_int64(statement, 2, *last);
    if (result == SQLITE_OK)
        result = sqlite3_bind_int64(statement, 3, count);
    if (result == SQLITE_OK)
        result = database_step(database, statement);
    *end = result == SQLITE_DONE;
    if (result == SQLITE_ROW)
        *last = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    if (*last < first)
        return SQLITE_CORRUPT; /* a damaged b-tree: nothing would ever be removed */
    return result == SQLITE_ROW || result == SQLITE_DONE ? SQLITE_OK : result;
}

static int remove_dropped(struct database *database, int64_t count)
{
    sqlite3_stmt *statement = database->statements[STATEMENT_MESSAGES_DELETE_KNOWN];
    uint32_t lane = database->dropped.ids[database->dropped.count - 1];
    int64_t last = 0;
    bool end = false;
    int result = some_messages(database, lane, count, &last, &end);
    if (result == SQLITE_OK)
        result =
            sqlite3_bind_int64(statement, 1, (int64_t)((uint64_t)lane << SCHEMA_POSITION_BITS));
    if (result == SQLITE_OK)
        result = sqlite3_bind_int64(statement, 2, last);
    if (result == SQLITE_OK)
        result = database_run(database, statement);
    if (result == SQLITE_OK && end) {
        database->dropped.count--;
        lane_list_add(&database->cleaned, lane);
    }
    return result;
}

static int step(struct database *database, enum maintain_load load)
{
    if (database->wal_pages >= wal_bound(load))
        return checkpoint(database, SQLITE_CHECKPOINT_PASSIVE);
    if (database->dropped.count > 0)
        return remove_dropped(database, load == MAINTAIN_BUSY ? REMOVE_BUSY : REMOVE_QUIET);
    if (may_shrink(database, load))
        return database_run_id(database, STATEMENT_GIVE_BACK);
    if (may_cut_wal(database, load))
        return checkpoint(database, SQLITE_CHECKPOINT_TRUNCATE);
    return SQLITE_OK;
}

static bool more_to_do(struct database *database, enum maintain_load load)
{
    return database->dropped.count > 0 || database->wal_pages >= wal_bound(load) ||
           may_shrink(database, load) || may_cut_wal(database, load);
}

bool maintain_step(struct database *database, enum maintain_load load)
{
    if (database->in_memory)
        return false;
    database->unfinished = false;
    bool failed = step(database, load) != SQLITE_OK;
    database->unfinished = database->unfinished || failed;
    bool more = !database->unfinished && more_to_do(database, load);
    if (load == MAINTAIN_IDLE && !more)
        sqlite3_db_release_memory(database->sql); /* the page cache is for busy times */
    return more;
}
