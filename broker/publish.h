/* SPDX-License-Identifier: Apache-2.0 */
/* A message's way from an exchange into queues. */
#ifndef BROKER_PUBLISH_H
#define BROKER_PUBLISH_H

#include "base/slice.h"
#include "routing/router.h"

struct buf;
struct exchange;
struct message;
struct vhost;

struct publish_result {
    uint64_t seq;    /* the store is to be durable up to here before a confirm; 0: no need */
    uint32_t queues; /* how many took it */
    bool rejected;   /* a queue refused it (x-overflow) */
    bool outruns;    /* a queue that has consumers is piling up */
};

/* Keys of a message: the routing key, then what CC and BCC in its headers name. */
struct publish_keys {
    struct slice fixed[8];
    struct slice *all; /* fixed, or heap when there are more */
    size_t count;
    size_t capacity;
};
/* The keys borrow from both. */
void publish_keys_init(struct publish_keys *keys, struct slice key, struct slice headers);
/* And the strings of an array's content, borrowed likewise. */
void publish_keys_add(struct publish_keys *keys, struct slice array);
void publish_keys_fini(struct publish_keys *keys);
/* Appends those elements of a CC or BCC array that are keys, its strings, to the array in the making. */
void publish_keys_copy(struct buf *out, struct slice array);

/* Routes by the message's key, by `headers` and their CC and BCC, and appends to every queue found.
 * `routes` is scratch. */
void publish_route(struct exchange *exchange, struct message *message, struct slice headers,
                   struct route_result *routes, struct publish_result *result);
/* As publish_route() with other keys in place of the message's own and those of its headers. */
void publish_route_keys(struct exchange *exchange, struct message *message,
                        const struct slice *keys, size_t key_count, struct slice headers,
                        struct route_result *routes, struct publish_result *result);

#endif
