/* SPDX-License-Identifier: Apache-2.0 */
/* Export of definitions. The import is in definitions_import.c and definitions_check.c.
 *
 * (1) Exclusive queues and what RabbitMQ declares by itself (amq.*) are left out.
 * (2) Objects are in order of their names, so that two exports can be compared.
 * (3) The document is written a section after another, queues, exchanges and bindings in parts.
 */
#include "management/definitions.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/exchange.h"
#include "broker/parameter.h"
#include "broker/policy.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/identity.h"
#include "management/json.h"
#include "management/json_sort.h"
#include "management/list_bindings.h"
#include "management/list_named.h"
#include "management/object.h"
#include "management/policy_json.h"
#include "routing/exchange_type.h"

struct export
{
    struct call *call;
    struct broker *broker;
    bool one_vhost;
    struct vhost *vhost; /* that one, found again for each part; NULL: all */
    struct row row;      /* the document */
    size_t section;
    bool open;               /* its list */
    struct listing *listing; /* of its objects */
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

static void put_place(const struct call *call, struct row *row, const char *vhost)
{
    if (call_arg(call, "vhost").len == 0)
        row_text(row, "vhost", slice_str(vhost));
}

static void add_queue(struct listing *listing, enum walk_kind kind, void *object)
{
    const struct queue *queue = object;

    (void)kind;
    if (!queue->exclusive)
        list_add_queue(listing, queue);
}

static void write_queue(const struct call *call, struct row *row, const void *object)
{
    const struct queue *queue = object;

    row_text(row, "name", slice_str(queue->name));
    put_place(call, row, queue->vhost->name);
    row_text(row, "type", slice_str(queue_type_name(queue->type)));
    row_flag(row, "durable", queue->durable);
    row_flag(row, "auto_delete", queue->auto_delete);
    row_table(row, "arguments", buf_slice(&queue->arguments));
}

static const struct list_kind queues = {
    .walks = {WALK_QUEUES},
    .walk_count = 1,
    .add = add_queue,
    .find = list_find_queue,
    .write = write_queue,
};

static void add_exchange(struct listing *listing, enum walk_kind kind, void *object)
{
    const struct exchange *exchange = object;

    (void)kind;
    if (!exchange->predeclared)
        list_add_exchange(listing, exchange);
}

static void write_exchange(const struct call *call, struct row *row, const void *object)
{
    const struct exchange *exchange = object;

    row_text(row, "name", slice_str(exchange->name));
    put_place(call, row, exchange->vhost->name);
    row_text(row, "type", slice_str(exchange->route.type->name));
    row_flag(row, "durable", exchange->durable);
    row_flag(row, "auto_delete", exchange->auto_delete);
    row_flag(row, "internal", exchange->internal);
    row_table(row, "arguments", buf_slice(&exchange->arguments));
}

static const struct list_kind exchanges = {
    .walks = {WALK_EXCHANGES},
    .walk_count = 1,
    .add = add_exchange,
    .find = list_find_exchange,
    .write = write_exchange,
};

static void add_binding(struct listing *listing, enum walk_kind kind, void *object)
{
    const struct binding *binding = object;
    struct route_target *target = binding->destination;

    (void)kind;
    if (target->is_exchange || !target_queue(target)->exclusive)
        list_add_binding(listing, binding_row_of(binding));
}

static void write_binding(const struct call *call, struct row *row, const void *object)
{
    const struct binding_row *binding = object;

    row_text(row, "source", binding->source);
    if (call_arg(call, "vhost").len == 0)
        row_text(row, "vhost", binding->vhost);
    row_text(row, "destination", binding->destination);
    row_text(row, "destination_type", slice_str(binding->to_exchange ? "exchange" : "queue"));
    row_text(row, "routing_key", binding->key);
    row_table(row, "arguments", binding->arguments);
}

static const struct list_kind bindings = {
    .walks = {WALK_BINDINGS},
    .walk_count = 1,
    .nameless = true,
    .add = add_binding,
    .find = list_find_binding,
    .write = write_binding,
};

/* ---- the document ---- */

static const struct section {
    const char *key;
    bool node_only;                       /* not in one virtual host's document */
    void (*write)(struct export *export); /* NULL: `kind` says what is in it */
    const struct list_kind *kind;
} sections[] = {
    {"users", true, export_users, NULL},
    {"vhosts", true, export_vhosts, NULL},
    {"permissions", true, export_permissions, NULL},
    {"topic_permissions", true, export_topic_permissions, NULL},
    {"parameters", false, export_parameters, NULL},
    {"global_parameters", true, export_global_parameters, NULL},
    {"policies", false, export_policies, NULL},
    {"queues", false, NULL, &queues},
    {"exchanges", false, NULL, &exchanges},
    {"bindings", false, NULL, &bindings},
};

static void put_head(struct row *row, const struct export *export, const char *version)
{
    const struct vhost *vhost = export->vhost;

    row_text(row, "rabbit_version", slice_str(IMITATED_VERSION));
    row_text(row, "rabbitmq_version", slice_str(IMITATED_VERSION));
    row_text(row, "product_name", slice_str(PRODUCT_NAME));
    row_text(row, "product_version", slice_str(version));
    row_text(row, "rabbitmq_definition_format",
             slice_str(vhost ? "single_virtual_host" : "cluster"));
    if (!vhost) {
        row_text(row, "original_cluster_name", slice_str(export->broker->options.node_name));
        return;
    }
    row_text(row, "original_vhost_name", slice_str(vhost->name));
    row_json(row, "metadata", object_vhost_metadata(vhost));
    row_text(row, "description", slice_str(vhost->description));
    if (vhost->default_queue_type)
        row_text(row, "default_queue_type", slice_str(vhost->default_queue_type));
}

static void write_small_section(struct export *export, const struct section *section)
{
    static const char *const order[] = {"vhost",  "user",        "component",   "name", "exchange",
                                        "source", "destination", "routing_key", NULL};
    size_t before = export->call->response->body.len;

    export->rows = json_array();
    section->write(export);
    row_json(&export->row, section->key, json_sorted(export->rows, order, false));
    json_decref(export->rows);
    export->rows = NULL;
    call_spend(export->call, export->call->response->body.len - before);
}

/* True when the section is done. */
static bool write_section(struct export *export, const struct section *section)
{
    if (export->one_vhost && (section->node_only || !export->vhost))
        return true;
    if (section->write) {
        write_small_section(export, section);
        return true;
    }
    if (!export->open) {
        if (!row_open_list(&export->row, section->key))
            return true;
        export->open = true;
        export->listing =
            list_new(export->call, section->kind, call_arg(export->call, "vhost"), &export->row);
    }
    if (!list_run(export->listing))
        return false;
    row_close(&export->row);
    export->open = false;
    list_free(export->listing);
    export->listing = NULL;
    return true;
}

static bool run_export(struct call *call, void *state)
{
    struct export *export = state;

    CHECK(export->call == call);
    if (export->one_vhost)
        export->vhost = vhost_find(call->broker, call_arg(call, "vhost"));
    while (export->section < ARRAY_LEN(sections)) {
        if (call_spent(call) || !write_section(export, &sections[export->section]))
            return false;
        export->section++;
    }
    row_end(&export->row);
    return true;
}

static void free_export(void *state)
{
    struct export *export = state;

    if (export->listing)
        list_free(export->listing);
    row_fini(&export->row);
    mem_free(export);
}

void definitions_answer(struct call *call)
{
    static const struct call_task task = {.run = run_export, .free = free_export};
    struct export *export = MEM_NEW(struct export);

    export->call = call;
    export->broker = call->broker;
    export->vhost = call->vhost;
    export->one_vhost = call->vhost;
    call_begin_object(call, &export->row);
    put_head(&export->row, export, call->management->version);
    call_set_task(call, &task, export);
}
