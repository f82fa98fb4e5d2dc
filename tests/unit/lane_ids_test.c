/* SPDX-License-Identifier: Apache-2.0 */
/* Which lane numbers are given out. */
#include "storage/lane_ids.h"
#include "tests/support/suite.h"

static struct lane_ids ids;

static void setup(void)
{
    ids = (struct lane_ids){0};
}

static void teardown(void)
{
    lane_ids_fini(&ids);
}

START_TEST(the_lowest_free_number_is_taken)
{
    for (uint32_t i = 1; i <= 1000; i++)
        ck_assert_uint_eq(lane_ids_take(&ids), i);
    lane_ids_give(&ids, 700);
    lane_ids_give(&ids, 64);
    ck_assert_uint_eq(lane_ids_take(&ids), 64);
    ck_assert_uint_eq(lane_ids_take(&ids), 700);
    ck_assert_uint_eq(lane_ids_take(&ids), 1001);
}
END_TEST

START_TEST(marked_numbers_are_passed_over)
{
    lane_ids_mark(&ids, 1);
    lane_ids_mark(&ids, 3);
    lane_ids_mark(&ids, STORE_LANES_MAX - 1);
    ck_assert_uint_eq(lane_ids_take(&ids), 2);
    ck_assert_uint_eq(lane_ids_take(&ids), 4);
}
END_TEST

START_TEST(all_can_be_taken_and_no_more)
{
    for (uint32_t i = 1; i < STORE_LANES_MAX; i++)
        ck_assert_uint_eq(lane_ids_take(&ids), i);
    ck_assert_uint_eq(lane_ids_take(&ids), 0);
    ck_assert_uint_eq(lane_ids_take(&ids), 0);
    lane_ids_give(&ids, 12345);
    ck_assert_uint_eq(lane_ids_take(&ids), 12345);
    ck_assert_uint_eq(lane_ids_take(&ids), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_lowest_free_number_is_taken,
        marked_numbers_are_passed_over,
        all_can_be_taken_and_no_more,
    };
    return suite_run("lane_ids", setup, teardown, tests, ARRAY_LEN(tests));
}
