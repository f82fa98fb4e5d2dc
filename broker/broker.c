/* SPDX-License-Identifier: Apache-2.0 */
/* The broker object and its turn. Loading is in recovery.c. */
#include "broker/broker.h"

#include "base/mem.h"
#include "broker/access.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/lane.h"
#include "broker/login.h"
#include "broker/message.h"
#include "broker/parameter.h"
#include "broker/policy.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "proto/reply.h"
#include "storage/store.h"

/* A smaller change of the two clocks' difference may be the time between reading the one and the other. */
#define CLOCK_SET_MS 100
#define DISPATCH_QUANTUM 64 /* messages a queue may deal before it is the next one's turn */
#define DISPATCH_TURN 4096  /* messages dealt in one turn before sockets are looked at again */
#define POOL_KEPT_MAX 2048  /* some turns' worth of messages: about 2 MB in all */
#define TIMERS_TURN 10000   /* timers run in one turn */
#define LANE_MEMORY_MAX (16u << 20) /* more buys nothing: reading ahead keeps up */

void broker_options_init(struct broker_options *options)
{
    *options = (struct broker_options){
        .node_name = "rabbit@localhost",
        .default_vhost = "/",
        .default_user = "guest",
        .default_pass = "guest",
        .default_user_tags = "administrator",
        .default_permission_configure = ".*",
        .default_permission_write = ".*",
        .default_permission_read = ".*",
        .default_queue_type = "classic",
        .message_size_max = 134217728,
        .consumer_timeout_ms = 1800000,
        .channel_max = 2047,
        .frame_max = 131072,
        .heartbeat_s = 60,
        .handshake_timeout_ms = 10000,
        .unacked_per_channel_max = 2000000,
        .queue_memory = 67108864,
        .lane_memory_min = 8192, /* less would read single messages */
        .page_messages = 4096,
        .expiry_ahead_ms = 500,
        .identity_rabbitmq = true,
        .auth_mechanisms = "PLAIN AMQPLAIN",
        .loopback_users = "guest",
        /* RabbitMQ's digest and no throttle: for what lives as long as a test. The daemon's
         * configuration has other defaults. */
        .password_hashing = {.algorithm = PASSWORD_DEFAULT, .iterations = 1000},
        .login_failure_window_ms = 60000,
    };
}

struct broker *broker_new(const struct broker_options *options, struct store *store)
{
    struct broker *broker = MEM_NEW(struct broker);
    broker->options = *options;
    broker->log = options->log;
    broker->store = store;
    rng_init(&broker->rng, options->seed);
    broker->hash_seed = rng_u64(&broker->rng);
    list_init(&broker->vhost_list);
    list_init(&broker->dying);
    list_init(&broker->connections);
    list_init(&broker->runnable);
    list_init(&broker->confirming);
    list_init(&broker->heavy);
    pool_init(&broker->entries, sizeof(struct entry), POOL_KEPT_MAX);
    for (size_t i = 0; i < BROKER_MESSAGE_POOLS; i++)
        pool_init(&broker->small_messages[i], MESSAGE_POOL_MIN << i, POOL_KEPT_MAX);
    broker->access = access_new(broker);
    broker->parameters = parameters_new(broker);
    broker->policies = policies_new(broker);
    return broker;
}

void broker_free(struct broker *broker)
{
    CHECK(list_empty(&broker->connections));
    while (!list_empty(&broker->vhost_list))
        vhost_free(LIST_FIRST(&broker->vhost_list, struct vhost, broker_link));
    CHECK(broker->entry_count == 0);
    CHECK(broker->message_count == 0);
    CHECK(broker->message_bytes == 0);
    policies_free(broker->policies);
    parameters_free(broker->parameters);
    access_free(broker->access);
    hmap_fini(&broker->vhosts);
    hmap_fini(&broker->reply_channels);
    hmap_fini(&broker->connection_ids);
    timers_fini(&broker->timers);
    pool_fini(&broker->entries);
    for (size_t i = 0; i < BROKER_MESSAGE_POOLS; i++)
        pool_fini(&broker->small_messages[i]);
    mem_free(broker);
}

static void release_message(void *owner)
{
    message_unref(owner);
}

void broker_store_options(struct store_options *options)
{
    options->release = release_message;
    options->page_message = lane_page_message;
    options->page_end = lane_page_end;
}

/* -- the turn -- */

void broker_set_time(struct broker *broker, int64_t now_ms, int64_t wall_ms)
{
    CHECK(now_ms >= broker->now_ms);
    broker->now_ms = now_ms;
    broker->wall_ms = wall_ms;
    int64_t moved_ms = wall_ms - now_ms - broker->wall_offset_ms;
    if (moved_ms > CLOCK_SET_MS || moved_ms < -CLOCK_SET_MS)
        broker->wall_offset_ms += moved_ms;
}

static void let_output_go(struct vhost *vhost)
{
    uint64_t durable = vhost_durable(vhost);
    LIST_EACH(&vhost->waiting, node) {
        struct connection *connection = CONTAINER_OF(node, struct connection, waiting_link);
        if (connection->held_upto <= durable)
            list_remove(&connection->waiting_link);
        connection->ops->durable(connection);
    }
}

uint64_t broker_message_memory(const struct broker *broker)
{
    return broker->message_bytes + broker->message_count * sizeof(struct message) +
           broker->entry_count * sizeof(struct entry);
}

uint64_t broker_lane_memory(const struct broker *broker)
{
    uint64_t share = broker->options.queue_memory / (broker->lane_count + 1u);
    if (share < broker->options.lane_memory_min)
        return broker->options.lane_memory_min;
    return share < LANE_MEMORY_MAX ? share : LANE_MEMORY_MAX;
}

/* Every lane that is in the list now, once; it may enter it again. */
static void page_out(struct broker *broker)
{
    struct list heavy;
    if (list_empty(&broker->heavy))
        return;
    list_init(&heavy);
    list_insert_before(&heavy, &broker->heavy);
    list_remove(&broker->heavy);
    struct lane *lane;
    while ((lane = LIST_FIRST(&heavy, struct lane, heavy_link))) {
        list_remove(&lane->heavy_link);
        lane_page_out(lane);
    }
}

void broker_collect(struct broker *broker)
{
    logins_collect(broker->access);
    if (!store_collect(broker->store))
        return;
    broker_note_store(broker);
    page_out(broker);
    LIST_EACH(&broker->vhost_list, node)
        let_output_go(CONTAINER_OF(node, struct vhost, broker_link));
}

int64_t broker_next_deadline(const struct broker *broker)
{
    return timers_next(&broker->timers);
}

void broker_run_timers(struct broker *broker)
{
    timers_run(&broker->timers, broker->now_ms, TIMERS_TURN);
}

static bool deal(struct broker *broker)
{
    uint32_t budget = DISPATCH_TURN;
    while (budget > 0) {
        struct queue *queue = LIST_FIRST(&broker->runnable, struct queue, runnable_link);
        if (!queue)
            return false;
        list_remove(&queue->runnable_link);
        if (queue_dispatch(queue, DISPATCH_QUANTUM))
            queue_wake(queue);
        budget -= budget < DISPATCH_QUANTUM ? budget : DISPATCH_QUANTUM;
    }
    return !list_empty(&broker->runnable);
}

bool broker_dispatch(struct broker *broker)
{
    bool applying = policies_apply(broker->policies);
    bool burying = vhosts_bury(broker);
    return deal(broker) || applying || burying;
}

static void flush_stores(struct broker *broker)
{
    store_flush(store_node(broker->store));
    LIST_EACH(&broker->vhost_list, node) {
        struct vhost *vhost = CONTAINER_OF(node, struct vhost, broker_link);
        store_flush(vhost->db);
        vhost->flushed = store_last(vhost->db);
    }
}

void broker_settle(struct broker *broker)
{
    page_out(broker);
    flush_stores(broker);
    LIST_EACH(&broker->confirming, node) {
        struct channel *channel = CONTAINER_OF(node, struct channel, confirming_link);
        if (!channel_settle(channel))
            list_remove(&channel->confirming_link);
    }
}

/* -- alarms and the end -- */

void broker_sum_stats(const struct broker *broker, struct message_stats *stats,
                      struct histogram *message_sizes)
{
    if (stats)
        *stats = broker->stats;
    if (message_sizes)
        *message_sizes = broker->message_sizes;
    LIST_EACH(&broker->vhost_list, link) {
        const struct vhost *vhost = CONTAINER_OF(link, struct vhost, broker_link);
        if (stats)
            message_stats_add(stats, &vhost->stats);
        if (message_sizes)
            histogram_add(message_sizes, &vhost->message_sizes);
    }
}

bool broker_alarmed(const struct broker *broker)
{
    for (size_t i = 0; i < ALARM_COUNT; i++)
        if (broker->alarms[i] && i != ALARM_READ)
            return true;
    return false;
}

bool broker_disk_alarmed(const struct broker *broker)
{
    return broker->alarms[ALARM_DISK] || broker->alarms[ALARM_STORE];
}

void broker_note_store(struct broker *broker)
{
    bool refuses = store_status(store_node(broker->store), NULL) != ERR_OK;
    LIST_EACH(&broker->vhost_list, node)
        refuses = refuses ||
                  store_status(CONTAINER_OF(node, struct vhost, broker_link)->db, NULL) != ERR_OK;
    broker_set_alarm(broker, ALARM_STORE, refuses);
}

void broker_set_alarm(struct broker *broker, enum alarm alarm, bool on)
{
    static const char *const names[] = {
#define X(name, text) text,
        ALARM_TABLE(X)
#undef X
    };
    if (broker->alarms[alarm] == on)
        return;
    broker->alarms[alarm] = on;
    const char *raised = alarm == ALARM_READ ? "alarm raised: messages can't be read back"
                                             : "alarm raised: publishers are held";
    log_warning(broker->log, on ? raised : "alarm cleared", "alarm=%s", names[alarm]);
    LIST_EACH(&broker->connections, node)
        connection_note_alarms(CONTAINER_OF(node, struct connection, broker_link));
}

void broker_close_connections(struct broker *broker, const char *reason)
{
    struct reply reply;
    reply_set(&reply, REPLY_CONNECTION_FORCED, "%s", reason);
    LIST_EACH(&broker->connections, node) {
        struct connection *connection = CONTAINER_OF(node, struct connection, broker_link);
        connection->ops->close(connection, &reply);
    }
}

static void note_delivered(struct queue *queue)
{
    for (unsigned i = 0; i <= queue->settings.priority_max; i++) {
        struct lane *lane = queue->lanes[i];
        if (!lane || !lane->store_id || lane->lease_next <= lane->delivered_upto)
            continue;
        lane->lease_next = lane->delivered_upto;
        lane->lease_upto = lane->delivered_upto;
        lane->lease_seq =
            store_lane_delivered(queue->vhost->db, lane->store_id, lane->delivered_upto);
    }
}

void broker_stop(struct broker *broker)
{
    broker->shutting_down = true;
    LIST_EACH(&broker->vhost_list, vhost_node) {
        struct vhost *vhost = CONTAINER_OF(vhost_node, struct vhost, broker_link);
        HMAP_EACH(&vhost->queues, node)
            note_delivered(CONTAINER_OF(node, struct queue, node));
    }
    flush_stores(broker);
}
