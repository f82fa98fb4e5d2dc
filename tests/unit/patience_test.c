/* SPDX-License-Identifier: Apache-2.0 */
/* When the loop looks for the next event, and when it sleeps. */
#include "server/patience.h"
#include "tests/support/suite.h"

#include <check.h>

#define LIMIT_NS 50000
#define NEAR_NS 15000
#define FAR_NS 3600000000000 /* an hour */

static void note(struct patience *patience, uint64_t waited_ns, int times)
{
    for (int i = 0; i < times; i++)
        patience_note(patience, waited_ns);
}

START_TEST(sleeps_until_it_has_learnt_otherwise)
{
    struct patience patience;
    patience_init(&patience, LIMIT_NS);
    ck_assert_uint_eq(patience_look_ns(&patience), 0);
    note(&patience, NEAR_NS, 1);
    ck_assert_uint_eq(patience_look_ns(&patience), 0);
    note(&patience, NEAR_NS, 30);
    ck_assert_uint_eq(patience_look_ns(&patience), LIMIT_NS);
}
END_TEST

START_TEST(one_pause_ends_no_conversation)
{
    struct patience patience;
    patience_init(&patience, LIMIT_NS);
    note(&patience, NEAR_NS, 100);
    note(&patience, FAR_NS, 1);
    ck_assert_uint_eq(patience_look_ns(&patience), LIMIT_NS);
}
END_TEST

START_TEST(a_few_wrong_guesses_end_guessing)
{
    struct patience patience;
    patience_init(&patience, LIMIT_NS);
    note(&patience, NEAR_NS, 100);
    int guesses = 0;
    for (; patience_look_ns(&patience) > 0; guesses++)
        note(&patience, FAR_NS, 1);
    ck_assert_int_le(guesses, 4);
    note(&patience, 10 * LIMIT_NS, 1000);
    ck_assert_uint_eq(patience_look_ns(&patience), 0);
}
END_TEST

START_TEST(conversations_begin_again)
{
    struct patience patience;
    patience_init(&patience, LIMIT_NS);
    note(&patience, FAR_NS, 1000);
    note(&patience, NEAR_NS, 40);
    ck_assert_uint_eq(patience_look_ns(&patience), LIMIT_NS);
}
END_TEST

START_TEST(a_limit_of_nothing_never_looks)
{
    struct patience patience;
    patience_init(&patience, 0);
    note(&patience, 0, 100);
    ck_assert_uint_eq(patience_look_ns(&patience), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        sleeps_until_it_has_learnt_otherwise, one_pause_ends_no_conversation,
        a_few_wrong_guesses_end_guessing,     conversations_begin_again,
        a_limit_of_nothing_never_looks,
    };
    return suite_run("patience", NULL, NULL, tests, sizeof(tests) / sizeof(tests[0]));
}
