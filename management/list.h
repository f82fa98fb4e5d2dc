/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: sorted (`sort`, `sort_reverse`), filtered by name and cut into pages (`page`, `page_size`,
 * `name`, `use_regex`), in RabbitMQ's shapes, produced in parts.
 *
 *   walk() ─► list_add() ─► list_sort ─► rows, one after another
 *
 * (1) An item holds copies of what names its object, never the object: that may go while the list
 *     is made, and its row is left out then.
 * (2) Rows are written for the page that is asked for, and of each the columns that are. To sort
 *     by a column is to work out that column alone.
 * (3) A list costs about a hundred bytes and its names an item, whatever its rows' size: those go
 *     out as they are made.
 */
#ifndef MANAGEMENT_LIST_H
#define MANAGEMENT_LIST_H

#include "management/call.h"
#include "management/row.h"
#include "management/walk.h"

struct list_item {
    struct slice vhost, name; /* what it is sorted by unless the query says otherwise */
    uint64_t id;              /* further parts of what names it, as its kind has them */
    uint32_t number;
    const void *copy;       /* likewise */
    struct row_value value; /* what the query sorts by */
};

struct listing;

#define LIST_WALKS_MAX 2

/* A kind of rows. */
struct list_kind {
    enum walk_kind walks[LIST_WALKS_MAX]; /* over what the items are found among, in turn */
    size_t walk_count;                    /* 0: the handler adds all items by itself */
    bool nameless;                        /* rows have no "name": a name filters all of them out */
    /* Adds what the walked object stands for, if it is wanted. */
    void (*add)(struct listing *listing, enum walk_kind kind, void *object);
    /* The item's object as it is now; NULL: it has gone. */
    const void *(*find)(struct call *call, const struct list_item *item);
    /* The members of its row. */
    void (*write)(const struct call *call, struct row *row, const void *object);
};

/* What is wanted; all of it zeroed: everything that the user may see. */
struct list_scope {
    struct slice vhost; /* all slices stay valid as long as the call */
    struct slice user;
    uint64_t connection;
};

/* Begins a list, which becomes the call's task; `scope` NULL: all that the user may see. NULL after
 * answering 400. */
struct listing *list_begin(struct call *call, const struct list_kind *kind,
                           const struct list_scope *scope);
/* A list whose scope is the path's virtual host, if the path has one; 404 when that is not there. */
void list_answer_vhost(struct call *call, const struct list_kind *kind);
const struct list_scope *list_scope(const struct listing *listing);
struct call *list_call(const struct listing *listing);

/* An item whose row would be that of `object`, which is used within the call only; its slices are
 * copied. NULL when the query filters it out; else the caller sets what else names it. */
struct list_item *list_add(struct listing *listing, struct slice vhost, struct slice name,
                           const void *object);
/* Copies that live as long as the list. */
struct slice list_keep(struct listing *listing, struct slice bytes);
void *list_keep_new(struct listing *listing, size_t size);

/* A list as a part of a document: of a virtual host, or of all when it is empty; written into the list
 * that is open in `row`, in the order of their names. Goes on until the call's work is spent; true: all
 * rows are there. */
struct listing *list_new(struct call *call, const struct list_kind *kind, struct slice vhost,
                         struct row *row);
bool list_run(struct listing *listing);
void list_free(struct listing *listing);

/* Answers with the rows, an array of objects (taken over), in the order of the key that the query
 * names, then of `sorts`: names of members that are texts, NULL-terminated. */
void list_answer(struct call *call, json_t *rows, const char *const *sorts);

#endif
