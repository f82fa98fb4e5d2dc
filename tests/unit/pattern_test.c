/* SPDX-License-Identifier: Apache-2.0 */
/* Users' regular expressions: unanchored, look-aheads, the empty one, and evil ones. */
#include "broker/pattern.h"

#include <check.h>
#include <stdlib.h>
#include <time.h>

static enum pattern_result match(const char *source, struct slice subject)
{
    struct pattern *pattern;
    char message[128];

    ck_assert_int_eq(pattern_new(slice_str(source), &pattern, message, sizeof(message)), ERR_OK);
    ck_assert(slice_equal_str(pattern_source(pattern), source));
    enum pattern_result result = pattern_match(pattern, subject);
    pattern_free(pattern);
    return result;
}

struct example {
    const char *source, *subject;
    enum pattern_result result;
};

static const struct example examples[] = {
    {".*", "anything", PATTERN_MATCH},
    {".*", "", PATTERN_MATCH},
    {"", "", PATTERN_MATCH},
    {"", "a", PATTERN_NO_MATCH},
    {"^$", "a", PATTERN_NO_MATCH},
    {"orders", "my-orders-2", PATTERN_MATCH},
    {"^orders$", "my-orders-2", PATTERN_NO_MATCH},
    {"^(?!amq\\.)", "amq.direct", PATTERN_NO_MATCH},
    {"^(?!amq\\.)", "amqp", PATTERN_MATCH},
    {"^(amq\\.gen.*|amq\\.default)$", "amq.default", PATTERN_MATCH},
    {"^(amq\\.gen.*|amq\\.default)$", "amq.direct", PATTERN_NO_MATCH},
    {"(?i)^ORDERS", "orders.eu", PATTERN_MATCH},
    {"^caf\xc3\xa9$", "caf\xc3\xa9", PATTERN_MATCH},
    {"^.{2}$", "\xff\xfe", PATTERN_MATCH},
};

START_TEST(matches_as_rabbitmq_does)
{
    const struct example *example = &examples[_i];

    ck_assert_msg(match(example->source, slice_str(example->subject)) == example->result,
                  "'%s' on '%s'", example->source, example->subject);
}
END_TEST

START_TEST(empty_slice_without_data_is_a_subject)
{
    ck_assert_int_eq(match("^$", slice_of(NULL, 0)), PATTERN_MATCH);
    ck_assert_int_eq(match("x", slice_of(NULL, 0)), PATTERN_NO_MATCH);
}
END_TEST

START_TEST(evil_patterns_give_up_quickly)
{
    static const char *const evil[] = {"^(a+)+$", "^(a|aa)+$", "(x+x+)+y", "^(([a-z])+.)+[A-Z]$"};
    char subject[255];
    memset(subject, 'a', sizeof(subject));
    subject[sizeof(subject) - 1] = '!';
    clock_t start = clock();

    for (size_t i = 0; i < ARRAY_LEN(evil); i++)
        ck_assert_int_ne(match(evil[i], slice_of(subject, sizeof(subject))), PATTERN_MATCH);
    ck_assert_int_eq(match("^(a+)+$", slice_of(subject, sizeof(subject))), PATTERN_GAVE_UP);
    ck_assert_int_lt((clock() - start) * 1000 / CLOCKS_PER_SEC, 200);
}
END_TEST

START_TEST(says_why_it_does_not_compile)
{
    struct pattern *pattern;
    char message[128];

    ck_assert_int_eq(pattern_new(slice_str("a(b"), &pattern, message, sizeof(message)), ERR_SYNTAX);
    ck_assert_str_eq(message, "missing closing parenthesis at offset 3");
    ck_assert_int_eq(pattern_new(slice_str("+"), &pattern, message, sizeof(message)), ERR_SYNTAX);
}
END_TEST

START_TEST(length_is_bounded)
{
    static char source[PATTERN_LEN_MAX + 1];
    struct pattern *pattern;
    char message[128];

    memset(source, 'a', sizeof(source));
    ck_assert_int_eq(
        pattern_new(slice_of(source, PATTERN_LEN_MAX), &pattern, message, sizeof(message)), ERR_OK);
    pattern_free(pattern);
    ck_assert_int_eq(
        pattern_new(slice_of(source, sizeof(source)), &pattern, message, sizeof(message)),
        ERR_LIMIT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pattern");
    TCase *tests = tcase_create("pattern");

    tcase_add_loop_test(tests, matches_as_rabbitmq_does, 0, ARRAY_LEN(examples));
    tcase_add_test(tests, empty_slice_without_data_is_a_subject);
    tcase_add_test(tests, evil_patterns_give_up_quickly);
    tcase_add_test(tests, says_why_it_does_not_compile);
    tcase_add_test(tests, length_is_bounded);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
