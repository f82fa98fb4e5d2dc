/* SPDX-License-Identifier: Apache-2.0 */
/* The few calls that all SQL goes through. Opening is in open.c.
 *
 * (1) A failure's text is taken at once, since the next call overwrites SQLite's.
 */
#include "storage/database.h"

#include "base/mem.h"

#include <stdio.h>

enum err database_error(int result)
{
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return ERR_OK;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return ERR_CORRUPT;
    case SQLITE_FULL:
        return ERR_NO_SPACE;
    case SQLITE_NOMEM:
        return ERR_NO_MEMORY;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    default:
        return ERR_IO;
    }
}

int database_note(struct database *database, int result)
{
    if (result == SQLITE_OK || result == SQLITE_ROW || result == SQLITE_DONE)
        return result;
    snprintf(database->message, sizeof(database->message), "%s (SQLite result %d)",
             database->sql ? sqlite3_errmsg(database->sql) : sqlite3_errstr(result), result);
    return result;
}

int database_step(struct database *database, sqlite3_stmt *statement)
{
    return database_note(database, sqlite3_step(statement));
}

int database_run(struct database *database, sqlite3_stmt *statement)
{
    int result;
    do
        result = sqlite3_step(statement);
    while (result == SQLITE_ROW);
    if (result == SQLITE_DONE)
        result = SQLITE_OK;
    database_note(database, result);
    sqlite3_reset(statement);
    return result;
}

int database_run_id(struct database *database, enum statement id)
{
    CHECK(database->statements[id]);
    return database_run(database, database->statements[id]);
}

int database_execute(struct database *database, const char *sql)
{
    return database_note(database, sqlite3_exec(database->sql, sql, NULL, NULL, NULL));
}

static int64_t first_integer(struct database *database, sqlite3_stmt *statement, int64_t fallback)
{
    int64_t value = fallback;
    if (database_step(database, statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return value;
}

int64_t database_integer_id(struct database *database, enum statement id, int64_t fallback)
{
    return first_integer(database, database->statements[id], fallback);
}

int64_t database_integer(struct database *database, const char *sql, int64_t fallback)
{
    sqlite3_stmt *statement = NULL;
    int64_t value = fallback;
    if (database_note(database, sqlite3_prepare_v2(database->sql, sql, -1, &statement, NULL)) ==
        SQLITE_OK)
        value = first_integer(database, statement, fallback);
    sqlite3_finalize(statement);
    return value;
}

int database_bind_text(sqlite3_stmt *statement, int index, struct slice text)
{
    return sqlite3_bind_text64(statement, index, text.len ? (const char *)text.data : "", text.len,
                               SQLITE_STATIC, SQLITE_UTF8);
}

int database_bind_blob(sqlite3_stmt *statement, int index, struct slice blob)
{
    return sqlite3_bind_blob64(statement, index, blob.len ? (const void *)blob.data : "", blob.len,
                               SQLITE_STATIC);
}

struct slice database_column(sqlite3_stmt *statement, int index)
{
    const void *data = sqlite3_column_blob(statement, index);
    return slice_of(data, (size_t)sqlite3_column_bytes(statement, index));
}

sqlite3_file *database_wal(struct database *database)
{
    sqlite3_file *wal = NULL;
    sqlite3_file_control(database->sql, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    return wal && wal->pMethods ? wal : NULL;
}

uint64_t database_wal_bytes(struct database *database)
{
    sqlite3_int64 bytes = 0;
    sqlite3_file *wal = database_wal(database);
    if (!wal || wal->pMethods->xFileSize(wal, &bytes) != SQLITE_OK)
        return 0;
    return (uint64_t)bytes;
}

void database_size(struct database *database, uint64_t *file_bytes, uint64_t *free_bytes)
{
    uint64_t page_bytes = (uint64_t)database_integer_id(database, STATEMENT_PAGE_BYTES, 0);
    uint64_t pages = (uint64_t)database_integer_id(database, STATEMENT_PAGES, 0);
    uint64_t free_pages = (uint64_t)database_integer_id(database, STATEMENT_FREE_PAGES, 0);
    *file_bytes = pages * page_bytes + database_wal_bytes(database);
    *free_bytes = free_pages * page_bytes;
}

void database_checkpoint_on_close(struct database *database, bool on)
{
    sqlite3_db_config(database->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, on ? 0 : 1, NULL);
}

void database_close(struct database *database, bool crash)
{
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(database->statements[i]);
    for (size_t i = 0; i < STORE_RECORD_KINDS; i++) {
        sqlite3_finalize(database->puts[i]);
        sqlite3_finalize(database->removes[i]);
    }
    if (database->sql)
        database_checkpoint_on_close(database, !crash);
    int result = sqlite3_close(database->sql);
    CHECK(result == SQLITE_OK); /* SQLITE_BUSY: a statement was not finalised */
    buf_fini(&database->json);
    lane_list_fini(&database->dropped);
    lane_list_fini(&database->cleaned);
    mem_free(database->path);
    *database = (struct database){0};
}
