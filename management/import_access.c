/* SPDX-License-Identifier: Apache-2.0 */
/* Import of users, virtual hosts, permissions, parameters and policies. */
#include "management/import.h"

#include "base/mem.h"
#include "broker/access.h"
#include "broker/broker.h"
#include "broker/parameter.h"
#include "broker/password.h"
#include "broker/pattern.h"
#include "broker/policy.h"
#include "broker/vhost.h"
#include "management/names.h"
#include "management/policy_json.h"
#include "management/vhost_fields.h"

#include <stdio.h>

static enum err named(const struct import *import, const json_t *item, const char *what,
                      struct slice *name)
{
    enum err error = import_text(import, item, what, slice_str("?"), "name", true, name);

    if (error == ERR_OK && name->len == 0)
        error = import_fail(import, what, *name, "the name is empty");
    if (error == ERR_OK && name->len > NAME_LEN_MAX)
        error = import_fail(import, what, *name, "the name is longer than %d bytes", NAME_LEN_MAX);
    return error;
}

/* ---- users ---- */

/* Exports of old brokers don't name the algorithm: it is MD5 when the hash has its length. */
static struct slice algorithm_of(const json_t *item, struct slice hash)
{
    struct slice name = json_slice(json_object_get(item, "hashing_algorithm"));

    if (name.len)
        return name;
    return slice_str(password_algorithm_name(
        password_hash_valid(PASSWORD_MD5, hash) ? PASSWORD_MD5 : PASSWORD_DEFAULT));
}

static enum err check_hash(const struct import *import, struct slice name, struct slice hash,
                           struct slice algorithm)
{
    enum password_algorithm parsed;

    if (!password_algorithm_parse(algorithm, &parsed))
        return import_fail(import, "user", name, "unknown hashing algorithm '%.*s'",
                           SLICE_FMT(algorithm));
    if (hash.len > 0 && !password_hash_valid(parsed, hash))
        return import_fail(import, "user", name, "\"password_hash\" is no hash of %.*s",
                           SLICE_FMT(algorithm));
    return ERR_OK;
}

static enum err user_limits(const struct import *import, struct user *user, struct slice name,
                            json_t *limits)
{
    const char *key;
    json_t *value;

    json_object_foreach(limits, key, value)
    {
        bool known = strcmp(key, "max-connections") == 0 || strcmp(key, "max-channels") == 0;
        if (!known || !json_is_integer(value))
            return import_fail(import, "user", name, "limit \"%s\" is unknown or no number", key);
        if (user)
            access_set_user_limit(import->broker->access, user, slice_str(key),
                                  json_integer_value(value));
    }
    return ERR_OK;
}

static struct user *make_user(const struct import *import, const json_t *item, struct slice name,
                              struct slice hash, struct slice algorithm)
{
    struct access *access = import->broker->access;
    struct slice password = json_slice(json_object_get(item, "password"));
    char *tags = names_joined(json_object_get(item, "tags"));
    struct user *user = NULL;

    if (password.len)
        user = access_set_user(access, name, password, slice_str(tags));
    else
        CHECK(access_set_user_hash(access, name, hash, algorithm, slice_str(tags), &user) ==
              ERR_OK);
    mem_free(tags);
    return user;
}

enum err import_user(struct import *import, const json_t *item)
{
    json_t *limits = json_object_get(item, "limits");
    struct slice name, hash, password;
    struct user *user = NULL;

    enum err error = named(import, item, "user", &name);
    if (error == ERR_OK)
        error = import_text(import, item, "user", name, "password_hash", false, &hash);
    if (error == ERR_OK)
        error = import_text(import, item, "user", name, "password", false, &password);
    if (error != ERR_OK)
        return error;
    if (!names_valid(json_object_get(item, "tags")))
        return import_fail(import, "user", name, "\"tags\" is missing or no list of texts");
    struct slice algorithm = algorithm_of(item, hash);
    error = check_hash(import, name, hash, algorithm);
    if (error != ERR_OK)
        return error;
    if (!import->checking)
        user = make_user(import, item, name, hash, algorithm);
    return user_limits(import, user, name, limits);
}

/* ---- virtual hosts ---- */

static enum err vhost_limits(const struct import *import, struct vhost *vhost, struct slice name,
                             json_t *limits)
{
    const char *key;
    json_t *value;

    json_object_foreach(limits, key, value)
    {
        bool known = strcmp(key, "max-connections") == 0 || strcmp(key, "max-queues") == 0;
        if (!known || !json_is_integer(value))
            return import_fail(import, "vhost", name, "limit \"%s\" is unknown or no number", key);
        if (!import->checking)
            vhost_set_limit(vhost, slice_str(key), json_integer_value(value));
    }
    return ERR_OK;
}

enum err import_virtual_host(struct import *import, const json_t *item)
{
    json_t *limits = json_object_get(item, "limits");
    struct vhost *vhost = NULL;
    struct slice name;
    char why[256];
    bool created;

    enum err error = named(import, item, "vhost", &name);
    if (error != ERR_OK)
        return error;
    if (!import->checking) {
        vhost = vhost_create(import->broker, name, &created, why, sizeof(why));
        if (!vhost)
            return import_fail(import, "vhost", name, "%s", why);
        vhost_fields_apply(vhost, item);
    }
    return vhost_limits(import, vhost, name, limits);
}

bool import_virtual_host_ready(const struct import *import, const json_t *item)
{
    return vhost_prepare(import->broker, json_slice(json_object_get(item, "name")));
}

/* ---- permissions ---- */

static enum err check_pattern(const struct import *import, const char *what, struct slice name,
                              const char *key, struct slice source)
{
    struct pattern *pattern = NULL;
    char why[256];

    enum err error = pattern_new(source, &pattern, why, sizeof(why));
    pattern_free(pattern);
    return error == ERR_OK ? ERR_OK : import_fail(import, what, name, "\"%s\": %s", key, why);
}

/* The text under a key, which must be a regular expression. */
static enum err read_pattern(const struct import *import, const json_t *item, const char *what,
                             struct slice name, const char *key, struct slice *source)
{
    enum err error = import_text(import, item, what, name, key, true, source);

    return error == ERR_OK ? check_pattern(import, what, name, key, *source) : error;
}

static enum err known_user(const struct import *import, const json_t *item, const char *what,
                           struct slice *user)
{
    enum err error = import_text(import, item, what, slice_str("?"), "user", true, user);

    if (error != ERR_OK || access_find(import->broker->access, *user) ||
        (import->checking && json_object_getn(import->users, (const char *)user->data, user->len)))
        return error;
    return import_fail(import, what, *user, "there is no such user");
}

enum err import_permission(struct import *import, const json_t *item)
{
    static const char what[] = "permission of user";
    struct slice user, vhost_name, configure, write, read;
    struct vhost *vhost;
    char why[256];

    enum err error = known_user(import, item, what, &user);
    if (error == ERR_OK)
        error = import_vhost(import, item, what, user, &vhost_name, &vhost);
    if (error == ERR_OK)
        error = read_pattern(import, item, what, user, "configure", &configure);
    if (error == ERR_OK)
        error = read_pattern(import, item, what, user, "write", &write);
    if (error == ERR_OK)
        error = read_pattern(import, item, what, user, "read", &read);
    if (error != ERR_OK || import->checking)
        return error;
    error = access_set_permission(import->broker->access, user, vhost_name, configure, write, read,
                                  why, sizeof(why));
    return error == ERR_OK ? ERR_OK : import_fail(import, what, user, "%s", why);
}

enum err import_topic_permission(struct import *import, const json_t *item)
{
    static const char what[] = "topic permission of user";
    struct slice user, vhost_name, exchange, write, read;
    struct vhost *vhost;
    char why[256];

    enum err error = known_user(import, item, what, &user);
    if (error == ERR_OK)
        error = import_vhost(import, item, what, user, &vhost_name, &vhost);
    if (error == ERR_OK)
        error = import_text(import, item, what, user, "exchange", true, &exchange);
    if (error == ERR_OK)
        error = read_pattern(import, item, what, user, "write", &write);
    if (error == ERR_OK)
        error = read_pattern(import, item, what, user, "read", &read);
    if (error != ERR_OK || import->checking)
        return error;
    error = access_set_topic_permission(import->broker->access, user, vhost_name, exchange, write,
                                        read, why, sizeof(why));
    return error == ERR_OK ? ERR_OK : import_fail(import, what, user, "%s", why);
}

/* ---- parameters and policies ---- */

/* Tells the operator that a parameter is kept but does nothing. */
static void warn_unused(const struct import *import, struct slice name)
{
    char quoted[300];

    log_warning(import->broker->log, "imported and kept, but it has no effect in this version",
                "kind=parameter name=%s", log_quote(quoted, sizeof(quoted), name));
}

static enum err keep_parameter(const struct import *import, const struct parameter *key,
                               const json_t *value)
{
    struct parameter parameter = *key;
    struct buf text = BUF_INIT;

    json_write(&text, value);
    parameter.value = buf_slice(&text);
    enum err error = parameter_set(import->broker->parameters, &parameter, NULL);
    buf_fini(&text);
    return error == ERR_OK ? ERR_OK
                           : import_fail(import, "parameter", key->name, "%s", err_text(error));
}

/* A policy out of an item, or out of an operator policy's value. */
static enum err keep_policy(const struct import *import, struct policy *policy,
                            const json_t *fields)
{
    struct buf definition = BUF_INIT;
    struct buf wrong = BUF_INIT;
    enum err error = ERR_OK;

    if (!policy_from_json(policy, fields, &definition, &wrong))
        error = import_fail(import, "policy", policy->name, "%.*s", (int)wrong.len - 1,
                            buf_cstr(&wrong));
    else if (!import->checking)
        error = policy_set(import->broker->policies, policy, NULL);
    if (error == ERR_LIMIT)
        error = import_fail(import, "policy", policy->name, "%s", err_text(error));
    buf_fini(&definition);
    buf_fini(&wrong);
    return error;
}

enum err import_parameter(struct import *import, const json_t *item)
{
    json_t *value = json_object_get(item, "value");
    struct parameter key = {0};
    struct vhost *vhost;

    enum err error = named(import, item, "parameter", &key.name);
    if (error == ERR_OK)
        error = import_text(import, item, "parameter", key.name, "component", true, &key.component);
    if (error == ERR_OK)
        error = import_vhost(import, item, "parameter", key.name, &key.vhost, &vhost);
    if (error != ERR_OK)
        return error;
    if (!value || !key.component.len)
        return import_fail(import, "parameter", key.name, "it has no component or no value");
    if (slice_equal_str(key.component, "vhost-limits"))
        return vhost_limits(import, vhost, key.vhost, value);
    if (slice_equal_str(key.component, "operator_policy")) {
        struct policy policy = {.vhost = key.vhost, .name = key.name, .of_operator = true};
        return keep_policy(import, &policy, value);
    }
    if (import->checking)
        return ERR_OK;
    error = keep_parameter(import, &key, value);
    if (error == ERR_OK)
        warn_unused(import, key.name);
    return error;
}

enum err import_global_parameter(struct import *import, const json_t *item)
{
    const json_t *value = json_object_get(item, "value");
    struct parameter key = {0};

    enum err error = named(import, item, "global parameter", &key.name);
    if (error == ERR_OK && !value)
        error = import_fail(import, "global parameter", key.name, "\"value\" is missing");
    if (error != ERR_OK || import->checking)
        return error;
    return keep_parameter(import, &key, value);
}

enum err import_policy(struct import *import, const json_t *item)
{
    struct policy policy = {0};
    struct vhost *vhost;

    enum err error = named(import, item, "policy", &policy.name);
    if (error == ERR_OK)
        error = import_vhost(import, item, "policy", policy.name, &policy.vhost, &vhost);
    return error == ERR_OK ? keep_policy(import, &policy, item) : error;
}
