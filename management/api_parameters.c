/* SPDX-License-Identifier: Apache-2.0 */
/* Runtime parameters and global parameters. RabbitMQ keeps operator policies and virtual hosts' limits
 * as parameters too, so they are found here under those components' names.
 */
#include "broker/parameter.h"

#include "broker/policy.h"
#include "broker/vhost.h"
#include "management/applied.h"
#include "management/list.h"
#include "management/object.h"
#include "management/policy_json.h"

#define OPERATOR_POLICY "operator_policy"
#define VHOST_LIMITS "vhost-limits"
#define LIMITS "limits" /* the name of the one parameter of that component */

static const char *const sorts[] = {"vhost", "component", "name", NULL};

/* ---- rows ---- */

static json_t *parameter_row(struct slice vhost, const char *component, struct slice name,
                             json_t *value)
{
    json_t *row = json_object();

    json_put(row, "value", value);
    json_put(row, "vhost", json_text(vhost));
    json_put(row, "component", json_string(component));
    json_put(row, "name", json_text(name));
    return row;
}

static json_t *operator_policy_row(const struct policy *policy)
{
    return parameter_row(policy->vhost, OPERATOR_POLICY, policy->name, policy_value_json(policy));
}

/* NULL when it has none. */
static json_t *limits_row(const struct vhost *vhost)
{
    json_t *limits = object_vhost_limits(vhost);

    if (json_object_size(limits) > 0)
        return parameter_row(slice_str(vhost->name), VHOST_LIMITS, slice_str(LIMITS), limits);
    json_decref(limits);
    return NULL;
}

/* ---- lists ---- */

/* Which are wanted. */
struct filter {
    struct call *call;
    struct slice component;
    bool by_component, by_vhost;
    json_t *rows;
};

static bool wants(const struct filter *filter, struct slice vhost, struct slice component)
{
    if (filter->by_component && !slice_equal(component, filter->component))
        return false;
    if (filter->by_vhost)
        return slice_equal_str(vhost, filter->call->vhost->name);
    return call_enters(filter->call, vhost);
}

static void add_parameter(void *context, const struct parameter *parameter)
{
    struct filter *filter = context;

    if (parameter->component.len > 0 && wants(filter, parameter->vhost, parameter->component))
        json_array_append_new(filter->rows, object_parameter(parameter));
}

static void add_operator_policy(void *context, const struct policy *policy)
{
    struct filter *filter = context;

    if (policy->of_operator && wants(filter, policy->vhost, slice_str(OPERATOR_POLICY)))
        json_array_append_new(filter->rows, operator_policy_row(policy));
}

static void add_limits(const struct filter *filter, const struct vhost *vhost)
{
    json_t *row =
        wants(filter, slice_str(vhost->name), slice_str(VHOST_LIMITS)) ? limits_row(vhost) : NULL;

    if (row)
        json_array_append_new(filter->rows, row);
}

void parameters_list(struct call *call)
{
    struct filter filter = {
        .call = call,
        .component = call_arg(call, "component"),
        .by_component = call->capture_count > 0,
        .by_vhost = call->capture_count > 1,
    };

    if (filter.by_vhost && !call_vhost(call))
        return;
    filter.rows = json_array();
    parameters_each(call->broker->parameters, add_parameter, &filter);
    policies_each(call->broker->policies, add_operator_policy, &filter);
    LIST_EACH(&call->broker->vhost_list, link)
        add_limits(&filter, CONTAINER_OF(link, struct vhost, broker_link));
    list_answer(call, filter.rows, sorts);
}

static void add_global(void *context, const struct parameter *parameter)
{
    if (parameter->component.len == 0)
        json_array_append_new(context, object_parameter(parameter));
}

void global_parameters_list(struct call *call)
{
    json_t *rows = json_array();

    parameters_each(call->broker->parameters, add_global, rows);
    list_answer(call, rows, sorts);
}

/* ---- one ---- */

/* What the path names; a global one has but a name. */
static struct parameter key_of(const struct call *call)
{
    return (struct parameter){
        .vhost = call_arg(call, "vhost"),
        .component = call_arg(call, "component"),
        .name = call_arg(call, "name"),
    };
}

static bool is_limits(const struct parameter *key)
{
    return slice_equal_str(key->component, VHOST_LIMITS) && slice_equal_str(key->name, LIMITS);
}

static bool is_operator_policy(const struct parameter *key)
{
    return slice_equal_str(key->component, OPERATOR_POLICY);
}

static struct policy policy_key(const struct parameter *key)
{
    return (struct policy){.vhost = key->vhost, .name = key->name, .of_operator = true};
}

/* NULL when there is no such. */
static json_t *find_row(const struct call *call, const struct parameter *key)
{
    const struct policy policy = policy_key(key);
    const struct policy *found_policy;
    struct parameter found;

    if (is_limits(key))
        return call->vhost ? limits_row(call->vhost) : NULL;
    if (is_operator_policy(key)) {
        found_policy = policy_find(call->broker->policies, &policy);
        return found_policy ? operator_policy_row(found_policy) : NULL;
    }
    return parameter_find(call->broker->parameters, key, &found) ? object_parameter(&found) : NULL;
}

void parameter_get(struct call *call)
{
    const struct parameter key = key_of(call);
    json_t *row = find_row(call, &key);

    if (row)
        call_json(call, row);
    else
        call_not_found(call);
}

/* ---- setting ---- */

static void refuse(struct call *call, struct buf *wrong)
{
    call_error(call, 400, "bad_request", "Validation failed\n\n%s", buf_cstr(wrong));
}

static void check_limit(const char *name, const json_t *value, struct buf *wrong)
{
    if (strcmp(name, "max-connections") != 0 && strcmp(name, "max-queues") != 0) {
        buf_printf(wrong, "Unrecognised terms [{<<\"%s\">>,", name);
        json_print_term(wrong, value);
        buf_add_str(wrong, "}] in limits\n");
    } else if (!json_is_integer(value)) {
        buf_printf(wrong, "%s should be a number, actually was ", name);
        json_print_term(wrong, value);
        buf_add_u8(wrong, '\n');
    }
}

static void set_limits(struct call *call, json_t *value)
{
    struct buf wrong = BUF_INIT;
    const char *name;
    json_t *limit;
    bool created = call->vhost->connections_max < 0 && call->vhost->queues_max < 0;

    if (!json_is_object(value))
        buf_add_str(&wrong, "limits must be a dictionary\n");
    json_object_foreach(value, name, limit) check_limit(name, limit, &wrong);
    if (wrong.len) {
        refuse(call, &wrong);
    } else {
        vhost_set_limit(call->vhost, slice_str("max-connections"), -1);
        vhost_set_limit(call->vhost, slice_str("max-queues"), -1);
        json_object_foreach(value, name, limit)
            vhost_set_limit(call->vhost, slice_str(name), json_integer_value(limit));
        call_made(call, created);
    }
    buf_fini(&wrong);
}

static void answer_set(struct call *call, enum err error, bool created)
{
    if (error == ERR_OK)
        call_made(call, created);
    else
        call_error(call, 400, "bad_request", "%s", err_text(error));
}

static void set_operator_policy(struct call *call, const struct parameter *key, json_t *value)
{
    struct policy policy = policy_key(key);
    struct buf definition = BUF_INIT;
    struct buf wrong = BUF_INIT;
    bool created = false;

    if (policy_from_json(&policy, value, &definition, &wrong)) {
        enum err error = policy_set(call->broker->policies, &policy, &created);
        if (error == ERR_OK)
            applied_answer(call, created ? 201 : 204);
        else
            answer_set(call, error, created);
    } else {
        refuse(call, &wrong);
    }
    buf_fini(&definition);
    buf_fini(&wrong);
}

/* Other components are plugins' of RabbitMQ, and answered as by one without the plugin. */
static void set_parameter(struct call *call, const struct parameter *key, json_t *value)
{
    if (is_operator_policy(key))
        set_operator_policy(call, key, value);
    else if (is_limits(key))
        set_limits(call, value);
    else if (slice_equal_str(key->component, "policy"))
        call_error(call, 400, "bad_request", "policies may not be set using this method");
    else
        call_error(call, 400, "bad_request", "Validation failed\n\ncomponent %.*s not found\n",
                   SLICE_FMT(key->component));
}

static void set_global(struct call *call, const struct parameter *key, json_t *value)
{
    struct parameter parameter = *key;
    struct buf text = BUF_INIT;
    bool created = false;

    json_write(&text, value);
    parameter.value = buf_slice(&text);
    enum err error = parameter_set(call->broker->parameters, &parameter, &created);
    answer_set(call, error, created);
    buf_fini(&text);
}

static void put(struct call *call,
                void (*set)(struct call *call, const struct parameter *key, json_t *value))
{
    static const char *const keys[] = {"value", NULL};
    const struct parameter key = key_of(call);
    json_t *body = call_body(call);

    if (body && call_keys(call, body, keys))
        set(call, &key, json_object_get(body, "value"));
    json_decref(body);
}

void parameter_put(struct call *call)
{
    if (call->vhost)
        put(call, set_parameter);
    else
        call_error(call, 404, "not_found", "vhost_not_found");
}

void global_parameter_put(struct call *call)
{
    put(call, set_global);
}

/* ---- clearing ---- */

static bool clear_limits(struct vhost *vhost)
{
    if (!vhost || (vhost->connections_max < 0 && vhost->queues_max < 0))
        return false;
    vhost_set_limit(vhost, slice_str("max-connections"), -1);
    vhost_set_limit(vhost, slice_str("max-queues"), -1);
    return true;
}

void parameter_delete(struct call *call)
{
    const struct parameter key = key_of(call);
    const struct policy policy = policy_key(&key);
    bool found = is_limits(&key)            ? clear_limits(call->vhost)
                 : is_operator_policy(&key) ? policy_clear(call->broker->policies, &policy)
                                            : parameter_clear(call->broker->parameters, &key);

    if (found)
        applied_answer(call, 204);
    else
        call_not_found(call);
}
