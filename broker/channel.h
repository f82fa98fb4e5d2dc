/* SPDX-License-Identifier: Apache-2.0 */
/* A channel's core, protocol-neutral: deliveries waiting for their acknowledgement, consumers,
 * prefetch, publisher confirms, transactions. The session embeds it and encodes what comes out.
 *
 * (1) Delivery tags count from 1; `unacked` holds them in order of tag.
 * (2) An entry is in exactly one place: a lane's ready list, or one channel's unacked ring.
 * (3) Confirms leave in the order of publishing, coalesced.
 * (4) In a transaction nothing that was published or acknowledged has any effect before the commit, which
 *     is one step and so one batch of the store.
 */
#ifndef BROKER_CHANNEL_H
#define BROKER_CHANNEL_H

#include "base/buf.h"
#include "base/hmap.h"
#include "base/list.h"
#include "base/slice.h"
#include "base/timer.h"
#include "broker/stats.h"
#include "routing/router.h"

struct channel;
struct connection;
struct consumer;
struct entry;
struct exchange;
struct history;
struct message;
struct queue;
struct reply;

/* What goes to a client: valid during the call. */
struct delivery {
    struct message *message; /* the callee takes a reference of its own if it needs one */
    struct slice properties; /* the bytes to send: the message's, or changed ones */
    uint64_t tag;
    bool redelivered;
};

struct channel_ops {
    void (*deliver)(struct channel *channel, struct slice consumer_tag,
                    const struct delivery *delivery);
    /* basic.return, before the confirm. */
    void (*returned)(struct channel *channel, struct message *message, uint16_t code,
                     const char *text);
    /* basic.ack (or nack) for publishes up to `tag` (multiple) or that one alone. */
    void (*confirmed)(struct channel *channel, uint64_t tag, bool multiple, bool nack);
    /* The broker cancelled a consumer (its queue is gone); the consumer is freed after the call. */
    void (*cancelled)(struct channel *channel, struct slice consumer_tag);
    /* An error outside of any method (acknowledgement timeout): close the channel with it. Must not
     * free the channel within the call. */
    void (*failed)(struct channel *channel, const struct reply *reply);
};

struct unacked {
    uint64_t tag;
    struct entry *entry;       /* NULL: acknowledged already */
    struct consumer *consumer; /* NULL: basic.get, or the consumer is cancelled */
    int64_t deadline_ms;       /* when its acknowledgement is overdue; INT64_MAX: never */
    bool got;                  /* by basic.get: no prefetch bounds it */
};

struct confirm {
    uint64_t tag;
    uint64_t seq; /* durable when the store is at it; 0: at once */
    bool nack;
};

struct channel {
    const struct channel_ops *ops;
    struct connection *connection;
    uint16_t number;
    struct list connection_link; /* in connection->channels */
    struct list consumers;       /* struct consumer.channel_link */
    struct hmap consumer_tags;   /* struct consumer.tag_node */
    uint32_t consumer_count;
    uint16_t prefetch_consumer; /* given to consumers started from now on; 0: no limit */
    uint16_t prefetch_global;   /* shared by all; 0: no limit */
    bool flow_active;           /* false: it is closing, and takes no deliveries */

    struct unacked *unacked; /* ring in order of tag, capacity a power of two */
    uint32_t unacked_capacity;
    uint64_t unacked_head;     /* the oldest slot, in the ring's own counting */
    uint64_t unacked_tail;     /* one past the newest */
    uint64_t tag_next;         /* next delivery's tag */
    uint32_t unacked_count;    /* unacknowledged, those in an open transaction included */
    uint32_t unacked_consumed; /* of them, consumers': what prefetch_global bounds */
    struct timer ack_timer;    /* oldest acknowledgement overdue */

    bool confirming;
    uint64_t publish_next;    /* next publish's sequence number */
    struct confirm *confirms; /* ring, capacity a power of two */
    uint32_t confirms_capacity;
    uint64_t confirms_first;     /* index of the oldest in the ring's counting */
    uint64_t confirms_last;      /* one past the newest */
    struct list confirming_link; /* in broker->confirming while confirms are due or waited for */

    struct transaction *tx; /* NULL: not transactional */

    struct hmap_node reply_node; /* in broker->reply_channels while reply_token is set */
    char *reply_token;           /* direct reply-to: opaque part of the rewritten reply_to */
    char *reply_consumer_tag;    /* NULL: no direct reply-to consumer */

    struct exchange *route_exchange; /* the last one published to, while both generations stand */
    uint64_t route_generation;
    uint64_t access_generation;
    bool topic_checked; /* the user has topic permissions to be looked at */
    struct route_result routes;
    struct buf scratch; /* property bytes in the making */
    struct message_stats stats;
    struct history *history; /* the management's: its numbers over time; NULL: none */
};

void channel_init(struct channel *channel, const struct channel_ops *ops,
                  struct connection *connection, uint16_t number);
/* Consumers go, unacknowledged messages return to their queues, a transaction is rolled back. */
void channel_fini(struct channel *channel);

/* -- publishing -- */

struct publish {
    struct slice exchange;
    struct slice key;
    bool mandatory;
    struct message *message; /* taken over, whatever the outcome */
};
/* basic.publish, its content complete. Its size was checked by the session, which knew it first. */
bool channel_publish(struct channel *channel, const struct publish *publish, struct reply *reply);

bool channel_confirm_select(struct channel *channel, struct reply *reply);
bool channel_tx_select(struct channel *channel, struct reply *reply);
bool channel_tx_commit(struct channel *channel, struct reply *reply);
bool channel_tx_rollback(struct channel *channel, struct reply *reply);

/* -- consuming -- */

/* basic.qos. */
bool channel_set_prefetch(struct channel *channel, uint16_t count, bool global,
                          struct reply *reply);

struct consume {
    struct slice queue;
    struct slice tag; /* empty: one is made */
    bool no_ack;
    bool exclusive;
    struct slice arguments; /* encoded table */
};
/* The consumer of that tag, or NULL; a direct reply-to one is none. */
struct consumer *channel_consumer(const struct channel *channel, struct slice tag);
/* basic.consume; `tag` receives the consumer's tag, valid while it lives. Deliveries begin in
 * broker_dispatch(), so after consume-ok. */
bool channel_consume(struct channel *channel, const struct consume *consume, struct slice *tag,
                     struct reply *reply);
/* basic.cancel; an unknown tag is fine. */
void channel_cancel(struct channel *channel, struct slice tag);

/* basic.get. On success `delivery->message` is NULL when the queue was empty; else it is the
 * caller's reference, and `remaining` the count of ready messages left. */
bool channel_get(struct channel *channel, struct slice queue, bool no_ack,
                 struct delivery *delivery, uint32_t *remaining, struct reply *reply);

bool channel_ack(struct channel *channel, uint64_t tag, bool multiple, struct reply *reply);
/* basic.nack and basic.reject (multiple = false). */
bool channel_nack(struct channel *channel, uint64_t tag, bool multiple, bool requeue,
                  struct reply *reply);
/* basic.recover(requeue=true): all unacknowledged messages return to their queues. */
void channel_recover(struct channel *channel);

/* Gives an entry (taken off its queue) to a consumer, or, with none, to nobody but the ring: its
 * tag. The entry is settled at once when `no_ack`. */
uint64_t channel_hand_over(struct channel *channel, struct consumer *consumer, struct entry *entry,
                           bool no_ack, struct delivery *delivery);
/* A consumer leaves: its unacknowledged entries stay the channel's. */
void channel_forget_consumer(struct channel *channel, const struct consumer *consumer);
/* A direct reply: the message goes to the channel's reply consumer. */
void channel_deliver_reply(struct channel *channel, struct message *message);

/* Sends what confirms are due (broker_settle() calls it); false when none are left waiting. */
bool channel_settle(struct channel *channel);

#endif
