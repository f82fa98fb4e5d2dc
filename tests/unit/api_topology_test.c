/* SPDX-License-Identifier: Apache-2.0 */
/* The API's exchanges, queues and bindings. */
#include "broker/access.h"
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

#define NOT_FOUND "{'error':'Object Not Found','reason':'Not Found'}"
#define REFUSED "{'error':'not_authorised','reason':'Access refused.'}"

/* ---- exchanges ---- */

START_TEST(predeclared_exchanges_are_there)
{
    expect(&api, "GET", "/api/exchanges/%2F?columns=name,type", NULL, 200,
           "[{'name':'','type':'direct'},{'name':'amq.direct','type':'direct'},"
           "{'name':'amq.fanout','type':'fanout'},{'name':'amq.headers','type':'headers'},"
           "{'name':'amq.match','type':'headers'},{'name':'amq.rabbitmq.trace','type':'topic'},"
           "{'name':'amq.topic','type':'topic'}]");
    expect(&api, "GET", "/api/exchanges/%2F/amq.default?columns=name,durable", NULL, 200,
           "{'name':'','durable':true}");
}
END_TEST

START_TEST(exchanges_are_declared_with_arguments)
{
    expect(&api, "PUT", "/api/exchanges/%2F/x",
           "{'type':'topic','auto_delete':true,'internal':true,'durable':'true','arguments':"
           "{'alternate-exchange':'y','n':5,'t':{'k':[1.5,null]}}}",
           201, "");
    expect(&api, "GET", "/api/exchanges/%2F/x?columns=type,durable,auto_delete,internal,arguments",
           NULL, 200,
           "{'type':'topic','durable':true,'auto_delete':true,'internal':true,'arguments':"
           "{'alternate-exchange':'y','n':5,'t':{'k':[1.5,null]}}}");
}
END_TEST

START_TEST(exchange_refusals_have_the_brokers_words)
{
    expect(&api, "PUT", "/api/exchanges/%2F/x", "{'type':'direct'}", 201, "");
    expect(&api, "PUT", "/api/exchanges/%2F/x", "{}", 204, "");
    expect(&api, "PUT", "/api/exchanges/%2F/x", "{'type':'fanout'}", 400,
           "{\"error\":\"bad_request\",\"reason\":\"inequivalent arg 'type' for exchange 'x' in "
           "vhost '/': received 'fanout' but current is 'direct'\"}");
    expect(&api, "PUT", "/api/exchanges/%2F/y", "{'type':'zork'}", 400,
           "{\"error\":\"bad_request\",\"reason\":\"unknown exchange type 'zork'\"}");
    expect(&api, "PUT", "/api/exchanges/%2F/amq.y", "{'type':'direct'}", 401, REFUSED);
    expect(&api, "PUT", "/api/exchanges/zz/x", "{'type':'direct'}", 404,
           "{'error':'not_found','reason':'vhost_not_found'}");
    expect(&api, "PUT", "/api/exchanges/%2F/y", "{'arguments':5}", 400, NULL);
    expect(&api, "GET", "/api/exchanges/%2F/y", NULL, 404, NOT_FOUND);
}
END_TEST

START_TEST(exchanges_are_deleted)
{
    expect(&api, "PUT", "/api/exchanges/%2F/x", "{}", 201, "");
    expect(&api, "PUT", "/api/queues/%2F/q", "{}", 201, "");
    expect(&api, "POST", "/api/bindings/%2F/e/x/q/q", "{}", 201, "");
    expect(&api, "DELETE", "/api/exchanges/%2F/x?if-unused=true", NULL, 400,
           "{\"error\":\"bad_request\",\"reason\":\"exchange 'x' in vhost '/' in use\"}");
    expect(&api, "DELETE", "/api/exchanges/%2F/x", NULL, 204, "");
    expect(&api, "DELETE", "/api/exchanges/%2F/x", NULL, 404, NOT_FOUND);
    expect(&api, "DELETE", "/api/exchanges/%2F/amq.topic", NULL, 401, REFUSED);
    expect(&api, "DELETE", "/api/exchanges/%2F/amq.default", NULL, 401, REFUSED);
}
END_TEST

START_TEST(names_are_bounded)
{
    char target[400] = "/api/exchanges/%2F/";

    memset(target + strlen(target), 'x', 256);
    expect(&api, "PUT", target, "{}", 400, NULL);
    memcpy(target, "/api/queues/%2F/qqq", 19);
    expect(&api, "PUT", target, "{}", 400, NULL);
    expect(&api, "GET", target, NULL, 404, NOT_FOUND);
}
END_TEST

/* ---- queues ---- */

START_TEST(queues_are_declared)
{
    expect(&api, "PUT", "/api/queues/%2F/q",
           "{'durable':true,'arguments':{'x-max-length':10,'x-queue-type':'quorum'}}", 201, "");
    expect(&api, "GET", "/api/queues/%2F/q?columns=name,vhost,type,durable,arguments,state", NULL,
           200,
           "{'name':'q','vhost':'/','type':'quorum','durable':true,'arguments':{'x-max-length':10,"
           "'x-queue-type':'quorum'},'state':'running'}");
    expect(&api, "PUT", "/api/queues/%2F/q", "{'durable':false}", 400, NULL);
    expect(&api, "PUT", "/api/queues/%2F/r", "{'arguments':{'x-expires':0}}", 400,
           "{\"error\":\"bad_request\",\"reason\":\"invalid arg 'x-expires' for queue 'r' in vhost "
           "'/': {value_zero,0}\"}");
    expect(&api, "PUT", "/api/queues/%2F/amq.q", "{}", 401, REFUSED);
    expect(&api, "PUT", "/api/queues/zz/q", "{}", 404,
           "{'error':'not_found','reason':'vhost_not_found'}");
    expect(&api, "GET", "/api/queues/%2F/r", NULL, 404, NOT_FOUND);
    expect(&api, "GET", "/api/queues/zz/q", NULL, 404, NOT_FOUND);
}
END_TEST

START_TEST(queues_are_purged_and_deleted)
{
    struct test_client *client = client_open(&api.world, 'a');
    struct test_channel *channel = client_channel(client, 1);

    expect(&api, "PUT", "/api/queues/%2F/q", "{}", 201, "");
    publish(channel, "", "q", "body");
    expect(&api, "DELETE", "/api/queues/%2F/q?if-empty=true", NULL, 400,
           "{\"error\":\"bad_request\",\"reason\":\"queue 'q' in vhost '/' not empty\"}");
    expect(&api, "GET", "/api/queues/%2F/q?columns=messages,message_bytes", NULL, 200,
           "{'messages':1,'message_bytes':4}");
    expect(&api, "DELETE", "/api/queues/%2F/q/contents", NULL, 204, "");
    expect(&api, "GET", "/api/queues/%2F/q?columns=messages", NULL, 200, "{'messages':0}");
    consume(channel, "q", "C", false);
    expect(&api, "DELETE", "/api/queues/%2F/q?if-unused=true", NULL, 400,
           "{\"error\":\"bad_request\",\"reason\":\"queue 'q' in vhost '/' in use\"}");
    expect(&api, "DELETE", "/api/queues/%2F/q", NULL, 204, "");
    expect(&api, "DELETE", "/api/queues/%2F/q", NULL, 404, NOT_FOUND);
    expect(&api, "DELETE", "/api/queues/%2F/q/contents", NULL, 404, NOT_FOUND);
}
END_TEST

START_TEST(rights_in_the_virtual_host_are_asked)
{
    char message[128];
    struct access *access = api.world.broker->access;

    access_set_user(access, slice_str("u"), slice_str("x"), slice_str("management"));
    ck_assert_int_eq(access_set_permission(access, slice_str("u"), slice_str("/"), slice_str("^u"),
                                           slice_str("^u"), slice_str("^u"), message,
                                           sizeof(message)),
                     ERR_OK);
    api.credentials = "u:x";
    expect(&api, "PUT", "/api/queues/%2F/u1", "{}", 201, "");
    expect(&api, "PUT", "/api/queues/%2F/v1", "{}", 401, REFUSED);
    expect(&api, "POST", "/api/bindings/%2F/e/amq.topic/q/u1", "{}", 401, REFUSED);
    expect(&api, "DELETE", "/api/queues/%2F/u1", NULL, 204, "");
}
END_TEST

/* ---- bindings ---- */

static void declare_ends(void)
{
    expect(&api, "PUT", "/api/exchanges/%2F/x", "{}", 201, "");
    expect(&api, "PUT", "/api/exchanges/%2F/y", "{}", 201, "");
    expect(&api, "PUT", "/api/queues/%2F/q", "{}", 201, "");
}

START_TEST(bindings_are_made_with_their_location)
{
    declare_ends();
    expect(&api, "POST", "/api/bindings/%2F/e/x/q/q", "{'routing_key':'rk'}", 201, "");
    ck_assert_str_eq(answer_header(&api, "Location"), "q/rk");
    expect(&api, "POST", "/api/bindings/%2F/e/x/q/q", "{'routing_key':'rk'}", 201, "");
    expect(&api, "POST", "/api/bindings/%2F/e/x/q/q", "{}", 201, "");
    ck_assert_str_eq(answer_header(&api, "Location"), "q/~");
    expect(&api, "POST", "/api/bindings/%2F/e/x/e/y", "{'routing_key':'a b/c'}", 201, "");
    ck_assert_str_eq(answer_header(&api, "Location"), "y/a+b%2Fc");
    expect(&api, "GET", "/api/bindings/%2F", NULL, 200,
           "[{'source':'','vhost':'/','destination':'q','destination_type':'queue','routing_key':"
           "'q','arguments':{},'properties_key':'q'},"
           "{'source':'x','vhost':'/','destination':'y','destination_type':'exchange',"
           "'routing_key':'a b/c','arguments':{},'properties_key':'a+b%2Fc'},"
           "{'source':'x','vhost':'/','destination':'q','destination_type':'queue','routing_key':"
           "'','arguments':{},'properties_key':'~'},"
           "{'source':'x','vhost':'/','destination':'q','destination_type':'queue','routing_key':"
           "'rk','arguments':{},'properties_key':'rk'}]");
}
END_TEST

START_TEST(bindings_are_listed_from_all_sides)
{
    declare_ends();
    expect(&api, "POST", "/api/bindings/%2F/e/x/q/q", "{'routing_key':'rk'}", 201, "");
    expect(&api, "POST", "/api/bindings/%2F/e/x/e/y", "{'routing_key':'ey'}", 201, "");
    expect(&api, "GET", "/api/exchanges/%2F/x/bindings/source?columns=routing_key", NULL, 200,
           "[{'routing_key':'ey'},{'routing_key':'rk'}]");
    expect(&api, "GET", "/api/exchanges/%2F/y/bindings/destination?columns=routing_key", NULL, 200,
           "[{'routing_key':'ey'}]");
    expect(&api, "GET", "/api/exchanges/%2F/amq.default/bindings/source?columns=routing_key", NULL,
           200, "[{'routing_key':'q'}]");
    expect(&api, "GET", "/api/queues/%2F/q/bindings?columns=source", NULL, 200,
           "[{'source':''},{'source':'x'}]");
    expect(&api, "GET", "/api/bindings/%2F/e/x/q/q?columns=routing_key", NULL, 200,
           "[{'routing_key':'rk'}]");
    expect(&api, "GET", "/api/bindings/%2F/e//q/q?columns=routing_key", NULL, 200,
           "[{'routing_key':'q'}]");
    expect(&api, "GET", "/api/bindings/%2F/e/nosuch/q/q", NULL, 200, "[]");
    expect(&api, "GET", "/api/bindings/%2F/e/x/z/q", NULL, 404, NOT_FOUND);
}
END_TEST

START_TEST(bindings_are_found_by_their_key_in_both_quotings)
{
    declare_ends();
    expect(&api, "POST", "/api/bindings/%2F/e/x/q/q", "{'routing_key':'a b/c~d'}", 201, "");
    ck_assert_str_eq(answer_header(&api, "Location"), "q/a+b%2Fc%7Ed");
    expect(&api, "GET", "/api/bindings/%2F/e/x/q/q/a+b%2Fc%7Ed?columns=routing_key", NULL, 200,
           "{'routing_key':'a b/c~d'}");
    expect(&api, "GET", "/api/bindings/%2F/e/x/q/q/a%2Bb%252Fc%257Ed?columns=routing_key", NULL,
           200, "{'routing_key':'a b/c~d'}");
    expect(&api, "GET", "/api/bindings/%2F/e/x/q/q/zz", NULL, 404, NOT_FOUND);
    expect(&api, "DELETE", "/api/bindings/%2F/e/x/q/q/a+b%2Fc%7Ed", NULL, 204, "");
    expect(&api, "DELETE", "/api/bindings/%2F/e/x/q/q/a+b%2Fc%7Ed", NULL, 404, NOT_FOUND);
}
END_TEST

START_TEST(bindings_with_arguments_are_distinct)
{
    char target[128];

    declare_ends();
    expect(&api, "POST", "/api/bindings/%2F/e/x/q/q", "{'arguments':{'b':1,'a':'x'}}", 201, "");
    snprintf(target, sizeof(target), "/api/bindings/%%2F/e/x/q/%s",
             answer_header(&api, "Location"));
    expect(&api, "POST", "/api/bindings/%2F/e/x/q/q", "{'arguments':{'a':'x','b':1}}", 201, "");
    expect(&api, "POST", "/api/bindings/%2F/e/x/q/q", "{'arguments':{'a':'x','b':2}}", 201, "");
    expect(&api, "GET", target, NULL, 200, NULL);
    expect(&api, "DELETE", target, NULL, 204, "");
    expect(&api, "GET", "/api/bindings/%2F/e/x/q/q?columns=arguments", NULL, 200,
           "[{'arguments':{'a':'x','b':2}}]");
}
END_TEST

START_TEST(bindings_of_nothing_are_refused)
{
    declare_ends();
    expect(&api, "POST", "/api/bindings/%2F/e/nope/q/q", "{}", 404,
           "{\"error\":\"not_found\",\"reason\":\"no exchange 'nope' in vhost '/'\"}");
    expect(&api, "POST", "/api/bindings/%2F/e/x/q/nope", "{}", 404,
           "{\"error\":\"not_found\",\"reason\":\"no queue 'nope' in vhost '/'\"}");
    expect(&api, "POST", "/api/bindings/%2F/e/amq.default/q/q", "{}", 401, REFUSED);
    expect(&api, "POST", "/api/bindings/%2F/e/x/q/q", "{'routing_key':5}", 400, NULL);
}
END_TEST

/* ---- connections ---- */

START_TEST(connections_are_listed_and_closed)
{
    struct test_client *client = client_open(&api.world, 'a');
    struct test_channel *channel = client_channel(client, 1);

    expect(&api, "PUT", "/api/queues/%2F/q", "{}", 201, "");
    consume(channel, "q", "C", false);
    expect(&api, "GET", "/api/connections?columns=name,user,vhost,channels", NULL, 200,
           "[{'name':'test','vhost':'/','user':'guest','channels':1}]");
    expect(&api, "GET", "/api/channels?columns=name,consumer_count", NULL, 200,
           "[{'name':'test (1)','consumer_count':1}]");
    expect(&api, "GET", "/api/channels/test%20(1)?columns=number", NULL, 200, "{'number':1}");
    expect(&api, "GET", "/api/connections/test/channels?columns=name", NULL, 200,
           "[{'name':'test (1)'}]");
    expect(&api, "GET", "/api/consumers?columns=consumer_tag,queue", NULL, 200,
           "[{'queue':{'name':'q','vhost':'/'},'consumer_tag':'C'}]");
    expect(&api, "GET", "/api/connections/nosuch", NULL, 404, NOT_FOUND);
    buf_clear(&api.world.trace);
    api.x_reason = "because";
    expect(&api, "DELETE", "/api/connections/test", NULL, 204, "");
    world_expect(&api.world, "a close 320 CONNECTION_FORCED - because\n");
    expect(&api, "GET", "/api/channels", NULL, 200, "[]");
}
END_TEST

START_TEST(others_connections_are_not_shown)
{
    client_open(&api.world, 'a');
    access_set_user(api.world.broker->access, slice_str("u"), slice_str("x"),
                    slice_str("management"));
    api.credentials = "u:x";
    expect(&api, "GET", "/api/connections", NULL, 200, "[]");
    expect(&api, "GET", "/api/connections/test", NULL, 401,
           "{'error':'not_authorised','reason':'User not authorised to access object'}");
    expect(&api, "DELETE", "/api/connections/username/guest", NULL, 401, NULL);
    world_expect(&api.world, "");
    api.credentials = "guest:guest";
    expect(&api, "DELETE", "/api/connections/username/guest", NULL, 204, "");
    world_expect(&api.world, "a close 320 CONNECTION_FORCED - Closed via management plugin\n");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        predeclared_exchanges_are_there,
        exchanges_are_declared_with_arguments,
        exchange_refusals_have_the_brokers_words,
        exchanges_are_deleted,
        names_are_bounded,
        queues_are_declared,
        queues_are_purged_and_deleted,
        rights_in_the_virtual_host_are_asked,
        bindings_are_made_with_their_location,
        bindings_are_listed_from_all_sides,
        bindings_are_found_by_their_key_in_both_quotings,
        bindings_with_arguments_are_distinct,
        bindings_of_nothing_are_refused,
        connections_are_listed_and_closed,
        others_connections_are_not_shown,
    };
    return suite_run("api_topology", setup, teardown, tests, ARRAY_LEN(tests));
}
