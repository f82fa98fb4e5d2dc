/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges and bindings: declaring, deleting, permissions, durability. How they route is
 * routing/'s. */
#ifndef BROKER_EXCHANGE_H
#define BROKER_EXCHANGE_H

#include "base/buf.h"
#include "base/hmap.h"
#include "broker/policy.h"
#include "broker/stats.h"
#include "routing/router.h"

struct connection;
struct history;
struct reply;
struct vhost;

struct exchange {
    struct route_exchange route;
    struct hmap_node node; /* in vhost->exchanges */
    struct vhost *vhost;
    struct list ending_link; /* in vhost->ending: it may have lost its last binding */
    char *name;
    bool durable;
    bool auto_delete;
    bool internal;
    bool predeclared;     /* amq.* and the default exchange */
    bool had_binding;     /* auto-delete waits for the first one */
    struct buf arguments; /* as declared, sorted */
    struct policy_effect policies;
    char *alternate; /* NULL: none; the argument, else what a policy says */
    struct message_stats stats;
    struct history *history; /* the management's: its numbers over time; NULL: none */
};

struct exchange_declare {
    struct slice name;
    struct slice type;
    bool passive;
    bool durable;
    bool auto_delete;
    bool internal;
    struct slice arguments;
};
bool exchange_declare(struct connection *connection, const struct exchange_declare *declare,
                      struct reply *reply);
bool exchange_delete(struct connection *connection, struct slice name, bool if_unused,
                     struct reply *reply);

struct bind {
    struct slice source;      /* an exchange */
    struct slice destination; /* a queue, or an exchange */
    bool to_exchange;
    struct slice key;
    struct slice arguments;
};
bool exchange_bind(struct connection *connection, const struct bind *bind, struct reply *reply);
/* What isn't there is fine. */
bool exchange_unbind(struct connection *connection, const struct bind *bind, struct reply *reply);

struct exchange *exchange_find(struct vhost *vhost, struct slice name);
/* Makes and enters one, checks done. */
struct exchange *exchange_create(struct vhost *vhost, const struct exchange_declare *declare,
                                 bool store);
/* Other policies than before apply to it, or the same with other content. */
void exchange_apply_policies(struct exchange *exchange);
/* Takes it out with its bindings and frees it. */
void exchange_destroy(struct exchange *exchange);
/* Makes a binding, checks done; true when it is new. A failure (bad x-match) fills in reply. */
bool exchange_add_binding(struct exchange *source, struct route_target *destination,
                          const struct bind *bind, bool store, bool *created, struct reply *reply);
/* Bindings to a queue or exchange that goes away: removed, stored ones too, auto-delete sources. */
void exchange_drop_bindings_to(struct vhost *vhost, struct route_target *target);

/* The queue or exchange that a target is embedded in. */
struct queue *target_queue(struct route_target *target);
struct exchange *target_exchange(struct route_target *target);

#endif
