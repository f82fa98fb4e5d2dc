/* SPDX-License-Identifier: Apache-2.0 */
/* Policies: settings that the operator puts over queues and exchanges whose names match a pattern.
 * Each virtual host has two lists, users' policies and operators'; of each the first that matches
 * applies to an object, and what the two define merges into the object's effective definition.
 *
 *   policy_set(), policy_clear() → policies_apply() in the turns that follow → queue_apply_policies(),
 *   exchange_apply_policies() for each object that the change concerns; queue_create(), exchange_create() → policy_effect_init()
 *
 * (1) What is in memory and what was put to the store always agree.
 * (2) A list is in order of precedence: highest priority first, then by name.
 * (3) A queue or exchange points at the policies that apply to it, or, while a change is being applied,
 *     at those that did before.
 */
#ifndef BROKER_POLICY_H
#define BROKER_POLICY_H

#include "base/buf.h"
#include "base/err.h"
#include "broker/policy_keys.h"

struct broker;
struct policies;
struct vhost;

/* Of all virtual hosts together: far more than anyone keeps, few enough to walk. */
#define POLICIES_MAX 10000u

struct policy {
    struct slice vhost, name;
    bool of_operator; /* an operator's, of which there may be another of the same name */
    struct slice pattern;
    struct slice apply_to; /* "queues", "all" … */
    int64_t priority;
    struct slice definition; /* a table, sorted */
};

/* What applies to one queue or exchange. Zeroed: nothing. */
struct policy_effect {
    const struct policy *policy; /* NULL: none */
    const struct policy *operator_policy;
    struct buf definition; /* both merged, sorted */
};

struct policies *policies_new(struct broker *broker);
void policies_free(struct policies *policies);
/* From the node's database, before virtual hosts are loaded. */
enum err policies_load(struct policies *policies) MUST_USE;

/* True when the policy may be set; else a line for each thing that is wrong is appended, in RabbitMQ's
 * words. */
bool policy_check(const struct policy *policy, struct buf *wrong);
/* Sets or replaces one that policy_check() passed, in memory and store, and begins to apply it
 * to the queues and exchanges there are: to some hundred at once, to more by policies_apply().
 * Everything is copied, the definition is sorted. ERR_LIMIT: POLICIES_MAX is reached. `*created` may
 * be NULL. */
enum err policy_set(struct policies *policies, const struct policy *policy, bool *created) MUST_USE;
/* By vhost, name and kind; takes effect likewise. False when there is none. */
bool policy_clear(struct policies *policies, const struct policy *key);
/* Goes on applying changes, a turn's share; true when there is more to do. */
bool policies_apply(struct policies *policies);
/* The number of the latest change, and whether all up to one are applied. */
uint64_t policies_latest(const struct policies *policies);
bool policies_applied(const struct policies *policies, uint64_t number);
/* NULL when there is none; valid until the next change. */
const struct policy *policy_find(const struct policies *policies, const struct policy *key);
/* All that belongs to a virtual host that is being deleted; its objects are gone. */
void policies_forget_vhost(struct policies *policies, struct slice vhost);
/* Walks by virtual host, users' policies first, in order of precedence; the callback must not change
 * anything. */
void policies_each(const struct policies *policies,
                   void (*each)(void *context, const struct policy *policy), void *context);

/* Fills in what applies to an object of that name. */
void policy_effect_init(struct policy_effect *effect, const struct policies *policies,
                        struct slice vhost, struct slice name, enum policy_kind kind);
void policy_effect_fini(struct policy_effect *effect);

#endif
