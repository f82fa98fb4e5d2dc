/* SPDX-License-Identifier: Apache-2.0 */
/* The ports that the configuration asks for: opened at start, AMQP's closed first at the end. */
#ifndef SERVER_PORTS_H
#define SERVER_PORTS_H

#include "base/err.h"
#include "server/client.h"

struct configuration;
struct facts;
struct http_server;

/* Endpoints of one configuration: a list may have this many items. */
#define PORTS_BOUND_MAX 32

/* Sockets that were bound before they are listened on, while the process still might. */
struct ports_bound {
    struct socket_set sets[PORTS_BOUND_MAX];
    size_t count;
    size_t taken;
};

struct ports {
    struct loop *loop;
    struct log *log;
    const struct configuration *configuration;
    struct client_set *clients;
    struct http_server *http;
    struct facts *facts;
    struct list listeners; /* struct listener.link */
    bool binding;          /* in ports_bind() */
    struct ports_bound bound;
};

/* The other members are set by the caller. */
void ports_init(struct ports *ports);
/* Takes the addresses without listening on them yet; `configuration` is all that it needs. */
enum err ports_bind(struct ports *ports, char *message, size_t message_size) MUST_USE;
/* All or, with a sentence for the operator, an error; then ports_close(). */
enum err ports_open(struct ports *ports, char *message, size_t message_size) MUST_USE;
/* Nobody is accepted for AMQP any more. */
void ports_close(struct ports *ports);

#endif
