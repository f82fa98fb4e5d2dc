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
    struct slice vhost = call->request->x_vhost;

    return connection->vhost && !connection->internal &&
           (!vhost.len || slice_equal_str(vhost, connection->vhost->name)) &&
           (call_monitor(call) || owns(call, connection));
}

static bool wants(const struct list_scope *scope, const struct connection *connection)
{
    return (!scope->vhost.len || slice_equal_str(scope->vhost, connection->vhost->name)) &&
           (!scope->user.len || slice_equal_str(scope->user, connection->user->name)) &&
           (!scope->connection || scope->connection == connection->id);
}

/* The walked connection, when the list is to have it. */
static const struct connection *wanted(const struct listing *listing, const void *object)
{
    const struct connection *connection = object;

    return sees(list_call(listing), connection) && wants(list_scope(listing), connection)
               ? connection
               : NULL;
}

static struct list_scope vhost_scope(const struct call *call)
{
    return (struct list_scope){.vhost = call_arg(call, "vhost")};
}

/* ---- connections ---- */

static void add_connection(struct listing *listing, enum walk_kind kind, void *object)
{
    const struct connection *connection = wanted(listing, object);

    (void)kind;
    if (!connection)
        return;
    struct list_item *item = list_add(listing, slice_str(connection->vhost->name),
                                      slice_str(connection->name), connection);
    if (item)
        item->id = connection->id;
}

/* NULL too when it has left its virtual host. */
static const struct connection *find_connection(const struct call *call,
                                                const struct list_item *item)
{
    const struct connection *connection = connection_find(call->broker, item->id);

    return connection && connection->vhost ? connection : NULL;
}

static const void *find_connection_item(struct call *call, const struct list_item *item)
{
    return find_connection(call, item);
}

static void list_connections(struct call *call, const struct list_scope *scope)
{
    static const struct list_kind kind = {
        .walks = {WALK_CONNECTIONS},
        .walk_count = 1,
        .add = add_connection,
        .find = find_connection_item,
        .write = object_connection,
    };

    (void)list_begin(call, &kind, scope);
}

void connections_list(struct call *call)
{
    list_connections(call, NULL);
}

void vhost_connections(struct call *call)
{
    const struct list_scope scope = vhost_scope(call);

    if (call_vhost(call))
        list_connections(call, &scope);
}

void user_connections(struct call *call)
{
    list_connections(call, &(struct list_scope){.user = call_arg(call, "user")});
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
    const struct connection *connection = path_connection(call, call_monitor(call));
    struct row row;

    if (!connection)
        return;
    call_begin_object(call, &row);
    object_connection(call, &row, connection);
    call_end_object(&row);
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

/* ---- closing all of a user's ---- */

#define CLOSE_WORK 8192 /* see management_work() */

struct closing {
    struct call *call;
    struct walk walk;
};

static void close_wanted(void *context, void *object)
{
    const struct closing *closing = context;
    const struct list_scope scope = {.user = call_arg(closing->call, "user")};
    struct connection *connection = object;

    if (!connection->vhost || connection->internal || !wants(&scope, connection))
        return;
    close_connection(closing->call, connection);
    call_spend(closing->call, CLOSE_WORK);
}

/* To close one twice is harmless. */
static void forget_closed(void *context)
{
    (void)context;
}

static bool run_closing(struct call *call, void *state)
{
    const struct walk_visitor visitor = {
        .visit = close_wanted, .forget = forget_closed, .context = state};
    struct closing *closing = state;

    if (!walk_run(&closing->walk, call, &visitor))
        return false;
    call_empty(call, 204);
    return true;
}

static void free_closing(void *state)
{
    struct closing *closing = state;

    walk_fini(&closing->walk);
    mem_free(closing);
}

void user_connections_delete(struct call *call)
{
    static const struct call_task task = {.run = run_closing, .free = free_closing};

    if (!call_admin(call) && !slice_equal_str(call_arg(call, "user"), call->user->name)) {
        call_refused(call, "User not authorised to access object");
        return;
    }
    struct closing *closing = MEM_NEW(struct closing);
    closing->call = call;
    walk_init(&closing->walk, call->broker, WALK_CONNECTIONS, NULL, NULL);
    call_set_task(call, &task, closing);
}

/* ---- channels ---- */

static void add_channels(struct listing *listing, enum walk_kind kind, void *object)
{
    const struct connection *connection = wanted(listing, object);

    (void)kind;
    if (!connection)
        return;
    LIST_EACH(&connection->channels, link) {
        const struct channel *channel = CONTAINER_OF(link, struct channel, connection_link);
        char *name = object_channel_name(channel);
        struct list_item *item =
            list_add(listing, slice_str(connection->vhost->name), slice_str(name), channel);
        mem_free(name);
        if (!item)
            continue;
        item->id = connection->id;
        item->number = channel->number;
    }
}

static const struct channel *find_channel_of(const struct call *call, const struct list_item *item)
{
    const struct connection *connection = find_connection(call, item);

    return connection ? connection_channel(connection, (uint16_t)item->number) : NULL;
}

static const void *find_channel_item(struct call *call, const struct list_item *item)
{
    return find_channel_of(call, item);
}

static void list_channels(struct call *call, const struct list_scope *scope)
{
    static const struct list_kind kind = {
        .walks = {WALK_CONNECTIONS},
        .walk_count = 1,
        .add = add_channels,
        .find = find_channel_item,
        .write = object_channel,
    };

    (void)list_begin(call, &kind, scope);
}

void channels_list(struct call *call)
{
    list_channels(call, NULL);
}

void vhost_channels(struct call *call)
{
    const struct list_scope scope = vhost_scope(call);

    if (call_vhost(call))
        list_channels(call, &scope);
}

void connection_channels(struct call *call)
{
    const struct connection *connection = path_connection(call, call_monitor(call));

    if (connection)
        list_channels(call, &(struct list_scope){.connection = connection->id});
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
        struct row row;
        call_begin_object(call, &row);
        object_channel(call, &row, channel);
        object_consumers(call, &row, &channel->consumers, offsetof(struct consumer, channel_link));
        row_json(&row, "deliveries", json_array()); /* rates of pairs of objects aren't kept */
        row_json(&row, "publishes", json_array());
        call_end_object(&row);
        return;
    }
    call_not_found(call);
}

/* ---- consumers ---- */

static void add_consumers(struct listing *listing, enum walk_kind kind, void *object)
{
    const struct connection *connection = wanted(listing, object);

    (void)kind;
    if (!connection)
        return;
    LIST_EACH(&connection->channels, channel_link) {
        const struct channel *channel = CONTAINER_OF(channel_link, struct channel, connection_link);
        LIST_EACH(&channel->consumers, link) {
            const struct consumer *consumer = CONTAINER_OF(link, struct consumer, channel_link);
            struct list_item *item = list_add(listing, slice_str(connection->vhost->name),
                                              slice_str(consumer->tag), consumer);
            if (!item)
                continue;
            item->id = connection->id;
            item->number = channel->number;
        }
    }
}

static const void *find_consumer_item(struct call *call, const struct list_item *item)
{
    const struct channel *channel = find_channel_of(call, item);

    return channel ? channel_consumer(channel, item->name) : NULL;
}

void consumers_list(struct call *call)
{
    static const struct list_kind kind = {
        .walks = {WALK_CONNECTIONS},
        .walk_count = 1,
        .add = add_consumers,
        .find = find_consumer_item,
        .write = object_consumer,
    };

    list_answer_vhost(call, &kind);
}
