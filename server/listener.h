/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets that take part in the loop: connections are accepted in batches.
 *
 * (1) When the process has no file descriptors left, accepting pauses for a second and is tried
 *     again; waiting connections stay in the kernel's backlog.
 * (2) With a limit of the rate, each accepted connection takes a token; without one accepting pauses
 *     until the next is there. Tokens come steadily, a second's worth at most is kept.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "server/loop.h"
#include "server/socket.h"

#include <sys/socket.h>

struct listener;

/* Takes the fd. */
typedef void (*listener_accepted_fn)(void *context, struct listener *listener, int fd,
                                     const struct sockaddr *peer);

struct listener {
    struct loop_node node;
    struct loop *loop;
    struct list link; /* in the owner's list */
    struct log *log;
    struct event event;
    struct timer pause;
    int64_t tokens_milli; /* thousandths of a token */
    int64_t tokens_ms;    /* when they were counted last */
    int fd;
    bool tls;
    char text[ENDPOINT_TEXT_MAX]; /* the address, as bound */
    struct socket_options options;
    listener_accepted_fn accepted;
    void *context;
};

/* Takes the fd, starts to listen. */
struct listener *listener_new(struct loop *loop, struct log *log, int fd, bool tls,
                              const struct socket_options *options, listener_accepted_fn accepted,
                              void *context);
/* Closes the socket. */
void listener_free(struct listener *listener);

#endif
