/* SPDX-License-Identifier: Apache-2.0 */
/* One turn: wait, note the events, run due timers, then a step for each active source. */
#include "tools/perf_loop.h"

#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 256

int64_t perf_clock_ns(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void perf_loop_init(struct perf_loop *loop)
{
    *loop = (struct perf_loop){.timers = HEAP_INIT, .now_ns = perf_clock_ns()};
    list_init(&loop->active);
    loop->input = mem_alloc(PERF_READ_SIZE);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    CHECK(loop->epoll >= 0);
}

void perf_loop_fini(struct perf_loop *loop)
{
    close(loop->epoll);
    heap_fini(&loop->timers);
    mem_free(loop->input);
}

void perf_loop_add(struct perf_loop *loop, struct perf_source *source)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = source};
    list_init(&source->active);
    CHECK(epoll_ctl(loop->epoll, EPOLL_CTL_ADD, source->fd, &event) == 0);
}

void perf_loop_remove(struct perf_loop *loop, struct perf_source *source)
{
    list_remove(&source->active);
    CHECK(epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL) == 0);
}

void perf_timer_init(struct perf_timer *timer, void (*run)(struct perf_timer *, int64_t))
{
    *timer = (struct perf_timer){.run = run};
}

void perf_timer_set(struct perf_loop *loop, struct perf_timer *timer, int64_t deadline_ns)
{
    heap_move(&loop->timers, &timer->node, deadline_ns);
}

void perf_timer_clear(struct perf_loop *loop, struct perf_timer *timer)
{
    heap_remove(&loop->timers, &timer->node);
}

void perf_loop_fail(struct perf_loop *loop, const char *format, ...)
{
    va_list arguments;
    if (loop->failed)
        return;
    loop->failed = true;
    va_start(arguments, format);
    vsnprintf(loop->failure, sizeof(loop->failure), format, arguments);
    va_end(arguments);
}

static struct timespec patience(const struct perf_loop *loop)
{
    const struct heap_node *first = heap_first(&loop->timers);
    int64_t ns = 1000000000;
    if (!list_empty(&loop->active))
        ns = 0;
    else if (first)
        ns = first->key - perf_clock_ns();
    ns = ns < 0 ? 0 : ns;
    return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

static void wait_for_events(struct perf_loop *loop)
{
    struct epoll_event events[EVENTS_MAX];
    struct timespec timeout = patience(loop);
    int count = epoll_pwait2(loop->epoll, events, EVENTS_MAX, &timeout, NULL);
    CHECK(count >= 0 || errno == EINTR);
    for (int i = 0; i < count; i++) {
        struct perf_source *source = events[i].data.ptr;
        if (events[i].events & ~(uint32_t)EPOLLOUT)
            source->readable = true;
        if (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
            source->hung_up = true;
        if (events[i].events & EPOLLOUT)
            source->writable = true;
        perf_loop_wake(loop, source);
    }
}

static void run_timers(struct perf_loop *loop)
{
    for (struct heap_node *first = heap_first(&loop->timers);
         first && first->key <= loop->now_ns && !loop->failed; first = heap_first(&loop->timers)) {
        struct perf_timer *timer = CONTAINER_OF(first, struct perf_timer, node);
        heap_remove(&loop->timers, first);
        timer->run(timer, loop->now_ns);
    }
}

/* Each source that is active now gets one step; those that wake up meanwhile wait for the next
 * turn. */
static void step_active(struct perf_loop *loop)
{
    struct list now;
    if (list_empty(&loop->active))
        return;
    now = loop->active;
    now.next->prev = &now;
    now.prev->next = &now;
    list_init(&loop->active);
    for (struct perf_source *source = LIST_FIRST(&now, struct perf_source, active);
         source && !loop->failed; source = LIST_FIRST(&now, struct perf_source, active)) {
        list_remove(&source->active);
        source->step(source);
    }
    while (!list_empty(&now)) {
        struct list *left = now.next;
        list_remove(left);
        list_push_back(&loop->active, left);
    }
}

void perf_loop_turn(struct perf_loop *loop)
{
    wait_for_events(loop);
    loop->now_ns = perf_clock_ns();
    run_timers(loop);
    step_active(loop);
}
