/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of management/json_reader.h: what is read in parts is what jansson reads at once. */
#include "management/json_reader.h"

#include "base/check.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdlib.h>

static const char sample[] =
    " {\"a\" : [1, -2.5e3 ,\"x\\n\\u00e4\",{\"deep\":[[],{}]}\t,\r\n[1,2], "
    "null],\"b\":{\"c\":true},"
    "\"empty\":[ ],\"d\":false,\"e\":\"\xc3\xa4\",\"n\":12,\"a\":[3]} \n";

static enum json_read read_in_parts(struct json_reader *reader, struct slice text, size_t bytes)
{
    enum json_read read;

    json_reader_init(reader, text);
    while ((read = json_reader_run(reader, bytes)) == JSON_READ_MORE)
        continue;
    return read;
}

START_TEST(parts_make_the_whole)
{
    static const char *const texts[] = {sample, "{}", " { } ", "[1,2]", "\"text\"", "{\"a\":[]}"};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        json_t *expected = json_loads(texts[i], JSON_DECODE_ANY, NULL);
        ck_assert_ptr_nonnull(expected);
        for (size_t bytes = 1; bytes < 100; bytes = bytes * 2 + 1) {
            struct json_reader reader;
            ck_assert_int_eq(read_in_parts(&reader, slice_str(texts[i]), bytes), JSON_READ_DONE);
            ck_assert(json_equal(reader.document, expected));
            json_reader_fini(&reader);
        }
        json_decref(expected);
    }
}
END_TEST

START_TEST(a_part_is_short)
{
    struct json_reader reader;
    unsigned parts = 1;

    json_reader_init(&reader, slice_str(sample));
    while (json_reader_run(&reader, 1) == JSON_READ_MORE)
        parts++;
    ck_assert_uint_gt(parts, 20);
    json_reader_fini(&reader);
}
END_TEST

/* Cut off anywhere it is no document. */
START_TEST(no_beginning_is_a_document)
{
    for (size_t len = 0; len < sizeof(sample) - 3; len++) {
        struct json_reader reader;
        char *copy = malloc(len + 1); /* to the byte: reading past the end is found */
        memcpy(copy, sample, len);
        ck_assert_int_eq(read_in_parts(&reader, slice_of(copy, len), 7), JSON_READ_WRONG);
        ck_assert_int_eq(strncmp(reader.message, "not JSON: line ", 15), 0);
        json_reader_fini(&reader);
        free(copy);
    }
}
END_TEST

START_TEST(what_jansson_refuses_is_refused)
{
    static const char *const texts[] = {
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":[1,]}",
        "{\"a\":[,1]}",
        "{\"a\":[1 2]}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1}x",
        "{\"a\":1}{}",
        "{\"a\":[1}}",
        "{\"a\":\"\xff\"}",
        "{\"a\":01}",
        "x",
        "",
        "{\"a\":[nul]}",
        "{\"a\":[1]]}",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct json_reader reader;
        ck_assert_ptr_null(json_loads(texts[i], JSON_DECODE_ANY, NULL));
        ck_assert_msg(read_in_parts(&reader, slice_str(texts[i]), 3) == JSON_READ_WRONG, "%s",
                      texts[i]);
        json_reader_fini(&reader);
    }
}
END_TEST

START_TEST(the_place_is_told)
{
    struct json_reader reader;

    (void)read_in_parts(&reader, slice_str("{\n \"a\": [1,\n  2 3]}"), 100);
    ck_assert_str_eq(reader.message, "not JSON: line 3, column 5: ',' or ']' expected");
    json_reader_fini(&reader);
    (void)read_in_parts(&reader, slice_str("{\n \"a\": [1,\n  2, tru ]}"), 100);
    ck_assert_int_eq(strncmp(reader.message, "not JSON: line 3, column 8: ", 28), 0);
    json_reader_fini(&reader);
    (void)read_in_parts(&reader, slice_str("{\"a\": [1"), 100);
    ck_assert_str_eq(reader.message, "not JSON: line 1, column 9: premature end of the document");
    json_reader_fini(&reader);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        parts_make_the_whole,       a_part_is_short,
        no_beginning_is_a_document, what_jansson_refuses_is_refused,
        the_place_is_told,
    };
    return suite_run("json_reader", NULL, NULL, tests, ARRAY_LEN(tests));
}
