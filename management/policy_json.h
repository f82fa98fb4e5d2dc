/* SPDX-License-Identifier: Apache-2.0 */
/* Policies as JSON: out of a request's body or a document of definitions, and back. */
#ifndef MANAGEMENT_POLICY_JSON_H
#define MANAGEMENT_POLICY_JSON_H

#include "broker/policy.h"

#include <jansson.h>

/* Reads "pattern", "apply-to", "priority" and "definition" into `policy`, whose vhost, name and kind
 * are set, and checks them. Its slices borrow from `fields` and `definition`, an empty buffer. False
 * when something is wrong: a line for each thing is appended, in RabbitMQ's words. */
bool policy_from_json(struct policy *policy, const json_t *fields, struct buf *definition,
                      struct buf *wrong);
/* Without virtual host and name: an operator policy's value as a parameter. */
json_t *policy_value_json(const struct policy *policy) __attribute__((warn_unused_result));

/* A value as Erlang prints it, appended: for texts about what a body holds. */
void json_print_term(struct buf *out, const json_t *value);

#endif
