/* SPDX-License-Identifier: Apache-2.0 */
/* What the management API asks the server: the process, its listeners, its clients' sockets. */
#ifndef SERVER_FACTS_H
#define SERVER_FACTS_H

#include "management/management.h"

#include <openssl/ssl.h>

#include <sys/socket.h>

struct configuration;
struct http_server;
struct resources;

struct facts {
    const struct resources *resources;
    const struct client_set *clients;
    int64_t started_ms; /* monotonic */
    const char *data_directory;
    const char *config_file; /* NULL: none */
    const struct configuration *configuration;
    struct listener_facts listeners[LISTENERS_MAX];
    size_t listener_count;
    SSL_CTX *const *amqp_tls; /* where the one in use is; NULL: none */
    const struct http_server *http;
};

/* Notes a listening socket; those beyond LISTENERS_MAX are not told of. `protocol` is static. */
void facts_add_listener(struct facts *facts, const char *protocol, int fd);
/* The functions that answer from it. */
struct management_host facts_host(struct facts *facts);

#endif
