/* SPDX-License-Identifier: Apache-2.0 */
/* A histogram: how many values fell below each of a few fixed bounds, and their sum. The bounds are a
 * constant of whoever counts, so that the counts alone can be copied and added.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS_MAX 15

struct histogram_bounds {
    size_t count;
    uint64_t upto[HISTOGRAM_BOUNDS_MAX]; /* rising; a value equal to a bound is within it */
};

/* Zeroed is empty. */
struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS_MAX + 1]; /* within each bound alone; beyond the last one */
    uint64_t sum;
};

static inline void histogram_note(struct histogram *histogram,
                                  const struct histogram_bounds *bounds, uint64_t value)
{
    size_t at = 0;
    while (at < bounds->count && value > bounds->upto[at])
        at++;
    histogram->counts[at]++;
    histogram->sum += value;
}

/* Both have counted by the same bounds. */
static inline void histogram_add(struct histogram *sum, const struct histogram *part)
{
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS_MAX; i++)
        sum->counts[i] += part->counts[i];
    sum->sum += part->sum;
}

#endif
