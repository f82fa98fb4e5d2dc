/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints and incremental vacuum.
 *
 * (1) The WAL is copied back when it passes a bound that depends on how busy the writer is; when it
 *     has been quiet for a while, always, and its file is cut to nothing.
 * (2) Free pages beyond FREE_PAGES_KEPT are given back. What stays is for the next backlog, since
 *     growing and shrinking the file at every wave would cost more than it saves.
 * (3) A step that fails is not tried again before the next batch: the disk's trouble will show there.
 *     Another process reading the database may make a checkpoint incomplete, which is no failure.
 */
#include "storage/maintain.h"

#define WAL_PAGES_BUSY 4096 /* 16 MiB of 4 KiB pages; the WAL may grow by one batch beyond it */
#define WAL_PAGES_QUIET 1024
#define FREE_PAGES_KEPT 1024 /* 4 MiB */

static int wal_bound(enum maintain_load load)
{
    switch (load) {
    case MAINTAIN_BUSY: return WAL_PAGES_BUSY;
    case MAINTAIN_QUIET: return WAL_PAGES_QUIET;
    case MAINTAIN_IDLE: return 1;
    }
    UNREACHABLE();
}

static int64_t free_pages_extra(struct database *database)
{
    return database_integer_id(database, STATEMENT_FREE_PAGES, 0) - FREE_PAGES_KEPT;
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
    if (load != MAINTAIN_BUSY && free_pages_extra(database) > 0)
        return database_run_id(database, STATEMENT_GIVE_BACK);
    if (load == MAINTAIN_IDLE && database->wal_file)
        return checkpoint(database, SQLITE_CHECKPOINT_TRUNCATE);
    return SQLITE_OK;
}

bool maintain_step(struct database *database, enum maintain_load load)
{
    if (database->in_memory)
        return false;
    database->maintenance_failed = step(database, load) != SQLITE_OK;
    if (database->maintenance_failed || load == MAINTAIN_BUSY)
        return false;
    return load == MAINTAIN_IDLE ? maintain_wanted(database)
                                 : database->wal_pages >= wal_bound(load) ||
                                       free_pages_extra(database) > 0;
}

bool maintain_wanted(struct database *database)
{
    if (database->in_memory || database->maintenance_failed)
        return false;
    return database->wal_pages > 0 || database->wal_file || free_pages_extra(database) > 0;
}
