/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of management/row.h: rows as text, some of their columns, and the value of one. */
#include "management/row.h"

#include "management/json.h"
#include "management/management.h"
#include "tests/support/suite.h"

#include <check.h>
#include <math.h>

static void write_sample(struct row *row)
{
    row_begin(row);
    row_text(row, "name", slice_str("q"));
    row_number(row, "messages", 7);
    row_flag(row, "durable", true);
    row_null(row, "policy");
    if (row_open(row, "stats")) {
        row_number(row, "publish", 3);
        if (row_open(row, "publish_details")) {
            row_real(row, "rate", 1.5);
            row_close(row);
        }
        row_close(row);
    }
    if (row_open_list(row, "tags")) {
        row_text(row, NULL, slice_str("a"));
        if (row_open(row, NULL)) {
            row_text(row, "deep", slice_str("b"));
            row_text(row, "deeper", slice_str("c"));
            row_close(row);
        }
        row_close(row);
    }
    row_table(row, "arguments", slice_of(NULL, 0));
    row_json(row, "metadata", json_pack("{s:i, s:[i,i]}", "x", 1, "y", 2, 3));
    row_end(row);
}

static void expect_columns(const char *names, const char *expected)
{
    struct columns columns;
    struct buf out = BUF_INIT;
    struct row row;

    columns_init(&columns, names);
    row_init(&row, &out, &columns);
    write_sample(&row);
    row_fini(&row);
    columns_fini(&columns);
    for (size_t i = 0; i < out.len; i++)
        if (out.data[i] == '"')
            out.data[i] = '\'';
    ck_assert_str_eq(buf_cstr(&out), expected);
    buf_fini(&out);
}

START_TEST(a_row_has_its_members_in_order)
{
    expect_columns(NULL, "{'name':'q','messages':7,'durable':true,'policy':null,"
                         "'stats':{'publish':3,'publish_details':{'rate':1.5}},"
                         "'tags':['a',{'deep':'b','deeper':'c'}],'arguments':{},"
                         "'metadata':{'x':1,'y':[2,3]}}");
}
END_TEST

START_TEST(columns_are_what_is_asked_for)
{
    expect_columns("name", "{'name':'q'}");
    expect_columns("durable,name", "{'name':'q','durable':true}");
    expect_columns("stats", "{'stats':{'publish':3,'publish_details':{'rate':1.5}}}");
    expect_columns("stats.publish", "{'stats':{'publish':3}}");
    expect_columns("stats.publish_details.rate,name",
                   "{'name':'q','stats':{'publish_details':{'rate':1.5}}}");
    expect_columns("stats.publish,stats.publish_details.nothing",
                   "{'stats':{'publish':3,'publish_details':{}}}");
    expect_columns("stats.none", "{'stats':{}}");
    expect_columns("tags.deep", "{'tags':['a',{'deep':'b'}]}");
    expect_columns("metadata.x", "{'metadata':{'x':1}}");
    expect_columns("metadata.y.z", "{'metadata':{'y':[2,3]}}");
    expect_columns("name.further", "{'name':'q'}");
    expect_columns("nam,namee,", "{}");
    expect_columns(",", "{}");
}
END_TEST

static struct row_value value_at(const char *path, char *text, size_t size)
{
    struct columns columns;
    struct row_value value;
    struct row row;

    columns_init(&columns, path);
    row_init_value(&row, &columns, &value);
    write_sample(&row);
    snprintf(text, size, "%.*s", SLICE_FMT(value.text));
    row_fini(&row);
    columns_fini(&columns);
    return value;
}

START_TEST(a_column_alone_can_be_read)
{
    char text[32];

    ck_assert_int_eq(value_at("name", text, sizeof(text)).kind, ROW_TEXT);
    ck_assert_str_eq(text, "q");
    struct row_value number = value_at("messages", text, sizeof(text));
    ck_assert_int_eq(number.kind, ROW_NUMBER);
    ck_assert(fabs(number.number - 7) < 1e-9);
    number = value_at("stats.publish_details.rate", text, sizeof(text));
    ck_assert(fabs(number.number - 1.5) < 1e-9);
    ck_assert_int_eq(value_at("durable", text, sizeof(text)).kind, ROW_FLAG);
    ck_assert_int_eq(value_at("policy", text, sizeof(text)).kind, ROW_FLAG);
    ck_assert_int_eq(value_at("stats", text, sizeof(text)).kind, ROW_OBJECT);
    ck_assert_int_eq(value_at("tags", text, sizeof(text)).kind, ROW_ARRAY);
    ck_assert_int_eq(value_at("metadata.x", text, sizeof(text)).kind, ROW_NUMBER);
    ck_assert_int_eq(value_at("metadata.y", text, sizeof(text)).kind, ROW_ARRAY);
}
END_TEST

START_TEST(what_is_missing_counts_as_zero)
{
    char text[32];
    static const char *const paths[] = {"none", "name.further", "stats.none", "tags.deep"};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct row_value value = value_at(paths[i], text, sizeof(text));
        ck_assert_int_eq(value.kind, ROW_NUMBER);
        ck_assert(fabs(value.number) < 1e-9);
    }
}
END_TEST

START_TEST(values_are_in_order_of_their_kinds)
{
    const struct row_value values[] = {
        {.kind = ROW_NUMBER, .number = -1},
        {.kind = ROW_NUMBER, .number = 2.5},
        {.kind = ROW_FLAG},
        {.kind = ROW_FLAG, .number = 1},
        {.kind = ROW_OBJECT},
        {.kind = ROW_ARRAY},
        {.kind = ROW_TEXT, .text = slice_str("")},
        {.kind = ROW_TEXT, .text = slice_str("B")},
        {.kind = ROW_TEXT, .text = slice_str("a")},
    };

    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        for (size_t j = 0; j < ARRAY_LEN(values); j++) {
            int order = row_value_compare(&values[i], &values[j]);
            ck_assert_int_eq((order > 0) - (order < 0), (i > j) - (i < j));
        }
}
END_TEST

/* What the writer makes of a value is what jansson makes of it. */
static void expect_same(struct slice text)
{
    struct buf out = BUF_INIT, expected = BUF_INIT;
    json_t *value = json_text(text);
    struct row row;

    json_write(&expected, value);
    row_init(&row, &out, NULL);
    row_text(&row, NULL, text);
    row_fini(&row);
    ck_assert_str_eq(buf_cstr(&out), buf_cstr(&expected));
    json_decref(value);
    buf_fini(&out);
    buf_fini(&expected);
}

START_TEST(texts_are_escaped)
{
    for (unsigned c = 0; c < 256; c++) {
        const uint8_t bytes[] = {'a', (uint8_t)c, 'b', (uint8_t)c};
        expect_same(slice_of(bytes, sizeof(bytes)));
    }
    expect_same(slice_str(""));
    expect_same(slice_str("\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x87 \"q\" \\ /"));
    expect_same(slice_str("\xc3\x28"));
}
END_TEST

static void expect_number(int64_t number, const char *expected)
{
    struct buf out = BUF_INIT;
    struct row row;

    row_init(&row, &out, NULL);
    row_number(&row, NULL, (uint64_t)number);
    row_fini(&row);
    ck_assert_str_eq(buf_cstr(&out), expected);
    buf_fini(&out);
}

START_TEST(numbers_have_all_their_digits)
{
    expect_number(0, "0");
    expect_number(-1, "-1");
    expect_number(INT64_MAX, "9223372036854775807");
    expect_number(INT64_MIN, "-9223372036854775808");
}
END_TEST

START_TEST(reals_are_reals_and_unknown_numbers_are_left_out)
{
    struct buf out = BUF_INIT;
    struct row row;

    row_init(&row, &out, NULL);
    row_begin(&row);
    row_real(&row, "zero", 0);
    row_real(&row, "third", 20);
    row_real(&row, "none", NAN);
    row_known(&row, "unknown", FACT_UNKNOWN);
    row_known(&row, "known", 1);
    row_end(&row);
    row_fini(&row);
    ck_assert_str_eq(buf_cstr(&out), "{\"zero\":0.0,\"third\":20.0,\"none\":null,\"known\":1}");
    buf_fini(&out);
}
END_TEST

/* Deeper than rows go: whole all the same. */
START_TEST(no_depth_is_too_deep)
{
    json_t *value = json_integer(1);
    struct buf out = BUF_INIT, expected = BUF_INIT;
    struct row row;

    for (unsigned i = 0; i < 500; i++)
        value = i % 2 ? json_pack("[o]", value) : json_pack("{s:o}", "k", value);
    json_write(&expected, value);
    row_init(&row, &out, NULL);
    row_json(&row, NULL, value);
    row_fini(&row);
    ck_assert_str_eq(buf_cstr(&out), buf_cstr(&expected));
    buf_fini(&out);
    buf_fini(&expected);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_row_has_its_members_in_order,
        columns_are_what_is_asked_for,
        a_column_alone_can_be_read,
        what_is_missing_counts_as_zero,
        values_are_in_order_of_their_kinds,
        texts_are_escaped,
        numbers_have_all_their_digits,
        reals_are_reals_and_unknown_numbers_are_left_out,
        no_depth_is_too_deep,
    };
    return suite_run("row", NULL, NULL, tests, ARRAY_LEN(tests));
}
