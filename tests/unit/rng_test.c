/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/rng.h: RFC 8439's vectors, then what we built on the block function. */
#include "base/rng.h"
#include "tests/support/suite.h"

#include <string.h>

/* RFC 8439 appendix A.1, vectors 1 and 2: key and nonce zero, blocks 0 and 1. */
START_TEST(the_stream_of_the_zero_key)
{
    static const uint8_t want[128] = {
        0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd,
        0x28, 0xbd, 0xd2, 0x19, 0xb8, 0xa0, 0x8d, 0xed, 0x1a, 0xa8, 0x36, 0xef, 0xcc, 0x8b, 0x77,
        0x0d, 0xc7, 0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48, 0x8d, 0x77, 0x24, 0xe0, 0x3f, 0xb8,
        0xd8, 0x4a, 0x37, 0x6a, 0x43, 0xb8, 0xf4, 0x15, 0x18, 0xa1, 0x1c, 0xc3, 0x87, 0xb6, 0x69,
        0xb2, 0xee, 0x65, 0x86, 0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a, 0x98, 0xba, 0x97,
        0x7c, 0x73, 0x2d, 0x08, 0x0d, 0xcb, 0x0f, 0x29, 0xa0, 0x48, 0xe3, 0x65, 0x69, 0x12, 0xc6,
        0x53, 0x3e, 0x32, 0xee, 0x7a, 0xed, 0x29, 0xb7, 0x21, 0x76, 0x9c, 0xe6, 0x4e, 0x43, 0xd5,
        0x71, 0x33, 0xb0, 0x74, 0xd8, 0x39, 0xd5, 0x31, 0xed, 0x1f, 0x28, 0x51, 0x0a, 0xfb, 0x45,
        0xac, 0xe1, 0x0a, 0x1f, 0x4b, 0x79, 0x4d, 0x6f};
    const uint8_t seed[32] = {0};
    uint8_t got[128];
    struct rng rng;

    rng_init(&rng, seed);
    rng_bytes(&rng, got, sizeof got);
    ck_assert_mem_eq(got, want, sizeof want);
}
END_TEST

/* RFC 8439 section 2.3.2: a key, a counter and a nonce all different from zero. */
START_TEST(the_block_of_the_worked_example)
{
    static const uint8_t want[64] = {
        0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
        0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
        0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
        0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
        0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e};
    uint8_t seed[32];
    uint8_t got[64];
    struct rng rng;

    for (size_t i = 0; i < sizeof seed; i++)
        seed[i] = (uint8_t)i;
    rng_init(&rng, seed);
    rng.state[12] = 1;
    rng.state[13] = 0x09000000;
    rng.state[14] = 0x4a000000;
    rng_bytes(&rng, got, sizeof got);
    ck_assert_mem_eq(got, want, sizeof want);
}
END_TEST

START_TEST(the_stream_does_not_depend_on_how_it_is_read)
{
    uint8_t whole[300];
    uint8_t parts[300];
    struct rng a;
    struct rng b;

    rng_init_u64(&a, 7);
    rng_init_u64(&b, 7);
    rng_bytes(&a, whole, sizeof whole);
    for (size_t at = 0, step = 0; at < sizeof parts; at += step) {
        step = at % 7 + 1;
        if (step > sizeof parts - at)
            step = sizeof parts - at;
        rng_bytes(&b, parts + at, step);
    }
    ck_assert_mem_eq(whole, parts, sizeof whole);
    ck_assert_uint_eq(rng_u64(&a), rng_u64(&b));
}
END_TEST

START_TEST(the_counter_carries_over)
{
    uint8_t before[64];
    uint8_t after[64];
    struct rng rng;

    rng_init_u64(&rng, 1);
    rng_bytes(&rng, before, sizeof before);
    rng.state[12] = UINT32_MAX;
    rng_bytes(&rng, after, sizeof after);
    ck_assert_uint_eq(rng.state[12], 0);
    ck_assert_uint_eq(rng.state[13], 1);
    rng_bytes(&rng, after, sizeof after);
    ck_assert_mem_ne(before, after, sizeof before);
}
END_TEST

START_TEST(seeds_differ)
{
    struct rng a;
    struct rng b;

    rng_init_u64(&a, 1);
    rng_init_u64(&b, 2);
    ck_assert_uint_ne(rng_u64(&a), rng_u64(&b));
}
END_TEST

START_TEST(below_stays_below_and_is_even)
{
    unsigned seen[7] = {0};
    struct rng rng;

    rng_init_u64(&rng, 3);
    for (int i = 0; i < 70000; i++)
        seen[rng_below(&rng, 7)]++;
    for (size_t i = 0; i < 7; i++) {
        ck_assert_uint_gt(seen[i], 9500);
        ck_assert_uint_lt(seen[i], 10500);
    }
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(rng_below(&rng, 1), 0);
    for (int i = 0; i < 100; i++)
        ck_assert_uint_lt(rng_below(&rng, UINT64_MAX), UINT64_MAX);
}
END_TEST

START_TEST(names_are_base64_of_the_stream)
{
    /* The first sixteen bytes of the zero key's stream, by any other base64 encoder. */
    const uint8_t seed[32] = {0};
    char name[23];
    char other[23];
    struct rng rng;

    rng_init(&rng, seed);
    rng_name22(&rng, name);
    ck_assert_str_eq(name, "drjgraDxPZBAXWrlU4a9KA");
    for (int i = 0; i < 1000; i++) {
        rng_name22(&rng, other);
        ck_assert_uint_eq(strlen(other), 22);
        ck_assert_str_ne(name, other);
        ck_assert_uint_eq(strspn(other, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                        "0123456789-_"),
                          22);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_stream_of_the_zero_key,
        the_block_of_the_worked_example,
        the_stream_does_not_depend_on_how_it_is_read,
        the_counter_carries_over,
        seeds_differ,
        below_stays_below_and_is_even,
        names_are_base64_of_the_stream,
    };
    return suite_run("rng", NULL, NULL, tests, ARRAY_LEN(tests));
}
