/* SPDX-License-Identifier: Apache-2.0 */
/* The management port's own connections.
 *
 * (1) An actor lives within one request: no turn of the loop passes, so nothing is delivered to it.
 */
#include "management/act.h"

#include "base/check.h"
#include "broker/vhost.h"

static void ignore_close(struct connection *connection, const struct reply *reply)
{
    (void)connection;
    (void)reply;
}

static void ignore_blocked(struct connection *connection, const char *reason)
{
    (void)connection;
    (void)reason;
}

static void ignore(struct connection *connection)
{
    (void)connection;
}

static const struct connection_ops connection_ops = {
    .close = ignore_close,
    .blocked = ignore_blocked,
    .unblocked = ignore,
    .durable = ignore,
};

static struct actor *actor_of(struct channel *channel)
{
    return CONTAINER_OF(channel, struct actor, channel);
}

static void note_delivery(struct channel *channel, struct slice consumer_tag,
                          const struct delivery *delivery)
{
    (void)channel;
    (void)consumer_tag;
    (void)delivery;
}

static void note_returned(struct channel *channel, struct message *message, uint16_t code,
                          const char *text)
{
    (void)message;
    (void)code;
    (void)text;
    actor_of(channel)->returned = true;
}

static void note_confirmed(struct channel *channel, uint64_t tag, bool multiple, bool nack)
{
    (void)tag;
    (void)multiple;
    actor_of(channel)->nacked |= nack;
}

static void note_cancelled(struct channel *channel, struct slice consumer_tag)
{
    (void)channel;
    (void)consumer_tag;
}

static void note_failed(struct channel *channel, const struct reply *reply)
{
    (void)channel;
    (void)reply;
}

static const struct channel_ops channel_ops = {
    .deliver = note_delivery,
    .returned = note_returned,
    .confirmed = note_confirmed,
    .cancelled = note_cancelled,
    .failed = note_failed,
};

bool actor_open(struct actor *actor, struct call *call)
{
    struct connection *connection = &actor->connection;
    struct reply reply;

    CHECK(call->vhost);
    *actor = (struct actor){0};
    connection_init(connection, &connection_ops, call->broker, "management");
    connection->internal = true;
    /* It is no client's: the churn of connections is not to show it. */
    call->broker->churn.connections_opened--;
    connection->user = call->user;
    user_ref(call->user);
    if (connection_open_vhost(connection, slice_str(call->vhost->name), &reply))
        return true;
    call_reply(call, &reply);
    actor_close(actor);
    return false;
}

void actor_open_channel(struct actor *actor)
{
    struct reply reply;

    channel_init(&actor->channel, &channel_ops, &actor->connection, 1);
    actor->has_channel = true;
    actor->connection.broker->churn.channels_opened--;
    CHECK(channel_confirm_select(&actor->channel, &reply));
}

void actor_close(struct actor *actor)
{
    struct broker *broker = actor->connection.broker;

    if (actor->has_channel)
        broker->churn.channels_closed--;
    broker->churn.connections_closed--;
    connection_fini(&actor->connection);
}
