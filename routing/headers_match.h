/* SPDX-License-Identifier: Apache-2.0 */
/* What one binding asks of a message's headers: its arguments, read once.
 *
 * (1) The argument x-match is never asked for; others that begin with `x-` only in the `-with-x`
 *     modes.
 */
#ifndef ROUTING_HEADERS_MATCH_H
#define ROUTING_HEADERS_MATCH_H

#include "base/list.h"
#include "proto/reply.h"
#include "routing/header_view.h"

struct binding;
struct headers_group;

struct headers_pair {
    struct headers_match *match; /* that it belongs to */
    struct header wanted;        /* borrowed from the binding's arguments */
    uint64_t hash;               /* header_hash() or, of a void value, header_hash_presence() */
    struct list in_group;        /* headers_index's */
    struct headers_group *group; /* headers_index's; NULL: in none */
};

struct headers_match {
    struct binding *binding;
    bool any;              /* else all */
    struct list in_always; /* headers_index's */
    size_t pair_count;
    struct headers_pair pairs[];
};

/* Reads binding->arguments; names are hashed with `seed`. NULL with *error filled in when x-match
 * is not valid, or when there is no memory. */
struct headers_match *headers_match_new(struct binding *binding, uint64_t seed,
                                        struct reply *error);
void headers_match_free(struct headers_match *match);

/* Whether a message has what the pair asks for. */
bool headers_pair_holds(const struct headers_pair *pair, const struct header_view *message);
/* Whether it has what all pairs ask for. */
bool headers_match_all_hold(const struct headers_match *match, const struct header_view *message);

#endif
