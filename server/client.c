/* SPDX-License-Identifier: Apache-2.0 */
/* Clients: reading, writing, parting. */
#include "server/client.h"

#include "base/buf.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "session/amqp_connection.h"

#include <inttypes.h>
#include <stdio.h>

#include "server/transport.h"

#define READ_QUANTUM ((size_t)128 << 10) /* of a client's turn: a frame of the usual maximum */
#define READ_HELPING ((size_t)16 << 10)  /* of one that publishes faster than consumers take */
#define PASSED_OVER_MAX 16               /* turns in a row that such a one may be left out */
#define WRITE_QUANTUM ((size_t)1 << 20)  /* more waits for the next turn */
#define RUNS_A_WRITE 64
#define LINGER_MS 1000
#define NAME_MAX_BYTES (2 * ENDPOINT_TEXT_MAX + 8)

#define CLIENT_STATE_TABLE(X) X(HANDSHAKE) X(TALK) X(LINGER)

enum client_state {
#define X(name) CLIENT_##name,
    CLIENT_STATE_TABLE(X)
#undef X
};

struct client {
    struct loop_node node;
    struct list link; /* in set->clients */
    struct client_set *set;
    enum client_state state;
    struct transport transport;
    struct event read_event;  /* persistent; added while `reading` */
    struct event write_event; /* once; added while the socket is full */
    struct timer timer;       /* HANDSHAKE and LINGER: the end of patience */
    struct amqp_connection *amqp;
    struct buf pending;     /* the beginning of a frame that is not whole, or not wanted yet */
    unsigned passed_over;   /* turns in a row without input, see is_passed_over() */
    bool reading;           /* the conversation wants input */
    bool input_wants_write; /* TLS can't read on before it has written */
    bool output_wants_read; /* … and the other way round */
    bool loopback;
    char source[ENDPOINT_TEXT_MAX]; /* what its failed logins are counted by */
    const char *ended;         /* the peer's stream is at its end: why; static or transport's */
    char name[NAME_MAX_BYTES]; /* "127.0.0.1:51234 -> 127.0.0.1:5672" */
};

static bool client_input(struct loop_node *node);
static void client_output(struct loop_node *node);

/* -- events: only noted -- */

static void note_readable(evutil_socket_t fd, short what, void *context)
{
    struct client *client = context;
    (void)fd;
    (void)what;
    loop_note_input(client->set->loop, &client->node);
    if (client->output_wants_read)
        loop_note_output(client->set->loop, &client->node);
}

static void note_writable(evutil_socket_t fd, short what, void *context)
{
    struct client *client = context;
    (void)fd;
    (void)what;
    loop_note_output(client->set->loop, &client->node);
    if (client->input_wants_write)
        loop_note_input(client->set->loop, &client->node);
}

static void note_wake(void *context)
{
    struct client *client = context;
    loop_note_output(client->set->loop, &client->node);
}

static void await_writable(struct client *client)
{
    CHECK(event_add(&client->write_event, NULL) == 0);
}

static void set_reading(struct client *client, bool reading)
{
    if (client->reading == reading)
        return;
    client->reading = reading;
    if (!reading) {
        event_del(&client->read_event);
        return;
    }
    CHECK(event_add(&client->read_event, NULL) == 0);
    /* What was left unread may hold whole frames, in our buffer or in OpenSSL's. */
    if (client->pending.len > 0 || transport_has_pending(&client->transport))
        loop_note_input(client->set->loop, &client->node);
}

/* -- life -- */

static void client_free(struct client *client, const char *reason)
{
    CHECK(client);
    struct client_set *set = client->set;
    if (client->amqp)
        amqp_connection_free(client->amqp, reason);
    event_del(&client->read_event);
    event_del(&client->write_event);
    timer_clear(&set->loop->timers, &client->timer);
    loop_node_fini(&client->node);
    list_remove(&client->link);
    buf_fini(&client->pending);
    transport_fini(&client->transport);
    mem_free(client);
    set->count--;
    set->loop->more = true; /* the broker has something to settle */
    if (set->count == 0 && set->emptied)
        set->emptied(set->emptied_context);
}

static void lose_patience(struct timer *timer, int64_t now_ms)
{
    struct client *client = CONTAINER_OF(timer, struct client, timer);
    (void)now_ms;
    if (client->state == CLIENT_HANDSHAKE)
        log_warning(client->set->log, "TLS handshake timed out", "connection=\"%s\"", client->name);
    client_free(client, "timeout");
}

/* The conversation begins. */
static void talk(struct client *client)
{
    SSL *ssl = client->transport.ssl;
    char *login = ssl ? tls_login(ssl, &client->set->login) : NULL;
    struct amqp_peer peer = {
        .name = client->name,
        .source = client->source,
        .loopback = client->loopback,
        .tls_protocol = ssl ? SSL_get_version(ssl) : NULL,
        .tls_cipher = ssl ? SSL_get_cipher_name(ssl) : NULL,
        .tls_login = login,
    };
    struct amqp_owner owner = {.wake = note_wake, .context = client};
    client->amqp = amqp_connection_new(client->set->broker, &peer, &owner);
    client->state = CLIENT_TALK;
    loop_note_output(client->set->loop, &client->node);
    mem_free(login);
}

static void print_name(struct client *client, const struct sockaddr *peer)
{
    struct sockaddr_storage own = {0};
    socklen_t len = sizeof(own);
    char from[ENDPOINT_TEXT_MAX], to[ENDPOINT_TEXT_MAX];
    (void)getsockname(client->transport.fd, (struct sockaddr *)&own, &len);
    endpoint_print(peer, from);
    endpoint_print((struct sockaddr *)&own, to);
    endpoint_print_source(peer, client->source);
    snprintf(client->name, sizeof(client->name), "%s -> %s", from, to);
}

void client_accept(void *context, struct listener *listener, int fd, const struct sockaddr *peer)
{
    struct client_set *set = context;
    struct client *client = MEM_NEW(struct client);
    client->set = set;
    client->loopback = endpoint_is_loopback(peer);
    client->reading = true;
    transport_init(&client->transport, fd, listener->tls ? set->tls : NULL);
    print_name(client, peer);
    loop_node_init(&client->node, client_input, client_output);
    timer_init(&client->timer, lose_patience);
    list_push_back(&set->clients, &client->link);
    set->count++;
    CHECK(event_assign(&client->read_event, set->loop->base, fd, EV_READ | EV_PERSIST,
                       note_readable, client) == 0);
    CHECK(event_assign(&client->write_event, set->loop->base, fd, EV_WRITE, note_writable,
                       client) == 0);
    CHECK(event_add(&client->read_event, NULL) == 0);
    if (!listener->tls) {
        talk(client);
        return;
    }
    client->state = CLIENT_HANDSHAKE;
    timer_set(&set->loop->timers, &client->timer,
              set->loop->now_ms + set->tls_handshake_timeout_ms);
}

/* -- TLS handshake -- */

static void fail_handshake(struct client *client, struct transport_result result)
{
    const char *reason = result.status == TRANSPORT_CLOSED ? "the client closed the socket"
                                                           : transport_reason(&client->transport);
    log_warning(client->set->log, "TLS handshake failed", "connection=\"%s\" reason=\"%s\"",
                client->name, reason);
    client_free(client, reason);
}

static bool handshake_input(struct client *client)
{
    struct transport_result result = transport_handshake(&client->transport);
    client->input_wants_write = result.status == TRANSPORT_WANT_WRITE;
    switch (result.status) {
    case TRANSPORT_OK:
        timer_clear(&client->set->loop->timers, &client->timer);
        talk(client);
        return true; /* bytes may have come with the handshake's last */
    case TRANSPORT_WANT_READ:
        return false;
    case TRANSPORT_WANT_WRITE:
        await_writable(client);
        return false;
    case TRANSPORT_CLOSED:
    case TRANSPORT_FAILED:
        fail_handshake(client, result);
        return false;
    }
    UNREACHABLE();
}

/* -- input of the conversation -- */

/* Keeps what was not consumed; the bytes are in `pending` already or in the shared buffer. */
static void keep_rest(struct client *client, struct slice input, size_t consumed)
{
    struct buf *pending = &client->pending;
    if (input.data == pending->data) {
        buf_drain(pending, consumed);
    } else {
        buf_clear(pending);
        buf_add(pending, input.data + consumed, input.len - consumed);
    }
    if (pending->len == 0)
        buf_fini(pending);
}

static void feed(struct client *client, struct slice input)
{
    size_t consumed = amqp_connection_feed(client->amqp, input);
    CHECK(consumed <= input.len);
    if (consumed > 0 || input.data != client->pending.data)
        keep_rest(client, input, consumed);
    /* A pause may be over by the end of the turn: what is left is looked at again only if we stopped. */
    if (client->pending.len > 0 && !amqp_connection_wishes(client->amqp).read)
        set_reading(client, false);
}

/* Reads a quantum behind what is pending. A short beginning is copied to the shared buffer, so
 * that a busy client needs none of its own; the beginning of a large frame stays where it is. */
static struct transport_result receive(struct client *client, struct slice *input)
{
    struct loop *loop = client->set->loop;
    struct buf *pending = &client->pending;
    struct transport_result result;
    size_t quantum = amqp_connection_outruns(client->amqp) ? READ_HELPING : READ_QUANTUM;
    if (pending->len + READ_QUANTUM <= loop->read_buffer_size) {
        if (pending->len > 0)
            memcpy(loop->read_buffer, pending->data, pending->len);
        result = transport_read(&client->transport, loop->read_buffer + pending->len, quantum);
        *input = slice_of(loop->read_buffer, pending->len + result.count);
    } else {
        uint8_t *room = buf_reserve(pending, READ_QUANTUM);
        result = transport_read(&client->transport, room, quantum);
        pending->len += result.count;
        *input = buf_slice(pending);
    }
    return result;
}

/* The peer's stream has ended. What we still have to say is tried once, in the turn's output. */
static void note_end(struct client *client, const char *reason)
{
    client->ended = reason;
    set_reading(client, false);
    loop_note_output(client->set->loop, &client->node);
}

/* What is queued is dealt before more is taken from one who publishes faster than consumers take: short
 * queues stay in the processor's cache, and out of the disk. But never for long: the consumers that
 * are busy may be others'. */
static bool is_passed_over(struct client *client)
{
    if (client->set->loop->dealing && amqp_connection_outruns(client->amqp) &&
        client->passed_over < PASSED_OVER_MAX) {
        client->passed_over++;
        return true;
    }
    client->passed_over = 0;
    return false;
}

static bool talk_input(struct client *client)
{
    struct slice input;
    if (!client->reading)
        return false;
    if (is_passed_over(client))
        return true;
    struct transport_result result = receive(client, &input);
    client->input_wants_write = result.status == TRANSPORT_WANT_WRITE;
    switch (result.status) {
    case TRANSPORT_OK:
        feed(client, input);
        return transport_has_pending(&client->transport);
    case TRANSPORT_WANT_WRITE:
        await_writable(client);
        return false;
    case TRANSPORT_WANT_READ:
        if (client->pending.len > 0) /* left from before a pause */
            feed(client, buf_slice(&client->pending));
        return false;
    case TRANSPORT_CLOSED:
        if (client->pending.len > 0)
            feed(client, buf_slice(&client->pending));
        note_end(client, "the client closed the socket");
        return false;
    case TRANSPORT_FAILED:
        note_end(client, transport_reason(&client->transport));
        return false;
    }
    UNREACHABLE();
}

/* -- output of the conversation -- */

/* Writes what the socket takes, a quantum at most; the status of the last write, and how much. */
static struct transport_result send_output(struct client *client, struct outq *output)
{
    struct slice runs[RUNS_A_WRITE];
    struct transport_result result = {TRANSPORT_OK, 0};
    size_t total = 0;
    size_t count;
    while (total < WRITE_QUANTUM && (count = outq_peek(output, runs, RUNS_A_WRITE)) > 0) {
        result = transport_write(&client->transport, runs, count);
        if (result.status != TRANSPORT_OK)
            break;
        outq_drain(output, result.count);
        total += result.count;
    }
    result.count = total;
    return result;
}

/* All is said: frees the conversation and waits for the peer to end its half; first, if it asked. */
static void part(struct client *client, bool peer_first)
{
    struct loop *loop = client->set->loop;
    amqp_connection_free(client->amqp, NULL);
    client->amqp = NULL;
    loop->more = true;
    buf_fini(&client->pending);
    if (!peer_first)
        transport_shutdown(&client->transport);
    client->state = CLIENT_LINGER;
    event_del(&client->write_event);
    client->input_wants_write = false;
    set_reading(client, true);
    timer_set(&loop->timers, &client->timer, loop->now_ms + LINGER_MS);
}

/* Goes on after a write as its result asks for; false when the client is gone. */
static bool after_write(struct client *client, struct transport_result result)
{
    struct loop *loop = client->set->loop;
    client->output_wants_read = result.status == TRANSPORT_WANT_READ;
    if (result.count > 0)
        amqp_connection_written(client->amqp);
    switch (result.status) {
    case TRANSPORT_OK:
        if (outq_ready(amqp_connection_output(client->amqp)) > 0)
            loop_note_output(loop, &client->node);
        return true;
    case TRANSPORT_WANT_WRITE:
        await_writable(client);
        return true;
    case TRANSPORT_WANT_READ:
        return true;
    case TRANSPORT_CLOSED:
        client_free(client, "the client closed the socket");
        return false;
    case TRANSPORT_FAILED:
        client_free(client, transport_reason(&client->transport));
        return false;
    }
    UNREACHABLE();
}

static void talk_output(struct client *client)
{
    struct loop *loop = client->set->loop;
    struct amqp_wishes wishes = amqp_connection_wishes(client->amqp);
    struct outq *output = amqp_connection_output(client->amqp);
    if (wishes.abort) {
        client_free(client, NULL);
        return;
    }
    if (!after_write(client, send_output(client, output)))
        return;
    if (client->ended) {
        client_free(client, client->ended);
        return;
    }
    if (wishes.close && outq_len(output) == 0) {
        part(client, wishes.parted);
        return;
    }
    wishes = amqp_connection_wishes(client->amqp); /* as of now, with less to write */
    set_reading(client, wishes.read);
    if (!list_empty(&client->set->broker->runnable))
        loop->more = true;
}

/* -- the end -- */

static bool linger_input(struct client *client)
{
    struct loop *loop = client->set->loop;
    struct transport_result result;
    result = transport_read(&client->transport, loop->read_buffer, loop->read_buffer_size);
    if (result.status == TRANSPORT_CLOSED)
        transport_shutdown(&client->transport);
    if (result.status == TRANSPORT_CLOSED || result.status == TRANSPORT_FAILED)
        client_free(client, NULL);
    return false;
}

/* -- by state -- */

static bool client_input(struct loop_node *node)
{
    struct client *client = CONTAINER_OF(node, struct client, node);
    switch (client->state) {
    case CLIENT_HANDSHAKE:
        return handshake_input(client);
    case CLIENT_TALK:
        return talk_input(client);
    case CLIENT_LINGER:
        return linger_input(client);
    }
    UNREACHABLE();
}

static void client_output(struct loop_node *node)
{
    struct client *client = CONTAINER_OF(node, struct client, node);
    if (client->state == CLIENT_TALK)
        talk_output(client);
}

void client_set_init(struct client_set *set, struct loop *loop, struct broker *broker,
                     struct log *log)
{
    *set = (struct client_set){.loop = loop, .broker = broker, .log = log};
    list_init(&set->clients);
}

void client_set_when_empty(struct client_set *set, void (*emptied)(void *context), void *context)
{
    LIST_EACH(&set->clients, link) {
        struct client *client = CONTAINER_OF(link, struct client, link);
        if (client->state == CLIENT_HANDSHAKE)
            client_free(client, "the broker stops");
    }
    set->emptied = emptied;
    set->emptied_context = context;
    if (set->count == 0)
        emptied(context);
}

void client_set_fini(struct client_set *set)
{
    set->emptied = NULL;
    struct client *client;
    while ((client = LIST_FIRST(&set->clients, struct client, link)) != NULL)
        client_free(client, "the broker stopped");
    SSL_CTX_free(set->tls);
    set->tls = NULL;
}

uint64_t client_memory(void)
{
    return sizeof(struct client);
}
