/* SPDX-License-Identifier: Apache-2.0 */
/* evhttp on one side, struct http_request and http_response on the other.
 *
 * style: requests are answered inside evhttp's callback, not in the turn after it, because evhttp
 * frees a request whenever its connection goes. The turn that follows settles what they changed.
 */
#include "server/http_server.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/login.h"
#include "broker/point.h"
#include "management/management.h"
#include "server/endpoint.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include <stdio.h>
#include <stdlib.h>

#define HEADERS_MAX 65536 /* of a request, in bytes */
#define IDLE_TIMEOUT_S 60
#define PAUSE_MS 1000

struct http_server {
    struct http_server_options options;
    struct evhttp *plain;
    struct evhttp *secure;
    struct evhttp *metrics; /* serves /metrics to anyone */
    SSL_CTX *tls;
    struct list waiting;  /* struct waiting, oldest first */
    struct list checking; /* struct checking */
};

/* -- requests -- */

static const char *method_name(enum evhttp_cmd_type command)
{
    static const struct {
        enum evhttp_cmd_type command;
        const char *name;
    } names[] = {
        {EVHTTP_REQ_GET, "GET"},       {EVHTTP_REQ_POST, "POST"}, {EVHTTP_REQ_PUT, "PUT"},
        {EVHTTP_REQ_DELETE, "DELETE"}, {EVHTTP_REQ_HEAD, "HEAD"}, {EVHTTP_REQ_OPTIONS, "OPTIONS"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].command == command)
            return names[i].name;
    }
    return "UNKNOWN";
}

static struct slice header(struct evhttp_request *from, const char *name)
{
    return slice_str(evhttp_find_header(evhttp_request_get_input_headers(from), name));
}

/* Path and query of the request line's target: "/api/queues?page=1", or the absolute form. */
static void set_target(struct http_request *request, const char *target)
{
    const char *start = target;
    const char *scheme = strstr(target, "://");
    if (target[0] != '/' && scheme) {
        start = strchr(scheme + 3, '/');
        start = start ? start : "/";
    }
    size_t path = strcspn(start, "?#");
    request->path = slice_of(start, path);
    if (start[path] == '?')
        request->query = slice_of(start + path + 1, strcspn(start + path + 1, "#"));
}

struct peer {
    char address[ENDPOINT_TEXT_MAX];
    char source[ENDPOINT_TEXT_MAX];
};

static void set_peer(struct http_request *request, struct evhttp_request *from, struct peer *text)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(from);
    const struct sockaddr *peer = connection ? evhttp_connection_get_addr(connection) : NULL;
    *text = (struct peer){"unknown", "unknown"};
    request->peer_address = text->address;
    request->source = text->source;
    if (!peer)
        return;
    endpoint_print_host(peer, text->address);
    endpoint_print_source(peer, text->source);
    request->loopback = endpoint_is_loopback(peer);
}

static void send_response(struct evhttp_request *to, const struct http_response *response)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(to);
    struct evbuffer *body = evbuffer_new();
    char length[24];
    CHECK(body);
    if (response->content_type)
        evhttp_add_header(headers, "Content-Type", response->content_type);
    for (size_t i = 0; i < response->header_count; i++)
        evhttp_add_header(headers, response->headers[i].name, response->headers[i].value);
    snprintf(length, sizeof(length), "%zu", response->body.len);
    if (response->status != 204 && response->status != 304)
        evhttp_add_header(headers, "Content-Length", length);
    if (evhttp_request_get_command(to) != EVHTTP_REQ_HEAD)
        evbuffer_add(body, response->body.data, response->body.len);
    evhttp_send_reply(to, response->status, http_status_text(response->status), body);
    evbuffer_free(body);
}

/* -- answers that wait for the disk -- */

/* evhttp gives up a request that is not answered yet when its connection breaks, and frees it in
 * evhttp_send_reply(): so it may be kept here. */
struct waiting {
    struct list link; /* in server->waiting */
    struct evhttp_request *request;
    struct http_response response;
    struct broker_point *point;
};

static void free_waiting(struct waiting *waiting)
{
    list_remove(&waiting->link);
    http_response_fini(&waiting->response);
    broker_point_free(waiting->point);
    mem_free(waiting);
}

/* The store has advanced: what is durable now may be told. */
static void send_waiting(void *context)
{
    struct http_server *server = context;
    LIST_EACH(&server->waiting, node) {
        struct waiting *waiting = CONTAINER_OF(node, struct waiting, link);
        if (!broker_point_durable(server->options.loop->broker, waiting->point))
            continue;
        send_response(waiting->request, &waiting->response);
        free_waiting(waiting);
    }
}

/* Sends the response, which is taken over: at once, or when all it may tell of is on the disk. */
static void send_when_durable(struct http_server *server, struct evhttp_request *to,
                              struct http_response *response, bool reads)
{
    struct broker *broker = server->options.loop->broker;
    struct broker_point *point = reads ? NULL : broker_point_new(broker);
    if (!point) {
        send_response(to, response);
        http_response_fini(response);
        return;
    }
    struct waiting *waiting = MEM_NEW(struct waiting);
    waiting->request = to;
    waiting->response = *response;
    waiting->point = point;
    list_push_back(&server->waiting, &waiting->link);
    server->options.loop->more = true; /* the turn that hands the batch to the store */
}

static void read_request(struct http_request *request, struct evhttp_request *from,
                         struct peer *peer)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(from);
    size_t body_len = evbuffer_get_length(body);
    *request = (struct http_request){
        .method = method_name(evhttp_request_get_command(from)),
        .authorization = header(from, "Authorization"),
        .content_type = header(from, "Content-Type"),
        .host = header(from, "Host"),
        .x_vhost = header(from, "X-Vhost"),
        .x_reason = header(from, "X-Reason"),
        .body = slice_of(body_len ? evbuffer_pullup(body, -1) : NULL, body_len),
    };
    set_target(request, evhttp_request_get_uri(from));
    set_peer(request, from, peer);
}

static void answer_request(struct http_server *server, struct evhttp_request *from,
                           const struct http_request *request)
{
    struct http_response response;
    http_response_init(&response);
    management_handle(server->options.management, request, &response);
    enum evhttp_cmd_type command = evhttp_request_get_command(from);
    bool reads = command == EVHTTP_REQ_GET || command == EVHTTP_REQ_HEAD;
    send_when_durable(server, from, &response, reads);
}

/* -- requests whose password is looked at -- */

/* As with `waiting`, evhttp keeps the request until it is answered. */
struct checking {
    struct list link; /* in server->checking */
    struct http_server *server;
    struct evhttp_request *request;
    struct login *login;
};

static void login_done(void *context, const struct login_result *result)
{
    struct checking *checking = context;
    struct http_request request;
    struct peer peer;
    read_request(&request, checking->request, &peer);
    request.login = result;
    answer_request(checking->server, checking->request, &request);
    list_remove(&checking->link);
    mem_free(checking);
}

static void free_checking(struct checking *checking)
{
    login_cancel(checking->login);
    list_remove(&checking->link);
    mem_free(checking);
}

static void answer_on(struct http_server *server, struct evhttp_request *from, bool metrics_port)
{
    struct checking *checking = MEM_NEW(struct checking);
    struct login_result result = {0};
    struct http_request request;
    struct peer peer;
    read_request(&request, from, &peer);
    request.metrics_port = metrics_port;
    loop_set_time(server->options.loop);
    *checking = (struct checking){.server = server, .request = from};
    list_push_back(&server->checking, &checking->link);
    if (!metrics_port && !management_authenticate(server->options.management, &request, login_done,
                                                  checking, &result, &checking->login))
        return;
    free_checking(checking);
    request.login = metrics_port ? NULL : &result;
    answer_request(server, from, &request);
}

static void answer(struct evhttp_request *from, void *context)
{
    answer_on(context, from, false);
}

static void answer_metrics(struct evhttp_request *from, void *context)
{
    answer_on(context, from, true);
}

/* -- sockets -- */

/* Without descriptors accept() fails at once, again and again: wait a little. */
static void resume(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    evconnlistener_enable(context);
}

static void pause_accepting(struct evconnlistener *listener, void *context)
{
    struct timeval pause = {.tv_sec = PAUSE_MS / 1000};
    (void)context;
    evconnlistener_disable(listener);
    if (event_base_once(evconnlistener_get_base(listener), -1, EV_TIMEOUT, resume, listener,
                        &pause) < 0)
        evconnlistener_enable(listener);
}

static struct bufferevent *new_tls_connection(struct event_base *base, void *context)
{
    const struct http_server *server = context;
    SSL *ssl = SSL_new(server->tls);
    CHECK(ssl);
    return bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE);
}

static struct evhttp *new_evhttp(struct http_server *server)
{
    struct evhttp *http = evhttp_new(server->options.loop->base);
    CHECK(http);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                         EVHTTP_REQ_DELETE | EVHTTP_REQ_HEAD | EVHTTP_REQ_OPTIONS);
    evhttp_set_max_headers_size(http, HEADERS_MAX);
    evhttp_set_max_body_size(http, (ev_ssize_t)server->options.body_size_max);
    evhttp_set_timeout(http, IDLE_TIMEOUT_S);
    evhttp_set_default_content_type(http, NULL);
    evhttp_set_gencb(http, answer, server);
    return http;
}

struct http_server *http_server_new(const struct http_server_options *options)
{
    struct http_server *server = MEM_NEW(struct http_server);
    server->options = *options;
    list_init(&server->waiting);
    list_init(&server->checking);
    options->loop->collected = send_waiting;
    options->loop->collected_context = server;
    return server;
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    server->options.loop->collected = NULL;
    while (!list_empty(&server->waiting))
        free_waiting(CONTAINER_OF(server->waiting.next, struct waiting, link));
    while (!list_empty(&server->checking))
        free_checking(CONTAINER_OF(server->checking.next, struct checking, link));
    if (server->plain)
        evhttp_free(server->plain);
    if (server->secure)
        evhttp_free(server->secure);
    if (server->metrics)
        evhttp_free(server->metrics);
    SSL_CTX_free(server->tls);
    mem_free(server);
}

static void accept_from(struct evhttp *http, int fd)
{
    struct evhttp_bound_socket *bound = evhttp_accept_socket_with_handle(http, fd);
    CHECK(bound);
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), pause_accepting);
}

void http_server_listen_metrics(struct http_server *server, int fd)
{
    if (!server->metrics)
        server->metrics = new_evhttp(server);
    evhttp_set_gencb(server->metrics, answer_metrics, server);
    accept_from(server->metrics, fd);
}

void http_server_listen(struct http_server *server, int fd, bool tls)
{
    struct evhttp **http = tls ? &server->secure : &server->plain;
    CHECK(!tls || server->tls);
    if (!*http)
        *http = new_evhttp(server);
    if (tls)
        evhttp_set_bevcb(*http, new_tls_connection, server);
    accept_from(*http, fd);
}

void http_server_set_tls(struct http_server *server, SSL_CTX *context)
{
    SSL_CTX_free(server->tls);
    server->tls = context;
}
