/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/buf.h. */
#include "base/buf.h"
#include "tests/support/suite.h"

START_TEST(an_empty_buffer_owns_nothing)
{
    struct buf buf = BUF_INIT;
    ck_assert_uint_eq(buf_slice(&buf).len, 0);
    ck_assert_str_eq(buf_cstr(&buf), "");
    buf_fini(&buf);
    ck_assert_ptr_null(buf.data);
    ck_assert_uint_eq(buf.capacity, 0);
}
END_TEST

START_TEST(numbers_are_in_network_order)
{
    static const uint8_t want[] = {0x12, 0xab, 0xcd, 0xde, 0xad, 0xbe, 0xef, 0x01,
                                   0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    struct buf buf = BUF_INIT;
    buf_add_u8(&buf, 0x12);
    buf_add_u16(&buf, 0xabcd);
    buf_add_u32(&buf, 0xdeadbeef);
    buf_add_u64(&buf, 0x0123456789abcdef);
    ck_assert(slice_equal(buf_slice(&buf), slice_of(want, sizeof want)));
    buf_fini(&buf);
}
END_TEST

START_TEST(grows_byte_by_byte_and_keeps_its_content)
{
    struct buf buf = BUF_INIT;
    for (unsigned i = 0; i < 100000; i++)
        buf_add_u8(&buf, (uint8_t)i);
    ck_assert_uint_eq(buf.len, 100000);
    for (unsigned i = 0; i < 100000; i++)
        ck_assert_uint_eq(buf.data[i], (uint8_t)i);
    buf_fini(&buf);
}
END_TEST

START_TEST(reserve_leaves_the_length_alone)
{
    struct buf buf = BUF_INIT;
    buf_add_str(&buf, "head");
    uint8_t *room = buf_reserve(&buf, 1000);
    ck_assert_uint_eq(buf.len, 4);
    ck_assert_uint_ge(buf.capacity, 1004);
    memset(room, 'x', 1000);
    buf.len += 1000;
    ck_assert_int_eq(memcmp(buf.data, "headxxx", 7), 0);
    buf_fini(&buf);
}
END_TEST

START_TEST(clear_keeps_the_memory)
{
    struct buf buf = BUF_INIT;
    buf_add_str(&buf, "something");
    size_t capacity = buf.capacity;
    buf_clear(&buf);
    ck_assert_uint_eq(buf.len, 0);
    ck_assert_uint_eq(buf.capacity, capacity);
    buf_fini(&buf);
}
END_TEST

START_TEST(printf_fits_exactly_or_grows)
{
    struct buf buf = BUF_INIT;
    for (int len = 0; len < 300; len++) {
        buf_clear(&buf);
        buf_add_str(&buf, "ab");
        buf_printf(&buf, "%*d", len, 7);
        ck_assert_uint_eq(buf.len, 2 + (len ? (size_t)len : 1));
        ck_assert_int_eq(buf.data[buf.len - 1], '7');
        ck_assert_int_eq(memcmp(buf.data, "ab", 2), 0);
    }
    buf_fini(&buf);
}
END_TEST

START_TEST(a_length_can_be_filled_in_afterwards)
{
    struct buf buf = BUF_INIT;
    buf_add_str(&buf, "x");
    buf_add_u32(&buf, 0);
    buf_add_str(&buf, "body");
    buf_put_u32_at(&buf, 1, 0x01020304);
    ck_assert(slice_equal_str(buf_slice(&buf), "x\x01\x02\x03\x04"
                                               "body"));
    buf_fini(&buf);
}
END_TEST

START_TEST(drains_from_the_front)
{
    struct buf buf = BUF_INIT;
    buf_add_str(&buf, "abcdef");
    buf_drain(&buf, 0);
    buf_drain(&buf, 2);
    ck_assert(slice_equal_str(buf_slice(&buf), "cdef"));
    buf_add_slice(&buf, slice_str("gh"));
    buf_drain(&buf, 6);
    ck_assert_uint_eq(buf.len, 0);
    buf_fini(&buf);
}
END_TEST

START_TEST(the_c_string_view_adds_no_byte)
{
    struct buf buf = BUF_INIT;
    for (int i = 0; i < 200; i++) {
        buf_add_u8(&buf, 'q');
        ck_assert_uint_eq(strlen(buf_cstr(&buf)), (size_t)i + 1);
        ck_assert_uint_eq(buf.len, (size_t)i + 1);
    }
    buf_fini(&buf);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_empty_buffer_owns_nothing,
        numbers_are_in_network_order,
        grows_byte_by_byte_and_keeps_its_content,
        reserve_leaves_the_length_alone,
        clear_keeps_the_memory,
        printf_fits_exactly_or_grows,
        a_length_can_be_filled_in_afterwards,
        drains_from_the_front,
        the_c_string_view_adds_no_byte,
    };
    return suite_run("buf", NULL, NULL, tests, ARRAY_LEN(tests));
}
