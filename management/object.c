/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual hosts, users, permissions, exchanges, queues and bindings as JSON. Connections, channels
 * and consumers are in object_client.c.
 */
#include "management/object.h"

#include "base/history.h"
#include "base/mem.h"
#include "broker/connection.h"
#include "broker/consumer.h"
#include "broker/exchange.h"
#include "broker/parameter.h"
#include "broker/policy.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/rates.h"
#include "routing/exchange_type.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* ---- small things ---- */

void object_time(struct row *row, const char *key, int64_t wall_ms)
{
    char text[64];
    struct tm parts;
    time_t seconds = wall_ms / 1000;

    if (!row_wants(row, key))
        return;
    gmtime_r(&seconds, &parts);
    size_t len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + len, sizeof(text) - len, ".%03d+00:00", (int)(wall_ms % 1000));
    row_text(row, key, slice_str(text));
}

/* ---- virtual hosts ---- */

json_t *object_vhost_metadata(const struct vhost *vhost)
{
    json_t *metadata = vhost->metadata && *vhost->metadata
                           ? json_loads(vhost->metadata, JSON_DECODE_ANY, NULL)
                           : NULL;

    if (!json_is_object(metadata)) {
        json_decref(metadata);
        metadata = json_object();
    }
    json_put(metadata, "description", json_text(slice_str(vhost->description)));
    json_put(metadata, "tags", json_list(vhost->tags));
    if (vhost->default_queue_type)
        json_put(metadata, "default_queue_type", json_text(slice_str(vhost->default_queue_type)));
    return metadata;
}

static const char *default_type(const struct vhost *vhost)
{
    return vhost->default_queue_type ? vhost->default_queue_type : "undefined";
}

void object_vhost(const struct call *call, struct row *row, const void *object)
{
    const struct vhost *vhost = object;
    struct rates_totals totals = {0};

    rates_add_vhost(&totals, vhost);
    row_text(row, "name", slice_str(vhost->name));
    row_text(row, "description", slice_str(vhost->description));
    row_json(row, "tags", json_list(vhost->tags));
    row_text(row, "default_queue_type", slice_str(default_type(vhost)));
    row_flag(row, "tracing", vhost->tracing);
    row_json(row, "metadata", object_vhost_metadata(vhost));
    if (row_open(row, "cluster_state")) {
        row_text(row, call->broker->options.node_name, slice_str("running"));
        row_close(row);
    }
    rates_put(call, row, RATES_VHOST, RATES_LENGTHS, &totals, vhost->history);
    rates_put_object(call, row, "message_stats", RATES_VHOST, RATES_MESSAGES, &totals,
                     vhost->history);
}

json_t *object_vhost_limits(const struct vhost *vhost)
{
    json_t *limits = json_object();

    if (vhost->connections_max >= 0)
        json_put(limits, "max-connections", json_integer(vhost->connections_max));
    if (vhost->queues_max >= 0)
        json_put(limits, "max-queues", json_integer(vhost->queues_max));
    return limits;
}

/* ---- users and permissions ---- */

json_t *object_user_limits(const struct user *user)
{
    json_t *limits = json_object();

    if (user->connections_max >= 0)
        json_put(limits, "max-connections", json_integer(user->connections_max));
    if (user->channels_max >= 0)
        json_put(limits, "max-channels", json_integer(user->channels_max));
    return limits;
}

void object_user(const struct call *call, struct row *row, const void *object)
{
    const struct user *user = object;

    (void)call;
    row_text(row, "name", slice_str(user->name));
    row_text(row, "password_hash", slice_str(user->password_hash));
    row_text(row, "hashing_algorithm", slice_str(user->hashing_algorithm));
    row_json(row, "tags", json_list(user->tags));
    row_json(row, "limits", object_user_limits(user));
}

json_t *object_permission(const struct permission_row *row)
{
    json_t *object = json_object();

    json_put(object, "user", json_text(row->user));
    json_put(object, "vhost", json_text(row->vhost));
    json_put(object, "configure", json_text(row->configure));
    json_put(object, "write", json_text(row->write));
    json_put(object, "read", json_text(row->read));
    return object;
}

json_t *object_topic_permission(const struct topic_permission_row *row)
{
    json_t *object = json_object();

    json_put(object, "user", json_text(row->user));
    json_put(object, "vhost", json_text(row->vhost));
    json_put(object, "exchange", json_text(row->exchange));
    json_put(object, "write", json_text(row->write));
    json_put(object, "read", json_text(row->read));
    return object;
}

/* ---- parameters and policies ---- */

/* JSON text that was checked when it came in. */
static json_t *parsed(struct slice text)
{
    json_t *value = json_loadb((const char *)text.data, text.len, JSON_DECODE_ANY, NULL);

    return value ? value : json_null();
}

json_t *object_parameter(const struct parameter *parameter)
{
    json_t *row = json_object();

    json_put(row, "name", json_text(parameter->name));
    json_put(row, "value", parsed(parameter->value));
    if (parameter->component.len) {
        json_put(row, "vhost", json_text(parameter->vhost));
        json_put(row, "component", json_text(parameter->component));
    }
    return row;
}

json_t *object_policy(const struct policy *policy)
{
    json_t *row = json_object();

    json_put(row, "vhost", json_text(policy->vhost));
    json_put(row, "name", json_text(policy->name));
    json_put(row, "pattern", json_text(policy->pattern));
    json_put(row, "apply-to", json_text(policy->apply_to));
    json_put(row, "definition", json_of_table(policy->definition));
    json_put(row, "priority", json_integer(policy->priority));
    return row;
}

/* ---- exchanges, queues, bindings ---- */

/* The default exchange has a type of its own inside, and none that clients know. */
static const char *exchange_type_name(const struct exchange *exchange)
{
    const struct exchange_type *type = exchange->route.type;

    return type->declarable ? type->name : "direct";
}

static void put_policy_name(struct row *row, const char *key, const struct policy *policy)
{
    if (policy)
        row_text(row, key, policy->name);
    else
        row_null(row, key);
}

static void put_policies(struct row *row, const struct policy_effect *policies)
{
    put_policy_name(row, "policy", policies->policy);
    put_policy_name(row, "operator_policy", policies->operator_policy);
    row_table(row, "effective_policy_definition", buf_slice(&policies->definition));
}

void object_exchange(const struct call *call, struct row *row, const void *object)
{
    const struct exchange *exchange = object;

    row_text(row, "name", slice_str(exchange->name));
    row_text(row, "vhost", slice_str(exchange->vhost->name));
    row_text(row, "type", slice_str(exchange_type_name(exchange)));
    row_flag(row, "durable", exchange->durable);
    row_flag(row, "auto_delete", exchange->auto_delete);
    row_flag(row, "internal", exchange->internal);
    row_table(row, "arguments", buf_slice(&exchange->arguments));
    if (exchange->policies.policy || exchange->policies.operator_policy)
        put_policies(row, &exchange->policies);
    rates_put_object(call, row, "message_stats", RATES_EXCHANGE, RATES_MESSAGES, exchange,
                     exchange->history);
}

static const char *consumer_tag(const struct consumer *consumer)
{
    return consumer ? consumer->tag : NULL;
}

/* Where its ready messages are: RabbitMQ's word for what is on the disk alone is "paged out". */
static void set_queue_memory(struct row *row, const struct queue *queue)
{
    uint64_t memory = sizeof(*queue), paged = 0, paged_bytes = 0;

    for (uint32_t i = 0; queue->lanes && i <= queue->settings.priority_max; i++) {
        const struct lane *lane = queue->lanes[i];
        memory += lane ? lane->memory : 0;
        paged += lane ? lane->paged_count : 0;
        paged_bytes += lane ? lane->paged_bytes : 0;
    }
    row_number(row, "memory", memory);
    row_number(row, "messages_paged_out", paged);
    row_number(row, "messages_ram", queue->ready_count + queue->unacked_count - paged);
    row_number(row, "messages_ready_ram", queue->ready_count - paged);
    row_number(row, "messages_unacknowledged_ram", queue->unacked_count);
    row_number(row, "message_bytes_paged_out", paged_bytes);
    row_number(row, "message_bytes_ram", queue->ready_bytes + queue->unacked_bytes - paged_bytes);
}

static void set_queue_counts(const struct call *call, struct row *row, const struct queue *queue)
{
    row_number(row, "consumers", queue->consumer_count);
    rates_put(call, row, RATES_QUEUE, RATES_LENGTHS, queue, queue->history);
    row_number(row, "message_bytes", queue->ready_bytes + queue->unacked_bytes);
    row_number(row, "message_bytes_ready", queue->ready_bytes);
    row_number(row, "message_bytes_unacknowledged", queue->unacked_bytes);
    set_queue_memory(row, queue);
    rates_put_object(call, row, "message_stats", RATES_QUEUE, RATES_MESSAGES, queue,
                     queue->history);
}

/* Queues note only who comes to use them; that their numbers change is seen by the sampler, if there is one,
 * as late as it looks. */
static int64_t idle_since_wall_ms(const struct broker *broker, const struct queue *queue)
{
    const struct history *history = queue->history;
    if (!history || history_count(history) == 0)
        return queue->idle_since_wall_ms;
    int64_t changed_ms = history_time(history, history_still(history) - 1);
    int64_t changed_wall_ms = broker->wall_ms - (broker->now_ms - changed_ms);
    return changed_wall_ms > queue->idle_since_wall_ms ? changed_wall_ms
                                                       : queue->idle_since_wall_ms;
}

void object_queue(const struct call *call, struct row *row, const void *object)
{
    const struct queue *queue = object;

    row_text(row, "name", slice_str(queue->name));
    row_text(row, "vhost", slice_str(queue->vhost->name));
    row_text(row, "type", slice_str(queue_type_name(queue->type)));
    row_flag(row, "durable", queue->durable);
    row_flag(row, "auto_delete", queue->auto_delete);
    row_flag(row, "exclusive", queue->exclusive);
    row_table(row, "arguments", buf_slice(&queue->arguments));
    row_text(row, "node", slice_str(call->broker->options.node_name));
    row_text(row, "state", slice_str("running"));
    set_queue_counts(call, row, queue);
    row_string(row, "exclusive_consumer_tag", consumer_tag(queue->exclusive_consumer));
    row_string(row, "single_active_consumer_tag", consumer_tag(queue->single_active));
    put_policies(row, &queue->policies);
    if (queue->owner && row_open(row, "owner_pid_details")) {
        row_text(row, "name", slice_str(queue->owner->name));
        row_close(row);
    }
    if (queue->idle_since_wall_ms > 0)
        object_time(row, "idle_since", idle_since_wall_ms(call->broker, queue));
}

/* As forms quote: space is '+'. The tilde is the separator, so it is quoted as well. */
static void quote_key(struct buf *out, struct slice key)
{
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] == ' ')
            buf_add_u8(out, '+');
        else if (key.data[i] == '~')
            buf_add_str(out, "%7E");
        else
            http_encode(out, slice_of(key.data + i, 1));
    }
}

void object_binding_key(struct buf *out, const struct binding_row *row)
{
    quote_key(out, row->key);
    if (row->arguments.len)
        buf_printf(out, "~%08" PRIx32, (uint32_t)hmap_hash(row->arguments, 0));
    else if (row->key.len == 0)
        buf_add_u8(out, '~');
}

static struct slice target_name(struct route_target *target)
{
    return slice_str(target->is_exchange ? target_exchange(target)->name
                                         : target_queue(target)->name);
}

struct binding_row binding_row_of(const struct binding *binding)
{
    const struct exchange *source = CONTAINER_OF(binding->source, struct exchange, route);

    return (struct binding_row){
        .vhost = slice_str(source->vhost->name),
        .source = slice_str(source->name),
        .destination = target_name(binding->destination),
        .to_exchange = binding->destination->is_exchange,
        .key = binding->key,
        .arguments = binding->arguments,
    };
}

struct binding_row binding_row_implicit(const struct queue *queue)
{
    return (struct binding_row){
        .vhost = slice_str(queue->vhost->name),
        .source = slice_str(""),
        .destination = slice_str(queue->name),
        .key = slice_str(queue->name),
    };
}

void object_binding(const struct call *call, struct row *row, const void *object)
{
    const struct binding_row *binding = object;
    struct buf key = BUF_INIT;

    (void)call;
    object_binding_key(&key, binding);
    row_text(row, "source", binding->source);
    row_text(row, "vhost", binding->vhost);
    row_text(row, "destination", binding->destination);
    row_text(row, "destination_type", slice_str(binding->to_exchange ? "exchange" : "queue"));
    row_text(row, "routing_key", binding->key);
    row_table(row, "arguments", binding->arguments);
    row_text(row, "properties_key", buf_slice(&key));
    buf_fini(&key);
}

json_t *object_json(const struct call *call,
                    void (*write)(const struct call *call, struct row *row, const void *object),
                    const void *object)
{
    struct buf text = BUF_INIT;
    struct row row;

    row_init(&row, &text, NULL);
    row_begin(&row);
    write(call, &row, object);
    row_end(&row);
    row_fini(&row);
    json_t *value = json_loadb((const char *)text.data, text.len, 0, NULL);
    CHECK(value);
    buf_fini(&text);
    return value;
}
