/* SPDX-License-Identifier: Apache-2.0 */
/* Failed logins by source: what is counted, for how long, and for whom it has no consequence. */
#include "broker/throttle.h"

#include "tests/support/suite.h"

#include <stdio.h>

static const struct throttle_limits limits = {.window_ms = 1000, .pair_max = 3, .source_max = 5};
static struct throttle throttle;

static void open_throttle(void)
{
    throttle_init(&throttle, &limits, 7);
}

static void close_throttle(void)
{
    throttle_fini(&throttle);
}

static bool allows(int64_t now_ms, const char *source, const char *user)
{
    return throttle_allows(&throttle, now_ms, source, slice_str(user));
}

static void fail_login(int64_t now_ms, const char *source, const char *user, int times)
{
    for (int i = 0; i < times; i++)
        throttle_note_failure(&throttle, now_ms, source, slice_str(user));
}

START_TEST(pair_is_refused_until_its_window_ends)
{
    fail_login(100, "a", "u", 2);
    ck_assert(allows(100, "a", "u"));
    fail_login(500, "a", "u", 1);
    ck_assert(!allows(500, "a", "u"));
    ck_assert(!allows(1099, "a", "u"));
    ck_assert(allows(1100, "a", "u"));
}
END_TEST

START_TEST(nobody_is_locked_out_from_elsewhere)
{
    fail_login(0, "a", "u", 100);
    ck_assert(!allows(0, "a", "u"));
    ck_assert(allows(0, "b", "u"));
    ck_assert(allows(0, NULL, "u"));
}
END_TEST

START_TEST(source_is_refused_when_it_tries_many_users)
{
    char user[8];
    for (int i = 0; i < 5; i++) {
        snprintf(user, sizeof(user), "u%d", i);
        ck_assert(allows(0, "a", user));
        fail_login(0, "a", user, 1);
    }
    ck_assert(!allows(0, "a", "new"));
    ck_assert(allows(0, "b", "new"));
}
END_TEST

START_TEST(success_forgives_the_pair_but_not_the_source)
{
    fail_login(0, "a", "u", 2);
    throttle_note_success(&throttle, "a", slice_str("u"));
    fail_login(0, "a", "u", 2);
    ck_assert(allows(0, "a", "u"));
    fail_login(0, "a", "v", 1);
    ck_assert(!allows(0, "a", "v")); /* five in all from there */
}
END_TEST

/* "a" and user "b" are not "a\0b" and no user, nor is a name's tail lost beyond reason. */
START_TEST(keys_do_not_run_into_each_other)
{
    const struct throttle_limits wide = {.window_ms = 1000, .pair_max = 1};
    char name[300];
    throttle_fini(&throttle);
    throttle_init(&throttle, &wide, 7);
    memset(name, 'x', sizeof(name));
    fail_login(0, "ab", "c", 1);
    ck_assert(allows(0, "a", "bc"));
    throttle_note_failure(&throttle, 0, "a", slice_of(name, 300));
    ck_assert(!throttle_allows(&throttle, 0, "a", slice_of(name, 299)));
    ck_assert(throttle_allows(&throttle, 0, "a", slice_of(name, 254)));
}
END_TEST

START_TEST(memory_is_bounded)
{
    char source[24];
    for (int i = 0; i < 3 * THROTTLE_ENTRIES_MAX; i++) {
        snprintf(source, sizeof(source), "s%d", i);
        fail_login(0, source, "u", 1);
    }
    ck_assert_uint_eq(throttle.entries.count, THROTTLE_ENTRIES_MAX);
    fail_login(0, source, "u", 2);
    ck_assert(!allows(0, source, "u")); /* the newest are known */
}
END_TEST

START_TEST(zero_is_no_limit)
{
    const struct throttle_limits none = {.window_ms = 1000};
    throttle_fini(&throttle);
    throttle_init(&throttle, &none, 7);
    fail_login(0, "a", "u", 1000);
    ck_assert(allows(0, "a", "u"));
    ck_assert_uint_eq(throttle.entries.count, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        pair_is_refused_until_its_window_ends,
        nobody_is_locked_out_from_elsewhere,
        source_is_refused_when_it_tries_many_users,
        success_forgives_the_pair_but_not_the_source,
        keys_do_not_run_into_each_other,
        memory_is_bounded,
        zero_is_no_limit,
    };
    return suite_run("throttle", open_throttle, close_throttle, tests,
                     sizeof(tests) / sizeof(tests[0]));
}
