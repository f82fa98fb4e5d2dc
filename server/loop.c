/* SPDX-License-Identifier: Apache-2.0 */
/* Turns.
 *
 *   event_base_loop(): callbacks note ─► time ─► broker_collect() ─► timers ─► input ─►
 *   broker_dispatch() ─► broker_settle() ─► output ─► next deadline
 *
 * Readiness is level-triggered: one epoll_wait and one read a turn serve a connection, where the
 * edge-triggered form would need a second read to see EAGAIN (or the end of the stream).
 */
#include "server/loop.h"

#include "base/mem.h"
#include "broker/broker.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define TIMERS_A_TURN 1000  /* more that are due run in the next turn */
#define WAIT_MAX_MS 3600000 /* longest sleep, whatever the deadlines */

/* From a tenth of what a busy turn takes to where clients notice. */
const struct histogram_bounds LOOP_TURN_BOUNDS = {
    .count = 11,
    .upto = {10000, 30000, 100000, 300000, 1000000, 3000000, 10000000, 30000000, 100000000,
             300000000, 1000000000},
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void note_wake(evutil_socket_t fd, short what, void *context)
{
    struct loop *loop = context;
    uint64_t count;
    (void)what;
    loop->noted = true;
    if (read((int)fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
        loop->woken = true;
}

/* The deadline only ends the wait; the turn looks at the timers itself. */
static void note_deadline(evutil_socket_t fd, short what, void *context)
{
    struct loop *loop = context;
    (void)fd;
    (void)what;
    loop->noted = true;
    loop->deadline_ms = INT64_MAX;
}

bool loop_init(struct loop *loop, size_t read_buffer_size)
{
    *loop = (struct loop){.wake_fd = -1, .deadline_ms = INT64_MAX};
    list_init(&loop->input);
    list_init(&loop->output);
    loop->base = event_base_new();
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (!loop->base || loop->wake_fd < 0)
        goto fail;
    loop->wake_event = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, note_wake, loop);
    loop->deadline_event = evtimer_new(loop->base, note_deadline, loop);
    if (!loop->wake_event || !loop->deadline_event || event_add(loop->wake_event, NULL) < 0)
        goto fail;
    loop->read_buffer = mem_alloc(read_buffer_size);
    loop->read_buffer_size = read_buffer_size;
    loop_set_time(loop);
    return true;
fail:
    loop_fini(loop);
    return false;
}

void loop_fini(struct loop *loop)
{
    CHECK(list_empty(&loop->input) && list_empty(&loop->output));
    if (loop->wake_event)
        event_free(loop->wake_event);
    if (loop->deadline_event)
        event_free(loop->deadline_event);
    if (loop->base)
        event_base_free(loop->base);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    timers_fini(&loop->timers);
    mem_free(loop->read_buffer);
    *loop = (struct loop){.wake_fd = -1};
    list_init(&loop->input);
    list_init(&loop->output);
}

/* An eventfd refuses a write only when its count is full: then the loop is as good as woken. */
void loop_wake(void *context)
{
    const struct loop *loop = context;
    const uint64_t one = 1;
    ssize_t written;
    do {
        written = write(loop->wake_fd, &one, sizeof(one));
    } while (written < 0 && errno == EINTR);
}

uint64_t loop_clock_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

void loop_set_time(struct loop *loop)
{
    uint64_t now_ns = loop_clock_ns();
    loop->begun_ns = now_ns;
    loop->now_ms = (int64_t)(now_ns / 1000000u);
    loop->wall_ms = (int64_t)(clock_ns(CLOCK_REALTIME) / 1000000u);
    if (loop->broker)
        broker_set_time(loop->broker, loop->now_ms, loop->wall_ms);
}

/* -- nodes -- */

void loop_node_init(struct loop_node *node, bool (*input)(struct loop_node *node),
                    void (*output)(struct loop_node *node))
{
    list_init(&node->input_link);
    list_init(&node->output_link);
    node->input = input;
    node->output = output;
}

void loop_node_fini(struct loop_node *node)
{
    list_remove(&node->input_link);
    list_remove(&node->output_link);
}

void loop_note_input(struct loop *loop, struct loop_node *node)
{
    loop->noted = true;
    if (!list_linked(&node->input_link))
        list_push_back(&loop->input, &node->input_link);
}

void loop_note_output(struct loop *loop, struct loop_node *node)
{
    if (!list_linked(&node->output_link))
        list_push_back(&loop->output, &node->output_link);
}

/* Moves all nodes from one head to another: what is noted meanwhile waits for the next turn. */
static void take_all(struct list *from, struct list *to)
{
    list_init(to);
    if (list_empty(from))
        return;
    *to = *from;
    to->next->prev = to;
    to->prev->next = to;
    list_init(from);
}

static void run_input(struct loop *loop)
{
    struct list ready;
    take_all(&loop->input, &ready);
    while (!list_empty(&ready)) {
        struct loop_node *node = LIST_FIRST(&ready, struct loop_node, input_link);
        list_remove(&node->input_link);
        if (node->input(node))
            loop_note_input(loop, node);
    }
}

static void run_output(struct loop *loop)
{
    struct list ready;
    take_all(&loop->output, &ready);
    while (!list_empty(&ready)) {
        struct loop_node *node = LIST_FIRST(&ready, struct loop_node, output_link);
        list_remove(&node->output_link);
        node->output(node);
    }
}

/* -- turns -- */

static void note_turn(struct loop *loop)
{
    uint64_t took_ns = loop_clock_ns() - loop->begun_ns;
    histogram_note(&loop->turns, &LOOP_TURN_BOUNDS, took_ns);
    if (took_ns > loop->longest_ns[0])
        loop->longest_ns[0] = took_ns;
}

uint64_t loop_longest_ns(const struct loop *loop)
{
    return loop->longest_ns[loop->longest_ns[1] > loop->longest_ns[0]];
}

void loop_end_period(struct loop *loop)
{
    loop->longest_ns[1] = loop->longest_ns[0];
    loop->longest_ns[0] = 0;
}

static void turn(struct loop *loop)
{
    loop_set_time(loop);
    loop->more = false;
    if (loop->woken) {
        loop->woken = false;
        broker_collect(loop->broker);
        if (loop->collected)
            loop->collected(loop->collected_context);
    }
    broker_run_timers(loop->broker);
    timers_run(&loop->timers, loop->now_ms, TIMERS_A_TURN);
    run_input(loop);
    loop->dealing = broker_dispatch(loop->broker);
    if (loop->dealing)
        loop->more = true;
    broker_settle(loop->broker);
    run_output(loop);
    note_turn(loop);
}

static int64_t next_deadline(const struct loop *loop)
{
    int64_t broker = broker_next_deadline(loop->broker);
    int64_t own = timers_next(&loop->timers);
    return broker < own ? broker : own;
}

/* Sets the timer that ends the wait, if it isn't there already. */
static void set_deadline(struct loop *loop)
{
    int64_t deadline = next_deadline(loop);
    if (deadline > loop->now_ms + WAIT_MAX_MS)
        deadline = loop->now_ms + WAIT_MAX_MS;
    if (deadline == loop->deadline_ms)
        return;
    int64_t wait = deadline > loop->now_ms ? deadline - loop->now_ms : 0;
    struct timeval tv = {.tv_sec = wait / 1000, .tv_usec = wait % 1000 * 1000};
    CHECK(event_add(loop->deadline_event, &tv) == 0);
    loop->deadline_ms = deadline;
}

static bool has_more(const struct loop *loop)
{
    return loop->more || !list_empty(&loop->input) || !list_empty(&loop->output);
}

/* Looks for events until there is one or the time is over; false: there was none. */
static bool look(struct loop *loop, uint64_t from_ns, uint64_t look_ns)
{
    do {
        event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    } while (!loop->noted && loop_clock_ns() - from_ns < look_ns);
    return loop->noted;
}

static void await_events(struct loop *loop)
{
    if (loop->patience.limit_ns == 0) {
        event_base_loop(loop->base, EVLOOP_ONCE);
        return;
    }
    uint64_t from_ns = loop_clock_ns();
    uint64_t look_ns = patience_look_ns(&loop->patience);
    loop->noted = false;
    if (look_ns == 0 || !look(loop, from_ns, look_ns))
        event_base_loop(loop->base, EVLOOP_ONCE);
    patience_note(&loop->patience, loop_clock_ns() - from_ns);
}

void loop_run(struct loop *loop, struct broker *broker)
{
    loop->broker = broker;
    while (!loop->stopped) {
        turn(loop);
        if (loop->stopped)
            break;
        if (has_more(loop)) {
            event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        } else {
            set_deadline(loop);
            await_events(loop);
        }
    }
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}
