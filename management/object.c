/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual hosts, users, permissions, exchanges, queues and bindings as JSON. Connections, channels
 * and consumers are in object_client.c.
 */
#include "management/object.h"

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

json_t *object_time(int64_t wall_ms)
{
    char text[64];
    struct tm parts;
    time_t seconds = wall_ms / 1000;

    gmtime_r(&seconds, &parts);
    size_t len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + len, sizeof(text) - len, ".%03d+00:00", (int)(wall_ms % 1000));
    return json_string(text);
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

json_t *object_vhost(struct call *call, void *object)
{
    const struct vhost *vhost = object;
    struct rates_totals totals = {0};
    json_t *row = json_object();
    json_t *state = json_object();

    rates_add_vhost(&totals, vhost);
    json_put(row, "name", json_text(slice_str(vhost->name)));
    json_put(row, "description", json_text(slice_str(vhost->description)));
    json_put(row, "tags", json_list(vhost->tags));
    json_put(row, "default_queue_type", json_text(slice_str(default_type(vhost))));
    json_put(row, "tracing", json_boolean(vhost->tracing));
    json_put(row, "metadata", object_vhost_metadata(vhost));
    json_put(state, call->broker->options.node_name, json_string("running"));
    json_put(row, "cluster_state", state);
    rates_put(call, row, RATES_VHOST, RATES_LENGTHS, &totals, vhost->history);
    json_put(row, "message_stats",
             rates_object(call, RATES_VHOST, RATES_MESSAGES, &totals, vhost->history));
    return row;
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

json_t *object_user(struct call *call, void *object)
{
    const struct user *user = object;
    json_t *row = json_object();

    (void)call;
    json_put(row, "name", json_text(slice_str(user->name)));
    json_put(row, "password_hash", json_text(slice_str(user->password_hash)));
    json_put(row, "hashing_algorithm", json_text(slice_str(user->hashing_algorithm)));
    json_put(row, "tags", json_list(user->tags));
    json_put(row, "limits", object_user_limits(user));
    return row;
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

static json_t *policy_name(const struct policy *policy)
{
    return policy ? json_text(policy->name) : json_null();
}

static void put_policies(json_t *row, const struct policy_effect *policies)
{
    json_put(row, "policy", policy_name(policies->policy));
    json_put(row, "operator_policy", policy_name(policies->operator_policy));
    json_put(row, "effective_policy_definition", json_of_table(buf_slice(&policies->definition)));
}

json_t *object_exchange(struct call *call, void *object)
{
    const struct exchange *exchange = object;
    json_t *row = json_object();

    json_put(row, "name", json_text(slice_str(exchange->name)));
    json_put(row, "vhost", json_text(slice_str(exchange->vhost->name)));
    json_put(row, "type", json_string(exchange_type_name(exchange)));
    json_put(row, "durable", json_boolean(exchange->durable));
    json_put(row, "auto_delete", json_boolean(exchange->auto_delete));
    json_put(row, "internal", json_boolean(exchange->internal));
    json_put(row, "arguments", json_of_table(buf_slice(&exchange->arguments)));
    if (exchange->policies.policy || exchange->policies.operator_policy)
        put_policies(row, &exchange->policies);
    json_put(row, "message_stats",
             rates_object(call, RATES_EXCHANGE, RATES_MESSAGES, exchange, exchange->history));
    return row;
}

static json_t *consumer_tag(const struct consumer *consumer)
{
    return json_text_or_null(consumer ? consumer->tag : NULL);
}

static void set_queue_counts(const struct call *call, json_t *row, const struct queue *queue)
{
    json_put_number(row, "consumers", queue->consumer_count);
    rates_put(call, row, RATES_QUEUE, RATES_LENGTHS, queue, queue->history);
    json_put_number(row, "message_bytes", queue->ready_bytes + queue->unacked_bytes);
    json_put_number(row, "message_bytes_ready", queue->ready_bytes);
    json_put_number(row, "message_bytes_unacknowledged", queue->unacked_bytes);
    json_put(row, "message_stats",
             rates_object(call, RATES_QUEUE, RATES_MESSAGES, queue, queue->history));
}

json_t *object_queue(struct call *call, void *object)
{
    const struct queue *queue = object;
    json_t *row = json_object();

    json_put(row, "name", json_text(slice_str(queue->name)));
    json_put(row, "vhost", json_text(slice_str(queue->vhost->name)));
    json_put(row, "type", json_string(queue_type_name(queue->type)));
    json_put(row, "durable", json_boolean(queue->durable));
    json_put(row, "auto_delete", json_boolean(queue->auto_delete));
    json_put(row, "exclusive", json_boolean(queue->exclusive));
    json_put(row, "arguments", json_of_table(buf_slice(&queue->arguments)));
    json_put(row, "node", json_string(call->broker->options.node_name));
    json_put(row, "state", json_string("running"));
    set_queue_counts(call, row, queue);
    json_put(row, "exclusive_consumer_tag", consumer_tag(queue->exclusive_consumer));
    json_put(row, "single_active_consumer_tag", consumer_tag(queue->single_active));
    put_policies(row, &queue->policies);
    if (queue->owner)
        json_put(row, "owner_pid_details",
                 json_pack("{s:o}", "name", json_text(slice_str(queue->owner->name))));
    if (queue->idle_since_wall_ms > 0)
        json_put(row, "idle_since", object_time(queue->idle_since_wall_ms));
    return row;
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

json_t *object_binding(const struct binding_row *row)
{
    struct buf key = BUF_INIT;
    json_t *object = json_object();

    object_binding_key(&key, row);
    json_put(object, "source", json_text(row->source));
    json_put(object, "vhost", json_text(row->vhost));
    json_put(object, "destination", json_text(row->destination));
    json_put(object, "destination_type", json_string(row->to_exchange ? "exchange" : "queue"));
    json_put(object, "routing_key", json_text(row->key));
    json_put(object, "arguments", json_of_table(row->arguments));
    json_put(object, "properties_key", json_text(buf_slice(&key)));
    buf_fini(&key);
    return object;
}
