/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: entering and leaving virtual hosts, what goes with them, and when they must wait. */
#include "broker/connection.h"

#include "base/history.h"
#include "base/mem.h"
#include "broker/access.h"
#include "broker/broker.h"
#include "broker/channel.h"
#include "broker/consumer.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "proto/reply.h"
#include "storage/store.h"

#include <inttypes.h>

void connection_init(struct connection *connection, const struct connection_ops *ops,
                     struct broker *broker, const char *name)
{
    *connection = (struct connection){
        .ops = ops,
        .broker = broker,
        .id = ++broker->connection_id_next,
        .name = slice_dup(slice_str(name)),
        .opened_wall_ms = broker->wall_ms,
    };
    list_init(&connection->vhost_link);
    list_init(&connection->waiting_link);
    list_init(&connection->channels);
    list_init(&connection->exclusive_queues);
    list_push_back(&broker->connections, &connection->broker_link);
    hmap_insert(&broker->connection_ids, &connection->id_node,
                hmap_hash_u64(connection->id, broker->hash_seed));
    broker->churn.connections_opened++;
}

struct connection *connection_find(const struct broker *broker, uint64_t id)
{
    struct hmap_node *node =
        hmap_first(&broker->connection_ids, hmap_hash_u64(id, broker->hash_seed));
    for (; node; node = hmap_next_same(node)) {
        struct connection *connection = CONTAINER_OF(node, struct connection, id_node);
        if (connection->id == id)
            return connection;
    }
    return NULL;
}

struct channel *connection_channel(const struct connection *connection, uint16_t number)
{
    LIST_EACH(&connection->channels, node) {
        struct channel *channel = CONTAINER_OF(node, struct channel, connection_link);
        if (channel->number == number)
            return channel;
    }
    return NULL;
}

/* -- entering -- */

static bool check_limits(const struct connection *connection, const struct vhost *vhost,
                         struct reply *reply)
{
    const struct broker *broker = connection->broker;
    const struct user *user = connection->user;
    uint32_t most = broker->options.connections_max;
    if (most && broker->connection_count >= most)
        return reply_set(reply, REPLY_NOT_ALLOWED,
                         "connection refused: node connection limit (%u) is reached", most);
    if (vhost->connections_max >= 0 && vhost->connection_count >= vhost->connections_max)
        return reply_set(reply, REPLY_NOT_ALLOWED,
                         "access to vhost '%s' refused for user '%s': connection limit (%" PRId64
                         ") is reached",
                         vhost->name, user->name, vhost->connections_max);
    if (user->connections_max >= 0 && user->connection_count >= user->connections_max)
        return reply_set(reply, REPLY_NOT_ALLOWED,
                         "connection refused for user '%s': user connection limit (%" PRId64
                         ") is reached",
                         user->name, user->connections_max);
    return true;
}

bool connection_open_vhost(struct connection *connection, struct slice name, struct reply *reply)
{
    struct broker *broker = connection->broker;
    CHECK(connection->user);
    CHECK(!connection->vhost);
    struct vhost *vhost = vhost_find(broker, name);
    if (!vhost)
        return reply_set(reply, REPLY_NOT_ALLOWED, "vhost %.*s not found", SLICE_FMT(name));
    if (!connection->internal && !check_limits(connection, vhost, reply))
        return false;
    if (!access_vhost(connection->user, name))
        return reply_set(reply, REPLY_NOT_ALLOWED, "access to vhost '%.*s' refused for user '%s'",
                         SLICE_FMT(name), connection->user->name);
    connection->vhost = vhost;
    list_push_back(&vhost->connections, &connection->vhost_link);
    if (!connection->internal) {
        vhost->connection_count++;
        broker->connection_count++;
        connection->user->connection_count++;
    }
    return true;
}

/* -- leaving -- */

void connection_stop_deliveries(struct connection *connection)
{
    LIST_EACH(&connection->channels, node)
        CONTAINER_OF(node, struct channel, connection_link)->flow_active = false;
}

void connection_release(struct connection *connection)
{
    /* What one channel gives back must not be dealt to the next one that ends. */
    connection_stop_deliveries(connection);
    while (!list_empty(&connection->channels))
        channel_fini(LIST_FIRST(&connection->channels, struct channel, connection_link));
    while (!list_empty(&connection->exclusive_queues))
        queue_destroy(LIST_FIRST(&connection->exclusive_queues, struct queue, owner_link));
}

void connection_leave_vhost(struct connection *connection)
{
    struct vhost *vhost = connection->vhost;
    if (!vhost)
        return;
    CHECK(list_empty(&connection->channels));
    CHECK(list_empty(&connection->exclusive_queues));
    list_remove(&connection->vhost_link);
    list_remove(&connection->waiting_link);
    connection->vhost = NULL;
    connection->barrier = 0;
    if (connection->internal)
        return;
    vhost->connection_count--;
    connection->broker->connection_count--;
    connection->user->connection_count--;
}

void connection_fini(struct connection *connection)
{
    connection_release(connection);
    connection_leave_vhost(connection);
    list_remove(&connection->broker_link);
    hmap_remove(&connection->broker->connection_ids, &connection->id_node);
    if (connection->user)
        user_unref(connection->user);
    connection->user = NULL;
    connection->broker->churn.connections_closed++;
    history_free(connection->history);
    mem_free(connection->name);
    connection->name = NULL;
}

/* -- waiting -- */

void connection_hold(struct connection *connection, uint64_t seq)
{
    struct vhost *vhost = connection->vhost;
    CHECK(vhost);
    if (seq <= vhost_durable(vhost) || connection->internal)
        return;
    if (seq > connection->barrier)
        connection->barrier = seq;
    if (seq > connection->held_upto)
        connection->held_upto = seq;
    if (!list_linked(&connection->waiting_link))
        list_push_back(&vhost->waiting, &connection->waiting_link);
}

uint64_t connection_durable(const struct connection *connection)
{
    return connection->vhost ? vhost_durable(connection->vhost) : UINT64_MAX;
}

bool connection_paused(const struct connection *connection)
{
    if (!connection->publishes || !connection->vhost)
        return false;
    const struct broker *broker = connection->broker;
    const struct store_db *db = connection->vhost->db;
    /* What has to leave memory waits for the disk; when that has nothing to do, waiting won't help. */
    bool full = broker_message_memory(broker) > broker->options.queue_memory &&
                store_durable(db) < store_last(db);
    return full || broker_alarmed(broker) || store_congested(db);
}

void connection_await_store(struct connection *connection)
{
    struct vhost *vhost = connection->vhost;
    if (vhost && !list_linked(&connection->waiting_link))
        list_push_back(&vhost->waiting, &connection->waiting_link);
}

static const char *alarm_reason(const struct broker *broker)
{
    if (broker->alarms[ALARM_MEMORY] && broker_disk_alarmed(broker))
        return "low on memory & disk";
    return broker->alarms[ALARM_MEMORY] ? "low on memory" : "low on disk";
}

void connection_note_alarms(struct connection *connection)
{
    bool alarmed = broker_alarmed(connection->broker);
    if (!connection->publishes || !connection->vhost || alarmed == connection->told_blocked)
        return;
    connection->told_blocked = alarmed;
    if (alarmed)
        connection->ops->blocked(connection, alarm_reason(connection->broker));
    else
        connection->ops->unblocked(connection);
}

void connection_note_publish(struct connection *connection)
{
    if (connection->publishes)
        return;
    connection->publishes = true;
    connection_note_alarms(connection);
}

void connection_set_congested(struct connection *connection, bool congested)
{
    if (connection->congested == congested)
        return;
    connection->congested = congested;
    if (congested)
        return;
    LIST_EACH(&connection->channels, channel_node) {
        struct channel *channel = CONTAINER_OF(channel_node, struct channel, connection_link);
        LIST_EACH(&channel->consumers, node)
            consumer_wake(CONTAINER_OF(node, struct consumer, channel_link));
    }
}
