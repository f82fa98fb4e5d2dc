/* SPDX-License-Identifier: Apache-2.0 */
/* The account of what arrived: missing, doubled, out of order, and what must not be taken for it. */
#include "tools/perf_ledger.h"

#include "base/rng.h"
#include "tests/support/suite.h"

#define RUN 77

static struct perf_ledger ledger;

static void setup(void)
{
    perf_ledger_init(&ledger, RUN, false);
}

static void teardown(void)
{
    perf_ledger_fini(&ledger);
}

static void note_as(struct perf_receipt receipt, uint32_t stream, uint64_t sequence)
{
    struct perf_stamp stamp = {.run = RUN, .stream = stream, .sequence = sequence};
    perf_ledger_note(&ledger, &receipt, &stamp);
}

static void note(uint64_t sequence)
{
    note_as((struct perf_receipt){0}, 0, sequence);
}

START_TEST(stamps_go_both_ways)
{
    struct perf_stamp in = {.run = 0xABCD,
                            .stream = PERF_STREAMS_MAX - 2,
                            .sequence = 0x123456789A,
                            .time_ns = 0xFEDCBA987654};
    struct perf_stamp out;
    uint8_t bytes[PERF_STAMP_SIZE];
    perf_stamp_write(bytes, &in);
    ck_assert(perf_stamp_read(&out, bytes, sizeof(bytes)));
    ck_assert_uint_eq(out.run, in.run);
    ck_assert_uint_eq(out.stream, in.stream);
    ck_assert_uint_eq(out.sequence, in.sequence);
    ck_assert_uint_eq(out.time_ns, in.time_ns);
    ck_assert(perf_stamp_read(&out, bytes, PERF_STAMP_SEQUENCE_SIZE));
    ck_assert_uint_eq(out.sequence, in.sequence);
    ck_assert_uint_eq(out.time_ns, 0);
    ck_assert(!perf_stamp_read(&out, bytes, PERF_STAMP_SEQUENCE_SIZE - 1));
}
END_TEST

START_TEST(age_survives_the_clocks_turn)
{
    struct perf_stamp stamp = {.time_ns = PERF_TIME_MASK - 9};
    ck_assert_uint_eq(perf_stamp_age(&stamp, (int64_t)PERF_TIME_MASK + 11), 20);
    ck_assert_uint_eq(perf_stamp_age(&stamp, (int64_t)stamp.time_ns - 5), 0);
}
END_TEST

START_TEST(in_order_is_right)
{
    for (uint64_t i = 0; i < 5000; i++)
        note(i);
    ck_assert_uint_eq(perf_ledger_missing(&ledger, 0, 0, 5000), 0);
    ck_assert_uint_eq(ledger.duplicates + ledger.disordered + ledger.foreign, 0);
    ck_assert_ptr_null(ledger.slot[0].ahead);
}
END_TEST

START_TEST(what_did_not_come_is_missing)
{
    note(0);
    note(2);
    note(5);
    ck_assert_uint_eq(perf_ledger_missing(&ledger, 0, 0, 7), 4);
    ck_assert_uint_eq(perf_ledger_holes(&ledger), 3);
    ck_assert_uint_eq(perf_ledger_missing(&ledger, 1, 0, 3), 3);
    ck_assert_uint_eq(ledger.disordered, 0);
}
END_TEST

START_TEST(twice_is_a_duplicate)
{
    note(0);
    note(0);
    note(3);
    note(3);
    ck_assert_uint_eq(ledger.duplicates, 2);
    ck_assert_uint_eq(ledger.disordered, 0);
    ck_assert_uint_eq(perf_ledger_missing(&ledger, 0, 0, 4), 2);
}
END_TEST

START_TEST(late_is_out_of_order)
{
    note(0);
    note(2);
    note(1);
    note(3);
    ck_assert_uint_eq(ledger.disordered, 1);
    ck_assert_uint_eq(ledger.duplicates, 0);
    ck_assert_uint_eq(perf_ledger_missing(&ledger, 0, 0, 4), 0);
    ck_assert_uint_eq(ledger.slot[0].next, 4);
}
END_TEST

START_TEST(redelivered_may_be_late)
{
    note(1);
    note_as((struct perf_receipt){.redelivered = true}, 0, 0);
    ck_assert_uint_eq(ledger.disordered, 0);
    ck_assert_uint_eq(perf_ledger_missing(&ledger, 0, 0, 2), 0);
}
END_TEST

START_TEST(each_consumer_of_a_shared_queue_has_its_own_order)
{
    note_as((struct perf_receipt){.shared = true, .consumer = 1}, 0, 1);
    note_as((struct perf_receipt){.shared = true, .consumer = 2}, 0, 0);
    note_as((struct perf_receipt){.shared = true, .consumer = 2}, 0, 3);
    note_as((struct perf_receipt){.shared = true, .consumer = 1}, 0, 2);
    ck_assert_uint_eq(ledger.disordered, 0);
    note_as((struct perf_receipt){.shared = true, .consumer = 1}, 0, 5);
    note_as((struct perf_receipt){.shared = true, .consumer = 1}, 0, 4);
    ck_assert_uint_eq(ledger.disordered, 1);
    ck_assert_uint_eq(perf_ledger_missing(&ledger, 0, 0, 6), 0);
}
END_TEST

START_TEST(streams_and_queues_are_apart)
{
    for (uint32_t queue = 0; queue < 3; queue++)
        for (uint32_t stream = 0; stream < 100; stream++)
            note_as((struct perf_receipt){.queue = queue}, stream, 0);
    ck_assert_uint_eq(ledger.slot_count, 300);
    ck_assert_uint_eq(ledger.duplicates, 0);
    ck_assert_uint_eq(perf_ledger_missing(&ledger, 99, 2, 1), 0);
}
END_TEST

START_TEST(other_runs_are_foreign)
{
    struct perf_stamp stamp = {.run = RUN + 1, .sequence = 9};
    perf_ledger_note(&ledger, &(struct perf_receipt){0}, &stamp);
    ck_assert_uint_eq(ledger.foreign, 1);
    ck_assert_uint_eq(ledger.slot_count, 0);
}
END_TEST

START_TEST(adopted_streams_count_from_where_they_begin)
{
    ledger.adopt = true;
    for (uint64_t i = 100; i < 110; i++) {
        struct perf_stamp stamp = {.run = RUN + 1, .sequence = i};
        if (i != 105)
            perf_ledger_note(&ledger, &(struct perf_receipt){0}, &stamp);
    }
    ck_assert_uint_eq(perf_ledger_holes(&ledger), 1);
    ck_assert_uint_eq(ledger.foreign + ledger.duplicates + ledger.disordered, 0);
}
END_TEST

/* Any permutation within a window arrives whole, whatever the ring had to grow to. */
START_TEST(shuffled_arrivals_add_up)
{
    static uint32_t order[20000];
    struct rng rng;
    rng_init_u64(&rng, (uint64_t)_i);
    for (uint32_t i = 0; i < 20000; i++)
        order[i] = i;
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t reach = i + 5000 < 20000 ? 5000 : 20000 - i;
        uint32_t other = i + (uint32_t)rng_below(&rng, reach);
        uint32_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    for (uint32_t i = 0; i < 20000; i++)
        note(order[i]);
    note(order[77]);
    ck_assert_uint_eq(perf_ledger_missing(&ledger, 0, 0, 20000), 0);
    ck_assert_uint_eq(ledger.duplicates, 1);
    ck_assert_uint_eq(ledger.slot[0].next, 20000);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        stamps_go_both_ways,
        age_survives_the_clocks_turn,
        in_order_is_right,
        what_did_not_come_is_missing,
        twice_is_a_duplicate,
        late_is_out_of_order,
        redelivered_may_be_late,
        each_consumer_of_a_shared_queue_has_its_own_order,
        streams_and_queues_are_apart,
        other_runs_are_foreign,
        adopted_streams_count_from_where_they_begin,
        shuffled_arrivals_add_up,
    };
    return suite_run("perf_ledger", setup, teardown, tests, ARRAY_LEN(tests));
}
