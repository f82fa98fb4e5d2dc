/* SPDX-License-Identifier: Apache-2.0 */
/* The management port: evhttp's sockets and syntax around management_handle(). */
#ifndef SERVER_HTTP_SERVER_H
#define SERVER_HTTP_SERVER_H

#include "server/loop.h"
#include "server/tls.h"

struct management;
struct http_server;

struct http_server_options {
    struct loop *loop;
    struct management *management;
    struct log *log;
    size_t body_size_max;
    int64_t request_ms; /* the time that a request has to arrive */
    int64_t idle_ms;    /* of silence, after which a connection is closed */
};

struct http_server *http_server_new(const struct http_server_options *options);
void http_server_free(struct http_server *server);
/* Takes a listening fd; `tls`: with TLS, for which http_server_set_tls() must have been called. */
void http_server_listen(struct http_server *server, int fd, bool tls);
/* Takes a listening fd of the port for Prometheus. */
void http_server_listen_metrics(struct http_server *server, int fd);
/* The context for new connections, borrowed; NULL: none. */
SSL_CTX *http_server_tls(const struct http_server *server);
/* Takes the context, for new connections. */
void http_server_set_tls(struct http_server *server, SSL_CTX *context);

#endif
