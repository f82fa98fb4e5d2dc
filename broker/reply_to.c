/* SPDX-License-Identifier: Apache-2.0 */
/* Direct reply-to. An address is the pseudo-queue's name, a dot, and a token that can't be guessed. */
#include "broker/reply_to.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/consumer.h"
#include "broker/message.h"
#include "proto/reply.h"

#include <stdio.h>

#define NAME_LEN (sizeof REPLY_TO_NAME - 1)

static struct slice token_of(struct slice address)
{
    if (address.len <= NAME_LEN + 1 || !slice_starts_with(address, REPLY_TO_NAME "."))
        return slice_of(NULL, 0);
    return slice_of(address.data + NAME_LEN + 1, address.len - NAME_LEN - 1);
}

bool reply_to_is_pseudo_queue(struct slice name)
{
    return slice_equal_str(name, REPLY_TO_NAME) || token_of(name).len > 0;
}

static struct channel *find(struct broker *broker, struct slice token)
{
    uint64_t hash = hmap_hash(token, broker->hash_seed);
    struct hmap_node *node = hmap_first(&broker->reply_channels, hash);
    for (; node; node = hmap_next_same(node)) {
        struct channel *channel = CONTAINER_OF(node, struct channel, reply_node);
        if (slice_equal_str(token, channel->reply_token))
            return channel;
    }
    return NULL;
}

bool reply_to_consume(struct channel *channel, struct slice tag, bool no_ack, struct reply *reply)
{
    struct broker *broker = channel->connection->broker;
    if (!no_ack)
        return reply_set(reply, REPLY_PRECONDITION_FAILED, "reply consumer cannot acknowledge");
    if (channel->reply_consumer_tag)
        return reply_set(reply, REPLY_PRECONDITION_FAILED, "reply consumer already set");
    char token[23];
    rng_name22(&broker->rng, token);
    channel->reply_token = slice_dup(slice_str(token));
    channel->reply_consumer_tag = slice_dup(tag);
    hmap_insert(&broker->reply_channels, &channel->reply_node,
                hmap_hash(slice_str(token), broker->hash_seed));
    return true;
}

void reply_to_fini(struct channel *channel)
{
    if (!channel->reply_consumer_tag)
        return;
    hmap_remove(&channel->connection->broker->reply_channels, &channel->reply_node);
    mem_free(channel->reply_token);
    mem_free(channel->reply_consumer_tag);
    channel->reply_token = NULL;
    channel->reply_consumer_tag = NULL;
}

bool reply_to_cancel(struct channel *channel, struct slice tag)
{
    if (!channel->reply_consumer_tag || !slice_equal_str(tag, channel->reply_consumer_tag))
        return false;
    reply_to_fini(channel);
    return true;
}

bool reply_to_check(const struct channel *channel, struct slice reply_to, bool *rewrite,
                    struct reply *reply)
{
    *rewrite = slice_equal_str(reply_to, REPLY_TO_NAME);
    if (*rewrite && !channel->reply_consumer_tag)
        return reply_set(reply, REPLY_PRECONDITION_FAILED, "fast reply consumer does not exist");
    return true;
}

struct slice reply_to_address(const struct channel *channel, char out[REPLY_TO_ADDRESS_MAX])
{
    int len = snprintf(out, REPLY_TO_ADDRESS_MAX, REPLY_TO_NAME ".%s", channel->reply_token);
    CHECK(len > 0 && len < REPLY_TO_ADDRESS_MAX);
    return slice_of(out, (size_t)len);
}

bool reply_to_deliver(struct broker *broker, struct message *message)
{
    struct slice token = token_of(message_key(message));
    struct channel *channel = token.len ? find(broker, token) : NULL;
    if (!channel)
        return false;
    channel_deliver_reply(channel, message);
    return true;
}

bool reply_to_exists(struct broker *broker, struct slice name)
{
    struct slice token = token_of(name);
    return token.len == 0 || find(broker, token) != NULL;
}
