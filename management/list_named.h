/* SPDX-License-Identifier: Apache-2.0 */
/* Queues and exchanges as items of lists: noted by virtual host and name, found again by them. */
#ifndef MANAGEMENT_LIST_NAMED_H
#define MANAGEMENT_LIST_NAMED_H

#include "management/list.h"

struct exchange;
struct queue;

void list_add_queue(struct listing *listing, const struct queue *queue);
void list_add_exchange(struct listing *listing, const struct exchange *exchange);
/* The item's struct queue, or struct exchange; NULL: it has gone. A kind's find(). */
const void *list_find_queue(struct call *call, const struct list_item *item);
const void *list_find_exchange(struct call *call, const struct list_item *item);

#endif
