/* SPDX-License-Identifier: Apache-2.0 */
/* The table of exchange types: what each does when a binding comes or goes and when a message is to
 * be routed. A new type is a new row and a file of its own.
 *
 * (1) A type keeps all its state behind route_exchange.index and its mark on a binding in
 *     binding.place and binding.slot; nobody else touches these.
 * (2) route() names every matching binding (or target) to the walk and may name it repeatedly: the
 *     walk removes doubles.
 */
#ifndef ROUTING_EXCHANGE_TYPE_H
#define ROUTING_EXCHANGE_TYPE_H

#include "base/slice.h"

struct binding;
struct buf;
struct reply;
struct route_exchange;
struct route_request;
struct route_walk;

struct exchange_type {
    const char *name;        /* as in exchange.declare */
    const char *description; /* one line, for operators */
    bool declarable;         /* by clients; false for the default exchange's own type */

    void (*init)(struct route_exchange *exchange);
    void (*fini)(struct route_exchange *exchange);
    /* Takes the binding into the index. False with *error filled in when the type doesn't take such
     * a binding; then nothing has changed. NULL: the type has no bindings. */
    bool (*bind)(struct route_exchange *exchange, struct binding *binding, struct reply *error);
    /* Undoes bind(). */
    void (*unbind)(struct route_exchange *exchange, struct binding *binding);
    void (*route)(struct route_exchange *exchange, const struct route_request *request,
                  struct route_walk *walk);
    /* Why a binding that did not match didn't (routing/miss.h); NULL: every binding matches. */
    uint32_t (*miss)(const struct route_request *request, const struct binding *binding,
                     struct buf *reason);
};

/* Each row is `<symbol>_exchange_type` in routing/<symbol>.c */
#define EXCHANGE_TYPE_TABLE(X)                                                                     \
    X(default)                                                                                     \
    X(direct)                                                                                      \
    X(fanout)                                                                                      \
    X(topic)                                                                                       \
    X(headers)

#define X(symbol) extern const struct exchange_type symbol##_exchange_type;
EXCHANGE_TYPE_TABLE(X)
#undef X

/* The declarable type of that name, or NULL. */
const struct exchange_type *exchange_type_find(struct slice name);

/* The table's rows in order, NULL past the end: for listings. The default exchange's own type is
 * among them. */
const struct exchange_type *exchange_type_at(size_t index);

#endif
