/* SPDX-License-Identifier: Apache-2.0 */
/* A channel that consumes: takes deliveries from its share of the queues, has them checked, and
 * acknowledges them.
 *
 * (1) The consumer tag of its i-th queue is the number i.
 * (2) Past its --cmessages it takes nothing any more.
 */
#ifndef TOOLS_PERF_CONSUMER_H
#define TOOLS_PERF_CONSUMER_H

#include "tools/perf_run.h"

struct perf_consumer {
    struct perf_run *run;
    struct perf_link *link;
    struct perf_channel *channel;
    uint32_t index;
    uint32_t queues;      /* that it consumes from */
    uint32_t answers_due; /* qos-ok and consume-ok */
    uint64_t received;
    uint64_t unacked; /* since the last ack */
    uint64_t last_tag;
};

void perf_consumer_init(struct perf_consumer *consumer, struct perf_run *run,
                        struct perf_link *link, struct perf_channel *channel, uint32_t index);

/* basic.qos, and basic.consume for each of its queues. */
void perf_consumer_start(struct perf_consumer *consumer);
void perf_consumer_method(struct perf_consumer *consumer, const struct method *method);
/* The channel holds a whole message. */
void perf_consumer_message(struct perf_consumer *consumer);
/* Acknowledges what --multi-ack-every holds back. */
void perf_consumer_flush(struct perf_consumer *consumer);

static inline bool perf_consumer_ready(const struct perf_consumer *consumer)
{
    return consumer->answers_due == 0;
}

/* It has its --cmessages. */
bool perf_consumer_done(const struct perf_consumer *consumer);

#endif
