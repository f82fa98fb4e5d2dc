/* SPDX-License-Identifier: Apache-2.0 */
/* One run of the generator: what its parts share, and how they wait for each other.
 */
#ifndef TOOLS_PERF_RUN_H
#define TOOLS_PERF_RUN_H

#include "tools/perf_histogram.h"
#include "tools/perf_ledger.h"
#include "tools/perf_link.h"
#include "tools/perf_plan.h"
#include "tools/perf_proc.h"

struct perf_counts {
    uint64_t published; /* requests, for RPC */
    uint64_t confirmed; /* positively; or committed */
    uint64_t refused;   /* basic.nack */
    uint64_t returned;
    uint64_t delivered; /* replies, for RPC */
};

/* A stretch of the work that is measured on its own: opening, declaring, binding … */
#define PERF_PHASES_MAX 4

struct perf_phase {
    const char *name;
    uint64_t count;
    int64_t began_ns;
    int64_t ended_ns;
    struct perf_histogram times; /* of each one, ns */
    struct perf_proc broker;     /* at the end, when there is a --broker-pid */
};

struct perf_run {
    const struct perf_options *options;
    struct perf_plan plan;
    struct perf_peer peer;
    struct perf_loop loop;
    struct perf_ledger ledger;
    struct perf_source signals; /* SIGINT and SIGTERM stop the run */
    struct perf_timer progress;
    struct perf_timer stop;        /* --time */
    struct perf_histogram latency; /* from publishing to delivery; round trips, for RPC */
    struct perf_histogram recent;  /* the same, since the last line of progress */
    struct perf_histogram confirm; /* from publishing to its confirm, or commit */
    struct perf_counts counts;
    struct perf_counts shown;  /* as of the last line of progress */
    struct perf_phase *phases; /* PERF_PHASES_MAX */
    size_t phase_count;
    int64_t shown_ns;
    int64_t started_ns;
    int64_t published_ns; /* the last publish */
    int64_t delivered_ns; /* the last delivery */
    int64_t ended_ns;
    struct perf_proc before; /* the broker, when the load began */
    struct perf_proc after;
    struct perf_proc self_before;
    struct perf_proc self_after;
    uint64_t missing;
    uint64_t misrouted; /* in queues where they don't belong */
    bool stopping;      /* no more publishing */
    bool interrupted;
};

/* Resolves, and prepares the loop. False with the reason in run->loop.failure. */
bool perf_run_init(struct perf_run *run, const struct perf_options *options);
void perf_run_fini(struct perf_run *run);

/* Turns the loop until `done(owner)`; false when the run has failed or was interrupted before. */
bool perf_run_until(struct perf_run *run, bool (*done)(void *owner), void *owner);

/* Starts the clocks, the lines of progress and --time; and stops them. */
void perf_run_start(struct perf_run *run);
void perf_run_end(struct perf_run *run);

/* As perf_run_until() for connections that were told to close; a broker that leaves them open for
 * --wait seconds fails the run. */
bool perf_run_until_closed(struct perf_run *run, bool (*done)(void *owner), void *owner);

/* A new phase that begins now. */
struct perf_phase *perf_phase_begin(struct perf_run *run, const char *name);
void perf_phase_end(struct perf_run *run, struct perf_phase *phase);

/* Noting what has happened. */
static inline void perf_run_latency(struct perf_run *run, uint64_t ns)
{
    perf_histogram_add(&run->latency, ns, 1);
    perf_histogram_add(&run->recent, ns, 1);
}

/* How the load goes through its life: each kind of work is one function that does all of it and
 * returns false when the run has failed. */
bool perf_load(struct perf_run *run);    /* perf_load.c: producers and consumers */
bool perf_rpc(struct perf_run *run);     /* perf_rpc.c */
bool perf_churn(struct perf_run *run);   /* perf_churn.c: --churn and --idle */
bool perf_declare(struct perf_run *run); /* perf_declare.c */

#endif
