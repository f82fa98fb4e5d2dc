/* SPDX-License-Identifier: Apache-2.0 */
/* Merge sort, from the bottom up, an item at a time.
 *
 * (1) In `from`, every run of `width` items is sorted; in `to`, those before `begin` are sorted in
 *     runs of twice that, and left + right items of the next one stand behind them.
 */
#include "management/list_sort.h"

#include "base/check.h"
#include "base/mem.h"

void list_sort_init(struct list_sort *sort, void **items, size_t count,
                    int (*compare)(const void *a, const void *b, const void *context),
                    const void *context)
{
    *sort = (struct list_sort){
        .compare = compare,
        .context = context,
        .from = items,
        .to = mem_alloc((count + 1) * sizeof(void *)),
        .count = count,
        .width = 1,
    };
}

void list_sort_fini(struct list_sort *sort)
{
    mem_free(sort->from);
    mem_free(sort->to);
    *sort = (struct list_sort){0};
}

/* The length of a run that begins there. */
static size_t run_length(const struct list_sort *sort, size_t begin)
{
    if (begin >= sort->count)
        return 0;
    return sort->count - begin < sort->width ? sort->count - begin : sort->width;
}

/* Moves the smaller of the two runs' next items; false when both are done. */
static bool move_one(struct list_sort *sort, size_t left_length, size_t right_length)
{
    void **left = sort->from + sort->begin + sort->left;
    void **right = sort->from + sort->begin + sort->width + sort->right;
    void **to = sort->to + sort->begin + sort->left + sort->right;
    bool has_left = sort->left < left_length, has_right = sort->right < right_length;

    if (!has_left && !has_right)
        return false;
    if (has_left && (!has_right || sort->compare(*left, *right, sort->context) <= 0)) {
        *to = *left;
        sort->left++;
    } else {
        *to = *right;
        sort->right++;
    }
    return true;
}

static void next_pair(struct list_sort *sort)
{
    sort->begin += 2 * sort->width;
    sort->left = sort->right = 0;
    if (sort->begin < sort->count)
        return;
    void **merged = sort->to;
    sort->to = sort->from;
    sort->from = merged;
    sort->begin = 0;
    sort->width *= 2;
}

bool list_sort_run(struct list_sort *sort, size_t *steps)
{
    while (sort->width < sort->count) {
        size_t left_length = run_length(sort, sort->begin);
        size_t right_length = run_length(sort, sort->begin + sort->width);
        while (*steps > 0 && move_one(sort, left_length, right_length))
            --*steps;
        if (sort->left < left_length || sort->right < right_length)
            return false;
        next_pair(sort);
    }
    return true;
}

void *list_sort_at(const struct list_sort *sort, size_t index)
{
    CHECK(index < sort->count && sort->width >= sort->count);
    return sort->from[index];
}
