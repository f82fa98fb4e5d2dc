/* SPDX-License-Identifier: Apache-2.0 */
/* The node: overview, versions, who is asking, the names of things. */
#include "management/node.h"

#include "base/mem.h"
#include "broker/connection.h"
#include "broker/parameter.h"
#include "broker/password.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/identity.h"
#include "management/object.h"
#include "routing/exchange_type.h"

#include <stdio.h>

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

struct totals {
    struct message_stats stats;
    uint64_t ready, unacked, queues, exchanges, consumers, connections, channels;
};

static void add_stats(struct message_stats *sum, const struct message_stats *stats)
{
#define X(name, meaning) sum->name += stats->name;
    MESSAGE_STATS_TABLE(X)
#undef X
}

static void count_vhost(struct totals *totals, const struct vhost *vhost)
{
    add_stats(&totals->stats, &vhost->stats);
    totals->queues += vhost->queues.count;
    totals->exchanges += vhost->exchanges.count;
    HMAP_EACH(&vhost->queues, node) {
        const struct queue *queue = CONTAINER_OF(node, struct queue, node);
        totals->ready += queue->ready_count;
        totals->unacked += queue->unacked_count;
        totals->consumers += queue->consumer_count;
    }
    LIST_EACH(&vhost->connections, link) {
        const struct connection *connection = CONTAINER_OF(link, struct connection, vhost_link);
        if (connection->internal)
            continue;
        totals->connections++;
        totals->channels += connection->channel_count;
    }
}

static json_t *object_totals(const struct totals *totals)
{
    json_t *object = json_object();

    json_put_number(object, "channels", totals->channels);
    json_put_number(object, "connections", totals->connections);
    json_put_number(object, "consumers", totals->consumers);
    json_put_number(object, "exchanges", totals->exchanges);
    json_put_number(object, "queues", totals->queues);
    return object;
}

static json_t *queue_totals(const struct totals *totals)
{
    json_t *object = json_object();

    json_put_number(object, "messages", totals->ready + totals->unacked);
    json_put_number(object, "messages_ready", totals->ready);
    json_put_number(object, "messages_unacknowledged", totals->unacked);
    return object;
}

static json_t *churn(const struct broker *broker)
{
    json_t *object = json_object();

    json_put_number(object, "channel_closed", broker->churn.channels_closed);
    json_put_number(object, "channel_created", broker->churn.channels_opened);
    json_put_number(object, "connection_closed", broker->churn.connections_closed);
    json_put_number(object, "connection_created", broker->churn.connections_opened);
    json_put_number(object, "queue_created", broker->churn.queues_created);
    json_put_number(object, "queue_declared", broker->churn.queues_declared);
    json_put_number(object, "queue_deleted", broker->churn.queues_deleted);
    return object;
}

static void put_versions(const struct call *call, json_t *object)
{
    json_put(object, "management_version", json_string(call->management->version));
    json_put(object, "product_name", json_string(PRODUCT_NAME));
    json_put(object, "product_version", json_string(call->management->version));
    json_put(object, "rabbitmq_version", json_string(IMITATED_VERSION));
}

void overview_get(struct call *call)
{
    struct totals totals = {0};
    json_t *object = json_object();

    LIST_EACH(&call->broker->vhost_list, link) {
        const struct vhost *vhost = CONTAINER_OF(link, struct vhost, broker_link);
        if (call_sees(call, slice_str(vhost->name)))
            count_vhost(&totals, vhost);
    }
    put_versions(call, object);
    json_put(object, "cluster_name", cluster_name(call));
    json_put(object, "rates_mode", json_string("none"));
    json_put(object, "disable_stats", json_false());
    json_put(object, "exchange_types", exchange_types());
    json_put(object, "object_totals", object_totals(&totals));
    json_put(object, "queue_totals", queue_totals(&totals));
    json_put(object, "message_stats", object_stats(&totals.stats, STATS_ALL));
    if (call_monitor(call)) {
        json_put(object, "churn_rates", churn(call->broker));
        json_put(object, "node", json_string(node_name(call)));
        json_put(object, "listeners", listeners(call));
    }
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
    json_put_known(object, "mem_used", facts.memory_used);
    json_put_known(object, "mem_limit", facts.memory_limit);
    json_put(object, "mem_alarm", json_boolean(call->broker->alarms[ALARM_MEMORY]));
    json_put_known(object, "disk_free", facts.disk_free);
    json_put_known(object, "disk_free_limit", facts.disk_free_limit);
    json_put(object, "disk_free_alarm", json_boolean(call->broker->alarms[ALARM_DISK]));
    json_put(object, "rates_mode", json_string("none"));
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
    char *hash = password_hash(PASSWORD_DEFAULT, &call->broker->rng, call_arg(call, "password"));

    call_json(call, json_pack("{s:s}", "ok", hash));
    mem_free(hash);
}
