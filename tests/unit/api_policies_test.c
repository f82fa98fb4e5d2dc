/* SPDX-License-Identifier: Apache-2.0 */
/* Policies, operator policies and parameters over the HTTP API: statuses, bodies, texts and rights as
 * RabbitMQ 3.10 was seen to have them. */
#include "tests/support/api_fixture.h"
#include "tests/support/suite.h"

#include <stdio.h>

static struct api api;

static void setup(void)
{
    api = (struct api){0};
    api_open(&api);
}

static void teardown(void)
{
    api_close(&api);
}

#define P "/api/policies/%2F/p"
#define O "/api/operator-policies/%2F/o"
#define NOT_FOUND "{'error':'Object Not Found','reason':'Not Found'}"

START_TEST(policies_are_set_read_and_cleared)
{
    static const char body[] =
        "{'pattern':'^q','definition':{'max-length':5},'priority':1,'apply-to':'queues'}";
    static const char row[] = "{'vhost':'/','name':'p','pattern':'^q','apply-to':'queues',"
                              "'definition':{'max-length':5},'priority':1}";
    char list[256];

    snprintf(list, sizeof(list), "[%s]", row);
    expect(&api, "GET", P, NULL, 404, NOT_FOUND);
    expect(&api, "PUT", P, body, 201, "");
    expect(&api, "PUT", P, body, 204, "");
    expect(&api, "GET", P, NULL, 200, row);
    expect(&api, "GET", "/api/policies/%2F", NULL, 200, list);
    expect(&api, "GET", "/api/policies", NULL, 200, list);
    expect(&api, "GET", "/api/operator-policies", NULL, 200, "[]");
    expect(&api, "PUT", P, "{'pattern':'','definition':{'max-length':5}}", 204, "");
    expect(&api, "GET", P "?columns=priority,apply-to", NULL, 200,
           "{'apply-to':'all','priority':0}");
    expect(&api, "DELETE", P, NULL, 204, "");
    expect(&api, "DELETE", P, NULL, 404, NOT_FOUND);
    expect(&api, "GET", "/api/policies/zz", NULL, 404, NOT_FOUND);
    expect(&api, "PUT", "/api/policies/zz/p", body, 404,
           "{'error':'not_found','reason':'vhost_not_found'}");
}
END_TEST

static const struct {
    const char *target, *body, *reason;
} bad_cases[] = {
    {P, "{}", "[{key_missing,pattern},{key_missing,definition}]"},
    {P, "nojson", "not_json"},
    {P, "{'pattern':'a','definition':{}}", "Validation failed\\n\\nno policy provided\\n"},
    {P, "{'pattern':5,'definition':{'max-length':6}}",
     "Validation failed\\n\\npattern should be a binary but was 5\\n"},
    {P, "{'pattern':'(','definition':{'max-length':6}}",
     "Validation failed\\n\\npattern should be regular expression but is invalid: missing closing "
     "parenthesis at offset 1\\n"},
    {P, "{'pattern':'a','definition':5}",
     "Validation failed\\n\\ndefinition must be a dictionary: 5\\n"},
    {P, "{'pattern':'a','definition':{'max-length':null}}",
     "Validation failed\\n\\nnull is not a valid maximum length\\n"},
    {P, "{'pattern':'a','definition':{'max-length':1.5}}",
     "Validation failed\\n\\n1.5 is not a valid maximum length\\n"},
    {P, "{'pattern':'a','definition':{'max-length':{'a':[1,'x']}}}",
     "Validation failed\\n\\n#{<<\\\"a\\\">> => [1,<<\\\"x\\\">>]} is not a valid maximum "
     "length\\n"},
    {P, "{'pattern':'a','definition':{'zork':6}}",
     "Validation failed\\n\\n[{<<\\\"zork\\\">>,6}] are not recognised policy settings\\n"},
    {P, "{'pattern':'a','definition':{'max-length':6},'priority':'x'}",
     "Validation failed\\n\\npriority should be a number, actually was <<\\\"x\\\">>\\n"},
    {P, "{'pattern':'a','definition':{'max-length':6},'apply-to':'zork'}",
     "Validation failed\\n\\napply-to 'zork' unrecognised; should be one of: 'queues', "
     "'classic_queues', 'quorum_queues', 'streams', 'exchanges', or 'all'\\n"},
    {O, "{'pattern':'a','definition':{'overflow':'drop-head'}}",
     "Validation failed\\n\\n[{<<\\\"overflow\\\">>,<<\\\"drop-head\\\">>}] are not recognised "
     "policy settings\\n"},
    {"/api/parameters/zork/%2F/n", "{'value':1}",
     "Validation failed\\n\\ncomponent zork not found\\n"},
    {"/api/parameters/policy/%2F/n", "{'value':1}", "policies may not be set using this method"},
    {"/api/parameters/vhost-limits/%2F/limits", "{}", "[{key_missing,value}]"},
    {"/api/parameters/vhost-limits/%2F/limits", "{'value':{'max-queues':'x'}}",
     "Validation failed\\n\\nmax-queues should be a number, actually was <<\\\"x\\\">>\\n"},
    {"/api/parameters/vhost-limits/%2F/limits", "{'value':{'zork':1}}",
     "Validation failed\\n\\nUnrecognised terms [{<<\\\"zork\\\">>,1}] in limits\\n"},
    {"/api/parameters/operator_policy/%2F/o", "{'value':{'pattern':'a','definition':{'zork':1}}}",
     "Validation failed\\n\\n[{<<\\\"zork\\\">>,1}] are not recognised policy settings\\n"},
};

START_TEST(wrong_requests_are_explained)
{
    char wanted[512];

    for (size_t i = 0; i < ARRAY_LEN(bad_cases); i++) {
        snprintf(wanted, sizeof(wanted), "{\"error\":\"bad_request\",\"reason\":\"%s\"}",
                 bad_cases[i].reason);
        ck_assert_int_eq(ask(&api, "PUT", bad_cases[i].target, bad_cases[i].body), 400);
        ck_assert_str_eq(answer(&api), wanted);
    }
    expect(&api, "GET", "/api/policies", NULL, 200, "[]");
    expect(&api, "GET", "/api/parameters", NULL, 200, "[]");
}
END_TEST

#define EFFECT "?columns=policy,operator_policy,effective_policy_definition"

START_TEST(objects_show_what_applies)
{
    expect(&api, "PUT", "/api/queues/%2F/q", NULL, 201, "");
    expect(&api, "GET", "/api/queues/%2F/q" EFFECT, NULL, 200,
           "{'policy':null,'operator_policy':null,'effective_policy_definition':{}}");
    expect(&api, "PUT", P, "{'pattern':'','definition':{'max-length':5,'message-ttl':9}}", 201, "");
    expect(&api, "PUT", O, "{'pattern':'^q','definition':{'max-length':3}}", 201, "");
    expect(&api, "GET", "/api/queues/%2F/q" EFFECT, NULL, 200,
           "{'policy':'p','operator_policy':'o','effective_policy_definition':{'max-length':3,"
           "'message-ttl':9}}");
    expect(&api, "GET", "/api/exchanges/%2F/amq.topic" EFFECT, NULL, 200,
           "{'policy':'p','operator_policy':null,'effective_policy_definition':{'max-length':5,"
           "'message-ttl':9}}");
    expect(&api, "DELETE", P, NULL, 204, "");
    expect(&api, "GET", "/api/exchanges/%2F/amq.topic" EFFECT, NULL, 200, "{}");
    expect(&api, "GET", "/api/queues/%2F/q" EFFECT, NULL, 200,
           "{'policy':null,'operator_policy':'o','effective_policy_definition':{'max-length':3}}");
}
END_TEST

START_TEST(operator_policies_are_parameters_too)
{
    static const char row[] = "{'value':{'pattern':'a','apply-to':'all','definition':"
                              "{'max-length':6},'priority':0},'vhost':'/','component':"
                              "'operator_policy','name':'o'}";
    char list[256];

    snprintf(list, sizeof(list), "[%s]", row);
    expect(&api, "PUT", "/api/parameters/operator_policy/%2F/o",
           "{'value':{'pattern':'a','priority':0,'definition':{'max-length':6}}}", 201, "");
    expect(&api, "GET", O "?columns=name,pattern", NULL, 200, "{'name':'o','pattern':'a'}");
    expect(&api, "GET", "/api/parameters/operator_policy/%2F/o", NULL, 200, row);
    expect(&api, "GET", "/api/parameters", NULL, 200, list);
    expect(&api, "GET", "/api/parameters/operator_policy", NULL, 200, list);
    expect(&api, "GET", "/api/parameters/operator_policy/%2F", NULL, 200, list);
    expect(&api, "GET", "/api/parameters/shovel", NULL, 200, "[]");
    expect(&api, "GET", "/api/parameters/shovel/zz", NULL, 404, NOT_FOUND);
    expect(&api, "DELETE", "/api/parameters/operator_policy/%2F/o", NULL, 204, "");
    expect(&api, "DELETE", "/api/parameters/operator_policy/%2F/o", NULL, 404, NOT_FOUND);
    expect(&api, "DELETE", O, NULL, 404, NOT_FOUND);
}
END_TEST

#define LIMITS "/api/parameters/vhost-limits/%2F/limits"

START_TEST(limits_are_parameters_too)
{
    expect(&api, "GET", LIMITS, NULL, 404, NOT_FOUND);
    expect(&api, "PUT", LIMITS, "{'value':{'max-queues':100}}", 201, "");
    expect(&api, "PUT", LIMITS, "{'value':{'max-connections':7}}", 204, "");
    expect(&api, "GET", LIMITS, NULL, 200,
           "{'value':{'max-connections':7},'vhost':'/','component':'vhost-limits','name':"
           "'limits'}");
    expect(&api, "GET", "/api/vhost-limits", NULL, 200,
           "[{'vhost':'/','value':{'max-connections':7}}]");
    expect(&api, "DELETE", LIMITS, NULL, 204, "");
    expect(&api, "DELETE", LIMITS, NULL, 404, NOT_FOUND);
}
END_TEST

START_TEST(global_parameters_are_set_read_and_cleared)
{
    expect(&api, "PUT", "/api/global-parameters/g", "{'value':{'a':[1,2]}}", 201, "");
    expect(&api, "GET", "/api/global-parameters/g", NULL, 200, "{'name':'g','value':{'a':[1,2]}}");
    expect(&api, "PUT", "/api/global-parameters/g", "{'value':5}", 204, "");
    expect(&api, "GET", "/api/global-parameters", NULL, 200, "[{'name':'g','value':5}]");
    expect(&api, "DELETE", "/api/global-parameters/g", NULL, 204, "");
    expect(&api, "DELETE", "/api/global-parameters/g", NULL, 404, NOT_FOUND);
    expect(&api, "GET", "/api/global-parameters/g", NULL, 404, NOT_FOUND);
}
END_TEST

/* ---- rights ---- */

static const struct {
    const char *method, *target;
    int policymaker, manager;
} right_cases[] = {
    {"GET", "/api/policies", 200, 200},
    {"GET", "/api/policies/%2F", 200, 200},
    {"GET", "/api/policies/v", 401, 401},
    {"PUT", P, 201, 401},
    {"GET", P, 200, 401},
    {"DELETE", P, 204, 401},
    {"PUT", "/api/policies/v/p", 401, 401},
    {"GET", "/api/operator-policies", 200, 200},
    {"PUT", O, 401, 401},
    {"GET", O, 401, 401},
    {"DELETE", O, 401, 401},
    {"GET", "/api/parameters", 200, 401},
    {"GET", "/api/global-parameters", 200, 401},
    {"PUT", "/api/global-parameters/g", 201, 401},
    {"DELETE", "/api/global-parameters/g", 204, 401},
};

START_TEST(policymakers_may_and_others_not)
{
    static const char body[] = "{'pattern':'a','definition':{'max-length':6},'value':1}";
    static const char all[] = "{'configure':'.*','write':'.*','read':'.*'}";

    expect(&api, "PUT", "/api/vhosts/v", NULL, 201, "");
    expect(&api, "PUT", "/api/users/pm", "{'password':'x','tags':'policymaker'}", 201, "");
    expect(&api, "PUT", "/api/users/mg", "{'password':'x','tags':'management'}", 201, "");
    expect(&api, "PUT", "/api/permissions/%2F/pm", all, 201, "");
    expect(&api, "PUT", "/api/permissions/%2F/mg", all, 201, "");
    for (size_t i = 0; i < ARRAY_LEN(right_cases); i++) {
        const char *sent = right_cases[i].method[0] == 'P' ? body : NULL;
        api.credentials = "pm:x";
        ck_assert_int_eq(ask(&api, right_cases[i].method, right_cases[i].target, sent),
                         right_cases[i].policymaker);
        api.credentials = "mg:x";
        ck_assert_int_eq(ask(&api, right_cases[i].method, right_cases[i].target, sent),
                         right_cases[i].manager);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        policies_are_set_read_and_cleared, wrong_requests_are_explained,
        objects_show_what_applies,         operator_policies_are_parameters_too,
        limits_are_parameters_too,         global_parameters_are_set_read_and_cleared,
        policymakers_may_and_others_not,
    };
    return suite_run("api_policies", setup, teardown, tests, ARRAY_LEN(tests));
}
