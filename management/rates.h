/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers with their rates, as RabbitMQ's API shows them: "publish": 120 beside
 * "publish_details": {"rate": 24.0}, and with the samples of the last minutes when the query asks
 * for them (`msg_rates_age`, `msg_rates_incr` …). The rows are rates.def; the sampler takes them.
 */
#ifndef MANAGEMENT_RATES_H
#define MANAGEMENT_RATES_H

#include "broker/stats.h"
#include "management/call.h"

struct history;
struct queue;
struct vhost;

/* The kinds of objects, and what is handed over as `it` for one. */
enum rates_kind {
    RATES_NODE,       /* struct rates_totals */
    RATES_VHOST,      /* struct rates_totals */
    RATES_QUEUE,      /* struct queue */
    RATES_EXCHANGE,   /* struct exchange */
    RATES_CHANNEL,    /* struct channel */
    RATES_CONNECTION, /* struct connection_facts */
};

/* The sums of a virtual host, or of the node. */
struct rates_totals {
    struct message_stats stats;
    uint64_t ready, unacked;
    uint64_t queues, exchanges, consumers, connections, channels;
    uint64_t connections_opened, connections_closed; /* from here on the node's alone */
    uint64_t channels_opened, channels_closed;
    uint64_t queues_declared, queues_created, queues_deleted;
    uint64_t memory_used, disk_free;
    uint64_t loop_lag_us; /* the longest turn of the last seconds */
};

/* Adds a virtual host's counters, at no more than their cost. */
void rates_add_vhost(struct rates_totals *totals, const struct vhost *vhost);
/* The node without its virtual hosts: those that are gone, churn, what the host says. */
void rates_begin_node(struct rates_totals *totals, const struct management *management);

/* Numbers in a row of that kind. */
uint32_t rates_width(enum rates_kind kind);
#define RATES_WIDTH_MAX 32
void rates_read(enum rates_kind kind, const void *it, uint64_t *row);

/* Takes note of which samples the query asks for; for every call before its handler. */
void rates_read_query(struct call *call);

/* Puts the group's numbers and their details into an object. Numbers that are FACT_UNKNOWN are left
 * out. `history` NULL: it never had anything to show. */
void rates_put(const struct call *call, struct row *row, enum rates_kind kind,
               enum rates_group group, const void *it, const struct history *history);
/* The same in an object of its own. */
void rates_put_object(const struct call *call, struct row *row, const char *key,
                      enum rates_kind kind, enum rates_group group, const void *it,
                      const struct history *history);

#endif
