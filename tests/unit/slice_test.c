/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/slice.h. */
#include "base/slice.h"

#include "base/mem.h"
#include "tests/support/suite.h"

#include <stdio.h>

START_TEST(equality_is_by_bytes)
{
    ck_assert(slice_equal(slice_str("abc"), slice_of("abcd", 3)));
    ck_assert(!slice_equal(slice_str("abc"), slice_str("abd")));
    ck_assert(!slice_equal(slice_str("abc"), slice_str("abcd")));
    ck_assert(slice_equal(slice_of("a\0b", 3), slice_of("a\0b", 3)));
    ck_assert(!slice_equal(slice_of("a\0b", 3), slice_of("a\0c", 3)));
    ck_assert(slice_equal_str(slice_of("queue", 5), "queue"));
}
END_TEST

START_TEST(empty_slices_are_equal_whatever_they_point_at)
{
    ck_assert(slice_equal(slice_of(NULL, 0), slice_str("")));
    ck_assert(slice_equal(slice_str(NULL), slice_of("x", 0)));
    ck_assert_int_eq(slice_compare(slice_of(NULL, 0), slice_str("")), 0);
}
END_TEST

START_TEST(order_is_by_bytes_then_length)
{
    ck_assert_int_lt(slice_compare(slice_str("a"), slice_str("b")), 0);
    ck_assert_int_gt(slice_compare(slice_str("b"), slice_str("abc")), 0);
    ck_assert_int_lt(slice_compare(slice_str("ab"), slice_str("abc")), 0);
    ck_assert_int_gt(slice_compare(slice_str("abc"), slice_str("")), 0);
    ck_assert_int_eq(slice_compare(slice_str("abc"), slice_str("abc")), 0);
    /* unsigned: 0x80 comes after 0x7f */
    ck_assert_int_gt(slice_compare(slice_str("\x80"), slice_str("\x7f")), 0);
}
END_TEST

START_TEST(starts_with)
{
    ck_assert(slice_starts_with(slice_str("amq.direct"), "amq."));
    ck_assert(slice_starts_with(slice_str("amq."), "amq."));
    ck_assert(!slice_starts_with(slice_str("amq"), "amq."));
    ck_assert(slice_starts_with(slice_str("anything"), ""));
}
END_TEST

START_TEST(dup_is_terminated_and_keeps_inner_zeros)
{
    char *copy = slice_dup(slice_of("a\0bc", 3));
    ck_assert_int_eq(memcmp(copy, "a\0b", 4), 0);
    mem_free(copy);

    copy = slice_dup(slice_of(NULL, 0));
    ck_assert_str_eq(copy, "");
    mem_free(copy);
}
END_TEST

START_TEST(prints_through_a_format)
{
    char out[16];
    snprintf(out, sizeof out, "[%.*s]", SLICE_FMT(slice_of("queueing", 5)));
    ck_assert_str_eq(out, "[queue]");
    snprintf(out, sizeof out, "[%.*s]", SLICE_FMT(slice_of(NULL, 0)));
    ck_assert_str_eq(out, "[]");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        equality_is_by_bytes,
        empty_slices_are_equal_whatever_they_point_at,
        order_is_by_bytes_then_length,
        starts_with,
        dup_is_terminated_and_keeps_inner_zeros,
        prints_through_a_format,
    };
    return suite_run("slice", NULL, NULL, tests, ARRAY_LEN(tests));
}
