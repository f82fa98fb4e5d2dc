/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of an AMQP 0-9-1 conversation, shared by the files session/amqp_*.c and by nobody else.
 *
 * (1) A connection's state changes in amqp_set_state() alone, a channel's in
 *     amqp_channel_set_state(); both check the move against a table.
 * (2) base.channels holds the channels that live; `channels` also holds those that are closed here
 *     and wait for the client's channel.close-ok (amqp_channel_lives() tells).
 * (3) Bytes that tell of something the store has yet to make durable lie behind a barrier: they and
 *     all later ones are not shown to the writer before.
 * (4) A channel that the broker fails (ops.failed) is ended by the `deferred` timer in the next turn,
 *     since the broker is in the middle of using it.
 */
#ifndef SESSION_AMQP_H
#define SESSION_AMQP_H

#include "base/buf.h"
#include "base/hmap.h"
#include "base/timer.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "proto/frame.h"
#include "proto/method.h"
#include "session/amqp_connection.h"
#include "session/sasl.h"

#define AMQP_HANDSHAKE_FRAME_MAX 8192 /* before connection.tune: long tokens must fit */
#define AMQP_CLOSING_MS 30000         /* for the client's connection.close-ok */
#define AMQP_PENALTY_MS 3000          /* between a failed handshake and closing the socket */
#define AMQP_FLUSH_MS 10000           /* for the last bytes to be taken by the client */

/*              ┌ preface ─ amqp_handshake_begin() ─▶ starting ─▶ (securing) ─▶ tuning ─▶ opening ─▶ running
 *              │                                       │             │           │          │         │
 *   no AMQP    │                      failed handshake └─────────────┴▶ refused ◀┘          │         │
 *              ▼                                                          │     an error    ▼         ▼
 *            done ◀─────────────────── 3 s are over ──────────────────────┘     amqp_fail() ─▶ closing
 *              ▲                                                                                 │
 *              └────────────────── connection.close-ok, or connection.close and our close-ok ────┘
 *
 * and from everywhere to aborted: timeouts. In securing the password is looked at elsewhere
 * (broker/login.h): nothing is read, and the handshake's time stands still.
 */
#define AMQP_STATE_TABLE(X)                                                                        \
    X(PREFACE, "pre_init")                                                                         \
    X(STARTING, "starting")                                                                        \
    X(SECURING, "securing")                                                                        \
    X(TUNING, "tuning")                                                                            \
    X(OPENING, "opening")                                                                          \
    X(RUNNING, "running")                                                                          \
    X(CLOSING, "closing") /* connection.close is sent, close-ok awaited */                         \
    X(REFUSED, "refused") /* the handshake failed: silent until the penalty is over */             \
    X(DONE, "closed")     /* the socket is to be closed when all is written */                     \
    X(ABORTED, "aborted") /* the socket is to be closed at once */

enum amqp_state {
#define X(name, text) AMQP_##name,
    AMQP_STATE_TABLE(X)
#undef X
        AMQP_STATE_COUNT
};

/* Output at `offset` and beyond waits until the store is durable up to `seq`. */
struct amqp_barrier {
    uint64_t offset;
    uint64_t seq;
};

struct amqp_connection {
    struct connection base;
    struct amqp_owner owner;
    enum amqp_state state;
    bool woke;        /* owner.wake() was called, wishes not asked for since */
    bool deaf;        /* closing after a frame error: nothing more is understood */
    bool parted;      /* the client closed: ending the stream is left to it */
    bool can_blocked; /* the client's capabilities */
    bool can_cancel_notify;
    bool can_failure_close;
    bool loopback;
    uint16_t heartbeat_s;
    uint32_t frame_max;
    uint32_t channel_max;

    struct outq output;
    struct buf *afterwards; /* during queue.delete: basic.cancel frames to follow its answer */
    struct amqp_barrier *barriers; /* in order of offset and seq; NULL: none was ever needed */
    uint32_t barrier_count;

    struct timer deadline; /* of the state; heartbeats while running */
    struct timer deferred;
    uint64_t beat_added;     /* output.added at the last beat */
    bool beat_odd;           /* every other beat looks at the receiving side */
    bool received;           /* bytes came since the last look */
    uint8_t silent_looks;    /* in a row */
    bool unread;             /* too much output waits: the client is not listened to */
    uint64_t looked_drained; /* output.drained at the last look */

    struct hmap channels;      /* struct amqp_channel.node */
    struct amqp_channel *last; /* the one used last */
    uint64_t content_bytes;    /* bodies in the making, as announced */

    const struct sasl_mechanism *mechanism;
    struct login *login; /* SECURING: the password that is being checked */
    char *source;        /* where the client comes from; NULL: unknown */
    char *tls_protocol;
    char *tls_cipher;
    char *tls_login;
    struct buf client_properties;
    struct slice user_provided_name; /* in client_properties */
    uint64_t received_bytes;
    uint64_t received_frames;
    uint64_t sent_frames;
};

/*   method ─ basic.publish ─▶ header ─ content header ─▶ body ─ last byte ─▶ method
 *     │                         │                         │
 *     └─────────────────────────┴── amqp_channel_fail() ──┴──▶ closing ─ channel.close-ok ─▶ (gone)
 */
#define AMQP_CHANNEL_STATE_TABLE(X)                                                                \
    X(METHOD, "awaiting a method")                                                                 \
    X(HEADER, "awaiting a content header")                                                         \
    X(BODY, "awaiting a content body")                                                             \
    X(CLOSING, "awaiting channel.close-ok")

enum amqp_channel_state {
#define X(name, text) AMQP_CHANNEL_##name,
    AMQP_CHANNEL_STATE_TABLE(X)
#undef X
        AMQP_CHANNEL_STATE_COUNT
};

struct amqp_channel {
    struct channel base;
    struct hmap_node node; /* in connection->channels, by number */
    enum amqp_channel_state state;
    bool mandatory; /* of the publish in the making */
    uint8_t exchange_len;
    struct buf names;        /* its exchange and routing key, one after the other */
    struct message *message; /* in state BODY */
    uint64_t body_received;
    char *last_queue; /* declared last; NULL: none was */
};

static inline struct amqp_connection *amqp_of(struct connection *base)
{
    return CONTAINER_OF(base, struct amqp_connection, base);
}

static inline struct amqp_connection *amqp_channel_connection(const struct amqp_channel *channel)
{
    return amqp_of(channel->base.connection);
}

static inline bool amqp_channel_lives(const struct amqp_channel *channel)
{
    return list_linked(&channel->base.connection_link);
}

/* -- amqp_connection.c: life and state -- */

extern const struct connection_ops AMQP_CONNECTION_OPS;

void amqp_set_state(struct amqp_connection *amqp, enum amqp_state state);
const char *amqp_state_name(enum amqp_state state);
/* Tells the owner that there is something to do. */
void amqp_wake(struct amqp_connection *amqp);
/* The client's connection.close-ok, or our own, ends the conversation. */
void amqp_finish(struct amqp_connection *amqp);
/* A peer's error on the connection: connection.close, or, in a handshake, silence and a delay. */
void amqp_fail(struct amqp_connection *amqp, const struct reply *reply);
/* Ends channels and exclusive queues now; harmless twice. */
void amqp_release(struct amqp_connection *amqp);
struct sasl_login amqp_sasl_login(struct amqp_connection *amqp);

/* -- amqp_handshake.c: class connection -- */

/* What SECURING waited for; a login_request's `done`. */
void amqp_login_done(void *context, const struct login_result *result);
/* The protocol header has come. */
void amqp_handshake_begin(struct amqp_connection *amqp);
/* A method on channel 0; false: `reply` is the error. */
bool amqp_connection_method(struct amqp_connection *amqp, const struct method *method,
                            struct reply *reply);

/* -- amqp_deadline.c: timers -- */

void amqp_deadline_init(struct amqp_connection *amqp);
/* The state changed: what its deadline is. */
void amqp_deadline_set(struct amqp_connection *amqp);
/* In the next turn: ends the channels that failed within a callback of the broker. */
void amqp_defer(struct amqp_connection *amqp);
void amqp_deadline_fini(struct amqp_connection *amqp);

/* -- amqp_output.c: encoding, barriers -- */

extern const struct channel_ops AMQP_CHANNEL_OPS;

void amqp_send(struct amqp_connection *amqp, uint16_t channel, const struct method *method);
void amqp_send_bytes(struct amqp_connection *amqp, const uint8_t *bytes, size_t len);
/* The content behind a method that carries one. */
void amqp_send_content(struct amqp_connection *amqp, uint16_t channel, struct message *message,
                       struct slice properties);
/* connection.close or channel.close with this reply. */
void amqp_send_close(struct amqp_connection *amqp, const struct reply *reply);
void amqp_send_channel_close(struct amqp_connection *amqp, uint16_t channel,
                             const struct reply *reply);
/* The store advanced. */
void amqp_lift_barriers(struct amqp_connection *amqp);

/* -- amqp_channel.c: channels -- */

/* A frame on a channel other than 0; false: `reply` is a connection error. */
bool amqp_channel_frame(struct amqp_connection *amqp, const struct frame *frame,
                        struct reply *reply);
void amqp_channel_set_state(struct amqp_channel *channel, enum amqp_channel_state state);
/* channel.close with a soft error; the channel's core ends now or, when `later`, in the next turn. */
void amqp_channel_fail(struct amqp_channel *channel, const struct reply *reply, bool later);
/* Ends the core of a channel that waits for close-ok. */
void amqp_channel_end(struct amqp_channel *channel);
void amqp_channel_free(struct amqp_channel *channel);

/* -- amqp_publish.c: content coming in -- */

bool amqp_publish_begin(struct amqp_channel *channel, const struct method_basic_publish *publish,
                        struct reply *reply);
bool amqp_publish_header(struct amqp_channel *channel, struct slice payload, struct reply *reply);
bool amqp_publish_body(struct amqp_channel *channel, struct slice payload, struct reply *reply);
/* Drops what was in the making. */
void amqp_publish_reset(struct amqp_channel *channel);

/* -- amqp_class_*.c: methods on channels -- */

typedef bool (*amqp_handler)(struct amqp_channel *channel, const struct method *method,
                             struct reply *reply);
/* The handler of a method that a client may send on an open channel, or NULL. */
amqp_handler amqp_handler_of(enum method_kind kind);

#define AMQP_HANDLER_TABLE(X)                                                                      \
    X(CHANNEL_OPEN, channel_open)                                                                  \
    X(CHANNEL_FLOW, channel_flow)                                                                  \
    X(CHANNEL_CLOSE, channel_close)                                                                \
    X(ACCESS_REQUEST, access_request)                                                              \
    X(EXCHANGE_DECLARE, exchange_declare)                                                          \
    X(EXCHANGE_DELETE, exchange_delete)                                                            \
    X(EXCHANGE_BIND, exchange_bind)                                                                \
    X(EXCHANGE_UNBIND, exchange_unbind)                                                            \
    X(QUEUE_DECLARE, queue_declare)                                                                \
    X(QUEUE_BIND, queue_bind)                                                                      \
    X(QUEUE_PURGE, queue_purge)                                                                    \
    X(QUEUE_DELETE, queue_delete)                                                                  \
    X(QUEUE_UNBIND, queue_unbind)                                                                  \
    X(BASIC_QOS, basic_qos)                                                                        \
    X(BASIC_CONSUME, basic_consume)                                                                \
    X(BASIC_CANCEL, basic_cancel)                                                                  \
    X(BASIC_CANCEL_OK, basic_cancel_ok)                                                            \
    X(BASIC_PUBLISH, basic_publish)                                                                \
    X(BASIC_GET, basic_get)                                                                        \
    X(BASIC_ACK, basic_ack)                                                                        \
    X(BASIC_REJECT, basic_reject)                                                                  \
    X(BASIC_RECOVER_ASYNC, basic_recover_async)                                                    \
    X(BASIC_RECOVER, basic_recover)                                                                \
    X(BASIC_NACK, basic_nack)                                                                      \
    X(TX_SELECT, tx_select)                                                                        \
    X(TX_COMMIT, tx_commit)                                                                        \
    X(TX_ROLLBACK, tx_rollback)                                                                    \
    X(CONFIRM_SELECT, confirm_select)

#define X(upper, name)                                                                             \
    bool amqp_on_##name(struct amqp_channel *channel, const struct method *method,                 \
                        struct reply *reply);
AMQP_HANDLER_TABLE(X)
#undef X

/* A name without its carriage returns and line feeds, which RabbitMQ strips where things are
 * declared; `room` holds the copy when one is needed. */
struct slice amqp_strip_name(struct slice name, uint8_t room[UINT8_MAX]);
/* An empty queue name means the queue declared last; 404 when there is none. */
bool amqp_queue_name(const struct amqp_channel *channel, struct slice *name, struct reply *reply);

#endif
