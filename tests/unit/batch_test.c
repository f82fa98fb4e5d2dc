/* SPDX-License-Identifier: Apache-2.0 */
/* Batches in memory: slots, cancelling, what is counted, and that memory comes back. */
#include "storage/batch.h"

#include "base/rng.h"
#include "tests/support/suite.h"

static struct batch *batch;
static unsigned released;

static void setup(void)
{
    released = 0;
    batch = batch_new();
    batch_reset(batch, 100);
}

static void teardown(void)
{
    batch_free(batch);
}

static void release(void *owner)
{
    unsigned *count = owner;
    (*count)++;
}

static uint64_t put(uint32_t lane, uint64_t position)
{
    struct store_message message = {
        .lane = lane, .position = position, .body = slice_str("twelve bytes")};
    batch_put(batch, &message, &released);
    return batch->first + batch->op_count - 1;
}

START_TEST(sequence_numbers_find_their_puts)
{
    uint64_t first = put(1, 10);
    batch_none(batch);
    uint64_t second = put(2, 11);
    ck_assert_uint_eq(first, 100);
    ck_assert_uint_eq(second, 102);
    ck_assert_ptr_eq(batch_find_put(batch, first, 1, 10), &batch->puts[0]);
    ck_assert_ptr_eq(batch_find_put(batch, second, 2, 11), &batch->puts[1]);
    ck_assert_ptr_null(batch_find_put(batch, 101, 1, 10));
    ck_assert_ptr_null(batch_find_put(batch, 99, 1, 10));
    ck_assert_ptr_null(batch_find_put(batch, 0, 1, 10));
}
END_TEST

START_TEST(cancelling_takes_the_bytes_along)
{
    uint64_t sequence = put(1, 1);
    uint64_t bytes = batch->bytes;
    ck_assert_uint_eq(batch->live, 1);
    batch_cancel(batch, batch_find_put(batch, sequence, 1, 1));
    ck_assert_uint_eq(batch->live, 0);
    ck_assert_uint_eq(batch->cancelled, 1);
    ck_assert_uint_ge(bytes - batch->bytes, strlen("twelve bytes"));
    ck_assert_ptr_null(batch_find_put(batch, sequence, 1, 1));
    batch_release(batch, release);
    batch_release(batch, release);
    ck_assert_uint_eq(released, 1);
}
END_TEST

START_TEST(a_lanes_deletion_finds_only_its_own_puts)
{
    for (uint64_t i = 0; i < 1000; i++)
        put((uint32_t)(i % 50 + 1), i);
    batch_lane_delete(batch, 7);
    ck_assert_uint_eq(batch->live, 1000 - 20 + 1);
    for (uint64_t i = 0; i < 1000; i++)
        ck_assert_int_eq(batch->puts[i].cancelled, i % 50 + 1 == 7);
    ck_assert_uint_eq(batch->lane_count, 50);
}
END_TEST

START_TEST(a_purge_cancels_in_its_range)
{
    for (uint64_t i = 0; i < 10; i++)
        put(1, i);
    batch_lane_purge(batch, 1, 3, 5);
    ck_assert_uint_eq(batch->live, 7 + 1);
    for (uint64_t i = 0; i < 10; i++)
        ck_assert_int_eq(batch->puts[i].cancelled, i >= 3 && i <= 5);
}
END_TEST

START_TEST(a_lane_that_comes_and_goes_leaves_nothing)
{
    batch_lane_new(batch, 9, slice_str("q"), 0);
    put(9, 1);
    batch_lane_delivered(batch, 9, 1);
    batch_lane_delivered(batch, 9, 2);
    ck_assert_uint_eq(batch->live, 3);
    batch_lane_delete(batch, 9);
    ck_assert_uint_eq(batch->live, 0);
    ck_assert_uint_eq(batch->cancelled, batch->op_count);
    ck_assert(batch->lanes[0].deleted);
}
END_TEST

/* live + cancelled is all that was appended, whatever happens. */
START_TEST(the_counts_add_up_over_random_steps)
{
    struct rng rng;
    rng_init_u64(&rng, 3);
    for (unsigned round = 0; round < 50; round++) {
        batch_reset(batch, round * 1000 + 1);
        for (unsigned step = 0; step < 300; step++) {
            uint32_t lane = (uint32_t)rng_below(&rng, 5) + round * 100 + 1;
            switch (rng_below(&rng, 5)) {
            case 0:
            case 1:
                put(lane, step);
                break;
            case 2:
                batch_lane_delivered(batch, lane, step);
                break;
            case 3:
                batch_lane_purge(batch, lane, rng_below(&rng, 300), 300);
                break;
            default:
                batch_returned(batch, lane, step, 1);
                break;
            }
            ck_assert_uint_eq(batch->live + batch->cancelled, batch->op_count);
            ck_assert_uint_eq(batch->op_count, step + 1);
        }
    }
}
END_TEST

START_TEST(a_huge_batch_gives_its_memory_back)
{
    static char name[5000];
    struct store_record record = {.kind = STORE_QUEUE,
                                  .values = {{.bytes = slice_of(name, sizeof(name))}}};
    for (uint64_t i = 0; i < 500; i++)
        put(1, i);
    size_t usual = batch->op_capacity;
    batch_reset(batch, 1);
    ck_assert_uint_eq(batch->op_capacity, usual);
    for (uint64_t i = 0; i < 20000; i++)
        put(1, i);
    batch_record(batch, BATCH_RECORD_PUT, &record);
    ck_assert_ptr_nonnull(batch->blocks);
    batch_reset(batch, 1);
    ck_assert_uint_eq(batch->op_capacity, 0);
    ck_assert_ptr_null(batch->ops);
    ck_assert_ptr_null(batch->puts);
    ck_assert_ptr_null(batch->blocks);
    ck_assert_uint_eq(batch->bytes, 0);
    put(1, 1);
    ck_assert_uint_eq(batch->op_count, 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        sequence_numbers_find_their_puts,          cancelling_takes_the_bytes_along,
        a_lanes_deletion_finds_only_its_own_puts,  a_purge_cancels_in_its_range,
        a_lane_that_comes_and_goes_leaves_nothing, the_counts_add_up_over_random_steps,
        a_huge_batch_gives_its_memory_back,
    };
    return suite_run("batch", setup, teardown, tests, ARRAY_LEN(tests));
}
