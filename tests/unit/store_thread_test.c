/* SPDX-License-Identifier: Apache-2.0 */
/* The store with its writer threads on real files. */
#include "tests/support/memvfs.h"
#include "tests/support/store_fixture.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/bilby-store-XXXXXX";
static struct store_fixture fixture;
static int woken[2]; /* a pipe */

/* A full pipe is as good as a woken reader. */
static void wake(void *context)
{
    const int *pipe_ends = context;
    ssize_t written = write(pipe_ends[1], "w", 1);
    ck_assert(written == 1 || written == -1);
}

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(pipe2(woken, O_CLOEXEC | O_NONBLOCK), 0);
    store_fixture_init(&fixture, NULL);
    fixture.options.directory = directory;
    fixture.options.manual = false;
    fixture.options.wake = wake;
    fixture.options.wake_context = woken;
}

static void teardown(void)
{
    char command[128];
    if (fixture.store)
        store_fixture_close(&fixture);
    close(woken[0]);
    close(woken[1]);
    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    ck_assert_int_eq(system(command), 0);
    memcpy(directory + strlen(directory) - 6, "XXXXXX", 6);
}

#define PATIENCE_MS 60000 /* for what must come, on a busy machine as well */

/* Sleeps until a writer calls; false when none does for so long. */
static bool await_wake(int ms)
{
    struct pollfd event = {.fd = woken[0], .events = POLLIN};
    char calls[256];
    if (poll(&event, 1, ms) != 1)
        return false;
    return read(woken[0], calls, sizeof(calls)) > 0;
}

/* Flushes and waits, woken only by the writer, until all is durable. */
static void settle(void)
{
    store_flush(fixture.vhost);
    store_flush(fixture.node);
    while (store_durable(fixture.vhost) < store_last(fixture.vhost) ||
           store_durable(fixture.node) < store_last(fixture.node)) {
        ck_assert(await_wake(PATIENCE_MS));
        store_collect(fixture.store);
    }
}

static void reopen(void)
{
    store_fixture_close(&fixture);
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
}

struct order {
    uint64_t next;
    uint64_t step;
    uint64_t count;
};

static void expect_next(void *context, const struct store_message *message)
{
    struct order *order = context;
    ck_assert_uint_eq(message->position, order->next);
    ck_assert_uint_eq(message->body.len, message->position % 44);
    order->next += order->step;
    order->count++;
}

/* -- */

START_TEST(a_hundred_thousand_messages)
{
    struct store_owner owner = {0};
    struct order order = {.next = 0, .step = 1};
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("q"), 0);
    for (uint64_t i = 0; i < 100000; i++) {
        store_fixture_put(&fixture, lane, i, &owner);
        if (i % 100 == 99)
            store_flush(fixture.vhost);
        if (store_congested(fixture.vhost)) {
            ck_assert(await_wake(PATIENCE_MS));
            store_collect(fixture.store);
        }
    }
    settle();
    ck_assert_uint_eq(owner.released, 100000);
    reopen();
    ck_assert_int_eq(store_load_messages(fixture.vhost, lane, expect_next, &order), ERR_OK);
    ck_assert_uint_eq(order.count, 100000);

    order = (struct order){.next = 50000, .step = 2};
    for (uint64_t i = 0; i < 50000; i++) {
        store_message_delete(fixture.vhost, lane, i, 0, STORE_BODY_UNKNOWN);
        store_message_delete(fixture.vhost, lane, 99999 - i / 2 * 2, 0, STORE_BODY_UNKNOWN);
        if (i % 1000 == 0)
            store_flush(fixture.vhost);
    }
    settle();
    reopen();
    ck_assert_int_eq(store_load_messages(fixture.vhost, lane, expect_next, &order), ERR_OK);
    ck_assert_uint_eq(order.count, 25000);
}
END_TEST

START_TEST(many_databases_write_at_once)
{
    struct store_db *db[8];
    struct store_owner owner = {0};
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    for (unsigned i = 0; i < 8; i++) {
        char name[8];
        snprintf(name, sizeof(name), "v%u", i);
        ck_assert_int_eq(store_vhost_open(fixture.store, slice_str(name), &db[i], fixture.message,
                                          sizeof(fixture.message)),
                         ERR_OK);
        ck_assert_uint_eq(store_lane_new(db[i], slice_str("q"), 0), 1);
    }
    for (uint64_t i = 0; i < 2000; i++) {
        struct store_message message = {.lane = 1, .position = i, .body = slice_str("body")};
        store_message_put(db[i % 8], &message, &owner);
        store_flush(db[i % 8]);
        store_collect(fixture.store);
    }
    for (unsigned i = 0; i < 8; i++)
        while (store_durable(db[i]) < store_last(db[i])) {
            ck_assert(await_wake(PATIENCE_MS));
            store_collect(fixture.store);
        }
    ck_assert_uint_eq(owner.released, 2000);
    store_vhost_delete(fixture.store, db[3]);
    store_vhost_delete(fixture.store, db[7]);
}
END_TEST

/* -- databases that come and go beside the loop -- */

static bool file_of(const char *vhost)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/vhost-%s.db", directory, vhost);
    return access(path, F_OK) == 0;
}

static void prepare(struct slice name)
{
    while (!store_vhost_prepare(fixture.store, name)) {
        ck_assert(await_wake(PATIENCE_MS));
        store_collect(fixture.store);
    }
}

static enum err open_vhost(struct slice name, struct store_db **db)
{
    return store_vhost_open(fixture.store, name, db, fixture.message, sizeof(fixture.message));
}

START_TEST(a_prepared_database_is_taken_over)
{
    struct store_db *db;
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    prepare(slice_str("v"));
    ck_assert(store_vhost_prepare(fixture.store, slice_str("v")));
    ck_assert_int_eq(open_vhost(slice_str("v"), &db), ERR_OK);
    ck_assert(store_created(db));
    ck_assert_uint_eq(store_lane_new(db, slice_str("q"), 0), 1);
    store_flush(db);
    while (store_durable(db) < store_last(db)) {
        ck_assert(await_wake(PATIENCE_MS));
        store_collect(fixture.store);
    }
}
END_TEST

/* Nothing says so, but who asks early gets it all the same. */
START_TEST(an_open_waits_for_what_is_being_prepared)
{
    struct store_db *db;
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    (void)!store_vhost_prepare(fixture.store, slice_str("v"));
    ck_assert_int_eq(open_vhost(slice_str("v"), &db), ERR_OK);
    ck_assert(store_created(db));
}
END_TEST

START_TEST(a_database_that_is_none_is_told_when_it_is_opened)
{
    char path[128];
    struct store_db *db;
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    snprintf(path, sizeof(path), "%s/vhost-v.db", directory);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_gt(fprintf(file, "%2000s", "no database"), 0);
    ck_assert_int_eq(fclose(file), 0);
    prepare(slice_str("v"));
    ck_assert_int_eq(open_vhost(slice_str("v"), &db), ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(fixture.message, "is damaged"));
    prepare(slice_str("v"));
    store_vhost_drop(fixture.store, slice_str("v"));
    ck_assert(file_of("v"));
}
END_TEST

START_TEST(a_deleted_database_goes_beside_the_loop)
{
    struct store_db *db;
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    for (unsigned round = 0; round < 3; round++) {
        prepare(slice_str("v"));
        ck_assert_int_eq(open_vhost(slice_str("v"), &db), ERR_OK);
        ck_assert(store_created(db));
        ck_assert(file_of("v"));
        store_vhost_delete(fixture.store, db);
        while (store_vhost_deleting(fixture.store, slice_str("v"))) {
            ck_assert(await_wake(PATIENCE_MS));
            store_collect(fixture.store);
        }
        ck_assert(!file_of("v"));
    }
    prepare(slice_str("v"));
    ck_assert_int_eq(open_vhost(slice_str("v"), &db), ERR_OK);
    store_vhost_delete(fixture.store, db);
    ck_assert_int_eq(open_vhost(slice_str("v"), &db), ERR_OK); /* waits */
    ck_assert(store_created(db));
}
END_TEST

START_TEST(what_was_prepared_for_nobody_is_removed)
{
    struct store_db *db;
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    store_vhost_drop(fixture.store, slice_str("v"));
    prepare(slice_str("v"));
    ck_assert(file_of("v"));
    store_vhost_drop(fixture.store, slice_str("v"));
    ck_assert_int_eq(open_vhost(slice_str("w"), &db), ERR_OK);
    store_vhost_close(db);
    prepare(slice_str("w"));
    store_vhost_drop(fixture.store, slice_str("w"));
    reopen();
    ck_assert(!file_of("v"));
    ck_assert(file_of("w")); /* it was there before */
}
END_TEST

START_TEST(a_close_waits_for_errands)
{
    struct store_db *db;
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    ck_assert_int_eq(open_vhost(slice_str("v"), &db), ERR_OK);
    store_vhost_delete(fixture.store, db);
    (void)!store_vhost_prepare(fixture.store, slice_str("w"));
    store_fixture_close(&fixture);
    ck_assert(!file_of("v"));
    ck_assert(file_of("w"));
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    ck_assert_int_eq(open_vhost(slice_str("w"), &db), ERR_OK);
    ck_assert(!store_created(db));
}
END_TEST

START_TEST(a_close_waits_for_the_writer)
{
    struct store_owner owner = {0};
    struct order order = {.next = 0, .step = 1};
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("q"), 0);
    for (uint64_t i = 0; i < 5000; i++) {
        store_fixture_put(&fixture, lane, i, &owner);
        if (i == 2500)
            store_flush(fixture.vhost);
    }
    reopen();
    ck_assert_uint_eq(owner.released, 5000);
    ck_assert_int_eq(store_load_messages(fixture.vhost, lane, expect_next, &order), ERR_OK);
    ck_assert_uint_eq(order.count, 5000);
}
END_TEST

START_TEST(a_crash_ends_the_writer_between_batches)
{
    struct store_owner owner = {0};
    struct order order = {.next = 0, .step = 1};
    for (unsigned round = 0; round < 20; round++) {
        ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
        uint64_t known = order.count;
        order = (struct order){.next = 0, .step = 1};
        if (round > 0)
            ck_assert_int_eq(store_load_messages(fixture.vhost, 1, expect_next, &order), ERR_OK);
        ck_assert_uint_ge(order.count, known);
        ck_assert_uint_eq(order.count % 100, 0);
        if (round == 0)
            ck_assert_uint_eq(store_lane_new(fixture.vhost, slice_str("q"), 0), 1);
        for (uint64_t i = 0; i < 300; i++) {
            store_fixture_put(&fixture, 1, order.count + i, &owner);
            if (i % 100 == 99)
                store_flush(fixture.vhost);
        }
        if (round == 0)
            settle();
        poll(NULL, 0, (int)round % 5 * 3);
        store_collect(fixture.store);
        store_fixture_crash(&fixture);
        ck_assert_uint_eq(owner.released, (round + 1) * 300);
    }
    ck_assert_uint_gt(order.count, 300);
}
END_TEST

START_TEST(nothing_to_write_wakes_at_once)
{
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("q"), 0);
    settle();
    uint64_t put = store_fixture_put(&fixture, lane, 1, NULL);
    store_message_delete(fixture.vhost, lane, 1, put, STORE_BODY_UNKNOWN);
    store_flush(fixture.vhost);
    ck_assert(await_wake(0));
    ck_assert(store_collect(fixture.store));
    ck_assert_uint_eq(store_durable(fixture.vhost), store_last(fixture.vhost));
}
END_TEST

static uint64_t file_bytes(const char *file)
{
    char path[128];
    struct stat found;
    snprintf(path, sizeof(path), "%s/%s", directory, file);
    return stat(path, &found) == 0 ? (uint64_t)found.st_size : 0;
}

START_TEST(the_disk_comes_back_after_a_backlog)
{
    static uint8_t body[4000];
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("q"), 0);
    struct store_message message = {.lane = lane, .body = slice_of(body, sizeof(body))};
    for (; message.position < 8000; message.position++) {
        store_message_put(fixture.vhost, &message, NULL);
        if (message.position % 1000 == 999)
            settle();
    }
    ck_assert_uint_gt(file_bytes("vhost-%2F.db") + file_bytes("vhost-%2F.db-wal"), 30000000);
    store_lane_purge(fixture.vhost, lane, 0, 7999);
    settle();
    for (unsigned i = 0; i < 100 && file_bytes("vhost-%2F.db") > 5000000; i++)
        poll(NULL, 0, 100);
    ck_assert_uint_le(file_bytes("vhost-%2F.db"), 5000000);
    for (unsigned i = 0; i < 100 && file_bytes("vhost-%2F.db-wal") > 9500000; i++)
        poll(NULL, 0, 100);
    ck_assert_uint_le(file_bytes("vhost-%2F.db-wal"), 9500000);
    struct store_stats stats;
    store_fixture_put(&fixture, lane, 9000, NULL);
    settle();
    store_stats(fixture.vhost, &stats);
    ck_assert_uint_lt(stats.file_bytes, 15000000);
    ck_assert_uint_gt(stats.free_bytes, 0);
}
END_TEST

START_TEST(the_wal_stays_bounded_under_load)
{
    static uint8_t body[4000];
    uint64_t highest = 0;
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("q"), 0);
    struct store_message message = {.lane = lane, .body = slice_of(body, sizeof(body))};
    for (; message.position < 30000; message.position++) {
        store_message_put(fixture.vhost, &message, NULL);
        if (message.position >= 1000)
            store_message_delete(fixture.vhost, lane, message.position - 1000, 0,
                                 STORE_BODY_UNKNOWN);
        if (message.position % 100 == 99) {
            store_flush(fixture.vhost);
            while (store_last(fixture.vhost) - store_durable(fixture.vhost) > 400) {
                ck_assert(await_wake(PATIENCE_MS));
                store_collect(fixture.store);
            }
            uint64_t bytes = file_bytes("vhost-%2F.db-wal");
            highest = bytes > highest ? bytes : highest;
        }
    }
    settle();
    ck_assert_uint_le(highest, 48000000);
}
END_TEST

START_TEST(a_reader_that_stays_holds_nobody_up)
{
    char path[128];
    sqlite3 *other = NULL;
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("q"), 0);
    settle();
    snprintf(path, sizeof(path), "%s/vhost-%%2F.db", directory);
    ck_assert_int_eq(sqlite3_open_v2(path, &other, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(other, "BEGIN; SELECT * FROM lanes", NULL, NULL, NULL),
                     SQLITE_OK);
    for (uint64_t i = 0; i < 5; i++) {
        store_fixture_put(&fixture, lane, i, NULL);
        store_flush(fixture.vhost);
        ck_assert(await_wake(PATIENCE_MS));
        store_collect(fixture.store);
        ck_assert_uint_eq(store_durable(fixture.vhost), store_last(fixture.vhost));
        poll(NULL, 0, 220); /* the writer tries its checkpoint */
    }
    ck_assert_int_eq(sqlite3_close(other), SQLITE_OK);
}
END_TEST

START_TEST(a_refusing_disk_is_tried_again_by_itself)
{
    struct memvfs *disk = memvfs_new("thread-test");
    struct store_owner owner = {0};
    const char *message = NULL;
    fixture.options.vfs = "thread-test";
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("q"), 0);
    settle();
    memvfs_fail(disk, (struct memvfs_fault){
                          .operations = MEMVFS_WRITE, .lasting = true, .result = SQLITE_FULL});
    store_fixture_put(&fixture, lane, 1, &owner);
    store_flush(fixture.vhost);
    while (store_status(fixture.vhost, &message) == ERR_OK) {
        ck_assert(await_wake(PATIENCE_MS));
        store_collect(fixture.store);
    }
    ck_assert_int_eq(store_status(fixture.vhost, NULL), ERR_NO_SPACE);
    ck_assert_ptr_nonnull(strstr(message, "full"));
    ck_assert_uint_eq(owner.released, 0);
    memvfs_fail(disk, (struct memvfs_fault){0});
    settle();
    ck_assert_int_eq(store_status(fixture.vhost, NULL), ERR_OK);
    ck_assert_uint_eq(owner.released, 1);
    ck_assert_uint_eq(fixture.log_lines, 2);
    store_fixture_close(&fixture);
    memvfs_free(disk);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_thread");
    TCase *tests = tcase_create("store_thread");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_hundred_thousand_messages);
    tcase_add_test(tests, many_databases_write_at_once);
    tcase_add_test(tests, a_prepared_database_is_taken_over);
    tcase_add_test(tests, an_open_waits_for_what_is_being_prepared);
    tcase_add_test(tests, a_database_that_is_none_is_told_when_it_is_opened);
    tcase_add_test(tests, a_deleted_database_goes_beside_the_loop);
    tcase_add_test(tests, what_was_prepared_for_nobody_is_removed);
    tcase_add_test(tests, a_close_waits_for_errands);
    tcase_add_test(tests, a_close_waits_for_the_writer);
    tcase_add_test(tests, a_crash_ends_the_writer_between_batches);
    tcase_add_test(tests, nothing_to_write_wakes_at_once);
    tcase_add_test(tests, the_disk_comes_back_after_a_backlog);
    tcase_add_test(tests, the_wal_stays_bounded_under_load);
    tcase_add_test(tests, a_reader_that_stays_holds_nobody_up);
    tcase_add_test(tests, a_refusing_disk_is_tried_again_by_itself);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
