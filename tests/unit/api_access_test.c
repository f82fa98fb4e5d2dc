/* SPDX-License-Identifier: Apache-2.0 */
/* The API's users, permissions, virtual hosts and limits. */
#include "broker/access.h"
#include "tests/support/api_fixture.h"
#include "tests/support/suite.h"

#define TEST12 "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR" /* RabbitMQ's documented hash */

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

/* ---- users ---- */

START_TEST(users_are_made_changed_and_deleted)
{
    expect(&api, "PUT", "/api/users/u1", "{'password':'pw','tags':'management'}", 201, "");
    expect(&api, "PUT", "/api/users/u1", "{'password':'pw','tags':['management','own']}", 204, "");
    expect(&api, "GET", "/api/users/u1?columns=name,tags,limits,hashing_algorithm", NULL, 200,
           "{'name':'u1','hashing_algorithm':'rabbit_password_hashing_sha256',"
           "'tags':['management','own'],'limits':{}}");
    api.credentials = "u1:pw";
    expect(&api, "GET", "/api/whoami", NULL, 200, "{'name':'u1','tags':['management','own']}");
    api.credentials = "guest:guest";
    expect(&api, "GET", "/api/users?columns=name", NULL, 200, "[{'name':'guest'},{'name':'u1'}]");
    expect(&api, "GET", "/api/users/without-permissions?columns=name", NULL, 200,
           "[{'name':'u1'}]");
    expect(&api, "DELETE", "/api/users/u1", NULL, 204, "");
    expect(&api, "DELETE", "/api/users/u1", NULL, 404, NULL);
    expect(&api, "GET", "/api/users/u1", NULL, 404, NULL);
}
END_TEST

START_TEST(hashes_are_taken_over)
{
    expect(&api, "PUT", "/api/users/u", "{'password_hash':'" TEST12 "','tags':'administrator'}",
           201, "");
    api.credentials = "u:test12";
    expect(&api, "GET", "/api/users/u?columns=password_hash", NULL, 200,
           "{'password_hash':'" TEST12 "'}");
    expect(&api, "PUT", "/api/users/u", "{'password_hash':'','tags':''}", 204, "");
    expect(&api, "GET", "/api/users/u", NULL, 401, NULL);
}
END_TEST

START_TEST(unusable_users_are_refused)
{
    expect(&api, "PUT", "/api/users/u", "{'password':'pw'}", 400,
           "{'error':'bad_request','reason':'tags_not_present'}");
    expect(&api, "PUT", "/api/users/u", "{'password':'a','password_hash':'b','tags':''}", 400,
           "{'error':'bad_request','reason':'both_password_and_password_hash_are_provided'}");
    expect(&api, "PUT", "/api/users/u", "{'password_hash':'xx','tags':''}", 400,
           "{'error':'bad_request','reason':['not_base64','xx']}");
    expect(&api, "PUT", "/api/users/u", "{'password_hash':'Zm9v','tags':''}", 400,
           "{'error':'bad_request','reason':['not_a_password_hash','Zm9v']}");
    expect(&api, "PUT", "/api/users/u", "{'password':5,'tags':''}", 400, NULL);
    expect(&api, "PUT", "/api/users/u", "{'password':'x','tags':[1]}", 400, NULL);
    expect(&api, "GET", "/api/users/u", NULL, 404, NULL);
}
END_TEST

START_TEST(several_users_are_deleted_at_once_or_none)
{
    expect(&api, "PUT", "/api/users/a", "{'password':'x','tags':''}", 201, "");
    expect(&api, "PUT", "/api/users/b", "{'password':'x','tags':''}", 201, "");
    expect(&api, "POST", "/api/users/bulk-delete", "{'users':['a','nosuch']}", 400,
           "{'error':'bad_request','reason':['no_such_user','nosuch']}");
    expect(&api, "GET", "/api/users/a", NULL, 200, NULL);
    expect(&api, "POST", "/api/users/bulk-delete", "{'x':1}", 400,
           "{'error':'bad_request','reason':'[{key_missing,users}]'}");
    expect(&api, "POST", "/api/users/bulk-delete", "{'users':['a','b']}", 204, "");
    expect(&api, "GET", "/api/users?columns=name", NULL, 200, "[{'name':'guest'}]");
}
END_TEST

START_TEST(deleting_oneself_is_possible)
{
    expect(&api, "PUT", "/api/users/u", "{'password':'x','tags':'administrator'}", 201, "");
    api.credentials = "u:x";
    expect(&api, "DELETE", "/api/users/u", NULL, 204, "");
    expect(&api, "GET", "/api/users", NULL, 401, NULL);
}
END_TEST

START_TEST(user_limits_are_set)
{
    expect(&api, "PUT", "/api/user-limits/guest/max-connections", "{'value':5}", 204, "");
    expect(&api, "GET", "/api/user-limits", NULL, 200,
           "[{'user':'guest','value':{'max-connections':5}}]");
    expect(&api, "GET", "/api/user-limits/guest", NULL, 200,
           "[{'user':'guest','value':{'max-connections':5}}]");
    expect(&api, "PUT", "/api/user-limits/guest/zork", "{'value':5}", 400,
           "{\"error\":\"bad_request\",\"reason\":\"Unrecognised terms [{<<\\\"zork\\\">>,5}] in "
           "user-limits\"}");
    expect(&api, "PUT", "/api/user-limits/guest/max-connections", "{'value':false}", 400,
           "{'error':'bad_request','reason':'max-connections should be a number, actually was "
           "false'}");
    expect(&api, "PUT", "/api/user-limits/zz/max-connections", "{'value':5}", 400,
           "{'error':'bad_request','reason':['no_such_user','zz']}");
    expect(&api, "DELETE", "/api/user-limits/guest/max-connections", NULL, 204, "");
    expect(&api, "GET", "/api/user-limits/guest", NULL, 200, "[]");
    expect(&api, "GET", "/api/user-limits/zz", NULL, 404, NULL);
}
END_TEST

/* ---- permissions ---- */

#define PERMISSION "{'user':'u','vhost':'/','configure':'^x','write':'','read':'.*'}"

START_TEST(permissions_are_set_read_and_cleared)
{
    expect(&api, "PUT", "/api/users/u", "{'password':'x','tags':''}", 201, "");
    expect(&api, "PUT", "/api/permissions/%2F/u", "{'configure':'^x','write':'','read':'.*'}", 201,
           "");
    expect(&api, "PUT", "/api/permissions/%2F/u", "{'configure':'^x','write':'','read':'.*'}", 204,
           "");
    expect(&api, "GET", "/api/permissions/%2F/u", NULL, 200, PERMISSION);
    expect(&api, "GET", "/api/users/u/permissions", NULL, 200, "[" PERMISSION "]");
    expect(&api, "GET", "/api/vhosts/%2F/permissions?columns=user", NULL, 200,
           "[{'user':'guest'},{'user':'u'}]");
    expect(&api, "GET", "/api/permissions?columns=user", NULL, 200,
           "[{'user':'guest'},{'user':'u'}]");
    expect(&api, "DELETE", "/api/permissions/%2F/u", NULL, 204, "");
    expect(&api, "DELETE", "/api/permissions/%2F/u", NULL, 404, NULL);
    expect(&api, "GET", "/api/permissions/%2F/u", NULL, 404, NULL);
}
END_TEST

START_TEST(unusable_permissions_are_refused)
{
    static const char body[] = "{'configure':'^x','write':'.*','read':'.*'}";

    expect(&api, "PUT", "/api/permissions/%2F/guest", "{'configure':'^x'}", 400,
           "{'error':'bad_request','reason':'[{key_missing,write},{key_missing,read}]'}");
    expect(&api, "PUT", "/api/permissions/%2F/guest", "{'configure':'(','write':'','read':''}", 400,
           "{'error':'bad_request','reason':['invalid_regexp','missing closing parenthesis at "
           "offset 1']}");
    expect(&api, "PUT", "/api/permissions/%2F/zz", body, 400,
           "{'error':'bad_request','reason':'vhost_or_user_not_found'}");
    expect(&api, "PUT", "/api/permissions/zz/guest", body, 400,
           "{'error':'bad_request','reason':'vhost_or_user_not_found'}");
    expect(&api, "PUT", "/api/permissions/%2F/guest", "{'configure':1,'write':'','read':''}", 400,
           NULL);
}
END_TEST

#define TOPIC "{'user':'guest','vhost':'/','exchange':'amq.topic','write':'^a','read':'.*'}"

START_TEST(topic_permissions_are_set_read_and_cleared)
{
    static const char body[] = "{'exchange':'amq.topic','write':'^a','read':'.*'}";

    expect(&api, "PUT", "/api/topic-permissions/%2F/guest", body, 201, "");
    expect(&api, "PUT", "/api/topic-permissions/%2F/guest", body, 204, "");
    expect(&api, "PUT", "/api/topic-permissions/%2F/guest",
           "{'exchange':'amq.headers','write':'^b','read':'.*'}", 201, "");
    expect(&api, "GET", "/api/topic-permissions/%2F/guest/amq.topic", NULL, 200, "[" TOPIC "]");
    expect(&api, "GET", "/api/topic-permissions?columns=exchange", NULL, 200,
           "[{'exchange':'amq.headers'},{'exchange':'amq.topic'}]");
    expect(&api, "GET", "/api/users/guest/topic-permissions?columns=exchange", NULL, 200,
           "[{'exchange':'amq.headers'},{'exchange':'amq.topic'}]");
    expect(&api, "DELETE", "/api/topic-permissions/%2F/guest/amq.headers", NULL, 204, "");
    expect(&api, "GET", "/api/vhosts/%2F/topic-permissions", NULL, 200, "[" TOPIC "]");
    expect(&api, "DELETE", "/api/topic-permissions/%2F/guest", NULL, 204, "");
    expect(&api, "DELETE", "/api/topic-permissions/%2F/guest", NULL, 404, NULL);
}
END_TEST

/* ---- virtual hosts ---- */

START_TEST(virtual_hosts_are_made_changed_and_deleted)
{
    expect(&api, "PUT", "/api/vhosts/v1", NULL, 201, "");
    expect(&api, "PUT", "/api/vhosts/v1",
           "{'description':'d','tags':'a,b','default_queue_type':'quorum','tracing':true}", 204,
           "");
    expect(&api, "GET",
           "/api/vhosts/v1?columns=name,description,tags,default_queue_type,tracing,metadata", NULL,
           200,
           "{'name':'v1','description':'d','tags':['a','b'],'default_queue_type':'quorum',"
           "'tracing':true,'metadata':{'description':'d','tags':['a','b'],'default_queue_type':"
           "'quorum'}}");
    /* Who made it may do everything in it. */
    expect(&api, "GET", "/api/permissions/v1/guest?columns=configure", NULL, 200,
           "{'configure':'.*'}");
    expect(&api, "PUT", "/api/queues/v1/q", "{'durable':true}", 201, "");
    expect(&api, "GET", "/api/queues/v1/q?columns=type", NULL, 200, "{'type':'quorum'}");
    expect(&api, "DELETE", "/api/vhosts/v1", NULL, 204, "");
    expect(&api, "DELETE", "/api/vhosts/v1", NULL, 404, NULL);
    expect(&api, "GET", "/api/permissions/v1/guest", NULL, 404, NULL);
}
END_TEST

START_TEST(unusable_virtual_hosts_are_refused)
{
    expect(&api, "PUT", "/api/vhosts/v", "{'default_queue_type':'zork'}", 400,
           "{'error':'bad_request','reason':'Unsupported default queue type: zork'}");
    expect(&api, "PUT", "/api/vhosts/v", "{'tracing':'maybe'}", 400,
           "{'error':'bad_request','reason':['not_boolean','maybe']}");
    expect(&api, "PUT", "/api/vhosts/v", "{'description':1}", 400, NULL);
    expect(&api, "GET", "/api/vhosts/v", NULL, 404, NULL);
}
END_TEST

START_TEST(virtual_host_limits_are_set)
{
    expect(&api, "PUT", "/api/vhost-limits/%2F/max-queues", "{'value':1}", 204, "");
    expect(&api, "GET", "/api/vhost-limits", NULL, 200, "[{'vhost':'/','value':{'max-queues':1}}]");
    expect(&api, "PUT", "/api/queues/%2F/q1", NULL, 201, "");
    expect(&api, "PUT", "/api/queues/%2F/q2", NULL, 400,
           "{\"error\":\"bad_request\",\"reason\":\"cannot declare queue 'q2': queue limit in "
           "vhost '/' (1) is reached\"}");
    expect(&api, "PUT", "/api/vhost-limits/%2F/zork", "{'value':5}", 400, NULL);
    expect(&api, "PUT", "/api/vhost-limits/%2F/max-queues", "{'value':[true]}", 400,
           "{'error':'bad_request','reason':'Validation failed\\n\\nmax-queues should be a number, "
           "actually was [true]\\n'}");
    expect(&api, "PUT", "/api/vhost-limits/%2F/max-queues", "{}", 400,
           "{'error':'bad_request','reason':'[{key_missing,value}]'}");
    expect(&api, "PUT", "/api/vhost-limits/zz/max-queues", "{'value':5}", 404,
           "{'error':'not_found','reason':'vhost_not_found'}");
    expect(&api, "DELETE", "/api/vhost-limits/%2F/max-queues", NULL, 204, "");
    expect(&api, "GET", "/api/vhost-limits/%2F", NULL, 200, "[]");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        users_are_made_changed_and_deleted,
        hashes_are_taken_over,
        unusable_users_are_refused,
        several_users_are_deleted_at_once_or_none,
        deleting_oneself_is_possible,
        user_limits_are_set,
        permissions_are_set_read_and_cleared,
        unusable_permissions_are_refused,
        topic_permissions_are_set_read_and_cleared,
        virtual_hosts_are_made_changed_and_deleted,
        unusable_virtual_hosts_are_refused,
        virtual_host_limits_are_set,
    };
    return suite_run("api_access", setup, teardown, tests, ARRAY_LEN(tests));
}
