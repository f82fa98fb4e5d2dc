/* SPDX-License-Identifier: Apache-2.0 */
/* The firehose: while a virtual host is traced, a copy of everything that is published and delivered
 * goes to the exchange amq.rabbitmq.trace, with what is known about it in the headers.
 * [rabbitmq: firehose]
 */
#ifndef BROKER_TRACE_H
#define BROKER_TRACE_H

#include "base/slice.h"
#include "routing/router.h"

struct channel;
struct message;
struct queue;

#define TRACE_EXCHANGE "amq.rabbitmq.trace"

/* Key publish.{exchange}: a client's message went to these queues. */
void trace_published(struct channel *channel, const struct message *message,
                     const struct route_result *routes);
/* Key deliver.{queue}: a queue's message goes to a client. */
void trace_delivered(struct channel *channel, const struct queue *queue,
                     const struct message *message, bool redelivered);

#endif
