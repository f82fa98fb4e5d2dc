/* SPDX-License-Identifier: Apache-2.0 */
/* What would become of a message in a queue, in sentences for people. */
#ifndef MANAGEMENT_EXPLAIN_THEN_H
#define MANAGEMENT_EXPLAIN_THEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct queue;

/* What is known of the message. */
struct explain_message {
    int64_t ttl_ms; /* of its expiration property; MESSAGE_NO_TTL: none */
    uint8_t priority;
    bool persistent;
    bool mode_known; /* a delivery mode was given */
};

/* An array of sentences. */
json_t *explain_then(const struct queue *queue, const struct explain_message *message)
    __attribute__((warn_unused_result));

#endif
