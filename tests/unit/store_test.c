/* SPDX-License-Identifier: Apache-2.0 */
/* The store in manual mode on a memory disk: what goes in comes out, and only what should. */
#include "tests/support/memvfs.h"
#include "tests/support/store_fixture.h"

#include "proto/table.h"
#include "storage/schema.h"

#include <check.h>
#include <sqlite3.h>
#include <stdlib.h>

static struct memvfs *disk;
static struct store_fixture fixture;
static struct buf text;

static void setup(void)
{
    disk = memvfs_new("store-test");
    store_fixture_init(&fixture, "store-test");
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
}

static void teardown(void)
{
    if (fixture.store)
        store_fixture_close(&fixture);
    buf_fini(&text);
    memvfs_free(disk);
}

/* Settles, closes and opens again; the content is in `text` then. */
static void reopen(void)
{
    store_fixture_settle(&fixture);
    store_fixture_close(&fixture);
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    store_fixture_dump(&fixture, &text);
}

static bool holds(const char *part)
{
    return strstr(buf_cstr(&text), part) != NULL;
}

/* One value of the virtual host's database, by a connection of its own. */
static struct slice query(const char *sql)
{
    static char value[1024];
    sqlite3 *other = NULL;
    sqlite3_stmt *select = NULL;
    ck_assert_int_eq(
        sqlite3_open_v2("/data/vhost-%2F.db", &other, SQLITE_OPEN_READWRITE, "store-test"),
        SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(other, sql, -1, &select, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(select), SQLITE_ROW);
    const char *found = (const char *)sqlite3_column_text(select, 0);
    sqlite3_snprintf(sizeof(value), value, "%s", found ? found : "NULL");
    sqlite3_finalize(select);
    ck_assert_int_eq(sqlite3_close(other), SQLITE_OK);
    return slice_str(value);
}

#define ck_assert_query(sql, expected)                                                             \
    ck_assert_msg(slice_equal_str(query(sql), expected), "%s: %.*s", sql, SLICE_FMT(query(sql)))

/* -- records -- */

static struct buf arguments;

/* Values that follow from the column and a variant; tables are valid ones. */
static struct store_record make_record(enum store_record_kind kind, unsigned variant)
{
    static char names[STORE_COLUMNS_MAX][32];
    const struct schema_record *schema = schema_record(kind);
    struct store_record record = {.kind = kind};
    buf_clear(&arguments);
    table_add_int64(&arguments, "x-max-length", (int64_t)variant + 10);
    table_add_str(&arguments, "x-overflow", slice_str("drop \"head\""));
    for (size_t i = 0; i < schema_column_count(schema); i++) {
        struct store_value *value = &record.values[i];
        sqlite3_snprintf(sizeof(names[i]), names[i], "%s-%u", schema->columns[i].name, variant);
        if (schema->columns[i].type == SCHEMA_INTEGER)
            value->integer = INT64_MIN + (int64_t)variant + (int64_t)i;
        else
            value->bytes = schema->columns[i].type == SCHEMA_TABLE ? buf_slice(&arguments)
                                                                   : slice_str(names[i]);
    }
    return record;
}

struct found {
    unsigned count;
    unsigned variant; /* of the one expected */
};

static void expect_record(void *context, const struct store_record *record)
{
    struct found *found = context;
    struct store_record expected = make_record(record->kind, found->variant);
    for (size_t i = 0; i < STORE_COLUMNS_MAX; i++) {
        ck_assert_int_eq(record->values[i].integer, expected.values[i].integer);
        ck_assert(slice_equal(record->values[i].bytes, expected.values[i].bytes));
    }
    found->count++;
}

static struct store_db *home_of(enum store_record_kind kind)
{
    return schema_record(kind)->database == SCHEMA_NODE ? fixture.node : fixture.vhost;
}

START_TEST(every_kind_of_record_comes_back)
{
    enum store_record_kind kind = (enum store_record_kind)_i;
    struct found found = {.variant = 1};
    struct store_record record = make_record(kind, 1);
    ck_assert_uint_eq(store_put(home_of(kind), &record), 1);
    reopen();
    ck_assert_int_eq(store_load(home_of(kind), kind, expect_record, &found), ERR_OK);
    ck_assert_uint_eq(found.count, 1);
    buf_fini(&arguments);
}
END_TEST

START_TEST(a_record_is_replaced_and_removed_by_its_key)
{
    enum store_record_kind kind = (enum store_record_kind)_i;
    const struct schema_record *schema = schema_record(kind);
    struct found found = {.variant = 1};
    struct store_record record = make_record(kind, 2);
    for (size_t i = 0; i < schema->key_count; i++)
        record.values[i] = make_record(kind, 1).values[i];
    if (schema->key_count == schema_column_count(schema))
        record = make_record(kind, 1); /* nothing but a key */
    store_put(home_of(kind), &record);
    record = make_record(kind, 1);
    store_put(home_of(kind), &record);
    reopen();
    ck_assert_int_eq(store_load(home_of(kind), kind, expect_record, &found), ERR_OK);
    ck_assert_uint_eq(found.count, 1);
    store_remove(home_of(kind), &record);
    store_remove(home_of(kind), &record);
    reopen();
    ck_assert_int_eq(store_load(home_of(kind), kind, expect_record, &found), ERR_OK);
    ck_assert_uint_eq(found.count, 1);
    buf_fini(&arguments);
}
END_TEST

START_TEST(empty_and_odd_texts_are_kept)
{
    struct store_record record = {.kind = STORE_EXCHANGE};
    record.values[0].bytes = slice_of("a\0b\xff", 4);
    store_put(fixture.vhost, &record);
    reopen();
    ck_assert(holds("'a\\x00b\\xff' 0 '' 0 '' 0 '' 0 ''"));
}
END_TEST

START_TEST(a_records_bytes_are_copied)
{
    char name[] = "before";
    struct store_record record = {.kind = STORE_QUEUE, .values = {{.bytes = slice_str(name)}}};
    store_put(fixture.vhost, &record);
    memcpy(name, "after!", sizeof(name));
    reopen();
    ck_assert(holds("'before'"));
    ck_assert(!holds("'after!'"));
}
END_TEST

/* -- lanes and messages -- */

START_TEST(messages_come_back_in_order)
{
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("orders"), 3);
    struct store_owner owner = {0};
    ck_assert_uint_eq(lane, 1);
    store_fixture_put(&fixture, lane, 7, &owner);
    store_fixture_put(&fixture, lane, 0, &owner);
    store_fixture_put(&fixture, lane, 4, &owner);
    reopen();
    ck_assert_str_eq(
        buf_cstr(&text),
        "lane 1 orders priority=3 delivered=0 next=8 messages=3 bytes=11\n"
        "message 1/0 '''''\\x10\\x00\\x02''' expires=1700000000000 count=2 redelivered=1\n"
        "message 1/4 'amq.topic''stock.usd.nyse''\\x10\\x00\\x02''the ' "
        "expires=1700000000004 count=0 redelivered=0\n"
        "message 1/7 'amq.topic''stock.usd.nyse''\\x10\\x00\\x02''the qui' "
        "expires=0 count=2 redelivered=1\n");
    ck_assert_uint_eq(owner.released, 3);
}
END_TEST

START_TEST(the_counts_follow_every_change)
{
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("orders"), 0);
    uint32_t other = store_lane_new(fixture.vhost, slice_str("orders"), 1);
    for (uint64_t i = 0; i < 40; i++)
        store_fixture_put(&fixture, i % 2 ? lane : other, i, NULL);
    store_fixture_settle(&fixture);
    for (uint64_t i = 0; i < 20; i++)
        store_message_delete(fixture.vhost, i % 2 ? lane : other, i, 0, STORE_BODY_UNKNOWN);
    store_message_delete(fixture.vhost, lane, 1, 0, STORE_BODY_UNKNOWN);      /* again */
    store_message_delete(fixture.vhost, lane, 100000, 0, STORE_BODY_UNKNOWN); /* never there */
    store_fixture_settle(&fixture);
    store_lane_purge(fixture.vhost, other, 25, 35);
    store_lane_delivered(fixture.vhost, other, 31);
    reopen();
    ck_assert(holds("lane 1 orders priority=0 delivered=0 next=40 messages=10 bytes=300\n"));
    ck_assert(holds("lane 2 orders priority=1 delivered=31 next=39 messages=5 bytes=140\n"));
    ck_assert_query("SELECT sum(messages), sum(bytes) FROM lanes", "15");
    ck_assert_query("SELECT count(*) FROM messages", "15");
    ck_assert_query("SELECT sum(length(body)) FROM messages", "440");
}
END_TEST

/* The broker says how long the bodies are; what it says counts while it is right about the rows. */
START_TEST(bytes_that_are_known_are_taken_off)
{
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("orders"), 0);
    for (uint64_t i = 0; i < 40; i++)
        store_fixture_put(&fixture, lane, i, NULL);
    store_fixture_settle(&fixture);
    for (uint64_t i = 0; i < 10; i++)
        store_message_delete(fixture.vhost, lane, i, 0, i);
    store_message_delete(fixture.vhost, lane, 30, 0, 30);
    reopen();
    ck_assert(holds("next=40 messages=29 bytes=705\n"));
    store_message_delete(fixture.vhost, lane, 11, 0, 11);
    store_message_delete(fixture.vhost, lane, 12, 0, STORE_BODY_UNKNOWN);
    store_message_delete(fixture.vhost, lane, 39, 0, STORE_BODY_UNKNOWN);
    reopen();
    ck_assert(holds("messages=26 bytes=643\n"));
}
END_TEST

START_TEST(bytes_of_what_was_not_there_are_counted_anew)
{
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("orders"), 0);
    uint32_t other = store_lane_new(fixture.vhost, slice_str("bills"), 0);
    for (uint64_t i = 0; i < 20; i++)
        store_fixture_put(&fixture, lane, i, NULL);
    store_fixture_put(&fixture, other, 5, NULL);
    store_fixture_settle(&fixture);
    store_message_delete(fixture.vhost, lane, 3, 0, 3);
    store_message_delete(fixture.vhost, lane, 3, 0, 3);    /* again */
    store_message_delete(fixture.vhost, lane, 77, 0, 900); /* never there */
    reopen();
    ck_assert(holds("lane 1 orders priority=0 delivered=0 next=20 messages=19 bytes=187\n"));
    ck_assert(holds("lane 2 bills priority=0 delivered=0 next=6 messages=1 bytes=5\n"));
}
END_TEST

START_TEST(the_last_watermark_counts)
{
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("orders"), 0);
    store_lane_delivered(fixture.vhost, lane, 1000);
    reopen();
    ck_assert(holds("delivered=1000 next=1000 messages=0"));
    store_lane_delivered(fixture.vhost, lane, 2000);
    store_lane_delivered(fixture.vhost, lane, 0);
    reopen();
    ck_assert(holds("delivered=0 next=0 messages=0"));
}
END_TEST

START_TEST(a_returned_message_is_marked)
{
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("orders"), 0);
    store_fixture_put(&fixture, lane, 1, NULL);
    uint64_t put = store_fixture_put(&fixture, lane, 2, NULL);
    store_message_returned(fixture.vhost, lane, 2, put, 5);
    store_fixture_settle(&fixture);
    store_message_returned(fixture.vhost, lane, 1, 2, 1);
    reopen();
    ck_assert(holds("message 1/1 'amq.topic''stock.usd.nyse''\\x10\\x00\\x02''t' expires=0 count=1 "
                    "redelivered=1"));
    ck_assert(holds("''th' expires=0 count=5 redelivered=1"));
}
END_TEST

START_TEST(a_position_can_be_used_again)
{
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("orders"), 0);
    store_fixture_put(&fixture, lane, 1, NULL);
    store_fixture_settle(&fixture);
    store_message_delete(fixture.vhost, lane, 1, 2, STORE_BODY_UNKNOWN);
    uint64_t put = store_fixture_put(&fixture, lane, 1, NULL);
    store_message_delete(fixture.vhost, lane, 1, put, STORE_BODY_UNKNOWN);
    store_fixture_put(&fixture, lane, 1, NULL);
    reopen();
    ck_assert(holds("messages=1 bytes=1\n"));
    ck_assert(holds("message 1/1 "));
}
END_TEST

START_TEST(highest_lane_and_position_fit)
{
    struct store_message message = {.lane = STORE_LANES_MAX - 1, .position = STORE_POSITION_MAX};
    store_message_put(fixture.vhost, &message, NULL);
    store_fixture_settle(&fixture);
    ck_assert_query("SELECT id FROM messages", "9223372036854775807");
    store_lane_purge(fixture.vhost, STORE_LANES_MAX - 1, 0, STORE_POSITION_MAX);
    store_fixture_settle(&fixture);
    ck_assert_query("SELECT count(*) FROM messages", "0");
}
END_TEST

START_TEST(a_lane_goes_with_its_messages)
{
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("first"), 0);
    uint32_t kept = store_lane_new(fixture.vhost, slice_str("second"), 0);
    for (uint64_t i = 1; i <= 3; i++) {
        store_fixture_put(&fixture, lane, i, NULL);
        store_fixture_put(&fixture, kept, i, NULL);
    }
    store_fixture_settle(&fixture);
    store_fixture_put(&fixture, lane, 4, NULL);
    store_lane_delete(fixture.vhost, lane);
    ck_assert_uint_eq(store_lane_new(fixture.vhost, slice_str("third"), 0), 3);
    store_fixture_settle(&fixture);
    ck_assert_uint_eq(store_lane_new(fixture.vhost, slice_str("fourth"), 0), lane);
    store_fixture_put(&fixture, lane, 2, NULL);
    reopen();
    ck_assert(!holds("first"));
    ck_assert(holds("lane 1 fourth priority=0 delivered=0 next=3 messages=1 bytes=2\n"));
    ck_assert(holds("lane 2 second priority=0 delivered=0 next=4 messages=3 bytes=6\n"));
    ck_assert_query("SELECT count(*) FROM messages", "4");
}
END_TEST

/* A lane whose messages are too many to be removed in the transaction that deletes it. */
static uint32_t delete_big_lane(void)
{
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("big"), 0);
    for (uint64_t i = 0; i < 7000; i++)
        store_fixture_put(&fixture, lane, i, NULL);
    store_fixture_settle(&fixture);
    store_lane_delete(fixture.vhost, lane);
    return lane;
}

/* One more batch, and so one more step of removal. */
static void write_something(void)
{
    struct store_record record = {.kind = STORE_EXCHANGE};
    store_put(fixture.vhost, &record);
    store_fixture_settle(&fixture);
}

START_TEST(a_big_lane_goes_little_by_little)
{
    uint32_t lane = delete_big_lane();
    store_fixture_settle(&fixture);
    ck_assert_query("SELECT count(*) FROM lanes", "0");
    ck_assert_query("SELECT count(*) FROM message_list", "0");
    ck_assert_query("SELECT count(*) > 4000 FROM messages", "1");
    ck_assert_uint_eq(store_lane_new(fixture.vhost, slice_str("other"), 0), lane + 1);
    for (unsigned i = 0; i < 5; i++)
        write_something();
    ck_assert_query("SELECT count(*) FROM messages", "0");
    ck_assert_uint_eq(store_lane_new(fixture.vhost, slice_str("again"), 0), lane);
}
END_TEST

START_TEST(what_is_left_of_a_big_lane_goes_after_a_restart)
{
    uint32_t kept = store_lane_new(fixture.vhost, slice_str("kept"), 0);
    store_fixture_put(&fixture, kept, 5, NULL);
    uint32_t lane = delete_big_lane();
    store_fixture_settle(&fixture);
    store_fixture_crash(&fixture);
    memvfs_power_loss(disk, 0);
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    store_fixture_dump(&fixture, &text);
    ck_assert(holds("lane 1 kept priority=0 delivered=0 next=6 messages=1 bytes=5\n"));
    ck_assert(!holds("big"));
    ck_assert_uint_eq(store_lane_new(fixture.vhost, slice_str("other"), 0), lane + 1);
    for (unsigned i = 0; i < 6; i++)
        write_something();
    ck_assert_query("SELECT count(*) FROM messages", "1");
    ck_assert_uint_eq(store_lane_new(fixture.vhost, slice_str("again"), 0), lane);
}
END_TEST

START_TEST(a_big_lanes_deletion_can_fail_and_be_tried_again)
{
    uint32_t lane = delete_big_lane();
    memvfs_fail(disk,
                (struct memvfs_fault){.operations = MEMVFS_SYNC, .result = SQLITE_IOERR_FSYNC});
    store_fixture_settle(&fixture);
    ck_assert_int_eq(store_status(fixture.vhost, NULL), ERR_IO);
    ck_assert_query("SELECT messages FROM lanes", "7000");
    for (unsigned i = 0; i < 6; i++)
        write_something();
    ck_assert_query("SELECT count(*) FROM messages", "0");
    ck_assert_query("SELECT count(*) FROM lanes", "0");
    ck_assert_uint_eq(store_lane_new(fixture.vhost, slice_str("again"), 0), lane);
    ck_assert_uint_eq(store_lane_new(fixture.vhost, slice_str("more"), 0), lane + 1);
}
END_TEST

START_TEST(lane_numbers_survive_a_restart)
{
    for (unsigned i = 0; i < 130; i++)
        ck_assert_uint_eq(store_lane_new(fixture.vhost, slice_str("q"), 0), i + 1);
    store_lane_delete(fixture.vhost, 70);
    store_fixture_settle(&fixture);
    store_fixture_close(&fixture);
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    ck_assert_uint_eq(store_lane_new(fixture.vhost, slice_str("q"), 0), 70);
    ck_assert_uint_eq(store_lane_new(fixture.vhost, slice_str("q"), 0), 131);
}
END_TEST

/* -- batches -- */

START_TEST(what_cancels_itself_is_never_written)
{
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("q"), 0);
    store_fixture_settle(&fixture);
    uint64_t changes = memvfs_changes(disk);
    struct store_owner owner = {0};
    struct store_stats stats;
    for (uint64_t i = 0; i < 100; i++) {
        uint64_t put = store_fixture_put(&fixture, lane, i, &owner);
        store_message_delete(fixture.vhost, lane, i, put, STORE_BODY_UNKNOWN);
        ck_assert_uint_eq(owner.released, i + 1);
    }
    uint32_t shortlived = store_lane_new(fixture.vhost, slice_str("short"), 0);
    store_fixture_put(&fixture, shortlived, 1, &owner);
    store_lane_delivered(fixture.vhost, shortlived, 2);
    store_lane_purge(fixture.vhost, shortlived, 0, STORE_POSITION_MAX);
    store_lane_delete(fixture.vhost, shortlived);
    ck_assert_uint_lt(store_durable(fixture.vhost), store_last(fixture.vhost));
    store_flush(fixture.vhost);
    ck_assert(!store_write(fixture.vhost));
    ck_assert(store_collect(fixture.store));
    ck_assert_uint_eq(store_durable(fixture.vhost), store_last(fixture.vhost));
    ck_assert_uint_eq(owner.released, 101);
    ck_assert_uint_eq(memvfs_changes(disk), changes);
    store_stats(fixture.vhost, &stats);
    ck_assert_uint_eq(stats.cancelled, 205);
    ck_assert_uint_eq(stats.operations, 206);
}
END_TEST

START_TEST(a_delete_after_hand_over_is_written)
{
    struct store_owner owner = {0};
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("q"), 0);
    uint64_t put = store_fixture_put(&fixture, lane, 1, &owner);
    store_flush(fixture.vhost);
    store_message_delete(fixture.vhost, lane, 1, put, STORE_BODY_UNKNOWN);
    ck_assert_uint_eq(owner.released, 0);
    store_fixture_settle(&fixture);
    ck_assert_uint_eq(owner.released, 1);
    ck_assert_query("SELECT count(*) FROM messages", "0");
    ck_assert_query("SELECT messages FROM lanes", "0");
}
END_TEST

START_TEST(a_turn_is_never_cut)
{
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("q"), 0);
    store_flush(fixture.vhost);
    store_fixture_put(&fixture, lane, 1, NULL);
    store_flush(fixture.vhost);
    store_fixture_put(&fixture, lane, 2, NULL);
    ck_assert(store_write(fixture.vhost));
    ck_assert(store_collect(fixture.store)); /* in the middle of a turn: hands nothing over */
    ck_assert_uint_eq(store_durable(fixture.vhost), 1);
    ck_assert(!store_write(fixture.vhost));
    store_flush(fixture.vhost);
    ck_assert(store_write(fixture.vhost));
    ck_assert(store_collect(fixture.store));
    ck_assert_uint_eq(store_durable(fixture.vhost), 3);
    ck_assert(!store_collect(fixture.store));
}
END_TEST

START_TEST(turns_pile_up_while_the_writer_is_busy)
{
    struct store_stats stats;
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("q"), 0);
    store_flush(fixture.vhost);
    for (uint64_t i = 0; i < 10; i++) {
        store_fixture_put(&fixture, lane, i, NULL);
        store_flush(fixture.vhost);
    }
    ck_assert(store_write(fixture.vhost));
    ck_assert(store_collect(fixture.store)); /* hands over all ten */
    ck_assert(store_write(fixture.vhost));
    ck_assert(store_collect(fixture.store));
    ck_assert_uint_eq(store_durable(fixture.vhost), 11);
    store_stats(fixture.vhost, &stats);
    ck_assert_uint_eq(stats.batches, 2);
    ck_assert_uint_gt(stats.file_bytes, 8192);
}
END_TEST

START_TEST(a_message_of_a_deleted_lane_may_still_be_settled)
{
    struct store_owner owner = {0};
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("q"), 0);
    store_fixture_settle(&fixture);
    uint64_t put = store_fixture_put(&fixture, lane, 1, &owner);
    store_lane_delete(fixture.vhost, lane);
    store_message_delete(fixture.vhost, lane, 1, put, STORE_BODY_UNKNOWN);
    store_message_returned(fixture.vhost, lane, 1, put, 1);
    store_fixture_settle(&fixture);
    ck_assert_uint_eq(owner.released, 1);
    ck_assert_query("SELECT count(*) FROM messages", "0");
}
END_TEST

START_TEST(congestion_follows_what_is_pending)
{
    struct store_stats stats;
    static uint8_t body[300000];
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("q"), 0);
    struct store_message message = {.lane = lane, .body = slice_of(body, sizeof(body))};
    for (; message.position < 3; message.position++)
        store_message_put(fixture.vhost, &message, NULL);
    ck_assert(!store_congested(fixture.vhost));
    uint64_t put = store_message_put(fixture.vhost, &message, NULL);
    ck_assert(store_congested(fixture.vhost));
    store_message_delete(fixture.vhost, lane, message.position, put, STORE_BODY_UNKNOWN);
    ck_assert(!store_congested(fixture.vhost));
    message.position++;
    store_flush(fixture.vhost);
    store_message_put(fixture.vhost, &message, NULL);
    ck_assert(store_congested(fixture.vhost));
    store_fixture_settle(&fixture);
    ck_assert(!store_congested(fixture.vhost));
    store_stats(fixture.vhost, &stats);
    ck_assert_uint_eq(stats.pending_bytes, 0);
}
END_TEST

START_TEST(a_close_writes_what_is_pending)
{
    struct store_owner owner = {0};
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("q"), 0);
    store_flush(fixture.vhost);
    store_fixture_put(&fixture, lane, 1, &owner);
    store_fixture_close(&fixture);
    ck_assert_uint_eq(owner.released, 1);
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    store_fixture_dump(&fixture, &text);
    ck_assert(holds("messages=1 "));
}
END_TEST

/* -- virtual hosts, views -- */

START_TEST(a_deleted_virtual_host_leaves_nothing)
{
    struct store_db *vhost;
    struct store_owner owner = {0};
    struct slice name = slice_str("stag\xc3\xad/ng");
    ck_assert_int_eq(store_vhost_open(fixture.store, name, &vhost, fixture.message, 512), ERR_OK);
    ck_assert(memvfs_exists(disk, "/data/vhost-stag%C3%AD%2Fng.db"));
    uint32_t lane = store_lane_new(vhost, slice_str("q"), 0);
    store_flush(vhost);
    struct store_message message = {.lane = lane};
    store_message_put(vhost, &message, &owner);
    store_vhost_delete(fixture.store, vhost);
    ck_assert_uint_eq(owner.released, 1);
    ck_assert(!memvfs_exists(disk, "/data/vhost-stag%C3%AD%2Fng.db"));
    ck_assert(!memvfs_exists(disk, "/data/vhost-stag%C3%AD%2Fng.db-wal"));
    ck_assert_int_eq(store_vhost_open(fixture.store, name, &vhost, fixture.message, 512), ERR_OK);
    ck_assert_uint_eq(store_lane_new(vhost, slice_str("q"), 0), 1);
}
END_TEST

START_TEST(the_views_read_well)
{
    struct store_record record = make_record(STORE_QUEUE, 1);
    record.values[0].bytes = slice_str("orders");
    store_put(fixture.vhost, &record);
    record = make_record(STORE_BINDING, 1);
    store_put(fixture.vhost, &record);
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("orders"), 2);
    for (uint64_t i = 3; i < 9; i++)
        store_fixture_put(&fixture, lane, i, NULL);
    store_lane_delivered(fixture.vhost, lane, 5);
    store_fixture_settle(&fixture);
    ck_assert_query("SELECT group_concat(position || ':' || redelivered) FROM message_list",
                    "3:1,4:1,5:0,6:0,7:1,8:0");
    ck_assert_query(
        "SELECT queue || priority || exchange || routing_key || body_bytes || expires_at"
        " FROM message_list WHERE position = 4",
        "orders2amq.topicstock.usd.nyse42023-11-14 22:13:20.004");
    ck_assert_query("SELECT name || messages || ' ' || bytes FROM queue_list", "orders6 33");
    ck_assert_query("SELECT arguments FROM queue_list",
                    "{\"x-max-length\":11,\"x-overflow\":\"drop \\\"head\\\"\"}");
    ck_assert_query("SELECT json_extract(arguments, '$.\"x-max-length\"') FROM binding_list", "11");
    buf_fini(&arguments);
}
END_TEST

START_TEST(a_store_in_memory_works_and_forgets)
{
    struct store_fixture memory;
    store_fixture_init(&memory, NULL);
    ck_assert_int_eq(store_fixture_open(&memory), ERR_OK);
    uint32_t lane = store_lane_new(memory.vhost, slice_str("q"), 0);
    store_fixture_put(&memory, lane, 1, NULL);
    store_fixture_settle(&memory);
    ck_assert_uint_eq(store_durable(memory.vhost), 2);
    ck_assert_uint_eq(store_disk_free(memory.store), UINT64_MAX);
    store_fixture_close(&memory);
    ck_assert_int_eq(store_fixture_open(&memory), ERR_OK);
    store_fixture_dump(&memory, &text);
    ck_assert_uint_eq(text.len, 0);
    store_fixture_close(&memory);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tests = tcase_create("store");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, every_kind_of_record_comes_back, 0, STORE_RECORD_KINDS);
    tcase_add_loop_test(tests, a_record_is_replaced_and_removed_by_its_key, 0, STORE_RECORD_KINDS);
    tcase_add_test(tests, empty_and_odd_texts_are_kept);
    tcase_add_test(tests, a_records_bytes_are_copied);
    tcase_add_test(tests, messages_come_back_in_order);
    tcase_add_test(tests, the_counts_follow_every_change);
    tcase_add_test(tests, bytes_that_are_known_are_taken_off);
    tcase_add_test(tests, bytes_of_what_was_not_there_are_counted_anew);
    tcase_add_test(tests, the_last_watermark_counts);
    tcase_add_test(tests, a_returned_message_is_marked);
    tcase_add_test(tests, a_position_can_be_used_again);
    tcase_add_test(tests, highest_lane_and_position_fit);
    tcase_add_test(tests, a_lane_goes_with_its_messages);
    tcase_add_test(tests, a_big_lane_goes_little_by_little);
    tcase_add_test(tests, what_is_left_of_a_big_lane_goes_after_a_restart);
    tcase_add_test(tests, a_big_lanes_deletion_can_fail_and_be_tried_again);
    tcase_add_test(tests, lane_numbers_survive_a_restart);
    tcase_add_test(tests, what_cancels_itself_is_never_written);
    tcase_add_test(tests, a_delete_after_hand_over_is_written);
    tcase_add_test(tests, a_turn_is_never_cut);
    tcase_add_test(tests, turns_pile_up_while_the_writer_is_busy);
    tcase_add_test(tests, a_message_of_a_deleted_lane_may_still_be_settled);
    tcase_add_test(tests, congestion_follows_what_is_pending);
    tcase_add_test(tests, a_close_writes_what_is_pending);
    tcase_add_test(tests, a_deleted_virtual_host_leaves_nothing);
    tcase_add_test(tests, the_views_read_well);
    tcase_add_test(tests, a_store_in_memory_works_and_forgets);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
