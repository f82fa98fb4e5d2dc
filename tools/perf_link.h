/* SPDX-License-Identifier: Apache-2.0 */
/* One AMQP connection of the generator: connecting, handshake, channels, frames in and out, closing.
 * What it is for (producing, consuming …) is its owner's, who is called back.
 *
 *   CONNECTING ─socket─▶ START ─▶ TUNE ─▶ OPEN ─▶ CHANNELS ─▶ READY ─perf_link_close()─▶ CLOSING ─▶ CLOSED
 *        (start_connection)  (answer_start) (answer_tune) (on_opened) (on_channel_opened)    (on_closed)
 *
 * (1) Frames are read in place from the loop's buffer; only an incomplete one is kept between steps.
 * (2) A body's first PERF_HEAD_SIZE bytes are all that is looked at; the rest is counted.
 * (3) A close from the server that we did not ask for fails the loop, with the server's text.
 * (4) `closed` is the last thing a step does, so that the owner may reopen or free the link in it.
 */
#ifndef TOOLS_PERF_LINK_H
#define TOOLS_PERF_LINK_H

#include "base/buf.h"
#include "base/outq.h"
#include "proto/method.h"
#include "tools/perf_loop.h"
#include "tools/perf_tls.h"
#include "tools/perf_uri.h"

struct addrinfo;

#define PERF_HEAD_SIZE 16
#define PERF_FILL_BELOW ((size_t)64 << 10) /* `fill` is called while less than that is waiting */

/* Where all connections go. */
struct perf_peer {
    struct perf_uri uri;
    struct addrinfo *address;     /* the one that answered; owned, by perf_peer_init() */
    struct addrinfo *addresses;   /* all */
    struct perf_tls_context *tls; /* NULL without TLS */
    uint32_t frame_max;           /* what to ask for */
    bool external;                /* SASL EXTERNAL in place of PLAIN */
};

/* Finds the address that takes connections. On failure false with a sentence in `error`. */
bool perf_peer_init(struct perf_peer *peer, char *error, size_t error_size);
void perf_peer_fini(struct perf_peer *peer);

enum perf_content {
    PERF_CONTENT_NONE,
    PERF_CONTENT_DELIVERY,
    PERF_CONTENT_RETURN,
};

struct perf_channel {
    uint16_t number;
    enum perf_content content; /* what is arriving, or has just arrived */
    bool redelivered;
    bool header_due;   /* the content header is what comes next */
    uint32_t consumer; /* the consumer tag, which we make of digits */
    uint64_t tag;      /* delivery tag */
    uint64_t size;     /* of the body */
    uint64_t left;     /* of the body, to come */
    size_t head_len;
    uint8_t head[PERF_HEAD_SIZE]; /* the body's beginning */
    struct buf properties;        /* flag words and values; only with perf_link.keep_properties */
    void *owner;
};

enum perf_link_state {
    PERF_LINK_CONNECTING,
    PERF_LINK_START,
    PERF_LINK_TUNE,
    PERF_LINK_OPEN,
    PERF_LINK_CHANNELS,
    PERF_LINK_READY,
    PERF_LINK_CLOSING,
    PERF_LINK_CLOSED,
};

struct perf_link;

/* Any may be NULL. */
struct perf_link_ops {
    void (*ready)(struct perf_link *link); /* all channels are open */
    void (*fill)(struct perf_link *link);  /* more may be added to link->out */
    void (*method)(struct perf_link *link, struct perf_channel *channel,
                   const struct method *method); /* what is not handled here */
    void (*message)(struct perf_link *link, struct perf_channel *channel); /* a whole one */
    void (*confirm)(struct perf_channel *channel, uint64_t tag, bool multiple, bool positive);
    void (*closed)(struct perf_link *link); /* after perf_link_close() */
};

struct perf_link {
    struct perf_source source;
    struct perf_loop *loop;
    const struct perf_peer *peer;
    const struct perf_link_ops *ops;
    void *owner;
    struct perf_tls *tls;
    struct outq out;
    struct buf rest;               /* the beginning of a frame that has not arrived whole */
    struct perf_channel *channels; /* numbers 1 … channel_count */
    uint16_t channel_count;
    uint16_t channels_opened;
    uint32_t frame_max; /* negotiated */
    enum perf_link_state state;
    bool keep_properties;
    bool blocked; /* connection.blocked has come */
};

/* Prepares a link with `channel_count` channels; nothing is opened yet. */
void perf_link_init(struct perf_link *link, struct perf_loop *loop, const struct perf_peer *peer,
                    const struct perf_link_ops *ops, void *owner, uint16_t channel_count);
/* Frees what it holds, and the socket without a farewell. */
void perf_link_fini(struct perf_link *link);

/* Starts to connect; a link that is CLOSED may be opened again. */
void perf_link_open(struct perf_link *link);
/* Says connection.close behind what is waiting. */
void perf_link_close(struct perf_link *link);

/* Appends a method's frame. */
void perf_link_send(struct perf_link *link, uint16_t channel, const struct method *method);

/* Gives it a step in the next turn: there is something to send. Harmless when it is closed. */
static inline void perf_link_wake(struct perf_link *link)
{
    if (link->source.fd >= 0)
        perf_loop_wake(link->loop, &link->source);
}

#endif
