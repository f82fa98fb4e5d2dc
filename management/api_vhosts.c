/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual hosts and their limits. */
#include "broker/connection.h"
#include "broker/queue_settings.h"
#include "broker/vhost.h"
#include "management/list.h"
#include "management/names.h"
#include "management/object.h"
#include "management/policy_json.h"
#include "management/vhost_fields.h"

static const void *find_item(struct call *call, const struct list_item *item)
{
    return vhost_find(call->broker, item->name);
}

void vhosts_list(struct call *call)
{
    static const struct list_kind kind = {.find = find_item, .write = object_vhost};
    struct listing *listing = list_begin(call, &kind, NULL);

    if (!listing)
        return;
    LIST_EACH(&call->broker->vhost_list, link) {
        const struct vhost *vhost = CONTAINER_OF(link, struct vhost, broker_link);
        if (call_sees(call, slice_str(vhost->name)))
            list_add(listing, slice_of(NULL, 0), slice_str(vhost->name), vhost);
    }
}

void vhost_get(struct call *call)
{
    struct row row;

    if (!call_vhost(call))
        return;
    call_begin_object(call, &row);
    object_vhost(call, &row, call->vhost);
    call_end_object(&row);
}

/* ---- changes ---- */

static bool known_queue_type(struct slice name)
{
    for (unsigned i = 0; i < QUEUE_TYPES; i++)
        if (slice_equal_str(name, queue_type_name((enum queue_type)i)))
            return true;
    return false;
}

/* The body is fit to be taken over; else 400 is answered. */
static bool check_body(struct call *call, const json_t *body)
{
    const json_t *description = json_object_get(body, "description");
    const json_t *tags = json_object_get(body, "tags");
    struct slice type = json_slice(json_object_get(body, "default_queue_type"));
    bool tracing;

    if (description && !json_is_string(description))
        call_bad_term(call, "not_a_string", slice_str("description"));
    else if (tags && !names_valid(tags))
        call_bad_term(call, "not_a_list_of_strings", slice_str("tags"));
    else if (type.len && !slice_equal_str(type, "undefined") && !known_queue_type(type))
        call_error(call, 400, "bad_request", "Unsupported default queue type: %.*s",
                   SLICE_FMT(type));
    else
        return call_bool(call, body, "tracing", false, &tracing);
    return false;
}

/* Who makes a virtual host may do everything in it, if they are still there when it is made. */
static void grant_all(struct call *call, const struct vhost *vhost)
{
    struct slice all = slice_str(".*");
    char message[128];

    if (access_find(call->broker->access, slice_str(call->user->name)) != call->user)
        return;
    CHECK(access_set_permission(call->broker->access, slice_str(call->user->name),
                                slice_str(vhost->name), all, all, all, message,
                                sizeof(message)) == ERR_OK);
}

static bool check_name(struct call *call, struct slice name)
{
    if (name.len > 0 && name.len <= NAME_LEN_MAX)
        return true;
    call_error(call, 400, "bad_request", "a virtual host's name has 1 to %d bytes", NAME_LEN_MAX);
    return false;
}

static void put(struct call *call, const json_t *body)
{
    struct slice name = call_arg(call, "vhost");
    char message[512];
    bool created;

    struct vhost *vhost = vhost_create(call->broker, name, &created, message, sizeof(message));
    if (!vhost) {
        call_error(call, 400, "bad_request", "%s", message);
        return;
    }
    if (json_object_get(body, "tracing"))
        (void)call_bool(call, body, "tracing", false, &vhost->tracing);
    vhost_fields_apply(vhost, body);
    if (created)
        grant_all(call, vhost);
    call_made(call, created);
}

static bool put_when_ready(struct call *call, void *state)
{
    if (vhost_prepare(call->broker, call_arg(call, "vhost"))) {
        put(call, state);
        return true;
    }
    call_wait(call);
    return false;
}

static void free_body(void *state)
{
    json_decref(state);
}

/* To make one takes the disk a while. */
void vhost_put(struct call *call)
{
    static const struct call_task task = {
        .run = put_when_ready, .free = free_body, .finishes = true};
    json_t *body = call_body(call);

    if (body && check_body(call, body) && check_name(call, call_arg(call, "vhost")))
        call_set_task(call, &task, body);
    else
        json_decref(body);
}

static bool wait_for_end(struct call *call, void *state)
{
    bool more = vhosts_bury(call->broker); /* it would go without our help as well */

    (void)state;
    call_spend(call, MANAGEMENT_WORK);
    if (!vhost_deleting(call->broker, call_arg(call, "vhost"))) {
        call_empty(call, 204);
        return true;
    }
    if (!more)
        call_wait(call);
    return false;
}

static void free_nothing(void *state)
{
    (void)state;
}

/* Answered when it has gone: there may be another of that name from then on. */
void vhost_delete_route(struct call *call)
{
    static const struct call_task task = {.run = wait_for_end, .free = free_nothing};

    if (!call_vhost(call))
        return;
    if (vhost_fields_protected(call->vhost)) {
        call_error(call, 412, "precondition_failed",
                   "virtual host '%s' is protected from deletion: lift the protection first",
                   call->vhost->name);
        return;
    }
    vhost_delete(call->vhost);
    call->vhost = NULL;
    call_set_task(call, &task, NULL);
}

static void protect(struct call *call, bool on)
{
    if (!call_vhost(call))
        return;
    vhost_fields_protect(call->vhost, on);
    call_empty(call, 204);
}

void vhost_protect(struct call *call)
{
    protect(call, true);
}

void vhost_unprotect(struct call *call)
{
    protect(call, false);
}

/* ---- limits ---- */

static json_t *limits_row(const struct vhost *vhost)
{
    return json_pack("{s:o, s:o}", "vhost", json_text(slice_str(vhost->name)), "value",
                     object_vhost_limits(vhost));
}

static bool has_limits(const struct vhost *vhost)
{
    return vhost->connections_max >= 0 || vhost->queues_max >= 0;
}

static const char *const by_vhost[] = {"vhost", NULL};

void vhost_limits_list(struct call *call)
{
    json_t *rows = json_array();

    LIST_EACH(&call->broker->vhost_list, link) {
        const struct vhost *vhost = CONTAINER_OF(link, struct vhost, broker_link);
        if (has_limits(vhost) && call_sees(call, slice_str(vhost->name)))
            json_array_append_new(rows, limits_row(vhost));
    }
    list_answer(call, rows, by_vhost);
}

void vhost_limits_get(struct call *call)
{
    if (!call_vhost(call))
        return;
    json_t *rows = json_array();
    if (has_limits(call->vhost))
        json_array_append_new(rows, limits_row(call->vhost));
    list_answer(call, rows, by_vhost);
}

static void refuse_limit(struct call *call, struct slice limit, const json_t *value)
{
    struct buf term = BUF_INIT;

    json_print_term(&term, value);
    call_error(call, 400, "bad_request",
               "Validation failed\n\n%.*s should be a number, actually was %s\n", SLICE_FMT(limit),
               buf_cstr(&term));
    buf_fini(&term);
}

static void set_limit(struct call *call, const json_t *value)
{
    struct slice limit = call_arg(call, "limit");

    if (!json_is_integer(value))
        refuse_limit(call, limit, value);
    else if (vhost_set_limit(call->vhost, limit, json_integer_value(value)))
        call_empty(call, 204);
    else
        call_error(call, 400, "bad_request",
                   "Validation failed\n\nUnrecognised terms [{<<\"%.*s\">>,%lld}] in limits\n",
                   SLICE_FMT(limit), (long long)json_integer_value(value));
}

void vhost_limit_put(struct call *call)
{
    static const char *const keys[] = {"value", NULL};

    if (!call->vhost) {
        call_error(call, 404, "not_found", "vhost_not_found");
        return;
    }
    json_t *body = call_body(call);
    if (body && call_keys(call, body, keys))
        set_limit(call, json_object_get(body, "value"));
    json_decref(body);
}

void vhost_limit_delete(struct call *call)
{
    if (!call_vhost(call))
        return;
    if (vhost_set_limit(call->vhost, call_arg(call, "limit"), -1))
        call_empty(call, 204);
    else
        call_not_found(call);
}
