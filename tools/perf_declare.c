/* SPDX-License-Identifier: Apache-2.0 */
/* Declaring many queues, binding them, and with --clean deleting them: how fast, and what each costs
 * the broker. Each of the --producers connections has its share of the queues and --in-flight
 * requests on the way.
 */
#include "base/mem.h"
#include "tools/perf_run.h"
#include "tools/perf_setup.h"

struct declare_link {
    struct perf_link link;
    struct declare *declare;
    uint32_t index;
    uint32_t next; /* of its share: the next to ask for */
    uint32_t answered;
    int64_t *asked_ns; /* a ring: when each request on the way was sent */
};

enum what {
    WHAT_DECLARE,
    WHAT_BIND,
    WHAT_DELETE,
};

struct declare {
    struct perf_run *run;
    struct perf_plan plan; /* with as many queues as are to be declared */
    struct declare_link *links;
    uint32_t link_count;
    uint32_t ready;
    uint32_t closed;
    enum what what;
    struct perf_phase *phase; /* NULL before the first one */
};

static void ask(struct declare_link *link, uint32_t queue)
{
    const struct declare *declare = link->declare;
    char name[PERF_NAME_SIZE];
    struct buf arguments = BUF_INIT;
    struct method method = perf_setup_queue(&declare->plan, queue, name, &arguments);
    switch (declare->what) {
    case WHAT_DECLARE:
        break;
    case WHAT_BIND:
        method = (struct method){.kind = METHOD_QUEUE_BIND,
                                 .queue_bind = {.queue = slice_str(name),
                                                .exchange = slice_str(declare->plan.exchange),
                                                .routing_key = slice_str(name)}};
        break;
    case WHAT_DELETE:
        method = (struct method){.kind = METHOD_QUEUE_DELETE,
                                 .queue_delete = {.queue = slice_str(name)}};
        break;
    }
    perf_link_send(&link->link, 1, &method);
    buf_fini(&arguments);
}

static void ask_more(struct declare_link *link)
{
    const struct declare *declare = link->declare;
    uint32_t share = perf_share_count(declare->plan.queues, declare->link_count, link->index);
    uint32_t in_flight = (uint32_t)declare->run->options->in_flight;
    while (link->next < share && link->next - link->answered < in_flight) {
        link->asked_ns[link->next % in_flight] = perf_clock_ns();
        ask(link, perf_share(declare->plan.queues, declare->link_count, link->index, link->next++));
    }
    perf_link_wake(&link->link);
}

static void on_ready(struct perf_link *base)
{
    struct declare_link *link = base->owner;
    link->declare->ready++;
}

static void on_method(struct perf_link *base, struct perf_channel *channel,
                      const struct method *method)
{
    struct declare_link *link = base->owner;
    struct declare *declare = link->declare;
    uint64_t in_flight = declare->run->options->in_flight;
    (void)channel;
    (void)method;
    perf_histogram_add(&declare->phase->times,
                       (uint64_t)(perf_clock_ns() - link->asked_ns[link->answered % in_flight]), 1);
    link->answered++;
    declare->phase->count++;
    declare->run->counts.published++;
    ask_more(link);
}

static void on_closed(struct perf_link *base)
{
    struct declare_link *link = base->owner;
    link->declare->closed++;
}

static bool all_ready(void *owner)
{
    const struct declare *declare = owner;
    return declare->ready == declare->link_count;
}

static bool all_answered(void *owner)
{
    const struct declare *declare = owner;
    return declare->phase->count == declare->plan.queues;
}

static bool all_closed(void *owner)
{
    const struct declare *declare = owner;
    return declare->closed == declare->link_count;
}

static bool perform(struct declare *declare, enum what what, const char *name)
{
    declare->what = what;
    declare->phase = perf_phase_begin(declare->run, name);
    for (uint32_t i = 0; i < declare->link_count; i++) {
        declare->links[i].next = declare->links[i].answered = 0;
        ask_more(&declare->links[i]);
    }
    if (!perf_run_until(declare->run, all_answered, declare))
        return false;
    perf_phase_end(declare->run, declare->phase);
    return true;
}

static void open_links(struct declare *declare)
{
    static const struct perf_link_ops ops = {
        .ready = on_ready, .method = on_method, .closed = on_closed};
    const struct perf_options *o = declare->run->options;
    declare->links = mem_zalloc(declare->link_count * sizeof(*declare->links));
    for (uint32_t i = 0; i < declare->link_count; i++) {
        struct declare_link *link = &declare->links[i];
        link->declare = declare;
        link->index = i;
        link->asked_ns = mem_zalloc(o->in_flight * sizeof(*link->asked_ns));
        perf_link_init(&link->link, &declare->run->loop, &declare->run->peer, &ops, link, 1);
        perf_link_open(&link->link);
    }
}

/* The exchange alone comes from the ordinary set-up. */
static bool declare_exchange(struct perf_run *run)
{
    uint32_t queues = run->plan.queues;
    uint32_t bindings = run->plan.bindings;
    run->plan.queues = run->plan.bindings = 0;
    bool done = perf_setup_declare(run);
    run->plan.queues = queues;
    run->plan.bindings = bindings;
    return done;
}

static bool work(struct declare *declare)
{
    struct perf_run *run = declare->run;
    bool binds = declare->plan.exchange[0];
    if (!declare_exchange(run))
        return false;
    open_links(declare);
    if (!perf_run_until(run, all_ready, declare))
        return false;
    perf_run_start(run);
    if (!perform(declare, WHAT_DECLARE, "declare") ||
        (binds && !perform(declare, WHAT_BIND, "bind")) ||
        (run->options->clean && !perform(declare, WHAT_DELETE, "delete")))
        return false;
    perf_run_end(run);
    for (uint32_t i = 0; i < declare->link_count; i++)
        perf_link_close(&declare->links[i].link);
    return perf_run_until_closed(run, all_closed, declare) && perf_setup_delete(run);
}

bool perf_declare(struct perf_run *run)
{
    struct declare declare = {
        .run = run, .plan = run->plan, .link_count = (uint32_t)run->options->producers};
    declare.plan.queues = (uint32_t)run->options->declare;
    bool done = work(&declare);
    for (uint32_t i = 0; declare.links && i < declare.link_count; i++) {
        perf_link_fini(&declare.links[i].link);
        mem_free(declare.links[i].asked_ns);
    }
    mem_free(declare.links);
    return done;
}
