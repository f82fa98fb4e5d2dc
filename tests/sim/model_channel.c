/* SPDX-License-Identifier: Apache-2.0 */
/* A channel's acknowledgements, transactions and end in the model. */
#include "tests/sim/model.h"

/* What comes of a delivery. */
enum outcome { OUTCOME_ACK, OUTCOME_REJECT, OUTCOME_REQUEUE };

/* Acknowledgements that a transaction keeps back. */
struct kept_acks {
    struct vec items; /* struct m_unacked */
    enum outcome outcome;
};

static unsigned count_of(const struct vec *items)
{
    unsigned count = 0;
    for (size_t i = 0; i < items->count; i++)
        count += !((struct m_unacked *)items->at[i])->got;
    return count;
}

unsigned model_unacked(const struct m_channel *channel)
{
    unsigned count = count_of(&channel->unacked);
    for (size_t i = 0; i < channel->tx_acks.count; i++)
        count += count_of(&((struct kept_acks *)channel->tx_acks.at[i])->items);
    return count;
}

void model_tx_forget(struct m_channel *channel, const struct m_consumer *consumer)
{
    for (size_t i = 0; i < channel->tx_acks.count; i++) {
        struct kept_acks *kept = channel->tx_acks.at[i];
        for (size_t j = 0; j < kept->items.count; j++) {
            struct m_unacked *unacked = kept->items.at[j];
            if (unacked->consumer == consumer)
                unacked->consumer = NULL;
        }
    }
}

/* -- outcomes -- */

static void resolve(struct model *model, struct vec *items, enum outcome outcome)
{
    for (size_t i = 0; i < items->count; i++) {
        struct m_unacked *unacked = items->at[i];
        if (unacked->consumer)
            unacked->consumer->unacked--;
    }
    if (outcome == OUTCOME_REQUEUE) {
        model_return(model, (struct m_unacked **)items->at, items->count);
        return;
    }
    for (size_t i = 0; i < items->count; i++) {
        struct m_entry *entry = ((struct m_unacked *)items->at[i])->entry;
        entry->queue->unacked--;
        if (outcome == OUTCOME_REJECT && !entry->queue->gone)
            model_dead_letter(model, entry->queue, entry, entry->message, "rejected");
        else
            model_entry_gone(model, entry);
    }
}

/* Takes what an acknowledgement names off the channel; false: there is no such tag. */
static bool select_tags(struct model *model, struct m_channel *channel, uint64_t tag, bool multiple,
                        struct vec *items)
{
    bool found = multiple && tag == 0;
    for (size_t i = 0; i < channel->unacked.count; i++)
        found = found || ((struct m_unacked *)channel->unacked.at[i])->tag == tag;
    if (!found)
        return false;
    for (size_t i = 0; i < channel->unacked.count;) {
        struct m_unacked *unacked = channel->unacked.at[i];
        bool named = multiple ? tag == 0 || unacked->tag <= tag : unacked->tag == tag;
        if (!named) {
            i++;
            continue;
        }
        vec_remove_at(&channel->unacked, i);
        vec_push(model->arena, items, unacked);
    }
    return true;
}

static void acknowledge(struct model *model, struct m_channel *channel, uint64_t tag, bool multiple,
                        enum outcome outcome)
{
    struct vec items = {0};
    if (!select_tags(model, channel, tag, multiple, &items)) {
        model_channel_error(model, channel, 406);
        return;
    }
    if (!channel->transactional) {
        resolve(model, &items, outcome);
        return;
    }
    struct kept_acks *kept = ARENA_NEW(model->arena, struct kept_acks);
    kept->items = items;
    kept->outcome = outcome;
    vec_push(model->arena, &channel->tx_acks, kept);
}

void model_ack(struct model *model, struct m_channel *channel, const struct method *method)
{
    const struct method_basic_nack *nack = &method->basic_nack;
    const struct method_basic_reject *reject = &method->basic_reject;
    if (method->kind == METHOD_BASIC_ACK)
        acknowledge(model, channel, method->basic_ack.delivery_tag, method->basic_ack.multiple,
                    OUTCOME_ACK);
    else if (method->kind == METHOD_BASIC_NACK)
        acknowledge(model, channel, nack->delivery_tag, nack->multiple,
                    nack->requeue ? OUTCOME_REQUEUE : OUTCOME_REJECT);
    else
        acknowledge(model, channel, reject->delivery_tag, false,
                    reject->requeue ? OUTCOME_REQUEUE : OUTCOME_REJECT);
}

void model_recover(struct model *model, struct m_channel *channel)
{
    struct vec items = {0};
    select_tags(model, channel, 0, true, &items);
    resolve(model, &items, OUTCOME_REQUEUE);
}

/* -- transactions -- */

void model_tx_rollback(struct model *model, struct m_channel *channel)
{
    channel->tx_publishes.count = 0;
    while (channel->tx_acks.count > 0) {
        struct kept_acks *kept = channel->tx_acks.at[0];
        vec_remove_at(&channel->tx_acks, 0);
        for (size_t i = 0; i < kept->items.count; i++)
            model_unacked_add(model, channel, kept->items.at[i]);
    }
}

/* All publishes, then all acknowledgements; a refused publish is told at the end. */
bool model_tx_commit(struct model *model, struct m_channel *channel)
{
    bool rejected = false;
    struct vec publishes = channel->tx_publishes;
    channel->tx_publishes = (struct vec){0};
    for (size_t i = 0; i < publishes.count; i++)
        model_publish(model, channel, publishes.at[i], &rejected);
    /* Until they are carried out they count for the prefetch. */
    while (channel->tx_acks.count > 0) {
        struct kept_acks *kept = channel->tx_acks.at[0];
        vec_remove_at(&channel->tx_acks, 0);
        resolve(model, &kept->items, kept->outcome);
    }
    return !rejected;
}

struct m_unacked *model_unacked_new(struct model *model, struct m_entry *entry, uint64_t tag,
                                    struct m_consumer *consumer)
{
    struct m_unacked *unacked = ARENA_NEW(model->arena, struct m_unacked);
    int64_t timeout_ms = model->world->consumer_timeout_ms;
    *unacked = (struct m_unacked){
        .tag = tag,
        .entry = entry,
        .consumer = consumer,
        .got = !consumer,
        .deadline_ms = timeout_ms > 0 ? model->now_ms + timeout_ms : INT64_MAX,
    };
    return unacked;
}

/* In order of tag. */
void model_unacked_add(struct model *model, struct m_channel *channel, struct m_unacked *unacked)
{
    struct vec *list = &channel->unacked;
    size_t index = list->count;
    while (index > 0 && ((struct m_unacked *)list->at[index - 1])->tag > unacked->tag)
        index--;
    vec_insert(model->arena, list, index, unacked);
}

/* -- the end -- */

void model_channel_end(struct model *model, struct m_channel *channel)
{
    if (channel->state != M_OPEN)
        return;
    model_tx_rollback(model, channel);
    channel->flow = false;
    model_recover(model, channel);
    while (channel->consumers.count > 0)
        model_consumer_end(model, channel->consumers.at[0]);
    model_reply_end(channel);
    channel->publishes.count = 0;
    channel->confirming = channel->transactional = false;
    channel->state = M_CLOSED;
}

void model_channel_error(struct model *model, struct m_channel *channel, uint16_t code)
{
    model_channel_end(model, channel);
    channel->state = M_CLOSING;
    model_expect(model, channel->connection, channel->number, METHOD_CHANNEL_CLOSE)->code = code;
}

static struct m_channel *oldest_channel(struct m_connection *connection)
{
    struct m_channel *oldest = NULL;
    for (unsigned i = 1; i <= M_CHANNELS_MAX; i++) {
        struct m_channel *channel = &connection->channels[i];
        if (channel->state == M_OPEN && (!oldest || channel->opened < oldest->opened))
            oldest = channel;
    }
    return oldest;
}

void model_connection_end(struct model *model, struct m_connection *connection)
{
    if (connection->state == M_CLOSED)
        return;
    /* Nothing is dealt to a connection that is on its way out. */
    for (unsigned i = 1; i <= M_CHANNELS_MAX; i++)
        connection->channels[i].flow = false;
    struct m_channel *oldest;
    while ((oldest = oldest_channel(connection)))
        model_channel_end(model, oldest);
    for (unsigned i = 1; i <= M_CHANNELS_MAX; i++)
        connection->channels[i].state = M_CLOSED;
    for (size_t i = model->queues.count; i-- > 0;) {
        struct m_queue *queue = model->queues.at[i];
        if (queue->owner == connection) {
            model_queue_destroy(model, queue);
            i = model->queues.count;
        }
    }
    connection->state = M_CLOSED;
}

void model_disconnected(struct model *model, struct m_connection *connection)
{
    model_connection_end(model, connection);
    connection->emitted.count = 0;
    connection->expected.count = 0;
    vec_remove(&model->connections, connection);
}
