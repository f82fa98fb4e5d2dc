/* SPDX-License-Identifier: Apache-2.0 */
/* Explained routing over the API: the way, the near misses, what comes after. */
#include "base/mem.h"
#include "tests/support/api_fixture.h"
#include "tests/support/suite.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

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

/* ---- making things ---- */

static void put(const char *path, const char *body)
{
    ck_assert_int_eq(ask(&api, "PUT", path, body), 201);
}

static void exchange(const char *name, const char *body)
{
    char path[128];

    snprintf(path, sizeof(path), "/api/exchanges/%%2F/%s", name);
    put(path, body);
}

static void queue(const char *name, const char *body)
{
    char path[128];

    snprintf(path, sizeof(path), "/api/queues/%%2F/%s", name);
    put(path, body);
}

/* `to` is "q/name" or "e/name". */
static void bind(const char *from, const char *to, const char *body)
{
    char path[128];

    snprintf(path, sizeof(path), "/api/bindings/%%2F/e/%s/%s", from, to);
    ck_assert_int_eq(ask(&api, "POST", path, body), 201);
}

/* Asks for an explanation. */
static json_t *explained(const char *target)
{
    char path[512];

    snprintf(path, sizeof(path), "/api/exchanges/%%2F/%s", target);
    ck_assert_msg(ask(&api, "GET", path, NULL) == 200, "%s: %s", path, answer(&api));
    json_t *document = json_loads(answer(&api), 0, NULL);
    ck_assert_ptr_nonnull(document);
    return document;
}

/* A part of an answer, found by a path of keys and numbers: "exchanges.0.near". */
static const json_t *part(const json_t *value, const char *path)
{
    char *copy = slice_dup(slice_str(path));
    char *rest = copy;

    for (char *key; value && (key = strsep(&rest, "."));)
        value = json_is_array(value) ? json_array_get(value, strtoul(key, NULL, 10))
                                     : json_object_get(value, key);
    mem_free(copy);
    return value;
}

static void check(const json_t *document, const char *path, const char *expected)
{
    const json_t *found = part(document, path);

    ck_assert_msg(found, "%s is not there", path);
    char *text = json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT);
    char *wanted = slice_dup(slice_str(expected));
    for (char *at = wanted; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    ck_assert_str_eq(text, wanted);
    free(text);
    mem_free(wanted);
}

static bool says(const json_t *document, const char *path, const char *sentence)
{
    const json_t *sentences = part(document, path);
    size_t i;
    const json_t *text;

    json_array_foreach(sentences, i,
                       text) if (strcmp(json_string_value(text), sentence) == 0) return true;
    return false;
}

/* ---- the way ---- */

START_TEST(a_topic_tells_what_matched_and_what_nearly_did)
{
    exchange("x", "{'type':'topic'}");
    queue("eu", "{}");
    queue("us", "{}");
    bind("x", "q/eu", "{'routing_key':'orders.eu.*'}");
    bind("x", "q/us", "{'routing_key':'orders.us.*'}");
    bind("x", "q/us", "{'routing_key':'mail.#'}");
    json_t *answer = explained("x/explain?routing_key=orders.us.7");
    check(answer, "routed", "true");
    check(answer, "outcome", "'Routed to 1 queue.'");
    check(answer, "queues.0.name", "'us'");
    check(answer, "queues.0.path",
          "[{'source':'x','vhost':'/','destination':'us','destination_type':'queue','routing_key':"
          "'orders.us.*','arguments':{},'properties_key':'orders.us.%2A'}]");
    check(answer, "exchanges.0.reached_by", "null");
    check(answer, "exchanges.0.bindings", "3");
    check(answer, "exchanges.0.matched.0.routing_key", "'orders.us.*'");
    check(answer, "exchanges.0.near.0.reason", "'needs \\'eu\\' as word 2, the key has \\'us\\''");
    check(answer, "exchanges.0.near.1.routing_key", "'mail.#'");
    check(answer, "exchanges.0.alternate_exchange", "null");
    check(answer, "looked_at", "2");
    check(answer, "looked_at_all", "true");
    json_decref(answer);
}
END_TEST

START_TEST(the_way_leads_over_exchanges_and_alternates)
{
    exchange("first", "{'type':'direct','arguments':{'alternate-exchange':'second'}}");
    exchange("second", "{'type':'fanout','internal':true}");
    exchange("third", "{'type':'fanout'}");
    queue("q", "{}");
    bind("first", "q/q", "{'routing_key':'other'}");
    bind("second", "e/third", "{}");
    bind("third", "q/q", "{'routing_key':'k'}");
    json_t *answer = explained("first/explain?routing_key=none");
    check(answer, "exchange_count", "3");
    check(answer, "exchanges.0.alternate_exchange", "'second'");
    check(answer, "exchanges.0.alternate_used", "true");
    check(answer, "exchanges.0.near.0.reason",
          "'needs the key \\'other\\', the message has \\'none\\''");
    check(answer, "exchanges.1.name", "'second'");
    check(answer, "exchanges.1.internal", "true");
    check(answer, "exchanges.1.reached_by", "'alternate'");
    check(answer, "exchanges.2.reached_by.source", "'second'");
    check(answer, "queues.0.path.0.source", "'second'");
    check(answer, "queues.0.path.1.source", "'third'");
    json_decref(answer);
    answer = explained("first/explain?routing_key=other");
    check(answer, "exchange_count", "1");
    check(answer, "exchanges.0.alternate_used", "false");
    json_decref(answer);
}
END_TEST

START_TEST(the_default_exchange_finds_by_name)
{
    queue("q", "{}");
    json_t *answer = explained("amq.default/explain?routing_key=q");
    check(answer, "exchange", "''");
    check(answer, "queues.0.path.0.source", "''");
    check(answer, "queues.0.path.0.routing_key", "'q'");
    json_decref(answer);
    answer = explained("amq.default/explain?routing_key=p");
    check(answer, "outcome",
          "'Unroutable: dropped; a mandatory message would be returned (312 NO_ROUTE).'");
    check(answer, "queues", "[]");
    json_decref(answer);
}
END_TEST

START_TEST(carbon_copies_count)
{
    queue("a", "{}");
    queue("b", "{}");
    queue("c", "{}");
    json_t *answer =
        explained("amq.default/explain?routing_key=a&headers={\"CC\":[\"b\"],\"BCC\":[\"c\"]}");
    check(answer, "queue_count", "3");
    check(answer, "headers", "{'CC':['b'],'BCC':['c']}");
    json_decref(answer);
}
END_TEST

START_TEST(headers_come_alone_or_among_the_properties)
{
    queue("q", "{}");
    bind("amq.headers", "q/q", "{'arguments':{'x-match':'all','n':1}}");
    json_t *answer = explained("amq.headers/explain?headers={\"n\":1}");
    check(answer, "routed", "true");
    json_decref(answer);
    answer = explained("amq.headers/explain?properties={\"headers\":{\"n\":2}}");
    check(answer, "routed", "false");
    check(answer, "exchanges.0.near.0.reason", "'needs \\'n\\' = 1, the message has 2'");
    json_decref(answer);
}
END_TEST

START_TEST(an_alternate_that_is_not_there_is_told)
{
    exchange("x", "{'type':'fanout','arguments':{'alternate-exchange':'gone'}}");
    json_t *answer = explained("x/explain");
    check(answer, "outcome",
          "'Unroutable: dropped; a mandatory message would be returned (312 NO_ROUTE). The "
          "alternate exchange \\'gone\\' of \\'x\\' does not exist.'");
    json_decref(answer);
}
END_TEST

START_TEST(nothing_is_published)
{
    queue("q", "{}");
    json_decref(explained("amq.default/explain?routing_key=q"));
    expect(&api, "GET", "/api/queues/%2F/q?columns=messages,message_stats.publish", NULL, 200,
           "{'messages':0,'message_stats':{'publish':0}}");
}
END_TEST

/* ---- what comes after ---- */

START_TEST(what_would_become_of_it)
{
    queue("q", "{'durable':true,'arguments':{'x-message-ttl':5000,'x-max-length':1,'x-max-priority'"
               ":3,'x-dead-letter-exchange':'amq.fanout','x-dead-letter-routing-key':'dead'}}");
    ck_assert_int_eq(ask(&api, "POST", "/api/exchanges/%2F/amq.default/publish",
                         "{'properties':{},'routing_key':'q','payload':'','payload_encoding':"
                         "'string'}"),
                     200);
    json_t *answer = explained("amq.default/explain?routing_key=q&properties="
                               "{\"delivery_mode\":2,\"priority\":9,\"expiration\":\"100\"}");
    static const char *const sentences[] = {
        "It is kept on disk and survives a restart of the broker.",
        "1 of at most 1 ready messages are there.",
        "The queue is full: unless a consumer takes it, the oldest message is dead-lettered to "
        "exchange \"amq.fanout\" with key \"dead\".",
        "It has priority 3 of 0 to 3: those of higher priority go first.",
        "No consumer is there: it waits behind those that are ready.",
        "It expires 100 ms after it came (its expiration), then it is dead-lettered to exchange "
        "\"amq.fanout\" with key \"dead\".",
    };
    for (size_t i = 0; i < ARRAY_LEN(sentences); i++)
        ck_assert_msg(says(answer, "queues.0.then", sentences[i]), "%s", sentences[i]);
    json_decref(answer);
}
END_TEST

START_TEST(limits_and_ends_are_told)
{
    queue("r", "{'auto_delete':true,'arguments':{'x-overflow':'reject-publish','x-max-length':0,"
               "'x-expires':7000,'x-dead-letter-exchange':'nowhere','x-message-ttl':0}}");
    json_t *answer = explained("amq.default/explain?routing_key=r");
    static const char *const sentences[] = {
        "The queue is not durable: a restart of the broker ends it and all in it.",
        "The queue is full: unless a consumer takes it, it is refused; a publisher that uses "
        "confirms gets basic.nack.",
        "It expires at once unless a consumer can take it (time to live 0), then it is dropped, "
        "since the dead letter exchange \"nowhere\" does not exist.",
        "The queue itself ends when nobody uses it for 7000 ms.",
        "The queue ends with its last consumer.",
    };
    for (size_t i = 0; i < ARRAY_LEN(sentences); i++)
        ck_assert_msg(says(answer, "queues.0.then", sentences[i]), "%s", sentences[i]);
    json_decref(answer);
}
END_TEST

/* ---- refusals and bounds ---- */

START_TEST(questions_that_make_no_sense_are_refused)
{
    char path[400] = "/api/exchanges/%2F/amq.direct/explain?routing_key=";

    expect(&api, "GET", "/api/exchanges/%2F/none/explain", NULL, 404, NULL);
    expect(&api, "GET", "/api/exchanges/none/x/explain", NULL, 404, NULL);
    expect(&api, "GET", "/api/exchanges/%2F/amq.direct/explain?headers=[1]", NULL, 400, NULL);
    expect(&api, "GET", "/api/exchanges/%2F/amq.direct/explain?headers={", NULL, 400, NULL);
    expect(&api, "GET", "/api/exchanges/%2F/amq.direct/explain?properties={\"priority\":\"x\"}",
           NULL, 400,
           "{\"error\":\"bad_request\",\"reason\":\"the property \\\"priority\\\" has no valid "
           "value\"}");
    expect(&api, "GET", "/api/exchanges/%2F/amq.direct/explain?properties={\"expiration\":\"x\"}",
           NULL, 400, NULL);
    size_t len = strlen(path);
    memset(path + len, 'k', 256);
    path[len + 256] = '\0';
    expect(&api, "GET", path, NULL, 400,
           "{'error':'bad_request','reason':'the routing key is longer than 255 bytes'}");
    api.credentials = "guest:wrong";
    expect(&api, "GET", "/api/exchanges/%2F/amq.direct/explain", NULL, 401, NULL);
}
END_TEST

START_TEST(lists_are_cut_and_counted)
{
    char name[16], key[64];

    queue("q", "{}");
    for (int i = 0; i < 30; i++) {
        snprintf(key, sizeof(key), "{'routing_key':'key%02d'}", i);
        bind("amq.direct", "q/q", key);
    }
    json_t *answer = explained("amq.direct/explain?routing_key=key29x");
    ck_assert_uint_eq(json_array_size(part(answer, "exchanges.0.near")), 20);
    check(answer, "exchanges.0.near.0.routing_key", "'key29'");
    check(answer, "exchanges.0.looked_at", "30");
    json_decref(answer);
    for (int i = 0; i < 210; i++) {
        char path[64];
        snprintf(name, sizeof(name), "q%d", i);
        queue(name, "{}");
        snprintf(path, sizeof(path), "q/%s", name);
        bind("amq.fanout", path, "{}");
    }
    answer = explained("amq.fanout/explain");
    check(answer, "queue_count", "210");
    ck_assert_uint_eq(json_array_size(part(answer, "queues")), 200);
    check(answer, "exchanges.0.matched_count", "210");
    ck_assert_uint_eq(json_array_size(part(answer, "exchanges.0.matched")), 200);
    json_decref(answer);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_topic_tells_what_matched_and_what_nearly_did,
        the_way_leads_over_exchanges_and_alternates,
        the_default_exchange_finds_by_name,
        carbon_copies_count,
        headers_come_alone_or_among_the_properties,
        an_alternate_that_is_not_there_is_told,
        nothing_is_published,
        what_would_become_of_it,
        limits_and_ends_are_told,
        questions_that_make_no_sense_are_refused,
        lists_are_cut_and_counted,
    };
    return suite_run("api_explain", setup, teardown, tests, ARRAY_LEN(tests));
}
