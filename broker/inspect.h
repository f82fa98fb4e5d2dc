/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker knows of a virtual host, as tables for a query in SQL (storage/query.h). One list of
 * columns a table gives its description and what it is filled with.
 *
 * (1) inspect_snapshot() runs at the query's moment, in one go: what it copies is bounded by the
 *     numbers below, and a note tells of what was left out. What the SQL names comes first.
 * (2) Of messages only those that have no row are its business; the store has the others.
 */
#ifndef BROKER_INSPECT_H
#define BROKER_INSPECT_H

#include "storage/query.h"

struct vhost;

/* Together they bound a snapshot to about two milliseconds. */
#define INSPECT_ROWS_MAX 10000   /* of tables other than messages, all together, */
#define INSPECT_CELLS_MAX 80000  /* and values in them that the SQL needs */
#define INSPECT_LANES_MAX 10000  /* of queues that have messages */
#define INSPECT_ENTRIES_MAX 8000 /* entries of queues that are looked at one by one */

/* The tables beside `messages`, in order. */
extern const struct store_query_table inspect_tables[];
extern const size_t inspect_table_count;

/* For store_query_options: the context is the virtual host, which store_vhost_delete() outlives. */
void inspect_snapshot(void *vhost, struct store_query *query);
void inspect_retain(void *message);

#endif
