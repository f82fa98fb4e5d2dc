/* SPDX-License-Identifier: Apache-2.0 */
/* Which handler a method has, and what handlers of several classes share. */
#include "proto/reply.h"
#include "session/amqp.h"

amqp_handler amqp_handler_of(enum method_kind kind)
{
    static const amqp_handler handlers[METHOD_COUNT] = {
#define X(upper, name) [METHOD_##upper] = amqp_on_##name,
        AMQP_HANDLER_TABLE(X)
#undef X
    };
    CHECK(kind < METHOD_COUNT);
    return handlers[kind];
}

struct slice amqp_strip_name(struct slice name, uint8_t room[UINT8_MAX])
{
    size_t len = 0;
    CHECK(name.len <= UINT8_MAX);
    if (!name.len || (!memchr(name.data, '\r', name.len) && !memchr(name.data, '\n', name.len)))
        return name;
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] != '\r' && name.data[i] != '\n')
            room[len++] = name.data[i];
    return slice_of(room, len);
}

bool amqp_queue_name(const struct amqp_channel *channel, struct slice *name, struct reply *reply)
{
    if (name->len)
        return true;
    if (!channel->last_queue)
        return reply_set(reply, REPLY_NOT_FOUND, "no previously declared queue");
    *name = slice_str(channel->last_queue);
    return true;
}
