/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a conversation: from the first byte to the last, its states, how it fails and ends.
 * The invariants are in amqp.h.
 */
#include "session/amqp_connection.h"

#include "base/mem.h"
#include "broker/access.h"
#include "broker/broker.h"
#include "broker/vhost.h"
#include "session/amqp.h"

#include <inttypes.h>

/* -- states -- */

/* Between two looks at whether it must pause: the store counts its bytes for each answer. */
#define PAUSE_CHECK_BYTES 65536u
/* Output that waits for a client who asks and does not read: it is not listened to before half of it is
 * gone. Some hundred thousand confirms, more than a publisher leaves unread on purpose. */
#define UNREAD_BYTES (16u << 20)

#define BIT(state) (1u << AMQP_##state)
#define ENDS (BIT(DONE) | BIT(ABORTED))

/* Where a conversation may go from each state. */
static const unsigned NEXT[AMQP_STATE_COUNT] = {
    [AMQP_PREFACE] = BIT(STARTING) | ENDS,
    [AMQP_STARTING] = BIT(SECURING) | BIT(TUNING) | BIT(REFUSED) | ENDS,
    [AMQP_SECURING] = BIT(TUNING) | BIT(REFUSED) | ENDS,
    [AMQP_TUNING] = BIT(OPENING) | BIT(CLOSING) | BIT(REFUSED) | ENDS,
    [AMQP_OPENING] = BIT(RUNNING) | BIT(CLOSING) | ENDS,
    [AMQP_RUNNING] = BIT(CLOSING) | ENDS,
    [AMQP_CLOSING] = ENDS,
    [AMQP_REFUSED] = ENDS,
    [AMQP_DONE] = BIT(ABORTED),
    [AMQP_ABORTED] = 0,
};

const char *amqp_state_name(enum amqp_state state)
{
    static const char *const names[AMQP_STATE_COUNT] = {
#define X(name, text) [AMQP_##name] = text,
        AMQP_STATE_TABLE(X)
#undef X
    };
    CHECK(state < AMQP_STATE_COUNT);
    return names[state];
}

void amqp_set_state(struct amqp_connection *amqp, enum amqp_state state)
{
    CHECK(NEXT[amqp->state] & 1u << state);
    log_debug(amqp->base.broker->log, "connection state", "conn=%" PRIu64 " from=%s to=%s",
              amqp->base.id, amqp_state_name(amqp->state), amqp_state_name(state));
    amqp->state = state;
    amqp_deadline_set(amqp);
    amqp_wake(amqp);
}

void amqp_wake(struct amqp_connection *amqp)
{
    if (amqp->woke)
        return;
    amqp->woke = true;
    amqp->owner.wake(amqp->owner.context);
}

/* -- life -- */

static char *copy_text(const char *text)
{
    return text ? slice_dup(slice_str(text)) : NULL;
}

struct amqp_connection *amqp_connection_new(struct broker *broker, const struct amqp_peer *peer,
                                            const struct amqp_owner *owner)
{
    struct amqp_connection *amqp = MEM_NEW(struct amqp_connection);
    connection_init(&amqp->base, &AMQP_CONNECTION_OPS, broker, peer->name);
    amqp->owner = *owner;
    amqp->output = OUTQ_INIT;
    amqp->frame_max = AMQP_HANDSHAKE_FRAME_MAX;
    amqp->loopback = peer->loopback;
    amqp->source = copy_text(peer->source);
    amqp->tls_protocol = copy_text(peer->tls_protocol);
    amqp->tls_cipher = copy_text(peer->tls_cipher);
    amqp->tls_login = copy_text(peer->tls_login);
    amqp_deadline_init(amqp);
    amqp_deadline_set(amqp);
    return amqp;
}

static void log_end(const struct amqp_connection *amqp, const char *reason)
{
    struct log *log = amqp->base.broker->log;
    int64_t lasted_ms = amqp->base.broker->wall_ms - amqp->base.opened_wall_ms;
    char name[256];
    if (amqp->received_bytes == 0 && amqp->state == AMQP_PREFACE) {
        log_debug(log, "connection closed before a byte came", "conn=%" PRIu64, amqp->base.id);
        return;
    }
    bool clean = amqp->state == AMQP_DONE;
    log_line(log, clean ? LOG_INFO : LOG_WARNING, "connection closed",
             "conn=%" PRIu64 " peer=%s state=%s ms=%" PRId64 " reason=\"%s\"", amqp->base.id,
             log_quote(name, sizeof(name), slice_str(amqp->base.name)),
             amqp_state_name(amqp->state), lasted_ms, clean ? "end of the conversation" : reason);
}

void amqp_connection_free(struct amqp_connection *amqp, const char *reason)
{
    log_end(amqp, reason);
    login_cancel(amqp->login);
    amqp_release(amqp);
    HMAP_EACH_SAFE(&amqp->channels, node)
        amqp_channel_free(CONTAINER_OF(node, struct amqp_channel, node));
    hmap_fini(&amqp->channels);
    amqp_deadline_fini(amqp);
    connection_fini(&amqp->base);
    outq_fini(&amqp->output);
    buf_fini(&amqp->client_properties);
    mem_free(amqp->barriers);
    mem_free(amqp->tls_protocol);
    mem_free(amqp->tls_cipher);
    mem_free(amqp->tls_login);
    mem_free(amqp->source);
    mem_free(amqp);
}

void amqp_release(struct amqp_connection *amqp)
{
    HMAP_EACH(&amqp->channels, node)
        amqp_publish_reset(CONTAINER_OF(node, struct amqp_channel, node));
    connection_release(&amqp->base); /* the channels' cores too */
}

struct sasl_login amqp_sasl_login(struct amqp_connection *amqp)
{
    return (struct sasl_login){
        .broker = amqp->base.broker,
        .tls_login = amqp->tls_login,
        .source = amqp->source,
        .loopback = amqp->loopback,
        .done = amqp_login_done,
        .context = amqp,
    };
}

/* -- ending -- */

void amqp_finish(struct amqp_connection *amqp)
{
    amqp_set_state(amqp, AMQP_DONE);
}

static void log_failure(const struct amqp_connection *amqp, const struct reply *reply)
{
    char text[sizeof(reply->text) + 8];
    log_warning(amqp->base.broker->log, "connection error",
                "conn=%" PRIu64 " state=%s code=%d class=%u method=%u text=%s", amqp->base.id,
                amqp_state_name(amqp->state), (int)reply->code, reply->class_id, reply->method_id,
                log_quote(text, sizeof(text), slice_str(reply->text)));
}

/* Before tuning nobody is trusted with an answer; a client that is known gets one. */
static bool is_answered(const struct amqp_connection *amqp, const struct reply *reply)
{
    return amqp->state == AMQP_RUNNING || amqp->state == AMQP_OPENING ||
           (amqp->state == AMQP_TUNING && reply->code == REPLY_NOT_ALLOWED);
}

void amqp_fail(struct amqp_connection *amqp, const struct reply *reply)
{
    log_failure(amqp, reply);
    if (amqp->state >= AMQP_CLOSING)
        return;
    if (!is_answered(amqp, reply)) {
        amqp_set_state(amqp, AMQP_REFUSED);
        return;
    }
    amqp_release(amqp);
    amqp_send_close(amqp, reply);
    amqp_set_state(amqp, AMQP_CLOSING);
}

/* After a broken frame the bytes that follow mean nothing. */
static void fail_deaf(struct amqp_connection *amqp, const struct reply *reply)
{
    amqp->deaf = true;
    if (amqp->state == AMQP_CLOSING)
        amqp_finish(amqp);
    else
        amqp_fail(amqp, reply);
}

/* The broker ends it; its virtual host may be gone afterwards. */
static void close_by_broker(struct amqp_connection *amqp, const struct reply *reply)
{
    if (amqp->state == AMQP_REFUSED)
        amqp_finish(amqp);
    if (amqp->state == AMQP_ABORTED)
        amqp_release(amqp); /* it was going anyway; but its virtual host can't wait for that */
    if (amqp->state >= AMQP_CLOSING)
        return;
    log_failure(amqp, reply);
    amqp_release(amqp);
    if (amqp->state != AMQP_RUNNING) {
        amqp_finish(amqp);
        return;
    }
    amqp_send_close(amqp, reply);
    amqp_set_state(amqp, AMQP_CLOSING);
}

static void on_close(struct connection *base, const struct reply *reply)
{
    close_by_broker(amqp_of(base), reply);
}

void amqp_connection_shutdown(struct amqp_connection *amqp, const char *reason)
{
    struct reply reply;
    reply_set(&reply, REPLY_CONNECTION_FORCED, "%s", reason);
    close_by_broker(amqp, &reply);
}

/* -- what else the broker has to tell -- */

static void on_blocked(struct connection *base, const char *reason)
{
    struct amqp_connection *amqp = amqp_of(base);
    if (amqp->can_blocked && amqp->state == AMQP_RUNNING)
        amqp_send(amqp, 0,
                  &(struct method){.kind = METHOD_CONNECTION_BLOCKED,
                                   .connection_blocked = {.reason = slice_str(reason)}});
    amqp_wake(amqp);
}

static void on_unblocked(struct connection *base)
{
    struct amqp_connection *amqp = amqp_of(base);
    if (amqp->can_blocked && amqp->state == AMQP_RUNNING)
        amqp_send(amqp, 0, &(struct method){.kind = METHOD_CONNECTION_UNBLOCKED});
    amqp_wake(amqp);
}

static void on_durable(struct connection *base)
{
    struct amqp_connection *amqp = amqp_of(base);
    amqp_lift_barriers(amqp);
    amqp_wake(amqp);
}

const struct connection_ops AMQP_CONNECTION_OPS = {
    .close = on_close,
    .blocked = on_blocked,
    .unblocked = on_unblocked,
    .durable = on_durable,
};

/* -- input -- */

/* The protocol header; returns the bytes consumed. Whatever else it is, it is answered with the one
 * header that is spoken here [0-9-1 §4.2.2; RabbitMQ 3.x does so too, 4.x answers with 1.0's]. */
static size_t read_preface(struct amqp_connection *amqp, struct slice input)
{
    const char *what = "it speaks no AMQP";
    switch (protocol_recognise(input)) {
    case PROTOCOL_PARTIAL:
        return 0;
    case PROTOCOL_0_9_1:
        amqp_handshake_begin(amqp);
        return PROTOCOL_HEADER_SIZE;
    case PROTOCOL_OTHER_0_9:
        what = "another revision of AMQP 0-9";
        break;
    case PROTOCOL_1_0:
        what = "AMQP 1.0";
        break;
    case PROTOCOL_HTTP:
        what = "HTTP on the AMQP port";
        break;
    case PROTOCOL_TLS:
        what = "TLS on the port without TLS";
        break;
    case PROTOCOL_UNKNOWN:
        break;
    }
    log_warning(amqp->base.broker->log, "client did not begin with the protocol header",
                "conn=%" PRIu64 " found=\"%s\"", amqp->base.id, what);
    amqp_send_bytes(amqp, PROTOCOL_HEADER_0_9_1, PROTOCOL_HEADER_SIZE);
    amqp_finish(amqp);
    return input.len;
}

static bool control_frame(struct amqp_connection *amqp, const struct frame *frame,
                          struct reply *reply)
{
    struct method method;
    switch (frame->type) {
    case FRAME_HEARTBEAT:
        return frame->payload.len == 0 || frame_unknown(frame, reply);
    case FRAME_METHOD:
        return method_decode(&method, frame->payload, reply) &&
               amqp_connection_method(amqp, &method, reply);
    case FRAME_HEADER:
    case FRAME_BODY:
        return frame_unexpected(frame, reply);
    default:
        return frame_unknown(frame, reply);
    }
}

/* While closing only the end of the conversation is listened to. */
static void closing_frame(struct amqp_connection *amqp, const struct frame *frame)
{
    struct method method;
    struct reply unused;
    if (frame->channel != 0 || frame->type != FRAME_METHOD ||
        !method_decode(&method, frame->payload, &unused))
        return;
    if (method.kind == METHOD_CONNECTION_CLOSE_OK) {
        amqp_finish(amqp);
    } else if (method.kind == METHOD_CONNECTION_CLOSE) {
        amqp_send(amqp, 0, &(struct method){.kind = METHOD_CONNECTION_CLOSE_OK});
        amqp->parted = true;
        amqp_finish(amqp);
    }
}

static void handle_frame(struct amqp_connection *amqp, const struct frame *frame)
{
    struct reply reply;
    bool good;
    if (amqp->state >= AMQP_CLOSING) {
        closing_frame(amqp, frame);
        return;
    }
    if (frame->channel == 0)
        good = control_frame(amqp, frame, &reply);
    else if (amqp->state == AMQP_RUNNING)
        good = amqp_channel_frame(amqp, frame, &reply);
    else
        good = frame_unexpected(frame, &reply);
    if (!good)
        amqp_fail(amqp, &reply);
}

/* One frame (or the protocol header); returns the bytes consumed, 0 when it is not whole yet. */
static size_t read_one(struct amqp_connection *amqp, struct slice input)
{
    struct frame frame;
    struct reply reply;
    if (amqp->state == AMQP_PREFACE)
        return read_preface(amqp, input);
    if (amqp->deaf)
        return input.len;
    switch (frame_parse(input, amqp->frame_max, &frame, &reply)) {
    case FRAME_PARTIAL:
        return 0;
    case FRAME_BROKEN:
        fail_deaf(amqp, &reply);
        return input.len;
    case FRAME_WHOLE:
        break;
    }
    amqp->received_frames++;
    handle_frame(amqp, &frame);
    return frame.size;
}

static bool overflows(struct amqp_connection *amqp)
{
    amqp->unread = outq_len(&amqp->output) > (amqp->unread ? UNREAD_BYTES / 2 : UNREAD_BYTES);
    return amqp->unread;
}

/* A pause is over when alarms are (ops.unblocked) or the store has caught up (ops.durable): both
 * wake the owner, who asks again, as it does whenever it has written. What comes while closing is thrown
 * away, so it can't do harm. */
static bool wants_input(struct amqp_connection *amqp)
{
    if (amqp->state >= AMQP_DONE || amqp->state == AMQP_SECURING)
        return false;
    if (amqp->state != AMQP_RUNNING)
        return true;
    if (overflows(amqp))
        return false;
    if (!amqp->base.publishes || !connection_paused(&amqp->base))
        return true;
    connection_await_store(&amqp->base);
    return false;
}

size_t amqp_connection_feed(struct amqp_connection *amqp, struct slice input)
{
    size_t consumed = 0;
    size_t asked = 0;
    if (!wants_input(amqp))
        return 0;
    amqp->received = amqp->received || input.len > 0;
    while (consumed < input.len && amqp->state < AMQP_DONE && amqp->state != AMQP_SECURING) {
        size_t used = read_one(amqp, slice_of(input.data + consumed, input.len - consumed));
        if (used == 0)
            break;
        consumed += used;
        if (consumed - asked < PAUSE_CHECK_BYTES && outq_len(&amqp->output) <= UNREAD_BYTES)
            continue;
        if (!wants_input(amqp))
            break;
        asked = consumed;
    }
    amqp->received_bytes += consumed;
    return consumed;
}

/* -- the owner's questions -- */

bool amqp_connection_outruns(const struct amqp_connection *amqp)
{
    return amqp->base.outruns;
}

struct outq *amqp_connection_output(struct amqp_connection *amqp)
{
    return &amqp->output;
}

struct amqp_wishes amqp_connection_wishes(struct amqp_connection *amqp)
{
    amqp->woke = false;
    return (struct amqp_wishes){
        .read = wants_input(amqp),
        .close = amqp->state == AMQP_DONE,
        .parted = amqp->parted,
        .abort = amqp->state == AMQP_ABORTED,
    };
}

bool amqp_connection_info(const struct connection *connection, struct amqp_connection_info *info)
{
    if (connection->ops != &AMQP_CONNECTION_OPS)
        return false;
    const struct amqp_connection *amqp =
        CONTAINER_OF(connection, const struct amqp_connection, base);
    bool blocked =
        amqp->state == AMQP_RUNNING && amqp->base.publishes && broker_alarmed(amqp->base.broker);
    *info = (struct amqp_connection_info){
        .state = blocked ? "blocked" : amqp_state_name(amqp->state),
        .auth_mechanism = amqp->mechanism ? amqp->mechanism->name : "",
        .tls_protocol = amqp->tls_protocol,
        .tls_cipher = amqp->tls_cipher,
        .client_properties = buf_slice(&amqp->client_properties),
        .user_provided_name = amqp->user_provided_name,
        .channel_max = amqp->channel_max,
        .frame_max = amqp->frame_max,
        .heartbeat_s = amqp->heartbeat_s,
        .received_bytes = amqp->received_bytes,
        .received_frames = amqp->received_frames,
        .sent_bytes = amqp->output.drained,
        .sent_frames = amqp->sent_frames,
        .send_pending_bytes = outq_len(&amqp->output),
    };
    return true;
}

void amqp_connection_memory(const struct connection *connection, struct amqp_memory *sum)
{
    if (connection->ops != &AMQP_CONNECTION_OPS)
        return;
    const struct amqp_connection *amqp =
        CONTAINER_OF(connection, const struct amqp_connection, base);
    sum->conversations += sizeof(*amqp) + amqp->client_properties.capacity;
    sum->outputs += outq_memory(&amqp->output);
    HMAP_EACH(&amqp->channels, node) {
        const struct amqp_channel *channel = CONTAINER_OF(node, struct amqp_channel, node);
        sum->channels += sizeof(*channel) + channel->names.capacity +
                         channel->base.unacked_capacity * sizeof(struct unacked);
    }
}
