/* SPDX-License-Identifier: Apache-2.0 */
/* JSON and tables, both ways; the order of rows. */
#include "management/json.h"
#include "management/json_sort.h"
#include "proto/table.h"
#include "tests/support/suite.h"

#include "base/check.h"

#include <math.h>

static struct buf table, text;

static void setup(void)
{
    table = BUF_INIT;
    text = BUF_INIT;
}

static void teardown(void)
{
    buf_fini(&table);
    buf_fini(&text);
}

static enum err to_table(const char *json)
{
    json_t *parsed = json_loads(json, JSON_DECODE_ANY, NULL);

    ck_assert_ptr_nonnull(parsed);
    enum err error = json_to_table(&table, parsed);
    json_decref(parsed);
    return error;
}

static void expect_text(json_t *value, const char *expected)
{
    buf_clear(&text);
    json_write(&text, value);
    ck_assert_str_eq(buf_cstr(&text), expected);
    json_decref(value);
}

START_TEST(objects_become_tables_and_come_back)
{
    static const char json[] = "{\"s\":\"text\",\"n\":-5,\"big\":9223372036854775807,\"r\":1.5,"
                               "\"b\":true,\"none\":null,\"list\":[1,\"a\",[],{\"x\":false}],"
                               "\"t\":{\"k\":{}}}";

    ck_assert_int_eq(to_table(json), ERR_OK);
    ck_assert_int_eq(table_validate(buf_slice(&table)), ERR_OK);
    expect_text(json_of_table(buf_slice(&table)), json);
}
END_TEST

START_TEST(kinds_have_their_types)
{
    struct field_value value;

    ck_assert_int_eq(to_table("{\"n\":5,\"r\":1.0,\"s\":\"x\",\"v\":null,\"b\":false}"), ERR_OK);
    ck_assert(table_find(buf_slice(&table), "n", &value) && value.type == FIELD_INT64);
    ck_assert(table_find(buf_slice(&table), "r", &value) && value.type == FIELD_DOUBLE);
    ck_assert(table_find(buf_slice(&table), "s", &value) && value.type == FIELD_LONGSTR);
    ck_assert(table_find(buf_slice(&table), "v", &value) && value.type == FIELD_VOID);
    ck_assert(table_find(buf_slice(&table), "b", &value) && value.type == FIELD_BOOL);
}
END_TEST

START_TEST(nothing_is_the_empty_table)
{
    ck_assert_int_eq(json_to_table(&table, NULL), ERR_OK);
    ck_assert_int_eq(to_table("null"), ERR_OK);
    ck_assert_int_eq(to_table("[]"), ERR_OK);
    ck_assert_int_eq(to_table("{}"), ERR_OK);
    ck_assert_uint_eq(table.len, 0);
}
END_TEST

START_TEST(what_is_no_table_is_refused)
{
    struct buf json = BUF_INIT;

    ck_assert_int_eq(to_table("[1]"), ERR_INVALID);
    ck_assert_int_eq(to_table("\"x\""), ERR_INVALID);
    buf_add_str(&json, "{\"");
    for (int i = 0; i < 256; i++)
        buf_add_u8(&json, 'k');
    buf_add_str(&json, "\":1}");
    ck_assert_int_eq(to_table(buf_cstr(&json)), ERR_INVALID);
    buf_clear(&json);
    for (int i = 0; i < TABLE_DEPTH_MAX + 1; i++)
        buf_add_str(&json, "{\"a\":");
    buf_add_str(&json, "1");
    for (int i = 0; i < TABLE_DEPTH_MAX + 1; i++)
        buf_add_str(&json, "}");
    ck_assert_int_eq(to_table(buf_cstr(&json)), ERR_LIMIT);
    ck_assert_uint_eq(table.len, 0);
    buf_fini(&json);
}
END_TEST

START_TEST(deepest_table_is_valid)
{
    struct buf json = BUF_INIT;

    for (int i = 0; i < TABLE_DEPTH_MAX; i++)
        buf_add_str(&json, "{\"a\":");
    buf_add_str(&json, "1");
    for (int i = 0; i < TABLE_DEPTH_MAX; i++)
        buf_add_str(&json, "}");
    ck_assert_int_eq(to_table(buf_cstr(&json)), ERR_OK);
    ck_assert_int_eq(table_validate(buf_slice(&table)), ERR_OK);
    buf_fini(&json);
}
END_TEST

START_TEST(odd_fields_have_a_json_form)
{
    const struct field_value decimal = {.type = FIELD_DECIMAL, .decimal = {2, 12345}};
    const struct field_value infinite = {.type = FIELD_DOUBLE, .real = (double)INFINITY};
    const struct field_value time = {.type = FIELD_TIMESTAMP, .integer = 1700000000};

    table_add(&table, slice_str("d"), &decimal);
    table_add(&table, slice_str("i"), &infinite);
    table_add(&table, slice_str("t"), &time);
    table_add_str(&table, "bytes", slice_str("a\xff"));
    expect_text(json_of_table(buf_slice(&table)),
                "{\"d\":123.45,\"i\":null,\"t\":1700000000,\"bytes\":\"a\xef\xbf\xbd\"}");
}
END_TEST

START_TEST(lists_of_names_split)
{
    expect_text(json_list("a,b,,c"), "[\"a\",\"b\",\"c\"]");
    expect_text(json_list(""), "[]");
    expect_text(json_list(NULL), "[]");
}
END_TEST

static void expect_order(const char *rows, const char *first, const char *second, bool reverse,
                         const char *expected)
{
    const char *const keys[] = {first, second, NULL};
    json_t *parsed = json_loads(rows, 0, NULL);

    ck_assert_ptr_nonnull(parsed);
    expect_text(json_sorted(parsed, keys, reverse), expected);
    json_decref(parsed);
}

START_TEST(rows_sort_by_kind_and_value)
{
    expect_order("[{\"a\":\"x\"},{\"a\":[]},{\"a\":true},{\"a\":2},{\"b\":1},{\"a\":{}},"
                 "{\"a\":-1},{\"a\":\"w\"}]",
                 "a", NULL, false,
                 "[{\"a\":-1},{\"b\":1},{\"a\":2},{\"a\":true},{\"a\":{}},{\"a\":[]},"
                 "{\"a\":\"w\"},{\"a\":\"x\"}]");
}
END_TEST

START_TEST(rows_sort_by_several_keys_and_deeper_ones)
{
    expect_order("[{\"a\":{\"n\":2},\"b\":1},{\"a\":{\"n\":1},\"b\":2},{\"a\":{\"n\":1},\"b\":1}]",
                 "a.n", "b", false,
                 "[{\"a\":{\"n\":1},\"b\":1},{\"a\":{\"n\":1},\"b\":2},{\"a\":{\"n\":2},\"b\":1}]");
    expect_order("[{\"a\":1},{\"a\":2}]", "a", NULL, true, "[{\"a\":2},{\"a\":1}]");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        objects_become_tables_and_come_back,
        kinds_have_their_types,
        nothing_is_the_empty_table,
        what_is_no_table_is_refused,
        deepest_table_is_valid,
        odd_fields_have_a_json_form,
        lists_of_names_split,
        rows_sort_by_kind_and_value,
        rows_sort_by_several_keys_and_deeper_ones,
    };
    return suite_run("json", setup, teardown, tests, ARRAY_LEN(tests));
}
