/* SPDX-License-Identifier: Apache-2.0 */
/* Connections for their own sake: opened and closed one after the other (--churn), or opened, kept
 * and closed all together (--idle). Each has one channel.
 */
#include "base/mem.h"
#include "tools/perf_run.h"

struct churn_link {
    struct perf_link link;
    struct churn *churn;
    int64_t began_ns; /* of its opening or closing */
};

struct churn {
    struct perf_run *run;
    struct churn_link *links;
    struct perf_phase *opening; /* the phase that times openings … */
    struct perf_phase *closing; /* … and closings */
    uint64_t target;            /* connections to open */
    uint64_t started;
    uint64_t opened;
    uint64_t closed;
    uint64_t slots; /* links in the array */
    int64_t keep_until_ns;
    bool keep; /* --idle: stay open */
};

static void begin(struct churn_link *link)
{
    link->churn->started++;
    link->began_ns = perf_clock_ns();
    perf_link_open(&link->link);
}

static void finish(struct churn_link *link)
{
    link->began_ns = perf_clock_ns();
    perf_link_close(&link->link);
}

static bool may_begin(const struct churn *churn)
{
    return churn->started < churn->target && !churn->run->stopping;
}

static void on_ready(struct perf_link *base)
{
    struct churn_link *link = base->owner;
    struct churn *churn = link->churn;
    churn->opened++;
    churn->opening->count++;
    perf_histogram_add(&churn->opening->times, (uint64_t)(perf_clock_ns() - link->began_ns), 1);
    if (!churn->keep)
        finish(link);
    else if (may_begin(churn))
        begin(&churn->links[churn->started]);
}

static void on_closed(struct perf_link *base)
{
    struct churn_link *link = base->owner;
    struct churn *churn = link->churn;
    churn->closed++;
    churn->closing->count++;
    perf_histogram_add(&churn->closing->times, (uint64_t)(perf_clock_ns() - link->began_ns), 1);
    if (!churn->keep && may_begin(churn))
        begin(link);
}

static void open_slots(struct churn *churn)
{
    static const struct perf_link_ops ops = {.ready = on_ready, .closed = on_closed};
    const struct perf_options *o = churn->run->options;
    churn->slots = churn->keep || o->in_flight > churn->target ? churn->target : o->in_flight;
    churn->links = mem_zalloc((churn->slots + 1) * sizeof(*churn->links));
    for (uint64_t i = 0; i < churn->slots; i++) {
        churn->links[i].churn = churn;
        perf_link_init(&churn->links[i].link, &churn->run->loop, &churn->run->peer, &ops,
                       &churn->links[i], 1);
    }
    for (uint64_t i = 0; i < o->in_flight && may_begin(churn); i++)
        begin(&churn->links[i]);
}

static bool churned(void *owner)
{
    const struct churn *churn = owner;
    churn->run->counts.published = churn->opened; /* for the line of progress */
    return churn->closed == churn->started && !may_begin(churn);
}

static bool all_open(void *owner)
{
    const struct churn *churn = owner;
    churn->run->counts.published = churn->opened;
    return churn->opened == churn->target ||
           (churn->run->stopping && churn->opened == churn->started);
}

static bool kept(void *owner)
{
    const struct churn *churn = owner;
    return churn->run->stopping || churn->run->loop.now_ns >= churn->keep_until_ns;
}

static bool all_closed(void *owner)
{
    const struct churn *churn = owner;
    return churn->closed == churn->opened;
}

/* Opens all, keeps them for --time, closes them. */
static bool idle(struct churn *churn)
{
    struct perf_run *run = churn->run;
    churn->opening = perf_phase_begin(run, "open");
    open_slots(churn);
    if (!perf_run_until(run, all_open, churn))
        return false;
    perf_phase_end(run, churn->opening);
    churn->keep_until_ns = perf_clock_ns() + (int64_t)run->options->seconds * 1000000000;
    struct perf_phase *keeping = perf_phase_begin(run, "keep");
    keeping->count = churn->opened;
    if (!perf_run_until(run, kept, churn))
        return false;
    perf_phase_end(run, keeping);
    churn->closing = perf_phase_begin(run, "close");
    for (uint64_t i = 0; i < churn->opened; i++)
        finish(&churn->links[i]);
    if (!perf_run_until_closed(run, all_closed, churn))
        return false;
    perf_phase_end(run, churn->closing);
    return true;
}

static bool churn_through(struct churn *churn)
{
    struct perf_run *run = churn->run;
    churn->opening = perf_phase_begin(run, "open");
    churn->closing = perf_phase_begin(run, "close");
    open_slots(churn);
    if (!perf_run_until(run, churned, churn))
        return false;
    perf_phase_end(run, churn->opening);
    perf_phase_end(run, churn->closing);
    return true;
}

bool perf_churn(struct perf_run *run)
{
    const struct perf_options *o = run->options;
    struct churn churn = {.run = run, .keep = o->idle > 0, .target = o->idle ? o->idle : o->churn};
    perf_run_start(run);
    if (churn.keep)
        perf_timer_clear(&run->loop, &run->stop); /* --time is counted from when all are open */
    bool done = churn.keep ? idle(&churn) : churn_through(&churn);
    perf_run_end(run);
    for (uint64_t i = 0; i < churn.slots; i++)
        perf_link_fini(&churn.links[i].link);
    mem_free(churn.links);
    return done;
}
