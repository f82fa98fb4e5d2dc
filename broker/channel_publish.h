/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing's second half, which a transaction does at its commit. */
#ifndef BROKER_CHANNEL_PUBLISH_H
#define BROKER_CHANNEL_PUBLISH_H

#include "broker/channel.h"

/* A publish that has passed its checks. Both messages are references of its own. */
struct checked_publish {
    struct slice exchange;
    bool mandatory;
    struct message *message;  /* as it goes on: without BCC, with an addressable reply_to */
    struct message *original; /* as it came: its headers are what it is routed by */
};

/* Routes it, returns it when it is mandatory and unroutable, notes its confirm. Both messages are
 * taken over. False when a queue refused it. */
bool channel_route(struct channel *channel, const struct checked_publish *publish);

/* The digits of an expiration property, in milliseconds; read and refused (406) as by RabbitMQ. */
bool publish_read_expiration(struct slice text, int64_t *ttl_ms, struct reply *reply);

#endif
