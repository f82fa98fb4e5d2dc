/* SPDX-License-Identifier: Apache-2.0 */
/* The sampler: goes over all objects every few seconds and keeps what their counters were, so that
 * rates are known when they are asked for.
 *
 * (1) A round costs the walk over the objects and nothing else; who asks pays for the answer.
 * (2) An object has a history only once there was something to show. When nothing has changed for
 *     as long as its history reaches, the history shrinks to its last row.
 * (3) Between the parts of a round objects come and go: a new one may miss a round, and sums are of
 *     moments some milliseconds apart.
 * (4) A single object's history is a minute (or twelve rounds) long; the node's reaches back a day,
 *     the coarser the older.
 */
#ifndef MANAGEMENT_SAMPLER_H
#define MANAGEMENT_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct history;
struct management;
struct sampler;
struct vhost;

#define SAMPLER_AGE_MAX_S 86400

struct sampler *sampler_new(void);
void sampler_free(struct sampler *sampler);
/* Forgets all that was noted, of the node and of every object. */
void sampler_forget(struct sampler *sampler, const struct management *management);

/* A part of a round: about so many objects. True when there is more to do; the rest counts for the
 * same moment, that of the first part. `interval_ms` is the time to the next round. The histories
 * belong to the objects. */
bool sampler_take(struct sampler *sampler, const struct management *management, int64_t now_ms,
                  int64_t interval_ms, size_t objects_max);

/* A round was taken. */
bool sampler_started(const struct sampler *sampler);
/* The last round's time, and the time between rounds. */
int64_t sampler_last_ms(const struct sampler *sampler);
int64_t sampler_interval_ms(const struct sampler *sampler);
/* The finest history of the node that reaches back so far. */
const struct history *sampler_node(const struct sampler *sampler, int64_t age_ms);
/* The sum of some virtual hosts' histories: the caller's, of their kind. */
struct history *sampler_sum(const struct sampler *sampler, struct vhost *const *vhosts,
                            size_t count);

#endif
