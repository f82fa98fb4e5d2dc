/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/outq.h. */
#include "base/outq.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/rng.h"

#include <check.h>
#include <stdlib.h>

/* A body that counts how often it is given back. */
struct body {
    uint8_t data[4096];
    unsigned released;
};

static void release(void *owner)
{
    struct body *body = owner;

    body->released++;
}

/* Takes out up to `most` of what may be written, and adds it to `out`. */
static void write_some(struct outq *queue, struct buf *out, size_t most)
{
    struct slice runs[3];
    size_t count = outq_peek(queue, runs, ARRAY_LEN(runs));
    size_t written = 0;

    for (size_t i = 0; i < count && written < most; i++) {
        size_t len = runs[i].len < most - written ? runs[i].len : most - written;
        ck_assert_uint_gt(runs[i].len, 0);
        buf_add(out, runs[i].data, len);
        written += len;
    }
    outq_drain(queue, written);
}

START_TEST(an_empty_queue_holds_nothing)
{
    struct outq queue = OUTQ_INIT;
    struct slice runs[4];

    ck_assert_uint_eq(outq_len(&queue), 0);
    ck_assert_uint_eq(outq_peek(&queue, runs, 4), 0);
    outq_add(&queue, "hello", 5);
    ck_assert_uint_eq(outq_len(&queue), 5);
    outq_drain(&queue, 5);
    ck_assert_ptr_null(queue.head);
    ck_assert_ptr_null(queue.tail);
    ck_assert_ptr_null(queue.spare);
    outq_fini(&queue);
}
END_TEST

START_TEST(small_pieces_leave_as_one_run)
{
    struct outq queue = OUTQ_INIT;
    struct slice runs[4];

    for (int i = 0; i < 100; i++) {
        uint8_t *to = outq_reserve(&queue, 64);
        memcpy(to, "abc", 3);
        outq_commit(&queue, 3);
    }
    ck_assert_uint_eq(outq_peek(&queue, runs, 4), 1);
    ck_assert_uint_eq(runs[0].len, 300);
    ck_assert_int_eq(memcmp(runs[0].data, "abcabcabc", 9), 0);
    outq_fini(&queue);
}
END_TEST

START_TEST(reserving_for_nothing_leaves_nothing)
{
    struct outq queue = OUTQ_INIT;
    struct slice runs[4];

    outq_reserve(&queue, 100);
    outq_commit(&queue, 0);
    ck_assert_ptr_null(queue.head);
    outq_add(&queue, "x", 1);
    outq_reserve(&queue, 100000);
    outq_commit(&queue, 0);
    ck_assert_uint_eq(outq_peek(&queue, runs, 4), 1);
    outq_drain(&queue, 1);
    ck_assert_ptr_null(queue.head);
    outq_fini(&queue);
}
END_TEST

START_TEST(a_borrowed_run_keeps_its_place_and_is_given_back_once)
{
    struct outq queue = OUTQ_INIT;
    struct body body = {.data = "BODY"};
    struct slice runs[4];

    outq_add(&queue, "head", 4);
    outq_add_borrowed(&queue, body.data, 4, release, &body);
    outq_add(&queue, "end", 3);
    ck_assert_uint_eq(outq_peek(&queue, runs, 4), 3);
    ck_assert(slice_equal_str(runs[0], "head"));
    ck_assert_ptr_eq(runs[1].data, body.data);
    ck_assert(slice_equal_str(runs[2], "end"));
    outq_drain(&queue, 6);
    ck_assert_uint_eq(body.released, 0);
    outq_drain(&queue, 2);
    ck_assert_uint_eq(body.released, 1);
    outq_drain(&queue, 3);
    ck_assert_ptr_null(queue.head);
    outq_fini(&queue);
    ck_assert_uint_eq(body.released, 1);
}
END_TEST

START_TEST(an_empty_body_is_given_back_at_once)
{
    struct outq queue = OUTQ_INIT;
    struct body body = {0};

    outq_add_borrowed(&queue, body.data, 0, release, &body);
    ck_assert_uint_eq(body.released, 1);
    ck_assert_ptr_null(queue.head);
    outq_fini(&queue);
}
END_TEST

START_TEST(what_is_left_is_given_back_at_the_end)
{
    struct outq queue = OUTQ_INIT;
    struct body bodies[50] = {0};

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        outq_add(&queue, "header", 6);
        outq_add_borrowed(&queue, bodies[i].data, 4096, release, &bodies[i]);
    }
    outq_drain(&queue, 4102 + 10);
    outq_fini(&queue);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        ck_assert_uint_eq(bodies[i].released, 1);
    ck_assert_ptr_null(queue.head);
}
END_TEST

START_TEST(headers_between_bodies_share_a_chunk)
{
    struct outq queue = OUTQ_INIT;
    struct body body = {0};
    const struct outq_chunk *tail = NULL;

    for (int i = 0; i < 100; i++) {
        outq_add(&queue, "a header of some length", 23);
        outq_add_borrowed(&queue, body.data, 4096, release, &body);
        if (i == 20) /* the first chunk is a small one; this is the second */
            tail = queue.tail;
    }
    ck_assert_ptr_eq(queue.tail, tail);
    outq_fini(&queue);
    ck_assert_uint_eq(body.released, 100);
}
END_TEST

START_TEST(nothing_beyond_the_limit_is_shown)
{
    struct outq queue = OUTQ_INIT;
    struct slice runs[4];

    outq_add(&queue, "before", 6);
    queue.limit = queue.added;
    outq_add(&queue, "after", 5);
    ck_assert_uint_eq(outq_ready(&queue), 6);
    ck_assert_uint_eq(outq_peek(&queue, runs, 4), 1);
    ck_assert(slice_equal_str(runs[0], "before"));
    outq_drain(&queue, 6);
    ck_assert_uint_eq(outq_ready(&queue), 0);
    ck_assert_uint_eq(outq_peek(&queue, runs, 4), 0);
    ck_assert_uint_eq(outq_len(&queue), 5);
    queue.limit = UINT64_MAX;
    ck_assert_uint_eq(outq_peek(&queue, runs, 4), 1);
    ck_assert(slice_equal_str(runs[0], "after"));
    outq_fini(&queue);
}
END_TEST

START_TEST(the_largest_reservation_is_contiguous)
{
    struct outq queue = OUTQ_INIT;
    struct slice runs[4];

    outq_add(&queue, "x", 1);
    uint8_t *to = outq_reserve(&queue, OUTQ_RESERVE_MAX);
    memset(to, 'y', OUTQ_RESERVE_MAX);
    outq_commit(&queue, OUTQ_RESERVE_MAX);
    ck_assert_uint_eq(outq_peek(&queue, runs, 4), 2);
    ck_assert_uint_eq(runs[1].len, OUTQ_RESERVE_MAX);
    ck_assert_ptr_eq(runs[1].data, to);
    outq_fini(&queue);
}
END_TEST

START_TEST(any_mixture_comes_out_as_it_went_in)
{
    struct outq queue = OUTQ_INIT;
    struct buf in = BUF_INIT;
    struct buf out = BUF_INIT;
    struct body body = {0};
    unsigned borrowed = 0;
    struct rng rng;

    rng_init_u64(&rng, (uint64_t)_i);
    rng_bytes(&rng, body.data, sizeof body.data);
    for (int step = 0; step < 2000; step++) {
        size_t len = (size_t)rng_below(&rng, 3) ? (size_t)rng_below(&rng, 60)
                                                : (size_t)rng_below(&rng, sizeof body.data);
        switch (rng_below(&rng, 5)) {
        case 0:
            outq_add_borrowed(&queue, body.data, len, release, &body);
            buf_add(&in, body.data, len);
            borrowed++;
            break;
        case 1: {
            uint8_t *to = outq_reserve(&queue, len + 10);
            memcpy(to, body.data, len);
            outq_commit(&queue, len);
            buf_add(&in, body.data, len);
            break;
        }
        case 2:
            outq_add(&queue, body.data + sizeof body.data - len, len);
            buf_add(&in, body.data + sizeof body.data - len, len);
            break;
        case 3:
            queue.limit = rng_below(&rng, 2) ? UINT64_MAX : queue.added;
            break;
        default:
            write_some(&queue, &out, (size_t)rng_below(&rng, 20000));
        }
        ck_assert_uint_eq(outq_len(&queue), in.len - out.len);
        ck_assert(outq_len(&queue) > 0 || (!queue.head && !queue.spare));
    }
    queue.limit = UINT64_MAX;
    while (outq_len(&queue) > 0)
        write_some(&queue, &out, 20000);
    ck_assert(slice_equal(buf_slice(&in), buf_slice(&out)));
    ck_assert_uint_eq(body.released, borrowed);
    outq_fini(&queue);
    buf_fini(&in);
    buf_fini(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("outq");
    TCase *tests = tcase_create("outq");
    tcase_add_test(tests, an_empty_queue_holds_nothing);
    tcase_add_test(tests, small_pieces_leave_as_one_run);
    tcase_add_test(tests, reserving_for_nothing_leaves_nothing);
    tcase_add_test(tests, a_borrowed_run_keeps_its_place_and_is_given_back_once);
    tcase_add_test(tests, an_empty_body_is_given_back_at_once);
    tcase_add_test(tests, what_is_left_is_given_back_at_the_end);
    tcase_add_test(tests, headers_between_bodies_share_a_chunk);
    tcase_add_test(tests, nothing_beyond_the_limit_is_shown);
    tcase_add_test(tests, the_largest_reservation_is_contiguous);
    tcase_add_loop_test(tests, any_mixture_comes_out_as_it_went_in, 0, 10);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
