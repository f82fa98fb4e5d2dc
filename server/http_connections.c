/* SPDX-License-Identifier: Apache-2.0 */
/* The time that a request has to arrive.
 *
 *   http_connections_add() ─► ARRIVING ─ http_connections_asked() ─► ANSWERING
 *                              ▲    ▲                                   │
 *             note_input() ────┘    └─ more of it is here already ──────┤
 *               ▲                                                       │
 *              IDLE ◄─────────────────────── http_connections_answered()┘
 *
 * (1) evhttp does not say when it lets go of a connection. So what is kept of one names its socket, by the
 *     descriptor and the kernel's cookie for it: when the descriptor is another socket's or none, that one
 *     is gone. What is kept goes when its time is over, or with the next one of that descriptor.
 * (2) The timer is set while ARRIVING. A connection is ended by shutdown(): then evhttp reads its end.
 * (3) While an answer is on its way, nothing is expected of the client but to read it.
 */
#include "server/http_connections.h"

#include "base/log.h"
#include "base/mem.h"
#include "server/endpoint.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>

#include <inttypes.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum http_connection_state { HTTP_ARRIVING, HTTP_ANSWERING, HTTP_IDLE };

struct http_connection {
    struct list link;      /* in owner->fresh */
    struct hmap_node node; /* in owner->by_fd, by the descriptor */
    struct http_connections *owner;
    struct bufferevent *bufferevent; /* while it is fresh: a reference */
    int fd;
    uint64_t cookie; /* the kernel's; never given to another socket */
    enum http_connection_state state;
    struct timer timer; /* the end of patience */
};

static void move(struct http_connection *connection, enum http_connection_state state)
{
    struct http_connections *owner = connection->owner;
    int64_t now_ms = (int64_t)(loop_clock_ns() / 1000000u);
    connection->state = state;
    if (state == HTTP_ARRIVING)
        timer_set(&owner->loop->timers, &connection->timer, now_ms + owner->request_ms);
    else
        timer_clear(&owner->loop->timers, &connection->timer);
}

/* -- sockets -- */

/* False when the kernel does not say. */
static bool cookie_of(int fd, uint64_t *cookie)
{
    socklen_t len = sizeof(*cookie);
    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &len) == 0;
}

static bool is_there(const struct http_connection *connection)
{
    uint64_t cookie;
    return cookie_of(connection->fd, &cookie) && cookie == connection->cookie;
}

/* The kernel has something that the client did not take yet. */
static bool sends(const struct http_connection *connection)
{
    int bytes = 0;
    return ioctl(connection->fd, SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

static void end(const struct http_connection *connection)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof(peer);
    char text[ENDPOINT_TEXT_MAX] = "unknown";
    if (getpeername(connection->fd, (struct sockaddr *)&peer, &len) == 0)
        endpoint_print((struct sockaddr *)&peer, text);
    log_info(connection->owner->log, "management: a request took too long to arrive",
             "peer=%s limit_ms=%" PRId64, text, connection->owner->request_ms);
    shutdown(connection->fd, SHUT_RDWR);
}

/* -- what is kept of one -- */

static struct http_connection *find(const struct http_connections *connections, int fd)
{
    struct hmap_node *node = hmap_first(&connections->by_fd, hmap_hash_u64((uint64_t)fd, 0));
    for (; node; node = hmap_next_same(node)) {
        struct http_connection *connection = CONTAINER_OF(node, struct http_connection, node);
        if (connection->fd == fd)
            return connection;
    }
    return NULL;
}

static void free_connection(struct http_connection *connection)
{
    timer_clear(&connection->owner->loop->timers, &connection->timer);
    if (connection->fd >= 0)
        hmap_remove(&connection->owner->by_fd, &connection->node);
    list_remove(&connection->link);
    mem_free(connection);
}

static void time_is_over(struct timer *timer, int64_t now_ms)
{
    struct http_connection *connection = CONTAINER_OF(timer, struct http_connection, timer);
    (void)now_ms;
    if (!is_there(connection)) {
        free_connection(connection);
    } else if (sends(connection)) {
        move(connection, HTTP_ARRIVING);
    } else {
        end(connection);
        move(connection, HTTP_IDLE);
    }
}

/* libevent's callback. */
static void note_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *context)
{
    struct http_connection *connection = context;
    (void)input;
    if (info->n_added > 0 && connection->state == HTTP_IDLE)
        move(connection, HTTP_ARRIVING);
}

/* -- new ones -- */

static struct bufferevent *new_bufferevent(struct event_base *base, SSL *ssl)
{
    /* evhttp closes the socket of one that does not do it by itself. */
    return ssl ? bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                                BEV_OPT_CLOSE_ON_FREE)
               : bufferevent_socket_new(base, -1, 0);
}

/* evhttp gives it a socket later, in the same callback. */
struct bufferevent *http_connections_add(struct http_connections *connections, SSL *ssl)
{
    struct http_connection *connection = MEM_NEW(struct http_connection);
    struct bufferevent *bufferevent = new_bufferevent(connections->loop->base, ssl);
    CHECK(bufferevent);
    bufferevent_incref(bufferevent);
    connection->owner = connections;
    connection->bufferevent = bufferevent;
    connection->fd = -1;
    timer_init(&connection->timer, time_is_over);
    list_init(&connection->link);
    list_push_back(&connections->fresh, &connection->link);
    loop_note_input(connections->loop, &connections->node);
    return bufferevent;
}

/* bufferevent_free() takes the callbacks away. */
static bool let_go(struct bufferevent *bufferevent)
{
    bufferevent_event_cb on_event = NULL;
    bufferevent_getcb(bufferevent, NULL, NULL, &on_event, NULL);
    return !on_event;
}

/* Before its request is begun, or in the turn after it was added. */
static void watch(struct http_connection *connection)
{
    struct http_connections *owner = connection->owner;
    struct bufferevent *bufferevent = connection->bufferevent;
    int fd = bufferevent_getfd(bufferevent);
    struct http_connection *before = find(owner, fd);
    if (before)
        free_connection(before);
    list_remove(&connection->link);
    connection->bufferevent = NULL;
    if (!let_go(bufferevent) && cookie_of(fd, &connection->cookie)) {
        connection->fd = fd;
        hmap_insert(&owner->by_fd, &connection->node, hmap_hash_u64((uint64_t)fd, 0));
        CHECK(evbuffer_add_cb(bufferevent_get_input(bufferevent), note_input, connection));
        move(connection, HTTP_ARRIVING);
    } else {
        free_connection(connection);
    }
    bufferevent_decref(bufferevent);
}

static void watch_fresh(struct http_connections *connections)
{
    LIST_EACH(&connections->fresh, link)
        watch(CONTAINER_OF(link, struct http_connection, link));
}

static bool look_at_fresh(struct loop_node *node)
{
    watch_fresh(CONTAINER_OF(node, struct http_connections, node));
    return false;
}

/* -- all of them -- */

void http_connections_init(struct http_connections *connections, struct loop *loop, struct log *log,
                           int64_t request_ms)
{
    *connections = (struct http_connections){.loop = loop, .log = log, .request_ms = request_ms};
    loop_node_init(&connections->node, look_at_fresh, NULL);
    list_init(&connections->fresh);
}

void http_connections_fini(struct http_connections *connections)
{
    loop_node_fini(&connections->node);
    LIST_EACH(&connections->fresh, link) {
        struct http_connection *connection = CONTAINER_OF(link, struct http_connection, link);
        bufferevent_decref(connection->bufferevent);
        free_connection(connection);
    }
    HMAP_EACH_SAFE(&connections->by_fd, node)
        free_connection(CONTAINER_OF(node, struct http_connection, node));
    hmap_fini(&connections->by_fd);
}

static struct http_connection *find_of(const struct http_connections *connections,
                                       struct evhttp_connection *which)
{
    return find(connections, bufferevent_getfd(evhttp_connection_get_bufferevent(which)));
}

void http_connections_asked(struct http_connections *connections, struct evhttp_connection *which)
{
    watch_fresh(connections);
    struct http_connection *connection = find_of(connections, which);
    if (connection)
        move(connection, HTTP_ANSWERING);
}

void http_connections_answered(struct http_connections *connections,
                               struct evhttp_connection *which)
{
    struct http_connection *connection = find_of(connections, which);
    struct evbuffer *input = bufferevent_get_input(evhttp_connection_get_bufferevent(which));
    if (connection)
        move(connection, evbuffer_get_length(input) > 0 ? HTTP_ARRIVING : HTTP_IDLE);
}
