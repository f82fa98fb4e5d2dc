/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive, circular, doubly linked lists. A node that is in no list points at itself, so
 * list_remove() is harmless twice and list_linked() can be asked.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/check.h"

#include <stdbool.h>

struct list {
    struct list *next;
    struct list *prev;
};

static inline void list_init(struct list *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

static inline bool list_linked(const struct list *node)
{
    return node->next != node;
}

static inline void list_insert_before(struct list *node, struct list *position)
{
    node->prev = position->prev;
    node->next = position;
    position->prev->next = node;
    position->prev = node;
}

static inline void list_push_back(struct list *list, struct list *node)
{
    list_insert_before(node, list);
}

static inline void list_push_front(struct list *list, struct list *node)
{
    list_insert_before(node, list->next);
}

static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* The first node's container, or NULL when the list is empty. */
#define LIST_FIRST(list, type, member)                                                             \
    (list_empty(list) ? NULL : CONTAINER_OF((list)->next, type, member))
#define LIST_LAST(list, type, member)                                                              \
    (list_empty(list) ? NULL : CONTAINER_OF((list)->prev, type, member))

/* Walks nodes; the current one may be removed (and freed) in the body, others may not. */
#define LIST_EACH(head, node)                                                                      \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head);              \
         node = node##_next, node##_next = node->next)

#endif
