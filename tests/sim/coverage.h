/* SPDX-License-Identifier: Apache-2.0 */
/* What worlds have met: how often each method ended in which way, and how often the rarer events came
 * about. It decides nothing; it shows where the worlds are poor.
 */
#ifndef TESTS_SIM_COVERAGE_H
#define TESTS_SIM_COVERAGE_H

#include "proto/method.h"

/* How a method ended: carried out, or with this error of the channel, or the connection's end. */
#define COVER_OUTCOME_TABLE(X)                                                                     \
    X(DONE, "done")                                                                                \
    X(REFUSED, "403")                                                                              \
    X(MISSING, "404")                                                                              \
    X(LOCKED, "405")                                                                               \
    X(FAILED, "406")                                                                               \
    X(HARD, "hard")

#define COVER_EVENT_TABLE(X)                                                                       \
    X(EXPIRED, "messages died: expired")                                                           \
    X(MAXLEN, "messages died: maxlen")                                                             \
    X(REJECTED, "messages died: rejected")                                                         \
    X(DELIVERY_LIMIT, "messages died: delivery_limit")                                             \
    X(NACKED, "confirming publishes that a queue refused")                                         \
    X(COMMITTED, "transactions that had something to commit")                                      \
    X(COMMIT_REFUSED, "transactions with a publish that a queue refused")                          \
    X(ROLLED_BACK, "transactions that had something to roll back")                                 \
    X(RECOVERED, "basic.recover that returned messages")                                           \
    X(REDELIVERED, "deliveries flagged as redelivered")                                            \
    X(SURVIVED, "deliveries of what a restart left")                                               \
    X(PRIORITY, "deliveries by priority while memory is scarce")                                   \
    X(CANCELLED, "consumers told that their queue is gone")                                        \
    X(HANDED_OVER, "single active consumers that were followed by another")                        \
    X(LOGIN_REFUSED, "logins refused")                                                             \
    X(USER_DELETED, "connections of a deleted user")                                               \
    X(VHOST_DELETED, "connections in a deleted virtual host")                                      \
    X(TOPIC_REFUSED, "routing keys refused")                                                       \
    X(USER_ID_REFUSED, "user ids refused")                                                         \
    X(UNREADABLE, "basic.get that could not read")

enum cover_outcome {
#define X(name, text) COVER_##name##_OUTCOME,
    COVER_OUTCOME_TABLE(X)
#undef X
        COVER_OUTCOMES
};

enum cover_event {
#define X(name, text) COVER_##name,
    COVER_EVENT_TABLE(X)
#undef X
        COVER_EVENTS
};

struct coverage {
    uint64_t methods[METHOD_COUNT][COVER_OUTCOMES];
    uint64_t events[COVER_EVENTS];
};

/* `code` of the error that it led to; 0: none. */
void coverage_note_method(struct coverage *coverage, enum method_kind kind, uint16_t code,
                          bool hard);
void coverage_add(struct coverage *sum, const struct coverage *coverage);
/* A table on standard output, in times per thousand worlds. */
void coverage_print(const struct coverage *coverage, uint64_t worlds);

#endif
