/* SPDX-License-Identifier: Apache-2.0 */
/* Timers over the heap of deadlines. A timer is taken out of the heap before it runs, so that it
 * may set itself again or be freed. */
#include "base/timer.h"

#include "base/check.h"

void timer_init(struct timer *timer, void (*run)(struct timer *timer, int64_t now_ms))
{
    CHECK(run);
    *timer = (struct timer){.run = run};
}

void timer_set(struct timers *timers, struct timer *timer, int64_t deadline_ms)
{
    CHECK(timer->run);
    heap_move(&timers->heap, &timer->node, deadline_ms);
}

void timer_clear(struct timers *timers, struct timer *timer)
{
    heap_remove(&timers->heap, &timer->node);
}

bool timer_is_set(const struct timer *timer)
{
    return heap_linked(&timer->node);
}

int64_t timers_next(const struct timers *timers)
{
    const struct heap_node *first = heap_first(&timers->heap);

    return first ? first->key : INT64_MAX;
}

size_t timers_run(struct timers *timers, int64_t now_ms, size_t most)
{
    size_t count = 0;

    while (count < most && timers_next(timers) <= now_ms) {
        struct heap_node *node = heap_first(&timers->heap);
        if (!node)
            break; /* now_ms is INT64_MAX and nothing is set */
        struct timer *timer = CONTAINER_OF(node, struct timer, node);
        heap_remove(&timers->heap, node);
        timer->run(timer, now_ms);
        count++;
    }
    return count;
}

void timers_fini(struct timers *timers)
{
    heap_fini(&timers->heap);
}
