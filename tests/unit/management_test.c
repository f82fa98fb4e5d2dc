/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a request: routes, verbs, logins, rights; pages and columns; the node's own routes. */
#include "broker/access.h"
#include "management/route.h"
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

static void add_user(const char *name, const char *tags)
{
    access_set_user(api.world.broker->access, slice_str(name), slice_str("pw"), slice_str(tags));
}

static void permit(const char *name)
{
    char message[128];

    ck_assert_int_eq(access_set_permission(api.world.broker->access, slice_str(name),
                                           slice_str("/"), slice_str(".*"), slice_str(".*"),
                                           slice_str(".*"), message, sizeof(message)),
                     ERR_OK);
}

/* ---- paths and verbs ---- */

START_TEST(unknown_paths_are_not_found)
{
    static const char not_found[] = "{'error':'Object Not Found','reason':'Not Found'}";

    expect(&api, "GET", "/api/nosuch", NULL, 404, not_found);
    expect(&api, "GET", "/nosuch", NULL, 404, not_found);
    expect(&api, "GET", "/api/queues/%2F/q/x/y", NULL, 404, not_found);
    expect(&api, "GET", "/api/queues/%2", NULL, 400, NULL);
    expect(&api, "GET", "*", NULL, 400, NULL);
}
END_TEST

START_TEST(wrong_verbs_are_told_the_right_ones)
{
    expect(&api, "POST", "/api/overview", NULL, 405,
           "{'error':'method_not_allowed','reason':'this path knows HEAD, GET, OPTIONS'}");
    ck_assert_str_eq(answer_header(&api, "Allow"), "HEAD, GET, OPTIONS");
    api.credentials = NULL;
    expect(&api, "OPTIONS", "/api/queues/%2F/q", NULL, 200, "");
    ck_assert_str_eq(answer_header(&api, "Allow"), "HEAD, GET, PUT, DELETE, OPTIONS");
}
END_TEST

START_TEST(slash_at_the_end_does_not_matter)
{
    expect(&api, "GET", "/api/queues/", NULL, 200, "[]");
    expect(&api, "GET", "/api/queues/%2F/", NULL, 200, "[]");
    expect(&api, "HEAD", "/api/queues", NULL, 200, NULL);
}
END_TEST

START_TEST(pages_are_open_to_all)
{
    api.credentials = NULL;
    expect(&api, "GET", "/", NULL, 200, NULL);
    ck_assert_str_eq(api.response.content_type, "text/html; charset=utf-8");
    expect(&api, "GET", "/api/", NULL, 200, NULL);
    ck_assert_ptr_nonnull(strstr(answer(&api), "/api/queues/{vhost}/{queue}"));
}
END_TEST

START_TEST(every_route_has_help_and_answers_something)
{
    const struct route *route;

    for (size_t i = 0; (route = route_at(i)); i++) {
        ck_assert_msg(*route->help, "%s", route->pattern);
        /* Captures are names of nothing. */
        int status = ask(&api, route->method, route->pattern, NULL);
        ck_assert_msg(status >= 200 && status != 500 && status <= 503, "%s %s: %d", route->method,
                      route->pattern, status);
    }
}
END_TEST

/* ---- logins ---- */

START_TEST(without_credentials_the_challenge)
{
    api.credentials = NULL;
    expect(&api, "GET", "/api/overview", NULL, 401,
           "{'error':'not_authorized','reason':'Not_Authorized'}");
    ck_assert_str_eq(answer_header(&api, "WWW-Authenticate"),
                     "Basic realm=\"RabbitMQ Management\"");
}
END_TEST

START_TEST(wrong_password_is_refused)
{
    static const char refused[] = "{'error':'not_authorized','reason':'Not_Authorized'}";

    api.credentials = "guest:wrong";
    expect(&api, "GET", "/api/overview", NULL, 401, refused);
    ck_assert_ptr_nonnull(answer_header(&api, "WWW-Authenticate"));
    api.credentials = "nobody:guest";
    expect(&api, "GET", "/api/overview", NULL, 401, refused);
    api.credentials = "guest:";
    expect(&api, "GET", "/api/overview", NULL, 401, refused);
}
END_TEST

START_TEST(guest_comes_from_this_machine_only)
{
    api.remote = true;
    expect(&api, "GET", "/api/overview", NULL, 401,
           "{'error':'not_authorised','reason':'User can only log in via localhost'}");
}
END_TEST

START_TEST(tags_open_their_routes)
{
    add_user("none", "own");
    add_user("manager", "management");
    add_user("watcher", "monitoring");
    api.credentials = "none:pw";
    expect(&api, "GET", "/api/whoami", NULL, 401,
           "{'error':'not_authorised','reason':'Not management user'}");
    api.credentials = "manager:pw";
    expect(&api, "GET", "/api/whoami", NULL, 200, "{'name':'manager','tags':['management']}");
    expect(&api, "GET", "/api/nodes", NULL, 401,
           "{'error':'not_authorised','reason':'Not monitor user'}");
    expect(&api, "GET", "/api/users", NULL, 401,
           "{'error':'not_authorised','reason':'Not administrator user'}");
    expect(&api, "GET", "/api/parameters", NULL, 401,
           "{'error':'not_authorised','reason':'User not authorised to access object'}");
    api.credentials = "watcher:pw";
    expect(&api, "GET", "/api/nodes", NULL, 200, NULL);
    expect(&api, "GET", "/api/users", NULL, 401, NULL);
}
END_TEST

START_TEST(virtual_hosts_are_seen_by_those_who_may)
{
    add_user("manager", "management");
    add_user("watcher", "monitoring");
    api.credentials = "manager:pw";
    expect(&api, "GET", "/api/queues/%2F", NULL, 401,
           "{'error':'not_authorised','reason':'User not authorised to access virtual host'}");
    expect(&api, "GET", "/api/vhosts", NULL, 200, "[]");
    expect(&api, "GET", "/api/exchanges", NULL, 200, "[]");
    permit("manager");
    expect(&api, "GET", "/api/queues/%2F", NULL, 200, "[]");
    expect(&api, "GET", "/api/vhosts?columns=name", NULL, 200, "[{'name':'/'}]");
    api.credentials = "watcher:pw";
    expect(&api, "GET", "/api/vhosts?columns=name", NULL, 200, "[{'name':'/'}]");
    expect(&api, "GET", "/api/queues", NULL, 200, "[]");
    expect(&api, "GET", "/api/queues/%2F", NULL, 401, NULL);
    expect(&api, "PUT", "/api/queues/%2F/q", "{}", 401, NULL);
    expect(&api, "GET", "/api/queues/nosuch", NULL, 404, NULL);
}
END_TEST

/* ---- bodies ---- */

START_TEST(bodies_must_be_objects)
{
    expect(&api, "PUT", "/api/queues/%2F/q", "{bad", 400,
           "{'error':'bad_request','reason':'not_json'}");
    expect(&api, "PUT", "/api/queues/%2F/q", "[]", 400,
           "{'error':'bad_request','reason':'not_json'}");
    expect(&api, "PUT", "/api/queues/%2F/q", "'text'", 400, NULL);
    expect(&api, "PUT", "/api/queues/%2F/q", "null", 201, "");
    expect(&api, "PUT", "/api/queues/%2F/q", NULL, 204, "");
}
END_TEST

/* ---- lists ---- */

static void declare_queues(void)
{
    static const char *const names[] = {"beta", "alpha", "gamma", "Delta"};
    char target[64];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(target, sizeof(target), "/api/queues/%%2F/%s", names[i]);
        expect(&api, "PUT", target, "{'auto_delete':false}", 201, "");
    }
}

START_TEST(lists_are_sorted)
{
    declare_queues();
    expect(&api, "GET", "/api/queues?columns=name", NULL, 200,
           "[{'name':'Delta'},{'name':'alpha'},{'name':'beta'},{'name':'gamma'}]");
    expect(&api, "GET", "/api/queues?columns=name&sort=name&sort_reverse=true", NULL, 200,
           "[{'name':'gamma'},{'name':'beta'},{'name':'alpha'},{'name':'Delta'}]");
    publish(client_channel(client_open(&api.world, 'a'), 1), "", "alpha", "x");
    expect(&api, "GET", "/api/queues?columns=name&sort=messages&sort_reverse=true", NULL, 200,
           "[{'name':'alpha'},{'name':'gamma'},{'name':'beta'},{'name':'Delta'}]");
}
END_TEST

START_TEST(lists_are_paged_and_filtered)
{
    declare_queues();
    expect(&api, "GET", "/api/queues?columns=name&page=1&page_size=3", NULL, 200,
           "{'filtered_count':4,'item_count':3,'page':1,'page_count':2,'page_size':3,"
           "'total_count':4,'items':[{'name':'Delta'},{'name':'alpha'},{'name':'beta'}]}");
    expect(&api, "GET", "/api/queues?columns=name&page=2&page_size=3&sort=messages", NULL, 200,
           "{'filtered_count':4,'item_count':1,'page':2,'page_count':2,'page_size':3,"
           "'total_count':4,'items':[{'name':'gamma'}]}");
    expect(&api, "GET", "/api/queues?columns=name&page=1&name=ELT", NULL, 200,
           "{'filtered_count':1,'item_count':1,'page':1,'page_count':1,'page_size':100,"
           "'total_count':4,'items':[{'name':'Delta'}]}");
    expect(&api, "GET", "/api/queues?columns=name&page=1&name=%5E.e&use_regex=true", NULL, 200,
           "{'filtered_count':2,'item_count':2,'page':1,'page_count':1,'page_size':100,"
           "'total_count':4,'items':[{'name':'Delta'},{'name':'beta'}]}");
}
END_TEST

START_TEST(impossible_pages_are_refused)
{
    declare_queues();
    expect(&api, "GET", "/api/queues?page=9", NULL, 400,
           "{'error':'page_out_of_range','reason':'Page out of range, page: 9 page size: 100, len: "
           "4'}");
    expect(&api, "GET", "/api/queues?page=x", NULL, 400,
           "{'error':'bad_request','reason':'Pagination parameters are invalid'}");
    expect(&api, "GET", "/api/queues?page=1&name=(&use_regex=true", NULL, 400,
           "{'error':'bad_request','reason':'Pagination parameters are invalid'}");
    expect(&api, "GET", "/api/queues?page=1&page_size=9999", NULL, 400,
           "{'error':'invalid_pagination_parameters','reason':'Invalid pagination parameters: page "
           "number 1, page size 9999'}");
    expect(&api, "GET", "/api/queues?page=9223372036854775807&page_size=500", NULL, 400, NULL);
    expect(&api, "GET", "/api/vhosts/?page=1&page_size=1&columns=name", NULL, 200,
           "{'filtered_count':1,'item_count':1,'page':1,'page_count':1,'page_size':1,"
           "'total_count':1,'items':[{'name':'/'}]}");
}
END_TEST

START_TEST(columns_reach_below)
{
    expect(&api, "GET", "/api/overview?columns=object_totals.queues,queue_totals", NULL, 200,
           "{'object_totals':{'queues':0},'queue_totals':{'messages':0,'messages_details':"
           "{'rate':0.0},'messages_ready':0,'messages_ready_details':{'rate':0.0},"
           "'messages_unacknowledged':0,'messages_unacknowledged_details':{'rate':0.0}}}");
}
END_TEST

/* ---- the node ---- */

static void tell_node(void *context, struct node_facts *facts)
{
    (void)context;
    facts->pid = 42;
    facts->memory_used = 1000;
    facts->disk_free_limit = 0;
}

static size_t tell_listeners(void *context, struct listener_facts *facts, size_t most)
{
    (void)context;
    ck_assert_uint_ge(most, 1);
    facts[0] = (struct listener_facts){.protocol = "amqp", .address = "::", .port = 5672};
    return 1;
}

static void with_host(void)
{
    api_close(&api);
    api = (struct api){.host = {.node = tell_node, .listeners = tell_listeners}};
    api_open(&api);
}

START_TEST(node_tells_what_the_host_knows)
{
    with_host();
    expect(&api, "GET",
           "/api/nodes/rabbit@localhost?columns=name,os_pid,mem_used,fd_used,disk_free_limit", NULL,
           200, "{'name':'rabbit@localhost','os_pid':'42','mem_used':1000,'disk_free_limit':0}");
    expect(&api, "GET", "/api/nodes/other", NULL, 404, NULL);
    expect(&api, "GET", "/api/overview?columns=listeners,product_name,product_version", NULL, 200,
           "{'product_name':'Bilby','product_version':'9.9.9','listeners':[{'node':"
           "'rabbit@localhost','protocol':'amqp','ip_address':'::','port':5672}]}");
}
END_TEST

START_TEST(listeners_are_checked)
{
    with_host();
    expect(&api, "GET", "/api/health/checks/port-listener/5672", NULL, 200,
           "{'status':'ok','port':5672}");
    expect(&api, "GET", "/api/health/checks/port-listener/1", NULL, 503,
           "{'status':'failed','reason':'No active listener','missing':1,'ports':[5672]}");
    expect(&api, "GET", "/api/health/checks/port-listener/x", NULL, 400, NULL);
    expect(&api, "GET", "/api/health/checks/protocol-listener/mqtt,amqp091", NULL, 200,
           "{'status':'ok','protocol':'amqp'}");
    expect(&api, "GET", "/api/health/checks/protocol-listener/mqtt", NULL, 503,
           "{'status':'failed','reason':'No active listener','missing':'mqtt','protocols':"
           "['amqp']}");
}
END_TEST

START_TEST(alarms_fail_the_check)
{
    expect(&api, "GET", "/api/health/checks/alarms", NULL, 200, "{'status':'ok'}");
    broker_set_alarm(api.world.broker, ALARM_DISK, true);
    expect(&api, "GET", "/api/health/checks/local-alarms", NULL, 503,
           "{'status':'failed','reason':'There are alarms in effect in the cluster','alarms':"
           "[{'node':'rabbit@localhost','resource':'disk'}]}");
    broker_set_alarm(api.world.broker, ALARM_DISK, false);
    expect(&api, "GET", "/api/health/checks/local-alarms", NULL, 200, "{'status':'ok'}");
}
END_TEST

START_TEST(aliveness_sends_a_message_through)
{
    expect(&api, "GET", "/api/aliveness-test/%2F", NULL, 200, "{'status':'ok'}");
    expect(&api, "GET", "/api/queues/%2F/aliveness-test?columns=messages,consumers", NULL, 200,
           "{'consumers':0,'messages':0}");
    expect(&api, "GET", "/api/aliveness-test/none", NULL, 404, NULL);
}
END_TEST

START_TEST(cluster_name_is_kept)
{
    expect(&api, "GET", "/api/cluster-name", NULL, 200, "{'name':'rabbit@localhost'}");
    expect(&api, "PUT", "/api/cluster-name", "{}", 400,
           "{'error':'bad_request','reason':'[{key_missing,name}]'}");
    expect(&api, "PUT", "/api/cluster-name", "{'name':'home'}", 204, "");
    expect(&api, "GET", "/api/cluster-name", NULL, 200, "{'name':'home'}");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        unknown_paths_are_not_found,
        wrong_verbs_are_told_the_right_ones,
        slash_at_the_end_does_not_matter,
        pages_are_open_to_all,
        every_route_has_help_and_answers_something,
        without_credentials_the_challenge,
        wrong_password_is_refused,
        guest_comes_from_this_machine_only,
        tags_open_their_routes,
        virtual_hosts_are_seen_by_those_who_may,
        bodies_must_be_objects,
        lists_are_sorted,
        lists_are_paged_and_filtered,
        impossible_pages_are_refused,
        columns_reach_below,
        node_tells_what_the_host_knows,
        listeners_are_checked,
        alarms_fail_the_check,
        aliveness_sends_a_message_through,
        cluster_name_is_kept,
    };
    return suite_run("management", setup, teardown, tests, ARRAY_LEN(tests));
}
