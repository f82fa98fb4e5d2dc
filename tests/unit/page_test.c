/* SPDX-License-Identifier: Apache-2.0 */
/* The page's files over HTTP: types, what browsers may keep, what they are forbidden. */
#include "tests/support/api_fixture.h"
#include "tests/support/suite.h"

#include <stdio.h>

static struct api api;

static void setup(void)
{
    api = (struct api){0};
    api_open(&api);
    api.credentials = NULL;
}

static void teardown(void)
{
    api_close(&api);
}

START_TEST(files_have_their_types)
{
    static const char *const types[][2] = {
        {"/", "text/html; charset=utf-8"},
        {"/page/main.js", "text/javascript; charset=utf-8"},
        {"/page/views/queue.js", "text/javascript; charset=utf-8"},
        {"/page/style/base.css", "text/css; charset=utf-8"},
        {"/page/icon.svg", "image/svg+xml"},
    };

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        expect(&api, "GET", types[i][0], NULL, 200, NULL);
        ck_assert_str_eq(api.response.content_type, types[i][1]);
        ck_assert_uint_gt(api.response.body.len, 100);
    }
}
END_TEST

START_TEST(nothing_else_is_served)
{
    expect(&api, "GET", "/page/nosuch.js", NULL, 404, NULL);
    expect(&api, "GET", "/page/views/../main.js", NULL, 404, NULL);
    expect(&api, "GET", "/page/..%2Findex.html", NULL, 404, NULL);
    expect(&api, "GET", "/page/%2e%2e/index.html", NULL, 404, NULL);
    expect(&api, "GET", "/page", NULL, 404, NULL);
    expect(&api, "POST", "/page/main.js", NULL, 405, NULL);
}
END_TEST

/* With the headers in which a browser is told to load from here alone. */
static void expect_locked(const char *path)
{
    expect(&api, "GET", path, NULL, 200, NULL);
    const char *policy = answer_header(&api, "Content-Security-Policy");
    ck_assert_ptr_nonnull(policy);
    ck_assert_int_eq(strncmp(policy, "default-src 'none'; script-src 'self'; ", 39), 0);
    ck_assert_ptr_nonnull(strstr(policy, "frame-ancestors 'none'"));
    ck_assert_ptr_null(strstr(policy, "unsafe"));
    ck_assert_str_eq(answer_header(&api, "X-Content-Type-Options"), "nosniff");
    ck_assert_str_eq(answer_header(&api, "Referrer-Policy"), "no-referrer");
}

START_TEST(every_page_has_the_policy)
{
    expect_locked("/");
    expect_locked("/page/main.js");
    expect_locked("/api/");
}
END_TEST

START_TEST(what_a_browser_has_is_not_sent_again)
{
    char tag[64], list[160];

    expect(&api, "GET", "/page/main.js", NULL, 200, NULL);
    ck_assert_str_eq(answer_header(&api, "Cache-Control"), "no-cache");
    snprintf(tag, sizeof(tag), "%s", answer_header(&api, "ETag"));
    ck_assert_int_eq(tag[0], '"');
    api.if_none_match = tag;
    expect(&api, "GET", "/page/main.js", NULL, 304, "");
    ck_assert_str_eq(answer_header(&api, "ETag"), tag);
    expect(&api, "GET", "/page/dom.js", NULL, 200, NULL);
    snprintf(list, sizeof(list), "\"other\", W/%s", tag);
    api.if_none_match = list;
    expect(&api, "GET", "/page/main.js", NULL, 304, "");
    api.if_none_match = "\"other\"";
    expect(&api, "GET", "/page/main.js", NULL, 200, NULL);
    api.if_none_match = "*";
    expect(&api, "GET", "/", NULL, 304, "");
}
END_TEST

/* Else the browser would ask for a password in a window of its own. */
START_TEST(the_page_is_not_challenged)
{
    api.x_requested_with = "bilby";
    expect(&api, "GET", "/api/whoami", NULL, 401, NULL);
    ck_assert_ptr_null(answer_header(&api, "WWW-Authenticate"));
    api.credentials = "guest:wrong";
    expect(&api, "GET", "/api/whoami", NULL, 401,
           "{'error':'not_authorized','reason':'Not_Authorized'}");
    ck_assert_ptr_null(answer_header(&api, "WWW-Authenticate"));
    api.x_requested_with = "XMLHttpRequest";
    expect(&api, "GET", "/api/whoami", NULL, 401, NULL);
    ck_assert_ptr_nonnull(answer_header(&api, "WWW-Authenticate"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        files_have_their_types,     nothing_else_is_served,
        every_page_has_the_policy,  what_a_browser_has_is_not_sent_again,
        the_page_is_not_challenged,
    };
    return suite_run("page", setup, teardown, tests, ARRAY_LEN(tests));
}
