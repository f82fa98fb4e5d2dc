/* SPDX-License-Identifier: Apache-2.0 */
/* Which lane numbers are given out. */
#include "storage/lane_ids.h"

#include <check.h>
#include <stdlib.h>

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
    Suite *suite = suite_create("lane_ids");
    TCase *tests = tcase_create("lane_ids");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_lowest_free_number_is_taken);
    tcase_add_test(tests, marked_numbers_are_passed_over);
    tcase_add_test(tests, all_can_be_taken_and_no_more);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
