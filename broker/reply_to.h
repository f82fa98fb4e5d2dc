/* SPDX-License-Identifier: Apache-2.0 */
/* Direct reply-to: a pseudo-queue per channel, without storage: replies go straight to the channel
 * that asked. [rabbitmq: direct-reply-to]
 */
#ifndef BROKER_REPLY_TO_H
#define BROKER_REPLY_TO_H

#include "base/slice.h"

struct broker;
struct channel;
struct message;
struct reply;

#define REPLY_TO_NAME "amq.rabbitmq.reply-to"
#define REPLY_TO_ADDRESS_MAX 64 /* the name, a dot and 22 characters of token */

/* The pseudo-queue's own name, or an address made from it. */
bool reply_to_is_pseudo_queue(struct slice name);

/* basic.consume on the pseudo-queue: 406 unless no_ack, and only once a channel. */
bool reply_to_consume(struct channel *channel, struct slice tag, bool no_ack, struct reply *reply);
/* Ends it if `tag` is its consumer's; true when it was. */
bool reply_to_cancel(struct channel *channel, struct slice tag);
void reply_to_fini(struct channel *channel);

/* A publish with this reply_to property: must it be rewritten? 406 when the channel consumes no
 * replies. */
bool reply_to_check(const struct channel *channel, struct slice reply_to, bool *rewrite,
                    struct reply *reply);
/* The address that answers to the channel; written to `out`. */
struct slice reply_to_address(const struct channel *channel, char out[REPLY_TO_ADDRESS_MAX]);

/* Delivers a message whose routing key is an address; false when it is none or its channel is
 * gone. */
bool reply_to_deliver(struct broker *broker, struct message *message);
/* Is a channel there for this address? The bare name always exists: by declaring it passively, clients
 * find out whether the broker knows direct reply-to. */
bool reply_to_exists(struct broker *broker, struct slice name);

#endif
