/* SPDX-License-Identifier: Apache-2.0 */
/* The ordinary run: declare, connect consumers, connect producers, publish, wait until everything
 * has arrived, say what has not, and leave.
 */
#include "base/mem.h"
#include "tools/perf_consumer.h"
#include "tools/perf_producer.h"
#include "tools/perf_run.h"
#include "tools/perf_setup.h"

struct load {
    struct perf_run *run;
    struct perf_templates templates;
    struct perf_link *producer_links;
    struct perf_link *consumer_links;
    struct perf_producer *producers; /* plan.producers of them, channel after channel */
    struct perf_consumer *consumers;
    uint32_t links_ready;
    uint32_t links_closed;
    uint32_t producers_made; /* initialised so far */
    uint64_t expected;       /* deliveries; UINT64_MAX: unknown */
};

/* ---- callbacks ---- */

static void producer_link_ready(struct perf_link *link)
{
    struct load *load = link->owner;
    load->links_ready++;
    for (uint16_t i = 0; i < link->channel_count; i++)
        perf_producer_select(link->channels[i].owner);
    perf_link_wake(link);
}

static void producer_fill(struct perf_link *link)
{
    for (uint16_t i = 0; i < link->channel_count; i++)
        perf_producer_fill(link->channels[i].owner);
}

static void producer_method(struct perf_link *link, struct perf_channel *channel,
                            const struct method *method)
{
    (void)link;
    perf_producer_method(channel->owner, method);
}

static void producer_confirm(struct perf_channel *channel, uint64_t tag, bool multiple,
                             bool positive)
{
    perf_producer_confirm(channel->owner, tag, multiple, positive);
}

/* Only returned messages come to a producer. */
static void producer_message(struct perf_link *link, struct perf_channel *channel)
{
    struct load *load = link->owner;
    (void)channel;
    load->run->counts.returned++;
}

static void consumer_link_ready(struct perf_link *link)
{
    struct load *load = link->owner;
    load->links_ready++;
    for (uint16_t i = 0; i < link->channel_count; i++)
        perf_consumer_start(link->channels[i].owner);
}

static void consumer_method(struct perf_link *link, struct perf_channel *channel,
                            const struct method *method)
{
    (void)link;
    perf_consumer_method(channel->owner, method);
}

static void consumer_message(struct perf_link *link, struct perf_channel *channel)
{
    (void)link;
    perf_consumer_message(channel->owner);
}

static void link_closed(struct perf_link *link)
{
    struct load *load = link->owner;
    load->links_closed++;
}

static const struct perf_link_ops PRODUCER_OPS = {
    .ready = producer_link_ready,
    .fill = producer_fill,
    .method = producer_method,
    .message = producer_message,
    .confirm = producer_confirm,
    .closed = link_closed,
};

static const struct perf_link_ops CONSUMER_OPS = {
    .ready = consumer_link_ready,
    .method = consumer_method,
    .message = consumer_message,
    .closed = link_closed,
};

/* ---- opening ---- */

static struct perf_link *make_links(struct load *load, uint64_t count, uint64_t channels,
                                    const struct perf_link_ops *ops)
{
    struct perf_link *links = mem_zalloc((count + 1) * sizeof(*links));
    for (uint64_t i = 0; i < count; i++)
        perf_link_init(&links[i], &load->run->loop, &load->run->peer, ops, load,
                       (uint16_t)channels);
    return links;
}

static bool make_producers(struct load *load)
{
    struct perf_run *run = load->run;
    uint64_t channels = run->options->producer_channels;
    uint64_t streams = 0;
    for (uint32_t i = 0; i < run->plan.producers; i++) {
        struct perf_link *link = &load->producer_links[i / channels];
        struct perf_channel *channel = &link->channels[i % channels];
        perf_producer_init(&load->producers[i], run, link, channel, i, (uint32_t)streams);
        channel->owner = &load->producers[i];
        load->producers_made++;
        streams += load->producers[i].streams;
        if (streams > PERF_STREAMS_MAX) {
            perf_loop_fail(&run->loop, "producers times keys times priorities must be below %u",
                           PERF_STREAMS_MAX);
            return false;
        }
    }
    return true;
}

static bool make(struct load *load)
{
    struct perf_run *run = load->run;
    const struct perf_options *o = run->options;
    load->producers = mem_zalloc((run->plan.producers + 1u) * sizeof(*load->producers));
    load->consumers = mem_zalloc((run->plan.consumers + 1u) * sizeof(*load->consumers));
    load->producer_links = make_links(load, o->producers, o->producer_channels, &PRODUCER_OPS);
    load->consumer_links = make_links(load, o->consumers, o->consumer_channels, &CONSUMER_OPS);
    for (uint32_t i = 0; i < run->plan.consumers; i++) {
        struct perf_link *link = &load->consumer_links[i / o->consumer_channels];
        struct perf_channel *channel = &link->channels[i % o->consumer_channels];
        perf_consumer_init(&load->consumers[i], run, link, channel, i);
        channel->owner = &load->consumers[i];
    }
    return make_producers(load);
}

static bool consumers_ready(void *owner)
{
    const struct load *load = owner;
    if (load->links_ready < load->run->options->consumers)
        return false;
    for (uint32_t i = 0; i < load->run->plan.consumers; i++)
        if (!perf_consumer_ready(&load->consumers[i]))
            return false;
    return true;
}

static bool producers_ready(void *owner)
{
    const struct load *load = owner;
    const struct perf_options *o = load->run->options;
    if (load->links_ready < o->consumers + o->producers)
        return false;
    for (uint32_t i = 0; i < load->run->plan.producers; i++)
        if (!load->producers[i].selected)
            return false;
    return true;
}

/* Connections open a few at a time: a listener's backlog is short. */
#define OPENING_MAX 64

struct opening {
    struct load *load;
    struct perf_link *links;
    uint64_t count;
    uint64_t opened;
    uint32_t ready_before;
    bool (*done)(void *owner);
};

static bool open_more(void *owner)
{
    struct opening *opening = owner;
    uint64_t ready = opening->load->links_ready - opening->ready_before;
    while (opening->opened < opening->count && opening->opened - ready < OPENING_MAX)
        perf_link_open(&opening->links[opening->opened++]);
    return opening->opened == opening->count && opening->done(opening->load);
}

static bool open_links(struct load *load, struct perf_link *links, uint64_t count,
                       bool (*done)(void *owner))
{
    struct opening opening = {.load = load,
                              .links = links,
                              .count = count,
                              .ready_before = load->links_ready,
                              .done = done};
    return perf_run_until(load->run, open_more, &opening);
}

/* The clocks start before the consumers when they are all there is. */
static bool open_all(struct load *load)
{
    struct perf_run *run = load->run;
    const struct perf_options *o = run->options;
    if (o->producers == 0)
        perf_run_start(run);
    if (!open_links(load, load->consumer_links, o->consumers, consumers_ready) ||
        !open_links(load, load->producer_links, o->producers, producers_ready))
        return false;
    if (o->producers == 0)
        return true;
    if (!perf_templates_init(&load->templates, &run->plan, load->producer_links[0].frame_max,
                             (uint16_t)o->producer_channels, NULL, run->loop.failure,
                             sizeof(run->loop.failure))) {
        run->loop.failed = true;
        return false;
    }
    perf_run_start(run);
    for (uint32_t i = 0; i < run->plan.producers; i++)
        perf_producer_start(&load->producers[i], &load->templates);
    return true;
}

/* ---- waiting for the end ---- */

static bool publishing_done(void *owner)
{
    struct load *load = owner;
    struct perf_run *run = load->run;
    int64_t patience = (int64_t)run->options->confirm_timeout * 1000000000;
    bool done = true;
    for (uint32_t i = 0; i < run->plan.producers && done; i++)
        done = perf_producer_done(&load->producers[i]);
    bool waiting = run->counts.confirmed + run->counts.refused < run->counts.published &&
                   (run->options->confirm || run->options->tx_size);
    if (!done && waiting && run->loop.now_ns - run->published_ns > patience)
        perf_loop_fail(&run->loop, "%llu messages were not confirmed within %llu seconds",
                       (unsigned long long)(run->counts.published - run->counts.confirmed -
                                            run->counts.refused),
                       (unsigned long long)run->options->confirm_timeout);
    return done;
}

/* What each queue that has consumers should have got. */
static uint64_t count_expected(const struct load *load)
{
    const struct perf_run *run = load->run;
    const struct perf_counts *counts = &run->counts;
    uint64_t lost = counts->refused + counts->returned;
    uint64_t copies = perf_plan_route_count(&run->plan);
    return lost < counts->published ? (counts->published - lost) * copies : 0;
}

static bool consumers_done(const struct load *load)
{
    for (uint32_t i = 0; i < load->run->plan.consumers; i++)
        if (!perf_consumer_done(&load->consumers[i]))
            return false;
    return true;
}

/* What counts as arrived: not what others have left in the queues. */
static uint64_t arrived(const struct perf_run *run)
{
    return run->ledger.received - run->ledger.foreign - run->ledger.duplicates;
}

static bool delivery_done(void *owner)
{
    const struct load *load = owner;
    const struct perf_run *run = load->run;
    if (consumers_done(load))
        return true;
    if (run->stopping && run->options->producers == 0)
        return true;
    if (run->options->producers == 0 && run->options->consumer_messages == 0)
        return false;
    if (run->options->producers && arrived(run) >= load->expected)
        return true;
    int64_t last = run->delivered_ns > run->published_ns ? run->delivered_ns : run->published_ns;
    return run->loop.now_ns - last > (int64_t)run->options->wait * 1000000000;
}

static bool all_closed(void *owner)
{
    const struct load *load = owner;
    return load->links_closed == load->links_ready;
}

static bool leave(struct load *load)
{
    const struct perf_options *o = load->run->options;
    for (uint32_t i = 0; i < load->run->plan.consumers; i++)
        perf_consumer_flush(&load->consumers[i]);
    for (uint64_t i = 0; i < o->consumers; i++)
        perf_link_close(&load->consumer_links[i]);
    for (uint64_t i = 0; i < o->producers; i++)
        perf_link_close(&load->producer_links[i]);
    return perf_run_until_closed(load->run, all_closed, load);
}

/* ---- the account ---- */

static void count_missing(struct load *load)
{
    struct perf_run *run = load->run;
    const struct perf_plan *plan = &run->plan;
    uint32_t priorities = load->templates.priorities;
    uint64_t sent = 0;
    for (uint32_t p = 0; p < plan->producers; p++) {
        const struct perf_producer *producer = &load->producers[p];
        for (uint32_t s = 0; s < producer->streams; s++) {
            uint32_t key = producer->stream_template[s] / priorities;
            sent += producer->stream_sent[s] * perf_plan_route_count(plan);
            for (uint32_t i = 0; i < perf_plan_route_count(plan); i++)
                run->missing +=
                    perf_ledger_missing(&run->ledger, producer->stream_first + s,
                                        perf_plan_route(plan, key, i), producer->stream_sent[s]);
        }
    }
    /* Arrived and missing make up all that was sent, but for what came where it shouldn't. */
    if (arrived(run) + run->missing > sent)
        run->misrouted = arrived(run) + run->missing - sent;
    uint64_t excused = (run->counts.refused + run->counts.returned) * perf_plan_route_count(plan);
    run->missing -= run->missing < excused ? run->missing : excused;
}

/* What consumers that have a number to get have not got. */
static uint64_t count_ungot(const struct load *load)
{
    uint64_t target = load->run->options->consumer_messages;
    uint64_t ungot = 0;
    for (uint32_t i = 0; i < load->run->plan.consumers; i++)
        ungot += target > load->consumers[i].received ? target - load->consumers[i].received : 0;
    return ungot;
}

/* With --cmessages, or bodies that hold no stamp, only totals can be compared. */
static void verify(struct load *load)
{
    struct perf_run *run = load->run;
    const struct perf_options *o = run->options;
    if (o->no_verify || o->consumers == 0)
        return;
    if (o->producers == 0)
        run->missing = perf_ledger_holes(&run->ledger) + (run->stopping ? 0 : count_ungot(load));
    else if (o->consumer_messages)
        return;
    else if (load->templates.stamp_len)
        count_missing(load);
    else if (arrived(run) < load->expected)
        run->missing = load->expected - arrived(run);
    else
        run->misrouted = arrived(run) - load->expected;
}

static bool work(struct load *load)
{
    struct perf_run *run = load->run;
    if (!make(load) || !perf_setup_declare(run) || !open_all(load) ||
        !perf_run_until(run, publishing_done, load))
        return false;
    run->stopping = run->stopping || run->options->producers > 0;
    load->expected = count_expected(load);
    if (run->options->consumers && !perf_run_until(run, delivery_done, load))
        return false;
    perf_run_end(run);
    if (!leave(load))
        return false;
    verify(load);
    return perf_setup_delete(run);
}

bool perf_load(struct perf_run *run)
{
    struct load load = {.run = run};
    bool done = work(&load);
    const struct perf_options *o = run->options;
    for (uint32_t i = 0; i < load.producers_made; i++)
        perf_producer_fini(&load.producers[i]);
    for (uint64_t i = 0; load.consumer_links && i < o->consumers; i++)
        perf_link_fini(&load.consumer_links[i]);
    for (uint64_t i = 0; load.producer_links && i < o->producers; i++)
        perf_link_fini(&load.producer_links[i]);
    perf_templates_fini(&load.templates);
    mem_free(load.consumer_links);
    mem_free(load.producer_links);
    mem_free(load.consumers);
    mem_free(load.producers);
    return done;
}
