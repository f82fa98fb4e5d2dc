/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/mem.h and base/check.h. */
#include "base/mem.h"

#include <check.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct point {
    int x;
    int y;
};

START_TEST(zero_bytes_are_an_object_too)
{
    void *pointer = mem_alloc(0);
    ck_assert_ptr_nonnull(pointer);
    pointer = mem_realloc(pointer, 0);
    ck_assert_ptr_nonnull(pointer);
    mem_free(pointer);

    pointer = mem_try_alloc(0);
    ck_assert_ptr_nonnull(pointer);
    mem_free(pointer);
    mem_free(NULL);
}
END_TEST

START_TEST(new_objects_are_zeroed)
{
    struct point *point = MEM_NEW(struct point);
    ck_assert_int_eq(point->x, 0);
    ck_assert_int_eq(point->y, 0);
    mem_free(point);
}
END_TEST

START_TEST(realloc_keeps_the_content)
{
    char *text = mem_realloc(NULL, 4);
    memcpy(text, "abc", 4);
    text = mem_realloc(text, 100000);
    ck_assert_str_eq(text, "abc");
    mem_free(text);
}
END_TEST

START_TEST(an_array_grows_when_it_is_full)
{
    struct point *points = NULL;
    size_t capacity = 0;
    for (size_t count = 0; count < 1000; count++) {
        size_t before = capacity;
        points = mem_grow(points, &capacity, count, sizeof(*points));
        ck_assert_uint_gt(capacity, count);
        ck_assert(capacity == before || count == before);
        points[count] = (struct point){(int)count, -(int)count};
    }
    for (int i = 0; i < 1000; i++)
        ck_assert(points[i].x == i && points[i].y == -i);
    mem_free(points);
}
END_TEST

START_TEST(strndup_takes_a_part)
{
    char *text = mem_strndup("queue.declare", 5);
    ck_assert_str_eq(text, "queue");
    mem_free(text);
}
END_TEST

START_TEST(impossible_sizes_can_be_tried)
{
    volatile size_t size = SIZE_MAX / 2;
    ck_assert_ptr_null(mem_try_alloc(size));
}
END_TEST

START_TEST(impossible_sizes_end_the_process_otherwise)
{
    volatile size_t size = SIZE_MAX / 2;
    void *pointer = mem_alloc(size);
    mem_free(pointer);
}
END_TEST

START_TEST(a_check_that_does_not_hold_ends_the_process)
{
    volatile int one = 1;
    CHECK(one == 1);
    CHECK(one == 2);
}
END_TEST

START_TEST(the_container_is_found_from_its_member)
{
    struct point point = {0};
    ck_assert_ptr_eq(CONTAINER_OF(&point.y, struct point, y), &point);
}
END_TEST

int main(void)
{
    /* A sanitizer would stop at the sizes that cannot be had, before malloc() says so. */
    bool impossible = !getenv("ASAN_OPTIONS") && !getenv("TSAN_OPTIONS");
    Suite *suite = suite_create("mem");
    TCase *tests = tcase_create("mem");
    tcase_add_test(tests, zero_bytes_are_an_object_too);
    tcase_add_test(tests, new_objects_are_zeroed);
    tcase_add_test(tests, realloc_keeps_the_content);
    tcase_add_test(tests, an_array_grows_when_it_is_full);
    tcase_add_test(tests, strndup_takes_a_part);
    if (impossible) {
        tcase_add_test(tests, impossible_sizes_can_be_tried);
        tcase_add_test_raise_signal(tests, impossible_sizes_end_the_process_otherwise, SIGABRT);
    }
    tcase_add_test_raise_signal(tests, a_check_that_does_not_hold_ends_the_process, SIGABRT);
    tcase_add_test(tests, the_container_is_found_from_its_member);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
