/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/timer.h. */
#include "base/timer.h"

#include "base/check.h"
#include "base/mem.h"
#include "tests/support/suite.h"

#include <string.h>

struct alarm {
    struct timer timer;
    struct timers *timers;
    char name;
    char *trace;         /* names in the order in which they ran */
    int64_t again_ms;    /* sets itself this much later; 0: not */
    struct alarm *other; /* cleared when this one runs */
    bool frees_itself;
};

static void run(struct timer *timer, int64_t now_ms)
{
    struct alarm *alarm = CONTAINER_OF(timer, struct alarm, timer);

    ck_assert(!timer_is_set(timer));
    strncat(alarm->trace, &alarm->name, 1);
    if (alarm->again_ms)
        timer_set(alarm->timers, timer, now_ms + alarm->again_ms);
    if (alarm->other)
        timer_clear(alarm->timers, &alarm->other->timer);
    if (alarm->frees_itself)
        mem_free(alarm);
}

static struct alarm alarm_at(struct timers *timers, char *trace, char name)
{
    struct alarm alarm = {.timers = timers, .name = name, .trace = trace};

    timer_init(&alarm.timer, run);
    return alarm;
}

START_TEST(what_is_due_runs_earliest_first)
{
    struct timers timers = {0};
    char trace[16] = "";
    struct alarm a = alarm_at(&timers, trace, 'a');
    struct alarm b = alarm_at(&timers, trace, 'b');
    struct alarm c = alarm_at(&timers, trace, 'c');

    ck_assert_int_eq(timers_next(&timers), INT64_MAX);
    timer_set(&timers, &a.timer, 300);
    timer_set(&timers, &b.timer, 100);
    timer_set(&timers, &c.timer, 200);
    ck_assert_int_eq(timers_next(&timers), 100);
    ck_assert_uint_eq(timers_run(&timers, 99, 10), 0);
    ck_assert_uint_eq(timers_run(&timers, 200, 10), 2);
    ck_assert_str_eq(trace, "bc");
    ck_assert(timer_is_set(&a.timer));
    ck_assert(!timer_is_set(&b.timer));
    timers_fini(&timers);
}
END_TEST

START_TEST(a_deadline_can_move_and_go)
{
    struct timers timers = {0};
    char trace[16] = "";
    struct alarm a = alarm_at(&timers, trace, 'a');

    timer_set(&timers, &a.timer, 100);
    timer_set(&timers, &a.timer, 500);
    ck_assert_uint_eq(timers_run(&timers, 499, 10), 0);
    timer_clear(&timers, &a.timer);
    timer_clear(&timers, &a.timer);
    ck_assert_uint_eq(timers_run(&timers, 10000, 10), 0);
    ck_assert_str_eq(trace, "");
    timers_fini(&timers);
}
END_TEST

START_TEST(one_turn_runs_no_more_than_it_was_told)
{
    struct timers timers = {0};
    char trace[16] = "";
    struct alarm a = alarm_at(&timers, trace, 'a');
    struct alarm b = alarm_at(&timers, trace, 'b');

    timer_set(&timers, &a.timer, 1);
    timer_set(&timers, &b.timer, 2);
    ck_assert_uint_eq(timers_run(&timers, 5, 1), 1);
    ck_assert_int_eq(timers_next(&timers), 2);
    ck_assert_uint_eq(timers_run(&timers, 5, 1), 1);
    ck_assert_str_eq(trace, "ab");
    timers_fini(&timers);
}
END_TEST

START_TEST(a_timer_may_set_itself_again)
{
    struct timers timers = {0};
    char trace[16] = "";
    struct alarm a = alarm_at(&timers, trace, 'a');

    a.again_ms = 10;
    timer_set(&timers, &a.timer, 10);
    for (int64_t now = 0; now <= 50; now += 5)
        timers_run(&timers, now, 10);
    ck_assert_str_eq(trace, "aaaaa");
    ck_assert_int_eq(timers_next(&timers), 60);
    timers_fini(&timers);
}
END_TEST

START_TEST(a_timer_may_clear_another_and_free_itself)
{
    struct timers timers = {0};
    char trace[16] = "";
    struct alarm b = alarm_at(&timers, trace, 'b');
    struct alarm *a = MEM_NEW(struct alarm);

    *a = alarm_at(&timers, trace, 'a');
    a->other = &b;
    a->frees_itself = true;
    timer_set(&timers, &a->timer, 1);
    timer_set(&timers, &b.timer, 2);
    ck_assert_uint_eq(timers_run(&timers, INT64_MAX, 10), 1);
    ck_assert_str_eq(trace, "a");
    ck_assert(!timer_is_set(&b.timer));
    timers_fini(&timers);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_due_runs_earliest_first,           a_deadline_can_move_and_go,
        one_turn_runs_no_more_than_it_was_told,    a_timer_may_set_itself_again,
        a_timer_may_clear_another_and_free_itself,
    };
    return suite_run("timer", NULL, NULL, tests, ARRAY_LEN(tests));
}
