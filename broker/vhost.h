/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual host: the unit of ownership. Its exchanges, queues, bindings, messages and connections
 * are touched by one thread and live in a database of their own.
 */
#ifndef BROKER_VHOST_H
#define BROKER_VHOST_H

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/list.h"
#include "broker/stats.h"
#include "routing/router.h"

struct broker;
struct exchange;
struct history;
struct queue;
struct reply;
struct store_db;
struct store_record;

struct vhost {
    struct hmap_node node;   /* in broker->vhosts */
    struct list broker_link; /* in broker->vhost_list */
    struct broker *broker;
    char *name;
    char *description;
    char *tags;               /* comma-separated */
    char *default_queue_type; /* NULL: the node's */
    char *metadata;           /* JSON text kept for the management API; may be NULL */
    bool tracing;
    struct store_db *db;
    uint64_t
        known_seq;    /* with this operation of the node's database it is known to the next start */
    uint64_t flushed; /* last operation of the batches before this turn's */
    struct router router;
    struct hmap exchanges; /* struct exchange by name */
    struct hmap queues;    /* struct queue by name */
    struct exchange *default_exchange;
    struct list connections; /* struct connection.vhost_link */
    uint32_t connection_count;
    struct list waiting;      /* struct connection.waiting_link: output held for the store */
    struct list dead_letters; /* struct dead_letter: to be routed before the step ends */
    bool dead_lettering;      /* they are being routed: further ones queue up */
    struct list ending;       /* struct exchange.ending_link: auto-delete, maybe unbound */
    bool ending_exchanges;    /* they are being looked at: further ones queue up */
    uint64_t inspections;     /* snapshots taken for queries in SQL */
    bool closing;             /* the broker is being freed: rows stay as they are */
    bool deleting;            /* it is found no more, and goes turn by turn */
    bool dropped;             /* nobody uses it any more: rows go with their database */
    struct list dying_link;   /* in broker->dying */
    uint64_t dying_cursor;    /* how far its objects are destroyed */
    int64_t connections_max;  /* limits; negative: none */
    int64_t queues_max;
    uint64_t ready_count; /* sums over its queues */
    uint64_t unacked_count;
    uint64_t consumer_count;
    uint64_t channel_count; /* of its connections, the management's own left out */
    struct message_stats stats;
    struct histogram message_sizes; /* of bodies published, by MESSAGE_SIZE_BOUNDS */
    struct history *history;        /* the management's: its numbers over time; NULL: none */
};

/* NULL when there is none, or when it is being deleted. */
struct vhost *vhost_find(struct broker *broker, struct slice name);
/* Has the database opened that vhost_create() will want; true: that need not wait for the disk any more.
 * Until then it is asked again whenever the store has something new; who has begun goes on to the end. */
bool vhost_prepare(struct broker *broker, struct slice name) MUST_USE;
/* Makes one with the predeclared exchanges and stores it; one that is there is returned as it is
 * (and `*created` is false). A database that a crash left behind before the node knew of it is taken
 * up with what it holds. NULL and a message when its database can't be opened or read, or a limit is
 * reached. */
struct vhost *vhost_create(struct broker *broker, struct slice name, bool *created, char *message,
                           size_t message_size);
/* Closes its connections (320 "vhost 'V' is deleted"), deletes everything in it: some hundred objects at
 * once, more by vhosts_bury(). A crash in between leaves its queues as they were. */
void vhost_delete(struct vhost *vhost);
/* Goes on with what is being deleted, a turn's share; true when there is more to do. (It may wait for
 * the store, which wakes the loop.) */
bool vhosts_bury(struct broker *broker);
/* One of that name is being deleted: until it has gone there can't be another. */
bool vhost_deleting(const struct broker *broker, struct slice name);
/* Stores description, tags, default queue type, tracing and metadata after a change. */
void vhost_save(struct vhost *vhost);
/* Limits by the API's names: "max-connections", "max-queues"; negative clears. False: no such. */
bool vhost_set_limit(struct vhost *vhost, struct slice name, int64_t value);

/* The last operation in its database that the next start will find; 0 until the virtual host itself is
 * durable, which is in another database with a writer of its own. */
uint64_t vhost_durable(const struct vhost *vhost);
/* Rows are to be written and deleted: neither is the broker being freed nor is the database. */
static inline bool vhost_keeps_rows(const struct vhost *vhost)
{
    return !vhost->closing && !vhost->dropped;
}
/* Writes or removes a record in its database, if rows are to be. */
void vhost_put_record(struct vhost *vhost, const struct store_record *record);
void vhost_remove_record(struct vhost *vhost, const struct store_record *record);

/* Loads topology and messages from its database (broker_start()). */
enum err vhost_load(struct vhost *vhost, char *message, size_t message_size) MUST_USE;
/* Opens the database of a virtual host and makes the object. */
enum err vhost_restore(struct broker *broker, struct slice name, struct vhost **vhost,
                       char *message, size_t message_size) MUST_USE;

/* Frees the object and its content without touching the store (used by broker_free()). */
void vhost_free(struct vhost *vhost);

#endif
