/* SPDX-License-Identifier: Apache-2.0 */
/* Log-linear histograms: a bucket is a power of two cut into equal steps. */
#include "tools/perf_histogram.h"

#include <string.h>

void perf_histogram_init(struct perf_histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
    histogram->least = UINT64_MAX;
}

/* The largest value that is counted in a bucket. */
static uint64_t bucket_top(unsigned bucket)
{
    if (bucket < 2 * PERF_HISTOGRAM_STEPS)
        return bucket;
    unsigned shift = (bucket >> PERF_HISTOGRAM_BITS) - 1;
    uint64_t step = bucket - (shift << PERF_HISTOGRAM_BITS);
    return (step << shift) + ((uint64_t)1 << shift) - 1;
}

uint64_t perf_histogram_quantile(const struct perf_histogram *histogram, double part)
{
    uint64_t wanted = (uint64_t)((double)histogram->total * part + 0.5);
    uint64_t seen = 0;

    if (histogram->total == 0)
        return 0;
    if (wanted == 0)
        return histogram->least;
    for (unsigned i = 0; i < PERF_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen >= wanted)
            return bucket_top(i) < histogram->most ? bucket_top(i) : histogram->most;
    }
    return histogram->most;
}

double perf_histogram_mean(const struct perf_histogram *histogram)
{
    return histogram->total ? (double)histogram->sum / (double)histogram->total : 0;
}
