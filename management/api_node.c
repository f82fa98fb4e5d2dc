/* SPDX-License-Identifier: Apache-2.0 */
/* The node: overview, versions, who is asking, the names of things. */
#include "management/node.h"

#include "base/history.h"
#include "base/mem.h"
#include "broker/connection.h"
#include "broker/parameter.h"
#include "broker/password.h"
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

static const char *node_name(const struct call *call)
{
    return call->broker->options.node_name;
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

/* ---- overview ---- */

static json_t *object_totals(const struct rates_totals *totals)
{
    json_t *object = json_object();

    json_put_number(object, "channels", totals->channels);
    json_put_number(object, "connections", totals->connections);
    json_put_number(object, "consumers", totals->consumers);
    json_put_number(object, "exchanges", totals->exchanges);
    json_put_number(object, "queues", totals->queues);
    return object;
}

static void put_versions(const struct call *call, json_t *object)
{
    json_put(object, "management_version", json_string(call->management->version));
    json_put(object, "product_name", json_string(PRODUCT_NAME));
    json_put(object, "product_version", json_string(call->management->version));
    json_put(object, "rabbitmq_version", json_string(IMITATED_VERSION));
}

/* The sums of the virtual hosts that the user may see, with their common past. */
static struct history *add_visible(const struct call *call, struct rates_totals *totals)
{
    size_t count = 0;
    struct vhost **vhosts = mem_alloc((call->broker->vhosts.count + 1) * sizeof(struct vhost *));

    LIST_EACH(&call->broker->vhost_list, link) {
        struct vhost *vhost = CONTAINER_OF(link, struct vhost, broker_link);
        if (!call_sees(call, slice_str(vhost->name)))
            continue;
        rates_add_vhost(totals, vhost);
        vhosts[count++] = vhost;
    }
    struct history *history = sampler_sum(call->management->sampler, vhosts, count);
    mem_free(vhosts);
    return history;
}

static void put_rates(const struct call *call, json_t *object, enum rates_kind kind,
                      const struct rates_totals *totals, const struct history *history)
{
    json_put(object, "object_totals", object_totals(totals));
    json_put(object, "queue_totals", rates_object(call, kind, RATES_LENGTHS, totals, history));
    json_put(object, "message_stats", rates_object(call, kind, RATES_MESSAGES, totals, history));
}

/* What concerns the node as a whole. */
static void put_node(const struct call *call, json_t *object)
{
    const struct history *history = sampler_node(call->management->sampler, 0);
    struct rates_totals totals;

    rates_begin_node(&totals, call->management);
    LIST_EACH(&call->broker->vhost_list, link)
        rates_add_vhost(&totals, CONTAINER_OF(link, struct vhost, broker_link));
    put_rates(call, object, RATES_NODE, &totals, history);
    json_put(object, "churn_rates", rates_object(call, RATES_NODE, RATES_CHURN, &totals, history));
    json_put(object, "node", json_string(node_name(call)));
    json_put(object, "listeners", listeners(call));
}

static void put_visible(const struct call *call, json_t *object)
{
    struct rates_totals totals = {0};
    struct history *history = add_visible(call, &totals);

    put_rates(call, object, RATES_VHOST, &totals, history);
    history_free(history);
}

void overview_get(struct call *call)
{
    json_t *object = json_object();

    put_versions(call, object);
    json_put(object, "cluster_name", cluster_name(call));
    json_put(object, "rates_mode", json_string(RATES_MODE));
    json_put(object, "disable_stats", json_false());
    json_put(object, "exchange_types", exchange_types());
    if (call_monitor(call))
        put_node(call, object);
    else
        put_visible(call, object);
    call_json(call, object);
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
            json_array_append_new(
                list, json_pack("{s:o, s:b}", "name", json_text(slice_of(at, len)), "enabled", 1));
        at += at[len] ? len + 1 : len;
    }
    return list;
}

static json_t *list_of_one(const char *text)
{
    json_t *list = json_array();

    if (text)
        json_array_append_new(list, json_text(slice_str(text)));
    return list;
}

/* Memory, disk and churn, with their rates. */
static void put_node_rates(const struct call *call, json_t *object, const struct node_facts *facts)
{
    const struct history *history = sampler_node(call->management->sampler, 0);
    struct rates_totals totals;

    rates_begin_node(&totals, call->management);
    totals.memory_used = facts->memory_used;
    totals.disk_free = facts->disk_free;
    rates_put(call, object, RATES_NODE, RATES_FACTS, &totals, history);
    rates_put(call, object, RATES_NODE, RATES_CHURN, &totals, history);
}

static json_t *node_object(const struct call *call)
{
    struct node_facts facts;
    json_t *object = json_object();

    node_ask(call, &facts);
    json_put(object, "name", json_string(node_name(call)));
    json_put(object, "type", json_string("disc"));
    json_put(object, "running", json_true());
    json_put(object, "partitions", json_array());
    if (facts.pid != FACT_UNKNOWN) {
        char pid[32];
        snprintf(pid, sizeof(pid), "%llu", (unsigned long long)facts.pid);
        json_put(object, "os_pid", json_string(pid));
    }
    json_put_known(object, "uptime", facts.uptime_ms);
    json_put_known(object, "processors", facts.processors);
    json_put_known(object, "fd_used", facts.fd_used);
    json_put_known(object, "fd_total", facts.fd_total);
    json_put_number(object, "sockets_used", call->broker->connection_count);
    put_node_rates(call, object, &facts);
    json_put_known(object, "mem_limit", facts.memory_limit);
    json_put(object, "mem_alarm", json_boolean(call->broker->alarms[ALARM_MEMORY]));
    json_put_known(object, "disk_free_limit", facts.disk_free_limit);
    json_put(object, "disk_free_alarm", json_boolean(broker_disk_alarmed(call->broker)));
    json_put(object, "rates_mode", json_string(RATES_MODE));
    json_put(object, "exchange_types", exchange_types());
    json_put(object, "auth_mechanisms", auth_mechanisms(call));
    json_put(object, "db_dir", json_text_or_null(facts.data_directory));
    json_put(object, "config_files", list_of_one(facts.config_file));
    json_put(object, "enabled_plugins", json_array());
    json_put(object, "being_drained", json_boolean(call->broker->shutting_down));
    return object;
}

void nodes_list(struct call *call)
{
    json_t *list = json_array();

    json_array_append_new(list, node_object(call));
    call_json(call, list);
}

void node_get(struct call *call)
{
    if (slice_equal_str(call_arg(call, "node"), node_name(call)))
        call_json(call, node_object(call));
    else
        call_not_found(call);
}

/* ---- hash_password ---- */

void hash_password_get(struct call *call)
{
    /* RabbitMQ's form, whatever new passwords are hashed with here: it takes no time, and whoever
     * asks wants something for a definitions file. */
    const struct password_hashing hashing = {.algorithm = PASSWORD_DEFAULT};
    char *hash = password_hash(&hashing, &call->broker->rng, call_arg(call, "password"));

    call_json(call, json_pack("{s:s}", "ok", hash));
    mem_free(hash);
}
