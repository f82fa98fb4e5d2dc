/* SPDX-License-Identifier: Apache-2.0 */
/* Export of definitions. The import is in definitions_import.c and definitions_check.c.
 *
 * (1) Exclusive queues and what RabbitMQ declares by itself (amq.*) are left out.
 * (2) Objects are in order of their names, so that two exports can be compared.
 */
#include "management/definitions.h"

#include "broker/broker.h"
#include "broker/exchange.h"
#include "broker/parameter.h"
#include "broker/policy.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/identity.h"
#include "management/json.h"
#include "management/json_sort.h"
#include "management/object.h"
#include "management/policy_json.h"
#include "routing/exchange_type.h"

struct export
{
    struct broker *broker;
    struct vhost *vhost; /* NULL: all */
    json_t *rows;
};

static bool wants(const struct export *export, struct slice vhost)
{
    return !export->vhost || slice_equal_str(vhost, export->vhost->name);
}

/* Each virtual host that is exported. */
static void each_vhost(struct export *export,
                       void (*each)(struct export *export, struct vhost *vhost))
{
    if (export->vhost) {
        each(export, export->vhost);
        return;
    }
    LIST_EACH(&export->broker->vhost_list, link)
        each(export, CONTAINER_OF(link, struct vhost, broker_link));
}

/* An object of one virtual host's document doesn't name it. */
static void put_vhost(const struct export *export, json_t *row, const char *name)
{
    if (!export->vhost)
        json_put(row, "vhost", json_text(slice_str(name)));
}

/* ---- users, virtual hosts, permissions ---- */

static void add_user(void *context, struct user *user)
{
    struct export *export = context;

    json_array_append_new(export->rows, object_json(NULL, object_user, user));
}

static void export_users(struct export *export)
{
    access_each_user(export->broker->access, add_user, export);
}

static void add_vhost(struct export *export, struct vhost *vhost)
{
    json_t *row = json_object();

    json_put(row, "name", json_text(slice_str(vhost->name)));
    json_put(row, "description", json_text(slice_str(vhost->description)));
    json_put(row, "tags", json_list(vhost->tags));
    if (vhost->default_queue_type)
        json_put(row, "default_queue_type", json_text(slice_str(vhost->default_queue_type)));
    json_put(row, "metadata", object_vhost_metadata(vhost));
    json_array_append_new(export->rows, row);
}

static void export_vhosts(struct export *export)
{
    each_vhost(export, add_vhost);
}

static void add_permission(void *context, const struct permission_row *row)
{
    struct export *export = context;

    json_array_append_new(export->rows, object_permission(row));
}

static void export_permissions(struct export *export)
{
    access_each_permission(export->broker->access, add_permission, export);
}

static void add_topic_permission(void *context, const struct topic_permission_row *row)
{
    struct export *export = context;

    json_array_append_new(export->rows, object_topic_permission(row));
}

static void export_topic_permissions(struct export *export)
{
    access_each_topic_permission(export->broker->access, add_topic_permission, export);
}

/* ---- parameters and policies ---- */

static void add_parameter(void *context, const struct parameter *parameter)
{
    struct export *export = context;

    if (parameter->component.len == 0 || !wants(export, parameter->vhost))
        return;
    json_t *row = object_parameter(parameter);
    if (export->vhost)
        json_object_del(row, "vhost");
    json_array_append_new(export->rows, row);
}

/* Operator policies travel as parameters. */
static void add_operator_policy(void *context, const struct policy *policy)
{
    struct export *export = context;

    if (!policy->of_operator || !wants(export, policy->vhost))
        return;
    json_t *row = json_object();
    if (!export->vhost)
        json_put(row, "vhost", json_text(policy->vhost));
    json_put(row, "component", json_string("operator_policy"));
    json_put(row, "name", json_text(policy->name));
    json_put(row, "value", policy_value_json(policy));
    json_array_append_new(export->rows, row);
}

/* So do virtual hosts' limits. */
static void add_vhost_limits(struct export *export, struct vhost *vhost)
{
    json_t *limits = object_vhost_limits(vhost);
    json_t *row;

    if (json_object_size(limits) == 0) {
        json_decref(limits);
        return;
    }
    row = json_object();
    put_vhost(export, row, vhost->name);
    json_put(row, "component", json_string("vhost-limits"));
    json_put(row, "name", json_string("limits"));
    json_put(row, "value", limits);
    json_array_append_new(export->rows, row);
}

static void export_parameters(struct export *export)
{
    parameters_each(export->broker->parameters, add_parameter, export);
    policies_each(export->broker->policies, add_operator_policy, export);
    each_vhost(export, add_vhost_limits);
}

static void add_global_parameter(void *context, const struct parameter *parameter)
{
    struct export *export = context;

    if (parameter->component.len == 0)
        json_array_append_new(export->rows, object_parameter(parameter));
}

static void export_global_parameters(struct export *export)
{
    parameters_each(export->broker->parameters, add_global_parameter, export);
}

static void add_policy(void *context, const struct policy *policy)
{
    struct export *export = context;

    if (policy->of_operator || !wants(export, policy->vhost))
        return;
    json_t *row = object_policy(policy);
    if (export->vhost)
        json_object_del(row, "vhost");
    json_array_append_new(export->rows, row);
}

static void export_policies(struct export *export)
{
    policies_each(export->broker->policies, add_policy, export);
}

/* ---- queues, exchanges, bindings ---- */

static void add_queues(struct export *export, struct vhost *vhost)
{
    HMAP_EACH(&vhost->queues, node) {
        struct queue *queue = CONTAINER_OF(node, struct queue, node);
        if (queue->exclusive)
            continue;
        json_t *row = json_object();
        json_put(row, "name", json_text(slice_str(queue->name)));
        put_vhost(export, row, vhost->name);
        json_put(row, "type", json_string(queue_type_name(queue->type)));
        json_put(row, "durable", json_boolean(queue->durable));
        json_put(row, "auto_delete", json_boolean(queue->auto_delete));
        json_put(row, "arguments", json_of_table(buf_slice(&queue->arguments)));
        json_array_append_new(export->rows, row);
    }
}

static void export_queues(struct export *export)
{
    each_vhost(export, add_queues);
}

static void add_exchanges(struct export *export, struct vhost *vhost)
{
    HMAP_EACH(&vhost->exchanges, node) {
        struct exchange *exchange = CONTAINER_OF(node, struct exchange, node);
        if (exchange->predeclared)
            continue;
        json_t *row = json_object();
        json_put(row, "name", json_text(slice_str(exchange->name)));
        put_vhost(export, row, vhost->name);
        json_put(row, "type", json_string(exchange->route.type->name));
        json_put(row, "durable", json_boolean(exchange->durable));
        json_put(row, "auto_delete", json_boolean(exchange->auto_delete));
        json_put(row, "internal", json_boolean(exchange->internal));
        json_put(row, "arguments", json_of_table(buf_slice(&exchange->arguments)));
        json_array_append_new(export->rows, row);
    }
}

static void export_exchanges(struct export *export)
{
    each_vhost(export, add_exchanges);
}

static void add_binding(struct export *export, const struct vhost *vhost,
                        const struct exchange *source, const struct binding *binding)
{
    struct route_target *target = binding->destination;

    if (!target->is_exchange && target_queue(target)->exclusive)
        return;
    json_t *row = json_object();
    json_put(row, "source", json_text(slice_str(source->name)));
    put_vhost(export, row, vhost->name);
    json_put(row, "destination",
             json_text(slice_str(target->is_exchange ? target_exchange(target)->name
                                                     : target_queue(target)->name)));
    json_put(row, "destination_type", json_string(target->is_exchange ? "exchange" : "queue"));
    json_put(row, "routing_key", json_text(binding->key));
    json_put(row, "arguments", json_of_table(binding->arguments));
    json_array_append_new(export->rows, row);
}

static void add_bindings(struct export *export, struct vhost *vhost)
{
    HMAP_EACH(&vhost->exchanges, node) {
        struct exchange *source = CONTAINER_OF(node, struct exchange, node);
        LIST_EACH(&source->route.bindings_from, link)
            add_binding(export, vhost, source, CONTAINER_OF(link, struct binding, in_source));
    }
}

static void export_bindings(struct export *export)
{
    each_vhost(export, add_bindings);
}

/* ---- the document ---- */

static const struct section {
    const char *key;
    bool node_only; /* not in one virtual host's document */
    void (*write)(struct export *export);
} sections[] = {
    {"users", true, export_users},
    {"vhosts", true, export_vhosts},
    {"permissions", true, export_permissions},
    {"topic_permissions", true, export_topic_permissions},
    {"parameters", false, export_parameters},
    {"global_parameters", true, export_global_parameters},
    {"policies", false, export_policies},
    {"queues", false, export_queues},
    {"exchanges", false, export_exchanges},
    {"bindings", false, export_bindings},
};

static void put_head(json_t *document, const struct export *export, const char *version)
{
    json_put(document, "rabbit_version", json_string(IMITATED_VERSION));
    json_put(document, "rabbitmq_version", json_string(IMITATED_VERSION));
    json_put(document, "product_name", json_string(PRODUCT_NAME));
    json_put(document, "product_version", json_string(version));
    json_put(document, "rabbitmq_definition_format",
             json_string(export->vhost ? "single_virtual_host" : "cluster"));
    if (export->vhost) {
        json_put(document, "original_vhost_name", json_text(slice_str(export->vhost->name)));
        json_put(document, "metadata", object_vhost_metadata(export->vhost));
        json_put(document, "description", json_text(slice_str(export->vhost->description)));
        if (export->vhost->default_queue_type)
            json_put(document, "default_queue_type",
                     json_text(slice_str(export->vhost->default_queue_type)));
    } else {
        json_put(document, "original_cluster_name", json_string(export->broker->options.node_name));
    }
}

json_t *definitions_export(struct broker *broker, struct vhost *vhost, const char *version)
{
    static const char *const order[] = {"vhost",  "user",        "component",   "name", "exchange",
                                        "source", "destination", "routing_key", NULL};
    struct export export = {.broker = broker, .vhost = vhost};
    json_t *document = json_object();

    put_head(document, &export, version);
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        if (vhost && sections[i].node_only)
            continue;
        export.rows = json_array();
        sections[i].write(&export);
        json_put(document, sections[i].key, json_sorted(export.rows, order, false));
        json_decref(export.rows);
    }
    return document;
}
