/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines on the disk. A row says in Unix time when its message expires, as nothing else means
 * something to the next start; in memory deadlines are monotonic. When the wall clock is set, rows that
 * are there already keep the time they were given, so each lane remembers up to which position which
 * difference between the two clocks was used. A message read back expires when it would have, wherever
 * it was meanwhile.
 *
 * (1) The offset of a position never changes in one run, save for those beyond LANE_CLOCKS_MAX.
 * (2) A start takes all rows by the clock of that moment: what the clock is set by before it, it
 *     can't know.
 */
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/lane.h"
#include "broker/lane_due.h"
#include "broker/queue.h"
#include "broker/vhost.h"

/* Positions below `end` were given out while the wall clock was ahead of the monotonic one by that. */
struct lane_clock {
    uint64_t end;
    int64_t offset_ms;
};

/* Its positions are the next one's from now on. */
static void forget_oldest(struct lane *lane)
{
    lane->clock_count--;
    memmove(lane->clocks, lane->clocks + 1, lane->clock_count * sizeof(*lane->clocks));
    lane_due_merge_oldest(lane);
}

void lane_note_clock(struct lane *lane)
{
    int64_t offset_ms = lane->queue->vhost->broker->wall_offset_ms;
    if (lane->wall_offset_ms == offset_ms)
        return;
    if (lane_empty(lane)) {
        lane_clock_fini(lane);
    } else {
        if (!lane->clocks)
            lane->clocks = mem_alloc(LANE_CLOCKS_MAX * sizeof(*lane->clocks));
        if (lane->clock_count == LANE_CLOCKS_MAX)
            forget_oldest(lane);
        lane->clocks[lane->clock_count++] =
            (struct lane_clock){.end = lane->position_next, .offset_ms = lane->wall_offset_ms};
    }
    lane->wall_offset_ms = offset_ms;
}

uint32_t lane_window_of(const struct lane *lane, uint64_t position)
{
    uint32_t number = 0;
    while (number < lane->clock_count && position >= lane->clocks[number].end)
        number++;
    return number;
}

struct lane_window lane_window(const struct lane *lane, uint32_t number)
{
    bool newest = number == lane->clock_count;
    CHECK(number <= lane->clock_count);
    return (struct lane_window){
        .first = number == 0 ? 0 : lane->clocks[number - 1].end,
        .last = newest ? UINT64_MAX : lane->clocks[number].end - 1,
        .offset_ms = newest ? lane->wall_offset_ms : lane->clocks[number].offset_ms,
    };
}

int64_t lane_wall_offset(const struct lane *lane, uint64_t position)
{
    uint32_t number = lane_window_of(lane, position);
    return number == lane->clock_count ? lane->wall_offset_ms : lane->clocks[number].offset_ms;
}

void lane_clock_fini(struct lane *lane)
{
    mem_free(lane->clocks);
    lane->clocks = NULL;
    lane->clock_count = 0;
}
