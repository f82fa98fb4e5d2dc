/* SPDX-License-Identifier: Apache-2.0 */
/* Connections, channels and consumers.
 *
 * (1) Who isn't monitoring sees his own; who isn't administrator closes his own.
 */
#include "base/mem.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/consumer.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/list.h"
#include "management/object.h"

#define DEFAULT_REASON "Closed via management plugin"

static bool owns(const struct call *call, const struct connection *connection)
{
    return connection->user && strcmp(connection->user->name, call->user->name) == 0;
}

static bool sees(const struct call *call, const struct connection *connection)
{
    return connection->vhost && !connection->internal &&
           (call_monitor(call) || owns(call, connection));
}

/* Which connections are wanted; NULL and the empty name are any. */
struct filter {
    const struct vhost *vhost;
    struct slice user;
};

static bool wants(const struct filter *filter, const struct connection *connection)
{
    return (!filter->vhost || connection->vhost == filter->vhost) &&
           (!filter->user.len || slice_equal_str(filter->user, connection->user->name));
}

/* ---- connections ---- */

static void list_connections(struct call *call, const struct filter *filter)
{
    struct list_items items = LIST_ITEMS_INIT;

    LIST_EACH(&call->broker->connections, link) {
        struct connection *connection = CONTAINER_OF(link, struct connection, broker_link);
        if (sees(call, connection) && wants(filter, connection))
            list_items_add(&items, slice_str(connection->vhost->name), slice_str(connection->name),
                           connection);
    }
    list_answer_items(call, &items, object_connection);
}

void connections_list(struct call *call)
{
    list_connections(call, &(struct filter){0});
}

void vhost_connections(struct call *call)
{
    if (call_vhost(call))
        list_connections(call, &(struct filter){.vhost = call->vhost});
}

void user_connections(struct call *call)
{
    list_connections(call, &(struct filter){.user = call_arg(call, "user")});
}

/* The connection of the path, or NULL after answering 404, or 401 when it is another's. */
static struct connection *path_connection(struct call *call, bool may_all)
{
    struct slice name = call_arg(call, "connection");

    LIST_EACH(&call->broker->connections, link) {
        struct connection *connection = CONTAINER_OF(link, struct connection, broker_link);
        if (!connection->vhost || connection->internal || !slice_equal_str(name, connection->name))
            continue;
        if (may_all || owns(call, connection))
            return connection;
        call_refused(call, "User not authorised to access object");
        return NULL;
    }
    call_not_found(call);
    return NULL;
}

void connection_get(struct call *call)
{
    struct connection *connection = path_connection(call, call_monitor(call));

    if (connection)
        call_json(call, object_connection(call, connection));
}

static void close_connection(const struct call *call, struct connection *connection)
{
    struct slice reason = call->request->x_reason;
    struct reply reply;

    if (!reason.len)
        reason = slice_str(DEFAULT_REASON);
    reply_set(&reply, REPLY_CONNECTION_FORCED, "%.*s", SLICE_FMT(reason));
    connection->ops->close(connection, &reply);
}

void connection_delete(struct call *call)
{
    struct connection *connection = path_connection(call, call_admin(call));

    if (!connection)
        return;
    close_connection(call, connection);
    call_empty(call, 204);
}

void user_connections_delete(struct call *call)
{
    const struct filter filter = {.user = call_arg(call, "user")};

    if (!call_admin(call) && !slice_equal_str(filter.user, call->user->name)) {
        call_refused(call, "User not authorised to access object");
        return;
    }
    LIST_EACH(&call->broker->connections, link) {
        struct connection *connection = CONTAINER_OF(link, struct connection, broker_link);
        if (connection->vhost && !connection->internal && wants(&filter, connection))
            close_connection(call, connection);
    }
    call_empty(call, 204);
}

/* ---- channels ---- */

/* Items' names are made for the list. */
static void add_channels(struct list_items *items, const struct connection *connection)
{
    LIST_EACH(&connection->channels, link) {
        struct channel *channel = CONTAINER_OF(link, struct channel, connection_link);
        char *name = object_channel_name(channel);
        list_items_add(items, slice_str(connection->vhost->name), slice_str(name), channel);
    }
}

static void list_channels(struct call *call, const struct connection *only,
                          const struct filter *filter)
{
    struct list_items items = LIST_ITEMS_INIT;

    LIST_EACH(&call->broker->connections, link) {
        struct connection *connection = CONTAINER_OF(link, struct connection, broker_link);
        if ((!only || connection == only) && sees(call, connection) && wants(filter, connection))
            add_channels(&items, connection);
    }
    size_t count = items.count;
    char **names = mem_alloc((count + 1) * sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = (char *)(uintptr_t)items.items[i].name.data;
    list_answer_items(call, &items, object_channel);
    for (size_t i = 0; i < count; i++)
        mem_free(names[i]);
    mem_free(names);
}

void channels_list(struct call *call)
{
    list_channels(call, NULL, &(struct filter){0});
}

void vhost_channels(struct call *call)
{
    if (call_vhost(call))
        list_channels(call, NULL, &(struct filter){.vhost = call->vhost});
}

void connection_channels(struct call *call)
{
    const struct connection *connection = path_connection(call, call_monitor(call));

    if (connection)
        list_channels(call, connection, &(struct filter){0});
}

static json_t *consumer_details(struct call *call, const struct channel *channel)
{
    json_t *list = json_array();

    LIST_EACH(&channel->consumers, link)
        json_array_append_new(
            list, object_consumer(call, CONTAINER_OF(link, struct consumer, channel_link)));
    return list;
}

static struct channel *find_channel(const struct connection *connection, struct slice name)
{
    LIST_EACH(&connection->channels, link) {
        struct channel *channel = CONTAINER_OF(link, struct channel, connection_link);
        char *own = object_channel_name(channel);
        bool same = slice_equal_str(name, own);
        mem_free(own);
        if (same)
            return channel;
    }
    return NULL;
}

void channel_get_route(struct call *call)
{
    struct slice name = call_arg(call, "channel");

    LIST_EACH(&call->broker->connections, link) {
        const struct connection *connection = CONTAINER_OF(link, struct connection, broker_link);
        size_t len = strlen(connection->name);
        if (!sees(call, connection) || name.len <= len ||
            memcmp(name.data, connection->name, len) != 0)
            continue;
        struct channel *channel = find_channel(connection, name);
        if (!channel)
            continue;
        json_t *row = object_channel(call, channel);
        json_put(row, "consumer_details", consumer_details(call, channel));
        call_json(call, row);
        return;
    }
    call_not_found(call);
}

/* ---- consumers ---- */

static void add_consumers(struct list_items *items, struct call *call, struct vhost *vhost)
{
    LIST_EACH(&vhost->connections, connection_link) {
        const struct connection *connection =
            CONTAINER_OF(connection_link, struct connection, vhost_link);
        if (!sees(call, connection))
            continue;
        LIST_EACH(&connection->channels, channel_link) {
            const struct channel *channel =
                CONTAINER_OF(channel_link, struct channel, connection_link);
            LIST_EACH(&channel->consumers, link) {
                struct consumer *consumer = CONTAINER_OF(link, struct consumer, channel_link);
                list_items_add(items, slice_str(vhost->name), slice_str(consumer->tag), consumer);
            }
        }
    }
}

void consumers_list(struct call *call)
{
    struct list_items items = LIST_ITEMS_INIT;

    if (call->capture_count > 0) {
        if (!call_vhost(call))
            return;
        add_consumers(&items, call, call->vhost);
    } else {
        LIST_EACH(&call->broker->vhost_list, link)
            add_consumers(&items, call, CONTAINER_OF(link, struct vhost, broker_link));
    }
    list_answer_items(call, &items, object_consumer);
}
