/* SPDX-License-Identifier: Apache-2.0 */
/* Timers on simulated or real time: a heap of deadlines with what to do at each. The owner of the
 * heap asks for the next deadline and runs what is due, with the time handed in.
 */
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include "base/heap.h"

struct timer {
    struct heap_node node;
    void (*run)(struct timer *timer, int64_t now_ms); /* may set, clear or free any timer */
};

struct timers {
    struct heap heap;
};

void timer_init(struct timer *timer, void (*run)(struct timer *timer, int64_t now_ms));
/* Sets or moves the deadline (monotonic milliseconds). */
void timer_set(struct timers *timers, struct timer *timer, int64_t deadline_ms);
/* Harmless when it is not set. */
void timer_clear(struct timers *timers, struct timer *timer);
bool timer_is_set(const struct timer *timer);
/* The earliest deadline; INT64_MAX when there is none. */
int64_t timers_next(const struct timers *timers);
/* Runs, earliest first, what is due at `now_ms`, at most `most` of them; returns how many ran. */
size_t timers_run(struct timers *timers, int64_t now_ms, size_t most);
void timers_fini(struct timers *timers);

#endif
