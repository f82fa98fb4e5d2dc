/* SPDX-License-Identifier: Apache-2.0 */
/* Histograms of durations: buckets, quantiles, and what happens at the ends. */
#include "tools/perf_histogram.h"

#include "base/check.h"
#include "tests/support/suite.h"

static struct perf_histogram histogram;

static void setup(void)
{
    perf_histogram_init(&histogram);
}

START_TEST(small_values_are_exact)
{
    for (uint64_t value = 0; value < 2 * PERF_HISTOGRAM_STEPS; value++)
        ck_assert_uint_eq(perf_histogram_bucket(value), value);
}
END_TEST

START_TEST(buckets_rise_without_gaps)
{
    unsigned last = 0;
    for (uint64_t value = 1; value < 1 << 20; value++) {
        unsigned bucket = perf_histogram_bucket(value);
        ck_assert(bucket == last || bucket == last + 1);
        last = bucket;
    }
    ck_assert_uint_lt(perf_histogram_bucket(INT64_MAX), PERF_HISTOGRAM_BUCKETS);
}
END_TEST

START_TEST(quantiles_are_within_a_sixty_fourth)
{
    for (uint64_t value = 1; value <= 100000; value++)
        perf_histogram_add(&histogram, value * 1000, 1);
    static const double parts[] = {0.01, 0.5, 0.9, 0.99, 0.999};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        double exact = parts[i] * 1e8;
        double found = (double)perf_histogram_quantile(&histogram, parts[i]);
        ck_assert_double_ge(found, exact * 0.9999);
        ck_assert_double_le(found, exact * (1 + 1.0 / PERF_HISTOGRAM_STEPS));
    }
    ck_assert_uint_eq(perf_histogram_quantile(&histogram, 1), 100000000);
    ck_assert_double_eq_tol(perf_histogram_mean(&histogram), 50000500, 1);
}
END_TEST

START_TEST(a_quantile_is_never_above_the_largest)
{
    perf_histogram_add(&histogram, 1000001, 3);
    ck_assert_uint_eq(perf_histogram_quantile(&histogram, 0.5), 1000001);
    ck_assert_uint_eq(histogram.least, 1000001);
    ck_assert_uint_eq(histogram.total, 3);
    ck_assert_uint_eq(histogram.sum, 3000003);
}
END_TEST

START_TEST(nothing_recorded_is_zero)
{
    ck_assert_uint_eq(perf_histogram_quantile(&histogram, 0.99), 0);
    ck_assert_double_eq(perf_histogram_mean(&histogram), 0);
}
END_TEST

START_TEST(a_clock_that_is_ahead_counts_as_now)
{
    perf_histogram_add(&histogram, (uint64_t)-5, 1);
    ck_assert_uint_eq(histogram.most, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        small_values_are_exact,
        buckets_rise_without_gaps,
        quantiles_are_within_a_sixty_fourth,
        a_quantile_is_never_above_the_largest,
        nothing_recorded_is_zero,
        a_clock_that_is_ahead_counts_as_now,
    };
    return suite_run("perf_histogram", setup, NULL, tests, ARRAY_LEN(tests));
}
