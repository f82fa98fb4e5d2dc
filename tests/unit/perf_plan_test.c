/* SPDX-License-Identifier: Apache-2.0 */
/* Names, bindings, routes and shares of a load. */
#include "tools/perf_plan.h"

#include "base/check.h"
#include "proto/table.h"
#include "tests/support/suite.h"

#include <string.h>

static struct perf_options options;
static struct perf_plan plan;

static void make(const char *line)
{
    static char words[512];
    char *argv[80] = {"bilby-perf"};
    char failure[256] = "";
    int argc = 1;
    snprintf(words, sizeof(words), "%s", line);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    ck_assert_msg(perf_options_parse(&options, argc, argv, failure, sizeof(failure)), "%s",
                  failure);
    perf_plan_init(&plan, &options);
}

/* Does a topic key match a binding key? (words between dots, * one, # any number) */
static bool matches(const char *pattern, const char *key)
{
    size_t word = strcspn(pattern, ".");
    if (word == 1 && pattern[0] == '#') {
        if (pattern[1] == '\0')
            return true;
        for (const char *at = key;; at++) {
            if (matches(pattern + 2, at))
                return true;
            at = strchr(at, '.');
            if (!at)
                return false;
        }
    }
    size_t len = strcspn(key, ".");
    if (!(word == 1 && pattern[0] == '*') && (word != len || memcmp(pattern, key, len) != 0))
        return false;
    if (pattern[word] == '\0')
        return key[len] == '\0';
    if (key[len] == '\0')
        return strcmp(pattern + word, ".#") == 0;
    return matches(pattern + word + 1, key + len + 1);
}

START_TEST(the_plain_plan_is_one_queue_by_its_name)
{
    char name[PERF_NAME_SIZE];
    make("-u jobs");
    ck_assert_str_eq(plan.exchange, "");
    ck_assert_uint_eq(plan.queues, 1);
    ck_assert_uint_eq(plan.bindings, 0);
    perf_plan_key_name(&plan, 0, name);
    ck_assert_str_eq(name, "jobs");
    ck_assert(!plan.declare_exchange);
}
END_TEST

START_TEST(patterns_number_the_queues)
{
    char name[PERF_NAME_SIZE];
    make("-qp a-%d-z -qpf 5 -qpt 9");
    ck_assert_uint_eq(plan.queues, 5);
    perf_plan_queue_name(&plan, 4, name);
    ck_assert_str_eq(name, "a-9-z");
    perf_plan_key_name(&plan, 4, name);
    ck_assert_str_eq(name, "a-9-z");
}
END_TEST

START_TEST(predeclared_and_builtin_exchanges_are_left_alone)
{
    make("-t topic");
    ck_assert_str_eq(plan.exchange, "bilby-perf-topic");
    ck_assert(plan.declare_exchange);
    make("-t topic -e amq.topic");
    ck_assert(!plan.declare_exchange);
    make("-t topic -e mine -p");
    ck_assert(!plan.declare_exchange);
}
END_TEST

START_TEST(topic_bindings_match_as_planned)
{
    char key[PERF_NAME_SIZE];
    char pattern[PERF_NAME_SIZE];
    struct buf none = BUF_INIT;
    make("-t topic --keys 5 --matches 8 --bindings 100 -qp q%d -qpt 3");
    ck_assert_uint_eq(plan.bindings, 100);
    for (uint32_t k = 0; k < 5; k++) {
        uint32_t hits = 0;
        perf_plan_key_name(&plan, k, key);
        for (uint32_t b = 0; b < 100; b++) {
            uint32_t queue = perf_plan_binding(&plan, b, pattern, &none);
            bool hit = matches(pattern, key);
            ck_assert_msg(hit == (b / 8 == k), "%s and %s", pattern, key);
            ck_assert_uint_eq(queue, b % 3);
            hits += hit;
        }
        ck_assert_uint_eq(hits, 8);
        ck_assert_uint_eq(perf_plan_route_count(&plan), 3);
    }
    ck_assert_uint_eq(none.len, 0);
}
END_TEST

START_TEST(routes_are_where_matching_bindings_lead)
{
    char pattern[PERF_NAME_SIZE];
    struct buf none = BUF_INIT;
    make("-t topic --keys 7 --matches 2 -qp q%d -qpt 5");
    for (uint32_t k = 0; k < 7; k++)
        for (uint32_t i = 0; i < 2; i++)
            ck_assert_uint_eq(perf_plan_route(&plan, k, i),
                              perf_plan_binding(&plan, k * 2 + i, pattern, &none));
}
END_TEST

/* Whether all of a binding's arguments (but x-match) are among a message's headers. */
static bool headers_match(struct slice arguments, struct slice headers)
{
    struct field_iter iter = {.rest = arguments};
    struct slice name;
    struct field_value value;
    while (field_next(&iter, &name, &value)) {
        struct field_value found;
        char text[64];
        snprintf(text, sizeof(text), "%.*s", SLICE_FMT(name));
        if (strcmp(text, "x-match") == 0)
            continue;
        if (!table_find(headers, text, &found) || !field_equal(&found, &value))
            return false;
    }
    return true;
}

START_TEST(headers_match_as_planned)
{
    char key[PERF_NAME_SIZE];
    make("-t headers --keys 4 --matches 3 --bindings 50");
    for (uint32_t k = 0; k < 4; k++) {
        struct buf headers = BUF_INIT;
        perf_plan_key_headers(&plan, k, &headers);
        ck_assert(table_validate(buf_slice(&headers)) == ERR_OK);
        for (uint32_t b = 0; b < 50; b++) {
            struct buf arguments = BUF_INIT;
            perf_plan_binding(&plan, b, key, &arguments);
            ck_assert(headers_match(buf_slice(&arguments), buf_slice(&headers)) == (b / 3 == k));
            buf_fini(&arguments);
        }
        buf_fini(&headers);
    }
}
END_TEST

START_TEST(fanout_reaches_every_queue_with_one_binding_each)
{
    char key[PERF_NAME_SIZE];
    struct buf none = BUF_INIT;
    make("-t fanout -qp q%d -qpt 6");
    ck_assert_uint_eq(plan.bindings, 6);
    ck_assert_uint_eq(perf_plan_route_count(&plan), 6);
    for (uint32_t i = 0; i < 6; i++) {
        ck_assert_uint_eq(perf_plan_route(&plan, 0, i), i);
        ck_assert_uint_eq(perf_plan_binding(&plan, i, key, &none), i);
    }
}
END_TEST

/* Everything is dealt, and only once unless there are more owners than things. */
START_TEST(shares_make_up_the_whole)
{
    for (uint32_t owned = 1; owned < 12; owned++) {
        for (uint32_t owners = 1; owners < 12; owners++) {
            uint32_t seen[12] = {0};
            for (uint32_t owner = 0; owner < owners; owner++)
                for (uint32_t i = 0; i < perf_share_count(owned, owners, owner); i++)
                    seen[perf_share(owned, owners, owner, i)]++;
            for (uint32_t thing = 0; thing < owned; thing++)
                ck_assert_uint_eq(seen[thing],
                                  owned >= owners ? 1 : owners / owned + (thing < owners % owned));
        }
    }
}
END_TEST

START_TEST(consumers_are_counted_by_queue)
{
    make("-qp q%d -qpt 3 -y 8");
    ck_assert_uint_eq(perf_plan_queue_consumers(&plan, 0), 3);
    ck_assert_uint_eq(perf_plan_queue_consumers(&plan, 2), 2);
    make("-qp q%d -qpt 30 -y 8 -Y 2");
    ck_assert_uint_eq(plan.consumers, 16);
    ck_assert_uint_eq(perf_plan_queue_consumers(&plan, 29), 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_plain_plan_is_one_queue_by_its_name,
        patterns_number_the_queues,
        predeclared_and_builtin_exchanges_are_left_alone,
        topic_bindings_match_as_planned,
        routes_are_where_matching_bindings_lead,
        headers_match_as_planned,
        fanout_reaches_every_queue_with_one_binding_each,
        shares_make_up_the_whole,
        consumers_are_counted_by_queue,
    };
    return suite_run("perf_plan", NULL, NULL, tests, ARRAY_LEN(tests));
}
