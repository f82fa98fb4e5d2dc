/* SPDX-License-Identifier: Apache-2.0 */
/* The table of metrics (metrics.def), and what their values are worked out from. */
#ifndef MANAGEMENT_METRICS_H
#define MANAGEMENT_METRICS_H

#include "management/rates.h"

/* What a metric is one of, and its labels when it is told for each. */
#define METRIC_SCOPES(X)                                                                           \
    X(IDENTITY, "the node, named by its labels")                                                   \
    X(BUILD, "the node, its versions as labels")                                                   \
    X(NODE, "the node")                                                                            \
    X(GLOBAL, "the node, by `protocol`")                                                           \
    X(GLOBAL_QUEUES, "the node, by `protocol` and `queue_type`")                                   \
    X(DEATHS, "the node, by `queue_type` and `dead_letter_strategy`")                              \
    X(QUEUE, "each queue, by `vhost` and `queue`")                                                 \
    X(EXCHANGE, "each exchange, by `vhost` and `exchange`")                                        \
    X(CHANNEL, "each channel, by `vhost` and `channel`")                                           \
    X(CONNECTION, "each connection, by `vhost` and `connection`")

enum metric_scope {
#define X(name, text) METRIC_##name,
    METRIC_SCOPES(X)
#undef X
};

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
enum metric_unit { METRIC_NONE, METRIC_COUNT, METRIC_BYTES, METRIC_SECONDS };

/* What stands for the node, in all scopes but those of objects. */
struct metrics_node {
    struct rates_totals totals;
    struct node_facts facts;
    struct load_facts load;
    struct histogram_facts sizes;
    uint64_t vhosts, publishers, message_bytes;
    uint64_t sockets_most;
    struct login_counts logins;
    uint64_t part_work; /* see management_work_most() */
    bool memory_alarm, disk_alarm, read_alarm;
};

/* What stands for a connection; for the others it is struct queue and so on. */
struct metrics_connection {
    const struct connection *connection;
    struct connection_facts facts;
};

struct metric {
    enum metric_scope scope;
    enum metric_kind kind;
    enum metric_unit unit;
    const char *name;
    const char *families; /* separated by spaces; "": none */
    const char *meaning;
    const char *advice;
    double (*value)(const void *it); /* NAN: not known */
    const struct histogram_facts *(*histogram)(const struct metrics_node *it);
};

/* The rows in order; NULL past the end. */
const struct metric *metric_at(size_t index);
const char *metric_kind_text(enum metric_kind kind);
bool metric_in_family(const struct metric *metric, struct slice family);
/* The table as the text of docs/metrics.md. */
void metrics_describe(struct buf *out);

/* The node as it is now, without `publishers`: to count them is a walk. */
void metrics_read_node(struct metrics_node *node, const struct call *call);

enum metrics_form {
    METRICS_SUMS,    /* objects' metrics summed up */
    METRICS_OBJECTS, /* one line an object */
    METRICS_CHOSEN, /* the same of the families and virtual hosts that the query names, no others */
};
/* Answers with the text for Prometheus, in parts. */
void metrics_answer(struct call *call, enum metrics_form form);

#endif
