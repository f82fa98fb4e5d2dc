/* SPDX-License-Identifier: Apache-2.0 */
/* The direct type. */
#include "routing/exchange_type.h"

#include "routing_fixture.h"

static struct fixture fixture;
static struct route_exchange *direct;

static void setup(void)
{
    fixture_init(&fixture);
    direct = fixture_exchange(&fixture, "direct");
}

static void teardown(void)
{
    fixture_fini(&fixture);
}

START_TEST(routes_by_equal_keys)
{
    fixture_bind(&fixture, direct, 0, "red");
    fixture_bind(&fixture, direct, 1, "red");
    fixture_bind(&fixture, direct, 1, "green");
    fixture_bind(&fixture, direct, 2, "");
    ck_assert_str_eq(fixture_route(&fixture, direct, "red"), "0 1");
    ck_assert_str_eq(fixture_route(&fixture, direct, "green"), "1");
    ck_assert_str_eq(fixture_route(&fixture, direct, ""), "2");
    ck_assert_str_eq(fixture_route(&fixture, direct, "re"), "-");
    ck_assert_str_eq(fixture_route(&fixture, direct, "red."), "-");
}
END_TEST

START_TEST(wildcards_mean_nothing)
{
    fixture_bind(&fixture, direct, 0, "#");
    fixture_bind(&fixture, direct, 1, "a.*");
    ck_assert_str_eq(fixture_route(&fixture, direct, "a.b"), "-");
    ck_assert_str_eq(fixture_route(&fixture, direct, "#"), "0");
    ck_assert_str_eq(fixture_route(&fixture, direct, "a.*"), "1");
}
END_TEST

START_TEST(keys_may_hold_any_byte)
{
    struct slice keys[] = {slice_of("a\0b", 3), slice_of("a\0c", 3), slice_of("a", 1)};
    struct route_request request = {.exchange = direct, .key_count = 1};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        ck_assert_int_eq(router_bind(&fixture.router, direct, &fixture.queues[i], keys[i],
                                     slice_of(NULL, 0), NULL, &fixture.error),
                         BIND_NEW);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        request.keys = &keys[i];
        ck_assert(router_route(&fixture.router, &request, &fixture.result));
        ck_assert_uint_eq(fixture.result.count, 1);
        ck_assert_ptr_eq(fixture.result.queues[0], &fixture.queues[i]);
    }
}
END_TEST

START_TEST(a_key_outlives_the_binding_that_brought_it)
{
    fixture_bind(&fixture, direct, 0, "k");
    fixture_bind(&fixture, direct, 1, "k");
    fixture_unbind(&fixture, direct, 0, "k");
    fixture_bind(&fixture, direct, 2, "k");
    ck_assert_str_eq(fixture_route(&fixture, direct, "k"), "1 2");
    fixture_unbind(&fixture, direct, 1, "k");
    fixture_unbind(&fixture, direct, 2, "k");
    ck_assert_str_eq(fixture_route(&fixture, direct, "k"), "-");
}
END_TEST

START_TEST(many_keys)
{
    enum { KEYS = 5000 };
    char key[16];

    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof(key), "%d", i);
        fixture_bind(&fixture, direct, (size_t)i % FIXTURE_QUEUES, key);
    }
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof(key), "%d", i);
        ck_assert_int_eq(atoi(fixture_route(&fixture, direct, key)), i % FIXTURE_QUEUES);
    }
    for (size_t i = 0; i < FIXTURE_QUEUES; i++)
        router_unbind_all_to(&fixture.router, &fixture.queues[i], NULL, NULL);
    ck_assert_uint_eq(direct->bindings_from_count, 0);
    ck_assert_str_eq(fixture_route(&fixture, direct, "17"), "-");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("direct");
    TCase *tests = tcase_create("direct");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, routes_by_equal_keys);
    tcase_add_test(tests, wildcards_mean_nothing);
    tcase_add_test(tests, keys_may_hold_any_byte);
    tcase_add_test(tests, a_key_outlives_the_binding_that_brought_it);
    tcase_add_test(tests, many_keys);
    suite_add_tcase(suite, tests);
    return fixture_main(suite);
}
