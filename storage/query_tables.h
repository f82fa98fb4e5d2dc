/* SPDX-License-Identifier: Apache-2.0 */
/* A query's tables as SQLite sees them: virtual tables over the snapshot and, for `messages`, the
 * disk.
 *
 * (1) Both modules belong to one connection, of one query, on its thread.
 */
#ifndef STORAGE_QUERY_TABLES_H
#define STORAGE_QUERY_TABLES_H

#include "storage/query_guard.h"
#include "storage/query_snapshot.h"

/* What the tables are read from. */
struct query_source {
    const struct store_query_table *tables;
    size_t table_count;
    struct snapshot *snapshot;
    struct query_guard *guard;
    sqlite3 *disk; /* in a read transaction; NULL: there is none */
};

/* Each makes its tables known to a connection; the source outlives it. */
int query_rows_install(struct query_source *source, sqlite3 *sql);
int query_messages_install(struct query_source *source, sqlite3 *sql);

/* Tells SQLite a table's columns, from xConnect. */
int query_table_declare(struct query_source *source, sqlite3 *sql,
                        const struct store_query_table *table);

#endif
