/* SPDX-License-Identifier: Apache-2.0 */
/* Policies and operator policies: listed, read, set and cleared. */
#include "broker/policy.h"

#include "broker/vhost.h"
#include "management/applied.h"
#include "management/list.h"
#include "management/object.h"
#include "management/policy_json.h"

static const char *const sorts[] = {"vhost", "name", NULL};

/* ---- lists ---- */

struct listing {
    struct call *call;
    bool of_operator;
    json_t *rows;
};

static void add_row(void *context, const struct policy *policy)
{
    struct listing *listing = context;
    const struct vhost *vhost = listing->call->vhost;

    if (policy->of_operator != listing->of_operator)
        return;
    if (vhost ? slice_equal_str(policy->vhost, vhost->name)
              : call_enters(listing->call, policy->vhost))
        json_array_append_new(listing->rows, object_policy(policy));
}

static void list(struct call *call, bool of_operator)
{
    struct listing listing = {.call = call, .of_operator = of_operator};

    if (call->capture_count > 0 && !call_vhost(call))
        return;
    listing.rows = json_array();
    policies_each(call->broker->policies, add_row, &listing);
    list_answer(call, listing.rows, sorts);
}

void policies_list(struct call *call)
{
    list(call, false);
}

void operator_policies_list(struct call *call)
{
    list(call, true);
}

/* ---- one ---- */

/* Who the path names. */
static struct policy key_of(const struct call *call, bool of_operator)
{
    return (struct policy){
        .vhost = call_arg(call, "vhost"),
        .name = call_arg(call, "policy"),
        .of_operator = of_operator,
    };
}

static void get(struct call *call, bool of_operator)
{
    const struct policy key = key_of(call, of_operator);
    const struct policy *found = policy_find(call->broker->policies, &key);

    if (found)
        call_json(call, object_policy(found));
    else
        call_not_found(call);
}

void policy_get(struct call *call)
{
    get(call, false);
}

void operator_policy_get(struct call *call)
{
    get(call, true);
}

static void set(struct call *call, struct policy *policy, const json_t *body)
{
    struct buf definition = BUF_INIT;
    struct buf wrong = BUF_INIT;
    bool created;

    if (!policy_from_json(policy, body, &definition, &wrong)) {
        call_error(call, 400, "bad_request", "Validation failed\n\n%s", buf_cstr(&wrong));
    } else {
        enum err error = policy_set(call->broker->policies, policy, &created);
        if (error == ERR_OK)
            applied_answer(call, created ? 201 : 204);
        else
            call_error(call, 400, "bad_request", "%s", err_text(error));
    }
    buf_fini(&definition);
    buf_fini(&wrong);
}

static void put(struct call *call, bool of_operator)
{
    static const char *const keys[] = {"pattern", "definition", NULL};
    struct policy policy = key_of(call, of_operator);

    if (!call->vhost) {
        call_error(call, 404, "not_found", "vhost_not_found");
        return;
    }
    json_t *body = call_body(call);
    if (body && call_keys(call, body, keys))
        set(call, &policy, body);
    json_decref(body);
}

void policy_put(struct call *call)
{
    put(call, false);
}

void operator_policy_put(struct call *call)
{
    put(call, true);
}

static void clear(struct call *call, bool of_operator)
{
    const struct policy key = key_of(call, of_operator);

    if (policy_clear(call->broker->policies, &key))
        applied_answer(call, 204);
    else
        call_not_found(call);
}

void policy_delete(struct call *call)
{
    clear(call, false);
}

void operator_policy_delete(struct call *call)
{
    clear(call, true);
}
