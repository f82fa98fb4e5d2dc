/* SPDX-License-Identifier: Apache-2.0 */
/* What a crash, a power loss, a full or a failing disk leaves: always a prefix of the batches, and
 * never less than what was reported as durable.
 */
#include "tests/support/memvfs.h"
#include "tests/support/store_fixture.h"

#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCHES 8

static struct memvfs *disk;
static struct store_fixture fixture;
static struct buf expected[BATCHES + 1]; /* the content after so many batches */

/* One turn of a small workload that has a bit of everything. Positions are such that whole batches
 * differ in their effect. */
static void append_batch(unsigned batch)
{
    struct store_record queue = {.kind = STORE_QUEUE, .values = {{.bytes = slice_str("q")}}};
    uint32_t lane = 1;
    uint32_t other = batch < 5 ? 2 : 3;
    switch (batch) {
    case 0:
        store_put(fixture.vhost, &queue);
        ck_assert_uint_eq(store_lane_new(fixture.vhost, slice_str("q"), 0), 1);
        ck_assert_uint_eq(store_lane_new(fixture.vhost, slice_str("r"), 0), 2);
        return;
    case 3:
        store_message_delete(fixture.vhost, lane, 10, 0, STORE_BODY_UNKNOWN);
        store_message_delete(fixture.vhost, lane, 12, 0, STORE_BODY_UNKNOWN);
        store_lane_delivered(fixture.vhost, lane, 20);
        break;
    case 4:
        store_message_returned(fixture.vhost, lane, 11, 0, 3);
        store_lane_purge(fixture.vhost, lane, 20, 25);
        break;
    case 5:
        store_lane_delete(fixture.vhost, 2);
        ck_assert_uint_eq(store_lane_new(fixture.vhost, slice_str("s"), 9), 3);
        break;
    case 6:
        store_remove(fixture.vhost, &queue);
        break;
    default:
        break;
    }
    for (uint64_t i = 0; i < 12; i++)
        store_fixture_put(&fixture, i % 4 ? lane : other,
                          (uint64_t)batch * 10 + i + (batch % 2 ? 100 : 0), NULL);
}

/* Fills `expected` from stores that were closed in order. */
static void learn(void)
{
    for (unsigned batches = 0; batches <= BATCHES; batches++) {
        struct memvfs *calm = memvfs_new("calm");
        store_fixture_init(&fixture, "calm");
        ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
        for (unsigned i = 0; i < batches; i++) {
            append_batch(i);
            store_fixture_settle(&fixture);
        }
        store_fixture_close(&fixture);
        ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
        store_fixture_dump(&fixture, &expected[batches]);
        store_fixture_close(&fixture);
        memvfs_free(calm);
    }
}

static void setup(void)
{
    learn();
    for (unsigned i = 1; i <= BATCHES; i++)
        ck_assert(!slice_equal(buf_slice(&expected[i - 1]), buf_slice(&expected[i])));
    disk = memvfs_new("crash-test");
    store_fixture_init(&fixture, "crash-test");
}

static void teardown(void)
{
    if (fixture.store)
        store_fixture_close(&fixture);
    memvfs_free(disk);
    for (unsigned i = 0; i <= BATCHES; i++)
        buf_fini(&expected[i]);
}

/* How many batches the disk holds, after the store was opened again; BATCHES + 1: no such state. */
static unsigned found_batches(void)
{
    struct buf found = BUF_INIT;
    unsigned batches = 0;
    store_fixture_dump(&fixture, &found);
    while (batches <= BATCHES && !slice_equal(buf_slice(&expected[batches]), buf_slice(&found)))
        batches++;
    if (batches > BATCHES)
        fprintf(stderr, "%s", buf_cstr(&found));
    buf_fini(&found);
    return batches;
}

/* Runs the workload until the disk refuses; returns how many batches were reported as durable. */
static unsigned run_workload(unsigned batches)
{
    unsigned durable = 0;
    for (unsigned i = 0; i < batches; i++) {
        append_batch(i);
        store_fixture_settle(&fixture);
        if (store_durable(fixture.vhost) == store_last(fixture.vhost))
            durable = i + 1;
    }
    return durable;
}

START_TEST(a_crash_at_every_border_of_batches)
{
    for (unsigned batches = 0; batches <= BATCHES; batches++) {
        for (unsigned stage = 0; stage < 4 && batches < BATCHES; stage++) {
            ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
            ck_assert_uint_eq(run_workload(batches), batches);
            append_batch(batches);
            if (stage > 0)
                store_flush(fixture.vhost);
            if (stage > 1)
                ck_assert(store_write(fixture.vhost));
            if (stage > 2)
                ck_assert(store_collect(fixture.store));
            store_fixture_crash(&fixture);
            memvfs_power_loss(disk, stage);
            ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
            ck_assert_uint_eq(found_batches(), batches + (stage > 1));
            store_fixture_close(&fixture);
            memvfs_free(disk);
            disk = memvfs_new("crash-test");
        }
    }
}
END_TEST

START_TEST(a_crash_releases_what_was_borrowed)
{
    struct store_owner owners[3] = {{0}};
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("q"), 0);
    store_fixture_put(&fixture, lane, 1, &owners[0]);
    store_fixture_settle(&fixture);
    store_fixture_put(&fixture, lane, 2, &owners[1]);
    store_flush(fixture.vhost);
    store_fixture_put(&fixture, lane, 3, &owners[2]);
    store_fixture_crash(&fixture);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(owners[i].released, 1);
}
END_TEST

/* The power goes at the n-th change of the disk, creation of the databases included. */
static bool lose_power_at(uint64_t change, uint64_t seed)
{
    unsigned durable = 0;
    memvfs_fail(disk, (struct memvfs_fault){.operations = MEMVFS_CHANGE,
                                            .after = change,
                                            .lasting = true,
                                            .result = SQLITE_IOERR_WRITE});
    enum err error = store_fixture_open(&fixture);
    if (error == ERR_OK) {
        durable = run_workload(BATCHES);
        store_fixture_crash(&fixture);
    } else {
        ck_assert_int_eq(error, ERR_IO);
    }
    memvfs_fail(disk, (struct memvfs_fault){0});
    memvfs_power_loss(disk, seed);
    error = store_fixture_open(&fixture);
    ck_assert_msg(error == ERR_OK, "change %u: %s", (unsigned)change, fixture.message);
    unsigned found = found_batches();
    ck_assert_msg(found == durable || found == durable + 1,
                  "change %u seed %u: %u batches were durable, %u are there", (unsigned)change,
                  (unsigned)seed, durable, found);
    store_fixture_close(&fixture);
    memvfs_free(disk);
    disk = memvfs_new("crash-test");
    return durable < BATCHES;
}

START_TEST(a_power_loss_at_every_write_leaves_a_prefix)
{
    uint64_t change = 0;
    while (lose_power_at(change, (uint64_t)_i))
        change++;
    ck_assert_uint_gt(change, 40);
}
END_TEST

/* Every single failure of the disk, then all is well again. */
static uint64_t survive_fault(struct memvfs_fault fault, enum err expected_status)
{
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    memvfs_fail(disk, fault);
    uint64_t before = memvfs_changes(disk);
    unsigned refused = 0;
    for (unsigned i = 0; i < BATCHES; i++) {
        append_batch(i);
        do {
            store_fixture_settle(&fixture);
            if (store_status(fixture.vhost, NULL) == ERR_OK)
                continue;
            const char *message;
            ck_assert_int_eq(store_status(fixture.vhost, &message), expected_status);
            ck_assert(message[0] != '\0');
            ck_assert_uint_lt(store_durable(fixture.vhost), store_last(fixture.vhost));
            refused++;
        } while (store_durable(fixture.vhost) < store_last(fixture.vhost));
        ck_assert_int_eq(store_status(fixture.vhost, NULL), ERR_OK);
    }
    ck_assert_uint_le(refused, 1);
    ck_assert_uint_eq(fixture.log_lines, (uint64_t)refused * 2);
    fixture.log_lines = 0;
    uint64_t changes = memvfs_changes(disk) - before;
    store_fixture_crash(&fixture);
    memvfs_power_loss(disk, 0);
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    ck_assert_uint_eq(found_batches(), BATCHES);
    store_fixture_close(&fixture);
    memvfs_free(disk);
    disk = memvfs_new("crash-test");
    return changes;
}

START_TEST(every_failing_write_is_tried_again)
{
    struct memvfs_fault fault = {.operations = MEMVFS_CHANGE, .result = SQLITE_IOERR_WRITE};
    uint64_t changes = 1;
    for (fault.after = 0; fault.after < changes; fault.after++)
        changes = survive_fault(fault, ERR_IO);
    ck_assert_uint_gt(changes, 20);
}
END_TEST

START_TEST(a_full_disk_is_waited_for)
{
    struct memvfs_fault fault = {.operations = MEMVFS_WRITE, .result = SQLITE_FULL};
    uint64_t changes = 1;
    for (fault.after = 0; fault.after < changes; fault.after++)
        changes = survive_fault(fault, ERR_NO_SPACE);
    ck_assert_uint_gt(changes, 20);
}
END_TEST

START_TEST(a_lasting_failure_keeps_everything)
{
    struct store_owner owner = {0};
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    append_batch(0);
    store_fixture_settle(&fixture);
    memvfs_fail(disk, (struct memvfs_fault){.operations = MEMVFS_SYNC,
                                            .lasting = true,
                                            .result = SQLITE_IOERR_FSYNC});
    store_fixture_put(&fixture, 1, 1, &owner);
    uint64_t durable = store_durable(fixture.vhost);
    for (unsigned i = 0; i < 5; i++) {
        store_fixture_settle(&fixture);
        ck_assert_int_eq(store_status(fixture.vhost, NULL), ERR_IO);
        ck_assert_uint_eq(store_durable(fixture.vhost), durable);
    }
    ck_assert_uint_eq(fixture.log_lines, 1);
    ck_assert_uint_eq(owner.released, 0);
    ck_assert(!store_write(fixture.vhost)); /* not before the next flush */
    memvfs_fail(disk, (struct memvfs_fault){0});
    store_fixture_settle(&fixture);
    ck_assert_int_eq(store_status(fixture.vhost, NULL), ERR_OK);
    ck_assert_uint_eq(store_durable(fixture.vhost), store_last(fixture.vhost));
    ck_assert_uint_eq(owner.released, 1);
}
END_TEST

START_TEST(a_close_on_a_dead_disk_ends)
{
    struct store_owner owner = {0};
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    append_batch(0);
    store_fixture_settle(&fixture);
    memvfs_fail(disk, (struct memvfs_fault){.operations = MEMVFS_CHANGE,
                                            .lasting = true,
                                            .result = SQLITE_IOERR_WRITE});
    store_fixture_put(&fixture, 1, 1, &owner);
    store_fixture_close(&fixture);
    ck_assert_uint_eq(owner.released, 1);
    ck_assert_uint_eq(fixture.log_lines, 1);
    memvfs_fail(disk, (struct memvfs_fault){0});
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    ck_assert_uint_eq(found_batches(), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_crash");
    TCase *tests = tcase_create("store_crash");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, a_crash_at_every_border_of_batches);
    tcase_add_test(tests, a_crash_releases_what_was_borrowed);
    tcase_add_loop_test(tests, a_power_loss_at_every_write_leaves_a_prefix, 0, 4);
    tcase_add_test(tests, every_failing_write_is_tried_again);
    tcase_add_test(tests, a_full_disk_is_waited_for);
    tcase_add_test(tests, a_lasting_failure_keeps_everything);
    tcase_add_test(tests, a_close_on_a_dead_disk_ends);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
