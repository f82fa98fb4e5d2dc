/* SPDX-License-Identifier: Apache-2.0 */
/* Percent-encoding, queries and headers. */
#include "management/http.h"
#include "tests/support/suite.h"

#include "base/check.h"

static struct buf out;

static void setup(void)
{
    out = BUF_INIT;
}

static void teardown(void)
{
    buf_fini(&out);
}

START_TEST(escapes_are_decoded)
{
    ck_assert(http_decode(&out, slice_str("%2Fa%20b+c%C3%a9"), false));
    ck_assert_str_eq(buf_cstr(&out), "/a b+c\xc3\xa9");
    buf_clear(&out);
    ck_assert(http_decode(&out, slice_str("a+b%2B"), true));
    ck_assert_str_eq(buf_cstr(&out), "a b+");
}
END_TEST

START_TEST(malformed_escapes_are_refused)
{
    static const char *const bad[] = {"%", "%2", "%2x", "%x2", "a%%", "%-1", "a%00b"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!http_decode(&out, slice_str(bad[i]), false), "%s", bad[i]);
    ck_assert(!http_decode(&out, slice_of("a\0b", 3), false));
}
END_TEST

START_TEST(encoding_and_decoding_are_inverse)
{
    uint8_t bytes[255]; /* all but NUL */
    struct buf back = BUF_INIT;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i + 1);
    http_encode(&out, slice_of(bytes, sizeof(bytes)));
    ck_assert(http_decode(&back, buf_slice(&out), true));
    ck_assert(slice_equal(buf_slice(&back), slice_of(bytes, sizeof(bytes))));
    buf_fini(&back);
}
END_TEST

START_TEST(query_parameters_are_found)
{
    struct slice query = slice_str("page=1&name=a%26b&empty=&flag&page=2");

    ck_assert(http_query(query, "page", &out));
    ck_assert_str_eq(buf_cstr(&out), "1");
    buf_clear(&out);
    ck_assert(http_query(query, "name", &out));
    ck_assert_str_eq(buf_cstr(&out), "a&b");
    buf_clear(&out);
    ck_assert(http_query(query, "empty", &out));
    ck_assert(http_query(query, "flag", &out));
    ck_assert_uint_eq(out.len, 0);
    ck_assert(!http_query(query, "am", &out));
    ck_assert(!http_query(slice_of(NULL, 0), "page", &out));
}
END_TEST

START_TEST(headers_hold_no_line_ends)
{
    struct http_response response;

    http_response_init(&response);
    http_response_add_header(&response, "Location", slice_str("a\r\nSet-Cookie: x"));
    ck_assert_uint_eq(response.header_count, 1);
    ck_assert_str_eq(response.headers[0].value, "aSet-Cookie: x");
    ck_assert_str_eq(http_status_text(404), "Not Found");
    http_response_fini(&response);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        escapes_are_decoded,
        malformed_escapes_are_refused,
        encoding_and_decoding_are_inverse,
        query_parameters_are_found,
        headers_hold_no_line_ends,
    };
    return suite_run("http", setup, teardown, tests, ARRAY_LEN(tests));
}
