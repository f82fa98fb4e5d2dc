/* SPDX-License-Identifier: Apache-2.0 */
/* Log-linear histograms of durations: exact below 64 ns, within 1/64 of the value above, from
 * 1 ns to 2^63 ns in 30 KiB. Recording costs one increment.
 */
#ifndef TOOLS_PERF_HISTOGRAM_H
#define TOOLS_PERF_HISTOGRAM_H

#include <stdint.h>

#define PERF_HISTOGRAM_BITS 6 /* 2^6 steps to each power of two */
#define PERF_HISTOGRAM_STEPS (1u << PERF_HISTOGRAM_BITS)
#define PERF_HISTOGRAM_BUCKETS ((64 - PERF_HISTOGRAM_BITS) * PERF_HISTOGRAM_STEPS)

struct perf_histogram {
    uint64_t counts[PERF_HISTOGRAM_BUCKETS];
    uint64_t total; /* values recorded */
    uint64_t sum;   /* of the values, ns */
    uint64_t least; /* UINT64_MAX while nothing is recorded */
    uint64_t most;
};

void perf_histogram_init(struct perf_histogram *histogram);

/* Where a value is counted. */
static inline unsigned perf_histogram_bucket(uint64_t value)
{
    if (value < PERF_HISTOGRAM_STEPS)
        return (unsigned)value;
    unsigned shift = 63 - PERF_HISTOGRAM_BITS - (unsigned)__builtin_clzll(value);
    return (shift << PERF_HISTOGRAM_BITS) + (unsigned)(value >> shift);
}

/* `times` equal values (ns). */
static inline void perf_histogram_add(struct perf_histogram *histogram, uint64_t value,
                                      uint64_t times)
{
    if (value >> 63)
        value = 0; /* the clock of another machine, ahead of ours */
    histogram->counts[perf_histogram_bucket(value)] += times;
    histogram->total += times;
    histogram->sum += value * times;
    if (value < histogram->least)
        histogram->least = value;
    if (value > histogram->most)
        histogram->most = value;
}

/* The value that `part` (0 … 1) of the values don't exceed, to the histogram's precision; never
 * above the largest. 0 when nothing is recorded. */
uint64_t perf_histogram_quantile(const struct perf_histogram *histogram, double part);

/* The mean; 0 when nothing is recorded. */
double perf_histogram_mean(const struct perf_histogram *histogram);

#endif
