/* SPDX-License-Identifier: Apache-2.0 */
/* What a query asks of a list's pages: `page` and `page_size`, and which rows count: `name`, part of
 * theirs in any case, or with `use_regex` a pattern. Nothing but `page` makes the rest count.
 *
 * (1) Once read and `asked`, the number is at least 1 and the size 1 to LIST_PAGE_SIZE_MAX.
 */
#ifndef MANAGEMENT_LIST_PAGE_H
#define MANAGEMENT_LIST_PAGE_H

#include "broker/pattern.h"
#include "management/call.h"

#define LIST_PAGE_SIZE_DEFAULT 100
#define LIST_PAGE_SIZE_MAX 500 /* RabbitMQ's */

struct list_page {
    bool asked;
    int64_t number, size;
    char *name;              /* NULL: all */
    struct pattern *pattern; /* NULL: `name` is a part of the names */
};

/* Sets `page` from the call's query; false after answering 400, then there is nothing to give back. */
bool list_page_read(struct call *call, struct list_page *page) MUST_USE;
/* One that is zeroed will do. */
void list_page_fini(struct list_page *page);

/* Does a row of this name count? Spends the call's work where finding that out takes long. */
bool list_page_wants(const struct list_page *page, struct call *call, struct slice name);
/* The page's rows among `count` that do: from `first` to before `end`; the first page exists even when
 * it is empty. False after answering 400: the page is past the end. */
bool list_page_range(const struct list_page *page, struct call *call, size_t count, size_t *first,
                     size_t *end) MUST_USE;

#endif
