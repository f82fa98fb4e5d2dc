/* SPDX-License-Identifier: Apache-2.0 */
/* Dead-lettering: why a message leaves its queue, the x-death record, the way to the dead letter
 * exchange. [rabbitmq: dlx]
 *
 * (1) Source row deleted and target rows put in the same step: one batch of the store.
 * (2) Never recursive: what is dead-lettered while another is being routed waits its turn, within
 *     the same step.
 */
#ifndef BROKER_DEAD_LETTER_H
#define BROKER_DEAD_LETTER_H

struct entry;
struct message;
struct queue;

#define DEATH_REASON_TABLE(X)                                                                      \
    X(EXPIRED, expired)                                                                            \
    X(REJECTED, rejected)                                                                          \
    X(MAXLEN, maxlen)                                                                              \
    X(DELIVERY_LIMIT, delivery_limit)

enum death_reason {
#define X(name, text) DEATH_##name,
    DEATH_REASON_TABLE(X)
#undef X
};

/* The entry (taken off its lane, uncounted) leaves its queue for this reason: to the dead letter
 * exchange if there is one, and in any case it is settled (row, memory). */
void dead_letter_entry(struct queue *queue, struct entry *entry, enum death_reason reason);
/* A message that never entered the queue (reject-publish-dlx). */
void dead_letter_message(struct queue *queue, struct message *message, enum death_reason reason);

#endif
