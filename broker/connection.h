/* SPDX-License-Identifier: Apache-2.0 */
/* A client's connection as the broker sees it: who it is, in which virtual host, which channels and
 * exclusive queues it has. The session embeds it and implements its operations; the management
 * port makes short-lived ones of its own to act for a user.
 */
#ifndef BROKER_CONNECTION_H
#define BROKER_CONNECTION_H

#include "base/hmap.h"
#include "base/list.h"
#include "base/slice.h"
#include "broker/stats.h"

struct broker;
struct channel;
struct history;
struct reply;
struct user;
struct vhost;
struct connection;

struct connection_ops {
    /* The broker ends it (hard error): within the call the session ends all its channels and calls
     * connection_release(); it sends connection.close and goes down later. Must not free the
     * connection within the call. Afterwards `vhost` may become NULL. */
    void (*close)(struct connection *connection, const struct reply *reply);
    /* An alarm is on / all are off. Only after connection_opened(). */
    void (*blocked)(struct connection *connection, const char *reason);
    void (*unblocked)(struct connection *connection);
    /* The store advanced: held output up to vhost_durable(vhost) may go; all of it when `vhost`
     * is NULL by now. */
    void (*durable)(struct connection *connection);
};

struct connection {
    const struct connection_ops *ops;
    struct broker *broker;
    uint64_t id;                  /* of the node, never reused */
    char *name;                   /* "127.0.0.1:51234 -> 127.0.0.1:5672" */
    struct vhost *vhost;          /* NULL until connection_open_vhost() */
    struct user *user;            /* NULL until authenticated; counted reference (user_ref()) */
    struct list broker_link;      /* in broker->connections */
    struct hmap_node id_node;     /* in broker->connection_ids */
    struct list vhost_link;       /* in vhost->connections */
    struct list waiting_link;     /* in vhost->waiting */
    struct list channels;         /* struct channel.connection_link */
    struct list exclusive_queues; /* struct queue.owner_link */
    uint32_t channel_count;
    uint64_t barrier;   /* output from now on must wait until the store is durable up to
                                     here; 0: no wait. Set by the broker, taken by the session */
    uint64_t held_upto; /* the highest barrier so far: in vhost->waiting until it is met */
    bool congested;     /* its socket does not keep up: no deliveries */
    bool outruns;       /* its last message went to a queue whose consumers fall behind: it is
                                     to be read from in small helpings */
    bool publishes;     /* it has sent content: alarms hold it */
    bool told_blocked;  /* ops->blocked() was called last */
    bool internal;      /* the management port's: not counted, not listed */
    int64_t opened_wall_ms;
    struct history *history; /* the management's: its numbers over time; NULL: none */
};

/* Initialises the embedded object and enters it in the broker's list. `name` is copied. */
void connection_init(struct connection *connection, const struct connection_ops *ops,
                     struct broker *broker, const char *name);
/* Enters the virtual host after the checks of connection.open, in RabbitMQ's order: node limit,
 * virtual host's existence, its limit, the user's limit, access. connection->user is set. */
bool connection_open_vhost(struct connection *connection, struct slice vhost, struct reply *reply);
/* Closes its channels (unacknowledged messages go back), deletes its exclusive queues, leaves
 * virtual host and lists. The memory stays the caller's. */
void connection_fini(struct connection *connection);
/* Nothing is dealt to it any more: it is on its way out. */
void connection_stop_deliveries(struct connection *connection);
/* As connection_fini() but only what must happen before connection.close-ok: channels and exclusive
 * queues go; the connection stays listed. */
void connection_release(struct connection *connection);

/* NULL when it is gone. */
struct connection *connection_find(const struct broker *broker, uint64_t id);
/* Its channel of that number, or NULL: a walk over its channels. */
struct channel *connection_channel(const struct connection *connection, uint16_t number);

/* Content is coming in: from the first time on, alarms hold the connection. */
void connection_note_publish(struct connection *connection);
/* Tells the connection about a change of alarms, if it publishes. */
void connection_note_alarms(struct connection *connection);
/* Leaves its virtual host, which is going away; channels and exclusive queues are gone. */
void connection_leave_vhost(struct connection *connection);
/* Notes that output must wait until operation `seq` of the virtual host's store is durable. */
void connection_hold(struct connection *connection, uint64_t seq);
/* The operation that the virtual host's store is durable up to; UINT64_MAX without a virtual host:
 * what was held for one that is gone may go. */
uint64_t connection_durable(const struct connection *connection);
/* True while the connection must not be read from: it publishes and an alarm is on, or the
 * virtual host's store is congested. */
bool connection_paused(const struct connection *connection);
/* Has ops->durable() called when the store has advanced: the session does not read on for now. */
void connection_await_store(struct connection *connection);
/* The socket filled up or drained: stops or resumes deliveries to all its consumers. */
void connection_set_congested(struct connection *connection, bool congested);

#endif
