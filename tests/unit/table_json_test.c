/* SPDX-License-Identifier: Apache-2.0 */
/* Field tables as JSON text. */
#include "storage/table_json.h"

#include "base/rng.h"
#include "proto/table.h"
#include "tests/support/suite.h"

#include <jansson.h>
#include <math.h>

static struct buf table;
static struct buf json;

static void setup(void)
{
    table = BUF_INIT;
    json = BUF_INIT;
}

static void teardown(void)
{
    buf_fini(&table);
    buf_fini(&json);
}

static const char *print(void)
{
    ck_assert_int_eq(table_validate(buf_slice(&table)), ERR_OK);
    buf_clear(&json);
    table_json_add(&json, buf_slice(&table));
    return buf_cstr(&json);
}

static void add(const char *name, struct field_value value)
{
    table_add(&table, slice_str(name), &value);
}

START_TEST(scalars)
{
    ck_assert_str_eq(print(), "{}");
    add("t", (struct field_value){.type = FIELD_BOOL, .boolean = true});
    add("b", (struct field_value){.type = FIELD_INT8, .integer = -5});
    add("l", (struct field_value){.type = FIELD_INT64, .integer = INT64_MIN});
    add("T", (struct field_value){.type = FIELD_TIMESTAMP, .integer = 1700000000});
    add("d", (struct field_value){.type = FIELD_DOUBLE, .real = 0.5});
    add("n", (struct field_value){.type = FIELD_DOUBLE, .real = NAN});
    add("D", (struct field_value){.type = FIELD_DECIMAL, .decimal = {2, 12345}});
    add("E", (struct field_value){.type = FIELD_DECIMAL, .decimal = {0, 7}});
    add("V", (struct field_value){.type = FIELD_VOID});
    ck_assert_str_eq(print(), "{\"t\":true,\"b\":-5,\"l\":-9223372036854775808,\"T\":1700000000,"
                              "\"d\":0.5,\"n\":null,\"D\":12345e-2,\"E\":7,\"V\":null}");
}
END_TEST

START_TEST(strings_are_escaped)
{
    add("q\"", (struct field_value){.type = FIELD_LONGSTR,
                                    .bytes = slice_of("a\"\\\n\0z\xc3\xa9\xf0\x9f\x90\xa6", 12)});
    ck_assert_str_eq(print(), "{\"q\\\"\":\"a\\\"\\\\\\u000a\\u0000z\xc3\xa9\xf0\x9f\x90\xa6\"}");
}
END_TEST

START_TEST(bytes_that_are_no_text_are_marked)
{
    static const struct {
        const char *bytes;
        const char *shown;
    } cases[] = {
        {"\xff", "?"},
        {"\xc3", "?"},
        {"\xc0\x80", "??"},
        {"\xed\xa0\x80", "???"},
        {"\xf4\x90\x80\x80", "????"},
        {"a\xe2\x82", "a??"},
        {"\x80z", "?z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&table);
        add("k", (struct field_value){.type = FIELD_BYTES, .bytes = slice_str(cases[i].bytes)});
        struct buf expected = BUF_INIT;
        buf_add_str(&expected, "{\"k\":\"");
        for (const char *c = cases[i].shown; *c; c++)
            buf_add(&expected, *c == '?' ? "\xef\xbf\xbd" : c, *c == '?' ? 3 : 1);
        buf_add_str(&expected, "\"}");
        ck_assert_str_eq(print(), buf_cstr(&expected));
        buf_fini(&expected);
    }
}
END_TEST

START_TEST(tables_and_arrays_nest)
{
    struct buf inner = BUF_INIT;
    struct buf array = BUF_INIT;
    table_add_int64(&inner, "x", 1);
    array_add_str(&array, slice_str("one"));
    array_add_table(&array, buf_slice(&inner));
    table_add_array(&table, "a", buf_slice(&array));
    table_add_table(&table, "t", buf_slice(&inner));
    table_add_array(&table, "e", slice_of(NULL, 0));
    ck_assert_str_eq(print(), "{\"a\":[\"one\",{\"x\":1}],\"t\":{\"x\":1},\"e\":[]}");
    buf_fini(&inner);
    buf_fini(&array);
}
END_TEST

START_TEST(random_bytes_always_give_valid_json)
{
    struct rng rng;
    uint8_t bytes[40];
    rng_init_u64(&rng, 7);
    for (unsigned round = 0; round < 2000; round++) {
        size_t len = rng_below(&rng, sizeof(bytes));
        rng_bytes(&rng, bytes, len);
        for (size_t i = 0; i < len; i += 3)
            bytes[i] = (uint8_t)(0xc0 + rng_below(&rng, 64)); /* leads of sequences */
        buf_clear(&table);
        add("k", (struct field_value){.type = FIELD_LONGSTR, .bytes = slice_of(bytes, len)});
        print();
        json_t *parsed = json_loadb((const char *)json.data, json.len, JSON_ALLOW_NUL, NULL);
        ck_assert_ptr_nonnull(parsed);
        json_decref(parsed);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        scalars,
        strings_are_escaped,
        bytes_that_are_no_text_are_marked,
        tables_and_arrays_nest,
        random_bytes_always_give_valid_json,
    };
    return suite_run("table_json", setup, teardown, tests, ARRAY_LEN(tests));
}
