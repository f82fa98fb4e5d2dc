/* SPDX-License-Identifier: Apache-2.0 */
/* Content coming in: basic.publish, its header, its body's frames, until it is a message.
 *
 * (1) The message is made when the header has come, with room for the whole body; bodies in the
 *     making are limited for a connection as a whole.
 * (2) A body is copied once: from the input into the message.
 */
#include "broker/broker.h"
#include "broker/message.h"
#include "proto/basic.h"
#include "proto/properties.h"
#include "session/amqp.h"

#include "base/mem.h"

#include <inttypes.h>

/* The protocol's own bound, as in RabbitMQ. */
#define BODY_MAX UINT64_C(536870912)
/* Announced by one connection on all its channels at a time: four of the largest bodies. */
#define CONTENT_IN_FLIGHT_MAX (4 * BODY_MAX)

bool amqp_publish_begin(struct amqp_channel *channel, const struct method_basic_publish *publish,
                        struct reply *reply)
{
    if (publish->immediate)
        return reply_set(reply, REPLY_NOT_IMPLEMENTED, "immediate=true");
    buf_clear(&channel->names);
    buf_add_slice(&channel->names, publish->exchange);
    buf_add_slice(&channel->names, publish->routing_key);
    channel->exchange_len = (uint8_t)publish->exchange.len;
    channel->mandatory = publish->mandatory;
    amqp_channel_set_state(channel, AMQP_CHANNEL_HEADER);
    return true;
}

static bool check_size(const struct amqp_connection *amqp, uint64_t size, struct reply *reply)
{
    if (size > BODY_MAX)
        return reply_set(reply, REPLY_FRAME_ERROR,
                         "content body size %" PRIu64 " exceeds maximum allowed size %" PRIu64,
                         size, BODY_MAX);
    if (!message_size_check(amqp->base.broker, size, reply))
        return false;
    if (amqp->content_bytes + size > CONTENT_IN_FLIGHT_MAX)
        return reply_set(reply, REPLY_RESOURCE_ERROR,
                         "contents of more than %" PRIu64 " bytes are in the making",
                         CONTENT_IN_FLIGHT_MAX);
    return true;
}

static struct slice exchange_of(const struct amqp_channel *channel)
{
    return slice_of(channel->names.data, channel->exchange_len);
}

static struct slice key_of(const struct amqp_channel *channel)
{
    if (channel->names.len == channel->exchange_len)
        return slice_of(NULL, 0);
    return slice_of(channel->names.data + channel->exchange_len,
                    channel->names.len - channel->exchange_len);
}

/* The content is complete: it is the broker's. */
static bool complete(struct amqp_channel *channel, struct reply *reply)
{
    struct message *message = channel->message;
    struct publish publish = {
        .exchange = exchange_of(channel),
        .key = key_of(channel),
        .mandatory = channel->mandatory,
        .message = message,
    };
    amqp_channel_connection(channel)->content_bytes -= message->body_len;
    channel->message = NULL;
    amqp_channel_set_state(channel, AMQP_CHANNEL_METHOD);
    return channel_publish(&channel->base, &publish, reply);
}

bool amqp_publish_header(struct amqp_channel *channel, struct slice payload, struct reply *reply)
{
    struct amqp_connection *amqp = amqp_channel_connection(channel);
    struct content_header header;
    struct properties properties;
    if (!content_header_parse(&header, payload, reply))
        return false;
    if (header.class_id != BASIC_CLASS_ID)
        return reply_set(reply, REPLY_UNEXPECTED_FRAME,
                         "expected content header for class %u, got one for class %u instead",
                         BASIC_CLASS_ID, header.class_id);
    if (!properties_parse(&properties, header.properties, reply) ||
        !check_size(amqp, header.body_size, reply))
        return false;
    connection_note_publish(&amqp->base);
    channel->message = message_new(amqp->base.broker, exchange_of(channel), key_of(channel),
                                   header.properties, header.body_size);
    if (!channel->message)
        return reply_set(reply, REPLY_RESOURCE_ERROR,
                         "no memory for a message of %" PRIu64 " bytes", header.body_size);
    amqp->content_bytes += header.body_size;
    channel->body_received = 0;
    if (header.body_size == 0)
        return complete(channel, reply);
    amqp_channel_set_state(channel, AMQP_CHANNEL_BODY);
    return true;
}

bool amqp_publish_body(struct amqp_channel *channel, struct slice payload, struct reply *reply)
{
    struct message *message = channel->message;
    if (payload.len > message->body_len - channel->body_received)
        return reply_set(reply, REPLY_FRAME_ERROR,
                         "content body frame exceeds remaining content size");
    if (payload.len)
        memcpy(message_body_bytes(message) + channel->body_received, payload.data, payload.len);
    channel->body_received += payload.len;
    if (channel->body_received < message->body_len)
        return true;
    return complete(channel, reply);
}

void amqp_publish_reset(struct amqp_channel *channel)
{
    if (!channel->message)
        return;
    amqp_channel_connection(channel)->content_bytes -= channel->message->body_len;
    message_unref(channel->message);
    channel->message = NULL;
}
