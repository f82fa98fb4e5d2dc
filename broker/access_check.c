/* SPDX-License-Identifier: Apache-2.0 */
/* May this user do that? Asked of the compiled permissions; every refusal has RabbitMQ's text.
 * [rabbitmq: access-control.md]
 *
 * (1) What can't be decided (a pattern that gives up) is refused, and logged.
 */
#include "broker/permission.h"
#include "proto/reply.h"

static bool matches(const struct user *user, const struct pattern *pattern, struct slice subject)
{
    enum pattern_result result = pattern_match(pattern, subject);

    if (result == PATTERN_GAVE_UP) {
        char who[128], source[256];
        log_warning(user->access->broker->log,
                    "a permission's pattern takes too many steps; access is refused",
                    "user=%s pattern=%s", log_quote(who, sizeof(who), slice_str(user->name)),
                    log_quote(source, sizeof(source), pattern_source(pattern)));
    }
    return result == PATTERN_MATCH;
}

/* The default exchange has no name to match; its permissions are asked for under this one. */
static struct slice visible_name(struct slice name)
{
    return name.len ? name : slice_str("amq.default");
}

static const char *permission_name(enum permission permission)
{
    static const char *const names[PERMISSIONS] = {
        [PERMISSION_CONFIGURE] = "configure",
        [PERMISSION_WRITE] = "write",
        [PERMISSION_READ] = "read",
    };

    CHECK((size_t)permission < PERMISSIONS);
    return names[permission];
}

bool access_vhost(const struct user *user, struct slice vhost)
{
    const struct user_permission *entry = permission_find(user, vhost);

    return entry && entry->patterns[PERMISSION_CONFIGURE];
}

bool access_allows(const struct user *user, struct slice vhost, enum permission permission,
                   struct slice name)
{
    CHECK((size_t)permission < PERMISSIONS);
    const struct user_permission *entry = permission_find(user, vhost);

    return entry && entry->patterns[permission] &&
           matches(user, entry->patterns[permission], visible_name(name));
}

bool access_check(const struct user *user, struct slice vhost, enum permission permission,
                  const char *what, struct slice name, struct reply *reply)
{
    if (access_allows(user, vhost, permission, name))
        return true;
    struct slice shown = visible_name(name);
    return reply_set(
        reply, REPLY_ACCESS_REFUSED, "%s access to %s '%.*s' in vhost '%.*s' refused for user '%s'",
        permission_name(permission), what, SLICE_FMT(shown), SLICE_FMT(vhost), user->name);
}

bool access_has_topic(const struct user *user, struct slice vhost)
{
    const struct user_permission *entry = permission_find(user, vhost);

    return entry && entry->topics;
}

bool access_check_topic(const struct user *user, struct slice vhost, enum permission permission,
                        struct slice exchange, struct slice key, struct reply *reply)
{
    CHECK(permission == PERMISSION_WRITE || permission == PERMISSION_READ);
    const struct user_permission *entry = permission_find(user, vhost);
    const struct topic_permission *topic = entry ? permission_find_topic(entry, exchange) : NULL;

    if (!topic || matches(user, topic->patterns[permission], key))
        return true;
    return reply_set(reply, REPLY_ACCESS_REFUSED,
                     "%s access to topic '%.*s' in exchange '%.*s' in vhost '%.*s' refused for "
                     "user '%s'",
                     permission_name(permission), SLICE_FMT(key), SLICE_FMT(exchange),
                     SLICE_FMT(vhost), user->name);
}
