/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: what is refused, with what words, and that a refused file is left as it was; the lock; the
 * files' names. On real files.
 */
#include "tests/support/store_fixture.h"

#include "base/hmap.h"
#include "base/mem.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = "/tmp/bilby-store-XXXXXX";
static char data[64]; /* the store's directory, in it */
static struct store_fixture fixture;

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(data, sizeof(data), "%s/a/b", directory);
    store_fixture_init(&fixture, NULL);
    fixture.options.directory = data;
}

static void teardown(void)
{
    char command[128];
    if (fixture.store)
        store_fixture_close(&fixture);
    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    ck_assert_int_eq(system(command), 0);
    memcpy(directory + strlen(directory) - 6, "XXXXXX", 6);
}

static const char *path_of(const char *file)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s", data, file);
    return path;
}

static bool exists(const char *file)
{
    struct stat found;
    return stat(path_of(file), &found) == 0;
}

static struct buf read_file(const char *file)
{
    struct buf content = BUF_INIT;
    FILE *in = fopen(path_of(file), "rb");
    ck_assert_ptr_nonnull(in);
    for (int byte = getc(in); byte != EOF; byte = getc(in))
        buf_add_u8(&content, (uint8_t)byte);
    fclose(in);
    return content;
}

static void write_file(const char *file, struct slice content)
{
    FILE *out = fopen(path_of(file), "wb");
    ck_assert_ptr_nonnull(out);
    if (content.len > 0)
        ck_assert_uint_eq(fwrite(content.data, 1, content.len, out), content.len);
    ck_assert_int_eq(fclose(out), 0);
}

/* A store with a few messages in it, closed. */
static void make_store(void)
{
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("orders"), 0);
    for (uint64_t i = 1; i < 1000; i++)
        store_fixture_put(&fixture, lane, i, NULL);
    store_fixture_close(&fixture);
}

static void edit(const char *file, const char *sql)
{
    sqlite3 *other = NULL;
    ck_assert_int_eq(sqlite3_open(path_of(file), &other), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(other, sql, NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(other), SQLITE_OK);
}

/* The store is refused so, the message says this, and the file is the same afterwards. */
static void expect_refusal(const char *file, enum err error, const char *words)
{
    struct buf before = read_file(file);
    ck_assert_int_eq(store_fixture_open(&fixture), error);
    ck_assert_ptr_null(fixture.store);
    ck_assert_msg(strstr(fixture.message, words) != NULL, "%s", fixture.message);
    ck_assert_msg(strstr(fixture.message, file) != NULL, "%s", fixture.message);
    struct buf after = read_file(file);
    ck_assert(slice_equal(buf_slice(&before), buf_slice(&after)));
    buf_fini(&before);
    buf_fini(&after);
}

#define VHOST_FILE "vhost-%2F.db"

START_TEST(the_directory_and_its_files_are_made)
{
    struct stat found;
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    ck_assert_int_eq(stat(data, &found), 0);
    ck_assert_uint_eq(found.st_mode & 0777, 0700);
    ck_assert(exists("node.db"));
    ck_assert(exists(VHOST_FILE));
    ck_assert(exists("lock"));
    ck_assert_uint_gt(store_disk_free(fixture.store), 0);
    ck_assert_uint_lt(store_disk_free(fixture.store), UINT64_MAX);
    store_fixture_close(&fixture);
    ck_assert(!exists("node.db-wal"));
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
}
END_TEST

START_TEST(a_directory_that_cant_be_made_is_explained)
{
    snprintf(data, sizeof(data), "%s/file/b", directory);
    char file[64];
    snprintf(file, sizeof(file), "%s/file", directory);
    FILE *out = fopen(file, "w");
    ck_assert_ptr_nonnull(out);
    fclose(out);
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_IO);
    ck_assert_ptr_nonnull(strstr(fixture.message, data));
}
END_TEST

START_TEST(a_second_process_is_refused)
{
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct store_fixture second = fixture;
        second.store = NULL;
        char owner[32];
        snprintf(owner, sizeof(owner), "process %ld,", (long)getppid());
        bool refused = store_fixture_open(&second) == ERR_BUSY && strstr(second.message, owner);
        _exit(refused ? 0 : 1);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    store_fixture_close(&fixture);
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
}
END_TEST

START_TEST(a_killed_process_leaves_no_lock)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (store_fixture_open(&fixture) == ERR_OK)
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
}
END_TEST

START_TEST(an_empty_file_is_a_new_database)
{
    make_store();
    write_file("node.db", slice_of(NULL, 0));
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
}
END_TEST

START_TEST(a_file_that_is_no_database_is_refused)
{
    static const char words[] = "This is not a database, but somebody's letter to a friend. ";
    struct buf letter = BUF_INIT;
    make_store();
    for (unsigned i = 0; i < 100; i++)
        buf_add_str(&letter, words);
    write_file("node.db", buf_slice(&letter));
    expect_refusal("node.db", ERR_CORRUPT, "Nothing was changed");
    buf_fini(&letter);
}
END_TEST

START_TEST(somebody_elses_database_is_refused)
{
    make_store();
    ck_assert_int_eq(unlink(path_of(VHOST_FILE)), 0);
    edit(VHOST_FILE, "CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')");
    expect_refusal(VHOST_FILE, ERR_CORRUPT, "not one of Bilby's");
}
END_TEST

START_TEST(a_newer_database_is_refused)
{
    make_store();
    edit(VHOST_FILE, "PRAGMA user_version = 9");
    expect_refusal(VHOST_FILE, ERR_VERSION, "newer version of Bilby");
}
END_TEST

START_TEST(an_older_database_is_refused)
{
    make_store();
    edit("node.db", "PRAGMA user_version = 1");
    expect_refusal("node.db", ERR_VERSION, "development version of Bilby");
}
END_TEST

START_TEST(a_newer_database_with_a_log_is_left_alone)
{
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    ck_assert_uint_ne(store_lane_new(fixture.vhost, slice_str("q"), 0), 0);
    store_fixture_settle(&fixture);
    store_fixture_crash(&fixture);
    sqlite3 *other = NULL;
    ck_assert_int_eq(sqlite3_open(path_of(VHOST_FILE), &other), SQLITE_OK);
    sqlite3_db_config(other, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    ck_assert_int_eq(sqlite3_exec(other, "PRAGMA user_version = 9", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(other), SQLITE_OK);
    struct buf before = read_file(VHOST_FILE "-wal");
    ck_assert_uint_gt(before.len, 0);
    expect_refusal(VHOST_FILE, ERR_VERSION, "newer version of Bilby");
    struct buf after = read_file(VHOST_FILE "-wal");
    ck_assert(slice_equal(buf_slice(&before), buf_slice(&after)));
    buf_fini(&before);
    buf_fini(&after);
}
END_TEST

START_TEST(a_changed_schema_is_refused)
{
    make_store();
    edit(VHOST_FILE, "ALTER TABLE queues ADD COLUMN colour TEXT");
    expect_refusal(VHOST_FILE, ERR_CORRUPT, "not as this version made them");
}
END_TEST

START_TEST(a_missing_table_is_refused)
{
    make_store();
    edit(VHOST_FILE, "DROP TABLE lanes");
    expect_refusal(VHOST_FILE, ERR_CORRUPT, "damaged");
}
END_TEST

START_TEST(an_operators_own_index_does_no_harm)
{
    make_store();
    edit(VHOST_FILE, "CREATE INDEX mine ON lanes (queue); CREATE VIEW also_mine AS SELECT 1");
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
}
END_TEST

START_TEST(another_virtual_hosts_file_is_refused)
{
    char other[128];
    make_store();
    snprintf(other, sizeof(other), "%s/vhost-other.db", data);
    ck_assert_int_eq(rename(path_of(VHOST_FILE), other), 0);
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    struct store_db *db;
    ck_assert_int_eq(store_vhost_open(fixture.store, slice_str("other"), &db, fixture.message,
                                      sizeof(fixture.message)),
                     ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(fixture.message, "another virtual host"));
    store_fixture_close(&fixture);
    ck_assert_int_eq(unlink(path_of("node.db")), 0);
    ck_assert_int_eq(rename(other, path_of("node.db")), 0);
    expect_refusal("node.db", ERR_CORRUPT, "not as this version made them");
}
END_TEST

START_TEST(a_truncated_file_is_refused)
{
    make_store();
    struct buf whole = read_file(VHOST_FILE);
    for (size_t len = 100; len < whole.len; len += whole.len / 7) {
        write_file(VHOST_FILE, slice_of(whole.data, len));
        expect_refusal(VHOST_FILE, ERR_CORRUPT, "damaged");
    }
    buf_fini(&whole);
}
END_TEST

static void ignore_message(void *context, const struct store_message *message)
{
    (void)context;
    ck_assert_uint_le(message->body.len, 1 << 20);
}

/* Garbage in any page but those of `messages` (and of the map of pages) shows when it's opened; in the
 * messages it shows when they are read, as an error and never as a crash. */
START_TEST(damaged_pages_are_found_or_survived)
{
    make_store();
    struct buf whole = read_file(VHOST_FILE);
    unsigned refused = 0;
    unsigned unreadable = 0;
    for (size_t page = 0; page < whole.len; page += 8192) {
        struct buf damaged = BUF_INIT;
        buf_add_slice(&damaged, buf_slice(&whole));
        memset(damaged.data + page, 0xa5, 64);
        write_file(VHOST_FILE, buf_slice(&damaged));
        buf_fini(&damaged);
        enum err error = store_fixture_open(&fixture);
        refused += error == ERR_CORRUPT;
        ck_assert(error == ERR_OK || error == ERR_CORRUPT);
        if (error != ERR_OK)
            continue;
        error = store_load_messages(fixture.vhost, 1, ignore_message, NULL);
        unreadable += error == ERR_CORRUPT;
        store_fixture_crash(&fixture);
    }
    ck_assert_uint_ge(refused, 6); /* the head and schema, and five tables */
    ck_assert_uint_ge(unreadable, 1);
    ck_assert_uint_eq(unreadable + refused, whole.len / 8192 - 1);
    buf_fini(&whole);
}
END_TEST

START_TEST(damaged_messages_are_an_error)
{
    make_store();
    edit(VHOST_FILE,
         "UPDATE messages SET delivery_count = -5 WHERE id = (SELECT max(id) FROM messages)");
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    ck_assert_int_eq(store_load_messages(fixture.vhost, 1, ignore_message, NULL), ERR_CORRUPT);
    ck_assert_uint_eq(fixture.log_lines, 1);
}
END_TEST

START_TEST(a_message_that_expires_before_all_time_is_refused)
{
    make_store();
    edit(VHOST_FILE,
         "UPDATE messages SET expires_at = -5 WHERE id = (SELECT max(id) FROM messages)");
    expect_refusal(VHOST_FILE, ERR_CORRUPT, "Restore the file from a backup");
}
END_TEST

static void ignore_record(void *context, const struct store_record *record)
{
    (void)context;
    (void)record;
}

START_TEST(a_malformed_table_is_an_error)
{
    make_store();
    edit(VHOST_FILE, "INSERT INTO queues VALUES ('q', 'classic', 0, x'ff4142', '{}')");
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    ck_assert_int_eq(store_load(fixture.vhost, STORE_QUEUE, ignore_record, NULL), ERR_CORRUPT);
}
END_TEST

START_TEST(impossible_lanes_are_refused)
{
    make_store();
    edit(VHOST_FILE, "UPDATE lanes SET messages = -1");
    expect_refusal(VHOST_FILE, ERR_CORRUPT, "a lane's count is negative");
}
END_TEST

static void note_next_position(void *context, const struct store_lane *lane)
{
    *(uint64_t *)context = lane->position_next;
}

START_TEST(positions_that_are_taken_are_not_given_out_again)
{
    uint64_t sound = 0;
    uint64_t damaged = 0;
    make_store();
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    ck_assert_int_eq(store_load_lanes(fixture.vhost, note_next_position, &sound), ERR_OK);
    store_fixture_close(&fixture);
    edit(VHOST_FILE, "UPDATE lanes SET position_next = 0");
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    ck_assert_int_eq(store_load_lanes(fixture.vhost, note_next_position, &damaged), ERR_OK);
    ck_assert_uint_gt(sound, 1);
    ck_assert_uint_eq(damaged, sound);
}
END_TEST

START_TEST(long_names_get_files_of_their_own)
{
    struct store_db *db[3];
    char name[1001];
    memset(name, '/', sizeof(name));
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(store_vhost_open(fixture.store, slice_of(name, 60 + i * 400), &db[i],
                                          fixture.message, sizeof(fixture.message)),
                         ERR_OK);
    for (size_t i = 0; i < 3; i++)
        ck_assert_uint_eq(store_lane_new(db[i], slice_str("q"), 0), 1);
    store_fixture_close(&fixture);
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(store_vhost_open(fixture.store, slice_of(name, 60 + i * 400), &db[i],
                                          fixture.message, sizeof(fixture.message)),
                         ERR_OK);
        ck_assert_uint_eq(store_lane_new(db[i], slice_str("q"), 0), 2);
    }
}
END_TEST

START_TEST(an_open_database_can_be_read_by_others)
{
    ck_assert_int_eq(store_fixture_open(&fixture), ERR_OK);
    uint32_t lane = store_lane_new(fixture.vhost, slice_str("orders"), 0);
    store_fixture_put(&fixture, lane, 1, NULL);
    store_fixture_settle(&fixture);
    sqlite3 *other = NULL;
    sqlite3_stmt *select = NULL;
    ck_assert_int_eq(sqlite3_open_v2(path_of(VHOST_FILE), &other, SQLITE_OPEN_READONLY, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(other, "SELECT queue FROM message_list", -1, &select, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(select), SQLITE_ROW);
    ck_assert_str_eq((const char *)sqlite3_column_text(select, 0), "orders");
    store_fixture_put(&fixture, lane, 2, NULL); /* while the reader is in the middle */
    store_fixture_settle(&fixture);
    ck_assert_uint_eq(store_durable(fixture.vhost), store_last(fixture.vhost));
    sqlite3_finalize(select);
    ck_assert_int_eq(sqlite3_close(other), SQLITE_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_open");
    TCase *tests = tcase_create("store_open");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_directory_and_its_files_are_made);
    tcase_add_test(tests, a_directory_that_cant_be_made_is_explained);
    tcase_add_test(tests, a_second_process_is_refused);
    tcase_add_test(tests, a_killed_process_leaves_no_lock);
    tcase_add_test(tests, an_empty_file_is_a_new_database);
    tcase_add_test(tests, a_file_that_is_no_database_is_refused);
    tcase_add_test(tests, somebody_elses_database_is_refused);
    tcase_add_test(tests, a_newer_database_is_refused);
    tcase_add_test(tests, an_older_database_is_refused);
    tcase_add_test(tests, a_newer_database_with_a_log_is_left_alone);
    tcase_add_test(tests, a_changed_schema_is_refused);
    tcase_add_test(tests, a_missing_table_is_refused);
    tcase_add_test(tests, an_operators_own_index_does_no_harm);
    tcase_add_test(tests, another_virtual_hosts_file_is_refused);
    tcase_add_test(tests, a_truncated_file_is_refused);
    tcase_add_test(tests, damaged_pages_are_found_or_survived);
    tcase_add_test(tests, damaged_messages_are_an_error);
    tcase_add_test(tests, a_message_that_expires_before_all_time_is_refused);
    tcase_add_test(tests, a_malformed_table_is_an_error);
    tcase_add_test(tests, impossible_lanes_are_refused);
    tcase_add_test(tests, positions_that_are_taken_are_not_given_out_again);
    tcase_add_test(tests, long_names_get_files_of_their_own);
    tcase_add_test(tests, an_open_database_can_be_read_by_others);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
