/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting rows by their fields.
 *
 * (1) Values of different kinds sort as in RabbitMQ: numbers, then booleans and null, objects,
 *     arrays, texts; what is missing counts as 0.
 */
#include "management/json_sort.h"

#include "base/mem.h"
#include "base/slice.h"
#include "management/json.h"

#include <stdlib.h>

struct sort_row {
    json_t *row;
    size_t index;
};

static int kind_rank(const json_t *value)
{
    if (!value || json_is_number(value))
        return 0;
    if (json_is_boolean(value) || json_is_null(value))
        return 1;
    if (json_is_object(value))
        return 2;
    return json_is_array(value) ? 3 : 4;
}

static int compare_numbers(const json_t *a, const json_t *b)
{
    double left = a ? json_number_value(a) : 0;
    double right = b ? json_number_value(b) : 0;

    return left < right ? -1 : left > right;
}

static int compare_values(const json_t *a, const json_t *b)
{
    int rank_a = kind_rank(a), rank_b = kind_rank(b);

    if (rank_a != rank_b)
        return rank_a - rank_b;
    if (rank_a == 0)
        return compare_numbers(a, b);
    if (rank_a == 1)
        return json_is_true(a) - json_is_true(b);
    return rank_a == 4 ? slice_compare(json_slice(a), json_slice(b)) : 0;
}

/* The value of a dotted key; NULL when it is missing. */
static const json_t *dotted(const json_t *row, const char *key)
{
    while (row && *key) {
        size_t len = strcspn(key, ".");
        row = json_object_getn(row, key, len);
        key += key[len] ? len + 1 : len;
    }
    return row;
}

static int compare_rows(const void *a, const void *b, void *context)
{
    const struct sort_row *left = a, *right = b;

    for (const char *const *key = context; *key; key++) {
        int order = compare_values(dotted(left->row, *key), dotted(right->row, *key));
        if (order)
            return order;
    }
    return left->index < right->index ? -1 : left->index > right->index;
}

json_t *json_sorted(const json_t *rows, const char *const *keys, bool reverse)
{
    size_t count = json_array_size(rows);
    struct sort_row *order = mem_alloc((count + 1) * sizeof(*order));
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        order[i] = (struct sort_row){.row = json_array_get(rows, i), .index = i};
    /* The comparison only reads the keys. */
    qsort_r(order, count, sizeof(*order), compare_rows, (void *)(uintptr_t)keys);
    for (size_t i = 0; i < count; i++)
        json_array_append(list, order[reverse ? count - 1 - i : i].row);
    mem_free(order);
    return list;
}
