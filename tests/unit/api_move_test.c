/* SPDX-License-Identifier: Apache-2.0 */
/* Moving messages over the API: order, limits, rights, and that nothing is lost. */
#include "base/mem.h"
#include "broker/access.h"
#include "tests/support/api_fixture.h"
#include "tests/support/memvfs.h"
#include "tests/support/suite.h"

#include <stdio.h>

#define DISK "move"

static struct memvfs *disk;
static struct api api;

static void setup(void)
{
    api = (struct api){0};
    disk = memvfs_new(DISK);
    api.world.vfs = DISK;
    api_open(&api);
    expect(&api, "PUT", "/api/queues/%2F/from", "{'durable':true}", 201, "");
    expect(&api, "PUT", "/api/queues/%2F/to", "{'durable':true}", 201, "");
}

static void teardown(void)
{
    api_close(&api);
    memvfs_free(disk);
}

static void send(const char *key, const char *properties, const char *payload)
{
    char body[512];

    snprintf(body, sizeof(body),
             "{'properties':%s,'routing_key':'%s','payload':'%s','payload_encoding':'string'}",
             properties, key, payload);
    expect(&api, "POST", "/api/exchanges/%2F/amq.default/publish", body, 200, "{'routed':true}");
}

static void publish_some(int count)
{
    char payload[16];

    for (int i = 0; i < count; i++) {
        snprintf(payload, sizeof(payload), "%d", i);
        send("from", "{'delivery_mode':2}", payload);
    }
}

static void move(const char *body, int status, const char *expected)
{
    expect(&api, "POST", "/api/queues/%2F/from/move", body, status, expected);
}

static void take(const char *queue, const char *columns, const char *expected)
{
    char target[128];

    snprintf(target, sizeof(target), "/api/queues/%%2F/%s/get?columns=%s", queue, columns);
    expect(&api, "POST", target, "{'count':99,'ackmode':'ack_requeue_false','encoding':'auto'}",
           200, expected);
}

START_TEST(messages_keep_order_properties_and_key)
{
    send("from", "{'delivery_mode':2,'message_id':'a','expiration':'60000'}", "1");
    send("from", "{'headers':{'CC':['from'],'x':1}}", "2");
    move("{'destination_queue':'to'}", 200, "{'moved':2,'remaining':0}");
    take("from", "payload", "[]");
    take("to", "payload,routing_key,properties,redelivered",
         "[{'redelivered':false,'routing_key':'from','properties':{'delivery_mode':2,'expiration':"
         "'60000','message_id':'a'},'payload':'1'},{'redelivered':false,'routing_key':'from',"
         "'properties':{'headers':{'CC':['from'],'x':1}},'payload':'2'}]");
}
END_TEST

START_TEST(a_limit_is_kept)
{
    publish_some(3);
    move("{'destination_queue':'to','limit':2}", 200, "{'moved':2,'remaining':1}");
    take("from", "payload", "[{'payload':'2'}]");
    move("{'destination_queue':'to','limit':0}", 200, "{'moved':0,'remaining':0}");
}
END_TEST

START_TEST(small_parts_move_all)
{
    publish_some(20);
    api.work = 1;
    move("{'destination_queue':'to'}", 200, "{'moved':20,'remaining':0}");
    expect(&api, "GET", "/api/queues/%2F/to?columns=messages", NULL, 200, "{'messages':20}");
}
END_TEST

START_TEST(an_exchange_routes_them_again)
{
    expect(&api, "POST", "/api/bindings/%2F/e/amq.topic/q/to", "{'routing_key':'from'}", 201, "");
    publish_some(2);
    move("{'destination_exchange':'amq.topic'}", 200, "{'moved':2,'remaining':0}");
    take("to", "payload,exchange",
         "[{'exchange':'amq.topic','payload':'0'},{'exchange':'amq.topic','payload':'1'}]");
    publish_some(1);
    move("{'destination_exchange':'','routing_key':'to'}", 200, "{'moved':1,'remaining':0}");
}
END_TEST

START_TEST(what_nobody_takes_stays)
{
    publish_some(2);
    move("{'destination_exchange':'amq.topic'}", 400,
         "{'error':'bad_request','reason':'no queue takes the message; 0 were moved before'}");
    expect(&api, "PUT", "/api/queues/%2F/full",
           "{'arguments':{'x-max-length':1,'x-overflow':'reject-publish'}}", 201, "");
    move("{'destination_queue':'full'}", 400,
         "{\"error\":\"bad_request\",\"reason\":\"queue 'full' in vhost '/' is full; 1 were moved "
         "before\"}");
    take("from", "payload", "[{'payload':'1'}]");
    take("full", "payload", "[{'payload':'0'}]");
}
END_TEST

START_TEST(a_restart_finds_them_where_they_are)
{
    publish_some(3);
    move("{'destination_queue':'to','limit':2}", 200, "{'moved':2,'remaining':1}");
    api_restart(&api);
    take("to", "payload", "[{'payload':'0'},{'payload':'1'}]");
    take("from", "payload", "[{'payload':'2'}]");
}
END_TEST

START_TEST(impossible_moves_are_refused)
{
    move("{}", 400, NULL);
    move("{'destination_queue':'to','destination_exchange':''}", 400, NULL);
    move("{'destination_queue':'from'}", 400,
         "{'error':'bad_request','reason':'the destination is the queue itself'}");
    move("{'destination_queue':1}", 400, NULL);
    publish_some(1);
    move("{'destination_queue':'none'}", 404,
         "{\"error\":\"not_found\",\"reason\":\"no queue 'none' in vhost '/'\"}");
    expect(&api, "POST", "/api/queues/%2F/none/move", "{'destination_queue':'to'}", 404, NULL);
    expect(&api, "POST", "/api/queues/none/from/move", "{'destination_queue':'to'}", 404, NULL);
    take("from", "payload", "[{'payload':'0'}]");
}
END_TEST

START_TEST(both_rights_are_needed)
{
    static const char *const rights[][2] = {{"", ".*"}, {".*", ""}};
    char message[128];

    publish_some(1);
    access_set_user(api.world.broker->access, slice_str("ann"), slice_str("pw"),
                    slice_str("management"));
    for (size_t i = 0; i < ARRAY_LEN(rights); i++) {
        ck_assert_int_eq(access_set_permission(api.world.broker->access, slice_str("ann"),
                                               slice_str("/"), slice_str(""),
                                               slice_str(rights[i][0]), slice_str(rights[i][1]),
                                               message, sizeof(message)),
                         ERR_OK);
        api.credentials = "ann:pw";
        move("{'destination_queue':'to'}", 401, NULL);
        api.credentials = "guest:guest";
    }
    take("from", "payload", "[{'payload':'0'}]");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        messages_keep_order_properties_and_key,
        a_limit_is_kept,
        small_parts_move_all,
        an_exchange_routes_them_again,
        what_nobody_takes_stays,
        a_restart_finds_them_where_they_are,
        impossible_moves_are_refused,
        both_rights_are_needed,
    };
    return suite_run("api_move", setup, teardown, tests, ARRAY_LEN(tests));
}
