/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics for Prometheus: the table, the text, who may see it. With UPDATE_DOCS set, docs/metrics.md is
 * written instead of compared. */
#include "management/metrics.h"

#include "base/mem.h"
#include "broker/access.h"
#include "tests/support/api_fixture.h"
#include "tests/support/suite.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static struct api api;
static struct test_client *client;
static struct test_channel *channel;

static void tell_load(void *context, struct load_facts *facts)
{
    static const struct histogram_bounds bounds = {.count = 2, .upto = {1000000, 500000000}};

    (void)context;
    facts->turns.bounds = &bounds;
    histogram_note(&facts->turns.counts, &bounds, 1000000);
    histogram_note(&facts->turns.counts, &bounds, 499000000);
    histogram_note(&facts->turns.counts, &bounds, 2000000000);
    facts->turn_longest_ns = 250000000;
    facts->store_pending = 77;
}

static void tell_node(void *context, struct node_facts *facts)
{
    (void)context;
    facts->uptime_ms = 12500;
    facts->fd_total = 1024;
}

static void setup(void)
{
    api = (struct api){.host = {.load = tell_load, .node = tell_node}};
    api_open(&api);
    client = client_open(&api.world, 'a');
    channel = client_channel(client, 1);
}

static void teardown(void)
{
    client_close(client);
    api_close(&api);
}

static void scrape(const char *path)
{
    ck_assert_int_eq(ask(&api, "GET", path, NULL), 200);
    ck_assert_str_eq(api.response.content_type, "text/plain; version=0.0.4; charset=utf-8");
}

/* The last answer has that whole line, once. */
static bool has_line(const char *line)
{
    size_t len = strlen(line);
    unsigned count = 0;

    for (const char *at = answer(&api); (at = strstr(at, line)); at += len)
        count += (at == answer(&api) || at[-1] == '\n') && at[len] == '\n';
    return count == 1;
}

static void expect_line(const char *line)
{
    ck_assert_msg(has_line(line), "no line '%s'", line);
}

static bool mentions(const char *text)
{
    return strstr(answer(&api), text) != NULL;
}

/* ---- the table ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void check_name(const struct metric *metric)
{
    ck_assert(strncmp(metric->name, "rabbitmq_", 9) == 0 ||
              strncmp(metric->name, "bilby_", 6) == 0);
    for (const char *at = metric->name; *at; at++)
        ck_assert_msg(islower((unsigned char)*at) || *at == '_', "%s", metric->name);
    ck_assert_msg(ends_with(metric->name, "_total") == (metric->kind == METRIC_COUNTER), "%s",
                  metric->name);
    if (metric->unit == METRIC_BYTES || metric->unit == METRIC_SECONDS)
        ck_assert_msg(strstr(metric->name, metric->unit == METRIC_BYTES ? "_bytes" : "_seconds"),
                      "%s", metric->name);
}

START_TEST(rows_are_sound)
{
    const struct metric *metric, *other;

    for (size_t i = 0; (metric = metric_at(i)); i++) {
        check_name(metric);
        ck_assert_ptr_null(strpbrk(metric->meaning, "\\\n|"));
        ck_assert_ptr_null(strpbrk(metric->advice, "\\\n|"));
        ck_assert(*metric->meaning && !ends_with(metric->meaning, "."));
        ck_assert(*metric->advice && !ends_with(metric->advice, "."));
        ck_assert_int_eq(*metric->families != '\0', metric->scope >= METRIC_QUEUE);
        for (size_t j = 0; j < i && (other = metric_at(j)); j++)
            ck_assert_str_ne(metric->name, other->name);
    }
}
END_TEST

static char *read_all(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = mem_zalloc(1 << 20);

    ck_assert_msg(file != NULL, "tests run at the top of the tree");
    ck_assert(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

START_TEST(the_documentation_is_the_table)
{
    static const char path[] = "docs/metrics.md";
    static const char mark[] = "<!-- made from management/metrics.def -->\n";
    struct buf expected = BUF_INIT;
    char *text = read_all(path);
    char *table = strstr(text, mark);

    ck_assert_ptr_nonnull(table);
    table += strlen(mark);
    metrics_describe(&expected);
    if (getenv("UPDATE_DOCS")) {
        FILE *file = fopen(path, "w");
        ck_assert_ptr_nonnull(file);
        fprintf(file, "%.*s%s", (int)(table - text), text, buf_cstr(&expected));
        ck_assert_int_eq(fclose(file), 0);
    } else {
        ck_assert_msg(strcmp(table, buf_cstr(&expected)) == 0,
                      "docs/metrics.md is not what UPDATE_DOCS=1 make check T=metrics makes");
    }
    mem_free(text);
    buf_fini(&expected);
}
END_TEST

/* ---- the text ---- */

START_TEST(the_overview_dashboard_finds_its_metrics)
{
    static const char *const names[] = {
        "erlang_uptime_seconds",
        "connections",
        "channels",
        "queues",
        "connections_opened_total",
        "connections_closed_total",
        "channels_opened_total",
        "channels_closed_total",
        "queues_declared_total",
        "queues_created_total",
        "queues_deleted_total",
        "queue_messages_ready",
        "queue_messages_unacked",
        "global_publishers",
        "global_consumers",
        "global_messages_received_total",
        "global_messages_received_confirm_total",
        "global_messages_confirmed_total",
        "global_messages_routed_total",
        "global_messages_unroutable_returned_total",
        "global_messages_unroutable_dropped_total",
        "global_messages_delivered_total",
        "global_messages_delivered_consume_manual_ack_total",
        "global_messages_delivered_consume_auto_ack_total",
        "global_messages_delivered_get_manual_ack_total",
        "global_messages_delivered_get_auto_ack_total",
        "global_messages_get_empty_total",
        "global_messages_redelivered_total",
        "global_messages_acknowledged_total",
        "process_max_fds",
        "alarms_memory_used_watermark",
        "alarms_free_disk_space_watermark",
        "identity_info",
        "build_info",
    };

    scrape("/metrics");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char text[128];
        snprintf(text, sizeof(text), "# TYPE rabbitmq_%s ", names[i]);
        ck_assert_msg(mentions(text), "%s", names[i]);
    }
    ck_assert(mentions("rabbitmq_endpoint=\"aggregated\"} 1\n"));
    expect_line("rabbitmq_erlang_uptime_seconds 12.5");
    expect_line("rabbitmq_process_max_fds 1024");
    ck_assert(!mentions("rabbitmq_process_open_fds")); /* the host does not know */
}
END_TEST

START_TEST(counters_are_those_of_the_broker)
{
    declare(client, "q", slice_str(""));
    declare(client, "r", slice_str(""));
    for (int i = 0; i < 5; i++)
        ck_assert(publish(channel, "", i < 3 ? "q" : "r", "hello"));
    ck_assert(publish(channel, "", "nowhere", "x"));
    get(channel, "q", true);
    get(channel, "q", false);
    get(channel, "q", false);
    get(channel, "q", false);
    ck_assert(ack(channel, 2, false));
    scrape("/metrics");
    expect_line("rabbitmq_global_messages_received_total{protocol=\"amqp091\"} 6");
    expect_line("rabbitmq_global_messages_routed_total{protocol=\"amqp091\"} 5");
    expect_line("rabbitmq_global_messages_unroutable_dropped_total{protocol=\"amqp091\"} 1");
    expect_line("rabbitmq_global_publishers{protocol=\"amqp091\"} 1");
    expect_line("rabbitmq_global_messages_delivered_get_auto_ack_total{protocol=\"amqp091\","
                "queue_type=\"all\"} 1");
    expect_line("rabbitmq_global_messages_delivered_get_manual_ack_total{protocol=\"amqp091\","
                "queue_type=\"all\"} 2");
    expect_line("rabbitmq_global_messages_get_empty_total{protocol=\"amqp091\","
                "queue_type=\"all\"} 1");
    expect_line("rabbitmq_global_messages_acknowledged_total{protocol=\"amqp091\","
                "queue_type=\"all\"} 1");
    expect_line("rabbitmq_queue_messages_ready 2");
    expect_line("rabbitmq_queue_messages_unacked 1");
    expect_line("rabbitmq_queues 2");
    expect_line("rabbitmq_message_size_bytes_bucket{le=\"100.0\"} 6");
    expect_line("rabbitmq_message_size_bytes_bucket{le=\"1e+06\"} 6");
    expect_line("rabbitmq_message_size_bytes_bucket{le=\"+Inf\"} 6");
    expect_line("rabbitmq_message_size_bytes_sum 26");
    expect_line("rabbitmq_message_size_bytes_count 6");
}
END_TEST

START_TEST(histograms_are_cumulative)
{
    scrape("/metrics");
    expect_line("# TYPE bilby_loop_turn_seconds histogram");
    expect_line("bilby_loop_turn_seconds_bucket{le=\"0.001\"} 1");
    expect_line("bilby_loop_turn_seconds_bucket{le=\"0.5\"} 2");
    expect_line("bilby_loop_turn_seconds_bucket{le=\"+Inf\"} 3");
    expect_line("bilby_loop_turn_seconds_sum 2.5");
    expect_line("bilby_loop_turn_seconds_count 3");
    expect_line("bilby_loop_lag_seconds 0.25");
    expect_line("bilby_store_pending_bytes 77");
    ck_assert(!mentions("TYPE bilby_store_commit_seconds")); /* the host does not know */
}
END_TEST

START_TEST(objects_have_lines_of_their_own)
{
    declare(client, "q", slice_str(""));
    declare(client, "a\"b\\c\nd", slice_str(""));
    ck_assert(publish(channel, "", "q", "hello"));
    scrape("/metrics/per-object");
    expect_line("rabbitmq_queue_messages_ready{vhost=\"/\",queue=\"q\"} 1");
    expect_line("rabbitmq_queue_messages_ready{vhost=\"/\",queue=\"a\\\"b\\\\c\\nd\"} 0");
    expect_line("rabbitmq_exchange_messages_published_total{vhost=\"/\",exchange=\"\"} 1");
    expect_line("rabbitmq_channel_messages_published_total{vhost=\"/\",channel=\"test (1)\"} 1");
    expect_line("rabbitmq_connection_channels{vhost=\"/\",connection=\"test\"} 1");
    expect_line("rabbitmq_queues 2");
    management_show_objects(api.management, true);
    scrape("/metrics");
    expect_line("rabbitmq_queue_messages_ready{vhost=\"/\",queue=\"q\"} 1");
}
END_TEST

START_TEST(names_that_are_no_text_are_shown_as_text)
{
    declare(client, "b\xffr", slice_str(""));
    declare(client, "\xc3\xa4", slice_str(""));
    scrape("/metrics/per-object");
    expect_line("rabbitmq_queue_messages{vhost=\"/\",queue=\"b\xef\xbf\xbdr\"} 0");
    expect_line("rabbitmq_queue_messages{vhost=\"/\",queue=\"\xc3\xa4\"} 0");
}
END_TEST

START_TEST(details_are_chosen)
{
    declare(client, "q", slice_str(""));
    expect(&api, "PUT", "/api/vhosts/other", NULL, 201, "");
    expect(&api, "GET", "/metrics/detailed", NULL, 200, "");
    expect(&api, "GET", "/metrics/detailed?family=nosuch&vhost=%2F", NULL, 200, "");
    scrape("/metrics/detailed?family=queue_consumer_count&family=queue_coarse_metrics&vhost=%2F");
    expect_line("rabbitmq_detailed_queue_consumers{vhost=\"/\",queue=\"q\"} 0");
    expect_line("rabbitmq_detailed_queue_messages{vhost=\"/\",queue=\"q\"} 0");
    ck_assert(!mentions("queue_messages_bytes"));
    ck_assert(!mentions("identity_info"));
    scrape("/metrics/detailed?family=queue_metrics&vhost=other");
    ck_assert(!mentions("queue=\"q\""));
    scrape("/metrics/detailed?family=exchange_metrics&vhost=other&vhost=%2F");
    expect_line("rabbitmq_detailed_exchange_messages_published_total{vhost=\"other\","
                "exchange=\"amq.topic\"} 0");
    expect_line("rabbitmq_detailed_exchange_messages_published_total{vhost=\"/\","
                "exchange=\"amq.topic\"} 0");
    expect_line("bilby_exchange_messages_routed_total{vhost=\"/\",exchange=\"amq.topic\"} 0");
}
END_TEST

/* ---- who may ---- */

START_TEST(metrics_want_a_monitor)
{
    struct access *access = api.world.broker->access;

    access_set_user(access, slice_str("me"), slice_str("pw"), slice_str("management"));
    access_set_user(access, slice_str("eye"), slice_str("pw"), slice_str("monitoring"));
    api.credentials = "me:pw";
    expect(&api, "GET", "/metrics", NULL, 401,
           "{'error':'not_authorised','reason':'Not monitor user'}");
    api.credentials = "eye:pw";
    scrape("/metrics");
    api.credentials = NULL;
    expect(&api, "GET", "/metrics", NULL, 401, NULL);
    expect(&api, "GET", "/metrics/per-object", NULL, 401, NULL);
}
END_TEST

START_TEST(the_metrics_port_serves_metrics_alone)
{
    api.metrics_port = true;
    api.credentials = NULL;
    api.remote = true;
    scrape("/metrics");
    scrape("/metrics/");
    scrape("/metrics/per-object");
    expect(&api, "GET", "/", NULL, 404, NULL);
    expect(&api, "GET", "/api/overview", NULL, 404, NULL);
    expect(&api, "PUT", "/api/queues/%2F/q", NULL, 404, NULL);
    expect(&api, "POST", "/metrics", NULL, 405, NULL);
    api.credentials = "guest:guest";
    expect(&api, "GET", "/api/overview", NULL, 404, NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        rows_are_sound,
        the_documentation_is_the_table,
        the_overview_dashboard_finds_its_metrics,
        counters_are_those_of_the_broker,
        histograms_are_cumulative,
        objects_have_lines_of_their_own,
        names_that_are_no_text_are_shown_as_text,
        details_are_chosen,
        metrics_want_a_monitor,
        the_metrics_port_serves_metrics_alone,
    };
    return suite_run("metrics", setup, teardown, tests, ARRAY_LEN(tests));
}
