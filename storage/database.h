/* SPDX-License-Identifier: Apache-2.0 */
/* One open SQLite database with its prepared statements: the layer that knows SQLite's API.
 *
 * (1) A database is one thread's at a time: who opens it, then the loop's until its writer starts, then
 *     the writer's.
 * (2) Every step's result is checked; the first failure's text is in `message` until the next one.
 */
#ifndef STORAGE_DATABASE_H
#define STORAGE_DATABASE_H

#include "storage/lane_ids.h"
#include "storage/schema.h"

#include <sqlite3.h>

#define DATABASE_MESSAGE_SIZE 256
#define DATABASE_BUSY_TIMEOUT_MS 5000 /* for an operator's own transaction in the sqlite3 shell */

enum statement {
#define X(name, database, sql) STATEMENT_##name,
#include "storage/statements.def"
#undef X
    STATEMENTS
};

struct database {
    sqlite3 *sql;
    enum schema_database kind;
    bool in_memory;
    bool created; /* there was nothing before it was opened */
    char *path;
    sqlite3_stmt *statements[STATEMENTS]; /* NULL where the statement is not for this kind */
    sqlite3_stmt *puts[STORE_RECORD_KINDS];
    sqlite3_stmt *removes[STORE_RECORD_KINDS];
    struct buf json;       /* for the columns beside tables */
    int64_t deleted_bytes; /* bodies that MESSAGE_DELETE removed since it was last set to 0 */
    bool unfinished;       /* the last step of maintenance was refused, or held back by a reader */
    int wal_pages;         /* in the WAL and not yet checkpointed */
    /* Lanes that are deleted and whose messages go little by little (maintain.c), and those of them
     * whose messages are all gone, until the writer reports them. */
    struct lane_list dropped;
    struct lane_list cleaned;
    char message[DATABASE_MESSAGE_SIZE];
};

/* Opens or creates `path` (":memory:" for none); `name` is what the meta table must say. When it
 * fails the database is closed and `message` tells the operator what to do. */
enum err database_open(struct database *database, enum schema_database kind, const char *path,
                       const char *vfs, struct slice name, char *message,
                       size_t message_size) MUST_USE;
/* Checkpoints and closes, or, with `crash`, leaves the files as they are. */
void database_close(struct database *database, bool crash);

/* The text of a statement, for a connection that needs just a few. */
const char *database_sql(enum statement id);

/* Whether a close copies the WAL back. Off until the file is known to be ours. */
void database_checkpoint_on_close(struct database *database, bool on);

/* Notes a failure's text in `message`; returns the result as it is. */
int database_note(struct database *database, int result);
/* Steps a bound statement to its end and resets it: an SQLite result, SQLITE_OK when done. */
int database_run(struct database *database, sqlite3_stmt *statement) MUST_USE;
int database_run_id(struct database *database, enum statement id) MUST_USE;
/* Runs SQL text that is used once. */
int database_execute(struct database *database, const char *sql) MUST_USE;
/* Steps for rows: SQLITE_ROW, SQLITE_DONE or a failure (noted in `message`); the caller resets. */
int database_step(struct database *database, sqlite3_stmt *statement) MUST_USE;
/* The first column of the first row; `fallback` when it fails or there is none. */
int64_t database_integer(struct database *database, const char *sql, int64_t fallback);
int64_t database_integer_id(struct database *database, enum statement id, int64_t fallback);

/* The WAL's file, NULL when there is none, and its length. */
sqlite3_file *database_wal(struct database *database);
uint64_t database_wal_bytes(struct database *database);
/* Bytes of the database and its WAL, and of the free pages inside; 0 where it can't be told. */
void database_size(struct database *database, uint64_t *file_bytes, uint64_t *free_bytes);

/* What an SQLite result means to the operator. */
enum err database_error(int result);

/* Binding, from 1. Text that is empty is '', never NULL. The bytes are borrowed. */
int database_bind_text(sqlite3_stmt *statement, int index, struct slice text) MUST_USE;
int database_bind_blob(sqlite3_stmt *statement, int index, struct slice blob) MUST_USE;
/* Columns, from 0; valid until the statement's next step. */
struct slice database_column(sqlite3_stmt *statement, int index);

#endif
