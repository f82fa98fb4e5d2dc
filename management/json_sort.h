/* SPDX-License-Identifier: Apache-2.0 */
/* The order of JSON rows. */
#ifndef MANAGEMENT_JSON_SORT_H
#define MANAGEMENT_JSON_SORT_H

#include <jansson.h>
#include <stdbool.h>

/* A new array with the same rows in the order of the values under `keys`, a NULL-terminated list of
 * names, dotted for what lies deeper; equal rows keep their order. `reverse` turns all around. */
json_t *json_sorted(const json_t *rows, const char *const *keys, bool reverse)
    __attribute__((warn_unused_result));

#endif
