/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted about messages, for channels, queues, exchanges, virtual hosts and the node. The
 * names are those of the management API's message_stats. */
#ifndef BROKER_STATS_H
#define BROKER_STATS_H

#include "base/histogram.h"

#include <stdint.h>

#define MESSAGE_STATS_TABLE(X)                                                                     \
    X(publish, "messages that publishers sent")                                                    \
    X(publish_confirm, "those of them that wait for a confirm")                                    \
    X(publish_in, "messages that entered an exchange")                                             \
    X(publish_out, "messages that an exchange gave to queues")                                     \
    X(confirm, "publisher confirms")                                                               \
    X(return_unroutable, "mandatory messages sent back")                                           \
    X(drop_unroutable, "messages that matched no queue")                                           \
    X(deliver, "deliveries that want an acknowledgement")                                          \
    X(deliver_no_ack, "deliveries that want none")                                                 \
    X(get, "basic.get answers that want an acknowledgement")                                       \
    X(get_no_ack, "basic.get answers that want none")                                              \
    X(get_empty, "basic.get on an empty queue")                                                    \
    X(redeliver, "deliveries that were not the first")                                             \
    X(ack, "acknowledgements")                                                                     \
    X(dead_letter_expired, "messages dead-lettered or dropped because they expired")               \
    X(dead_letter_rejected, "messages dead-lettered or dropped because they were rejected")        \
    X(dead_letter_maxlen, "messages dead-lettered or dropped by a length limit")                   \
    X(dead_letter_delivery_limit, "messages dead-lettered or dropped by the delivery limit")

struct message_stats {
#define X(name, meaning) uint64_t name;
    MESSAGE_STATS_TABLE(X)
#undef X
};

void message_stats_add(struct message_stats *sum, const struct message_stats *part);

/* Of the histograms of messages' bodies, in bytes; RabbitMQ's. */
extern const struct histogram_bounds MESSAGE_SIZE_BOUNDS;

#endif
