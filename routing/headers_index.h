/* SPDX-License-Identifier: Apache-2.0 */
/* The bindings of a headers exchange, found by the headers that a message has rather than by asking
 * each [rabbitmq: headers exchange, x-match].
 *
 * A binding is a list of pairs (name, value), where a void value asks for presence only. Pairs of
 * equal name and value form a group. A message visits the groups of its own headers.
 *
 * (1) An `all` binding is in the group of one of its pairs: the one whose group was the smallest
 *     when it came, so that a pair that everyone asks for gathers nobody. The others are verified.
 * (2) An `any` binding is in the group of each of its pairs.
 * (3) An `all` binding without pairs always matches and is in `always`; an `any` binding without
 *     pairs never matches and is nowhere.
 * (4) A group gathers pairs by hash, which proves nothing alone: who is found is verified.
 * (5) binding.place is the binding's struct headers_match.
 */
#ifndef ROUTING_HEADERS_INDEX_H
#define ROUTING_HEADERS_INDEX_H

#include "routing/header_view.h"
#include "routing/route_walk.h"

struct headers_index {
    uint64_t seed;
    struct hmap groups;         /* by header_hash() and header_hash_presence() */
    size_t presence_pairs;      /* pairs in groups by presence; when 0, these aren't looked for */
    struct list always;         /* struct headers_match.in_always */
    struct header_view message; /* the headers of the message being routed */
};

void headers_index_init(struct headers_index *index, uint64_t seed);
/* All bindings must be gone. */
void headers_index_fini(struct headers_index *index);
/* By binding->arguments. False with *error filled in when their x-match is not valid, or when there
 * is no memory for so many of them. */
bool headers_index_add(struct headers_index *index, struct binding *binding, struct reply *error);
void headers_index_remove(struct headers_index *index, struct binding *binding);
/* Names each binding that matches to the walk. */
void headers_index_match(struct headers_index *index, struct slice headers,
                         struct route_walk *walk);

#endif
