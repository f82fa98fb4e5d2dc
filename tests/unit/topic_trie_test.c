/* SPDX-License-Identifier: Apache-2.0 */
/* The topic trie: patterns by example, against a naive matcher, its memory and its cost. */
#include "routing/topic_trie.h"

#include "base/rng.h"

#include "naive_topic.h"
#include "routing_fixture.h"

static struct fixture fixture;
static struct route_exchange *topic;

static void setup(void)
{
    fixture_init(&fixture);
    topic = fixture_exchange(&fixture, "topic");
}

static void teardown(void)
{
    fixture_fini(&fixture);
}

static struct topic_trie *trie(void)
{
    return topic->index;
}

/* The pattern, a key, whether it matches: [0-9-1 §3.1.3.3] and RabbitMQ where that is silent. */
static const struct example {
    const char *pattern;
    const char *key;
    bool matches;
} examples[] = {
    {"a.b.c", "a.b.c", true},
    {"a.b.c", "a.b", false},
    {"a.b.c", "a.b.c.d", false},
    {"a.b.c", "A.b.c", false},
    {"*.stock.#", "usd.stock", true},
    {"*.stock.#", "eur.stock.db", true},
    {"*.stock.#", "stock.nasdaq", false},
    {"rentals.eu.france.#", "rentals.eu.france.paris", true},
    {"rentals.eu.france.#", "rentals.eu.france", true},
    {"rentals.eu.france.#", "rentals.eu.spain.madrid", false},
    /* the empty key has no words */
    {"", "", true},
    {"", "a", false},
    {"*", "", false},
    {"#", "", true},
    {"#.#", "", true},
    {"*.#", "", false},
    {"#.*", "", false},
    /* empty words are words */
    {"a.", "a.", true},
    {"a.", "a", false},
    {"a", "a.", false},
    {"a.*", "a.", true},
    {"*", ".", false},
    {"*.*", ".", true},
    {"..", "..", true},
    {"*..*", "a..b", true},
    {"a..b", "a.b", false},
    {".a", ".a", true},
    {"#.a", ".a", true},
    {"a.#", "a.", true},
    /* one word */
    {"*", "a", true},
    {"*", "a.b", false},
    {"a.*.c", "a.b.c", true},
    {"a.*.c", "a.c", false},
    {"*.*.*", "a.b.c", true},
    {"*.*.*", "a.b", false},
    /* any number of words, anywhere */
    {"#", "a", true},
    {"#", "a.b.c.d.e", true},
    {"#.c", "c", true},
    {"#.c", "a.b.c", true},
    {"#.c", "a.c.b", false},
    {"a.#", "a", true},
    {"a.#.c", "a.c", true},
    {"a.#.c", "a.b.b.c", true},
    {"a.#.c", "a.b.b", false},
    {"#.b.#", "b", true},
    {"#.b.#", "a.b.c", true},
    {"#.b.#", "a.c", false},
    {"#.#", "a", true},
    {"#.*.#", "a", true},
    {"#.*.#", "a.b.c", true},
    {"#.*.*", "a", false},
    {"#.*.*", "a.b", true},
    {"*.#.*", "a", false},
    {"*.#.*", "a.b", true},
    {"#.a.#.a.#", "a", false},
    {"#.a.#.a.#", "a.x.a", true},
    {"#.a.#.b", "a.a.b.b", true},
    /* wildcards are whole words only, and in keys they are plain words */
    {"a*", "ab", false},
    {"a*", "a*", true},
    {"##", "a", false},
    {"##", "##", true},
    {"a", "*", false},
    {"a", "#", false},
    {"*", "*", true},
    {"*", "#", true},
    {"#.#", "#.#", true},
    {"a.*", "a.*", true},
};

START_TEST(examples_hold)
{
    const struct example *example = &examples[_i];

    fixture_bind(&fixture, topic, 0, example->pattern);
    ck_assert_msg(
        !strcmp(fixture_route(&fixture, topic, example->key), example->matches ? "0" : "-"),
        "'%s' and '%s'", example->pattern, example->key);
    ck_assert_int_eq(naive_topic_match(slice_str(example->pattern), slice_str(example->key)),
                     example->matches);
}
END_TEST

START_TEST(finds_all_and_only_those_that_match)
{
    static const char *const patterns[] = {
        "a.b.c", "a.*.c", "a.#",   "#.c", "#", "*.*.*", "a.b.*",
        "b.#",   "a.b",   "a.*.d", "",    "*", "#.d.#", "*.b.#",
    };
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++)
        fixture_bind(&fixture, topic, i, patterns[i]);
    ck_assert_str_eq(fixture_route(&fixture, topic, "a.b.c"), "0 1 2 3 4 5 6 13");
    ck_assert_str_eq(fixture_route(&fixture, topic, "a.x.d"), "2 4 5 9 12");
    ck_assert_str_eq(fixture_route(&fixture, topic, ""), "4 10");
    ck_assert_str_eq(fixture_route(&fixture, topic, "b"), "4 7 11");
}
END_TEST

START_TEST(a_queue_with_many_matching_patterns_is_listed_once)
{
    fixture_bind(&fixture, topic, 3, "#");
    fixture_bind(&fixture, topic, 3, "a.#");
    fixture_bind(&fixture, topic, 3, "a.*");
    fixture_bind(&fixture, topic, 3, "a.b");
    ck_assert_str_eq(fixture_route(&fixture, topic, "a.b"), "3");
    ck_assert_uint_eq(fixture.result.count, 1);
}
END_TEST

START_TEST(nodes_go_with_their_last_binding)
{
    fixture_bind(&fixture, topic, 0, "a.b.c");
    fixture_bind(&fixture, topic, 1, "a.b.c");
    fixture_bind(&fixture, topic, 0, "a.b.*.#");
    fixture_bind(&fixture, topic, 0, "a");
    ck_assert_uint_eq(trie()->node_count, 1 + 3 + 2);
    fixture_unbind(&fixture, topic, 0, "a.b.c");
    ck_assert_uint_eq(trie()->node_count, 1 + 3 + 2);
    fixture_unbind(&fixture, topic, 1, "a.b.c");
    ck_assert_uint_eq(trie()->node_count, 1 + 2 + 2);
    ck_assert_str_eq(fixture_route(&fixture, topic, "a.b.c"), "0");
    fixture_unbind(&fixture, topic, 0, "a");
    ck_assert_uint_eq(trie()->node_count, 1 + 2 + 2);
    fixture_unbind(&fixture, topic, 0, "a.b.*.#");
    ck_assert_uint_eq(trie()->node_count, 1);
    ck_assert_str_eq(fixture_route(&fixture, topic, "a.b.c"), "-");
}
END_TEST

/* Through inline edges, a table that grows, one that shrinks, and back. */
START_TEST(a_node_of_many_children_finds_each)
{
    enum { CHILDREN = 3000 };
    char key[32];

    for (int i = 0; i < CHILDREN; i++) {
        snprintf(key, sizeof(key), "k.%d", i);
        fixture_bind(&fixture, topic, (size_t)i % FIXTURE_QUEUES, key);
    }
    ck_assert_uint_eq(trie()->node_count, CHILDREN + 2);
    for (int removed = 0; removed < CHILDREN; removed++) {
        int i = (int)((long)removed * 1009 % CHILDREN); /* in another order than they came */
        snprintf(key, sizeof(key), "k.%d", i);
        ck_assert_int_eq(atoi(fixture_route(&fixture, topic, key)), i % FIXTURE_QUEUES);
        fixture_unbind(&fixture, topic, (size_t)i % FIXTURE_QUEUES, key);
        ck_assert_str_eq(fixture_route(&fixture, topic, key), "-");
        snprintf(key, sizeof(key), "k.%d", (int)((long)(removed + 1) * 1009 % CHILDREN));
        if (removed + 1 < CHILDREN)
            ck_assert_str_ne(fixture_route(&fixture, topic, key), "-");
    }
    ck_assert_uint_eq(trie()->node_count, 1);
}
END_TEST

/* The step count is what the trie promises: for each word, no more than the nodes there are. */
START_TEST(a_dozen_hashes_do_not_explode)
{
    char pattern[256] = "#";
    char key[256] = "a";

    for (int i = 0; i < 40; i++)
        strcat(pattern, ".a.#");
    strcat(pattern, ".b");
    for (int i = 0; i < 126; i++)
        strcat(key, ".a");
    fixture_bind(&fixture, topic, 0, pattern);
    fixture_bind(&fixture, topic, 1, "#.#.#.#.#.#.#.#.#.#.#.#.#.#.#.#.#.#");
    for (int i = 0; i < 100; i++)
        ck_assert_str_eq(fixture_route(&fixture, topic, key), "1");
    ck_assert_uint_le(trie()->now.count, trie()->node_count);
    ck_assert_uint_le(trie()->now.capacity, 2 * trie()->node_count);
    strcat(key, ".b");
    ck_assert_str_eq(fixture_route(&fixture, topic, key), "0 1");
}
END_TEST

START_TEST(keys_of_full_length)
{
    char dots[256];
    char word[256];

    memset(dots, '.', 255);
    dots[255] = 0;
    memset(word, 'x', 255);
    word[255] = 0;
    fixture_bind(&fixture, topic, 0, dots);
    fixture_bind(&fixture, topic, 1, word);
    fixture_bind(&fixture, topic, 2, "*");
    ck_assert_uint_eq(trie()->node_count, 1 + 256 + 1 + 1);
    ck_assert_str_eq(fixture_route(&fixture, topic, dots), "0");
    ck_assert_str_eq(fixture_route(&fixture, topic, word), "1 2");
}
END_TEST

/* ---- against the naive matcher ---- */

static struct rng rng;

/* Few different words, so that patterns and keys meet. */
static void random_key(char *key, bool wildcards)
{
    static const char *const words[] = {"a", "b", "c", "", "dd", "*", "#", "#"};
    uint64_t count = rng_below(&rng, 7);

    key[0] = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0)
            strcat(key, ".");
        strcat(key, words[rng_below(&rng, wildcards ? 8 : 5)]);
    }
}

static char bound[FIXTURE_QUEUES][32];
static bool is_bound[FIXTURE_QUEUES];

static void flip_random_binding(void)
{
    size_t queue = (size_t)rng_below(&rng, FIXTURE_QUEUES);

    if (is_bound[queue]) {
        fixture_unbind(&fixture, topic, queue, bound[queue]);
    } else {
        random_key(bound[queue], true);
        fixture_bind(&fixture, topic, queue, bound[queue]);
    }
    is_bound[queue] = !is_bound[queue];
}

static void compare(const char *key)
{
    fixture_route(&fixture, topic, key);
    bool found[FIXTURE_QUEUES] = {false};
    for (size_t i = 0; i < fixture.result.count; i++)
        found[fixture.result.queues[i] - fixture.queues] = true;
    for (size_t i = 0; i < FIXTURE_QUEUES; i++) {
        bool expected = is_bound[i] && naive_topic_match(slice_str(bound[i]), slice_str(key));
        ck_assert_msg(found[i] == expected, "pattern '%s', key '%s'", bound[i], key);
    }
}

START_TEST(agrees_with_the_naive_matcher)
{
    char key[32];

    rng_init_u64(&rng, (uint64_t)_i);
    memset(is_bound, 0, sizeof(is_bound));
    for (int i = 0; i < 3000; i++) {
        flip_random_binding();
        random_key(key, false);
        compare(key);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topic_trie");
    TCase *tests = tcase_create("topic_trie");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, examples_hold, 0, (int)ARRAY_LEN(examples));
    tcase_add_test(tests, finds_all_and_only_those_that_match);
    tcase_add_test(tests, a_queue_with_many_matching_patterns_is_listed_once);
    tcase_add_test(tests, nodes_go_with_their_last_binding);
    tcase_add_test(tests, a_node_of_many_children_finds_each);
    tcase_add_test(tests, a_dozen_hashes_do_not_explode);
    tcase_add_test(tests, keys_of_full_length);
    tcase_add_loop_test(tests, agrees_with_the_naive_matcher, 0, 10);
    suite_add_tcase(suite, tests);
    return fixture_main(suite);
}
