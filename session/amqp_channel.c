/* SPDX-License-Identifier: Apache-2.0 */
/* Channels: which one a frame is for, whether it may come now, and how a channel fails and ends. */
#include "base/mem.h"
#include "broker/access.h"
#include "broker/broker.h"
#include "proto/basic.h"
#include "session/amqp.h"

#include <inttypes.h>

/* -- states -- */

#define BIT(state) (1u << AMQP_CHANNEL_##state)

static const unsigned NEXT[AMQP_CHANNEL_STATE_COUNT] = {
    [AMQP_CHANNEL_METHOD] = BIT(HEADER) | BIT(CLOSING),
    [AMQP_CHANNEL_HEADER] = BIT(METHOD) | BIT(BODY) | BIT(CLOSING),
    [AMQP_CHANNEL_BODY] = BIT(METHOD) | BIT(CLOSING),
    [AMQP_CHANNEL_CLOSING] = 0,
};

void amqp_channel_set_state(struct amqp_channel *channel, enum amqp_channel_state state)
{
    CHECK(NEXT[channel->state] & 1u << state);
    channel->state = state;
}

/* -- which channel -- */

static uint64_t hash_number(const struct amqp_connection *amqp, uint16_t number)
{
    return hmap_hash_u64(number, amqp->base.broker->hash_seed);
}

static struct amqp_channel *find_channel(struct amqp_connection *amqp, uint16_t number)
{
    if (amqp->last && amqp->last->base.number == number)
        return amqp->last;
    struct hmap_node *node = hmap_first(&amqp->channels, hash_number(amqp, number));
    for (; node; node = hmap_next_same(node)) {
        struct amqp_channel *channel = CONTAINER_OF(node, struct amqp_channel, node);
        if (channel->base.number == number) {
            amqp->last = channel;
            return channel;
        }
    }
    return NULL;
}

/* -- life -- */

static bool check_limits(const struct amqp_connection *amqp, struct reply *reply)
{
    const struct user *user = amqp->base.user;
    const struct broker *broker = amqp->base.broker;
    uint32_t most = broker->options.channels_max;
    size_t count = amqp->channels.count;
    if (amqp->channel_max && count >= amqp->channel_max)
        return reply_set(reply, REPLY_NOT_ALLOWED,
                         "number of channels opened (%zu) has reached the negotiated channel_max "
                         "(%" PRIu32 ")",
                         count, amqp->channel_max);
    if (most && broker->channel_count >= most)
        return reply_set(reply, REPLY_NOT_ALLOWED,
                         "number of channels opened on node '%s' has reached the maximum allowed "
                         "limit of (%" PRIu32 ")",
                         broker->options.node_name, most);
    if (user->channels_max >= 0 && user->channel_count >= (uint64_t)user->channels_max)
        return reply_set(reply, REPLY_NOT_ALLOWED,
                         "number of channels opened for user '%s' has reached the maximum allowed "
                         "user limit of %" PRId64,
                         user->name, user->channels_max);
    return true;
}

static bool open_channel(struct amqp_connection *amqp, uint16_t number, struct reply *reply)
{
    if (!check_limits(amqp, reply))
        return false;
    struct amqp_channel *channel = MEM_NEW(struct amqp_channel);
    channel_init(&channel->base, &AMQP_CHANNEL_OPS, &amqp->base, number);
    hmap_insert(&amqp->channels, &channel->node, hash_number(amqp, number));
    amqp_send(amqp, number, &(struct method){.kind = METHOD_CHANNEL_OPEN_OK});
    return true;
}

void amqp_channel_end(struct amqp_channel *channel)
{
    amqp_publish_reset(channel);
    if (amqp_channel_lives(channel))
        channel_fini(&channel->base);
}

void amqp_channel_free(struct amqp_channel *channel)
{
    struct amqp_connection *amqp = amqp_channel_connection(channel);
    amqp_channel_end(channel);
    hmap_remove(&amqp->channels, &channel->node);
    if (amqp->last == channel)
        amqp->last = NULL;
    buf_fini(&channel->names);
    mem_free(channel->last_queue);
    mem_free(channel);
}

void amqp_channel_fail(struct amqp_channel *channel, const struct reply *reply, bool later)
{
    struct amqp_connection *amqp = amqp_channel_connection(channel);
    char text[sizeof(reply->text) + 8];
    log_warning(amqp->base.broker->log, "channel error",
                "conn=%" PRIu64 " ch=%u code=%d class=%u method=%u text=%s", amqp->base.id,
                channel->base.number, (int)reply->code, reply->class_id, reply->method_id,
                log_quote(text, sizeof(text), slice_str(reply->text)));
    amqp_channel_set_state(channel, AMQP_CHANNEL_CLOSING);
    if (later)
        amqp_defer(amqp);
    else
        amqp_channel_end(channel);
    amqp_send_channel_close(amqp, channel->base.number, reply);
}

/* -- methods -- */

static bool unknown_channel(struct amqp_connection *amqp, const struct frame *frame,
                            struct reply *reply)
{
    struct method method;
    if (frame->type != FRAME_METHOD)
        return reply_set(reply, REPLY_UNEXPECTED_FRAME,
                         "expected method frame, got non method frame instead");
    if (!method_decode(&method, frame->payload, reply))
        return false;
    if (method.kind == METHOD_CHANNEL_OPEN)
        return open_channel(amqp, frame->channel, reply);
    if (method.kind == METHOD_CHANNEL_CLOSE_OK)
        return true; /* both sides closed at once: it is gone already */
    reply_set(reply, REPLY_CHANNEL_ERROR, "expected 'channel.open'");
    reply->class_id = method_info(method.kind)->class_id;
    reply->method_id = method_info(method.kind)->method_id;
    return false;
}

/* After channel.close was sent, only what ends the channel is listened to. */
static bool closing_channel(struct amqp_channel *channel, const struct frame *frame)
{
    struct method method;
    struct reply unused;
    if (frame->type != FRAME_METHOD || !method_decode(&method, frame->payload, &unused))
        return true;
    struct amqp_connection *amqp = amqp_channel_connection(channel);
    if (method.kind == METHOD_CHANNEL_CLOSE)
        amqp_send(amqp, frame->channel, &(struct method){.kind = METHOD_CHANNEL_CLOSE_OK});
    if (method.kind == METHOD_CHANNEL_CLOSE || method.kind == METHOD_CHANNEL_CLOSE_OK)
        amqp_channel_free(channel);
    return true;
}

/* Runs a handler; a soft error ends here, a hard one goes on up. */
static bool run_handler(struct amqp_channel *channel, const struct method *method,
                        struct reply *reply)
{
    amqp_handler handler = amqp_handler_of(method->kind);
    if (handler ? handler(channel, method, reply)
                : reply_set(reply, REPLY_COMMAND_INVALID, "unimplemented method"))
        return true;
    const struct method_info *info = method_info(method->kind);
    if (reply->class_id == 0) {
        reply->class_id = info->class_id;
        reply->method_id = info->method_id;
    }
    if (reply_is_hard(reply->code))
        return false;
    amqp_channel_fail(channel, reply, false);
    return true;
}

/* The two methods that make up the traffic take a shorter way to the same handlers. */
static bool method_frame(struct amqp_channel *channel, struct slice payload, struct reply *reply)
{
    struct method method;
    if (basic_publish_decode(&method.basic_publish, payload))
        method.kind = METHOD_BASIC_PUBLISH;
    else if (basic_ack_decode(&method.basic_ack, payload))
        method.kind = METHOD_BASIC_ACK;
    else if (!method_decode(&method, payload, reply))
        return false;
    return run_handler(channel, &method, reply);
}

/* Content frames: errors are those of the basic.publish that they belong to. */
static bool content_frame(struct amqp_channel *channel, bool good, struct reply *reply)
{
    const struct method_info *info = method_info(METHOD_BASIC_PUBLISH);
    if (good)
        return true;
    reply->class_id = info->class_id;
    reply->method_id = info->method_id;
    if (reply_is_hard(reply->code))
        return false;
    amqp_channel_fail(channel, reply, false);
    return true;
}

static bool wrong_frame(const struct amqp_channel *channel, struct reply *reply)
{
    switch (channel->state) {
    case AMQP_CHANNEL_METHOD:
        return reply_set(reply, REPLY_UNEXPECTED_FRAME,
                         "expected method frame, got non method frame instead");
    case AMQP_CHANNEL_HEADER:
        return reply_set(reply, REPLY_UNEXPECTED_FRAME,
                         "expected content header for class %u, got non content header frame "
                         "instead",
                         BASIC_CLASS_ID);
    case AMQP_CHANNEL_BODY:
        return reply_set(reply, REPLY_UNEXPECTED_FRAME,
                         "expected content body, got non content body frame instead");
    case AMQP_CHANNEL_CLOSING:
    case AMQP_CHANNEL_STATE_COUNT:
        break;
    }
    UNREACHABLE();
}

static bool open_channel_frame(struct amqp_channel *channel, const struct frame *frame,
                               struct reply *reply)
{
    if (channel->state == AMQP_CHANNEL_METHOD) {
        if (frame->type == FRAME_METHOD)
            return method_frame(channel, frame->payload, reply);
        return wrong_frame(channel, reply);
    }
    if (channel->state == AMQP_CHANNEL_HEADER && frame->type == FRAME_HEADER)
        return content_frame(channel, amqp_publish_header(channel, frame->payload, reply), reply);
    if (channel->state == AMQP_CHANNEL_BODY && frame->type == FRAME_BODY)
        return content_frame(channel, amqp_publish_body(channel, frame->payload, reply), reply);
    return content_frame(channel, wrong_frame(channel, reply), reply);
}

bool amqp_channel_frame(struct amqp_connection *amqp, const struct frame *frame,
                        struct reply *reply)
{
    struct amqp_channel *channel = find_channel(amqp, frame->channel);
    if (frame->type == FRAME_HEARTBEAT && frame->payload.len == 0)
        return frame_unexpected(frame, reply);
    if (frame->type < FRAME_METHOD || frame->type > FRAME_BODY)
        return frame_unknown(frame, reply);
    if (!channel)
        return unknown_channel(amqp, frame, reply);
    if (channel->state == AMQP_CHANNEL_CLOSING)
        return closing_channel(channel, frame);
    return open_channel_frame(channel, frame, reply);
}
