/* SPDX-License-Identifier: Apache-2.0 */
/* Lists in parts: their order by any column, what happens when objects go in between, and the
 * bound of a part's work. */
#include "management/list.h"

#include "base/mem.h"
#include "base/rng.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/json_sort.h"
#include "management/list_sort.h"
#include "tests/support/api_fixture.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdlib.h>

static struct api api;
static struct test_client *client;

static void setup(void)
{
    api = (struct api){0};
    api_open(&api);
    client = client_open(&api.world, 'a');
}

static void teardown(void)
{
    client_close(client);
    api_close(&api);
}

/* ---- list_sort ---- */

struct number {
    unsigned value, place;
};

static int compare_numbers(const void *a, const void *b, const void *context)
{
    const struct number *left = a, *right = b;

    (void)context;
    return (left->value > right->value) - (left->value < right->value);
}

START_TEST(sorting_in_parts_is_stable_sorting)
{
    struct rng rng;

    rng_init_u64(&rng, 3);
    for (size_t count = 0; count < 300; count = count * 2 + 1) {
        struct number *numbers = calloc(count + 1, sizeof(*numbers));
        void **order = mem_alloc((count + 1) * sizeof(void *));
        struct list_sort sort;
        size_t steps = 0;
        for (size_t i = 0; i < count; i++) {
            numbers[i] = (struct number){(unsigned)rng_below(&rng, 20), (unsigned)i};
            order[i] = &numbers[i];
        }
        list_sort_init(&sort, order, count, compare_numbers, NULL);
        while (steps = 1 + rng_below(&rng, 7), !list_sort_run(&sort, &steps))
            ck_assert_uint_eq(steps, 0);
        for (size_t i = 1; i < count; i++) {
            const struct number *left = list_sort_at(&sort, i - 1);
            const struct number *right = list_sort_at(&sort, i);
            ck_assert(left->value < right->value ||
                      (left->value == right->value && left->place < right->place));
        }
        list_sort_fini(&sort);
        free(numbers);
    }
}
END_TEST

/* ---- order by any column ---- */

static void make_queues(unsigned count, const char *prefix)
{
    for (unsigned i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%s%03u", prefix, i * 7 % count);
        declare(client, name, slice_str(""));
    }
}

static void publish_some(void)
{
    struct test_channel *channel = client_channel(client, 1);

    for (unsigned i = 0; i < 40; i++) {
        char name[32];
        snprintf(name, sizeof(name), "q%03u", i * i % 17);
        ck_assert(publish(channel, "", name, "hello"));
    }
}

static void pass_round(void)
{
    world_wait(&api.world, 5000);
    ck_assert(!management_sample(api.management, api.world.now_ms, 5000, SIZE_MAX));
}

static json_t *ask_json(const char *target)
{
    ck_assert_int_eq(ask(&api, "GET", target, NULL), 200);
    json_t *document = json_loads(answer(&api), 0, NULL);
    ck_assert_ptr_nonnull(document);
    return document;
}

/* Sorting by a column gives what sorting whole rows by it gives. */
static void expect_order(const json_t *rows, const char *column, bool reverse)
{
    const char *const keys[] = {column, "vhost", "name", NULL};
    json_t *expected = json_sorted(rows, keys, reverse);
    char target[160];

    snprintf(target, sizeof(target), "/api/queues?sort=%s%s", column,
             reverse ? "&sort_reverse=true" : "");
    json_t *got = ask_json(target);
    ck_assert_msg(json_equal(got, expected), "%.100s", target);
    json_decref(got);
    snprintf(target, sizeof(target), "/api/queues?page=2&page_size=5&columns=name&sort=%s%s",
             column, reverse ? "&sort_reverse=true" : "");
    got = ask_json(target);
    const json_t *items = json_object_get(got, "items");
    ck_assert_uint_eq(json_array_size(items), 5);
    for (size_t i = 0; i < 5; i++)
        ck_assert(json_equal(json_object_get(json_array_get(items, i), "name"),
                             json_object_get(json_array_get(expected, 5 + i), "name")));
    json_decref(got);
    json_decref(expected);
}

/* Every member of the rows, and what lies below. */
static void expect_order_by_each(const json_t *rows, json_t *object, const char *prefix)
{
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        char column[128];
        snprintf(column, sizeof(column), "%s%s", prefix, key);
        expect_order(rows, column, false);
        expect_order(rows, column, true);
        if (!json_is_object(value))
            continue;
        snprintf(column, sizeof(column), "%s%s.", prefix, key);
        expect_order_by_each(rows, value, column);
    }
}

START_TEST(every_column_sorts_as_whole_rows_would)
{
    make_queues(20, "q");
    declare(client, "limited", slice_str(""));
    pass_round();
    publish_some();
    pass_round();
    json_t *rows = ask_json("/api/queues");
    ck_assert_uint_eq(json_array_size(rows), 21);
    expect_order_by_each(rows, json_array_get(rows, 3), "");
    expect_order(rows, "no.such.column", false);
    expect_order(rows, "name.no", true);
    json_decref(rows);
}
END_TEST

/* ---- parts ---- */

static struct http_response response;
static struct http_request request_for(const char *query)
{
    return (struct http_request){
        .method = "GET",
        .path = slice_str("/api/queues"),
        .query = slice_str(query),
        .authorization = slice_str("Basic Z3Vlc3Q6Z3Vlc3Q="),
        .loopback = true,
    };
}

static void delete_queue(const char *name)
{
    queue_destroy(queue_find(world_vhost(&api.world), slice_str(name)));
}

START_TEST(what_goes_while_a_list_is_made_is_left_out)
{
    const struct http_request request = request_for("columns=name");

    make_queues(300, "q");
    http_response_init(&response);
    struct call *call = management_begin(api.management, &request, &response);
    unsigned parts = 1;
    while (!response.begun) {
        ck_assert(!management_work(call, 1000));
        parts++;
    }
    ck_assert_uint_gt(parts, 10);
    delete_queue("q299");
    delete_queue("q150");
    make_queues(1000, "later");
    while (!management_work(call, 1000))
        continue;
    management_end(call);
    json_t *rows = json_loadb((const char *)response.body.data, response.body.len, 0, NULL);
    ck_assert_uint_eq(json_array_size(rows), 298);
    for (size_t i = 0; i < 298; i++) {
        char name[16];
        snprintf(name, sizeof(name), "q%03zu", i + (i >= 150));
        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, i), "name")), name);
    }
    json_decref(rows);
    http_response_fini(&response);
}
END_TEST

/* The map grows while it is walked: nothing comes twice, nothing that was there is missing. */
START_TEST(what_comes_while_items_are_noted_makes_no_doubles)
{
    const struct http_request request = request_for("columns=name");
    char name[32];

    make_queues(200, "q");
    http_response_init(&response);
    struct call *call = management_begin(api.management, &request, &response);
    for (unsigned i = 0; !response.begun; i++) {
        snprintf(name, sizeof(name), "x%05u", i);
        declare(client, name, slice_str(""));
        (void)management_work(call, 3000);
    }
    while (!management_work(call, 3000))
        continue;
    management_end(call);
    json_t *rows = json_loadb((const char *)response.body.data, response.body.len, 0, NULL);
    ck_assert_uint_ge(json_array_size(rows), 200);
    const char *last = "";
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *next = json_string_value(json_object_get(json_array_get(rows, i), "name"));
        ck_assert_int_lt(strcmp(last, next), 0);
        last = next;
    }
    json_decref(rows);
    http_response_fini(&response);
}
END_TEST

START_TEST(a_virtual_host_may_go_and_a_list_be_given_up)
{
    const struct http_request request = request_for("");
    bool done = false;

    expect(&api, "PUT", "/api/vhosts/v", NULL, 201, NULL);
    for (unsigned i = 0; i < 100; i++) {
        char target[64];
        snprintf(target, sizeof(target), "/api/queues/v/q%u", i);
        expect(&api, "PUT", target, "{}", 201, NULL);
    }
    for (unsigned parts = 0; !done; parts++) {
        http_response_init(&response);
        struct call *call = management_begin(api.management, &request, &response);
        for (unsigned i = 0; i < parts && !done; i++)
            done = management_work(call, 5000);
        management_end(call);
        http_response_fini(&response);
    }
    http_response_init(&response);
    struct call *call = management_begin(api.management, &request, &response);
    while (!response.begun)
        (void)management_work(call, 5000);
    vhost_delete(vhost_find(api.world.broker, slice_str("v")));
    while (!management_work(call, 5000))
        continue;
    management_end(call);
    json_t *rows = json_loadb((const char *)response.body.data, response.body.len, 0, NULL);
    ck_assert(json_is_array(rows));
    ck_assert_uint_lt(json_array_size(rows), 20);
    json_decref(rows);
    http_response_fini(&response);
}
END_TEST

START_TEST(no_part_works_much_longer_than_it_may)
{
    static const char *const targets[] = {
        "/api/queues",
        "/api/queues?sort=messages",
        "/api/queues?page=3&page_size=500",
        "/api/exchanges",
        "/api/bindings",
        "/api/connections",
        "/api/channels",
        "/api/consumers",
    };

    make_queues(1000, "q");
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        ck_assert_int_eq(ask(&api, "GET", targets[i], NULL), 200);
    ck_assert_uint_ge(management_work_most(api.management), MANAGEMENT_WORK);
    ck_assert_uint_lt(management_work_most(api.management), MANAGEMENT_WORK + 8192);
}
END_TEST

/* Each name costs it a hundred thousand steps: a part may not have many such. */
START_TEST(a_pattern_that_takes_long_is_a_part_s_work)
{
    struct http_request request = request_for("page=1&use_regex=true&name=(a%2B)%2B%24");
    char name[64];
    unsigned parts = 1;

    for (unsigned i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "%040u", i);
        memset(name, 'a', 38);
        declare(client, name, slice_str(""));
    }
    http_response_init(&response);
    struct call *call = management_begin(api.management, &request, &response);
    while (!management_work(call, MANAGEMENT_WORK))
        parts++;
    ck_assert_uint_gt(parts, 5);
    ck_assert_int_eq(response.status, 200);
    management_end(call);
    http_response_fini(&response);
}
END_TEST

/* The server sends what a part wrote before the next begins. */
START_TEST(parts_that_have_left_are_parts_of_one_text)
{
    static const char *const targets[] = {"/api/queues", "/api/queues?columns=name",
                                          "/api/bindings/%2F", "/api/queues?page=1&page_size=9",
                                          "/api/queues?sort=messages"};

    for (int i = 0; i < 40; i++) {
        char target[64];
        snprintf(target, sizeof(target), "/api/queues/%%2F/q%d", i);
        expect(&api, "PUT", target, "{}", 201, "");
    }
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        api.work = 0;
        expect(&api, "GET", targets[i], NULL, 200, NULL);
        char *whole = slice_dup(buf_slice(&api.response.body));
        api.work = 1;
        expect(&api, "GET", targets[i], NULL, 200, whole);
        mem_free(whole);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        sorting_in_parts_is_stable_sorting,
        every_column_sorts_as_whole_rows_would,
        what_goes_while_a_list_is_made_is_left_out,
        what_comes_while_items_are_noted_makes_no_doubles,
        a_virtual_host_may_go_and_a_list_be_given_up,
        no_part_works_much_longer_than_it_may,
        a_pattern_that_takes_long_is_a_part_s_work,
        parts_that_have_left_are_parts_of_one_text,
    };
    return suite_run("list_api", setup, teardown, tests, ARRAY_LEN(tests));
}
