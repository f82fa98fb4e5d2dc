/* SPDX-License-Identifier: Apache-2.0 */
/* Users from the configuration. */
#include "server/users.h"

#include "broker/access.h"
#include "broker/broker.h"
#include "broker/pattern.h"
#include "broker/vhost.h"
#include "server/configuration.h"

#include <stdio.h>

static struct slice part(const struct configuration *configuration, enum config_key key,
                         const char *name, const char *fallback)
{
    const struct config_item *item = configuration_find(configuration, key, name);
    return slice_str(item ? item->text : fallback);
}

/* In one virtual host. */
static enum err permit(struct broker *broker, const struct configuration *configuration,
                       const char *name, struct slice vhost, char *message, size_t message_size)
{
    char why[200];
    struct slice configure = part(configuration, CONFIG_USERS_CONFIGURE, name, ".*");
    struct slice write = part(configuration, CONFIG_USERS_WRITE, name, ".*");
    struct slice read = part(configuration, CONFIG_USERS_READ, name, ".*");
    enum err error = access_set_permission(broker->access, slice_str(name), vhost, configure, write,
                                           read, why, sizeof(why));
    if (error != ERR_OK)
        snprintf(message, message_size, "'default_users.%s': permissions: %s", name, why);
    return error;
}

static enum err permit_matching(struct broker *broker, const struct configuration *configuration,
                                const char *name, char *message, size_t message_size)
{
    char why[200];
    struct pattern *pattern;
    enum err error = pattern_new(part(configuration, CONFIG_USERS_VHOST_PATTERN, name, ".*"),
                                 &pattern, why, sizeof(why));
    if (error != ERR_OK) {
        snprintf(message, message_size, "'default_users.%s.vhost_pattern': %s", name, why);
        return error;
    }
    const struct user *user = access_find(broker->access, slice_str(name));
    HMAP_EACH(&broker->vhosts, node) {
        const struct vhost *vhost = CONTAINER_OF(node, struct vhost, node);
        struct slice vhost_name = slice_str(vhost->name);
        if (error == ERR_OK && pattern_match(pattern, vhost_name) == PATTERN_MATCH &&
            !access_vhost(user, vhost_name))
            error = permit(broker, configuration, name, vhost_name, message, message_size);
    }
    pattern_free(pattern);
    return error;
}

static void note_user(void *context, struct user *user)
{
    (void)user;
    *(bool *)context = true;
}

/* Definitions may have brought none. */
static void warn_without_users(struct broker *broker)
{
    bool found = false;
    access_each_user(broker->access, note_user, &found);
    if (!found)
        log_warning(broker->log, "there is no user: nobody can log in",
                    "advice=\"have load_definitions or default_users.NAME.password bring one\"");
}

enum err users_apply(struct broker *broker, const struct configuration *configuration,
                     char *message, size_t message_size)
{
    size_t count;
    const struct config_item *users =
        configuration_list(configuration, CONFIG_USERS_PASSWORD, &count);
    for (size_t i = 0; i < count; i++) {
        struct slice name = slice_str(users[i].name);
        if (!access_find(broker->access, name))
            access_set_user(broker->access, name, slice_str(users[i].text),
                            part(configuration, CONFIG_USERS_TAGS, users[i].name, ""));
        enum err error =
            permit_matching(broker, configuration, users[i].name, message, message_size);
        if (error != ERR_OK)
            return error;
    }
    warn_without_users(broker);
    return ERR_OK;
}
