/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions [0-9-1 class tx]: publishes and acknowledgements are kept back and carried out in one
 * step, which is one batch of the store: all of it survives a crash or nothing.
 */
#include "broker/channel_tx.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/connection.h"
#include "broker/message.h"
#include "broker/vhost.h"
#include "proto/reply.h"
#include "storage/store.h"

struct kept_publish {
    struct list link;
    char *exchange; /* owned: publish.exchange borrows it */
    struct checked_publish publish;
};

struct kept_acks {
    struct list link;
    struct unacked_set set;
    enum outcome outcome;
};

struct transaction {
    struct list publishes; /* in order */
    struct list acks;
};

bool channel_tx_select(struct channel *channel, struct reply *reply)
{
    if (channel->confirming)
        return reply_set(reply, REPLY_PRECONDITION_FAILED, "cannot switch from confirm to tx mode");
    if (channel->tx)
        return true;
    channel->tx = MEM_NEW(struct transaction);
    list_init(&channel->tx->publishes);
    list_init(&channel->tx->acks);
    return true;
}

void channel_tx_publish(struct channel *channel, const struct checked_publish *publish)
{
    struct kept_publish *kept = MEM_NEW(struct kept_publish);
    kept->exchange = slice_dup(publish->exchange);
    kept->publish = *publish;
    kept->publish.exchange = slice_str(kept->exchange);
    list_push_back(&channel->tx->publishes, &kept->link);
}

void channel_tx_resolve(struct channel *channel, struct unacked_set *set, enum outcome outcome)
{
    struct kept_acks *kept = MEM_NEW(struct kept_acks);
    kept->set = *set;
    kept->outcome = outcome;
    *set = (struct unacked_set){0};
    list_push_back(&channel->tx->acks, &kept->link);
}

void channel_tx_forget_consumer(struct channel *channel, const struct consumer *consumer)
{
    if (!channel->tx)
        return;
    LIST_EACH(&channel->tx->acks, node) {
        struct kept_acks *kept = CONTAINER_OF(node, struct kept_acks, link);
        for (size_t i = 0; i < kept->set.count; i++)
            if (kept->set.items[i].consumer == consumer)
                kept->set.items[i].consumer = NULL;
    }
}

static void free_publish(struct kept_publish *kept)
{
    list_remove(&kept->link);
    mem_free(kept->exchange);
    mem_free(kept);
}

static void free_acks(struct kept_acks *kept)
{
    list_remove(&kept->link);
    unacked_set_fini(&kept->set);
    mem_free(kept);
}

/* True when every queue took every message. */
static bool publish_all(struct channel *channel)
{
    bool taken = true;
    LIST_EACH(&channel->tx->publishes, node) {
        struct kept_publish *kept = CONTAINER_OF(node, struct kept_publish, link);
        taken = channel_route(channel, &kept->publish) && taken;
        free_publish(kept);
    }
    return taken;
}

static void resolve_all(struct channel *channel)
{
    LIST_EACH(&channel->tx->acks, node) {
        struct kept_acks *kept = CONTAINER_OF(node, struct kept_acks, link);
        unacked_resolve(channel, &kept->set, kept->outcome);
        free_acks(kept);
    }
}

bool channel_tx_commit(struct channel *channel, struct reply *reply)
{
    if (!channel->tx)
        return reply_set(reply, REPLY_PRECONDITION_FAILED, "channel is not transactional");
    struct vhost *vhost = channel->connection->vhost;
    uint64_t before = store_last(vhost->db);
    bool taken = publish_all(channel);
    resolve_all(channel);
    if (store_last(vhost->db) != before)
        connection_hold(channel->connection, store_last(vhost->db));
    if (!taken)
        return reply_set(reply, REPLY_PRECONDITION_FAILED, "partial tx completion");
    return true;
}

static void drop(struct channel *channel)
{
    LIST_EACH(&channel->tx->publishes, node) {
        struct kept_publish *kept = CONTAINER_OF(node, struct kept_publish, link);
        message_unref(kept->publish.message);
        message_unref(kept->publish.original);
        free_publish(kept);
    }
    LIST_EACH(&channel->tx->acks, node) {
        struct kept_acks *kept = CONTAINER_OF(node, struct kept_acks, link);
        unacked_put_back(channel, &kept->set);
        free_acks(kept);
    }
}

bool channel_tx_rollback(struct channel *channel, struct reply *reply)
{
    if (!channel->tx)
        return reply_set(reply, REPLY_PRECONDITION_FAILED, "channel is not transactional");
    drop(channel);
    return true;
}

void channel_tx_fini(struct channel *channel)
{
    if (!channel->tx)
        return;
    drop(channel);
    mem_free(channel->tx);
    channel->tx = NULL;
}
