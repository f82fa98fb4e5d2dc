/* SPDX-License-Identifier: Apache-2.0 */
/* One AMQP 0-9-1 conversation, from the protocol header to the last byte: bytes in, broker calls,
 * bytes out. No socket, no clock: whoever owns the socket feeds what it read, writes what is in the
 * output queue and does what amqp_connection_wishes() says. All deadlines (handshake, heartbeat,
 * closing, the delay after a bad login) are timers of the broker and run in broker_run_timers().
 *
 * Per turn, for a socket that can be read:        amqp_connection_feed()
 *   after broker_settle(), for each one that woke: amqp_connection_wishes(), write, outq_drain()
 *   after anything was written:                    amqp_connection_written()
 *
 * Thread: the virtual host's, as all of the broker. None of these functions may be called from
 * within amqp_owner.wake().
 */
#ifndef SESSION_AMQP_CONNECTION_H
#define SESSION_AMQP_CONNECTION_H

#include "base/outq.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct amqp_connection;
struct broker;
struct connection;

/* Who is at the other end. Everything is copied. */
struct amqp_peer {
    const char *name;   /* "127.0.0.1:51234 -> 127.0.0.1:5672" */
    const char *source; /* what failed logins are counted by: its address; NULL: they aren't */
    bool loopback;      /* it comes from this machine */
    const char *tls_protocol; /* "TLSv1.3"; NULL without TLS */
    const char *tls_cipher;   /* NULL without TLS */
    const char *tls_login;    /* the user that the verified client certificate names: SASL EXTERNAL
                                 is offered; NULL: it is not */
};

/* Who owns the socket. */
struct amqp_owner {
    /* There is something to write, or the wishes changed: called once, then not again before
     * amqp_connection_wishes() was called. It may only note the fact. */
    void (*wake)(void *context);
    void *context;
};

/* Starts the conversation and its handshake timeout. Never fails. */
struct amqp_connection *amqp_connection_new(struct broker *broker, const struct amqp_peer *peer,
                                            const struct amqp_owner *owner);

/* Frees it, in whatever state: channels, unacknowledged messages and exclusive queues go. `reason`
 * is for the log when the conversation had not come to its end ("the client closed the socket"). */
void amqp_connection_free(struct amqp_connection *amqp, const char *reason);

/* Consumes whole frames from the front of `input` and returns how many bytes it consumed; the rest
 * is to be handed in again, with what follows it. It stops early when it does not wish to read on.
 * Feed every byte that arrives once at least, even of a frame that is not whole: it is a sign of life. */
size_t amqp_connection_feed(struct amqp_connection *amqp, struct slice input);

/* It publishes faster than consumers take it: to be read from in small helpings for now. */
bool amqp_connection_outruns(const struct amqp_connection *amqp);

/* What to write. The connection keeps it; the owner peeks and drains. */
struct outq *amqp_connection_output(struct amqp_connection *amqp);

struct amqp_wishes {
    bool read;  /* false: leave the socket unread (alarm, store backlog, end of the conversation) */
    bool close; /* write what is there, then close the socket */
    bool abort; /* close the socket at once */
    /* With `close`: the client asked for it, so it is to end the stream first. Threads of it that
     * close at the same time expect no end before the answer. */
    bool parted;
};
struct amqp_wishes amqp_connection_wishes(struct amqp_connection *amqp);

/* Bytes were drained from the output: deliveries may go on. */
void amqp_connection_written(struct amqp_connection *amqp);

/* Closes with 320 CONNECTION_FORCED and this reason; a handshake in progress is just ended.
 * broker_close_connections() does it to all. */
void amqp_connection_shutdown(struct amqp_connection *amqp, const char *reason);

/* -- for the management port -- */

struct amqp_connection_info {
    const char *state;          /* "starting" … "running", "blocked", "closing" */
    const char *auth_mechanism; /* "" until it is known */
    const char *tls_protocol;   /* NULL without TLS */
    const char *tls_cipher;
    struct slice client_properties; /* encoded table */
    struct slice user_provided_name;
    uint32_t channel_max;
    uint32_t frame_max;
    uint16_t heartbeat_s;
    uint64_t received_bytes;
    uint64_t received_frames;
    uint64_t sent_bytes;
    uint64_t sent_frames;
    uint64_t send_pending_bytes;
};

/* Numbers of one of the broker's connections; false when it is not an AMQP 0-9-1 conversation. The
 * slices and texts are valid until the connection is fed again. */
bool amqp_connection_info(const struct connection *connection, struct amqp_connection_info *info);

/* Memory of conversations, in bytes. */
struct amqp_memory {
    uint64_t conversations;
    uint64_t outputs; /* without what is borrowed from messages */
    uint64_t channels;
};

/* Adds that of one of the broker's connections, if it is an AMQP 0-9-1 conversation. */
void amqp_connection_memory(const struct connection *connection, struct amqp_memory *sum);

#endif
