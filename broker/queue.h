/* SPDX-License-Identifier: Apache-2.0 */
/* A queue: lanes of ready messages by priority, consumers waiting for them, limits and expiry.
 *
 * (1) ready_count and ready_bytes are the sums over the lanes; unacked_count is the number of its
 *     entries in channels' rings.
 * (2) A lane's entries are in order of position; a returned message goes back to its place.
 * (3) An entry with a deadline is in `expiry` exactly while it is ready: among equal deadlines in the
 *     order of delivery. Lanes have their bounds there (lane_due.h).
 * (4) A queue is in broker->runnable only if it may have both a message and a consumer for it.
 * (5) An entry is stored exactly if the queue is durable and its message persistent.
 */
#ifndef BROKER_QUEUE_H
#define BROKER_QUEUE_H

#include "base/buf.h"
#include "base/heap.h"
#include "base/hmap.h"
#include "base/list.h"
#include "base/timer.h"
#include "broker/lane.h"
#include "broker/policy.h"
#include "broker/queue_settings.h"
#include "broker/stats.h"
#include "routing/router.h"

struct channel;
struct connection;
struct consumer;
struct history;
struct message;
struct queue;
struct reply;
struct vhost;

/* One message in one queue. */
struct entry {
    struct list link;        /* in one of the lane's lists; unlinked while unacknowledged */
    struct heap_node expiry; /* in queue->expiry */
    struct message *message; /* a reference */
    struct lane *lane;
    uint64_t position;       /* in the lane */
    uint64_t stored;         /* the store's sequence number of its put; 0: not in this run */
    uint32_t delivery_count; /* failed deliveries */
    bool is_stored;          /* has a row that outlives a restart */
    bool is_spilled;         /* has one that doesn't: it had to leave memory (lane.h) */
    bool redelivered;        /* was delivered before */
    int64_t deadline_ms;     /* monotonic; INT64_MAX: never expires */
};

struct queue {
    struct route_target target;
    struct hmap_node node; /* in vhost->queues */
    struct vhost *vhost;
    char *name;
    uint32_t refs; /* entries in channels' rings and dispatch keep it in memory */
    bool deleted;  /* no longer in the vhost; freed with its last reference */
    enum queue_type type;
    bool durable;
    bool auto_delete;
    bool exclusive;
    bool had_consumer;    /* auto-delete waits for the first one to come */
    struct buf arguments; /* as declared, sorted, x-queue-type included only if given */
    struct policy_effect policies;
    struct queue_settings settings; /* its slices borrow from the two above */
    struct connection *owner;       /* of an exclusive queue */
    struct list owner_link;         /* in owner->exclusive_queues */

    struct lane **lanes;     /* by priority, made when first used; max_priority + 1 of them */
    uint64_t lanes_ready[4]; /* bit p: lane p has ready messages, paged ones included */
    uint64_t ready_count;
    uint64_t ready_bytes;
    uint64_t unacked_count;
    uint64_t unacked_bytes;
    struct heap expiry;        /* of ready entries that have a deadline, and lanes' bounds */
    struct timer expiry_timer; /* the earliest of them */
    struct timer unused_timer; /* x-expires */
    struct timer length_timer; /* more is over the limits than one step drops */

    struct list groups;             /* struct consumer_group, highest priority first */
    struct consumer *single_active; /* x-single-active-consumer: who has it */
    struct consumer *exclusive_consumer;
    struct list consumers; /* struct consumer.queue_link, oldest first */
    uint32_t consumer_count;
    struct list runnable_link; /* in broker->runnable */
    struct message_stats stats;
    struct history *history; /* the management's: its numbers over time; NULL: none */
    int64_t idle_since_wall_ms;
};

/* -- operations of a connection's user, with all their checks -- */

struct queue_declare {
    struct slice name; /* empty: one is made */
    bool passive;
    bool durable;
    bool exclusive;
    bool auto_delete;
    struct slice arguments;
};
bool queue_declare(struct connection *connection, const struct queue_declare *declare,
                   struct queue **queue, struct reply *reply);
bool queue_delete(struct connection *connection, struct slice name, bool if_unused, bool if_empty,
                  uint32_t *messages, struct reply *reply);
bool queue_purge(struct connection *connection, struct slice name, uint32_t *messages,
                 struct reply *reply);

/* -- inside the broker -- */

struct queue *queue_find(struct vhost *vhost, struct slice name);
/* As queue_find() for an operation: 404, or 405 when another connection owns it exclusively. */
struct queue *queue_lookup(struct connection *connection, struct slice name, struct reply *reply);
/* Makes and enters one, checks done; `store` writes its record too. */
struct queue *queue_create(struct vhost *vhost, const struct queue_declare *declare,
                           enum queue_type type, struct connection *owner, bool store);
/* Takes it out of the virtual host: consumers are cancelled, bindings and messages go. */
void queue_destroy(struct queue *queue);
void queue_ref(struct queue *queue);
void queue_unref(struct queue *queue);

enum append_result { APPEND_OK, APPEND_REJECTED };
/* Adds a message at its lane's end (taking a reference of its own); `*seq` is raised to the store's
 * sequence number when it was stored. Rejected: by x-overflow, or because the store is at a limit. */
enum append_result queue_append(struct queue *queue, struct message *message, uint64_t *seq);
/* The next entry to deliver, taken off its lane; NULL when there is none or it has yet to be read from
 * the disk. Its queue counts it as unacknowledged from now on. */
struct entry *queue_take(struct queue *queue);
/* As queue_take(), waiting for the disk if need be. */
struct entry *queue_take_now(struct queue *queue);
/* An entry taken is done with: acknowledged, dropped or dead-lettered. Frees it. */
void queue_settle(struct queue *queue, struct entry *entry);
/* An entry taken leaves for the dead letter exchange (or nowhere). */
void queue_reject(struct queue *queue, struct entry *entry);
/* Entries taken come back to their places, in one merge a lane. It counts for the
 * delivery limit of a quorum queue. The array is sorted here. */
void queue_return(struct queue *queue, struct entry **entries, size_t count);
/* Removes all ready messages without dead-lettering; how many. */
uint64_t queue_purge_ready(struct queue *queue);
/* Deals up to `quantum` messages; true when it could deal more. */
bool queue_dispatch(struct queue *queue, uint32_t quantum);
/* Expired messages at the head (as far as it is in memory) leave now. */
void queue_drop_expired(struct queue *queue);
/* Enters it in broker->runnable if it has messages and a consumer may take one. */
void queue_wake(struct queue *queue);
/* The lease for delivering `entry` (see lane.lease_*): makes the connection's output wait if need be. */
void queue_note_delivery(struct queue *queue, struct entry *entry, struct connection *connection);
/* x-expires: it was used just now. */
void queue_touch(struct queue *queue);
/* Other policies than before apply to it, or the same with other content: its settings are worked out
 * anew. Limits are enforced by the timers' next run, so that nothing moves in here; a message keeps the
 * time to live that it was published with. */
void queue_apply_policies(struct queue *queue);
enum policy_kind queue_policy_kind(const struct queue *queue);
/* Every invariant of the file header; for tests and the simulator. */
void queue_assert(const struct queue *queue);

#endif
