/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings as items of lists. A binding never changes: an item holds a copy of all that it is. */
#ifndef MANAGEMENT_LIST_BINDINGS_H
#define MANAGEMENT_LIST_BINDINGS_H

#include "management/list.h"
#include "management/object.h"

/* Adds one; what the slices point at is copied. */
void list_add_binding(struct listing *listing, struct binding_row row);
/* The item's struct binding_row: a kind's find(). */
const void *list_find_binding(struct call *call, const struct list_item *item);

#endif
