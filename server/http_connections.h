/* SPDX-License-Identifier: Apache-2.0 */
/* The management port's connections, watched for requests that never come to an end. evhttp owns them,
 * and ends those that are silent; it would wait forever for one that sends a byte now and then.
 *
 * All of it is the loop's thread's.
 */
#ifndef SERVER_HTTP_CONNECTIONS_H
#define SERVER_HTTP_CONNECTIONS_H

#include "base/hmap.h"
#include "server/loop.h"
#include "server/tls.h"

struct bufferevent;
struct evhttp_connection;
struct log;

struct http_connections {
    struct loop *loop;
    struct log *log;
    int64_t request_ms;    /* the time that a request has, from its first byte to its last */
    struct loop_node node; /* looks at those that are new */
    struct list fresh;     /* struct http_connection.link: their sockets are not known yet */
    struct hmap by_fd;     /* struct http_connection, the last one that had the descriptor */
};

void http_connections_init(struct http_connections *connections, struct loop *loop, struct log *log,
                           int64_t request_ms);
/* When evhttp has let go of all. */
void http_connections_fini(struct http_connections *connections);
/* What evhttp_set_bevcb() wants: a new connection, whose first request is waited for from now on. `ssl` is
 * taken; NULL: without TLS. */
struct bufferevent *http_connections_add(struct http_connections *connections, SSL *ssl);
/* The whole request is here; or it has been answered, and another one may come. */
void http_connections_asked(struct http_connections *connections, struct evhttp_connection *which);
void http_connections_answered(struct http_connections *connections,
                               struct evhttp_connection *which);

#endif
