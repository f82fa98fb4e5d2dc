/* SPDX-License-Identifier: Apache-2.0 */
/* Reading messages back while the broker runs: by hand on a lying disk, in memory, and with threads
 * on real files. */
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

#define NO_LIMIT UINT64_MAX
#define LAST STORE_POSITION_MAX

/* Who asked for pages, and what came. */
struct asker {
    uint64_t positions[4096]; /* of the messages, in order of coming */
    size_t count;
    unsigned ends;
    enum err error; /* of the last end */
    uint64_t step;  /* from one position to the next; 0: not looked at */
    size_t stop_at; /* cancels itself after so many; 0: never */
    bool deaf;      /* has cancelled: nothing may come */
};

static char directory[] = "/tmp/bilby-page-XXXXXX";
static struct store_fixture fixture;
static struct memvfs *disk;
static int woken[2]; /* a pipe */

static void take_message(void *context, const struct store_message *message)
{
    struct asker *asker = context;
    ck_assert(!asker->deaf);
    ck_assert_uint_lt(asker->count, ARRAY_LEN(asker->positions));
    ck_assert_uint_eq(message->body.len, message->position % 44);
    if (asker->step && asker->count)
        ck_assert_uint_eq(message->position, asker->positions[asker->count - 1] + asker->step);
    asker->positions[asker->count++] = message->position;
    if (asker->stop_at && asker->count == asker->stop_at) {
        asker->deaf = true;
        store_page_cancel(fixture.vhost, asker);
    }
}

static void take_end(void *context, enum err error)
{
    struct asker *asker = context;
    ck_assert(!asker->deaf);
    asker->ends++;
    asker->error = error;
}

#define PATIENCE_MS 60000 /* for what must come, on a busy machine as well */

static void wake(void *context)
{
    const int *pipe_ends = context;
    ssize_t written = write(pipe_ends[1], "w", 1);
    ck_assert(written == 1 || written == -1);
}

static bool await_wake(int ms)
{
    struct pollfd event = {.fd = woken[0], .events = POLLIN};
    char calls[256];
    return poll(&event, 1, ms) == 1 && read(woken[0], calls, sizeof(calls)) > 0;
}

static void setup(const char *vfs)
{
    ck_assert_int_eq(pipe2(woken, O_CLOEXEC | O_NONBLOCK), 0);
    store_fixture_init(&fixture, vfs);
    fixture.options.page_message = take_message;
    fixture.options.page_end = take_end;
    fixture.options.wake = wake;
    fixture.options.wake_context = woken;
}

static void setup_by_hand(void)
{
    disk = memvfs_new("page");
    setup("page");
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
}

static void setup_in_memory(void)
{
    setup(NULL);
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
}

static void setup_threads(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
    setup(NULL);
    fixture.options.directory = directory;
    fixture.options.manual = false;
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
}

static void setup_threads_on_a_lying_disk(void)
{
    disk = memvfs_new("page");
    setup("page");
    fixture.options.manual = false;
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
}

static void teardown(void)
{
    if (fixture.store)
        store_fixture_close(&fixture);
    if (disk)
        memvfs_free(disk);
    disk = NULL;
    close(woken[0]);
    close(woken[1]);
}

static void teardown_threads(void)
{
    char command[128];
    teardown();
    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    ck_assert_int_eq(system(command), 0);
    memcpy(directory + strlen(directory) - 6, "XXXXXX", 6);
}

/* -- helpers -- */

/* A lane with messages [0, count), durable. */
static uint32_t fill(uint64_t count)
{
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("q"), 0);
    for (uint64_t i = 0; i < count; i++)
        store_fixture_put(&fixture, lane, i, NULL);
    if (fixture.options.manual) {
        store_fixture_settle(&fixture);
        return lane;
    }
    store_flush(fixture.vhost);
    while (store_durable(fixture.vhost) < store_last(fixture.vhost)) {
        ck_assert(await_wake(PATIENCE_MS));
        store_collect(fixture.store);
    }
    return lane;
}

static struct store_page page_of(uint32_t lane, uint64_t first, uint64_t last, struct asker *asker)
{
    return (struct store_page){.lane = lane,
                               .first = first,
                               .last = last,
                               .messages_max = ARRAY_LEN(asker->positions),
                               .bytes_max = NO_LIMIT,
                               .context = asker};
}

static void ask(uint32_t lane, uint64_t first, uint64_t last, struct asker *asker)
{
    struct store_page page = page_of(lane, first, last, asker);
    store_page(fixture.vhost, &page);
}

static void answer(void)
{
    ck_assert(store_read(fixture.vhost));
    ck_assert(store_collect(fixture.store));
}

static void expect(const struct asker *asker, uint64_t first, size_t count)
{
    ck_assert_uint_eq(asker->ends, 1);
    ck_assert_int_eq(asker->error, ERR_OK);
    ck_assert_uint_eq(asker->count, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(asker->positions[i], first + i);
}

/* With threads: collects until the asker has had so many ends. */
static void await_end(const struct asker *asker, unsigned ends)
{
    while (asker->ends < ends) {
        ck_assert(await_wake(PATIENCE_MS));
        store_collect(fixture.store);
    }
}

/* -- by hand, on any disk -- */

START_TEST(a_page_is_the_range_that_was_asked_for)
{
    struct asker inner = {0}, all = {0}, none = {0};
    uint32_t lane = fill(100);
    uint32_t other = fill(3);
    ask(lane, 10, 79, &inner);
    ask(lane, 0, LAST, &all);
    ask(other, 3, LAST, &none);
    ck_assert_uint_eq(inner.ends + all.ends + none.ends, 0);
    answer();
    expect(&inner, 10, 70);
    expect(&all, 0, 100);
    expect(&none, 0, 0);
    ck_assert(!store_read(fixture.vhost));
    ck_assert(!store_collect(fixture.store));
}
END_TEST

START_TEST(a_page_ends_at_its_limits)
{
    struct asker few = {0}, small = {0}, tiny = {0};
    uint32_t lane = fill(100);
    struct store_page page = page_of(lane, 20, LAST, &few);
    page.messages_max = 7;
    store_page(fixture.vhost, &page);
    page = page_of(lane, 1, LAST, &small);
    page.bytes_max = 21; /* bodies of 1, 2, 3 … bytes, properties of 3 each: 4 + 5 + 6 + 7 */
    store_page(fixture.vhost, &page);
    page = page_of(lane, 43, LAST, &tiny);
    page.bytes_max = 0;
    store_page(fixture.vhost, &page);
    answer();
    expect(&few, 20, 7);
    expect(&small, 1, 4);
    expect(&tiny, 43, 1);
}
END_TEST

static void compare(void *context, const struct store_message *message)
{
    struct asker *asker = context;
    uint64_t i = message->position;
    ck_assert(slice_equal_str(message->exchange, i % 3 == 0 ? "" : "amq.topic"));
    ck_assert(slice_equal_str(message->routing_key, i % 5 == 0 ? "" : "stock.usd.nyse"));
    ck_assert(slice_equal(message->properties, slice_of("\x10\x00\x02", 3)));
    ck_assert_int_eq(message->expires_at_ms, i % 4 == 0 ? 1700000000000 + (int64_t)i : 0);
    ck_assert_uint_eq(message->delivery_count, i % 7 == 0 ? 2 : 0);
    ck_assert_int_eq(message->redelivered, i % 7 == 0);
    take_message(asker, message);
}

START_TEST(a_page_now_is_the_same_at_once)
{
    struct asker asker = {.step = 1};
    struct store_page page = page_of(fill(100), 30, 89, &asker);
    ck_assert_int_eq(store_page_now(fixture.vhost, &page, compare), ERR_OK);
    ck_assert_uint_eq(asker.count, 60);
    ck_assert_uint_eq(asker.positions[0], 30);
}
END_TEST

START_TEST(every_part_of_a_message_comes_back)
{
    fixture.options.page_message = compare;
    store_fixture_close(&fixture);
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    struct asker asker = {.step = 1};
    ask(fill(500), 0, LAST, &asker);
    answer();
    expect(&asker, 0, 500);
}
END_TEST

START_TEST(only_those_that_expire)
{
    struct asker asker = {.step = 4};
    uint32_t lane = fill(100);
    struct store_page page = page_of(lane, 10, 89, &asker);
    page.expiring = true;
    page.expires_upto_ms = INT64_MAX;
    ck_assert_int_eq(store_page_now(fixture.vhost, &page, take_message), ERR_OK);
    ck_assert_uint_eq(asker.count, 20);
    ck_assert_uint_eq(asker.positions[0], 12);
    ck_assert_uint_eq(asker.positions[19], 88);
}
END_TEST

/* Message `position` of the lane expires then. */
static void put_expiring(uint32_t lane, uint64_t position, int64_t at_ms)
{
    static const char body[] = "the quick brown fox";
    struct store_message message = {
        .lane = lane,
        .position = position,
        .body = slice_of(body, position),
        .expires_at_ms = at_ms,
    };
    store_message_put(fixture.vhost, &message, NULL);
}

/* In order of time and position, two lanes side by side: 3 at 10, 7 and 11 at 20, 1 at 30, 5 at 40. */
static struct store_page those_of_two_lanes(struct asker *asker)
{
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("q"), 0);
    uint32_t beside = store_lane_transient(fixture.vhost);
    put_expiring(lane, 1, 30);
    put_expiring(lane, 3, 10);
    put_expiring(beside, 5, 40);
    put_expiring(beside, 7, 20);
    put_expiring(lane, 8, 0);
    put_expiring(lane, 11, 20);
    store_fixture_settle(&fixture);
    struct store_page page = page_of(lane, 0, LAST, asker);
    page.lane_beside = beside;
    page.expiring = true;
    page.expires_upto_ms = INT64_MAX;
    return page;
}

static void expect_positions(struct store_page *page, const uint64_t *positions, size_t count)
{
    struct asker *asker = page->context;
    asker->count = 0;
    ck_assert_int_eq(store_page_now(fixture.vhost, page, take_message), ERR_OK);
    ck_assert_uint_eq(asker->count, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(asker->positions[i], positions[i]);
}

START_TEST(in_the_order_in_which_they_expire)
{
    struct asker asker = {0};
    struct store_page page = those_of_two_lanes(&asker);
    expect_positions(&page, (uint64_t[]){3, 7, 11, 1, 5}, 5);
    page.expires_from_ms = 20; /* all of that time */
    expect_positions(&page, (uint64_t[]){7, 11, 1, 5}, 4);
    page.expires_position = 8; /* those behind it only */
    expect_positions(&page, (uint64_t[]){11, 1, 5}, 3);
    page.expires_position = 12;
    expect_positions(&page, (uint64_t[]){1, 5}, 2);
    page.expires_from_ms = 41;
    expect_positions(&page, NULL, 0);
}
END_TEST

START_TEST(up_to_the_first_that_expires_later)
{
    struct asker asker = {0};
    struct store_page page = those_of_two_lanes(&asker);
    page.expires_upto_ms = 19;
    expect_positions(&page, (uint64_t[]){3, 7}, 2);
    page.expires_upto_ms = 20;
    expect_positions(&page, (uint64_t[]){3, 7, 11, 1}, 4);
    page.messages_max = 2;
    expect_positions(&page, (uint64_t[]){3, 7}, 2);
    page.bytes_max = 0;
    expect_positions(&page, (uint64_t[]){3}, 1);
}
END_TEST

START_TEST(what_is_not_durable_is_not_seen)
{
    struct asker before = {0}, after = {0};
    uint32_t lane = fill(10);
    store_fixture_put(&fixture, lane, 10, NULL);
    store_flush(fixture.vhost);
    ask(lane, 0, LAST, &before);
    answer();
    expect(&before, 0, 10);
    store_fixture_settle(&fixture);
    ask(lane, 0, LAST, &after);
    answer();
    expect(&after, 0, 11);
}
END_TEST

START_TEST(a_deletion_is_seen_once_it_is_durable)
{
    struct asker waiting = {0}, handed = {0}, done = {0};
    uint32_t lane = fill(10);
    for (uint64_t i = 0; i < 5; i++)
        store_message_delete(fixture.vhost, lane, i, 0, STORE_BODY_UNKNOWN);
    ask(lane, 0, LAST, &waiting);
    ck_assert(store_read(fixture.vhost));
    store_flush(fixture.vhost);
    ask(lane, 0, LAST, &handed);
    ck_assert(store_read(fixture.vhost));
    store_fixture_settle(&fixture);
    ask(lane, 0, LAST, &done);
    answer();
    expect(&waiting, 0, 10);
    expect(&handed, 0, 10);
    expect(&done, 5, 5);
}
END_TEST

START_TEST(a_lane_that_is_gone_is_empty)
{
    struct asker asker = {0};
    uint32_t lane = fill(5000);
    store_lane_purge(fixture.vhost, lane, 10, 4989);
    store_fixture_settle(&fixture);
    ask(lane, 5, 14, &asker);
    answer();
    expect(&asker, 5, 5);
    store_lane_delete(fixture.vhost, lane);
    store_fixture_settle(&fixture);
    struct asker gone = {0};
    ask(lane, 0, LAST, &gone);
    answer();
    expect(&gone, 0, 0);
}
END_TEST

/* -- two lanes side by side -- */

START_TEST(two_lanes_in_one_order)
{
    struct asker all = {.step = 1}, few = {.step = 1}, one = {0}, none = {0};
    uint32_t lane = fill(0);
    uint32_t beside = store_lane_transient(fixture.vhost);
    for (uint64_t i = 0; i < 300; i++)
        store_fixture_put(&fixture, i % 5 < 2 || i > 250 ? lane : beside, i, NULL);
    store_fixture_settle(&fixture);
    struct store_page page = page_of(lane, 0, LAST, &all);
    page.lane_beside = beside;
    store_page(fixture.vhost, &page);
    page.context = &few;
    page.first = 17;
    page.messages_max = 100;
    store_page(fixture.vhost, &page);
    page = page_of(0, 4, 4, &one);
    page.lane_beside = beside;
    store_page(fixture.vhost, &page);
    page = page_of(lane, 300, LAST, &none);
    page.lane_beside = beside;
    store_page(fixture.vhost, &page);
    answer();
    expect(&all, 0, 300);
    expect(&few, 17, 100);
    expect(&one, 4, 1);
    expect(&none, 0, 0);
}
END_TEST

static void count_lane(void *context, const struct store_lane *lane)
{
    unsigned *count = context;
    ck_assert_uint_gt(lane->id, 0);
    ++*count;
}

/* Nothing of it is found at the next start, and its number is free again in the end. */
START_TEST(a_transient_lane_is_forgotten)
{
    unsigned lanes = 0;
    struct asker asker = {0};
    uint32_t lane = store_lane_transient(fixture.vhost);
    for (uint64_t i = 0; i < 5000; i++)
        store_fixture_put(&fixture, lane, i, NULL);
    store_fixture_settle(&fixture);
    store_fixture_crash(&fixture);
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    ck_assert_int_eq(store_load_lanes(fixture.vhost, count_lane, &lanes), ERR_OK);
    ck_assert_uint_eq(lanes, 0);
    ck_assert_uint_ne(store_lane_transient(fixture.vhost), lane);
    uint32_t other = fill(0);
    for (uint64_t i = 0; i < 10; i++) { /* maintenance, a step a batch */
        store_fixture_put(&fixture, other, i, NULL);
        store_fixture_settle(&fixture);
    }
    ask(lane, 0, LAST, &asker);
    answer();
    expect(&asker, 0, 0);
    ck_assert_uint_eq(store_lane_transient(fixture.vhost), lane);
}
END_TEST

START_TEST(a_transient_lane_is_deleted)
{
    struct asker asker = {0}, gone = {0};
    uint32_t other = fill(5);
    uint32_t lane = store_lane_transient(fixture.vhost);
    for (uint64_t i = 0; i < 100; i++)
        store_fixture_put(&fixture, lane, i, NULL);
    store_fixture_settle(&fixture);
    store_lane_purge(fixture.vhost, lane, 0, 49);
    store_fixture_settle(&fixture);
    ask(lane, 0, LAST, &asker);
    answer();
    expect(&asker, 50, 50);
    store_lane_delete(fixture.vhost, lane);
    store_fixture_settle(&fixture);
    store_fixture_put(&fixture, other, 5, NULL); /* maintenance, a step a batch */
    store_fixture_settle(&fixture);
    ask(lane, 0, LAST, &gone);
    answer();
    expect(&gone, 0, 0);
}
END_TEST

/* -- cancelling by hand -- */

START_TEST(cancelled_before_it_is_read)
{
    struct asker gone = {.deaf = true}, stays = {0};
    uint32_t lane = fill(10);
    ask(lane, 0, LAST, &gone);
    ask(lane, 0, LAST, &stays);
    ask(lane, 0, LAST, &gone);
    store_page_cancel(fixture.vhost, &gone);
    answer();
    expect(&stays, 0, 10);
}
END_TEST

START_TEST(cancelled_before_it_is_collected)
{
    struct asker gone = {.deaf = true}, stays = {0};
    uint32_t lane = fill(10);
    ask(lane, 0, LAST, &gone);
    ask(lane, 0, LAST, &stays);
    ck_assert(store_read(fixture.vhost));
    store_page_cancel(fixture.vhost, &gone);
    ck_assert(store_collect(fixture.store));
    expect(&stays, 0, 10);
}
END_TEST

START_TEST(cancelled_while_its_messages_come)
{
    struct asker stops = {.stop_at = 3}, stays = {0};
    uint32_t lane = fill(10);
    ask(lane, 0, LAST, &stops);
    ask(lane, 0, LAST, &stays);
    answer();
    ck_assert_uint_eq(stops.count, 3);
    ck_assert_uint_eq(stops.ends, 0);
    expect(&stays, 0, 10);
}
END_TEST

START_TEST(asked_again_after_a_cancel)
{
    struct asker asker = {0};
    uint32_t lane = fill(10);
    ask(lane, 0, LAST, &asker);
    store_page_cancel(fixture.vhost, &asker);
    ask(lane, 5, LAST, &asker);
    answer();
    expect(&asker, 5, 5);
}
END_TEST

START_TEST(closed_with_pages_asked_and_answered)
{
    struct asker gone = {.deaf = true};
    for (unsigned round = 0; round < 4; round++) {
        uint32_t lane = fill(10);
        ask(lane, 0, LAST, &gone);
        if (round & 1)
            ck_assert(store_read(fixture.vhost));
        ask(lane, 0, LAST, &gone);
        if (round & 2)
            store_fixture_crash(&fixture);
        else
            store_fixture_close(&fixture);
        ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    }
}
END_TEST

START_TEST(a_virtual_host_is_deleted_with_pages_asked)
{
    struct store_db *other;
    struct asker gone = {.deaf = true}, stays = {0};
    uint32_t lane = fill(10);
    ck_assert_int_eq(store_vhost_open(fixture.store, slice_str("other"), &other, fixture.message,
                                      sizeof(fixture.message)),
                     ERR_OK);
    struct store_page page = page_of(1, 0, LAST, &gone);
    store_page(other, &page);
    ck_assert(store_read(other));
    store_page(other, &page);
    ask(lane, 0, LAST, &stays);
    store_vhost_delete(fixture.store, other);
    answer();
    expect(&stays, 0, 10);
}
END_TEST

/* -- a disk in trouble -- */

START_TEST(a_read_that_fails_says_so_and_works_later)
{
    struct asker failed = {0}, later = {0};
    uint32_t lane = fill(3000);
    memvfs_fail(disk, (struct memvfs_fault){
                          .operations = MEMVFS_READ, .lasting = true, .result = SQLITE_IOERR});
    ask(lane, 0, LAST, &failed);
    answer();
    ck_assert_uint_eq(failed.ends, 1);
    ck_assert_int_eq(failed.error, ERR_IO);
    ck_assert_uint_eq(fixture.log_lines, 1);
    memvfs_fail(disk, (struct memvfs_fault){0});
    ask(lane, 0, LAST, &later);
    answer();
    expect(&later, 0, 3000);
}
END_TEST

/* Whatever number of reads goes well first: what came before the failure is in order, and all of it
 * comes in the end. */
START_TEST(a_read_fails_anywhere)
{
    uint32_t lane = fill(3000);
    store_fixture_close(&fixture);
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    bool failed = true;
    for (uint64_t after = 0; failed; after++) {
        struct asker asker = {.step = 1};
        struct store_page page = page_of(lane, 0, LAST, &asker);
        memvfs_fail(disk, (struct memvfs_fault){
                              .operations = MEMVFS_READ, .after = after, .result = SQLITE_IOERR});
        failed = store_page_now(fixture.vhost, &page, take_message) != ERR_OK;
        ck_assert_uint_lt(after, 1000);
        ck_assert(failed || asker.count == 3000);
    }
    memvfs_fail(disk, (struct memvfs_fault){0});
}
END_TEST

START_TEST(a_damaged_row_is_an_error)
{
    sqlite3 *shell;
    struct asker asker = {0};
    uint32_t lane = fill(10);
    ck_assert_int_eq(sqlite3_open_v2("/data/vhost-%2F.db", &shell, SQLITE_OPEN_READWRITE, "page"),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(shell,
                                  "UPDATE messages SET delivery_count = -1"
                                  " WHERE id & 0x7ffffffffff = 4",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(shell), SQLITE_OK);
    ask(lane, 0, LAST, &asker);
    answer();
    ck_assert_uint_eq(asker.count, 4);
    ck_assert_int_eq(asker.error, ERR_CORRUPT);
}
END_TEST

/* -- threads -- */

START_TEST(the_thread_answers)
{
    struct asker first = {.step = 1}, second = {.step = 1};
    uint32_t lane = fill(3000);
    ask(lane, 0, LAST, &first);
    ask(lane, 1000, LAST, &second);
    await_end(&second, 1);
    expect(&first, 0, 3000);
    expect(&second, 1000, 2000);
}
END_TEST

START_TEST(now_while_the_thread_reads)
{
    uint32_t lane = fill(3000);
    for (unsigned i = 0; i < 50; i++) {
        struct asker asked = {.step = 1}, now = {.step = 1};
        ask(lane, 0, LAST, &asked);
        struct store_page page = page_of(lane, i, LAST, &now);
        ck_assert_int_eq(store_page_now(fixture.vhost, &page, take_message), ERR_OK);
        ck_assert_uint_eq(now.count, 3000 - i);
        await_end(&asked, 1);
        expect(&asked, 0, 3000);
    }
}
END_TEST

/* At whatever stage the cancel finds it, nothing comes any more. */
START_TEST(cancelled_at_any_moment)
{
    uint32_t lane = fill(3000);
    for (unsigned i = 0; i < 200; i++) {
        struct asker gone = {0}, stays = {0};
        ask(lane, 0, LAST, &gone);
        ask(lane, 2990, LAST, &stays);
        for (unsigned spin = 0; spin < i * 40; spin++)
            (void)store_last(fixture.vhost);
        if (i % 7 == 0)
            poll(NULL, 0, 1);
        store_page_cancel(fixture.vhost, &gone);
        gone.deaf = true;
        await_end(&stays, 1);
        expect(&stays, 2990, 10);
    }
}
END_TEST

START_TEST(closed_at_any_moment)
{
    static struct asker gone = {.deaf = true};
    fill(3000);
    for (unsigned i = 0; i < 16; i++) {
        for (unsigned j = 0; j < 3; j++)
            ask(1, 0, LAST, &gone);
        if (i % 4 == 0)
            poll(NULL, 0, (int)i % 3);
        if (i % 2)
            store_fixture_crash(&fixture);
        else
            store_fixture_close(&fixture);
        ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    }
}
END_TEST

static uint64_t file_bytes(const char *file)
{
    char path[128];
    struct stat found;
    snprintf(path, sizeof(path), "%s/%s", directory, file);
    return stat(path, &found) == 0 ? (uint64_t)found.st_size : 0;
}

struct stream {
    struct asker asker;
    uint64_t written; /* messages are put up to here, */
    uint64_t read;    /* read up to here, */
    uint64_t deleted; /* and deleted up to here */
    bool reading;
};

static void read_on(struct stream *stream, uint32_t lane, uint64_t durable_upto)
{
    if (stream->reading || stream->read >= durable_upto)
        return;
    stream->asker = (struct asker){.step = 1};
    stream->reading = true;
    struct store_page page = page_of(lane, stream->read, durable_upto - 1, &stream->asker);
    page.messages_max = 500;
    store_page(fixture.vhost, &page);
}

/* What was read goes. */
static void note_read(struct stream *stream, uint32_t lane)
{
    if (!stream->reading || stream->asker.ends == 0)
        return;
    stream->reading = false;
    ck_assert_int_eq(stream->asker.error, ERR_OK);
    ck_assert_uint_gt(stream->asker.count, 0);
    ck_assert_uint_eq(stream->asker.positions[0], stream->read);
    stream->read += stream->asker.count;
    for (; stream->deleted < stream->read; stream->deleted++)
        store_message_delete(fixture.vhost, lane, stream->deleted, 0, STORE_BODY_UNKNOWN);
}

/* A lane that is written at one end and read at the other, without a pause: the reader is never in
 * the way of commits and checkpoints, so the WAL stays bounded, and it never misses a row. */
START_TEST(reads_while_the_writer_commits_and_checkpoints)
{
    enum { MESSAGES = 30000 };
    static uint8_t bytes[2000];
    static struct stream stream;
    uint64_t durable_upto = 0, highest = 0;
    uint64_t last_of_batch = 0, written_by_batch = 0;
    uint32_t lane = fill(0);
    stream = (struct stream){0};
    while (stream.deleted < MESSAGES) {
        for (unsigned i = 0; i < 200 && stream.written < MESSAGES; i++) {
            struct store_message message = {.lane = lane,
                                            .position = stream.written,
                                            .properties = slice_of(bytes, sizeof(bytes)),
                                            .body = slice_of(bytes, stream.written % 44)};
            store_message_put(fixture.vhost, &message, NULL);
            stream.written++;
        }
        store_flush(fixture.vhost);
        if (last_of_batch <= store_durable(fixture.vhost)) {
            durable_upto = written_by_batch;
            last_of_batch = store_last(fixture.vhost);
            written_by_batch = stream.written;
        }
        read_on(&stream, lane, durable_upto);
        await_wake(10);
        store_collect(fixture.store);
        note_read(&stream, lane);
        uint64_t size = file_bytes("vhost-%2F.db-wal");
        highest = size > highest ? size : highest;
    }
    ck_assert_uint_gt(highest, 1000000);
    ck_assert_uint_le(highest, 48000000);
}
END_TEST

/* A backlog goes, its pages move to the front of the file and go back to the disk; what is left can be
 * read all the time. */
START_TEST(reads_while_the_file_shrinks)
{
    static uint8_t bytes[4000];
    struct asker asker = {0};
    uint32_t lane = fill(0);
    for (uint64_t i = 0; i < 6000; i++) {
        struct store_message message = {.lane = lane,
                                        .position = i,
                                        .properties = slice_of(bytes, sizeof(bytes)),
                                        .body = slice_of(bytes, i % 44)};
        store_message_put(fixture.vhost, &message, NULL);
        if (i % 500 == 499)
            store_flush(fixture.vhost);
    }
    store_flush(fixture.vhost);
    while (store_durable(fixture.vhost) < store_last(fixture.vhost)) {
        ck_assert(await_wake(PATIENCE_MS));
        store_collect(fixture.store);
    }
    ck_assert_uint_gt(file_bytes("vhost-%2F.db") + file_bytes("vhost-%2F.db-wal"), 20000000);
    store_lane_purge(fixture.vhost, lane, 0, 5899);
    store_flush(fixture.vhost);
    uint64_t size = UINT64_MAX, log_size = UINT64_MAX;
    for (unsigned i = 0; i < 5000 && (size >= 6000000 || log_size >= 10000000); i++) {
        asker = (struct asker){.step = 1};
        ask(lane, 5900, LAST, &asker);
        await_end(&asker, 1);
        expect(&asker, 5900, 100);
        poll(NULL, 0, 1);
        size = file_bytes("vhost-%2F.db");
        log_size = file_bytes("vhost-%2F.db-wal"); /* until it is copied, all is there */
    }
    ck_assert_uint_lt(size, 6000000);
    ck_assert_uint_lt(log_size, 10000000);
}
END_TEST

/* The thread holds a failure's answer back, but not a cancel, nor the end. */
START_TEST(a_failing_disk_is_not_hammered)
{
    struct asker failed = {0}, gone = {.deaf = true};
    uint32_t lane = fill(3000);
    memvfs_fail(disk, (struct memvfs_fault){
                          .operations = MEMVFS_READ, .lasting = true, .result = SQLITE_IOERR});
    while (await_wake(0))
        continue;
    ask(lane, 0, LAST, &failed);
    ck_assert(!await_wake(300));
    await_end(&failed, 1);
    ck_assert_int_eq(failed.error, ERR_IO);
    ck_assert_uint_eq(fixture.log_lines, 1);
    bool at_once = false;
    for (unsigned i = 0; i < 10 && !at_once; i++) { /* the machine may be busy just then */
        ask(lane, 0, LAST, &gone);
        poll(NULL, 0, 20);
        store_page_cancel(fixture.vhost, &gone);
        at_once = await_wake(500);
        ck_assert(at_once || await_wake(PATIENCE_MS));
        store_collect(fixture.store);
    }
    ck_assert(at_once);
    ask(lane, 0, LAST, &gone);
    poll(NULL, 0, 20);
    memvfs_fail(disk, (struct memvfs_fault){0});
    store_fixture_close(&fixture);
}
END_TEST

/* -- */

static void add_common(TCase *tests)
{
    tcase_add_test(tests, a_page_is_the_range_that_was_asked_for);
    tcase_add_test(tests, a_page_ends_at_its_limits);
    tcase_add_test(tests, a_page_now_is_the_same_at_once);
    tcase_add_test(tests, only_those_that_expire);
    tcase_add_test(tests, in_the_order_in_which_they_expire);
    tcase_add_test(tests, up_to_the_first_that_expires_later);
    tcase_add_test(tests, what_is_not_durable_is_not_seen);
    tcase_add_test(tests, a_deletion_is_seen_once_it_is_durable);
    tcase_add_test(tests, a_lane_that_is_gone_is_empty);
    tcase_add_test(tests, cancelled_before_it_is_read);
    tcase_add_test(tests, cancelled_before_it_is_collected);
    tcase_add_test(tests, cancelled_while_its_messages_come);
    tcase_add_test(tests, asked_again_after_a_cancel);
    tcase_add_test(tests, a_virtual_host_is_deleted_with_pages_asked);
}

static TCase *add_case(Suite *suite, const char *name, SFun before, SFun after)
{
    TCase *tests = tcase_create(name);
    tcase_add_checked_fixture(tests, before, after);
    tcase_set_timeout(tests, 30);
    suite_add_tcase(suite, tests);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("store_page");
    TCase *tests = add_case(suite, "by hand", setup_by_hand, teardown);
    add_common(tests);
    tcase_add_test(tests, every_part_of_a_message_comes_back);
    tcase_add_test(tests, two_lanes_in_one_order);
    tcase_add_test(tests, a_transient_lane_is_forgotten);
    tcase_add_test(tests, a_transient_lane_is_deleted);
    tcase_add_test(tests, closed_with_pages_asked_and_answered);
    tcase_add_test(tests, a_read_that_fails_says_so_and_works_later);
    tcase_add_test(tests, a_read_fails_anywhere);
    tcase_add_test(tests, a_damaged_row_is_an_error);
    add_common(add_case(suite, "in memory", setup_in_memory, teardown));
    tests = add_case(suite, "threads", setup_threads, teardown_threads);
    tcase_add_test(tests, the_thread_answers);
    tcase_add_test(tests, now_while_the_thread_reads);
    tcase_add_test(tests, cancelled_at_any_moment);
    tcase_add_test(tests, closed_at_any_moment);
    tcase_add_test(tests, reads_while_the_writer_commits_and_checkpoints);
    tcase_add_test(tests, reads_while_the_file_shrinks);
    tests = add_case(suite, "a lying disk", setup_threads_on_a_lying_disk, teardown);
    tcase_add_test(tests, a_failing_disk_is_not_hammered);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
