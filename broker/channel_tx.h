/* SPDX-License-Identifier: Apache-2.0 */
/* A channel's transaction: what was published and acknowledged since it began. */
#ifndef BROKER_CHANNEL_TX_H
#define BROKER_CHANNEL_TX_H

#include "broker/channel_publish.h"
#include "broker/channel_unacked.h"

/* Keeps a publish (its messages are taken over) until the commit. */
void channel_tx_publish(struct channel *channel, const struct checked_publish *publish);
/* Keeps acknowledgements until the commit; the set is taken over. */
void channel_tx_resolve(struct channel *channel, struct unacked_set *set, enum outcome outcome);
void channel_tx_forget_consumer(struct channel *channel, const struct consumer *consumer);
/* Rolls back and frees, with the channel. */
void channel_tx_fini(struct channel *channel);

#endif
