/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the STORE_LANES_MAX lane numbers are taken: a bit each, as many as were ever needed. And
 * plain lists of them. */
#ifndef STORAGE_LANE_IDS_H
#define STORAGE_LANE_IDS_H

#include "storage/store.h"

struct lane_ids {
    uint64_t *words; /* bit set: taken */
    size_t word_count;
    size_t full; /* all words before this one are full */
};

void lane_ids_fini(struct lane_ids *ids);
/* The lowest free number, from 1; 0 when all are taken. */
uint32_t lane_ids_take(struct lane_ids *ids) MUST_USE;
bool lane_ids_taken(const struct lane_ids *ids, uint32_t id);
/* Marks a given one as taken. */
void lane_ids_mark(struct lane_ids *ids, uint32_t id);
void lane_ids_give(struct lane_ids *ids, uint32_t id);

struct lane_list {
    uint32_t *ids;
    size_t count;
    size_t capacity;
};

void lane_list_fini(struct lane_list *list);
void lane_list_add(struct lane_list *list, uint32_t id);
/* Appends all of `from`, which is empty then. */
void lane_list_move(struct lane_list *list, struct lane_list *from);

#endif
