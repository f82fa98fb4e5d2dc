/* SPDX-License-Identifier: Apache-2.0 */
/* Acting for a user: a short-lived connection of the management port's own, with one channel if
 * need be, so that the broker's functions check and word everything as for any client.
 */
#ifndef MANAGEMENT_ACT_H
#define MANAGEMENT_ACT_H

#include "broker/channel.h"
#include "broker/connection.h"
#include "management/call.h"

struct actor {
    struct connection connection;
    struct channel channel;
    bool has_channel;
    bool returned; /* a mandatory message came back */
    bool nacked;   /* a publish was refused by a queue */
};

/* Opens the call's virtual host for its user. False after answering 401; then there is nothing to
 * close. */
bool actor_open(struct actor *actor, struct call *call);
/* Opens the channel, in confirm mode. */
void actor_open_channel(struct actor *actor);
/* Unacknowledged messages return to their queue. */
void actor_close(struct actor *actor);

#endif
