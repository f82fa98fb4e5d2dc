/* SPDX-License-Identifier: Apache-2.0 */
/* The node: overview, versions, who is asking, the names of things. */
#include "management/node.h"

#include "base/history.h"
#include "base/mem.h"
#include "broker/connection.h"
#include "broker/parameter.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/identity.h"
#include "management/object.h"
#include "management/rates.h"
#include "management/sampler.h"
#include "routing/exchange_type.h"

#include <stdio.h>

/* RabbitMQ's word for: rates of every object, not of its pairs with others. */
#define RATES_MODE "basic"

/* ---- facts ---- */

void node_ask(const struct call *call, struct node_facts *facts)
{
    const struct management_host *host = &call->management->host;

    *facts = (struct node_facts){
        .pid = FACT_UNKNOWN,
        .uptime_ms = FACT_UNKNOWN,
        .processors = FACT_UNKNOWN,
        .fd_used = FACT_UNKNOWN,
        .fd_total = FACT_UNKNOWN,
        .threads_used = FACT_UNKNOWN,
        .threads_most = FACT_UNKNOWN,
        .memory_used = FACT_UNKNOWN,
        .memory_limit = FACT_UNKNOWN,
        .disk_free = FACT_UNKNOWN,
        .disk_free_limit = FACT_UNKNOWN,
    };
    if (host->node)
        host->node(host->context, facts);
}

size_t node_listeners(const struct call *call, struct listener_facts *listeners)
{
    const struct management_host *host = &call->management->host;

    return host->listeners ? host->listeners(host->context, listeners, LISTENERS_MAX) : 0;
}

const char *node_name(const struct call *call)
{
    return call->broker->options.node_name;
}

bool node_check(struct call *call)
{
    if (slice_equal_str(call_arg(call, "node"), node_name(call)))
        return true;
    call_not_found(call);
    return false;
}

/* The name that was set, or the node's. */
static json_t *cluster_name(const struct call *call)
{
    const struct parameter key = {.name = slice_str("cluster_name")};
    struct parameter found;

    if (parameter_find(call->broker->parameters, &key, &found)) {
        json_t *name =
            json_loadb((const char *)found.value.data, found.value.len, JSON_DECODE_ANY, NULL);
        if (json_is_string(name))
            return name;
        json_decref(name);
    }
    return json_text(slice_str(node_name(call)));
}

static json_t *exchange_types(void)
{
    json_t *list = json_array();
    const struct exchange_type *type;

    for (size_t i = 0; (type = exchange_type_at(i)); i++)
        if (type->declarable)
            json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "name", type->name,
                                                  "description", type->description, "enabled", 1));
    return list;
}

static json_t *listeners(const struct call *call)
{
    struct listener_facts facts[LISTENERS_MAX];
    size_t count = node_listeners(call, facts);
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i}", "node", node_name(call),
                                              "protocol", facts[i].protocol, "ip_address",
                                              facts[i].address, "port", (int)facts[i].port));
    return list;
}

/* What is served over HTTP. */
static json_t *contexts(const struct call *call)
{
    struct listener_facts facts[LISTENERS_MAX];
    size_t count = node_listeners(call, facts);
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        if (slice_starts_with(slice_str(facts[i].protocol), "http"))
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:i, s:s}", "node",
                                                  node_name(call), "description",
                                                  PRODUCT_NAME " Management", "path", "/", "ip",
                                                  facts[i].address, "port", (int)facts[i].port,
                                                  "protocol", facts[i].protocol));
    return list;
}

/* How far samples reach back, in seconds: the node's, and what is shown of single objects. */
static json_t *retention(void)
{
    return json_pack("{s:[i,i,i,i], s:[i], s:[i]}", "global", 600, 3600, 28800, 86400, "basic", 60,
                     "detailed", 60);
}

/* ---- overview ---- */

static void put_versions(const struct call *call, struct row *row)
{
    row_text(row, "management_version", slice_str(call->management->version));
    row_text(row, "product_name", slice_str(PRODUCT_NAME));
    row_text(row, "product_version", slice_str(call->management->version));
    row_text(row, "rabbitmq_version", slice_str(IMITATED_VERSION));
}

/* The sums of the virtual hosts that the user may see, with their common past. */
static struct history *add_visible(const struct call *call, struct rates_totals *totals)
{
    size_t count = 0;
    struct vhost **vhosts = mem_alloc((call->broker->vhosts.count + 1) * sizeof(struct vhost *));

    LIST_EACH(&call->broker->vhost_list, link) {
        struct vhost *vhost = CONTAINER_OF(link, struct vhost, broker_link);
        if (!call_enters(call, slice_str(vhost->name)))
            continue;
        rates_add_vhost(totals, vhost);
        vhosts[count++] = vhost;
    }
    struct history *history = sampler_sum(call->management->sampler, vhosts, count);
    mem_free(vhosts);
    return history;
}

static void put_rates(const struct call *call, struct row *row, enum rates_kind kind,
                      const struct rates_totals *totals, const struct history *history)
{
    if (row_open(row, "object_totals")) {
        row_number(row, "channels", totals->channels);
        row_number(row, "connections", totals->connections);
        row_number(row, "consumers", totals->consumers);
        row_number(row, "exchanges", totals->exchanges);
        row_number(row, "queues", totals->queues);
        row_close(row);
    }
    rates_put_object(call, row, "queue_totals", kind, RATES_LENGTHS, totals, history);
    rates_put_object(call, row, "message_stats", kind, RATES_MESSAGES, totals, history);
}

/* What concerns the node as a whole. */
static void put_node(const struct call *call, struct row *row)
{
    const struct history *history = sampler_node(call->management->sampler, 0);
    struct rates_totals totals;

    rates_begin_node(&totals, call->management);
    LIST_EACH(&call->broker->vhost_list, link)
        rates_add_vhost(&totals, CONTAINER_OF(link, struct vhost, broker_link));
    put_rates(call, row, RATES_NODE, &totals, history);
    rates_put_object(call, row, "churn_rates", RATES_NODE, RATES_CHURN, &totals, history);
    row_text(row, "node", slice_str(node_name(call)));
    row_json(row, "listeners", listeners(call));
    row_json(row, "contexts", contexts(call));
    row_number(row, "statistics_db_event_queue", 0); /* counters are read where they are kept */
}

static void put_visible(const struct call *call, struct row *row)
{
    struct rates_totals totals = {0};
    struct history *history = add_visible(call, &totals);

    put_rates(call, row, RATES_VHOST, &totals, history);
    history_free(history);
}

void overview_get(struct call *call)
{
    struct row row;

    call_begin_object(call, &row);
    put_versions(call, &row);
    row_json(&row, "cluster_name", cluster_name(call));
    row_text(&row, "rates_mode", slice_str(RATES_MODE));
    row_json(&row, "sample_retention_policies", retention());
    row_flag(&row, "disable_stats", call_flag(call, "disable_stats"));
    row_flag(&row, "enable_queue_totals", false);
    row_json(&row, "exchange_types", exchange_types());
    if (call_monitor(call))
        put_node(call, &row);
    else
        put_visible(call, &row);
    call_end_object(&row);
}

void whoami_get(struct call *call)
{
    json_t *object = json_object();

    json_put(object, "name", json_text(slice_str(call->user->name)));
    json_put(object, "tags", json_list(call->user->tags));
    call_json(call, object);
}

void version_get(struct call *call)
{
    call_json(call, json_string(call->management->version));
}

void extensions_get(struct call *call)
{
    call_json(call, json_array());
}

void cluster_name_get(struct call *call)
{
    call_json(call, json_pack("{s:o}", "name", cluster_name(call)));
}

void cluster_name_put(struct call *call)
{
    static const char *const keys[] = {"name", NULL};
    struct parameter parameter = {.name = slice_str("cluster_name")};
    struct buf value = BUF_INIT;
    json_t *body = call_body(call);
    const json_t *name = json_object_get(body, "name");

    if (body && call_keys(call, body, keys)) {
        if (!json_is_string(name)) {
            call_bad_term(call, "not_a_string", slice_str("name"));
        } else {
            json_write(&value, name);
            parameter.value = buf_slice(&value);
            enum err error = parameter_set(call->broker->parameters, &parameter, NULL);
            if (error == ERR_OK)
                call_empty(call, 204);
            else
                call_error(call, 400, "bad_request", "%s", err_text(error));
        }
    }
    buf_fini(&value);
    json_decref(body);
}

/* ---- nodes ---- */

static json_t *auth_mechanisms(const struct call *call)
{
    json_t *list = json_array();
    const char *at = call->broker->options.auth_mechanisms;

    while (at && *at) {
        size_t len = strcspn(at, " ");
        if (len)
            json_array_append_new(list,
                                  json_pack("{s:o, s:o, s:b}", "name", json_text(slice_of(at, len)),
                                            "description", json_sprintf("SASL %.*s", (int)len, at),
                                            "enabled", 1));
        at += at[len] ? len + 1 : len;
    }
    return list;
}

/* Memory, disk and churn, with their rates. */
static void put_node_rates(const struct call *call, struct row *row, const struct node_facts *facts)
{
    const struct history *history = sampler_node(call->management->sampler, 0);
    struct rates_totals totals;

    rates_begin_node(&totals, call->management);
    totals.memory_used = facts->memory_used;
    totals.disk_free = facts->disk_free;
    rates_put(call, row, RATES_NODE, RATES_FACTS, &totals, history);
    rates_put(call, row, RATES_NODE, RATES_CHURN, &totals, history);
}

static void put_pid(struct row *row, const struct node_facts *facts)
{
    char pid[32];

    if (facts->pid == FACT_UNKNOWN)
        return;
    snprintf(pid, sizeof(pid), "%llu", (unsigned long long)facts->pid);
    row_text(row, "os_pid", slice_str(pid));
}

static void put_files(struct row *row, const struct node_facts *facts)
{
    row_string(row, "db_dir", facts->data_directory);
    if (!row_open_list(row, "config_files"))
        return;
    if (facts->config_file)
        row_text(row, NULL, slice_str(facts->config_file));
    row_close(row);
}

static void write_node(const struct call *call, struct row *row)
{
    struct node_facts facts;

    node_ask(call, &facts);
    row_text(row, "name", slice_str(node_name(call)));
    row_text(row, "type", slice_str("disc"));
    row_flag(row, "running", true);
    row_json(row, "partitions", json_array());
    put_pid(row, &facts);
    row_known(row, "uptime", facts.uptime_ms);
    row_known(row, "processors", facts.processors);
    row_known(row, "fd_used", facts.fd_used);
    row_known(row, "fd_total", facts.fd_total);
    row_number(row, "sockets_used", call->broker->connection_count);
    row_known(row, "sockets_total",
              call->broker->options.connections_max ? call->broker->options.connections_max
                                                    : facts.fd_total);
    row_known(row, "proc_used", facts.threads_used);
    row_known(row, "proc_total", facts.threads_most);
    put_node_rates(call, row, &facts);
    row_known(row, "mem_limit", facts.memory_limit);
    row_flag(row, "mem_alarm", call->broker->alarms[ALARM_MEMORY]);
    row_known(row, "disk_free_limit", facts.disk_free_limit);
    row_flag(row, "disk_free_alarm", broker_disk_alarmed(call->broker));
    row_text(row, "rates_mode", slice_str(RATES_MODE));
    row_json(row, "exchange_types", exchange_types());
    row_json(row, "auth_mechanisms", auth_mechanisms(call));
    put_files(row, &facts);
    row_json(row, "enabled_plugins", json_array());
    row_json(row, "applications", json_array());
    row_json(row, "cluster_links", json_array());
    row_json(row, "contexts", contexts(call));
    row_text(row, "mem_calculation_strategy", slice_str("rss"));
    row_flag(row, "being_drained", call->broker->shutting_down);
}

void nodes_list(struct call *call)
{
    struct row row;

    buf_add_u8(&call->response->body, '[');
    call_begin_object(call, &row);
    write_node(call, &row);
    call_end_object(&row);
    buf_add_u8(&call->response->body, ']');
}

void node_get(struct call *call)
{
    struct row row;

    if (!node_check(call))
        return;
    call_begin_object(call, &row);
    write_node(call, &row);
    call_end_object(&row);
}

/* ---- the configuration ---- */

static void add_setting(void *context, const char *key, const char *value)
{
    row_string(context, key, value ? value : "(set, not shown)");
}

void environment_get(struct call *call)
{
    const struct management_host *host = &call->management->host;
    struct row row;

    call_begin_object(call, &row);
    if (host->environment)
        host->environment(host->context, add_setting, &row);
    call_end_object(&row);
}
