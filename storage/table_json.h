/* SPDX-License-Identifier: Apache-2.0 */
/* A field table as JSON text, for people who look into the database. One way only: the broker reads
 * the encoded table beside it.
 */
#ifndef STORAGE_TABLE_JSON_H
#define STORAGE_TABLE_JSON_H

#include "base/buf.h"

/* Appends the (validated) table as a JSON object. Bytes that are no UTF-8 appear as U+FFFD. */
void table_json_add(struct buf *out, struct slice table);
/* Appends a text as a JSON string. */
void table_json_add_string(struct buf *out, struct slice text);

#endif
