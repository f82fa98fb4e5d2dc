/* SPDX-License-Identifier: Apache-2.0 */
/* A statement's rows as JSON text. */
#ifndef STORAGE_QUERY_RESULT_H
#define STORAGE_QUERY_RESULT_H

#include "storage/query.h"

#include <sqlite3.h>

/* Steps the statement to its end or to the bounds; SQLITE_OK or what went wrong. Integers and reals
 * are numbers, texts strings (bytes that are no UTF-8 become U+FFFD), blobs strings of the form x'0aff',
 * as SQL writes them. */
int query_result_read(struct store_query_result *result, sqlite3_stmt *statement, uint32_t rows_max,
                      uint64_t bytes_max);

#endif
