/* SPDX-License-Identifier: Apache-2.0 */
/* Permissions and topic permissions. */
#include "broker/vhost.h"
#include "management/list.h"
#include "management/object.h"

/* Which rows of the node's permissions are wanted; an unset name is any. */
struct filter {
    struct slice vhost, user, exchange;
    bool by_vhost, by_user, by_exchange;
    json_t *rows;
};

static bool wants(const struct filter *filter, struct slice vhost, struct slice user)
{
    return (!filter->by_vhost || slice_equal(vhost, filter->vhost)) &&
           (!filter->by_user || slice_equal(user, filter->user));
}

static void add_permission(void *context, const struct permission_row *row)
{
    struct filter *filter = context;

    if (wants(filter, row->vhost, row->user))
        json_array_append_new(filter->rows, object_permission(row));
}

static void add_topic_permission(void *context, const struct topic_permission_row *row)
{
    struct filter *filter = context;

    if (wants(filter, row->vhost, row->user) &&
        (!filter->by_exchange || slice_equal(row->exchange, filter->exchange)))
        json_array_append_new(filter->rows, object_topic_permission(row));
}

static json_t *collect(struct call *call, struct filter *filter, bool topics)
{
    struct access *access = call->broker->access;

    filter->rows = json_array();
    if (topics)
        access_each_topic_permission(access, add_topic_permission, filter);
    else
        access_each_permission(access, add_permission, filter);
    return filter->rows;
}

static void answer_rows(struct call *call, struct filter filter, bool topics)
{
    static const char *const sorts[] = {"vhost", "user", "exchange", NULL};

    list_answer(call, collect(call, &filter, topics), sorts);
}

static bool path_user_exists(struct call *call)
{
    if (access_find(call->broker->access, call_arg(call, "user")))
        return true;
    call_not_found(call);
    return false;
}

/* ---- lists ---- */

void permissions_list(struct call *call)
{
    answer_rows(call, (struct filter){0}, false);
}

void topic_permissions_list(struct call *call)
{
    answer_rows(call, (struct filter){0}, true);
}

static void list_of_vhost(struct call *call, bool topics)
{
    if (call_vhost(call))
        answer_rows(call, (struct filter){.by_vhost = true, .vhost = call_arg(call, "vhost")},
                    topics);
}

void vhost_permissions(struct call *call)
{
    list_of_vhost(call, false);
}

void vhost_topic_permissions(struct call *call)
{
    list_of_vhost(call, true);
}

static void list_of_user(struct call *call, bool topics)
{
    if (path_user_exists(call))
        answer_rows(call, (struct filter){.by_user = true, .user = call_arg(call, "user")}, topics);
}

void user_permissions(struct call *call)
{
    list_of_user(call, false);
}

void user_topic_permissions(struct call *call)
{
    list_of_user(call, true);
}

/* ---- one ---- */

static struct filter path_filter(const struct call *call)
{
    struct slice exchange = call_arg(call, "exchange");

    return (struct filter){
        .vhost = call_arg(call, "vhost"),
        .user = call_arg(call, "user"),
        .exchange = exchange,
        .by_vhost = true,
        .by_user = true,
        .by_exchange = call->capture_count > 2,
    };
}

void permission_get(struct call *call)
{
    struct filter filter = path_filter(call);
    json_t *rows = collect(call, &filter, false);

    if (json_array_size(rows) == 1)
        call_json(call, json_incref(json_array_get(rows, 0)));
    else
        call_not_found(call);
    json_decref(rows);
}

void topic_permission_get(struct call *call)
{
    struct filter filter = path_filter(call);
    json_t *rows = collect(call, &filter, true);

    if (json_array_size(rows) > 0)
        call_json(call, json_incref(rows));
    else
        call_not_found(call);
    json_decref(rows);
}

/* ---- setting ---- */

/* All of the keys are there and texts; else 400 is answered. */
static bool check_texts(struct call *call, const json_t *body, const char *const *keys)
{
    if (!call_keys(call, body, keys))
        return false;
    for (; *keys; keys++) {
        if (!json_is_string(json_object_get(body, *keys))) {
            call_bad_term(call, "not_a_string", slice_str(*keys));
            return false;
        }
    }
    return true;
}

static bool has_permission(struct call *call, bool topics, struct slice exchange)
{
    struct filter filter = path_filter(call);

    if (topics) {
        filter.by_exchange = true;
        filter.exchange = exchange;
    }
    json_t *rows = collect(call, &filter, topics);
    bool found = json_array_size(rows) > 0;
    json_decref(rows);
    return found;
}

static void answer_set(struct call *call, enum err error, const char *message, bool created)
{
    if (error == ERR_OK)
        call_made(call, created);
    else if (error == ERR_NOT_FOUND)
        call_error(call, 400, "bad_request", "vhost_or_user_not_found");
    else
        call_bad_term(call, "invalid_regexp", slice_str(message));
}

static void set_permission(struct call *call, const json_t *body)
{
    bool created = !has_permission(call, false, slice_str(""));
    char message[256];

    enum err error = access_set_permission(
        call->broker->access, call_arg(call, "user"), call_arg(call, "vhost"),
        json_slice(json_object_get(body, "configure")), json_slice(json_object_get(body, "write")),
        json_slice(json_object_get(body, "read")), message, sizeof(message));
    answer_set(call, error, message, created);
}

static void set_topic_permission(struct call *call, const json_t *body)
{
    struct slice exchange = json_slice(json_object_get(body, "exchange"));
    bool created = !has_permission(call, true, exchange);
    char message[256];

    enum err error = access_set_topic_permission(
        call->broker->access, call_arg(call, "user"), call_arg(call, "vhost"), exchange,
        json_slice(json_object_get(body, "write")), json_slice(json_object_get(body, "read")),
        message, sizeof(message));
    answer_set(call, error, message, created);
}

static void put(struct call *call, const char *const *keys,
                void (*set)(struct call *call, const json_t *body))
{
    json_t *body = call_body(call);

    if (body && check_texts(call, body, keys)) {
        if (call->vhost && access_find(call->broker->access, call_arg(call, "user")))
            set(call, body);
        else
            call_error(call, 400, "bad_request", "vhost_or_user_not_found");
    }
    json_decref(body);
}

void permission_put(struct call *call)
{
    static const char *const keys[] = {"configure", "write", "read", NULL};

    put(call, keys, set_permission);
}

void topic_permission_put(struct call *call)
{
    static const char *const keys[] = {"exchange", "write", "read", NULL};

    put(call, keys, set_topic_permission);
}

/* ---- clearing ---- */

void permission_delete(struct call *call)
{
    if (access_clear_permission(call->broker->access, call_arg(call, "user"),
                                call_arg(call, "vhost")))
        call_empty(call, 204);
    else
        call_not_found(call);
}

void topic_permission_delete(struct call *call)
{
    struct filter filter = path_filter(call);
    json_t *rows = collect(call, &filter, true);
    size_t index;
    json_t *row;

    json_array_foreach(rows, index, row)
        CHECK(access_clear_topic_permission(call->broker->access, filter.user, filter.vhost,
                                            json_slice(json_object_get(row, "exchange"))));
    if (json_array_size(rows) > 0)
        call_empty(call, 204);
    else
        call_not_found(call);
    json_decref(rows);
}
