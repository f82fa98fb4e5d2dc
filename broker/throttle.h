/* SPDX-License-Identifier: Apache-2.0 */
/* Failed logins, counted by where they come from: a source that has failed too often within a while is
 * refused until the while is over.
 *
 * (1) What is counted is (source, user) and the source as a whole, never a user alone: nobody can
 *     lock a user out from elsewhere.
 * (2) A refusal by this counts nowhere: a client that goes on trying with one wrong password uses
 *     up its own share, not that of its neighbours behind the same address.
 * (3) Memory is bounded: beyond THROTTLE_ENTRIES_MAX the oldest entry is forgotten.
 */
#ifndef BROKER_THROTTLE_H
#define BROKER_THROTTLE_H

#include "base/hmap.h"
#include "base/list.h"

#define THROTTLE_ENTRIES_MAX 16384 /* about 3 MB; one source makes a few hundred at most */

struct throttle_limits {
    int64_t window_ms;   /* counted from the first failure */
    uint32_t pair_max;   /* failures of one user from one source; 0: any number */
    uint32_t source_max; /* failures from one source; 0: any number */
};

struct throttle {
    struct throttle_limits limits;
    uint64_t hash_seed;
    struct hmap entries;
    struct list by_age; /* oldest window first */
};

void throttle_init(struct throttle *throttle, const struct throttle_limits *limits,
                   uint64_t hash_seed);
void throttle_fini(struct throttle *throttle);

/* May this user try to log in from there? `source` is a text that names where a client comes from;
 * NULL: nobody knows, everything is allowed. */
bool throttle_allows(struct throttle *throttle, int64_t now_ms, const char *source,
                     struct slice user);
void throttle_note_failure(struct throttle *throttle, int64_t now_ms, const char *source,
                           struct slice user);
/* The pair's failures are forgotten, the source's are not. */
void throttle_note_success(struct throttle *throttle, const char *source, struct slice user);

#endif
