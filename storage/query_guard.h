/* SPDX-License-Identifier: Apache-2.0 */
/* What a query may do: the bounds that SQLite keeps and the gate that every table, function and
 * statement passes.
 *
 * (1) What isn't on a list is refused: tables that nobody declared, functions that are not in
 *     FUNCTIONS, everything that isn't reading.
 * (2) No function takes longer than its arguments are long: those of SQLite that would (instr, replace
 *     with long needles) have others in their places, or are left out (trim with a set of letters,
 *     printf with its widths).
 */
#ifndef STORAGE_QUERY_GUARD_H
#define STORAGE_QUERY_GUARD_H

#include "storage/query.h"

#include <sqlite3.h>
#include <stdatomic.h>

struct query_guard {
    const struct store_query_table *tables; /* beside `messages` */
    size_t table_count;
    bool *used;            /* which of them the SQL names; one more for `messages` */
    int64_t deadline_ms;   /* of the monotonic clock */
    atomic_bool cancelled; /* set by the loop's thread */
    bool late;             /* the deadline has ended it */
    bool declaring;        /* a table of ours tells its columns, which is a CREATE TABLE */
};

/* Sets limits and gate of a connection that is to run one query. */
int query_guard_install(struct query_guard *guard, sqlite3 *sql);
/* To be asked where SQLite doesn't: true when the query is to end. */
bool query_guard_over(struct query_guard *guard);
int64_t query_guard_now_ms(void);

#endif
