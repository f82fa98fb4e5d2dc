/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting pointers in parts: merging runs of growing width from one array into another. Stable. */
#ifndef MANAGEMENT_LIST_SORT_H
#define MANAGEMENT_LIST_SORT_H

#include <stdbool.h>
#include <stddef.h>

struct list_sort {
    int (*compare)(const void *a, const void *b, const void *context);
    const void *context;
    void **from, **to; /* heap; `from` holds the order so far */
    size_t count;
    size_t width;       /* of the sorted runs in `from` */
    size_t begin;       /* where the two runs begin that are being merged */
    size_t left, right; /* how many of each are done */
};

/* Takes the array over. */
void list_sort_init(struct list_sort *sort, void **items, size_t count,
                    int (*compare)(const void *a, const void *b, const void *context),
                    const void *context);
void list_sort_fini(struct list_sort *sort);
/* Moves up to `*steps` items, of which it leaves what it does not need; true when all are in order. */
bool list_sort_run(struct list_sort *sort, size_t *steps);
/* In order, once that was true. */
void *list_sort_at(const struct list_sort *sort, size_t index);

#endif
