/* SPDX-License-Identifier: Apache-2.0 */
/* What goes out: methods, contents, and the barriers before bytes that must wait for the disk. The
 * broker's channel operations are here, since all they do is encode.
 *
 * (1) Every byte goes out through begin() and end(), so no barrier is passed by.
 * (2) Small contents are copied into one run with their method; larger bodies are borrowed from the
 *     message.
 */
#include "broker/message.h"
#include "proto/basic.h"
#include "session/amqp.h"

#include "base/mem.h"

#define COPY_MAX 4096u             /* bodies up to here are cheaper to copy than to borrow */
#define CONGESTED_BYTES (1u << 20) /* output waiting: deliveries stop; half of it: they go on */
#define BARRIERS_MAX 64u           /* beyond it the last one takes in what follows */

/* -- barriers -- */

static void add_barrier(struct amqp_connection *amqp, uint64_t seq)
{
    struct amqp_barrier *last =
        amqp->barrier_count ? &amqp->barriers[amqp->barrier_count - 1] : NULL;
    if (last && last->seq >= seq)
        return;
    if (last && (last->offset == amqp->output.added || amqp->barrier_count == BARRIERS_MAX)) {
        last->seq = seq;
        return;
    }
    if (!amqp->barriers)
        amqp->barriers = mem_alloc(BARRIERS_MAX * sizeof(*amqp->barriers));
    amqp->barriers[amqp->barrier_count++] = (struct amqp_barrier){amqp->output.added, seq};
    amqp->output.limit = amqp->barriers[0].offset;
}

void amqp_lift_barriers(struct amqp_connection *amqp)
{
    uint64_t durable = connection_durable(&amqp->base);
    uint32_t lifted = 0;
    while (lifted < amqp->barrier_count && amqp->barriers[lifted].seq <= durable)
        lifted++;
    if (!lifted)
        return;
    amqp->barrier_count -= lifted;
    memmove(amqp->barriers, amqp->barriers + lifted, amqp->barrier_count * sizeof(*amqp->barriers));
    amqp->output.limit = amqp->barrier_count ? amqp->barriers[0].offset : UINT64_MAX;
    if (!amqp->barrier_count) {
        mem_free(amqp->barriers);
        amqp->barriers = NULL;
    }
}

/* Before anything is added: takes over the barrier that the broker asked for. */
static void begin(struct amqp_connection *amqp)
{
    uint64_t seq = amqp->base.barrier;
    if (!seq)
        return;
    amqp->base.barrier = 0;
    if (seq > connection_durable(&amqp->base))
        add_barrier(amqp, seq);
}

static void end(struct amqp_connection *amqp, unsigned frames)
{
    amqp->sent_frames += frames;
    amqp_wake(amqp);
}

/* -- methods -- */

void amqp_send_bytes(struct amqp_connection *amqp, const uint8_t *bytes, size_t len)
{
    begin(amqp);
    outq_add(&amqp->output, bytes, len);
    end(amqp, 1);
}

void amqp_send(struct amqp_connection *amqp, uint16_t channel, const struct method *method)
{
    size_t size = method_frame_size(method);
    begin(amqp);
    method_frame_write(outq_reserve(&amqp->output, size), channel, method);
    outq_commit(&amqp->output, size);
    end(amqp, 1);
}

void amqp_send_close(struct amqp_connection *amqp, const struct reply *reply)
{
    amqp_send(amqp, 0,
              &(struct method){.kind = METHOD_CONNECTION_CLOSE,
                               .connection_close = {.reply_code = (uint16_t)reply->code,
                                                    .reply_text = slice_str(reply->text),
                                                    .class_id = reply->class_id,
                                                    .method_id = reply->method_id}});
}

void amqp_send_channel_close(struct amqp_connection *amqp, uint16_t channel,
                             const struct reply *reply)
{
    amqp_send(amqp, channel,
              &(struct method){.kind = METHOD_CHANNEL_CLOSE,
                               .channel_close = {.reply_code = (uint16_t)reply->code,
                                                 .reply_text = slice_str(reply->text),
                                                 .class_id = reply->class_id,
                                                 .method_id = reply->method_id}});
}

/* -- contents -- */

static void release_message(void *owner)
{
    message_unref(owner);
}

static void add_header(struct amqp_connection *amqp, uint16_t channel, uint64_t body_len,
                       struct slice properties)
{
    size_t size = content_header_size(properties);
    if (size <= OUTQ_RESERVE_MAX) {
        content_header_write(outq_reserve(&amqp->output, size), channel, body_len, properties);
        outq_commit(&amqp->output, size);
        return;
    }
    /* Only with a frame_max beyond the default: the properties in a piece of their own. */
    uint8_t fixed[FRAME_OVERHEAD + 12];
    struct slice none = slice_of(NULL, 0);
    content_header_write(fixed, channel, body_len, none);
    frame_header_write(fixed, FRAME_HEADER, channel, (uint32_t)(12 + properties.len));
    outq_add(&amqp->output, fixed, sizeof(fixed) - 1);
    outq_add(&amqp->output, properties.data, properties.len);
    outq_add(&amqp->output, &fixed[sizeof(fixed) - 1], 1);
}

/* Body frames of a large body: between the borrowed pieces, one frame's end and the next's head. */
static unsigned add_borrowed_body(struct amqp_connection *amqp, uint16_t channel,
                                  struct message *message)
{
    struct slice body = message_body(message);
    size_t most = amqp->frame_max - FRAME_OVERHEAD;
    unsigned frames = 0;
    for (size_t at = 0; at < body.len; frames++) {
        size_t len = body.len - at < most ? body.len - at : most;
        uint8_t *out = outq_reserve(&amqp->output, FRAME_HEADER_SIZE);
        frame_header_write(out, FRAME_BODY, channel, (uint32_t)len);
        outq_commit(&amqp->output, FRAME_HEADER_SIZE);
        outq_add_borrowed(&amqp->output, body.data + at, len, release_message,
                          message_ref(message));
        outq_add(&amqp->output, (const uint8_t[]){FRAME_END}, 1);
        at += len;
    }
    return frames;
}

static unsigned add_body(struct amqp_connection *amqp, uint16_t channel, struct message *message)
{
    struct slice body = message_body(message);
    if (body.len > COPY_MAX)
        return add_borrowed_body(amqp, channel, message);
    size_t size = content_body_size(body.len, amqp->frame_max);
    content_body_write(outq_reserve(&amqp->output, size), channel, body, amqp->frame_max);
    outq_commit(&amqp->output, size);
    return body.len > 0;
}

void amqp_send_content(struct amqp_connection *amqp, uint16_t channel, struct message *message,
                       struct slice properties)
{
    begin(amqp);
    add_header(amqp, channel, message->body_len, properties);
    end(amqp, 1 + add_body(amqp, channel, message));
}

/* A delivery in one run of memory: the usual case. */
static bool add_small_delivery(struct amqp_connection *amqp, uint16_t channel,
                               const struct method_basic_deliver *deliver, struct message *message,
                               struct slice properties)
{
    struct slice body = message_body(message);
    if (body.len > COPY_MAX || properties.len > COPY_MAX)
        return false;
    size_t size = basic_deliver_size(deliver) + content_header_size(properties) +
                  content_body_size(body.len, amqp->frame_max);
    uint8_t *out = outq_reserve(&amqp->output, size);
    out = basic_deliver_write(out, channel, deliver);
    out = content_header_write(out, channel, body.len, properties);
    content_body_write(out, channel, body, amqp->frame_max);
    outq_commit(&amqp->output, size);
    end(amqp, 2 + (body.len > 0));
    return true;
}

/* -- what the broker has for the client -- */

static struct amqp_channel *channel_of(struct channel *base)
{
    return CONTAINER_OF(base, struct amqp_channel, base);
}

static bool is_open(const struct amqp_channel *channel)
{
    return channel->state != AMQP_CHANNEL_CLOSING &&
           amqp_channel_connection(channel)->state == AMQP_RUNNING;
}

static void on_deliver(struct channel *base, struct slice consumer_tag,
                       const struct delivery *delivery)
{
    struct amqp_channel *channel = channel_of(base);
    struct amqp_connection *amqp = amqp_channel_connection(channel);
    if (!is_open(channel))
        return;
    struct method method = {.kind = METHOD_BASIC_DELIVER};
    struct method_basic_deliver *deliver = &method.basic_deliver;
    deliver->consumer_tag = consumer_tag;
    deliver->delivery_tag = delivery->tag;
    deliver->redelivered = delivery->redelivered;
    deliver->exchange = message_exchange(delivery->message);
    deliver->routing_key = message_key(delivery->message);
    begin(amqp);
    if (!add_small_delivery(amqp, base->number, deliver, delivery->message, delivery->properties)) {
        amqp_send(amqp, base->number, &method);
        amqp_send_content(amqp, base->number, delivery->message, delivery->properties);
    }
    if (!amqp->base.congested && outq_len(&amqp->output) > CONGESTED_BYTES)
        connection_set_congested(&amqp->base, true);
}

void amqp_connection_written(struct amqp_connection *amqp)
{
    if (amqp->base.congested && outq_len(&amqp->output) <= CONGESTED_BYTES / 2)
        connection_set_congested(&amqp->base, false);
}

static void on_returned(struct channel *base, struct message *message, uint16_t code,
                        const char *text)
{
    struct amqp_channel *channel = channel_of(base);
    struct amqp_connection *amqp = amqp_channel_connection(channel);
    if (!is_open(channel))
        return;
    amqp_send(amqp, base->number,
              &(struct method){.kind = METHOD_BASIC_RETURN,
                               .basic_return = {.reply_code = code,
                                                .reply_text = slice_str(text),
                                                .exchange = message_exchange(message),
                                                .routing_key = message_key(message)}});
    amqp_send_content(amqp, base->number, message, message_properties(message));
}

static void on_confirmed(struct channel *base, uint64_t tag, bool multiple, bool nack)
{
    struct amqp_channel *channel = channel_of(base);
    struct amqp_connection *amqp = amqp_channel_connection(channel);
    if (!is_open(channel))
        return;
    if (nack) {
        amqp_send(amqp, base->number,
                  &(struct method){.kind = METHOD_BASIC_NACK,
                                   .basic_nack = {.delivery_tag = tag, .multiple = multiple}});
        return;
    }
    begin(amqp);
    basic_ack_write(outq_reserve(&amqp->output, BASIC_ACK_FRAME_SIZE), base->number, tag, multiple);
    outq_commit(&amqp->output, BASIC_ACK_FRAME_SIZE);
    end(amqp, 1);
}

static void on_cancelled(struct channel *base, struct slice consumer_tag)
{
    struct amqp_channel *channel = channel_of(base);
    struct amqp_connection *amqp = amqp_channel_connection(channel);
    if (!is_open(channel) || !amqp->can_cancel_notify)
        return;
    struct method method = {.kind = METHOD_BASIC_CANCEL,
                            .basic_cancel = {.consumer_tag = consumer_tag, .no_wait = true}};
    if (amqp->afterwards)
        method_frame_add(amqp->afterwards, base->number, &method);
    else
        amqp_send(amqp, base->number, &method);
}

static void on_failed(struct channel *base, const struct reply *reply)
{
    struct amqp_channel *channel = channel_of(base);
    if (is_open(channel))
        amqp_channel_fail(channel, reply, true);
}

const struct channel_ops AMQP_CHANNEL_OPS = {
    .deliver = on_deliver,
    .returned = on_returned,
    .confirmed = on_confirmed,
    .cancelled = on_cancelled,
    .failed = on_failed,
};
