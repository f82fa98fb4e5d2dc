/* SPDX-License-Identifier: Apache-2.0 */
/* Permissions in memory: a user's entries by virtual host, each with its compiled patterns.
 *
 * (1) An entry has all three patterns, or none and at least one topic permission.
 * (2) An exchange has at most one topic permission in an entry.
 */
#include "broker/permission.h"

#include "base/buf.h"
#include "base/mem.h"

static uint64_t hash(const struct user *user, struct slice name)
{
    return hmap_hash(name, user->access->broker->hash_seed);
}

struct user_permission *permission_find(const struct user *user, struct slice vhost)
{
    struct hmap_node *node = hmap_first(&user->permissions, hash(user, vhost));

    for (; node; node = hmap_next_same(node)) {
        struct user_permission *found = CONTAINER_OF(node, struct user_permission, node);
        if (slice_equal_str(vhost, found->vhost))
            return found;
    }
    return NULL;
}

struct topic_permission *permission_find_topic(const struct user_permission *permission,
                                               struct slice exchange)
{
    struct topic_permission *topic = permission->topics;

    while (topic && !slice_equal_str(exchange, topic->exchange))
        topic = topic->next;
    return topic;
}

static struct user_permission *find_or_add(struct user *user, struct slice vhost)
{
    struct user_permission *found = permission_find(user, vhost);

    if (found)
        return found;
    struct user_permission *made = MEM_NEW(struct user_permission);
    made->vhost = slice_dup(vhost);
    hmap_insert(&user->permissions, &made->node, hash(user, vhost));
    return made;
}

static void free_patterns(struct pattern *patterns[PERMISSIONS])
{
    for (size_t i = 0; i < PERMISSIONS; i++) {
        pattern_free(patterns[i]);
        patterns[i] = NULL;
    }
}

static void free_topic(struct topic_permission *topic)
{
    free_patterns(topic->patterns);
    for (size_t i = 0; i < PERMISSIONS; i++)
        mem_free(topic->sources[i]);
    mem_free(topic->exchange);
    mem_free(topic);
}

static void free_entry(struct user *user, struct user_permission *permission)
{
    hmap_remove(&user->permissions, &permission->node);
    while (permission->topics) {
        struct topic_permission *topic = permission->topics;
        permission->topics = topic->next;
        free_topic(topic);
    }
    free_patterns(permission->patterns);
    mem_free(permission->vhost);
    mem_free(permission);
}

/* Invariant (1) after something was taken out. */
static void free_entry_if_empty(struct user *user, struct user_permission *permission)
{
    if (!permission->patterns[PERMISSION_CONFIGURE] && !permission->topics)
        free_entry(user, permission);
}

enum err permission_set(struct user *user, const struct permission_row *row, char *message,
                        size_t message_size)
{
    const struct slice sources[PERMISSIONS] = {
        [PERMISSION_CONFIGURE] = row->configure,
        [PERMISSION_WRITE] = row->write,
        [PERMISSION_READ] = row->read,
    };
    struct pattern *patterns[PERMISSIONS] = {NULL};

    for (size_t i = 0; i < PERMISSIONS; i++) {
        enum err error = pattern_new(sources[i], &patterns[i], message, message_size);
        if (error != ERR_OK) {
            free_patterns(patterns);
            return error;
        }
    }
    struct user_permission *permission = find_or_add(user, row->vhost);
    free_patterns(permission->patterns);
    memcpy(permission->patterns, patterns, sizeof(patterns));
    return ERR_OK;
}

/* A value inside a pattern stands for itself: no character of it may have a meaning there. */
static void add_literal(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (strchr("\\^$.[]|()?*+{}#-", text.data[i]) && text.data[i])
            buf_add_u8(out, '\\');
        buf_add_u8(out, text.data[i]);
    }
}

/* Fills in the variables that are the user's own. {client_id} stays: it has a meaning for other
 * protocols' connections only, and RabbitMQ's AMQP channels leave it alone too. */
static void expand(struct buf *out, struct slice source, const struct topic_permission_row *row)
{
    static const char username[] = "{username}", vhost[] = "{vhost}";

    for (size_t i = 0; i < source.len; i++) {
        struct slice rest = slice_of(source.data + i, source.len - i);
        if (slice_starts_with(rest, username)) {
            add_literal(out, row->user);
            i += sizeof(username) - 2;
        } else if (slice_starts_with(rest, vhost)) {
            add_literal(out, row->vhost);
            i += sizeof(vhost) - 2;
        } else {
            buf_add_u8(out, source.data[i]);
        }
    }
}

static enum err compile_topic(struct topic_permission *topic, enum permission which,
                              struct slice source, const struct topic_permission_row *row,
                              char *message, size_t message_size)
{
    struct buf expanded = BUF_INIT;

    expand(&expanded, source, row);
    enum err error =
        pattern_new(buf_slice(&expanded), &topic->patterns[which], message, message_size);
    buf_fini(&expanded);
    topic->sources[which] = slice_dup(source);
    return error;
}

enum err permission_set_topic(struct user *user, const struct topic_permission_row *row,
                              char *message, size_t message_size)
{
    struct topic_permission *topic = MEM_NEW(struct topic_permission);

    topic->exchange = slice_dup(row->exchange);
    enum err error = compile_topic(topic, PERMISSION_WRITE, row->write, row, message, message_size);
    if (error == ERR_OK)
        error = compile_topic(topic, PERMISSION_READ, row->read, row, message, message_size);
    if (error != ERR_OK) {
        free_topic(topic);
        return error;
    }
    (void)permission_clear_topic(user, row->vhost, row->exchange);
    struct user_permission *permission = find_or_add(user, row->vhost);
    topic->next = permission->topics;
    permission->topics = topic;
    return ERR_OK;
}

bool permission_clear(struct user *user, struct slice vhost)
{
    struct user_permission *permission = permission_find(user, vhost);

    if (!permission || !permission->patterns[PERMISSION_CONFIGURE])
        return false;
    free_patterns(permission->patterns);
    free_entry_if_empty(user, permission);
    return true;
}

bool permission_clear_topic(struct user *user, struct slice vhost, struct slice exchange)
{
    struct user_permission *permission = permission_find(user, vhost);

    if (!permission)
        return false;
    struct topic_permission **link = &permission->topics;
    while (*link && !slice_equal_str(exchange, (*link)->exchange))
        link = &(*link)->next;
    if (!*link)
        return false;
    struct topic_permission *topic = *link;
    *link = topic->next;
    free_topic(topic);
    free_entry_if_empty(user, permission);
    return true;
}

void permission_clear_all(struct user *user)
{
    HMAP_EACH_SAFE(&user->permissions, node)
        free_entry(user, CONTAINER_OF(node, struct user_permission, node));
    hmap_fini(&user->permissions);
}

struct permission_row permission_row(const struct user *user,
                                     const struct user_permission *permission)
{
    return (struct permission_row){
        .user = slice_str(user->name),
        .vhost = slice_str(permission->vhost),
        .configure = pattern_source(permission->patterns[PERMISSION_CONFIGURE]),
        .write = pattern_source(permission->patterns[PERMISSION_WRITE]),
        .read = pattern_source(permission->patterns[PERMISSION_READ]),
    };
}

struct topic_permission_row permission_topic_row(const struct user *user,
                                                 const struct user_permission *permission,
                                                 const struct topic_permission *topic)
{
    return (struct topic_permission_row){
        .user = slice_str(user->name),
        .vhost = slice_str(permission->vhost),
        .exchange = slice_str(topic->exchange),
        .write = slice_str(topic->sources[PERMISSION_WRITE]),
        .read = slice_str(topic->sources[PERMISSION_READ]),
    };
}
