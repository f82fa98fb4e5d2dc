/* SPDX-License-Identifier: Apache-2.0 */
/* Direct reply-to: a channel that consumes from the pseudo-queue gets replies without a queue. Which
 * address it has the node decides; the model learns it from the first request that it sees. */
#include "tests/sim/model.h"

#define NAME "amq.rabbitmq.reply-to"

void model_reply_consume(struct model *model, struct m_channel *channel, const struct m_op *op)
{
    const struct method_basic_consume *method = &op->method.basic_consume;
    if (!method->no_ack || channel->reply) {
        model_channel_error(model, channel, 406);
        return;
    }
    channel->reply = ARENA_NEW(model->arena, struct m_reply);
    channel->reply->channel = channel;
    channel->reply->alive = true;
    channel->reply->tag = arena_text(model->arena, method->consumer_tag);
    vec_push(model->arena, &model->replies, channel->reply);
    if (!channel->quiet)
        model_expect(model, channel->connection, channel->number, METHOD_BASIC_CONSUME_OK)->name =
            channel->reply->tag;
}

void model_reply_end(struct m_channel *channel)
{
    if (channel->reply)
        channel->reply->alive = false;
    channel->reply = NULL;
}

bool model_reply_consumes(const struct m_channel *channel, struct slice tag)
{
    return channel->reply && slice_equal_str(tag, channel->reply->tag);
}

static struct m_reply *find(const struct model *model, const char *address)
{
    for (size_t i = 0; i < model->replies.count; i++) {
        struct m_reply *reply = model->replies.at[i];
        if (reply->address && !strcmp(reply->address, address))
            return reply;
    }
    return NULL;
}

bool model_reply_deliver(struct model *model, struct m_message *message)
{
    struct m_reply *reply = find(model, message->key);
    if (*message->exchange != '\0' || !reply || !reply->alive)
        return false;
    struct m_channel *channel = reply->channel;
    struct m_expect *expect =
        model_expect(model, channel->connection, channel->number, METHOD_BASIC_DELIVER);
    expect->message = message;
    expect->name = reply->tag;
    model->replied++;
    return true;
}

bool model_reply_matches(struct model *model, const struct m_message *message, struct slice given)
{
    struct m_reply *reply = message->reply;
    if (!reply)
        return given.len == 0;
    if (!slice_starts_with(given, NAME "."))
        return false;
    const char *address = arena_text(model->arena, given);
    if (!reply->address) {
        if (find(model, address))
            model_fail(model, "two channels have the address %s", address);
        reply->address = address;
    }
    return !strcmp(address, reply->address);
}
