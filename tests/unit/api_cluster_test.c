/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of clusters, of logins and of features; certificates and protected virtual hosts. */
#include "broker/queue.h"
#include "broker/vhost.h"
#include "tests/support/api_fixture.h"
#include "tests/support/suite.h"

#include <stdio.h>

static struct api api;
static int64_t certificate_expires_s; /* of the fixture's only listener */

static size_t tell_listeners(void *context, struct listener_facts *facts, size_t most)
{
    (void)context;
    (void)most;
    facts[0] = (struct listener_facts){.protocol = "amqp/ssl", .address = "::", .port = 5671};
    facts[0].certificate_expires_s = certificate_expires_s;
    return 1;
}

static void tell_node(void *context, struct node_facts *facts)
{
    (void)context;
    facts->memory_used = 1000;
}

static void setup(void)
{
    api = (struct api){.host = {.node = tell_node, .listeners = tell_listeners}};
    api_open(&api);
}

static void teardown(void)
{
    api_close(&api);
}

/* The path with %s replaced by the node's name. */
static const char *of_node(const char *format)
{
    static char path[128];
    const char *name = api.world.broker->options.node_name;
    const char *hole = strstr(format, "%s");

    snprintf(path, sizeof(path), "%.*s%s%s", (int)(hole - format), format, name, hole + 2);
    return path;
}

/* ---- logins ---- */

START_TEST(forms_log_in)
{
    api.credentials = NULL;
    expect(&api, "GET", "/api/auth", NULL, 200,
           "{'oauth_enabled':false,'oauth_client_id':'','oauth_provider_url':''}");
    expect(&api, "POST", "/api/login", "username=guest&password=guest", 200, "\"ok\"");
    ck_assert_ptr_null(answer_header(&api, "Set-Cookie"));
    expect(&api, "POST", "/api/login", "username=guest&password=wrong", 401,
           "{'error':'not_authorized','reason':'Not_Authorized'}");
    expect(&api, "POST", "/api/login", "username=guest", 401, NULL);
    expect(&api, "POST", "/api/login", NULL, 401, NULL);
}
END_TEST

START_TEST(forms_need_a_tag)
{
    expect(&api, "PUT", "/api/users/u", "{'password':'p w&x','tags':''}", 201, "");
    expect(&api, "POST", "/api/login", "username=u&password=p+w%26x", 401,
           "{'error':'not_authorised','reason':'Not management user'}");
    expect(&api, "PUT", "/api/users/u", "{'password':'p w&x','tags':'management'}", 204, "");
    expect(&api, "POST", "/api/login", "username=u&password=p+w%26x", 200, NULL);
}
END_TEST

START_TEST(attempts_are_counted)
{
    api.credentials = "guest:wrong";
    expect(&api, "GET", "/api/whoami", NULL, 401, NULL);
    api.credentials = "guest:guest";
    api.world.broker->logins = (struct login_counts){.succeeded = 5, .failed = 2};
    expect(&api, "GET", of_node("/api/auth/attempts/%s"), NULL, 200,
           "[{'protocol':'amqp091','auth_attempts':7,'auth_attempts_failed':2,"
           "'auth_attempts_succeeded':5},{'protocol':'http','auth_attempts':2,"
           "'auth_attempts_failed':1,'auth_attempts_succeeded':1}]");
    expect(&api, "GET", of_node("/api/auth/attempts/%s/source"), NULL, 200, "[]");
    expect(&api, "GET", "/api/auth/attempts/nosuch", NULL, 404, NULL);
    expect(&api, "DELETE", of_node("/api/auth/attempts/%s"), NULL, 204, "");
    ck_assert_uint_eq(api.world.broker->logins.succeeded, 0);
    expect(&api, "DELETE", "/api/auth/attempts/nosuch/source", NULL, 404, NULL);
}
END_TEST

/* ---- features ---- */

START_TEST(feature_flags_are_fixed)
{
    expect(&api, "GET", "/api/feature-flags?columns=name,state&sort=name", NULL, 200, NULL);
    ck_assert_ptr_nonnull(
        strstr(answer(&api), "{\"name\":\"quorum_queue\",\"state\":\"enabled\"}"));
    ck_assert_ptr_nonnull(
        strstr(answer(&api), "{\"name\":\"stream_queue\",\"state\":\"unavailable\"}"));
    expect(&api, "PUT", "/api/feature-flags/quorum_queue/enable", "{}", 204, "");
    expect(&api, "PUT", "/api/feature-flags/stream_queue/enable", "{}", 400,
           "{'error':'bad_request','reason':'unsupported'}");
    expect(&api, "PUT", "/api/feature-flags/nosuch/enable", "{}", 400, NULL);
}
END_TEST

START_TEST(deprecated_features_are_used_or_not)
{
    const char *used = "/api/deprecated-features/used?columns=name,state";

    expect(&api, "GET", "/api/deprecated-features?columns=name", NULL, 200,
           "[{'name':'global_qos'},{'name':'management_metrics_collection'},"
           "{'name':'transient_nonexcl_queues'}]");
    expect(&api, "GET", used, NULL, 200,
           "[{'name':'management_metrics_collection','state':'permitted'}]");
    expect(&api, "PUT", "/api/queues/%2F/q", "{'durable':false}", 201, "");
    expect(&api, "GET", used, NULL, 200,
           "[{'name':'management_metrics_collection','state':'permitted'},"
           "{'name':'transient_nonexcl_queues','state':'permitted'}]");
}
END_TEST

/* ---- a cluster of one ---- */

START_TEST(nothing_is_left_to_do_for_a_single_node)
{
    expect(&api, "POST", "/api/rebalance/queues", NULL, 204, "");
    expect(&api, "POST", of_node("/api/vhosts/%2F/start/%s"), NULL, 204, "");
    expect(&api, "POST", "/api/vhosts/%2F/start/nosuch", NULL, 400,
           "{'error':'bad_request','reason':'Request to node nosuch failed with nodedown'}");
    expect(&api, "POST", of_node("/api/vhosts/nosuch/start/%s"), NULL, 400, NULL);
    expect(&api, "GET", of_node("/api/healthchecks/node/%s"), NULL, 200, "{'status':'ok'}");
    expect(&api, "GET", "/api/healthchecks/node/nosuch", NULL, 404, NULL);
}
END_TEST

START_TEST(actions_on_queues)
{
    const char *path = "/api/queues/%2F/q/actions";

    expect(&api, "POST", path, "{'action':'sync'}", 404, NULL);
    expect(&api, "PUT", "/api/queues/%2F/q", "{}", 201, "");
    expect(&api, "POST", path, "{'action':'sync'}", 204, "");
    expect(&api, "POST", path, "{'action':'cancel_sync'}", 204, "");
    expect(&api, "POST", path, "{'action':'jump'}", 400,
           "{'error':'bad_request','reason':['unknown','jump']}");
    expect(&api, "POST", path, "{}", 400,
           "{'error':'bad_request','reason':'[{key_missing,action}]'}");
}
END_TEST

START_TEST(memory_is_broken_down)
{
    api.world.broker->message_bytes = 250;
    expect(&api, "GET", of_node("/api/nodes/%s/memory"), NULL, 200,
           "{'memory':{'binary':250,'other_system':750,'strategy':'rss','total':{'rss':1000,"
           "'allocated':1000}}}");
    expect(&api, "GET", of_node("/api/nodes/%s/memory/relative"), NULL, 200,
           "{'memory':{'binary':25,'other_system':75,'total':100}}");
    api.world.broker->message_bytes = 0;
    expect(&api, "GET", of_node("/api/nodes/%s/memory/ets/x/relative"), NULL, 200,
           "{'ets_tables_memory':'no_tables'}");
    expect(&api, "GET", "/api/nodes/nosuch/memory", NULL, 404, NULL);
}
END_TEST

START_TEST(the_past_is_forgotten)
{
    const struct broker *broker = api.world.broker;
    struct queue *queue;

    expect(&api, "PUT", "/api/queues/%2F/q", "{}", 201, "");
    expect(&api, "POST", "/api/exchanges/%2F/amq.default/publish",
           "{'properties':{},'routing_key':'q','payload':'x','payload_encoding':'string'}", 200,
           NULL);
    queue = queue_find(vhost_find(api.world.broker, slice_str("/")), slice_str("q"));
    ck_assert(!management_sample(api.management, broker->now_ms, 5000, 1000));
    ck_assert_ptr_nonnull(queue->history);
    expect(&api, "DELETE", "/api/reset", NULL, 204, "");
    ck_assert_ptr_null(queue->history);
    expect(&api, "GET", "/api/queues/%2F/q?columns=messages", NULL, 200, "{'messages':1}");
    ck_assert(!management_sample(api.management, broker->now_ms, 5000, 1000));
    ck_assert_ptr_nonnull(queue->history);
    expect(&api, "DELETE", of_node("/api/reset/%s"), NULL, 204, "");
    expect(&api, "DELETE", "/api/reset/nosuch", NULL, 404, NULL);
}
END_TEST

/* ---- health ---- */

static void expect_certificate(const char *within, int64_t in_days, int status)
{
    char path[128];

    certificate_expires_s = api.world.broker->wall_ms / 1000 + in_days * 86400;
    snprintf(path, sizeof(path), "/api/health/checks/certificate-expiration/%s", within);
    expect(&api, "GET", path, NULL, status, NULL);
}

START_TEST(certificates_that_end_are_told)
{
    expect_certificate("10/days", 11, 200);
    expect_certificate("10/days", 9, 503);
    ck_assert_ptr_nonnull(
        strstr(answer(&api), "\"reason\":\"Certificates expiring\",\"expired\":["));
    ck_assert_ptr_nonnull(strstr(answer(&api), "\"port\":5671"));
    expect_certificate("2/weeks", 13, 503);
    expect_certificate("2/weeks", 15, 200);
    expect_certificate("1/months", 30, 503);
    expect_certificate("1/months", 31, 200);
    expect_certificate("1/years", 364, 503);
    expect_certificate("9223372036854775807/years", 36500, 503);
    expect_certificate("99999999999999999999/days", 1, 400);
    expect_certificate("x/days", 1, 400);
    expect_certificate("1/moons", 1, 400);
    certificate_expires_s = 0; /* a listener without TLS */
    expect(&api, "GET", "/api/health/checks/certificate-expiration/1/years", NULL, 200, NULL);
}
END_TEST

START_TEST(connections_are_limited)
{
    const char *path = "/api/health/checks/below-node-connection-limit";

    api.world.broker->options.connections_max = 0;
    expect(&api, "GET", path, NULL, 200, "{'current':0,'limit':'infinity','status':'ok'}");
    api.world.broker->options.connections_max = 1;
    expect(&api, "GET", path, NULL, 200, "{'current':0,'limit':1,'status':'ok'}");
    api.world.broker->connection_count++;
    expect(&api, "GET", path, NULL, 503, NULL);
    api.world.broker->connection_count--;
}
END_TEST

/* ---- virtual hosts ---- */

START_TEST(protected_virtual_hosts_stay)
{
    const char *path = "/api/vhosts/v/deletion/protection";

    expect(&api, "POST", path, NULL, 404, NULL);
    expect(&api, "PUT", "/api/vhosts/v", "{'description':'d','tags':'a,b'}", 201, "");
    expect(&api, "POST", path, NULL, 204, "");
    expect(&api, "DELETE", "/api/vhosts/v", NULL, 412, NULL);
    expect(&api, "GET", "/api/vhosts/v?columns=description,tags,metadata", NULL, 200,
           "{'description':'d','tags':['a','b'],'metadata':{'description':'d','tags':['a','b'],"
           "'protected_from_deletion':true}}");
    expect(&api, "DELETE", path, NULL, 204, "");
    expect(&api, "DELETE", "/api/vhosts/v", NULL, 204, "");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        forms_log_in,
        forms_need_a_tag,
        attempts_are_counted,
        feature_flags_are_fixed,
        deprecated_features_are_used_or_not,
        nothing_is_left_to_do_for_a_single_node,
        actions_on_queues,
        memory_is_broken_down,
        the_past_is_forgotten,
        certificates_that_end_are_told,
        connections_are_limited,
        protected_virtual_hosts_stay,
    };
    return suite_run("api_cluster", setup, teardown, tests, ARRAY_LEN(tests));
}
