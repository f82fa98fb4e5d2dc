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
#include "broker/queue.h"
#include "broker/vhost.h"

#define LANE_CLOCKS_MAX 64u /* times the clock was set; beyond, the oldest positions are off */

/* Positions below `end` were given out while the wall clock was ahead of the monotonic one by that. */
struct lane_clock {
    uint64_t end;
    int64_t offset_ms;
};

static void forget_oldest(struct lane *lane)
{
    lane->clock_count--;
    memmove(lane->clocks, lane->clocks + 1, lane->clock_count * sizeof(*lane->clocks));
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

int64_t lane_wall_offset(const struct lane *lane, uint64_t position)
{
    for (uint32_t i = 0; i < lane->clock_count; i++) {
        if (position < lane->clocks[i].end)
            return lane->clocks[i].offset_ms;
    }
    return lane->wall_offset_ms;
}

void lane_clock_fini(struct lane *lane)
{
    mem_free(lane->clocks);
    lane->clocks = NULL;
    lane->clock_count = 0;
}
