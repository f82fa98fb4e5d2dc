/* SPDX-License-Identifier: Apache-2.0 */
/* Headers matching in the plainest way: each argument of a binding against each header. What the
 * index is compared with.
 */
#ifndef TESTS_UNIT_NAIVE_HEADERS_H
#define TESTS_UNIT_NAIVE_HEADERS_H

#include "proto/table.h"

static inline bool naive_header_holds(struct slice name, const struct field_value *wanted,
                                      struct slice headers)
{
    struct field_iter iter = {headers};
    struct slice found;
    struct field_value value;
    bool holds = false;

    while (field_next(&iter, &found, &value))
        if (slice_equal(found, name)) /* the last of a name counts */
            holds = wanted->type == FIELD_VOID || field_equal(wanted, &value);
    return holds;
}

static inline bool naive_headers_match(struct slice arguments, struct slice headers)
{
    struct field_iter iter = {arguments};
    struct slice name;
    struct field_value value;
    bool any = false;
    bool with_x = false;
    bool all_hold = true;
    bool any_holds = false;

    if (table_find(arguments, "x-match", &value)) {
        any = slice_starts_with(value.bytes, "any");
        with_x = value.bytes.len > 3;
    }
    while (field_next(&iter, &name, &value)) {
        if (slice_equal_str(name, "x-match") || (!with_x && slice_starts_with(name, "x-")))
            continue;
        bool holds = naive_header_holds(name, &value, headers);
        all_hold = all_hold && holds;
        any_holds = any_holds || holds;
    }
    return any ? any_holds : all_hold;
}

#endif
