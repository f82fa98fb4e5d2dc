/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and checking a database.
 *
 * Opening changes nothing before it knows the file to be ours (or empty):
 *   (1) connect, with the checkpoint on close switched off;
 *   (2) identify(): application id, version, schema; a stranger, a newer or a damaged file ends here;
 *   (3) create() when it is empty: WAL first, then all of the schema in one transaction, so that a
 *       crash leaves either an empty database or a whole one;
 *   (4) settle(): WAL, synchronous=FULL;
 *   (5) verify(): every object's CREATE text, the name inside, the small tables' pages. Never a walk
 *       over `messages`.
 */
#include "storage/database.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

/* No automatic checkpoints: storage/maintain.c does them outside of commits. */
static const char settle_sql[] = "PRAGMA synchronous = FULL;"
                                 "PRAGMA wal_autocheckpoint = 0;"
                                 "PRAGMA journal_size_limit = 33554432;"
                                 "PRAGMA cache_size = -8192;"
                                 "PRAGMA temp_store = MEMORY;";

static const struct {
    const char *kind;
    const char *sql;
} statements[] = {
#define X(name, kind, sql) [STATEMENT_##name] = {#kind, sql},
#include "storage/statements.def"
#undef X
};

/* What database_open() is about, for the functions it consists of. */
struct opening {
    struct database *database;
    struct slice name;
    bool fresh; /* nothing in it yet */
    char *message;
    size_t message_size;
};

/* -- the connection -- */

static void count_deleted(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct database *database = sqlite3_user_data(context);
    CHECK(count == 1);
    database->deleted_bytes += sqlite3_value_int64(values[0]);
    sqlite3_result_int(context, 1);
}

static int note_wal(void *context, sqlite3 *sql, const char *name, int pages)
{
    struct database *database = context;
    (void)sql;
    (void)name;
    database->wal_pages = pages;
    return SQLITE_OK;
}

static int connect_sql(struct database *database, const char *vfs)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE;
    int result = sqlite3_open_v2(database->path, &database->sql, flags, vfs);
    if (result != SQLITE_OK)
        return database_note(database, result);
    database_checkpoint_on_close(database, false);
    sqlite3_db_config(database->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(database->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_busy_timeout(database->sql, DATABASE_BUSY_TIMEOUT_MS);
    return database_note(database,
                         sqlite3_create_function_v2(database->sql, "bilby_deleted", 1,
                                                    SQLITE_UTF8 | SQLITE_DIRECTONLY, database,
                                                    count_deleted, NULL, NULL, NULL));
}

/* -- what the operator is told -- */

static enum err fail(struct opening *opening, enum err error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum err fail(struct opening *opening, enum err error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(opening->message, opening->message_size, format, arguments);
    va_end(arguments);
    return error;
}

static enum err fail_damaged(struct opening *opening, const char *what)
{
    return fail(opening, ERR_CORRUPT,
                "%s is damaged: %s. Nothing was changed. Restore the file from a backup, or save "
                "what is readable with `sqlite3 FILE .recover`, or, to give its content up, move "
                "it away together with its -wal and -shm files",
                opening->database->path, what);
}

static enum err fail_result(struct opening *opening, int result)
{
    struct database *database = opening->database;
    enum err error = database_error(result);
    switch (error) {
    case ERR_CORRUPT:
        return fail_damaged(opening, database->message);
    case ERR_NO_SPACE:
        return fail(opening, error,
                    "no space left on the disk for %s: %s. Make room and start "
                    "again",
                    database->path, database->message);
    case ERR_BUSY:
        return fail(opening, error,
                    "%s is locked by another process: %s. Close other programs "
                    "that have it open (such as a sqlite3 shell with an open transaction)",
                    database->path, database->message);
    case ERR_OK:
    case ERR_NO_MEMORY:
    case ERR_LIMIT:
    case ERR_SYNTAX:
    case ERR_TRUNCATED:
    case ERR_NOT_FOUND:
    case ERR_EXISTS:
    case ERR_INVALID:
    case ERR_IO:
    case ERR_VERSION:
    case ERR_REFUSED:
        break;
    }
    return fail(opening, error,
                "can't open %s: %s. Check that the directory and its files belong "
                "to the user the broker runs as, and the disk's health",
                database->path, database->message);
}

/* -- the steps of opening -- */

/* Reads one number of the file's head. */
static enum err read_number(struct opening *opening, const char *sql, int64_t *value)
{
    struct database *database = opening->database;
    database->message[0] = '\0';
    *value = database_integer(database, sql, -1);
    int result = sqlite3_errcode(database->sql);
    if (database->message[0])
        return fail_result(opening, sqlite3_extended_errcode(database->sql));
    CHECK(result == SQLITE_OK || result == SQLITE_ROW || result == SQLITE_DONE);
    return ERR_OK;
}

static enum err identify(struct opening *opening)
{
    int64_t application = 0;
    int64_t version = 0;
    int64_t objects = 0;
    enum err error = read_number(opening, "PRAGMA application_id", &application);
    if (error == ERR_OK)
        error = read_number(opening, "PRAGMA user_version", &version);
    if (error == ERR_OK)
        error = read_number(opening, "SELECT count(*) FROM sqlite_schema", &objects);
    if (error != ERR_OK)
        return error;
    opening->fresh = application == 0 && version == 0 && objects == 0;
    if (opening->fresh)
        return ERR_OK;
    if (application != SCHEMA_APPLICATION_ID)
        return fail(opening, ERR_CORRUPT,
                    "%s is an SQLite database, but not one of Bilby's. Nothing was changed. Move "
                    "it away, or choose another data directory",
                    opening->database->path);
    if (version > SCHEMA_VERSION)
        return fail(opening, ERR_VERSION,
                    "%s was written by a newer version of Bilby (its format is %lld, this program "
                    "knows up to %d). Nothing was changed. Start the newer version, or restore a "
                    "backup made before the upgrade",
                    opening->database->path, (long long)version, SCHEMA_VERSION);
    if (version < 1)
        return fail_damaged(opening, "its format version is missing");
    if (version < SCHEMA_VERSION)
        return fail(opening, ERR_VERSION,
                    "%s was written by a development version of Bilby (its format is %lld, this "
                    "program reads %d). Nothing was changed. Export the definitions with that "
                    "version and import them here into an empty data directory",
                    opening->database->path, (long long)version, SCHEMA_VERSION);
    return ERR_OK;
}

static bool create_object(void *context, const char *name, const char *sql)
{
    (void)name;
    struct database *database = context;
    return database_execute(database, sql) == SQLITE_OK;
}

static int insert_meta(struct database *database, const char *name, struct slice value)
{
    sqlite3_stmt *insert = NULL;
    int result = sqlite3_prepare_v2(database->sql, "INSERT INTO meta (name, value) VALUES (?, ?)",
                                    -1, &insert, NULL);
    if (result == SQLITE_OK)
        result = database_bind_text(insert, 1, slice_str(name));
    if (result == SQLITE_OK)
        result = database_bind_text(insert, 2, value);
    if (result == SQLITE_OK)
        result = database_run(database, insert);
    else
        database_note(database, result);
    sqlite3_finalize(insert);
    return result;
}

static int create_content(struct opening *opening)
{
    struct database *database = opening->database;
    char head[128];
    if (!schema_each(database->kind, create_object, database))
        return sqlite3_extended_errcode(database->sql);
    snprintf(head, sizeof(head), "PRAGMA application_id = %d; PRAGMA user_version = %d",
             SCHEMA_APPLICATION_ID, SCHEMA_VERSION);
    int result = database_execute(database, head);
    if (result == SQLITE_OK)
        result = insert_meta(database, "kind", slice_str(schema_database_name(database->kind)));
    if (result == SQLITE_OK)
        result = insert_meta(database, "name", opening->name);
    return result;
}

static enum err create(struct opening *opening)
{
    struct database *database = opening->database;
    int result =
        database_execute(database, "PRAGMA page_size = 8192;" /* measured in docs/schema.md */
                                   "PRAGMA auto_vacuum = INCREMENTAL;"
                                   "PRAGMA journal_mode = WAL;"
                                   "PRAGMA synchronous = FULL;"
                                   "BEGIN IMMEDIATE");
    if (result == SQLITE_OK)
        result = create_content(opening);
    if (result == SQLITE_OK)
        result = database_execute(database, "COMMIT");
    return result == SQLITE_OK ? ERR_OK : fail_result(opening, result);
}

static enum err settle(struct opening *opening)
{
    struct database *database = opening->database;
    int result = database_execute(database, "PRAGMA journal_mode = WAL");
    if (result == SQLITE_OK)
        result = database_execute(database, settle_sql);
    if (result != SQLITE_OK)
        return fail_result(opening, result);
    sqlite3_wal_hook(database->sql, note_wal, database);
    database->wal_pages = 1; /* what an earlier run left there */
    return ERR_OK;
}

/* The text of one row and column, compared to what it should be. */
static int row_equals(struct database *database, const char *sql, const char *key,
                      struct slice expected, bool *equal)
{
    sqlite3_stmt *select = NULL;
    *equal = false;
    int result = database_note(database, sqlite3_prepare_v2(database->sql, sql, -1, &select, NULL));
    if (result == SQLITE_OK)
        result = database_note(database, database_bind_text(select, 1, slice_str(key)));
    if (result == SQLITE_OK)
        result = database_step(database, select);
    if (result == SQLITE_ROW)
        *equal = slice_equal(database_column(select, 0), expected);
    sqlite3_finalize(select);
    return result == SQLITE_ROW || result == SQLITE_DONE ? SQLITE_OK : result;
}

struct verification {
    struct opening *opening;
    enum err error;
};

/* The first finding: without the heading before it and without what comes after. */
static void first_finding(char *out, size_t size, const char *table, const char *text)
{
    const char *start = strncmp(text, "***", 3) == 0 ? strchr(text, '\n') : NULL;
    start = start ? start + 1 : text;
    snprintf(out, size, "table %s: %.*s", table, (int)strcspn(start, "\n"), start);
}

static enum err quick_check(struct opening *opening, const char *table)
{
    struct database *database = opening->database;
    char sql[96];
    char what[DATABASE_MESSAGE_SIZE];
    sqlite3_stmt *check = NULL;
    snprintf(sql, sizeof(sql), "PRAGMA quick_check('%s')", table);
    int result = database_note(database, sqlite3_prepare_v2(database->sql, sql, -1, &check, NULL));
    if (result == SQLITE_OK)
        result = database_step(database, check);
    const char *text = result == SQLITE_ROW ? (const char *)sqlite3_column_text(check, 0) : NULL;
    bool fine = text && strcmp(text, "ok") == 0;
    first_finding(what, sizeof(what), table, text ? text : "no result");
    sqlite3_finalize(check);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return fail_result(opening, result);
    return fine ? ERR_OK : fail_damaged(opening, what);
}

static bool verify_object(void *context, const char *name, const char *sql)
{
    struct verification *verification = context;
    struct opening *opening = verification->opening;
    bool equal = false;
    int result = row_equals(opening->database, "SELECT sql FROM sqlite_schema WHERE name = ?", name,
                            slice_str(sql), &equal);
    if (result != SQLITE_OK)
        verification->error = fail_result(opening, result);
    else if (!equal)
        verification->error = fail_damaged(opening, "its tables are not as this version made them");
    else if (strncmp(sql, "CREATE TABLE", 12) == 0 && strcmp(name, "messages") != 0)
        verification->error = quick_check(opening, name);
    return verification->error == ERR_OK;
}

static enum err verify_meta(struct opening *opening, const char *key, struct slice expected)
{
    bool equal = false;
    int result = row_equals(opening->database, "SELECT value FROM meta WHERE name = ?", key,
                            expected, &equal);
    if (result != SQLITE_OK)
        return fail_result(opening, result);
    return equal ? ERR_OK
                 : fail(opening, ERR_CORRUPT,
                        "%s belongs to another %s than its file name says. Nothing was changed. "
                        "Give it back the name it was created under",
                        opening->database->path,
                        opening->database->kind == SCHEMA_NODE ? "node" : "virtual host");
}

static enum err verify(struct opening *opening)
{
    struct verification verification = {.opening = opening, .error = ERR_OK};
    enum err error;
    if (!schema_each(opening->database->kind, verify_object, &verification))
        return verification.error;
    error = verify_meta(opening, "kind", slice_str(schema_database_name(opening->database->kind)));
    return error == ERR_OK ? verify_meta(opening, "name", opening->name) : error;
}

const char *database_sql(enum statement id)
{
    CHECK(id < STATEMENTS);
    return statements[id].sql;
}

static int prepare_one(struct database *database, const char *sql, sqlite3_stmt **statement)
{
    return database_note(database, sqlite3_prepare_v3(database->sql, sql, -1,
                                                      SQLITE_PREPARE_PERSISTENT, statement, NULL));
}

static int prepare_records(struct database *database)
{
    struct buf sql = BUF_INIT;
    int result = SQLITE_OK;
    for (unsigned kind = 0; result == SQLITE_OK && kind < STORE_RECORD_KINDS; kind++) {
        const struct schema_record *record = schema_record((enum store_record_kind)kind);
        if (record->database != database->kind)
            continue;
        schema_record_put_sql(&sql, record);
        result = prepare_one(database, buf_cstr(&sql), &database->puts[kind]);
        schema_record_remove_sql(&sql, record);
        if (result == SQLITE_OK)
            result = prepare_one(database, buf_cstr(&sql), &database->removes[kind]);
    }
    buf_fini(&sql);
    return result;
}

static enum err prepare(struct opening *opening)
{
    struct database *database = opening->database;
    int result = SQLITE_OK;
    for (size_t i = 0; result == SQLITE_OK && i < STATEMENTS; i++)
        if (strcmp(statements[i].kind, "ANY") == 0 || database->kind == SCHEMA_VHOST)
            result = prepare_one(database, statements[i].sql, &database->statements[i]);
    if (result == SQLITE_OK)
        result = prepare_records(database);
    return result == SQLITE_OK ? ERR_OK : fail_result(opening, result);
}

static enum err open_steps(struct opening *opening, const char *vfs)
{
    int result = connect_sql(opening->database, vfs);
    if (result != SQLITE_OK)
        return fail_result(opening, result);
    enum err error = identify(opening);
    if (error == ERR_OK && opening->fresh)
        error = create(opening);
    opening->database->created = opening->fresh;
    if (error == ERR_OK)
        error = settle(opening);
    if (error == ERR_OK)
        error = verify(opening);
    if (error == ERR_OK)
        error = prepare(opening);
    return error;
}

enum err database_open(struct database *database, enum schema_database kind, const char *path,
                       const char *vfs, struct slice name, char *message, size_t message_size)
{
    struct opening opening = {
        .database = database, .name = name, .message = message, .message_size = message_size};
    *database = (struct database){.kind = kind, .in_memory = strcmp(path, ":memory:") == 0};
    database->path = mem_strndup(path, strlen(path));
    enum err error = open_steps(&opening, vfs);
    if (error != ERR_OK)
        database_close(database, true);
    return error;
}
