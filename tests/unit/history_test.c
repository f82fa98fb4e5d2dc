/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/history.h and base/histogram.h. */
#include "base/history.h"

#include "base/check.h"
#include "base/histogram.h"
#include "tests/support/suite.h"

static void add(struct history *history, int64_t time_ms, uint64_t a, uint64_t b)
{
    const uint64_t row[] = {a, b};
    history_add(history, time_ms, row);
}

START_TEST(the_newest_rows_are_kept)
{
    struct history *history = history_new(2, 3);

    ck_assert_uint_eq(history_count(history), 0);
    for (uint64_t i = 1; i <= 5; i++)
        add(history, (int64_t)i * 1000, i, 10 * i);
    ck_assert_uint_eq(history_count(history), 3);
    ck_assert_uint_eq(history_length(history), 3);
    for (uint32_t back = 0; back < 3; back++) {
        ck_assert_int_eq(history_time(history, back), 5000 - 1000 * (int64_t)back);
        ck_assert_uint_eq(history_row(history, back)[0], 5 - back);
        ck_assert_uint_eq(history_row(history, back)[1], 10 * (5 - back));
    }
    history_free(history);
    history_free(NULL);
}
END_TEST

START_TEST(rates_are_of_the_last_two_rows)
{
    struct history *history = history_new(2, 4);

    ck_assert_double_eq(history_rate(history, 0), 0);
    add(history, 1000, 100, 100);
    ck_assert_double_eq(history_rate(history, 0), 0);
    add(history, 6000, 600, 50);
    ck_assert_double_eq(history_rate(history, 0), 100);
    ck_assert_double_eq(history_rate(history, 1), -10);
    add(history, 6000, 700, 50); /* no time has passed: nothing can be said */
    ck_assert_double_eq(history_rate(history, 0), 0);
    history_free(history);
}
END_TEST

START_TEST(a_time_finds_the_row_of_then)
{
    struct history *history = history_new(2, 3);

    ck_assert_uint_eq(history_find(history, 5), 0);
    for (int64_t time = 1; time <= 4; time++)
        add(history, 10 * time, 0, 0);
    ck_assert_uint_eq(history_find(history, 100), 0);
    ck_assert_uint_eq(history_find(history, 40), 0);
    ck_assert_uint_eq(history_find(history, 39), 1);
    ck_assert_uint_eq(history_find(history, 20), 2);
    ck_assert_uint_eq(history_find(history, 19), 3);
    history_free(history);
}
END_TEST

START_TEST(stillness_is_counted)
{
    struct history *history = history_new(2, 3);

    add(history, 1, 1, 1);
    ck_assert_uint_eq(history_still(history), 1);
    add(history, 2, 2, 1);
    ck_assert_uint_eq(history_still(history), 1);
    for (int64_t time = 3; time < 9; time++)
        add(history, time, 2, 1);
    ck_assert_uint_eq(history_still(history), 3);
    add(history, 9, 2, 2);
    ck_assert_uint_eq(history_still(history), 1);
    history_free(history);
}
END_TEST

START_TEST(values_fall_into_their_buckets)
{
    static const struct histogram_bounds bounds = {.count = 3, .upto = {10, 20, 30}};
    static const uint64_t values[] = {0, 10, 11, 20, 30, 31, UINT32_MAX};
    static const uint64_t counts[] = {2, 2, 1, 2};
    struct histogram histogram = {0}, sum = {0};

    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        histogram_note(&histogram, &bounds, values[i]);
    histogram_add(&sum, &histogram);
    histogram_add(&sum, &histogram);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        ck_assert_uint_eq(histogram.counts[i], counts[i]);
        ck_assert_uint_eq(sum.counts[i], 2 * counts[i]);
    }
    ck_assert_uint_eq(histogram.sum, 102 + (uint64_t)UINT32_MAX);
    ck_assert_uint_eq(sum.sum, 2 * histogram.sum);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_newest_rows_are_kept, rates_are_of_the_last_two_rows, a_time_finds_the_row_of_then,
        stillness_is_counted,     values_fall_into_their_buckets,
    };
    return suite_run("history", NULL, NULL, tests, ARRAY_LEN(tests));
}
