/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over the broker's objects in parts, between which they come and go.
 *
 * (1) What is there all the time is met, and met once: when a map grows or shrinks under the walk,
 *     it begins again (and says so, that what was noted may be forgotten).
 * (2) Maps that never keep still, RESTARTS_MAX times, are walked to the end all the same: then
 *     an object may be met twice.
 */
#ifndef MANAGEMENT_WALK_H
#define MANAGEMENT_WALK_H

#include "management/call.h"

/* The last kind is the node's, the others are in virtual hosts. */
enum walk_kind { WALK_QUEUES, WALK_EXCHANGES, WALK_BINDINGS, WALK_CONNECTIONS };

struct walk {
    enum walk_kind kind;
    char **vhosts;      /* names, heap */
    size_t vhost_count; /* with room for the node's objects: 1, the name NULL */
    size_t vhost;       /* where it is */
    uint64_t cursor;    /* in its map */
    size_t buckets;     /* that the map had at the beginning */
    unsigned restarts;
};

struct walk_visitor {
    /* struct queue, struct exchange, struct binding, struct connection. */
    void (*visit)(void *context, void *object);
    void (*forget)(void *context); /* all that it was told */
    void *context;
};

/* Through the virtual hosts that wants() (all when it is NULL). */
void walk_init(struct walk *walk, struct broker *broker, enum walk_kind kind,
               bool (*wants)(const void *context, const struct vhost *vhost), const void *context);
void walk_fini(struct walk *walk);
/* Goes on until the call's work is spent; true at the end. Visitors spend what their own work costs. */
bool walk_run(struct walk *walk, struct call *call, const struct walk_visitor *visitor);

#endif
