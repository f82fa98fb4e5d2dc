/* SPDX-License-Identifier: Apache-2.0 */
/* A channel that publishes: as fast as it may, or at a rate; with confirms, transactions or neither.
 *
 * (1) Delivery tags of confirms are oldest … next_tag-1; times[tag & mask] is when each was sent,
 *     0 once it is confirmed. At most --confirm of them are unconfirmed.
 * (2) `done` once nothing will be published any more and nothing is outstanding.
 */
#ifndef TOOLS_PERF_PRODUCER_H
#define TOOLS_PERF_PRODUCER_H

#include "tools/perf_publish.h"
#include "tools/perf_run.h"

struct perf_producer {
    struct perf_run *run;
    struct perf_link *link;
    struct perf_channel *channel;
    const struct perf_templates *templates;
    struct perf_timer due;     /* with --rate: the next message */
    uint64_t *stream_sent;     /* messages of each of its streams */
    uint32_t *stream_template; /* and their templates */
    uint32_t streams;
    uint32_t stream_first; /* the run's number of its first stream */
    uint32_t turn;         /* whose turn it is */
    uint32_t index;
    uint64_t random; /* state of the generator for --random-routing-key */
    uint64_t sent;
    uint64_t next_tag;
    uint64_t oldest;
    uint64_t unconfirmed;
    uint64_t *times;
    uint64_t times_mask;
    uint64_t in_transaction;
    int64_t commit_sent_ns; /* 0: no tx.commit is on the way */
    int64_t rate_began_ns;
    bool selected; /* confirm.select or tx.select is answered, or not needed */
};

/* `stream_first`: the streams before are other producers'. */
void perf_producer_init(struct perf_producer *producer, struct perf_run *run,
                        struct perf_link *link, struct perf_channel *channel, uint32_t index,
                        uint32_t stream_first);
void perf_producer_fini(struct perf_producer *producer);

/* Asks for confirms or transactions. */
void perf_producer_select(struct perf_producer *producer);
/* From now on it may publish. */
void perf_producer_start(struct perf_producer *producer, const struct perf_templates *templates);

/* Adds messages to the link's output while there is room and it may. */
void perf_producer_fill(struct perf_producer *producer);
void perf_producer_confirm(struct perf_producer *producer, uint64_t tag, bool multiple,
                           bool positive);
/* select-ok, commit-ok */
void perf_producer_method(struct perf_producer *producer, const struct method *method);

bool perf_producer_done(const struct perf_producer *producer);

#endif
