/* SPDX-License-Identifier: Apache-2.0 */
/* The generator's event loop: sources (sockets) with edge-triggered epoll, and timers in
 * nanoseconds. A source that has work is in the list of the active and gets one step a turn, so that
 * a busy connection can't starve the others.
 *
 * (1) Edges: `readable` and `writable` are set by the loop and cleared by the source that has met
 *     EAGAIN.
 * (2) A source may remove itself or others during a step.
 * (3) The first failure stops the loop and is what the program ends with.
 */
#ifndef TOOLS_PERF_LOOP_H
#define TOOLS_PERF_LOOP_H

#include "base/heap.h"
#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

#define PERF_READ_SIZE ((size_t)512 << 10) /* the shared buffer that sockets are read into */

struct perf_source {
    struct list active;
    void (*step)(struct perf_source *source);
    int fd;
    bool readable;
    bool writable;
    bool hung_up; /* the peer has closed its side: what it sent before is still to be read */
};

struct perf_timer {
    struct heap_node node; /* key: monotonic ns */
    void (*run)(struct perf_timer *timer, int64_t now_ns);
};

struct perf_loop {
    struct list active;
    struct heap timers;
    int64_t now_ns; /* monotonic; as of the turn's or the step's beginning */
    uint8_t *input; /* PERF_READ_SIZE bytes; valid during one step */
    int epoll;
    bool failed;
    char failure[600]; /* a sentence, when failed */
};

/* Monotonic nanoseconds. */
int64_t perf_clock_ns(void);

void perf_loop_init(struct perf_loop *loop);
void perf_loop_fini(struct perf_loop *loop);

/* Watches source->fd, which stays the caller's. */
void perf_loop_add(struct perf_loop *loop, struct perf_source *source);
void perf_loop_remove(struct perf_loop *loop, struct perf_source *source);

/* Gives the source a step in the next turn. */
static inline void perf_loop_wake(struct perf_loop *loop, struct perf_source *source)
{
    if (!list_linked(&source->active))
        list_push_back(&loop->active, &source->active);
}

void perf_timer_init(struct perf_timer *timer, void (*run)(struct perf_timer *, int64_t));
void perf_timer_set(struct perf_loop *loop, struct perf_timer *timer, int64_t deadline_ns);
void perf_timer_clear(struct perf_loop *loop, struct perf_timer *timer);

/* Waits for something to do, at most until the next timer, and does it. */
void perf_loop_turn(struct perf_loop *loop);

/* The first call's text stays. */
void perf_loop_fail(struct perf_loop *loop, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
