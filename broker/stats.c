/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of counters. */
#include "broker/stats.h"

const struct histogram_bounds MESSAGE_SIZE_BOUNDS = {
    .count = 8,
    .upto = {100, 1000, 10000, 100000, 1000000, 10000000, 50000000, 100000000},
};

void message_stats_add(struct message_stats *sum, const struct message_stats *part)
{
#define X(name, meaning) sum->name += part->name;
    MESSAGE_STATS_TABLE(X)
#undef X
}
