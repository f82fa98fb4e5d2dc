/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters and policies as they were imported: to be read and exported. */
#include "broker/parameter.h"
#include "broker/vhost.h"
#include "management/list.h"
#include "management/object.h"

/* Which are wanted. */
struct filter {
    struct call *call;
    struct slice component;
    bool by_component, by_vhost, global, of_operator;
    json_t *rows;
};

static bool wants_vhost(const struct filter *filter, struct slice vhost)
{
    if (filter->by_vhost)
        return slice_equal_str(vhost, filter->call->vhost->name);
    return call_sees(filter->call, vhost);
}

static void add_parameter(void *context, const struct parameter *parameter)
{
    struct filter *filter = context;
    bool global = parameter->component.len == 0;

    if (global != filter->global || (!global && !wants_vhost(filter, parameter->vhost)) ||
        (filter->by_component && !slice_equal(parameter->component, filter->component)))
        return;
    json_array_append_new(filter->rows, object_parameter(parameter));
}

static void add_policy(void *context, const struct policy *policy)
{
    struct filter *filter = context;

    if (policy->of_operator == filter->of_operator && wants_vhost(filter, policy->vhost))
        json_array_append_new(filter->rows, object_policy(policy));
}

/* False after answering 404: the path names a virtual host that is not there. */
static bool start(struct call *call, struct filter *filter, bool by_vhost)
{
    filter->call = call;
    filter->by_vhost = by_vhost;
    if (by_vhost && !call_vhost(call))
        return false;
    filter->rows = json_array();
    return true;
}

static const char *const sorts[] = {"vhost", "component", "name", NULL};

void parameters_list(struct call *call)
{
    struct filter filter = {
        .component = call_arg(call, "component"),
        .by_component = call->capture_count > 0,
    };

    if (!start(call, &filter, call->capture_count > 1))
        return;
    parameters_each(call->broker->parameters, add_parameter, &filter);
    list_answer(call, filter.rows, sorts);
}

void global_parameters_list(struct call *call)
{
    struct filter filter = {.global = true};

    (void)start(call, &filter, false);
    parameters_each(call->broker->parameters, add_parameter, &filter);
    list_answer(call, filter.rows, sorts);
}

static void list_policies(struct call *call, bool of_operator)
{
    struct filter filter = {.of_operator = of_operator};

    if (!start(call, &filter, call->capture_count > 0))
        return;
    policies_each(call->broker->parameters, add_policy, &filter);
    list_answer(call, filter.rows, sorts);
}

void policies_list(struct call *call)
{
    list_policies(call, false);
}

void operator_policies_list(struct call *call)
{
    list_policies(call, true);
}
