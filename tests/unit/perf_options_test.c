/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of bilby-perf: forms, defaults, and the sentences for what is wrong. */
#include "tools/perf_options.h"

#include "base/check.h"
#include "tests/support/suite.h"

#include <string.h>

static struct perf_options options;
static char failure[512];

/* Parses a command line that is split at spaces. */
static bool parse(const char *line)
{
    static char words[512];
    char *argv[80] = {"bilby-perf"};
    int argc = 1;
    snprintf(words, sizeof(words), "%s", line);
    failure[0] = '\0';
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    return perf_options_parse(&options, argc, argv, failure, sizeof(failure));
}

START_TEST(defaults_hold)
{
    ck_assert(parse(""));
    ck_assert_uint_eq(options.producers, 1);
    ck_assert_uint_eq(options.consumers, 1);
    ck_assert_uint_eq(options.size, 16);
    ck_assert_uint_eq(options.confirm, 0);
    ck_assert_str_eq(options.queue, "bilby-perf");
    ck_assert(!options.auto_ack && !options.auto_delete && !options.json);
}
END_TEST

START_TEST(all_forms_are_one)
{
    static const char *const lines[] = {"-x 7",          "--x 7",         "-producers 7",
                                        "--producers 7", "--producers=7", "-x=7"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        ck_assert_msg(parse(lines[i]), "%s: %s", lines[i], failure);
        ck_assert_uint_eq(options.producers, 7);
    }
}
END_TEST

START_TEST(names_of_perftest_are_known)
{
    ck_assert(
        parse("-h amqp://h -x 2 -y 3 -X 2 -Y 2 -q 500 -Q 600 -A 100 -s 12 -c 10 -r 5 -z 9 -C 1 "
              "-D 2 -f persistent -f mandatory -t direct -e ex -k key -u q -qa a=1 -p -ad true "
              "-K -mp priority=5 -se -M 4096 -i 2 -ct 5 -ca x-priority=1"));
    ck_assert_uint_eq(options.flags, PERF_PERSISTENT | PERF_MANDATORY);
    ck_assert(options.auto_delete && options.predeclared && options.random_key);
    ck_assert_str_eq(options.queue_args, "a=1");
    ck_assert_uint_eq(options.ack_every, 100);
    ck_assert(parse("-qp q-%d -qpf 3 -qpt 12 -a -m 10"));
    ck_assert_uint_eq(options.queue_from, 3);
    ck_assert_uint_eq(options.queue_to, 12);
    ck_assert_uint_eq(options.tx_size, 10);
}
END_TEST

struct mistake {
    const char *line;
    const char *says; /* part of the sentence */
};

START_TEST(mistakes_are_told)
{
    static const struct mistake mistakes[] = {
        {"--producer 1", "no option --producer"},
        {"-", "no option -"},
        {"x", "'x'"},
        {"-x", "wants a value"},
        {"-x two", "whole number, not 'two'"},
        {"-x -1", "whole number"},
        {"-x 99999999999999999999999", "whole number"},
        {"-q 65536", "from 0 to 65535"},
        {"-a=1", "takes no value"},
        {"-f durable", "persistent or mandatory"},
        {"-ad yes", "true or false"},
        {"-t shout", "not 'shout'"},
        {"-e logs", "wants --type"},
        {"-qp many", "must contain %d"},
        {"-qp q%d -qpf 2", "larger"},
        {"--rpc --idle 3", "exclude each other"},
        {"--rpc -y 0", "needs producers"},
        {"--rpc -s 15", "16 to 500000 bytes"},
        {"--rpc -s 500001", "16 to 500000 bytes"},
        {"--rpc -t topic", "default exchange"},
        {"--keys 500000 --priorities 3", "at most 1000000"},
        {"-x 0 -y 0", "nothing to do"},
        {"--declare 5", "wants --queue-pattern"},
        {"--bindings 5", "topic and headers"},
        {"-t topic --bindings 5 --keys 3 --matches 2", "at least"},
        {"-c 1 -m 1", "exclude"},
        {"-q 10 -A 11", "not be larger"},
        {"-qa novalue", "KEY=VALUE"},
        {"-mp =5", "KEY=VALUE"},
        {"--cert c.pem", "wants --key"},
    };
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        ck_assert_msg(!parse(mistakes[i].line), "%s passed", mistakes[i].line);
        ck_assert_msg(strstr(failure, mistakes[i].says), "%s: %s", mistakes[i].line, failure);
    }
}
END_TEST

START_TEST(help_comes_before_mistakes_in_meaning)
{
    ck_assert(parse("-x 0 -y 0 --help"));
    ck_assert(options.help);
    ck_assert(parse("-?"));
    ck_assert(options.help);
}
END_TEST

START_TEST(pairs_are_walked)
{
    char key[256];
    char value[256];
    bool bad = false;
    const char *rest = "x-max-length=10,name=a=b,empty=";
    ck_assert(perf_pair_next(&rest, key, value, &bad));
    ck_assert_str_eq(key, "x-max-length");
    ck_assert_str_eq(value, "10");
    ck_assert(perf_pair_next(&rest, key, value, &bad));
    ck_assert_str_eq(value, "a=b");
    ck_assert(perf_pair_next(&rest, key, value, &bad));
    ck_assert_str_eq(value, "");
    ck_assert(!perf_pair_next(&rest, key, value, &bad));
    ck_assert(!bad);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        defaults_hold,
        all_forms_are_one,
        names_of_perftest_are_known,
        mistakes_are_told,
        help_comes_before_mistakes_in_meaning,
        pairs_are_walked,
    };
    return suite_run("perf_options", NULL, NULL, tests, ARRAY_LEN(tests));
}
