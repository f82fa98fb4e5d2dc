/* SPDX-License-Identifier: Apache-2.0 */
/* A bound for the memory that SQLite takes on one thread. SQLite's own bounds are the whole
 * process's; a query must find an end where the store's writer doesn't.
 *
 * (1) Threads that set no bound allocate as ever, at the cost of one comparison.
 * (2) Past the bound an allocation fails, which SQLite answers with SQLITE_NOMEM and survives.
 */
#ifndef STORAGE_QUERY_MEMORY_H
#define STORAGE_QUERY_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Makes SQLite allocate through here. Before SQLite is used for the first time; later it is refused,
 * and no query is bounded. */
void query_memory_install(void);
/* The bound of the calling thread from now on; 0: none. */
void query_memory_limit(size_t bytes);

/* What all threads have allocated through here. */
uint64_t query_memory_total(void);

#endif
