/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: sorted (`sort`, `sort_reverse`), filtered by name and cut into pages (`page`, `page_size`,
 * `name`, `use_regex`), in RabbitMQ's shapes.
 */
#ifndef MANAGEMENT_LIST_H
#define MANAGEMENT_LIST_H

#include "management/call.h"

#define LIST_PAGE_SIZE_DEFAULT 100
#define LIST_PAGE_SIZE_MAX 500 /* RabbitMQ's */

/* Answers with the rows, an array of objects (taken over), in the order of the keys that the query
 * names, then of `sorts`: names, dotted for what lies deeper, NULL-terminated. */
void list_answer(struct call *call, json_t *rows, const char *const *sorts);

/* An object that may become a row. */
struct list_item {
    struct slice vhost, name; /* what it is sorted by unless the query says otherwise */
    void *object;
};

struct list_items {
    struct list_item *items; /* heap */
    size_t count, capacity;
};

#define LIST_ITEMS_INIT ((struct list_items){0})

void list_items_add(struct list_items *items, struct slice vhost, struct slice name, void *object);
/* Answers with a row for each item, in order of virtual host and name. When a page is asked for,
 * only its rows are built: a page of ten thousand queues costs what the page costs. Frees the
 * items. */
void list_answer_items(struct call *call, struct list_items *items,
                       json_t *(*build)(struct call *call, void *object));

#endif
