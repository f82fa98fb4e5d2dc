/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints and incremental vacuum.
 *
 * (1) The WAL is copied back when it passes a bound that depends on how busy the writer is; when it
 *     has been quiet for a while, always, and its file is cut to nothing.
 * (2) Free pages are given back to the disk: when it is quiet, once they are more than half of the
 *     file (while a backlog drains, its pages would be moved only to be freed a moment later); when
 *     idle, all but FREE_PAGES_KEPT, which the next backlog will want.
 * (3) A step that fails is not tried again before the next batch: the disk's trouble will show there.
 *     Another process reading the database may make a checkpoint incomplete, which is no failure.
 */
#include "storage/maintain.h"

#define WAL_PAGES_BUSY 4096 /* 32 MiB; the WAL may grow by one batch beyond it */
#define WAL_PAGES_QUIET 1024
#define FREE_PAGES_KEPT 512 /* 4 MiB */

static int wal_bound(enum maintain_load load)
{
    switch (load) {
    case MAINTAIN_BUSY:
        return WAL_PAGES_BUSY;
    case MAINTAIN_QUIET:
        return WAL_PAGES_QUIET;
    case MAINTAIN_IDLE:
        return 1;
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

/* A reader in another process may hold it back: then it is as good as done for now. */
static int checkpoint(struct database *database, int mode)
{
    int result = sqlite3_wal_checkpoint_v2(database->sql, NULL, mode, NULL, NULL);
    database->wal_pages = 0;
    if (mode == SQLITE_CHECKPOINT_TRUNCATE)
        database->wal_file = false;
    return (result & 0xff) == SQLITE_BUSY ? SQLITE_OK : result;
}

static int step(struct database *database, enum maintain_load load)
{
    if (database->wal_pages >= wal_bound(load))
        return checkpoint(database, SQLITE_CHECKPOINT_PASSIVE);
    if (may_shrink(database, load))
        return database_run_id(database, STATEMENT_GIVE_BACK);
    if (load == MAINTAIN_IDLE && database->wal_file)
        return checkpoint(database, SQLITE_CHECKPOINT_TRUNCATE);
    return SQLITE_OK;
}

bool maintain_step(struct database *database, enum maintain_load load)
{
    if (database->in_memory)
        return false;
    bool failed = step(database, load) != SQLITE_OK;
    return !failed && (database->wal_pages >= wal_bound(load) || may_shrink(database, load) ||
                       (load == MAINTAIN_IDLE && database->wal_file));
}
