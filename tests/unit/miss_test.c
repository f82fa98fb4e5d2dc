/* SPDX-License-Identifier: Apache-2.0 */
/* Why bindings don't match, in words, and which are nearer. */
#include "routing/miss.h"

#include "tests/unit/routing_fixture.h"

static struct fixture fixture;

static void setup(void)
{
    fixture_init(&fixture);
}

static void teardown(void)
{
    fixture_fini(&fixture);
}

/* What the observer is told of the one binding that doesn't match. */
struct listener {
    struct route_observer observer;
    const struct route_request *request;
    struct buf text;
    uint32_t distance;
    size_t unmatched;
};

static void listen(struct route_observer *observer, enum route_event event,
                   const struct route_exchange *exchange, const struct binding *binding,
                   const struct route_target *target)
{
    struct listener *listener = CONTAINER_OF(observer, struct listener, observer);

    (void)target;
    if (event != ROUTE_UNMATCHED)
        return;
    listener->unmatched++;
    buf_clear(&listener->text);
    listener->distance = exchange->type->miss(listener->request, binding, &listener->text);
    ck_assert_uint_eq(exchange->type->miss(listener->request, binding, NULL), listener->distance);
}

static struct listener listener;

static const char *reason_of(const struct route_request *request)
{
    buf_clear(&listener.text);
    listener.observer = (struct route_observer){.step = listen};
    listener.request = request;
    listener.unmatched = 0;
    router_explain(&fixture.router, request, &fixture.result, &listener.observer);
    return buf_cstr(&listener.text);
}

static const char *reason(struct route_exchange *exchange, const char *key)
{
    struct slice keys[] = {slice_str(key)};
    struct route_request request = {.exchange = exchange, .keys = keys, .key_count = 1};

    return reason_of(&request);
}

#define EXPECT(exchange, key, text, far)                                                           \
    do {                                                                                           \
        ck_assert_str_eq(reason(exchange, key), text);                                             \
        ck_assert_uint_eq(listener.distance, far);                                                 \
    } while (0)

START_TEST(a_direct_key_is_near_when_little_differs)
{
    struct route_exchange *direct = fixture_exchange(&fixture, "direct");

    fixture_bind(&fixture, direct, 0, "orders.new");
    EXPECT(direct, "orders.New",
           "needs the key \"orders.new\", the message has \"orders.New\": upper and lower case "
           "differ",
           1);
    EXPECT(direct, "orders.nw", "needs the key \"orders.new\", the message has \"orders.nw\"", 2);
    EXPECT(direct, "", "needs the key \"orders.new\", the message has \"\"", 11);
}
END_TEST

START_TEST(a_topic_names_the_word_that_differs)
{
    struct route_exchange *topic = fixture_exchange(&fixture, "topic");

    fixture_bind(&fixture, topic, 0, "orders.eu.*");
    EXPECT(topic, "orders.us.1", "needs \"eu\" as word 2, the key has \"us\"", 1);
    EXPECT(topic, "mail.us.1", "needs \"orders\" as word 1, the key has \"mail\" (2 words differ)",
           2);
}
END_TEST

START_TEST(a_topic_counts_words)
{
    struct route_exchange *topic = fixture_exchange(&fixture, "topic");

    fixture_bind(&fixture, topic, 0, "orders.*");
    EXPECT(topic, "orders", "needs 2 words, the key has 1", 1);
    EXPECT(topic, "", "needs 2 words, the key is empty", 2);
    EXPECT(topic, "orders.eu.1", "needs 2 words, the key has 3", 1);
    EXPECT(topic, "mail.eu.1",
           "needs 2 words, the key has 3; and \"orders\" as word 1, the key has \"mail\"", 2);
}
END_TEST

START_TEST(a_hash_lets_more_words_pass)
{
    struct route_exchange *topic = fixture_exchange(&fixture, "topic");

    fixture_bind(&fixture, topic, 0, "a.#.y.z");
    EXPECT(topic, "a.z", "needs at least 3 words, the key has 2", 1);
    EXPECT(topic, "a.b.c.y.x", "needs \"z\" as the last word, the key has \"x\"", 1);
    EXPECT(topic, "a.b.c.x.z", "needs \"y\" as word 2 from the end, the key has \"x\"", 1);
    EXPECT(topic, "b.y.z", "needs \"a\" as word 1, the key has \"b\"", 1);
}
END_TEST

START_TEST(what_stands_between_two_hashes_is_told)
{
    struct route_exchange *topic = fixture_exchange(&fixture, "topic");

    fixture_bind(&fixture, topic, 0, "#.b.#");
    EXPECT(topic, "a.c", "has words between two \"#\" that the key does not have there", 1);
}
END_TEST

START_TEST(of_several_keys_the_nearest_counts)
{
    struct route_exchange *topic = fixture_exchange(&fixture, "topic");
    struct slice keys[] = {slice_str("x.y.z"), slice_str("a.c")};
    struct route_request request = {.exchange = topic, .keys = keys, .key_count = 2};

    fixture_bind(&fixture, topic, 0, "a.b");
    ck_assert_str_eq(reason_of(&request), "needs \"b\" as word 2, the key has \"c\"");
}
END_TEST

START_TEST(very_long_keys_are_cut_and_not_believed)
{
    struct route_exchange *topic = fixture_exchange(&fixture, "topic");
    char key[1001];

    memset(key, '.', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    fixture_bind(&fixture, topic, 0, "a.b");
    EXPECT(topic, key,
           "needs 2 words, the key has 256; and \"a\" as word 1, the key has \"\" (2 words differ)",
           256);
}
END_TEST

/* ---- headers ---- */

static struct buf wanted, given;

static const char *headers_reason(struct route_exchange *exchange)
{
    struct slice keys[] = {slice_str("")};
    struct route_request request = {
        .exchange = exchange, .keys = keys, .key_count = 1, .headers = buf_slice(&given)};

    return reason_of(&request);
}

static void bind_wanted(struct route_exchange *exchange, const char *mode)
{
    table_add_str(&wanted, "x-match", slice_str(mode));
    ck_assert_int_eq(fixture_bind_with(&fixture, exchange, 0, "", buf_slice(&wanted)), BIND_NEW);
}

START_TEST(headers_that_are_missing_or_differ_are_named)
{
    struct route_exchange *headers = fixture_exchange(&fixture, "headers");

    table_add_str(&wanted, "region", slice_str("eu"));
    table_add_int64(&wanted, "size", 3);
    bind_wanted(headers, "all");
    table_add_str(&given, "region", slice_str("eu"));
    ck_assert_str_eq(headers_reason(headers), "needs \"size\" = 3, the message has no such header");
    ck_assert_uint_eq(listener.distance, 2);
    table_add_str(&given, "size", slice_str("3"));
    ck_assert_str_eq(headers_reason(headers),
                     "needs \"size\" = 3, the message has \"3\" (longstr, not long)");
    ck_assert_uint_eq(listener.distance, 1);
}
END_TEST

START_TEST(any_needs_one_of_them)
{
    struct route_exchange *headers = fixture_exchange(&fixture, "headers");

    table_add_str(&wanted, "region", slice_str("eu"));
    table_add_bool(&wanted, "urgent", true);
    bind_wanted(headers, "any");
    table_add_str(&given, "region", slice_str("us"));
    ck_assert_str_eq(headers_reason(headers),
                     "needs one of \"region\" = \"eu\", the message has \"us\"; or \"urgent\" = "
                     "true, the message has no such header");
    ck_assert_uint_eq(listener.distance, 1);
}
END_TEST

START_TEST(any_of_none_never_matches)
{
    struct route_exchange *headers = fixture_exchange(&fixture, "headers");

    bind_wanted(headers, "any");
    ck_assert_str_eq(headers_reason(headers),
                     "asks for any of its headers, and names none: it never matches");
}
END_TEST

START_TEST(long_values_are_cut_between_characters)
{
    struct route_exchange *headers = fixture_exchange(&fixture, "headers");
    char value[] = "12345678901234567890123456789012345678901234567890123456789\xc3\xa9-more";

    table_add_str(&wanted, "h", slice_str(value));
    bind_wanted(headers, "all");
    ck_assert_str_eq(headers_reason(headers),
                     "needs \"h\" = "
                     "\"12345678901234567890123456789012345678901234567890123456789…\", the "
                     "message has no such header");
}
END_TEST

/* ---- bounds ---- */

START_TEST(looking_ends_where_the_work_does)
{
    struct route_exchange *direct = fixture_exchange(&fixture, "direct");
    struct slice keys[] = {slice_str("none")};
    struct route_request request = {.exchange = direct, .keys = keys, .key_count = 1};

    for (size_t i = 0; i < 10; i++)
        fixture_bind(&fixture, direct, i, "key");
    (void)reason_of(&request);
    ck_assert_uint_eq(listener.unmatched, 10);
    uint64_t one = listener.observer.work / 10;
    listener.observer = (struct route_observer){.step = listen, .work_max = 3 * one};
    listener.unmatched = 0;
    router_explain(&fixture.router, &request, &fixture.result, &listener.observer);
    ck_assert_uint_eq(listener.unmatched, 3);
}
END_TEST

static void free_texts(void)
{
    buf_fini(&wanted);
    buf_fini(&given);
    buf_fini(&listener.text);
    teardown();
}

int main(void)
{
    Suite *suite = suite_create("miss");
    TCase *tests = tcase_create("miss");

    tcase_add_checked_fixture(tests, setup, free_texts);
    tcase_add_test(tests, a_direct_key_is_near_when_little_differs);
    tcase_add_test(tests, a_topic_names_the_word_that_differs);
    tcase_add_test(tests, a_topic_counts_words);
    tcase_add_test(tests, a_hash_lets_more_words_pass);
    tcase_add_test(tests, what_stands_between_two_hashes_is_told);
    tcase_add_test(tests, of_several_keys_the_nearest_counts);
    tcase_add_test(tests, very_long_keys_are_cut_and_not_believed);
    tcase_add_test(tests, headers_that_are_missing_or_differ_are_named);
    tcase_add_test(tests, any_needs_one_of_them);
    tcase_add_test(tests, any_of_none_never_matches);
    tcase_add_test(tests, long_values_are_cut_between_characters);
    tcase_add_test(tests, looking_ends_where_the_work_does);
    suite_add_tcase(suite, tests);
    return fixture_main(suite);
}
