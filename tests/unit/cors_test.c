/* SPDX-License-Identifier: Apache-2.0 */
/* Which pages' origins are let in, and what their browsers are told. */
#include "base/check.h"
#include "management/cors.h"
#include "tests/support/suite.h"

static struct http_response response;

static const char *header(const char *name)
{
    for (size_t i = 0; i < response.header_count; i++)
        if (strcmp(response.headers[i].name, name) == 0)
            return response.headers[i].value;
    return NULL;
}

/* What a request of that origin gets where `origins` are allowed; the origin that is answered. */
static const char *answered(const char *origins, const char *method, const char *origin)
{
    const struct cors cors = {.origins = (char *)(uintptr_t)origins, .max_age_s = 60};
    const struct http_request request = {
        .method = method,
        .origin = slice_str(origin),
        .cors_headers = slice_str("authorization"),
    };

    http_response_fini(&response);
    http_response_init(&response);
    cors_add(&cors, &request, slice_str("HEAD, GET, OPTIONS"), &response);
    return header("Access-Control-Allow-Origin");
}

static void setup(void)
{
    http_response_init(&response);
}

static void teardown(void)
{
    http_response_fini(&response);
}

START_TEST(nothing_is_said_unless_configured)
{
    ck_assert_ptr_null(answered(NULL, "GET", "https://a.example"));
    ck_assert_uint_eq(response.header_count, 0);
}
END_TEST

START_TEST(only_listed_origins_are_let_in)
{
    static const char list[] = "https://a.example https://b.example:8443";

    ck_assert_str_eq(answered(list, "GET", "https://a.example"), "https://a.example");
    ck_assert_str_eq(answered(list, "GET", "https://b.example:8443"), "https://b.example:8443");
    ck_assert_str_eq(header("Access-Control-Allow-Credentials"), "true");
    ck_assert_str_eq(header("Vary"), "Origin");
    ck_assert_ptr_null(answered(list, "GET", "https://b.example"));
    ck_assert_ptr_null(answered(list, "GET", "https://a.example.evil"));
    ck_assert_ptr_null(answered(list, "GET", "null"));
    ck_assert_ptr_null(answered(list, "GET", ""));
    ck_assert_str_eq(header("Vary"), "Origin");
}
END_TEST

START_TEST(a_star_is_any_origin)
{
    ck_assert_str_eq(answered("*", "GET", "http://x"), "http://x");
    ck_assert_ptr_null(answered("*", "GET", "null"));
}
END_TEST

START_TEST(preflight_says_what_is_allowed)
{
    ck_assert_str_eq(answered("*", "OPTIONS", "http://x"), "http://x");
    ck_assert_str_eq(header("Access-Control-Max-Age"), "60");
    ck_assert_str_eq(header("Access-Control-Allow-Methods"), "HEAD, GET, OPTIONS");
    ck_assert_str_eq(header("Access-Control-Allow-Headers"), "authorization");
    ck_assert_str_eq(answered("*", "GET", "http://x"), "http://x");
    ck_assert_ptr_null(header("Access-Control-Max-Age"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        nothing_is_said_unless_configured,
        only_listed_origins_are_let_in,
        a_star_is_any_origin,
        preflight_says_what_is_allowed,
    };
    return suite_run("cors", setup, teardown, tests, ARRAY_LEN(tests));
}
