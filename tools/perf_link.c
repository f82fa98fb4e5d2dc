/* SPDX-License-Identifier: Apache-2.0 */
/* A connection's socket and frames; what the methods of its handshake say is in perf_handshake.c. */
#include "tools/perf_link.h"

#include "base/mem.h"
#include "proto/basic.h"
#include "proto/frame.h"
#include "tools/perf_handshake.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define RUNS_MAX 64
/* What the kernel may hold of a connection's output: with more, a slow broker's backlog would stand
 * in the socket, counted as published. */
#define SEND_BUFFER (256 << 10)
#define FILLS_MAX 4 /* rounds of fill and write in one step: then it is the others' turn */
#define BASIC_DELIVER_ID 0x003C003Cu

/* ---- the peer ---- */

static int try_connect(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int failure = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    close(fd);
    return failure;
}

bool perf_peer_init(struct perf_peer *peer, char *error, size_t error_size)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int failure = getaddrinfo(peer->uri.host, peer->uri.port, &hints, &peer->addresses);
    if (failure) {
        snprintf(error, error_size, "%s: %s", peer->uri.host, gai_strerror(failure));
        return false;
    }
    for (struct addrinfo *each = peer->addresses; each; each = each->ai_next) {
        failure = try_connect(each);
        peer->address = each;
        if (failure == 0)
            return true;
    }
    snprintf(error, error_size, "no connection to %s port %s: %s", peer->uri.host, peer->uri.port,
             strerror(failure));
    return false;
}

void perf_peer_fini(struct perf_peer *peer)
{
    if (peer->addresses)
        freeaddrinfo(peer->addresses);
    perf_tls_context_free(peer->tls);
}

/* ---- life ---- */

static void fail(struct perf_link *link, const char *what)
{
    perf_loop_fail(link->loop, "connection to %s:%s: %s", link->peer->uri.host,
                   link->peer->uri.port, what);
}

static void step(struct perf_source *source);

void perf_link_init(struct perf_link *link, struct perf_loop *loop, const struct perf_peer *peer,
                    const struct perf_link_ops *ops, void *owner, uint16_t channel_count)
{
    *link = (struct perf_link){.loop = loop,
                               .peer = peer,
                               .ops = ops,
                               .owner = owner,
                               .out = OUTQ_INIT,
                               .state = PERF_LINK_CLOSED};
    link->source = (struct perf_source){.fd = -1, .step = step};
    list_init(&link->source.active);
    link->channels = mem_zalloc(sizeof(*link->channels) * (channel_count + 1u));
    link->channel_count = channel_count;
    for (uint16_t i = 0; i < channel_count; i++)
        link->channels[i].number = (uint16_t)(i + 1);
}

static void drop_socket(struct perf_link *link)
{
    perf_tls_free(link->tls);
    link->tls = NULL;
    if (link->source.fd >= 0) {
        perf_loop_remove(link->loop, &link->source);
        close(link->source.fd);
    }
    link->source.fd = -1;
}

void perf_link_fini(struct perf_link *link)
{
    drop_socket(link);
    outq_fini(&link->out);
    buf_fini(&link->rest);
    for (uint16_t i = 0; i < link->channel_count; i++)
        buf_fini(&link->channels[i].properties);
    mem_free(link->channels);
}

void perf_link_open(struct perf_link *link)
{
    const struct addrinfo *address = link->peer->address;
    int one = 1;
    int send_buffer = SEND_BUFFER;
    CHECK(link->state == PERF_LINK_CLOSED);
    link->state = PERF_LINK_CONNECTING;
    link->channels_opened = 0;
    link->frame_max = PERF_READ_SIZE / 2;
    link->blocked = false;
    buf_clear(&link->rest);
    outq_fini(&link->out);
    link->out = OUTQ_INIT;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        fail(link, strerror(errno));
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
    link->source.fd = fd;
    link->source.readable = link->source.writable = link->source.hung_up = false;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS)
        fail(link, strerror(errno));
    perf_loop_add(link->loop, &link->source);
}

void perf_link_close(struct perf_link *link)
{
    if (link->state == PERF_LINK_CLOSING || link->state == PERF_LINK_CLOSED)
        return;
    struct method close_method = {
        .kind = METHOD_CONNECTION_CLOSE,
        .connection_close = {.reply_code = REPLY_SUCCESS, .reply_text = slice_str("done")}};
    perf_link_send(link, 0, &close_method);
    link->state = PERF_LINK_CLOSING;
    perf_link_wake(link);
}

void perf_link_send(struct perf_link *link, uint16_t channel, const struct method *method)
{
    size_t size = method_frame_size(method);
    uint8_t *out = outq_reserve(&link->out, size);
    method_frame_write(out, channel, method);
    outq_commit(&link->out, size);
}

/* ---- frames in ---- */

static struct perf_channel *find_channel(struct perf_link *link, uint16_t number)
{
    return number >= 1 && number <= link->channel_count ? &link->channels[number - 1] : NULL;
}

/* Our consumer tags are numbers. */
static uint32_t tag_number(const uint8_t *digits, size_t len)
{
    uint32_t number = 0;
    for (size_t i = 0; i < len; i++)
        number = number * 10 + (uint32_t)(digits[i] - '0');
    return number;
}

static bool take_deliver(struct perf_channel *channel, struct slice payload)
{
    size_t len = payload.len > 4 ? payload.data[4] : 255;
    if (payload.len < 4 + 1 + len + 8 + 1)
        return false;
    const uint8_t *at = payload.data + 5;
    channel->consumer = tag_number(at, len);
    channel->tag = wire_u64(at + len);
    channel->redelivered = at[len + 8] & 1;
    channel->content = PERF_CONTENT_DELIVERY;
    channel->header_due = true;
    return true;
}

static void end_content(struct perf_link *link, struct perf_channel *channel)
{
    if (link->ops->message)
        link->ops->message(link, channel);
    channel->content = PERF_CONTENT_NONE;
}

static void take_other_method(struct perf_link *link, struct perf_channel *channel, uint16_t number,
                              struct slice payload)
{
    struct method method;
    struct reply error;
    if (!method_decode(&method, payload, &error)) {
        fail(link, error.text);
        return;
    }
    if (perf_handshake_method(link, number, &method))
        return;
    if (method.kind == METHOD_BASIC_RETURN && channel) {
        channel->content = PERF_CONTENT_RETURN;
        channel->header_due = true;
    } else if (method.kind == METHOD_BASIC_NACK && channel && link->ops->confirm) {
        link->ops->confirm(channel, method.basic_nack.delivery_tag, method.basic_nack.multiple,
                           false);
    } else if (link->ops->method && channel) {
        link->ops->method(link, channel, &method);
    }
}

static void take_method(struct perf_link *link, uint16_t number, struct slice payload)
{
    struct perf_channel *channel = find_channel(link, number);
    struct method_basic_ack ack;
    if (channel && payload.len >= 4 && wire_u32(payload.data) == BASIC_DELIVER_ID) {
        if (!take_deliver(channel, payload))
            fail(link, "a malformed basic.deliver");
    } else if (channel && basic_ack_decode(&ack, payload)) {
        if (link->ops->confirm)
            link->ops->confirm(channel, ack.delivery_tag, ack.multiple, true);
    } else {
        take_other_method(link, channel, number, payload);
    }
}

static void take_header(struct perf_link *link, struct perf_channel *channel, struct slice payload)
{
    if (!channel || !channel->header_due || payload.len < 14) {
        fail(link, "a content header where none belongs");
        return;
    }
    channel->header_due = false;
    channel->size = channel->left = wire_u64(payload.data + 4);
    channel->head_len = 0;
    if (link->keep_properties) {
        buf_clear(&channel->properties);
        buf_add(&channel->properties, payload.data + 12, payload.len - 12);
    }
    if (channel->left == 0)
        end_content(link, channel);
}

static void take_body(struct perf_link *link, struct perf_channel *channel, struct slice payload)
{
    if (!channel || channel->header_due || channel->left < payload.len) {
        fail(link, "a body frame where none belongs");
        return;
    }
    if (channel->head_len < PERF_HEAD_SIZE) {
        size_t room = PERF_HEAD_SIZE - channel->head_len;
        size_t len = payload.len < room ? payload.len : room;
        memcpy(channel->head + channel->head_len, payload.data, len);
        channel->head_len += len;
    }
    channel->left -= payload.len;
    if (channel->left == 0)
        end_content(link, channel);
}

static void take_frame(struct perf_link *link, uint8_t type, uint16_t number, struct slice payload)
{
    if (type == FRAME_METHOD)
        take_method(link, number, payload);
    else if (type == FRAME_HEADER)
        take_header(link, find_channel(link, number), payload);
    else if (type == FRAME_BODY)
        take_body(link, find_channel(link, number), payload);
    else if (type != FRAME_HEARTBEAT)
        fail(link, "a frame of an unknown type");
}

/* Takes whole frames from the front; returns the bytes taken. */
static size_t take_frames(struct perf_link *link, const uint8_t *data, size_t len)
{
    size_t at = 0;
    while (len - at >= FRAME_HEADER_SIZE && !link->loop->failed) {
        size_t size = wire_u32(data + at + 3);
        if (memcmp(data + at, "AMQP", 4) == 0) {
            fail(link, "the server speaks another version of AMQP");
            break;
        }
        if (size + FRAME_OVERHEAD > PERF_READ_SIZE) {
            fail(link, "a frame that is too large");
            break;
        }
        if (len - at < size + FRAME_OVERHEAD)
            break;
        if (data[at + FRAME_HEADER_SIZE + size] != FRAME_END) {
            fail(link, "a frame without its end");
            break;
        }
        take_frame(link, data[at], wire_u16(data + at + 1),
                   slice_of(data + at + FRAME_HEADER_SIZE, size));
        at += size + FRAME_OVERHEAD;
    }
    return at;
}

/* ---- the socket ---- */

static ssize_t read_some(struct perf_link *link, uint8_t *out, size_t room)
{
    size_t used = 0;
    if (!link->tls)
        return read(link->source.fd, out, room);
    while (used < room) { /* a record at a time */
        ssize_t got = perf_tls_read(link->tls, out + used, room - used);
        if (got <= 0 && used == 0)
            return got;
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    return (ssize_t)used;
}

static void lost(struct perf_link *link, ssize_t got)
{
    if (link->state == PERF_LINK_CLOSING)
        link->state = PERF_LINK_CLOSED;
    else if (got == 0)
        fail(link, "the server closed it without a word");
    else
        fail(link, errno == EPROTO ? perf_tls_error(link->tls) : strerror(errno));
}

static void step_read(struct perf_link *link)
{
    uint8_t *input = link->loop->input;
    size_t kept = link->rest.len;
    if (kept)
        memcpy(input, link->rest.data, kept);
    ssize_t got = read_some(link, input + kept, PERF_READ_SIZE - kept);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        link->source.readable = errno == EINTR;
        return;
    }
    if (got <= 0) {
        lost(link, got);
        return;
    }
    if (!link->tls && !link->source.hung_up && (size_t)got < PERF_READ_SIZE - kept)
        link->source.readable = false;
    size_t len = kept + (size_t)got;
    size_t taken = take_frames(link, input, len);
    buf_clear(&link->rest);
    if (taken < len)
        buf_add(&link->rest, input + taken, len - taken);
}

static ssize_t write_runs(struct perf_link *link, const struct slice *runs, size_t count)
{
    struct iovec vector[RUNS_MAX];
    if (link->tls)
        return perf_tls_write(link->tls, runs[0].data, runs[0].len);
    for (size_t i = 0; i < count; i++)
        vector[i] =
            (struct iovec){.iov_base = (void *)(uintptr_t)runs[i].data, .iov_len = runs[i].len};
    return writev(link->source.fd, vector, (int)count);
}

/* Writes until the queue is empty or the socket full. */
static void flush(struct perf_link *link)
{
    struct slice runs[RUNS_MAX];
    while (link->source.writable && outq_len(&link->out) > 0) {
        size_t count = outq_peek(&link->out, runs, RUNS_MAX);
        ssize_t written = write_runs(link, runs, count);
        if (written > 0) {
            outq_drain(&link->out, (uint64_t)written);
        } else if (errno == EAGAIN || errno == EINTR) {
            link->source.writable = errno == EINTR;
        } else {
            link->source.writable = false;
            link->source.readable = true; /* what the server said before it left comes first */
            return;
        }
    }
}

static void step_write(struct perf_link *link)
{
    bool may_fill = link->state == PERF_LINK_READY && link->ops->fill;
    flush(link);
    for (int i = 0; may_fill && i < FILLS_MAX && link->source.writable; i++) {
        link->ops->fill(link);
        if (outq_len(&link->out) == 0)
            return;
        flush(link);
    }
    if (may_fill && link->source.writable)
        perf_link_wake(link); /* it may have more */
}

static void start_connection(struct perf_link *link)
{
    int failure = 0;
    socklen_t size = sizeof(failure);
    getsockopt(link->source.fd, SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure) {
        fail(link, strerror(failure));
        return;
    }
    if (link->peer->tls)
        link->tls = perf_tls_new(link->peer->tls, link->source.fd, link->peer->uri.host);
    outq_add(&link->out, PROTOCOL_HEADER_0_9_1, PROTOCOL_HEADER_SIZE);
    link->state = PERF_LINK_START;
}

static void step(struct perf_source *source)
{
    struct perf_link *link = CONTAINER_OF(source, struct perf_link, source);
    if (link->state == PERF_LINK_CONNECTING && source->writable)
        start_connection(link);
    if (source->readable && link->state != PERF_LINK_CONNECTING)
        step_read(link);
    if (link->state != PERF_LINK_CLOSED && !link->loop->failed)
        step_write(link);
    if (link->state == PERF_LINK_CLOSED) {
        drop_socket(link);
        if (link->ops->closed)
            link->ops->closed(link);
    } else if (source->readable) {
        perf_link_wake(link);
    }
}
