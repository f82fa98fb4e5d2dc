/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of a channel's unacknowledged deliveries, shared by the files of the channel.
 *
 * (1) Slots are in order of tag; acknowledged ones stay as holes (entry NULL) until the ring's head passes them
 *     or the ring is packed.
 */
#ifndef BROKER_CHANNEL_UNACKED_H
#define BROKER_CHANNEL_UNACKED_H

#include "broker/channel.h"

/* Adds at the end (tags rise). */
void unacked_push(struct channel *channel, const struct unacked *unacked);
/* The slot of a tag, or NULL when it is not there. */
struct unacked *unacked_find(struct channel *channel, uint64_t tag);
/* Takes a slot's content out; the slot becomes a hole. */
struct unacked unacked_take(struct channel *channel, struct unacked *slot);
/* The oldest slot that is not a hole, or NULL. */
struct unacked *unacked_first(struct channel *channel);
void unacked_fini(struct channel *channel);

/* A set of deliveries taken out of the ring, to be settled together. */
struct unacked_set {
    struct unacked *items;
    size_t count;
    size_t capacity;
};
void unacked_set_add(struct unacked_set *set, const struct unacked *unacked);
void unacked_set_fini(struct unacked_set *set);
/* Puts what was taken out back to its places (a transaction is rolled back). */
void unacked_put_back(struct channel *channel, const struct unacked_set *set);
/* Takes out `tag` (and, multiple, all before it; tag 0: all). 406 when the tag is not there. */
bool unacked_select(struct channel *channel, uint64_t tag, bool multiple, struct unacked_set *set,
                    struct reply *reply);

/* What becomes of deliveries. */
enum outcome { OUTCOME_ACK, OUTCOME_REQUEUE, OUTCOME_REJECT };
/* Carries it out for the set: credit comes back, queues settle, return or dead-letter. */
void unacked_resolve(struct channel *channel, struct unacked_set *set, enum outcome outcome);

#endif
