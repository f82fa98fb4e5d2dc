/* SPDX-License-Identifier: Apache-2.0 */
/* The fanout type, and with it the sets of bindings that it and others are made of. */
#include "routing/binding_set.h"

#include "routing_fixture.h"

static struct fixture fixture;
static struct route_exchange *fanout;

static void setup(void)
{
    fixture_init(&fixture);
    fanout = fixture_exchange(&fixture, "fanout");
}

static void teardown(void)
{
    fixture_fini(&fixture);
}

START_TEST(everything_goes_everywhere)
{
    ck_assert_str_eq(fixture_route(&fixture, fanout, "any"), "-");
    fixture_bind(&fixture, fanout, 0, "");
    fixture_bind(&fixture, fanout, 1, "key");
    fixture_bind(&fixture, fanout, 1, "another");
    ck_assert_str_eq(fixture_route(&fixture, fanout, "any"), "0 1");
    ck_assert_str_eq(fixture_route(&fixture, fanout, ""), "0 1");
    fixture_unbind(&fixture, fanout, 1, "key");
    ck_assert_str_eq(fixture_route(&fixture, fanout, "any"), "0 1");
    fixture_unbind(&fixture, fanout, 1, "another");
    ck_assert_str_eq(fixture_route(&fixture, fanout, "any"), "0");
}
END_TEST

/* A set of one keeps it in itself, a larger one grows, and both ways back. */
START_TEST(a_set_grows_and_shrinks)
{
    enum { COUNT = 1000 };
    struct binding *bindings = mem_zalloc(COUNT * sizeof(*bindings));
    struct binding_set set;

    binding_set_init(&set);
    for (size_t i = 0; i < COUNT; i++) {
        bindings[i].destination = &fixture.queues[i % FIXTURE_QUEUES];
        binding_set_add(&set, &bindings[i]);
        ck_assert_uint_eq(set.capacity == 0, i == 0);
        ck_assert_uint_eq(bindings[i].slot, i);
    }
    ck_assert_uint_eq(set.count, COUNT);
    ck_assert_uint_eq(set.capacity, 1024);
    for (size_t i = 0; i < COUNT; i++) {
        size_t removed = i * 7 % COUNT;
        binding_set_remove(&set, &bindings[removed]);
        ck_assert_uint_eq(set.count, COUNT - 1 - i);
        ck_assert_uint_le(set.capacity, 4 * set.count + 8);
    }
    ck_assert_uint_eq(set.capacity, 0);
    binding_set_fini(&set);
    mem_free(bindings);
}
END_TEST

START_TEST(a_set_knows_who_is_left)
{
    struct binding bindings[5] = {0};
    struct binding_set set;

    binding_set_init(&set);
    for (size_t i = 0; i < 5; i++) {
        bindings[i].destination = &fixture.queues[i];
        binding_set_add(&set, &bindings[i]);
    }
    binding_set_remove(&set, &bindings[1]);
    binding_set_remove(&set, &bindings[4]);
    binding_set_remove(&set, &bindings[0]);
    ck_assert_uint_eq(set.count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_ptr_eq(set.many[i].target, set.many[i].binding->destination);
        ck_assert_uint_eq(set.many[i].binding->slot, i);
    }
    binding_set_remove(&set, &bindings[2]);
    ck_assert_uint_eq(set.capacity, 0);
    ck_assert_ptr_eq(set.one.binding, &bindings[3]);
    ck_assert_ptr_eq(set.one.target, &fixture.queues[3]);
    binding_set_remove(&set, &bindings[3]);
    binding_set_fini(&set);
}
END_TEST

/* One queue under many keys goes in steps of its own bindings, not of all. */
START_TEST(many_queues_unbind_one_by_one)
{
    char key[16];

    for (int i = 0; i < 4000; i++) {
        snprintf(key, sizeof(key), "%d", i);
        fixture_bind(&fixture, fanout, (size_t)i % FIXTURE_QUEUES, key);
    }
    for (size_t i = FIXTURE_QUEUES; i-- > 1;)
        router_unbind_all_to(&fixture.router, &fixture.queues[i], NULL, NULL);
    ck_assert_uint_eq(fanout->bindings_from_count, (4000 + FIXTURE_QUEUES - 1) / FIXTURE_QUEUES);
    ck_assert_str_eq(fixture_route(&fixture, fanout, ""), "0");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fanout");
    TCase *tests = tcase_create("fanout");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, everything_goes_everywhere);
    tcase_add_test(tests, a_set_grows_and_shrinks);
    tcase_add_test(tests, a_set_knows_who_is_left);
    tcase_add_test(tests, many_queues_unbind_one_by_one);
    suite_add_tcase(suite, tests);
    return fixture_main(suite);
}
