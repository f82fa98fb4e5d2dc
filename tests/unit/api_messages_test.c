/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing and taking messages over the API. */
#include "tests/support/api_fixture.h"
#include "tests/support/suite.h"

#include <stdio.h>

static struct api api;

static void setup(void)
{
    api = (struct api){0};
    api_open(&api);
    expect(&api, "PUT", "/api/queues/%2F/q", "{}", 201, "");
}

static void teardown(void)
{
    api_close(&api);
}

static void put(const char *exchange, const char *body, int status, const char *expected)
{
    char target[128];

    snprintf(target, sizeof(target), "/api/exchanges/%%2F/%s/publish", exchange);
    expect(&api, "POST", target, body, status, expected);
}

static void take(const char *body, int status, const char *expected)
{
    expect(&api, "POST", "/api/queues/%2F/q/get", body, status, expected);
}

#define TO_Q "'routing_key':'q','payload':'x','payload_encoding':'string'}"

START_TEST(message_goes_in_and_comes_out)
{
    put("amq.default",
        "{'properties':{'delivery_mode':2,'priority':3,'timestamp':12,'message_id':'m','headers':"
        "{'a':1,'b':[true]},'zork':1},'routing_key':'q','payload':'hello','payload_encoding':"
        "'string'}",
        200, "{'routed':true}");
    take("{'count':5,'ackmode':'ack_requeue_false','encoding':'auto'}", 200,
         "[{'payload_bytes':5,'redelivered':false,'exchange':'','routing_key':'q','message_count':"
         "0,'properties':{'headers':{'a':1,'b':[true]},'delivery_mode':2,'priority':3,"
         "'message_id':'m','timestamp':12},'payload':'hello','payload_encoding':'string'}]");
    take("{'count':5,'ackmode':'ack_requeue_false','encoding':'auto'}", 200, "[]");
}
END_TEST

START_TEST(bytes_travel_as_base64)
{
    put("amq.default",
        "{'properties':{},'routing_key':'q','payload':'/wD+','payload_encoding':'base64'}", 200,
        "{'routed':true}");
    take("{'count':1,'ackmode':'ack_requeue_true','encoding':'auto'}", 200,
         "[{'payload_bytes':3,'redelivered':false,'exchange':'','routing_key':'q','message_count':"
         "0,'properties':[],'payload':'/wD+','payload_encoding':'base64'}]");
    expect(&api, "POST", "/api/queues/%2F/q/get?columns=payload,redelivered",
           "{'count':'1','ackmode':'ack_requeue_true','encoding':'base64','truncate':'1'}", 200,
           "[{'redelivered':true,'payload':'/w=='}]");
}
END_TEST

START_TEST(unroutable_is_said)
{
    put("amq.default",
        "{'properties':{},'routing_key':'none','payload':'x','payload_encoding':'string'}", 200,
        "{'routed':false}");
    put("amq.fanout", "{'properties':{}," TO_Q, 200, "{'routed':false}");
}
END_TEST

START_TEST(refused_by_a_full_queue_is_said)
{
    expect(&api, "PUT", "/api/queues/%2F/full",
           "{'arguments':{'x-max-length':0,'x-overflow':'reject-publish'}}", 201, "");
    put("amq.default",
        "{'properties':{},'routing_key':'full','payload':'x','payload_encoding':'string'}", 200,
        "{'routed':false}");
}
END_TEST

START_TEST(unusable_messages_are_refused)
{
    put("amq.default", "{'routing_key':'q'}", 400,
        "{'error':'bad_request','reason':'[{key_missing,properties},{key_missing,payload},"
        "{key_missing,payload_encoding}]'}");
    put("amq.default",
        "{'properties':{},'routing_key':'q','payload':'!!','payload_encoding':'base64'}", 400,
        "{'error':'bad_request','reason':['not_base64','!!']}");
    put("amq.default",
        "{'properties':{},'routing_key':'q','payload':'x','payload_encoding':'zork'}", 400,
        "{'error':'bad_request','reason':['unsupported_encoding','zork']}");
    put("amq.default", "{'properties':{'delivery_mode':'2'}," TO_Q, 400,
        "{'error':'bad_request','reason':['not_int','delivery_mode']}");
    put("amq.default", "{'properties':{'priority':256}," TO_Q, 400,
        "{'error':'bad_request','reason':['not_int','priority']}");
    put("amq.default", "{'properties':{'headers':[1]}," TO_Q, 400,
        "{'error':'bad_request','reason':['bad_property','headers']}");
    put("amq.default", "{'properties':{'user_id':'foo'}," TO_Q, 400,
        "{\"error\":\"bad_request\",\"reason\":\"406 PRECONDITION_FAILED - user_id property set to "
        "'foo' but authenticated user was 'guest'\"}");
    put("nope", "{'properties':{}," TO_Q, 400,
        "{\"error\":\"bad_request\",\"reason\":\"404 NOT_FOUND - no exchange 'nope' in vhost "
        "'/'\"}");
    take("{'count':1,'ackmode':'ack_requeue_true','encoding':'auto'}", 200, "[]");
}
END_TEST

START_TEST(messages_have_the_size_that_clients_may_send)
{
    api.world.broker->options.message_size_max = 3;
    put("amq.default",
        "{'properties':{},'routing_key':'q','payload':'four','payload_encoding':'string'}", 400,
        "{'error':'bad_request','reason':'406 PRECONDITION_FAILED - message size 4 is larger than "
        "configured max size 3'}");
    put("amq.default",
        "{'properties':{},'routing_key':'q','payload':'all','payload_encoding':'string'}", 200,
        "{'routed':true}");
}
END_TEST

START_TEST(rejected_messages_are_dead_lettered)
{
    expect(&api, "PUT", "/api/queues/%2F/r",
           "{'arguments':{'x-dead-letter-exchange':'','x-dead-letter-routing-key':'q'}}", 201, "");
    put("amq.default",
        "{'properties':{},'routing_key':'r','payload':'x','payload_encoding':'string'}", 200,
        "{'routed':true}");
    expect(&api, "POST", "/api/queues/%2F/r/get?columns=payload",
           "{'count':1,'ackmode':'reject_requeue_false','encoding':'auto'}", 200,
           "[{'payload':'x'}]");
    expect(&api, "POST", "/api/queues/%2F/q/get?columns=properties.headers.x-first-death-reason",
           "{'count':1,'ackmode':'reject_requeue_true','encoding':'auto'}", 200,
           "[{'properties':{'headers':{'x-first-death-reason':'rejected'}}}]");
    expect(&api, "GET", "/api/queues/%2F/q?columns=messages_ready", NULL, 200,
           "{'messages_ready':1}");
}
END_TEST

START_TEST(unusable_takings_are_refused)
{
    take("{}", 400,
         "{'error':'bad_request','reason':'[{key_missing,ackmode},{key_missing,count},"
         "{key_missing,encoding}]'}");
    take("{'count':'x','ackmode':'ack_requeue_true','encoding':'auto'}", 400,
         "{'error':'bad_request','reason':['not_integer','x']}");
    take("{'count':-1,'ackmode':'ack_requeue_true','encoding':'auto'}", 400, NULL);
    take("{'count':1,'ackmode':'zork','encoding':'auto'}", 400,
         "{'error':'bad_request','reason':['unsupported_ackmode','zork']}");
    take("{'count':1,'ackmode':'ack_requeue_true','encoding':'zork'}", 400,
         "{'error':'bad_request','reason':'Unsupported encoding. Please use auto or base64.'}");
    expect(&api, "POST", "/api/queues/%2F/none/get",
           "{'count':1,'ackmode':'ack_requeue_true','encoding':'auto'}", 404,
           "{\"error\":\"not_found\",\"reason\":\"NOT_FOUND - no queue 'none' in vhost '/'\"}");
}
END_TEST

START_TEST(counters_show_what_happened)
{
    put("amq.default", "{'properties':{}," TO_Q, 200, "{'routed':true}");
    take("{'count':1,'ackmode':'ack_requeue_false','encoding':'auto'}", 200, NULL);
    expect(&api, "GET", "/api/queues/%2F/q?columns=message_stats.publish,message_stats.get_no_ack",
           NULL, 200, "{'message_stats':{'get_no_ack':1,'publish':1}}");
    /* What the port does for its users is no churn of connections. */
    expect(&api, "GET", "/api/overview?columns=churn_rates.connection_created", NULL, 200,
           "{'churn_rates':{'connection_created':0}}");
    expect(&api, "GET", "/api/overview?columns=message_stats.publish,object_totals.connections",
           NULL, 200, "{'object_totals':{'connections':0},'message_stats':{'publish':1}}");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        message_goes_in_and_comes_out,
        bytes_travel_as_base64,
        unroutable_is_said,
        refused_by_a_full_queue_is_said,
        unusable_messages_are_refused,
        messages_have_the_size_that_clients_may_send,
        rejected_messages_are_dead_lettered,
        unusable_takings_are_refused,
        counters_show_what_happened,
    };
    return suite_run("api_messages", setup, teardown, tests, ARRAY_LEN(tests));
}
