/* SPDX-License-Identifier: Apache-2.0 */
/* AMQP clients: a socket each, with or without TLS, and the conversation on it.
 *
 *   accepted ──(TLS)──► HANDSHAKE ──finish_handshake()──► TALK ──part()──► LINGER ──► gone
 *      └────(plain)──────────────────────────────────────►┘└─ abort, end of the stream ─►┘
 *
 * (1) A client owns no input buffer while no part of a frame is waiting.
 * (2) The conversation exists in the state TALK only.
 * (3) LINGER: everything is written and our half of the stream ended; we read on until the peer
 *     ends its own, for a second at most, since closing with unread bytes would make the kernel
 *     reset the connection and the peer lose our last words.
 */
#ifndef SERVER_CLIENT_H
#define SERVER_CLIENT_H

#include "server/listener.h"
#include "server/loop.h"
#include "server/tls.h"

/* All clients of the process. */
struct client_set {
    struct loop *loop;
    struct broker *broker;
    struct log *log;
    struct list clients;
    size_t count;
    SSL_CTX *tls; /* of new connections; NULL: no TLS listener */
    struct tls_login_rule login;
    int64_t tls_handshake_timeout_ms;
    void (*emptied)(void *context); /* the last client has gone; NULL: nobody asks */
    void *emptied_context;
};

void client_set_init(struct client_set *set, struct loop *loop, struct broker *broker,
                     struct log *log);
/* Drops those that are left, without a word. */
void client_set_fini(struct client_set *set);

/* Drops those in the TLS handshake, and calls `emptied` once there is nobody left (which may be at
 * once). Nobody is accepted any more. */
void client_set_when_empty(struct client_set *set, void (*emptied)(void *context), void *context);

/* Bytes of memory that each client takes, without its conversation and what waits of its input. */
uint64_t client_memory(void);

/* A listener_accepted_fn; the context is the set. */
void client_accept(void *context, struct listener *listener, int fd, const struct sockaddr *peer);

#endif
