/* SPDX-License-Identifier: Apache-2.0 */
/* Users: their life, their passwords, and every change of them and of their permissions.
 *
 * (1) What is in memory and what was put to the store always agree.
 * (2) A user is freed when it is deleted (or the broker ends) and no connection has it any more.
 * (3) Every change raises the generation.
 */
#include "broker/access.h"

#include "base/buf.h"
#include "base/mem.h"
#include "broker/connection.h"
#include "broker/permission.h"
#include "proto/reply.h"

#include <stdio.h>

/* ---- users in memory ---- */

static uint64_t user_hash(const struct access *access, struct slice name)
{
    return hmap_hash(name, access->broker->hash_seed);
}

struct user *access_find(struct access *access, struct slice name)
{
    struct hmap_node *node = hmap_first(&access->users, user_hash(access, name));

    for (; node; node = hmap_next_same(node)) {
        struct user *user = CONTAINER_OF(node, struct user, node);
        if (slice_equal_str(name, user->name))
            return user;
    }
    return NULL;
}

struct user *user_make(struct access *access, struct slice name)
{
    struct user *found = access_find(access, name);

    if (found)
        return found;
    struct user *user = MEM_NEW(struct user);
    user->access = access;
    user->name = slice_dup(name);
    user->password_hash = slice_dup(slice_str(""));
    user->hashing_algorithm = slice_dup(slice_str(password_algorithm_name(PASSWORD_DEFAULT)));
    user->tags = slice_dup(slice_str(""));
    user->connections_max = -1;
    user->channels_max = -1;
    hmap_insert(&access->users, &user->node, user_hash(access, name));
    return user;
}

static void free_user(struct user *user)
{
    permission_clear_all(user);
    mem_free(user->name);
    login_forget_password(user);
    mem_free(user->password_hash);
    mem_free(user->hashing_algorithm);
    mem_free(user->tags);
    mem_free(user);
}

/* Out of the map; freed at once, or with its last connection. */
static void retire(struct access *access, struct user *user)
{
    CHECK(!user->deleted);
    hmap_remove(&access->users, &user->node);
    user->deleted = true;
    if (user->refs == 0)
        free_user(user);
}

void user_ref(struct user *user)
{
    user->refs++;
}

void user_unref(struct user *user)
{
    CHECK(user->refs > 0);
    if (--user->refs == 0 && user->deleted)
        free_user(user);
}

struct access *access_new(struct broker *broker)
{
    struct access *access = MEM_NEW(struct access);

    access->broker = broker;
    access->generation = 1;
    logins_init(access);
    return access;
}

void access_free(struct access *access)
{
    logins_fini(access);
    HMAP_EACH_SAFE(&access->users, node) {
        struct user *user = CONTAINER_OF(node, struct user, node);
        CHECK(user->refs == 0);
        retire(access, user);
    }
    hmap_fini(&access->users);
    mem_free(access);
}

uint64_t access_generation(const struct access *access)
{
    return access->generation;
}

/* ---- comma-separated lists ---- */

/* The next item, without spaces around it; false at the end. Empty items are skipped. */
static bool next_item(struct slice *rest, struct slice *item)
{
    while (rest->len > 0) {
        const uint8_t *comma = memchr(rest->data, ',', rest->len);
        size_t len = comma ? (size_t)(comma - rest->data) : rest->len;
        *item = slice_of(rest->data, len);
        size_t skip = comma ? len + 1 : len;
        *rest = slice_of(rest->data + skip, rest->len - skip);
        while (item->len && item->data[0] == ' ')
            *item = slice_of(item->data + 1, item->len - 1);
        while (item->len && item->data[item->len - 1] == ' ')
            item->len--;
        if (item->len)
            return true;
    }
    return false;
}

static uint32_t tag_bit(struct slice tag)
{
#define X(name, text)                                                                              \
    if (slice_equal_str(tag, text))                                                                \
        return 1u << USER_TAG_##name;
    USER_TAG_TABLE(X)
#undef X
    return 0;
}

void user_set_tags(struct user *user, struct slice tags)
{
    struct buf joined = BUF_INIT;
    struct slice tag;

    user->tag_bits = 0;
    while (next_item(&tags, &tag)) {
        user->tag_bits |= tag_bit(tag);
        if (joined.len)
            buf_add_u8(&joined, ',');
        buf_add_slice(&joined, tag);
    }
    mem_free(user->tags);
    user->tags = slice_dup(buf_slice(&joined));
    buf_fini(&joined);
}

bool user_has_tag(const struct user *user, enum user_tag tag)
{
    return user->tag_bits & 1u << tag;
}

bool access_loopback_only(const struct access *access, const struct user *user)
{
    struct slice rest = slice_str(access->broker->options.loopback_users);
    struct slice name;

    while (next_item(&rest, &name))
        if (slice_equal_str(name, user->name))
            return true;
    return false;
}

/* ---- administration ---- */

void access_take_hash(struct user *user, char *hash, enum password_algorithm algorithm)
{
    mem_free(user->password_hash);
    user->password_hash = hash;
    mem_free(user->hashing_algorithm);
    user->hashing_algorithm = slice_dup(slice_str(password_algorithm_name(algorithm)));
    access_store_user(user);
    user->access->generation++;
}

struct user *access_set_user(struct access *access, struct slice name, struct slice password,
                             struct slice tags)
{
    struct user *user = user_make(access, name);

    user_set_tags(user, tags);
    access->generation++;
    login_set_password(user, password);
    return user;
}

enum err access_set_user_hash(struct access *access, struct slice name, struct slice hash,
                              struct slice algorithm, struct slice tags, struct user **user)
{
    enum password_algorithm parsed;

    if (!password_algorithm_parse(algorithm, &parsed))
        return ERR_INVALID;
    if (hash.len > 0 && !password_hash_valid(parsed, hash))
        return ERR_INVALID;
    *user = user_make(access, name);
    user_set_tags(*user, tags);
    login_forget_password(*user);
    (*user)->hash_pending = 0;
    access_take_hash(*user, slice_dup(hash), parsed);
    return ERR_OK;
}

static void close_connections(struct user *user)
{
    struct reply reply;

    reply_set(&reply, REPLY_CONNECTION_FORCED, "user '%s' is deleted", user->name);
    LIST_EACH(&user->access->broker->connections, link) {
        struct connection *connection = CONTAINER_OF(link, struct connection, broker_link);
        if (connection->user == user && !connection->internal)
            connection->ops->close(connection, &reply);
    }
}

static void remove_permission(struct access *access, const struct user *user,
                              const struct user_permission *permission)
{
    if (permission->patterns[PERMISSION_CONFIGURE]) {
        struct permission_row row = permission_row(user, permission);
        access_unstore_permission(access, &row);
    }
    for (const struct topic_permission *topic = permission->topics; topic; topic = topic->next) {
        struct topic_permission_row row = permission_topic_row(user, permission, topic);
        access_unstore_topic(access, &row);
    }
}

bool access_delete_user(struct access *access, struct slice name)
{
    struct user *user = access_find(access, name);

    if (!user)
        return false;
    HMAP_EACH(&user->permissions, node)
        remove_permission(access, user, CONTAINER_OF(node, struct user_permission, node));
    access_unstore_user(user);
    access->generation++;
    permission_clear_all(user);
    user_ref(user);
    retire(access, user);
    close_connections(user);
    user_unref(user);
    return true;
}

enum err access_set_permission(struct access *access, struct slice user, struct slice vhost,
                               struct slice configure, struct slice write, struct slice read,
                               char *message, size_t message_size)
{
    const struct permission_row row = {user, vhost, configure, write, read};
    struct user *found = access_find(access, user);

    if (!found) {
        snprintf(message, message_size, "no user '%.*s'", SLICE_FMT(user));
        return ERR_NOT_FOUND;
    }
    enum err error = permission_set(found, &row, message, message_size);
    if (error != ERR_OK)
        return error;
    access_store_permission(access, &row);
    access->generation++;
    return ERR_OK;
}

bool access_clear_permission(struct access *access, struct slice user, struct slice vhost)
{
    struct user *found = access_find(access, user);
    const struct permission_row row = {.user = user, .vhost = vhost};

    if (!found || !permission_clear(found, vhost))
        return false;
    access_unstore_permission(access, &row);
    access->generation++;
    return true;
}

enum err access_set_topic_permission(struct access *access, struct slice user, struct slice vhost,
                                     struct slice exchange, struct slice write, struct slice read,
                                     char *message, size_t message_size)
{
    const struct topic_permission_row row = {user, vhost, exchange, write, read};
    struct user *found = access_find(access, user);

    if (!found) {
        snprintf(message, message_size, "no user '%.*s'", SLICE_FMT(user));
        return ERR_NOT_FOUND;
    }
    enum err error = permission_set_topic(found, &row, message, message_size);
    if (error != ERR_OK)
        return error;
    access_store_topic(access, &row);
    access->generation++;
    return ERR_OK;
}

bool access_clear_topic_permission(struct access *access, struct slice user, struct slice vhost,
                                   struct slice exchange)
{
    struct user *found = access_find(access, user);
    const struct topic_permission_row row = {.user = user, .vhost = vhost, .exchange = exchange};

    if (!found || !permission_clear_topic(found, vhost, exchange))
        return false;
    access_unstore_topic(access, &row);
    access->generation++;
    return true;
}

bool access_set_user_limit(struct access *access, struct user *user, struct slice name,
                           int64_t value)
{
    CHECK(user->access == access);
    int64_t limit = value < 0 ? -1 : value;

    if (slice_equal_str(name, USER_LIMIT_CONNECTIONS))
        user->connections_max = limit;
    else if (slice_equal_str(name, USER_LIMIT_CHANNELS))
        user->channels_max = limit;
    else
        return false;
    access_store_user(user);
    access->generation++;
    return true;
}

/* ---- walks ---- */

void access_each_user(struct access *access, void (*each)(void *context, struct user *user),
                      void *context)
{
    HMAP_EACH(&access->users, node)
        each(context, CONTAINER_OF(node, struct user, node));
}

void access_each_permission(struct access *access,
                            void (*each)(void *context, const struct permission_row *row),
                            void *context)
{
    HMAP_EACH(&access->users, node) {
        const struct user *user = CONTAINER_OF(node, struct user, node);
        HMAP_EACH(&user->permissions, inner) {
            struct user_permission *entry = CONTAINER_OF(inner, struct user_permission, node);
            if (!entry->patterns[PERMISSION_CONFIGURE])
                continue;
            struct permission_row row = permission_row(user, entry);
            each(context, &row);
        }
    }
}

void access_each_topic_permission(struct access *access,
                                  void (*each)(void *context,
                                               const struct topic_permission_row *row),
                                  void *context)
{
    HMAP_EACH(&access->users, node) {
        const struct user *user = CONTAINER_OF(node, struct user, node);
        HMAP_EACH(&user->permissions, inner) {
            struct user_permission *entry = CONTAINER_OF(inner, struct user_permission, node);
            for (struct topic_permission *topic = entry->topics; topic; topic = topic->next) {
                struct topic_permission_row row = permission_topic_row(user, entry, topic);
                each(context, &row);
            }
        }
    }
}

void access_forget_vhost(struct access *access, struct slice vhost)
{
    HMAP_EACH(&access->users, node) {
        struct user *user = CONTAINER_OF(node, struct user, node);
        struct user_permission *entry = permission_find(user, vhost);
        if (!entry)
            continue;
        remove_permission(access, user, entry);
        (void)permission_clear(user, vhost);
        /* The entry goes with its last topic permission. */
        while ((entry = permission_find(user, vhost)))
            CHECK(permission_clear_topic(user, vhost, slice_str(entry->topics->exchange)));
    }
    access->generation++;
}
