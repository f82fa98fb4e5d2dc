/* SPDX-License-Identifier: Apache-2.0 */
/* Where a message goes: the bindings of one virtual host and the walk over them.
 *
 * The broker embeds a route_target in its queues and a route_exchange in its exchanges; both stay
 * at their addresses from init to fini. A binding belongs to the router from router_bind() until it is
 * unbound. Everything here is of the virtual host's thread, and nothing here blocks or waits.
 *
 * (1) A binding is unique by source, destination, key and arguments in sorted form.
 * (2) A binding is in its source's list, its destination's list, the router's map and its source
 *     type's index, or in none of the four.
 * (3) `generation` changes with every binding that comes or goes: a cached route is good while
 *     it was made under the present one. (What the broker resolves itself, alternate exchanges
 *     and the default exchange's queues, it announces by router_changed().)
 * (4) During one route each exchange is entered, and each queue is listed, at most once:
 *     whoever has the route's number in `visit` has had its turn.
 */
#ifndef ROUTING_ROUTER_H
#define ROUTING_ROUTER_H

#include "base/hmap.h"
#include "base/list.h"
#include "proto/reply.h"

struct binding;
struct exchange_type;
struct router;

/* What a binding may point at. */
struct route_target {
    bool is_exchange;        /* false: a queue */
    uint64_t id;             /* the router's number for it: hashes never depend on addresses */
    uint64_t visit;          /* the last route that came here */
    struct list bindings_to; /* struct binding.in_destination */
    size_t bindings_to_count;
};

struct route_exchange {
    struct route_target target; /* as the destination of other exchanges' bindings */
    const struct exchange_type *type;
    struct router *router;
    struct list bindings_from; /* struct binding.in_source */
    size_t bindings_from_count;
    void *index;                    /* the type's own */
    struct route_exchange *pending; /* next to enter, during a route */

    /* The exchange that gets what no binding here matches, or NULL; resolved at each such message.
     * May be left NULL. */
    struct route_exchange *(*alternate)(struct route_exchange *exchange);
    /* The queue of that name, or NULL. Needed by the default exchange's type, unused by others. */
    struct route_target *(*lookup)(struct route_exchange *exchange, struct slice name);
};

struct binding {
    struct route_exchange *source;
    struct route_target *destination;
    struct slice key;       /* owned, as is arguments: freed with the binding */
    struct slice arguments; /* a field table's content in the form table_sort() gives it */
    bool durable;           /* the broker's */
    uint64_t store_id;      /* the broker's */
    struct list in_source;
    struct list in_destination;
    struct hmap_node in_router;
    void *place;    /* where the source's type keeps it: the type's own */
    size_t slot;    /* and at which index there */
    uint64_t visit; /* the last observed route that matched it */
};

struct router {
    uint64_t visit;       /* the number of the latest route */
    uint64_t generation;  /* see (3) */
    uint64_t seed;        /* of all hashes here; peers choose the keys */
    uint64_t next_id;     /* for the next route_target */
    struct hmap bindings; /* struct binding.in_router, by identity */
};

void router_init(struct router *router, uint64_t seed);
/* All bindings must be gone. */
void router_fini(struct router *router);
/* Tells holders of cached routes that they are stale. */
void router_changed(struct router *router);

/* A queue's. There is no fini: a target holds no memory. Unbind it before it goes. */
void route_target_init(struct route_target *target, struct router *router);

/* An exchange without bindings; `alternate` and `lookup` are NULL and the caller's to set. */
void route_exchange_init(struct route_exchange *exchange, const struct exchange_type *type,
                         struct router *router);
/* All bindings from and to it must be gone. Frees what the type kept. */
void route_exchange_fini(struct route_exchange *exchange);

enum bind_outcome {
    BIND_REFUSED, /* *error says why; nothing has changed */
    BIND_EXISTED, /* *out is the binding that was there before */
    BIND_NEW,     /* *out is a new one */
};

/* Binds `destination` to `source`. `arguments` is a validated field table's content in any order;
 * both it and `key` (at most 255 bytes) are copied. The default exchange takes no bindings: asking
 * is the caller's bug. `out` may be NULL. */
enum bind_outcome router_bind(struct router *router, struct route_exchange *source,
                              struct route_target *destination, struct slice key,
                              struct slice arguments, struct binding **out,
                              struct reply *error) MUST_USE;

/* The binding of that identity, or NULL. `arguments` in any order. */
struct binding *router_find(struct router *router, const struct route_exchange *source,
                            const struct route_target *destination, struct slice key,
                            struct slice arguments);

/* Removes and frees. */
void router_unbind(struct router *router, struct binding *binding);

/* Called with each binding just before it is removed and freed; must not itself bind or unbind. */
typedef void binding_gone(struct binding *binding, void *context);

/* Remove all bindings to a target, or from an exchange, at a cost proportional to their number.
 * `gone` may be NULL. */
void router_unbind_all_to(struct router *router, struct route_target *target, binding_gone *gone,
                          void *context);
void router_unbind_all_from(struct router *router, struct route_exchange *exchange,
                            binding_gone *gone, void *context);

struct route_request {
    struct route_exchange *exchange; /* where the message was published */
    const struct slice *keys;        /* the routing key, then those of CC and BCC */
    size_t key_count;
    struct slice headers; /* the message's headers: validated, may be empty */
};

/* Reusable from call to call: it keeps its memory. */
struct route_result {
    struct route_target **queues; /* each once; valid until the next route or topology change */
    size_t count;
    size_t capacity;
};

#define ROUTE_RESULT_INIT ((struct route_result){0})

void route_result_fini(struct route_result *result);

/* Finds the queues that a message goes to. An exchange none of whose own bindings match passes the
 * message to its alternate exchange. Paths may cross and run in circles. True when there is at
 * least one queue. Allocates only to grow `result`. */
bool router_route(struct router *router, const struct route_request *request,
                  struct route_result *result);

enum route_event {
    ROUTE_ENTER,     /* `exchange` is being asked; the one published to comes first */
    ROUTE_MATCHED,   /* `binding` of `exchange` matches */
    ROUTE_UNMATCHED, /* `binding` of `exchange` does not */
    ROUTE_QUEUE,     /* `exchange`, a default exchange, has the queue `target`; no binding */
    ROUTE_ALTERNATE, /* nothing matched: on to the alternate exchange, which is `target` */
};

/* Told of every step; `binding` and `target` are NULL where the event doesn't name them. Each
 * binding of each exchange entered is named exactly once, as long as `work` lasts. */
struct route_observer {
    uint64_t work; /* what looking for bindings that don't match has cost so far, in bytes read */
    uint64_t work_max; /* from there on they are left out; 0: never */
    void (*step)(struct route_observer *observer, enum route_event event,
                 const struct route_exchange *exchange, const struct binding *binding,
                 const struct route_target *target);
};

/* As router_route(), step by step before an observer's eyes: the same code with the same result,
 * and in addition the bindings that don't match, so its cost grows with them, up to
 * observer->work_max. */
bool router_explain(struct router *router, const struct route_request *request,
                    struct route_result *result, struct route_observer *observer);

#endif
