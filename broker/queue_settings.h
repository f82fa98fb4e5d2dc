/* SPDX-License-Identifier: Apache-2.0 */
/* What a queue's arguments (and, above them, a policy) say about its behaviour; one table of
 * arguments gives parsing, validation, equivalence and the rule which type takes which.
 */
#ifndef BROKER_QUEUE_SETTINGS_H
#define BROKER_QUEUE_SETTINGS_H

#include "base/slice.h"

struct reply;

/* No time to live and no timeout is longer: ten years, RabbitMQ's bound. */
#define QUEUE_TIME_MAX_MS INT64_C(315360000000)

#define QUEUE_TYPE_TABLE(X)                                                                        \
    X(CLASSIC, "classic", "rabbit_classic_queue")                                                  \
    X(QUORUM, "quorum", "rabbit_quorum_queue")

enum queue_type {
#define X(name, text, module) QUEUE_##name,
    QUEUE_TYPE_TABLE(X)
#undef X
        QUEUE_TYPES
};

enum overflow { OVERFLOW_DROP_HEAD, OVERFLOW_REJECT_PUBLISH, OVERFLOW_REJECT_PUBLISH_DLX };

struct queue_settings {
    int64_t message_ttl_ms;      /* negative: none */
    int64_t expires_ms;          /* negative: none */
    int64_t length_max;          /* ready messages; negative: none */
    int64_t bytes_max;           /* their bodies; negative: none */
    int64_t delivery_limit;      /* negative: none */
    int64_t consumer_timeout_ms; /* negative: the node's; 0: none */
    enum overflow overflow;
    uint8_t priority_max; /* 0: no priorities */
    bool single_active_consumer;
    bool has_dead_letter_exchange;
    bool has_dead_letter_key;
    struct slice dead_letter_exchange; /* slices into the queue's arguments or its policies */
    struct slice dead_letter_key;
};

const char *queue_type_name(enum queue_type type);
/* As texts of refusals have it: "rabbit_classic_queue". Static. */
const char *queue_type_module(enum queue_type type);

/* The type that `arguments` ask for (`fallback` when they don't): 406 when there is no such. */
bool queue_type_from(struct slice arguments, enum queue_type fallback, struct slice name,
                     struct slice vhost, enum queue_type *type, struct reply *reply);
/* Validates the arguments of a declaration against the table. */
bool queue_arguments_check(struct slice arguments, enum queue_type type, struct slice name,
                           struct slice vhost, struct reply *reply);
/* Reads settings out of validated arguments and the effective definition of the queue's policies: of
 * two limits the stricter counts, of two other values the argument. The slices in it borrow from
 * both. */
void queue_settings_read(struct queue_settings *settings, struct slice arguments,
                         struct slice policies, enum queue_type type);
/* 406 "inequivalent arg" for the first argument of the table in which a redeclaration differs. */
bool queue_arguments_equivalent(struct slice current, struct slice received, struct slice name,
                                struct slice vhost, struct reply *reply);

/* 406 "inequivalent arg 'K' for queue 'Q' …" unless both tables agree in argument `key`; `what` is "queue" or
 * "exchange". Integer widths don't matter. */
bool argument_equivalent(const char *key, struct slice current, struct slice received,
                         const char *what, struct slice name, struct slice vhost,
                         struct reply *reply);

#endif
