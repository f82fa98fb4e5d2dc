/* SPDX-License-Identifier: Apache-2.0 */
/* Topology over one channel: requests go out in a row, answers are counted. */
#include "tools/perf_setup.h"

#include "tools/perf_publish.h"

#define AHEAD_MAX 256 /* requests on the way: some brokers fall over thousands of them */

enum task {
    TASK_DELETE_QUEUE,
    TASK_DELETE_EXCHANGE,
    TASK_DECLARE_EXCHANGE,
    TASK_DECLARE_QUEUE,
    TASK_BIND,
    TASK_COUNT,
};

/* Tasks are done in the order of their numbers, each `counts[task]` times. */
struct setup {
    struct perf_run *run;
    struct perf_link link;
    uint32_t counts[TASK_COUNT];
    uint32_t next; /* of the current task */
    enum task task;
    uint32_t answers_due;
    bool open;
    bool closed;
};

static void send(struct setup *setup, const struct method *method)
{
    perf_link_send(&setup->link, 1, method);
    setup->answers_due++;
}

static void delete_queue(struct setup *setup, uint32_t queue)
{
    char name[PERF_NAME_SIZE];
    perf_plan_queue_name(&setup->run->plan, queue, name);
    struct method method = {.kind = METHOD_QUEUE_DELETE,
                            .queue_delete = {.queue = slice_str(name)}};
    send(setup, &method);
}

static void delete_exchange(struct setup *setup)
{
    struct method method = {.kind = METHOD_EXCHANGE_DELETE,
                            .exchange_delete = {.exchange = slice_str(setup->run->plan.exchange)}};
    send(setup, &method);
}

static void declare_exchange(struct setup *setup)
{
    const struct perf_run *run = setup->run;
    struct method method = {.kind = METHOD_EXCHANGE_DECLARE,
                            .exchange_declare = {.exchange = slice_str(run->plan.exchange),
                                                 .type = slice_str(run->options->type),
                                                 .durable = run->options->flags & PERF_PERSISTENT}};
    send(setup, &method);
}

struct method perf_setup_queue(const struct perf_plan *plan, uint32_t queue,
                               char name[PERF_NAME_SIZE], struct buf *arguments)
{
    perf_plan_queue_name(plan, queue, name);
    buf_clear(arguments);
    perf_pairs_add(arguments, plan->options->queue_args);
    if (plan->options->quorum)
        perf_pairs_add(arguments, "x-queue-type=quorum");
    return (struct method){.kind = METHOD_QUEUE_DECLARE,
                           .queue_declare = {.queue = slice_str(name),
                                             .durable = plan->options->flags & PERF_PERSISTENT,
                                             .auto_delete = plan->options->auto_delete,
                                             .arguments = buf_slice(arguments)}};
}

static void declare_queue(struct setup *setup, uint32_t queue)
{
    char name[PERF_NAME_SIZE];
    struct buf arguments = BUF_INIT;
    struct method method = perf_setup_queue(&setup->run->plan, queue, name, &arguments);
    send(setup, &method);
    buf_fini(&arguments);
}

static void bind(struct setup *setup, uint32_t binding)
{
    const struct perf_plan *plan = &setup->run->plan;
    char name[PERF_NAME_SIZE];
    char key[PERF_NAME_SIZE];
    struct buf arguments = BUF_INIT;
    uint32_t queue = perf_plan_binding(plan, binding, key, &arguments);
    perf_plan_queue_name(plan, queue, name);
    struct method method = {.kind = METHOD_QUEUE_BIND,
                            .queue_bind = {.queue = slice_str(name),
                                           .exchange = slice_str(plan->exchange),
                                           .routing_key = slice_str(key),
                                           .arguments = buf_slice(&arguments)}};
    send(setup, &method);
    buf_fini(&arguments);
}

static void perform(struct setup *setup, enum task task, uint32_t i)
{
    switch (task) {
    case TASK_DELETE_QUEUE:
        delete_queue(setup, i);
        return;
    case TASK_DELETE_EXCHANGE:
        delete_exchange(setup);
        return;
    case TASK_DECLARE_EXCHANGE:
        declare_exchange(setup);
        return;
    case TASK_DECLARE_QUEUE:
        declare_queue(setup, i);
        return;
    case TASK_BIND:
        bind(setup, i);
        return;
    case TASK_COUNT:
        break;
    }
    UNREACHABLE();
}

static void send_more(struct setup *setup)
{
    while (setup->task < TASK_COUNT && setup->answers_due < AHEAD_MAX) {
        if (setup->next < setup->counts[setup->task]) {
            perform(setup, setup->task, setup->next++);
        } else {
            setup->task++;
            setup->next = 0;
        }
    }
}

static void on_ready(struct perf_link *link)
{
    struct setup *setup = link->owner;
    setup->open = true;
    send_more(setup);
    perf_link_wake(link);
}

static void on_method(struct perf_link *link, struct perf_channel *channel,
                      const struct method *method)
{
    struct setup *setup = link->owner;
    (void)channel;
    (void)method;
    CHECK(setup->answers_due > 0);
    setup->answers_due--;
    send_more(setup);
}

static void on_closed(struct perf_link *link)
{
    struct setup *setup = link->owner;
    setup->closed = true;
}

static bool is_done(void *owner)
{
    const struct setup *setup = owner;
    return setup->open && setup->task == TASK_COUNT && setup->answers_due == 0;
}

static bool is_closed(void *owner)
{
    const struct setup *setup = owner;
    return setup->closed;
}

static bool work(struct setup *setup)
{
    static const struct perf_link_ops ops = {
        .ready = on_ready, .method = on_method, .closed = on_closed};
    perf_link_init(&setup->link, &setup->run->loop, &setup->run->peer, &ops, setup, 1);
    perf_link_open(&setup->link);
    bool done = perf_run_until(setup->run, is_done, setup);
    if (done) {
        perf_link_close(&setup->link);
        done = perf_run_until_closed(setup->run, is_closed, setup);
    }
    perf_link_fini(&setup->link);
    return done;
}

bool perf_setup_declare(struct perf_run *run)
{
    const struct perf_plan *plan = &run->plan;
    struct setup setup = {.run = run};
    if (run->options->predeclared)
        return true;
    if (run->options->clean) {
        setup.counts[TASK_DELETE_QUEUE] = plan->queues;
        setup.counts[TASK_DELETE_EXCHANGE] = plan->declare_exchange;
    }
    setup.counts[TASK_DECLARE_EXCHANGE] = plan->declare_exchange;
    setup.counts[TASK_DECLARE_QUEUE] = plan->queues;
    setup.counts[TASK_BIND] = plan->bindings;
    return work(&setup);
}

bool perf_setup_delete(struct perf_run *run)
{
    struct setup setup = {.run = run};
    if (!run->options->clean || run->options->predeclared)
        return true;
    setup.counts[TASK_DELETE_QUEUE] = run->plan.queues;
    setup.counts[TASK_DELETE_EXCHANGE] = run->plan.declare_exchange;
    return work(&setup);
}
