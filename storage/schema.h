/* SPDX-License-Identifier: Apache-2.0 */
/* What a database of ours looks like: its tables and views, the version of that, and the SQL that
 * follows from records.def.
 *
 * (1) A change of any CREATE text needs a new SCHEMA_VERSION, since open compares the texts.
 */
#ifndef STORAGE_SCHEMA_H
#define STORAGE_SCHEMA_H

#include "base/buf.h"
#include "storage/store.h"

#define SCHEMA_APPLICATION_ID 0x42696c62 /* "Bilb" */
#define SCHEMA_VERSION 3
#define SCHEMA_POSITION_BITS 43 /* a message's rowid is lane << 43 | position */

enum schema_database {
    SCHEMA_NODE,
    SCHEMA_VHOST,
};

enum schema_column_type {
    SCHEMA_TEXT,
    SCHEMA_INTEGER,
    SCHEMA_TABLE,
};

struct schema_column {
    enum schema_column_type type;
    const char *name; /* NULL past the last column */
};

struct schema_record {
    const char *table;
    enum schema_database database;
    size_t key_count; /* the first columns, which are the primary key */
    struct schema_column columns[STORE_COLUMNS_MAX];
};

/* records.def's row of a kind; static storage. */
const struct schema_record *schema_record(enum store_record_kind kind);
size_t schema_column_count(const struct schema_record *record);

/* The statements of a record's table. A TABLE column has a twin `<name>_json` with the same as text,
 * which comes after all others in the INSERT. Each replaces the buffer's content. */
void schema_record_create_sql(struct buf *sql, const struct schema_record *record);
void schema_record_put_sql(struct buf *sql, const struct schema_record *record);
void schema_record_remove_sql(struct buf *sql, const struct schema_record *record);
void schema_record_load_sql(struct buf *sql, const struct schema_record *record);

/* Calls `each` with the name and CREATE text of everything the database consists of, in the order
 * of creation; stops at the first one for which it returns false, and returns that. */
bool schema_each(enum schema_database database,
                 bool (*each)(void *context, const char *name, const char *sql), void *context);

/* "node" or "vhost": what the meta table's row `kind` says. */
const char *schema_database_name(enum schema_database database);

#endif
