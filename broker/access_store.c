/* SPDX-License-Identifier: Apache-2.0 */
/* How users and their permissions are kept in the node's database: one record each (records.def).
 *
 * (1) A record that can't be used gives no access, and the log says which it is.
 */
#include "broker/permission.h"

#include "base/buf.h"
#include "base/mem.h"
#include "storage/store.h"

#include <inttypes.h>
#include <stdlib.h>

static struct store_db *node_db(const struct access *access)
{
    return store_node(access->broker->store);
}

static struct store_value text_value(struct slice text)
{
    return (struct store_value){.bytes = text};
}

static struct store_value string_value(const char *text)
{
    return text_value(slice_str(text));
}

/* A user's limits in one column: "max-connections=10 max-channels=5", those that are set. */
static void write_limits(struct buf *out, const struct user *user)
{
    if (user->connections_max >= 0)
        buf_printf(out, USER_LIMIT_CONNECTIONS "=%" PRId64, user->connections_max);
    if (user->channels_max >= 0)
        buf_printf(out, "%s" USER_LIMIT_CHANNELS "=%" PRId64, out->len ? " " : "",
                   user->channels_max);
}

static int64_t read_limit(const char *text, const char *name)
{
    const char *found = strstr(text, name);

    return found && found[strlen(name)] == '=' ? strtoll(found + strlen(name) + 1, NULL, 10) : -1;
}

void access_store_user(const struct user *user)
{
    struct buf limits = BUF_INIT;

    if (user->hash_pending)
        return;
    write_limits(&limits, user);
    struct store_record record = {
        .kind = STORE_USER,
        .values = {string_value(user->name), string_value(user->password_hash),
                   string_value(user->hashing_algorithm), string_value(user->tags),
                   text_value(buf_slice(&limits))},
    };
    store_put(node_db(user->access), &record);
    buf_fini(&limits);
}

void access_unstore_user(const struct user *user)
{
    struct store_record record = {.kind = STORE_USER, .values = {string_value(user->name)}};

    store_remove(node_db(user->access), &record);
}

static struct store_record permission_record(const struct permission_row *row)
{
    return (struct store_record){
        .kind = STORE_PERMISSION,
        .values = {text_value(row->user), text_value(row->vhost), text_value(row->configure),
                   text_value(row->write), text_value(row->read)},
    };
}

static struct store_record topic_record(const struct topic_permission_row *row)
{
    return (struct store_record){
        .kind = STORE_TOPIC_PERMISSION,
        .values = {text_value(row->user), text_value(row->vhost), text_value(row->exchange),
                   text_value(row->write), text_value(row->read)},
    };
}

void access_store_permission(struct access *access, const struct permission_row *row)
{
    struct store_record record = permission_record(row);

    store_put(node_db(access), &record);
}

void access_unstore_permission(struct access *access, const struct permission_row *row)
{
    struct store_record record = permission_record(row);

    store_remove(node_db(access), &record);
}

void access_store_topic(struct access *access, const struct topic_permission_row *row)
{
    struct store_record record = topic_record(row);

    store_put(node_db(access), &record);
}

void access_unstore_topic(struct access *access, const struct topic_permission_row *row)
{
    struct store_record record = topic_record(row);

    store_remove(node_db(access), &record);
}

static void load_user(void *context, const struct store_record *record)
{
    struct access *access = context;
    const struct store_value *values = record->values;
    struct user *user = user_make(access, values[0].bytes);
    char *limits = slice_dup(values[4].bytes);

    mem_free(user->password_hash);
    user->password_hash = slice_dup(values[1].bytes);
    mem_free(user->hashing_algorithm);
    user->hashing_algorithm = slice_dup(values[2].bytes);
    user_set_tags(user, values[3].bytes);
    user->connections_max = read_limit(limits, USER_LIMIT_CONNECTIONS);
    user->channels_max = read_limit(limits, USER_LIMIT_CHANNELS);
    mem_free(limits);
}

/* A row that can't be used gives no access; the operator is told which. A kill may leave one: a user is
 * stored when the password's hash is made, permissions are at once. */
static void report_row(struct access *access, struct slice user, struct slice vhost,
                       const char *problem)
{
    char who[128], where[128], why[256];

    log_warning(access->broker->log, "a stored permission is of no use", "user=%s vhost=%s why=%s",
                log_quote(who, sizeof(who), user), log_quote(where, sizeof(where), vhost),
                log_quote(why, sizeof(why), slice_str(problem)));
}

static void load_permission(void *context, const struct store_record *record)
{
    struct access *access = context;
    const struct store_value *values = record->values;
    const struct permission_row row = {values[0].bytes, values[1].bytes, values[2].bytes,
                                       values[3].bytes, values[4].bytes};
    struct user *user = access_find(access, row.user);
    char message[256] = "there is no such user";

    if (!user || permission_set(user, &row, message, sizeof(message)) != ERR_OK)
        report_row(access, row.user, row.vhost, message);
}

static void load_topic_permission(void *context, const struct store_record *record)
{
    struct access *access = context;
    const struct store_value *values = record->values;
    const struct topic_permission_row row = {values[0].bytes, values[1].bytes, values[2].bytes,
                                             values[3].bytes, values[4].bytes};
    struct user *user = access_find(access, row.user);
    char message[256] = "there is no such user";

    if (!user || permission_set_topic(user, &row, message, sizeof(message)) != ERR_OK)
        report_row(access, row.user, row.vhost, message);
}

enum err access_load(struct access *access)
{
    struct store_db *db = node_db(access);

    enum err error = store_load(db, STORE_USER, load_user, access);
    if (error == ERR_OK)
        error = store_load(db, STORE_PERMISSION, load_permission, access);
    if (error == ERR_OK)
        error = store_load(db, STORE_TOPIC_PERMISSION, load_topic_permission, access);
    return error;
}
