/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy may define: one table of keys says which values are good, whether an operator's
 * policy may hold the key, on which kinds of object, and how two values of it merge. RabbitMQ's keys
 * and texts; keys without a meaning on one node are checked, kept and said to have no effect.
 */
#ifndef BROKER_POLICY_KEYS_H
#define BROKER_POLICY_KEYS_H

#include "base/buf.h"

struct field_value;

/* The objects that a policy may apply to, as bits. Streams are known, though there are none. */
enum policy_kind {
    POLICY_CLASSIC = 1,
    POLICY_QUORUM = 2,
    POLICY_STREAM = 4,
    POLICY_EXCHANGE = 8,
};

/* The bits of an "apply-to"; 0 when there is no such word. */
unsigned policy_kinds_named(struct slice apply_to);

/* Checks a definition (a sorted table). Appends what is wrong in RabbitMQ's words, or nothing. */
void policy_definition_check(struct slice definition, bool of_operator, struct buf *wrong);
/* The kinds of queue that take all of its keys; a policy with one that a type of queue does not
 * know passes over queues of that type. Exchanges take any. */
unsigned policy_definition_kinds(struct slice definition);
/* The first key of the table, from `*iter`'s place on, that is kept and does nothing here; empty
 * when there is none. Start with the definition as `*rest`. */
struct slice policy_definition_idle_key(struct slice *rest);
/* Both in one, sorted; of a key in both the stricter value, which is the smaller number. Appends. */
void policy_definition_merge(struct buf *out, struct slice definition,
                             struct slice operator_definition);

/* The smaller of two limits, of which a negative one is none. */
int64_t policy_stricter(int64_t a, int64_t b);

/* A value as Erlang prints it, which RabbitMQ's texts have: <<"text">>, 5, [1,2]. */
void policy_print_value(struct buf *out, const struct field_value *value);

#endif
