/* SPDX-License-Identifier: Apache-2.0 */
/* Users and their limits. */
#include "base/base64.h"
#include "base/mem.h"
#include "broker/password.h"
#include "broker/vhost.h"
#include "management/list.h"
#include "management/names.h"
#include "management/object.h"
#include "management/policy_json.h"

/* The user that the path names, or NULL after answering 404. */
static struct user *path_user(struct call *call)
{
    struct user *user = access_find(call->broker->access, call_arg(call, "user"));

    if (!user)
        call_not_found(call);
    return user;
}

/* ---- reading ---- */

static void add_item(void *context, struct user *user)
{
    list_add(context, slice_of(NULL, 0), slice_str(user->name), user);
}

static bool enters_any(const struct broker *broker, const struct user *user)
{
    LIST_EACH(&broker->vhost_list, link) {
        const struct vhost *vhost = CONTAINER_OF(link, struct vhost, broker_link);
        if (access_vhost(user, slice_str(vhost->name)))
            return true;
    }
    return false;
}

static void add_without_permissions(void *context, struct user *user)
{
    struct listing *listing = context;

    if (!enters_any(list_call(listing)->broker, user))
        add_item(listing, user);
}

static const void *find_item(struct call *call, const struct list_item *item)
{
    return access_find(call->broker->access, item->name);
}

static void list(struct call *call, void (*add)(void *context, struct user *user))
{
    static const struct list_kind kind = {.find = find_item, .write = object_user};
    struct listing *listing = list_begin(call, &kind, NULL);

    if (listing)
        access_each_user(call->broker->access, add, listing);
}

void users_list(struct call *call)
{
    list(call, add_item);
}

void users_without_permissions(struct call *call)
{
    list(call, add_without_permissions);
}

void user_get(struct call *call)
{
    const struct user *user = path_user(call);
    struct row row;

    if (!user)
        return;
    call_begin_object(call, &row);
    object_user(call, &row, user);
    call_end_object(&row);
}

/* ---- making and changing ---- */

/* The passwords that a body gives: at most one of the two, else 400 is answered. */
static bool check_passwords(struct call *call, const json_t *body)
{
    const json_t *password = json_object_get(body, "password");
    const json_t *hash = json_object_get(body, "password_hash");

    if (password && hash)
        call_error(call, 400, "bad_request", "both_password_and_password_hash_are_provided");
    else if (password && !json_is_string(password))
        call_bad_term(call, "not_a_string", slice_str("password"));
    else if (hash && !json_is_string(hash))
        call_bad_term(call, "not_a_string", slice_str("password_hash"));
    else
        return true;
    return false;
}

static void refuse_hash(struct call *call, struct slice hash)
{
    struct buf bytes = BUF_INIT;
    bool base64 = base64_decode(&bytes, hash) == ERR_OK;

    buf_fini(&bytes);
    call_bad_term(call, base64 ? "not_a_password_hash" : "not_base64", hash);
}

static void put_hash(struct call *call, const json_t *body, struct slice tags, bool created)
{
    struct slice hash = json_slice(json_object_get(body, "password_hash"));
    struct slice algorithm = json_slice(json_object_get(body, "hashing_algorithm"));
    struct user *user;

    if (!algorithm.len)
        algorithm = slice_str(password_algorithm_name(PASSWORD_DEFAULT));
    if (access_set_user_hash(call->broker->access, call_arg(call, "user"), hash, algorithm, tags,
                             &user) == ERR_OK)
        call_made(call, created);
    else
        refuse_hash(call, hash);
}

static void put_user(struct call *call, const json_t *body)
{
    struct access *access = call->broker->access;
    struct slice name = call_arg(call, "user");
    const json_t *password = json_object_get(body, "password");
    bool created = !access_find(access, name);
    char *tags = names_joined(json_object_get(body, "tags"));

    if (password) {
        access_set_user(access, name, json_slice(password), slice_str(tags));
        call_made(call, created);
    } else {
        put_hash(call, body, slice_str(tags), created);
    }
    mem_free(tags);
}

void user_put(struct call *call)
{
    struct slice name = call_arg(call, "user");
    json_t *body = call_body(call);
    const json_t *tags = json_object_get(body, "tags");

    if (!body)
        return;
    if (name.len == 0 || name.len > NAME_LEN_MAX)
        call_error(call, 400, "bad_request", "a user's name has 1 to %d bytes", NAME_LEN_MAX);
    else if (!tags)
        call_error(call, 400, "bad_request", "tags_not_present");
    else if (!names_valid(tags))
        call_bad_term(call, "not_a_list_of_strings", slice_str("tags"));
    else if (check_passwords(call, body))
        put_user(call, body);
    json_decref(body);
}

/* ---- deleting ---- */

void user_delete(struct call *call)
{
    if (access_delete_user(call->broker->access, call_arg(call, "user")))
        call_empty(call, 204);
    else
        call_not_found(call);
}

static void delete_all(struct call *call, const json_t *names)
{
    struct access *access = call->broker->access;
    size_t index;
    json_t *name;

    json_array_foreach(names, index, name)
    {
        if (!access_find(access, json_slice(name))) {
            call_bad_term(call, "no_such_user", json_slice(name));
            return;
        }
    }
    json_array_foreach(names, index, name)(void) access_delete_user(access, json_slice(name));
    call_empty(call, 204);
}

void users_bulk_delete(struct call *call)
{
    static const char *const keys[] = {"users", NULL};
    json_t *body = call_body(call);

    if (body && call_keys(call, body, keys)) {
        const json_t *names = json_object_get(body, "users");
        if (json_is_array(names) && names_valid(names))
            delete_all(call, names);
        else
            call_bad_term(call, "not_a_list_of_strings", slice_str("users"));
    }
    json_decref(body);
}

/* ---- limits ---- */

static const char *const by_user[] = {"user", NULL};

static void add_limits(void *context, struct user *user)
{
    json_t *rows = context;

    if (user->connections_max >= 0 || user->channels_max >= 0)
        json_array_append_new(rows,
                              json_pack("{s:o, s:o}", "user", json_text(slice_str(user->name)),
                                        "value", object_user_limits(user)));
}

void user_limits_list(struct call *call)
{
    json_t *rows = json_array();

    access_each_user(call->broker->access, add_limits, rows);
    list_answer(call, rows, by_user);
}

void user_limits_get(struct call *call)
{
    struct user *user = path_user(call);
    json_t *rows = json_array();

    if (user) {
        add_limits(rows, user);
        list_answer(call, rows, by_user);
    } else {
        json_decref(rows);
    }
}

static void refuse_limit(struct call *call, struct slice limit, const json_t *value)
{
    struct buf term = BUF_INIT;

    json_print_term(&term, value);
    call_error(call, 400, "bad_request", "%.*s should be a number, actually was %s",
               SLICE_FMT(limit), buf_cstr(&term));
    buf_fini(&term);
}

static void set_limit(struct call *call, struct user *user, const json_t *value)
{
    struct slice limit = call_arg(call, "limit");

    if (!json_is_integer(value))
        refuse_limit(call, limit, value);
    else if (access_set_user_limit(call->broker->access, user, limit, json_integer_value(value)))
        call_empty(call, 204);
    else
        call_error(call, 400, "bad_request",
                   "Unrecognised terms [{<<\"%.*s\">>,%lld}] in user-limits", SLICE_FMT(limit),
                   (long long)json_integer_value(value));
}

void user_limit_put(struct call *call)
{
    static const char *const keys[] = {"value", NULL};
    struct slice name = call_arg(call, "user");
    struct user *user = access_find(call->broker->access, name);
    json_t *body = call_body(call);

    if (body && call_keys(call, body, keys)) {
        if (user)
            set_limit(call, user, json_object_get(body, "value"));
        else
            call_bad_term(call, "no_such_user", name);
    }
    json_decref(body);
}

void user_limit_delete(struct call *call)
{
    struct user *user = path_user(call);

    if (!user)
        return;
    if (access_set_user_limit(call->broker->access, user, call_arg(call, "limit"), -1))
        call_empty(call, 204);
    else
        call_not_found(call);
}
