/* SPDX-License-Identifier: Apache-2.0 */
/* evhttp on one side, management_begin() and management_work() on the other.
 *
 *   evhttp's callback ─► noted ─► checking ─► working ◄─► sending ─► waiting ─► answered
 *                          │                   ▲  │                             ▲
 *                          └───────────────────┘  └─────────────────────────────┘
 *
 * (1) The callback notes a request; the turn answers it, a part at a time, those that have begun in
 *     rotation, until HTTP has had its time of the turn.
 * (2) A long answer is sent as it grows, in chunks: the next part is made when the last one has left
 *     for the socket. So a request keeps some parts' text and what its task notes, no more.
 * (3) An answer to what changes something is held until that is on the disk.
 * (4) evhttp takes a request that is not answered off its connection when that breaks, and leaves it
 *     to be freed by the answer: until then it is valid.
 */
#include "server/http_server.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/login.h"
#include "broker/point.h"
#include "management/management.h"
#include "server/endpoint.h"
#include "server/http_connections.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include <stdio.h>
#include <stdlib.h>

#define HEADERS_MAX 65536 /* of a request, in bytes */
#define PAUSE_MS 1000
#define TURN_NS 500000     /* HTTP's share of a turn */
#define WORKING_MAX 16     /* requests that are being answered; the others wait for them to end */
#define SENDING_MAX 128    /* of which the client does not keep up: they don't count there */
#define STREAM_FROM 65536u /* bytes; shorter answers go in one piece, with their length */

struct http_server {
    struct http_server_options options;
    struct loop_node node; /* the turn in which requests are answered */
    struct list noted;     /* struct request: not begun */
    struct list checking;  /* their passwords are being looked at */
    struct list working;   /* begun, in rotation */
    struct list sending;   /* their last chunk has not left yet */
    struct list resting;   /* begun; they go on when the store has something new */
    struct list waiting;   /* for the disk, oldest first */
    unsigned begun;        /* in working, sending or resting */
    unsigned held_up;      /* in sending */
    struct evhttp *plain;
    struct evhttp *secure;
    struct evhttp *metrics; /* serves /metrics to anyone */
    SSL_CTX *tls;
    struct http_connections connections;
};

/* -- a request, read -- */

static const char *method_name(enum evhttp_cmd_type command)
{
    static const struct {
        enum evhttp_cmd_type command;
        const char *name;
    } names[] = {
        {EVHTTP_REQ_GET, "GET"},       {EVHTTP_REQ_POST, "POST"},   {EVHTTP_REQ_PUT, "PUT"},
        {EVHTTP_REQ_DELETE, "DELETE"}, {EVHTTP_REQ_HEAD, "HEAD"},   {EVHTTP_REQ_OPTIONS, "OPTIONS"},
        {EVHTTP_REQ_PATCH, "PATCH"},   {EVHTTP_REQ_TRACE, "TRACE"},
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

static size_t count_headers(struct evhttp_request *from, const char *name)
{
    size_t count = 0;
    for (const struct evkeyval *one = evhttp_request_get_input_headers(from)->tqh_first; one;
         one = one->next.tqe_next)
        count += evutil_ascii_strcasecmp(one->key, name) == 0;
    return count;
}

/* evhttp reads no body after these: it would be taken for the next request. */
static bool body_stays_behind(struct evhttp_request *from)
{
    enum evhttp_cmd_type command = evhttp_request_get_command(from);
    if (command != EVHTTP_REQ_HEAD && command != EVHTTP_REQ_TRACE)
        return false;
    struct slice length = header(from, "Content-Length");
    return header(from, "Transfer-Encoding").len || (length.len && !slice_equal_str(length, "0"));
}

/* What evhttp lets pass, though two readers could understand it in two ways: then one of them may be
 * made to take a part of one request for another one [RFC 9112 section 6.3]. NULL: nothing. */
static const char *ambiguity(struct evhttp_request *from)
{
    struct slice coding = header(from, "Transfer-Encoding");
    if (count_headers(from, "Content-Length") > 1)
        return "there is more than one Content-Length";
    if (coding.len && evutil_ascii_strcasecmp((const char *)coding.data, "chunked") != 0)
        return "the only Transfer-Encoding that is understood is chunked";
    if (body_stays_behind(from))
        return "this method has no body";
    if (count_headers(from, "Authorization") > 1)
        return "there is more than one Authorization";
    if (count_headers(from, "Host") > 1)
        return "there is more than one Host";
    return NULL;
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

struct request {
    struct list link;
    struct http_server *server;
    struct evhttp_request *from;
    struct http_request request;
    struct peer peer;
    struct login *login; /* while it is checked */
    struct http_response response;
    struct call *call; /* NULL until it is begun */
    bool reads;        /* changes nothing */
    bool gone;         /* nobody waits for the answer any more */
    bool streaming;    /* the answer is being sent */
    bool held_up;      /* in sending */
    size_t dropped;    /* bytes that a HEAD does not want */
    struct broker_point *point;
};

static void move(struct request *request, struct list *to)
{
    list_remove(&request->link);
    list_push_back(to, &request->link);
}

static bool wants_no_body(const struct request *request)
{
    return evhttp_request_get_command(request->from) == EVHTTP_REQ_HEAD;
}

/* -- sending -- */

static void add_headers(const struct request *request)
{
    const struct http_response *response = &request->response;
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request->from);
    if (response->content_type)
        evhttp_add_header(headers, "Content-Type", response->content_type);
    for (size_t i = 0; i < response->header_count; i++)
        evhttp_add_header(headers, response->headers[i].name, response->headers[i].value);
}

/* The text so far, which is empty afterwards. */
static struct evbuffer *take_body(struct request *request)
{
    struct buf *body = &request->response.body;
    struct evbuffer *taken = evbuffer_new();
    CHECK(taken);
    evbuffer_add(taken, body->data, body->len);
    buf_clear(body);
    return taken;
}

/* In one piece. evhttp frees the request. */
static void send_whole(struct request *request)
{
    const struct http_response *response = &request->response;
    size_t len = request->dropped + response->body.len;
    char length[24];
    add_headers(request);
    snprintf(length, sizeof(length), "%zu", len);
    if (response->status != 204 && response->status != 304)
        evhttp_add_header(evhttp_request_get_output_headers(request->from), "Content-Length",
                          length);
    if (wants_no_body(request))
        buf_clear(&request->response.body);
    int status = response->status;
    struct evbuffer *body = take_body(request);
    evhttp_send_reply(request->from, status, http_status_text(status), body);
    evbuffer_free(body);
}

static void hold_up(struct request *request, bool on)
{
    struct http_server *server = request->server;
    if (on && !request->held_up)
        server->held_up++;
    if (!on && request->held_up)
        server->held_up--;
    request->held_up = on;
    move(request, on ? &server->sending : &server->working);
}

/* The chunk has left: the next part may be made. */
static void note_sent(struct evhttp_connection *connection, void *context)
{
    struct request *request = context;
    (void)connection;
    hold_up(request, false);
    loop_note_input(request->server->options.loop, &request->server->node);
}

static void send_chunk(struct request *request)
{
    int status = request->response.status;
    if (!request->streaming) {
        add_headers(request);
        evhttp_send_reply_start(request->from, status, http_status_text(status));
        request->streaming = true;
    }
    struct evbuffer *chunk = take_body(request);
    hold_up(request, true);
    evhttp_send_reply_chunk_with_cb(request->from, chunk, note_sent, request);
    evbuffer_free(chunk);
}

static void send_rest(struct request *request)
{
    struct evbuffer *rest = take_body(request);
    evhttp_send_reply_chunk(request->from, rest);
    evbuffer_free(rest);
    evhttp_send_reply_end(request->from);
}

static void free_request(struct request *request)
{
    list_remove(&request->link);
    if (request->call) {
        management_end(request->call);
        http_response_fini(&request->response);
    }
    login_cancel(request->login);
    broker_point_free(request->point);
    mem_free(request);
}

/* Nobody hears of the request again. */
static void let_go(struct request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request->from);
    if (connection)
        evhttp_connection_set_closecb(connection, NULL, NULL);
}

static void send_answer(struct request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request->from);
    let_go(request);
    if (connection)
        http_connections_answered(&request->server->connections, connection);
    if (request->streaming)
        send_rest(request);
    else
        send_whole(request);
    free_request(request);
}

/* -- answers that wait for the disk -- */

/* The store has advanced: what is durable now may be told, and what it was asked may be answered. */
static void send_waiting(void *context)
{
    struct http_server *server = context;
    LIST_EACH(&server->resting, resting) {
        move(CONTAINER_OF(resting, struct request, link), &server->working);
        loop_note_input(server->options.loop, &server->node);
    }
    LIST_EACH(&server->waiting, node) {
        struct request *request = CONTAINER_OF(node, struct request, link);
        if (broker_point_durable(server->options.loop->broker, request->point))
            send_answer(request);
    }
}

/* At once, or when all that it may tell of is on the disk. */
static void send_when_durable(struct request *request)
{
    if (!request->reads && !request->response.reads)
        request->point = broker_point_new(request->server->options.loop->broker);
    if (request->point)
        move(request, &request->server->waiting);
    else
        send_answer(request);
}

/* -- the turn -- */

static void begin(struct request *request, const struct login_result *login)
{
    struct http_server *server = request->server;
    http_response_init(&request->response);
    request->request.login = login;
    request->call =
        management_begin(server->options.management, &request->request, &request->response);
    request->request.login = NULL;
    server->begun++;
    move(request, &server->working);
    loop_note_input(server->options.loop, &server->node);
}

/* In a turn's broker_collect(). */
static void login_done(void *context, const struct login_result *result)
{
    struct request *request = context;
    request->login = NULL;
    begin(request, result);
}

/* Begins it, unless its password takes a while. */
static void take_up(struct request *request)
{
    struct http_server *server = request->server;
    struct login_result result = {0};
    move(request, &server->checking);
    if (request->request.metrics_port)
        begin(request, NULL);
    else if (management_authenticate(server->options.management, &request->request, login_done,
                                     request, &result, &request->login))
        begin(request, &result);
}

/* A part of the answer. */
static void work(struct request *request)
{
    struct http_server *server = request->server;
    struct http_response *response = &request->response;
    bool given_up = request->gone && !management_finishes(request->call);
    if (given_up || management_work(request->call, MANAGEMENT_WORK)) {
        server->begun--;
        send_when_durable(request);
        return;
    }
    move(request, management_waits(request->call) ? &server->resting : &server->working);
    if (!response->begun || response->body.len < STREAM_FROM)
        return;
    if (!wants_no_body(request)) {
        send_chunk(request);
        return;
    }
    request->dropped += response->body.len;
    buf_clear(&response->body);
}

/* One step for who waits longest; false when there is nobody. */
static bool step(struct http_server *server)
{
    struct request *noted = LIST_FIRST(&server->noted, struct request, link);
    bool taken =
        noted && server->begun - server->held_up < WORKING_MAX && server->held_up < SENDING_MAX;
    if (taken)
        take_up(noted);
    struct request *request = LIST_FIRST(&server->working, struct request, link);
    if (request)
        work(request);
    return taken || request;
}

static bool answer_some(struct loop_node *node)
{
    struct http_server *server = CONTAINER_OF(node, struct http_server, node);
    uint64_t end_ns = loop_clock_ns() + TURN_NS;
    while (step(server)) {
        if (loop_clock_ns() >= end_ns)
            return true;
    }
    return false;
}

/* -- evhttp's callbacks -- */

static void note_gone(struct evhttp_connection *connection, void *context)
{
    struct request *request = context;
    (void)connection;
    request->gone = true;
    if (!request->call || request->point)
        return;
    hold_up(request, false);
    loop_note_input(request->server->options.loop, &request->server->node);
}

static void read_request(struct request *request, bool metrics_port)
{
    struct evhttp_request *from = request->from;
    struct evbuffer *body = evhttp_request_get_input_buffer(from);
    size_t body_len = evbuffer_get_length(body);
    request->request = (struct http_request){
        .method = method_name(evhttp_request_get_command(from)),
        .authorization = header(from, "Authorization"),
        .content_type = header(from, "Content-Type"),
        .host = header(from, "Host"),
        .x_vhost = header(from, "X-Vhost"),
        .x_reason = header(from, "X-Reason"),
        .x_requested_with = header(from, "X-Requested-With"),
        .if_none_match = header(from, "If-None-Match"),
        .origin = header(from, "Origin"),
        .cors_headers = header(from, "Access-Control-Request-Headers"),
        .body = slice_of(body_len ? evbuffer_pullup(body, -1) : NULL, body_len),
        .metrics_port = metrics_port,
        .malformed = ambiguity(from),
    };
    set_target(&request->request, evhttp_request_get_uri(from));
    set_peer(&request->request, from, &request->peer);
    enum evhttp_cmd_type command = evhttp_request_get_command(from);
    request->reads = command == EVHTTP_REQ_GET || command == EVHTTP_REQ_HEAD;
}

static void note_request(struct http_server *server, struct evhttp_request *from, bool metrics_port)
{
    struct request *request = MEM_NEW(struct request);
    request->server = server;
    request->from = from;
    read_request(request, metrics_port);
    list_init(&request->link);
    list_push_back(&server->noted, &request->link);
    struct evhttp_connection *connection = evhttp_request_get_connection(from);
    evhttp_connection_set_closecb(connection, note_gone, request);
    http_connections_asked(&server->connections, connection);
    loop_note_input(server->options.loop, &server->node);
}

static void answer(struct evhttp_request *from, void *context)
{
    note_request(context, from, false);
}

static void answer_metrics(struct evhttp_request *from, void *context)
{
    note_request(context, from, true);
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

static struct bufferevent *new_connection(struct event_base *base, void *context)
{
    struct http_server *server = context;
    (void)base;
    return http_connections_add(&server->connections, NULL);
}

static struct bufferevent *new_tls_connection(struct event_base *base, void *context)
{
    struct http_server *server = context;
    SSL *ssl = SSL_new(server->tls);
    (void)base;
    CHECK(ssl);
    return http_connections_add(&server->connections, ssl);
}

static struct evhttp *new_evhttp(struct http_server *server)
{
    struct evhttp *http = evhttp_new(server->options.loop->base);
    const struct timeval idle = {.tv_sec = server->options.idle_ms / 1000,
                                 .tv_usec = server->options.idle_ms % 1000 * 1000};
    CHECK(http);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                         EVHTTP_REQ_DELETE | EVHTTP_REQ_HEAD | EVHTTP_REQ_OPTIONS |
                                         EVHTTP_REQ_PATCH | EVHTTP_REQ_TRACE);
    evhttp_set_max_headers_size(http, HEADERS_MAX);
    evhttp_set_max_body_size(http, (ev_ssize_t)server->options.body_size_max);
    evhttp_set_timeout_tv(http, &idle);
    evhttp_set_default_content_type(http, NULL);
    evhttp_set_gencb(http, answer, server);
    evhttp_set_bevcb(http, new_connection, server);
    return http;
}

struct http_server *http_server_new(const struct http_server_options *options)
{
    struct http_server *server = MEM_NEW(struct http_server);
    server->options = *options;
    loop_node_init(&server->node, answer_some, NULL);
    http_connections_init(&server->connections, options->loop, options->log, options->request_ms);
    list_init(&server->noted);
    list_init(&server->checking);
    list_init(&server->working);
    list_init(&server->sending);
    list_init(&server->resting);
    list_init(&server->waiting);
    options->loop->collected = send_waiting;
    options->loop->collected_context = server;
    return server;
}

/* evhttp_free() frees those requests that still have a connection. */
static void give_up_all(struct list *requests)
{
    LIST_EACH(requests, node) {
        struct request *request = CONTAINER_OF(node, struct request, link);
        let_go(request);
        if (!evhttp_request_get_connection(request->from))
            evhttp_request_free(request->from);
        free_request(request);
    }
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    server->options.loop->collected = NULL;
    give_up_all(&server->noted);
    give_up_all(&server->checking);
    give_up_all(&server->working);
    give_up_all(&server->sending);
    give_up_all(&server->resting);
    give_up_all(&server->waiting);
    loop_node_fini(&server->node);
    if (server->plain)
        evhttp_free(server->plain);
    if (server->secure)
        evhttp_free(server->secure);
    if (server->metrics)
        evhttp_free(server->metrics);
    http_connections_fini(&server->connections);
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

SSL_CTX *http_server_tls(const struct http_server *server)
{
    return server->tls;
}

void http_server_set_tls(struct http_server *server, SSL_CTX *context)
{
    SSL_CTX_free(server->tls);
    server->tls = context;
}
