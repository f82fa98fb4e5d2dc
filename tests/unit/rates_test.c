/* SPDX-License-Identifier: Apache-2.0 */
/* Rates, samples, and what is counted for them, with rounds of the sampler by hand. */
#include "base/history.h"
#include "base/mem.h"
#include "broker/access.h"
#include "management/rates.h"
#include "management/sampler.h"
#include "tests/support/api_fixture.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUND_MS 5000

static struct api api;
static struct test_client *client;
static struct test_channel *channel;
static uint64_t octets;

static bool tell_octets(void *context, const struct connection *connection,
                        struct connection_facts *facts)
{
    (void)context;
    (void)connection;
    facts->received_bytes = octets;
    facts->sent_bytes = 2 * octets;
    return true;
}

static void setup(void)
{
    api = (struct api){.host = {.connection = tell_octets}};
    api_open(&api);
    client = client_open(&api.world, 'a');
    channel = client_channel(client, 1);
    octets = 0;
}

static void teardown(void)
{
    if (client)
        client_close(client);
    api_close(&api);
}

/* The time of a round passes, then the round. */
static void pass(unsigned rounds)
{
    while (rounds-- > 0) {
        world_wait(&api.world, ROUND_MS);
        ck_assert(!management_sample(api.management, api.world.now_ms, ROUND_MS, SIZE_MAX));
    }
}

static void publish_many(const char *queue, unsigned count)
{
    while (count-- > 0)
        ck_assert(publish(channel, "", queue, "hello"));
}

START_TEST(rates_are_of_the_last_round)
{
    declare(client, "q", slice_str(""));
    pass(1);
    publish_many("q", 100);
    pass(1);
    expect(&api, "GET", "/api/queues/%2F/q?columns=messages_details,message_stats.publish_details",
           NULL, 200,
           "{'messages_details':{'rate':20.0},'message_stats':{'publish_details':{'rate':20.0}}}");
    expect(
        &api, "GET",
        "/api/overview?columns=message_stats.publish_details,queue_totals.messages_ready_details",
        NULL, 200,
        "{'queue_totals':{'messages_ready_details':{'rate':20.0}},"
        "'message_stats':{'publish_details':{'rate':20.0}}}");
    expect(&api, "GET", "/api/exchanges/%2F/amq.default?columns=message_stats", NULL, 200,
           "{'message_stats':{'publish_in':100,'publish_in_details':{'rate':20.0},"
           "'publish_out':100,'publish_out_details':{'rate':20.0}}}");
    expect(&api, "GET", "/api/vhosts/%2F?columns=message_stats.publish_details", NULL, 200,
           "{'message_stats':{'publish_details':{'rate':20.0}}}");
    pass(1);
    expect(&api, "GET", "/api/queues/%2F/q?columns=messages_details,message_stats.publish_details",
           NULL, 200,
           "{'messages_details':{'rate':0.0},'message_stats':{'publish_details':{'rate':0.0}}}");
}
END_TEST

static void on_each(unsigned count, void (*act)(const char *name))
{
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof(name), "q%u", i);
        act(name);
    }
}

static void make(const char *name)
{
    declare(client, name, slice_str(""));
}

static void publish_ten(const char *name)
{
    publish_many(name, 10);
}

static void expect_rate_of_two(const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/api/queues/%%2F/%s?columns=messages_details", name);
    expect(&api, "GET", path, NULL, 200, "{'messages_details':{'rate':2.0}}");
}

/* A part of a round; true while there is more. */
static bool sample_part(size_t objects)
{
    return management_sample(api.management, api.world.now_ms, ROUND_MS, objects);
}

START_TEST(a_round_may_have_parts)
{
    unsigned parts = 1;

    on_each(300, make);
    pass(1);
    on_each(300, publish_ten);
    world_wait(&api.world, ROUND_MS);
    for (; sample_part(50); parts++)
        world_wait(&api.world, 1); /* all of it counts for the first part's moment */
    ck_assert_uint_ge(parts, 6);
    on_each(300, expect_rate_of_two);
    expect(&api, "GET", "/api/overview?columns=queue_totals.messages_details", NULL, 200,
           "{'queue_totals':{'messages_details':{'rate':600.0}}}");
}
END_TEST

START_TEST(all_may_change_between_the_parts_of_a_round)
{
    struct test_client *other;
    unsigned step = 0;

    on_each(100, make);
    on_each(100, publish_ten);
    pass(1);
    on_each(100, publish_ten);
    world_wait(&api.world, ROUND_MS);
    while (sample_part(10)) {
        char path[64];
        snprintf(path, sizeof(path), "/api/queues/%%2F/q%u", step);
        expect(&api, "DELETE", path, NULL, 204, "");
        if (step == 2) /* the map grows */
            for (unsigned i = 1000; i < 1400; i++) {
                char name[16];
                snprintf(name, sizeof(name), "q%u", i);
                make(name);
                publish_ten(name);
            }
        if (step == 3)
            expect(&api, "PUT", "/api/vhosts/other", NULL, 201, "");
        if (step == 5)
            expect(&api, "DELETE", "/api/vhosts/other", NULL, 204, "");
        if (step == 6) {
            other = client_open(&api.world, 'b');
            client_close(other);
        }
        step++;
    }
    ck_assert_uint_gt(step, 8);
    pass(2);
    expect(&api, "GET", "/api/overview?columns=queue_totals.messages_details", NULL, 200,
           "{'queue_totals':{'messages_details':{'rate':0.0}}}");
    expect(&api, "GET", "/api/queues/%2F/q99?columns=messages,messages_details", NULL, 200,
           "{'messages':20,'messages_details':{'rate':0.0}}");
}
END_TEST

START_TEST(lists_sort_by_rates)
{
    static const char *const names[] = {"a", "b", "c"};

    for (unsigned i = 0; i < 3; i++)
        declare(client, names[i], slice_str(""));
    pass(1);
    for (unsigned i = 0; i < 3; i++)
        publish_many(names[i], i == 1 ? 50 : 10 * i);
    pass(1);
    expect(&api, "GET",
           "/api/queues?sort=message_stats.publish_details.rate&sort_reverse=true&columns=name",
           NULL, 200, "[{'name':'b'},{'name':'c'},{'name':'a'}]");
    expect(&api, "GET", "/api/queues?sort=messages&columns=name,messages_details", NULL, 200,
           "[{'name':'a','messages_details':{'rate':0.0}},"
           "{'name':'c','messages_details':{'rate':4.0}},"
           "{'name':'b','messages_details':{'rate':10.0}}]");
}
END_TEST

START_TEST(what_falls_has_a_negative_rate)
{
    declare(client, "q", slice_str(""));
    publish_many("q", 10);
    pass(2);
    for (int i = 0; i < 10; i++)
        get(channel, "q", true);
    pass(1);
    expect(&api, "GET", "/api/queues/%2F/q?columns=messages_details,message_stats.deliver_get",
           NULL, 200, "{'messages_details':{'rate':-2.0},'message_stats':{'deliver_get':10}}");
}
END_TEST

START_TEST(before_the_first_round_nothing_is_known)
{
    declare(client, "q", slice_str(""));
    publish_many("q", 100);
    expect(&api, "GET",
           "/api/queues/%2F/q?lengths_age=60&lengths_incr=5&columns=messages,messages_details",
           NULL, 200,
           "{'messages':100,'messages_details':{'rate':0.0,'samples':[],'avg':0.0,"
           "'avg_rate':0.0}}");
    pass(1); /* what was before is no rate */
    expect(&api, "GET", "/api/queues/%2F/q?columns=messages_details", NULL, 200,
           "{'messages_details':{'rate':0.0}}");
}
END_TEST

START_TEST(samples_come_when_asked_for)
{
    declare(client, "q", slice_str(""));
    pass(1);
    publish_many("q", 5);
    pass(1);
    publish_many("q", 10);
    pass(1);
    struct buf expected = BUF_INIT;
    buf_printf(&expected,
               "{'messages_details':{'rate':2.0,'samples':["
               "{'sample':15,'timestamp':%lld},{'sample':5,'timestamp':%lld},"
               "{'sample':0,'timestamp':%lld}],'avg':6.666666666666667,'avg_rate':1.5}}",
               (long long)api.world.wall_ms, (long long)api.world.wall_ms - ROUND_MS,
               (long long)api.world.wall_ms - 2 * ROUND_MS);
    expect(&api, "GET", "/api/queues/%2F/q?lengths_age=60&lengths_incr=5&columns=messages_details",
           NULL, 200, buf_cstr(&expected));
    buf_fini(&expected);
    /* Neither without a step, nor of another group. */
    expect(&api, "GET", "/api/queues/%2F/q?lengths_age=60&columns=messages_details", NULL, 200,
           "{'messages_details':{'rate':2.0}}");
    expect(&api, "GET",
           "/api/queues/%2F/q?msg_rates_age=60&msg_rates_incr=5&columns=messages_details", NULL,
           200, "{'messages_details':{'rate':2.0}}");
}
END_TEST

/* The `nth` number behind "sample": in the last answer, or -1. */
static long sample(unsigned nth)
{
    const char *at = answer(&api);

    do {
        at = strstr(at, "\"sample\":");
        if (!at)
            return -1;
        at += strlen("\"sample\":");
    } while (nth-- > 0);
    return strtol(at, NULL, 10);
}

START_TEST(the_node_remembers_longer_and_coarser)
{
    declare(client, "q", slice_str(""));
    for (int i = 0; i < 12 * 30; i++) { /* half an hour, two messages a second */
        publish_many("q", 10);
        pass(1);
    }
    ask(&api, "GET",
        "/api/overview?lengths_age=600&lengths_incr=5&columns=queue_totals.messages_details", NULL);
    for (unsigned i = 0; i <= 120; i++)
        ck_assert_int_eq(sample(i), 3600 - 10 * (long)i);
    ck_assert_int_eq(sample(121), -1);
    ask(&api, "GET",
        "/api/overview?lengths_age=3600&lengths_incr=60&columns=queue_totals.messages_details",
        NULL);
    for (unsigned i = 0; i < 30; i++)
        ck_assert_int_le(labs(sample(i) - (3600 - 120 * (long)i)), 120);
    ck_assert_int_eq(sample(31), -1);
}
END_TEST

/* On the heap. */
static char *idle_since(const char *queue)
{
    char path[64];
    snprintf(path, sizeof(path), "/api/queues/%%2F/%s?columns=idle_since", queue);
    ask(&api, "GET", path, NULL);
    return slice_dup(buf_slice(&api.response.body));
}

START_TEST(idle_objects_cost_a_row)
{
    declare(client, "q", slice_str(""));
    const struct queue *queue = world_queue(&api.world, "q");

    pass(3);
    ck_assert_ptr_null(queue->history); /* nothing to show yet */
    publish_many("q", 10);
    pass(1);
    ck_assert_uint_eq(history_count(queue->history), 2);
    pass(20);
    ck_assert_uint_eq(history_length(queue->history), 1);
    ask(&api, "GET", "/api/queues/%2F/q?lengths_age=60&lengths_incr=5&columns=messages_details",
        NULL);
    for (unsigned i = 0; i <= 12; i++)
        ck_assert_int_eq(sample(i), 10);
    publish_many("q", 50);
    pass(1);
    expect(&api, "GET", "/api/queues/%2F/q?columns=messages_details", NULL, 200,
           "{'messages_details':{'rate':10.0}}");
    ask(&api, "GET", "/api/queues/%2F/q?lengths_age=60&lengths_incr=5&columns=messages_details",
        NULL);
    ck_assert_int_eq(sample(0), 60);
    for (unsigned i = 1; i <= 12; i++)
        ck_assert_int_eq(sample(i), 10);
}
END_TEST

/* When a queue's messages last came or went: as late as the sampler sees it. */
START_TEST(a_busy_queue_is_not_idle)
{
    declare(client, "q", slice_str(""));
    char *declared = idle_since("q");
    pass(3);
    char *unused = idle_since("q");
    ck_assert_str_eq(unused, declared);
    publish_many("q", 1);
    pass(1);
    char *used = idle_since("q");
    ck_assert_int_gt(strcmp(used, declared), 0);
    pass(30);
    char *later = idle_since("q");
    ck_assert_str_eq(later, used);
    publish_many("q", 1);
    pass(1);
    char *again = idle_since("q");
    ck_assert_int_gt(strcmp(again, used), 0);
    mem_free(declared);
    mem_free(unused);
    mem_free(used);
    mem_free(later);
    mem_free(again);
}
END_TEST

START_TEST(connections_and_channels_have_rates)
{
    declare(client, "q", slice_str(""));
    pass(1);
    publish_many("q", 5);
    octets = 1000;
    pass(1);
    expect(&api, "GET", "/api/connections?columns=recv_oct,recv_oct_details,send_oct_details", NULL,
           200,
           "[{'recv_oct':1000,'recv_oct_details':{'rate':200.0},"
           "'send_oct_details':{'rate':400.0}}]");
    expect(&api, "GET", "/api/channels?columns=message_stats.publish_details", NULL, 200,
           "[{'message_stats':{'publish_details':{'rate':1.0}}}]");
}
END_TEST

START_TEST(churn_has_rates)
{
    pass(1);
    for (int i = 0; i < 5; i++)
        test_channel_close(client_channel(client, 2));
    for (int i = 0; i < 10; i++)
        declare(client, "q", slice_str(""));
    pass(1);
    expect(&api, "GET",
           "/api/overview?columns=churn_rates.channel_created_details,"
           "churn_rates.channel_closed,churn_rates.queue_declared_details",
           NULL, 200,
           "{'churn_rates':{'channel_closed':5,'channel_created_details':{'rate':1.0},"
           "'queue_declared_details':{'rate':2.0}}}");
}
END_TEST

START_TEST(users_see_the_rates_of_their_virtual_hosts)
{
    struct access *access = api.world.broker->access;
    char message[128];

    access_set_user(access, slice_str("me"), slice_str("pw"), slice_str("management"));
    ck_assert_int_eq(access_set_permission(access, slice_str("me"), slice_str("/"), slice_str(".*"),
                                           slice_str(".*"), slice_str(".*"), message,
                                           sizeof(message)),
                     ERR_OK);
    declare(client, "q", slice_str(""));
    pass(1);
    publish_many("q", 5);
    pass(1);
    api.credentials = "me:pw";
    static const char path[] =
        "/api/overview?msg_rates_age=60&msg_rates_incr=5&columns=message_stats.publish_details";
    ck_assert_int_eq(ask(&api, "GET", path, NULL), 200);
    ck_assert_ptr_nonnull(strstr(answer(&api), "{\"rate\":1.0,"));
    ck_assert_int_eq(sample(0), 5);
    ck_assert_int_eq(sample(1), 0);
    access_clear_permission(access, slice_str("me"), slice_str("/"));
    ck_assert_int_eq(ask(&api, "GET", path, NULL), 200);
    ck_assert_ptr_nonnull(strstr(answer(&api), "{\"rate\":0.0,"));
    ck_assert_int_eq(sample(0), 0);
}
END_TEST

START_TEST(the_node_counts_what_is_gone)
{
    declare(client, "q", slice_str(""));
    publish_many("q", 7);
    client_close(client);
    client = NULL;
    expect(&api, "PUT", "/api/vhosts/other", NULL, 201, "");
    expect(&api, "DELETE", "/api/vhosts/%2F", NULL, 204, "");
    pass(1);
    expect(&api, "GET", "/api/overview?columns=message_stats.publish,queue_totals.messages", NULL,
           200, "{'queue_totals':{'messages':0},'message_stats':{'publish':7}}");
}
END_TEST

START_TEST(strange_ranges_are_bounded)
{
    static const struct {
        const char *query;
        int status;
    } cases[] = {
        {"lengths_age=x&lengths_incr=y", 200},
        {"lengths_age=-1&lengths_incr=5", 400},
        {"lengths_age=60&lengths_incr=0", 400},
        {"lengths_age=9999999999&lengths_incr=1", 400},
        {"lengths_age=86400&lengths_incr=1", 400},
        {"lengths_age=1&lengths_incr=86400", 200},
        {"lengths_age=60&lengths_incr=1000000", 200},
    };

    declare(client, "q", slice_str(""));
    publish_many("q", 7);
    pass(3);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char path[128];
        snprintf(path, sizeof(path), "/api/overview?%s&columns=queue_totals", cases[i].query);
        ck_assert_int_eq(ask(&api, "GET", path, NULL), cases[i].status);
        if (cases[i].status == 200)
            ck_assert_int_eq(sample(500), -1);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        rates_are_of_the_last_round,
        a_round_may_have_parts,
        all_may_change_between_the_parts_of_a_round,
        lists_sort_by_rates,
        what_falls_has_a_negative_rate,
        before_the_first_round_nothing_is_known,
        samples_come_when_asked_for,
        the_node_remembers_longer_and_coarser,
        idle_objects_cost_a_row,
        a_busy_queue_is_not_idle,
        connections_and_channels_have_rates,
        churn_has_rates,
        users_see_the_rates_of_their_virtual_hosts,
        the_node_counts_what_is_gone,
        strange_ranges_are_bounded,
    };
    return suite_run("rates", setup, teardown, tests, ARRAY_LEN(tests));
}
