/* SPDX-License-Identifier: Apache-2.0 */
/* JSON and what the broker has: texts, field tables, numbers that may be unknown. */
#ifndef MANAGEMENT_JSON_H
#define MANAGEMENT_JSON_H

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>

/* Bytes that are no UTF-8 become U+FFFD each. */
json_t *json_text(struct slice text) MUST_USE;
/* null for NULL. */
json_t *json_text_or_null(const char *text) MUST_USE;
/* A comma-separated list as an array of its items; NULL is the empty list. */
json_t *json_list(const char *joined) MUST_USE;
/* The value's text; empty unless it is a string. Borrowed from the value. */
struct slice json_slice(const json_t *value);
/* Compact text, appended. */
void json_write(struct buf *out, const json_t *value);
/* Adds "key": value; the value is taken over. */
void json_put(json_t *object, const char *key, json_t *value);
void json_put_number(json_t *object, const char *key, uint64_t number);

/* A table's (or array's) validated content. */
json_t *json_of_table(struct slice table) MUST_USE;
json_t *json_of_array(struct slice array) MUST_USE;

/* Appends an object as a table's content: integers as 'l', reals as 'd', strings as 'S', null as
 * 'V'. NULL, null and the empty array give the empty table. ERR_INVALID when it is no object or a
 * name is longer than 255 bytes, ERR_LIMIT when it is too deep; `out` is then unchanged. */
enum err json_to_table(struct buf *out, const json_t *object) MUST_USE;

#endif
