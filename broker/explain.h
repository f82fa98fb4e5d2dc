/* SPDX-License-Identifier: Apache-2.0 */
/* Where a message would go, and why: the walk that routes messages, written down step by step.
 * Nothing is published, nothing changes.
 *
 * (1) What matches is found by the code that routes (router_explain()); nothing here decides.
 * (2) The cost is bounded: EXPLAIN_WORK_MAX for bindings that don't match, and of everything that is
 *     written down only the first so many, while all is counted.
 * (3) An explanation borrows exchanges, queues and bindings: it is good until any of them changes.
 */
#ifndef BROKER_EXPLAIN_H
#define BROKER_EXPLAIN_H

#include "base/slice.h"

#include "routing/router.h"

struct exchange;
struct queue;

#define EXPLAIN_NEAR_MAX 20     /* near misses of an exchange: what a person reads */
#define EXPLAIN_STOPS_MAX 50    /* exchanges on the way that are written down */
#define EXPLAIN_MATCHED_MAX 200 /* matching bindings, of all exchanges together */
#define EXPLAIN_QUEUES_MAX 200
/* Bytes of bindings compared in search of near misses: some five thousand, about a millisecond. */
#define EXPLAIN_WORK_MAX (UINT64_C(1) << 20)

struct explain_near {
    const struct binding *binding;
    uint32_t distance; /* 1: very near */
    char *reason;      /* heap */
};

enum explain_reached {
    EXPLAIN_PUBLISHED, /* the message is published to it */
    EXPLAIN_BINDING,
    EXPLAIN_ALTERNATE,
};

/* An exchange that the message came through. */
struct explain_stop {
    struct exchange *exchange;
    enum explain_reached reached;
    const struct binding *by;       /* EXPLAIN_BINDING: by this one, */
    size_t from;                    /* of that stop; unless EXPLAIN_PUBLISHED */
    const struct binding **matched; /* heap */
    size_t matched_count;           /* written down; all: */
    size_t matched_total;
    size_t unmatched_total;                     /* seen not to match */
    struct explain_near near[EXPLAIN_NEAR_MAX]; /* nearest first */
    size_t near_count;
    struct exchange *alternate; /* that took what nothing here matched; NULL: none did */
};

/* A queue that gets the message. */
struct explain_queue {
    struct queue *queue;
    const struct binding *by; /* NULL: by its name, from the default exchange */
    size_t from;              /* a stop */
};

struct explanation {
    struct explain_stop *stops; /* in the order in which they are visited; all of them */
    size_t stop_count;
    struct explain_queue *queues;
    size_t queue_count; /* written down; all: */
    size_t queue_total;
    size_t looked_at; /* bindings compared in search of near misses */
    bool cut;         /* there were more than EXPLAIN_WORK_MAX allows */
};

/* `headers` is a validated table's content. The caller ends it with explanation_fini(). */
void explain_route(struct explanation *explanation, struct exchange *exchange, struct slice key,
                   struct slice headers);
void explanation_fini(struct explanation *explanation);

#endif
