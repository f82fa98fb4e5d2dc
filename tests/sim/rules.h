/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator of the world may set while it runs: policies, a user, permissions, limits. Each rule
 * has a few states, of which 0 is how the node starts; which rules there are follows from the seed.
 *
 * (1) A rule is on the disk when the node's own database has it. Until then a crash may leave any state
 *     that it had since: `possible` says which.
 */
#ifndef TESTS_SIM_RULES_H
#define TESTS_SIM_RULES_H

#include "base/slice.h"

#define RULES_MAX 12
#define RULE_STATES_MAX 6

enum rule_kind {
    RULE_POLICY,       /* 0: it is not there, 1: it is */
    RULE_USER,         /* the second one; comes before all rules about it */
    RULE_PERMISSION,   /* of the second user; which names it covers */
    RULE_TOPIC,        /* likewise, which routing keys of an exchange; 0: any */
    RULE_VHOST_QUEUES, /* limits: 0: none, else values[state] */
    RULE_VHOST_CONNECTIONS,
    RULE_USER_CONNECTIONS, /* of the second user */
    RULE_USER_CHANNELS,
};

/* Names that a pattern covers, told without regular expressions. */
enum cover { COVER_ALL, COVER_NONE, COVER_PREFIX, COVER_SUFFIX, COVER_CONTAINS };

struct name_rule {
    const char *pattern;
    enum cover cover;
    const char *text;
};

enum spec_overflow { SPEC_DROP_HEAD, SPEC_REJECT, SPEC_REJECT_DEAD_LETTER };

/* What a queue's arguments or a policy settle. */
struct settings {
    int64_t ttl_ms, expires_ms, length_max, bytes_max, delivery_limit; /* negative: not */
    bool has_overflow;
    enum spec_overflow overflow;
    const char *dead_exchange, *dead_key; /* NULL: not */
};

struct policy_spec {
    const char *name;
    bool of_operator;
    const struct name_rule *names;
    const char *apply_to;
    bool classic, quorum, exchanges; /* what it applies to in the end */
    int64_t priority;
    struct settings settings;
    const char *alternate;   /* NULL: not */
    struct slice definition; /* encoded */
};

struct permission_spec {
    const struct name_rule *configure, *write, *read; /* NULL: it has none at all */
};

struct topic_spec {
    const struct name_rule *write, *read;
};

struct user_spec {
    const char *password; /* NULL: there is no such user */
    const char *tags;
};

struct rule_spec {
    enum rule_kind kind;
    unsigned states;
    struct policy_spec policy;
    const struct user_spec *users; /* by state */
    struct permission_spec permissions[RULE_STATES_MAX];
    const char *exchange; /* of a topic's rule */
    struct topic_spec topics[RULE_STATES_MAX];
    int64_t values[RULE_STATES_MAX];
};

bool name_rule_covers(const struct name_rule *rule, const char *name);

#endif
