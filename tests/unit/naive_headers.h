/* SPDX-License-Identifier: Apache-2.0 */
/* Headers matching in the plainest way: each argument of a binding against each header. What the
 * index is compared with.
 */
#ifndef TESTS_UNIT_NAIVE_HEADERS_H
#define TESTS_UNIT_NAIVE_HEADERS_H

#include "proto/table.h"

/* One form for what counts as equal though its encoding differs. */
static inline struct field_value naive_normal(struct field_value value)
{
    if (value.type == FIELD_BYTES)
        value.type = FIELD_LONGSTR;
    if (value.type == FIELD_FLOAT)
        value.type = FIELD_DOUBLE;
    if (value.type == FIELD_DOUBLE && value.real == 0)
        value.real = 0; /* no sign */
    return value;
}

static inline bool naive_equal(struct field_value a, struct field_value b)
{
    a = naive_normal(a);
    b = naive_normal(b);
    if (a.type == FIELD_DOUBLE && a.real != a.real)
        return false; /* not a number */
    return field_equal(&a, &b);
}

static inline bool naive_header_holds(struct slice name, const struct field_value *wanted,
                                      struct slice headers)
{
    struct field_iter iter = {headers};
    struct slice found;
    struct field_value value;
    bool holds = false;

    while (field_next(&iter, &found, &value))
        if (slice_equal(found, name)) /* the last of a name counts */
            holds = wanted->type == FIELD_VOID || naive_equal(*wanted, value);
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
