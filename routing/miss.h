/* SPDX-License-Identifier: Apache-2.0 */
/* Why a binding does not match a message, in words, and by how little: for people who wonder where
 * their message went. One function a type of exchange, the type's operation `miss`.
 *
 * (1) The binding does not match the request: the walk has just found that (so that what the type
 *     has read of the message is still there).
 * (2) The distance is 1 or more; the nearest misses have the smallest. It costs no more than a walk
 *     over the binding and the message's keys; the words are made only when they are asked for.
 */
#ifndef ROUTING_MISS_H
#define ROUTING_MISS_H

#include "base/buf.h"

struct binding;
struct route_request;

/* Each returns the distance; `reason` (NULL: not wanted) gets a phrase that begins with a verb, in
 * UTF-8 where the names in it are. */
uint32_t direct_miss(const struct route_request *request, const struct binding *binding,
                     struct buf *reason);
uint32_t topic_miss(const struct route_request *request, const struct binding *binding,
                    struct buf *reason);
uint32_t headers_miss(const struct route_request *request, const struct binding *binding,
                      struct buf *reason);

#endif
