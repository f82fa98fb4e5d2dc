/* SPDX-License-Identifier: Apache-2.0 */
/* The hot path's own codec: basic.publish, basic.ack, basic.deliver and content frames, inline and
 * without the loop over descriptors. It agrees with the table's codec to the byte (tested), except
 * that decoding just says no where the table's has a reply to give.
 */
#ifndef PROTO_BASIC_H
#define PROTO_BASIC_H

#include "proto/frame.h"
#include "proto/method.h"
#include "proto/utf8.h"
#include "proto/wire.h"

#define BASIC_CLASS_ID 60
#define BASIC_PUBLISH_ID 0x003C0028u /* class id and method id as they stand in a payload */
#define BASIC_ACK_ID 0x003C0050u

/* Decodes basic.publish from a method frame's payload; false: not one, or not well formed (then
 * method_decode() tells what is wrong). */
static inline bool basic_publish_decode(struct method_basic_publish *publish, struct slice payload)
{
    const uint8_t *at = payload.data;
    const uint8_t *end = at + payload.len;
    if (payload.len < 9 || wire_u32(at) != BASIC_PUBLISH_ID)
        return false;
    publish->reserved_1 = wire_u16(at + 4);
    size_t len = at[6];
    at += 7;
    if ((size_t)(end - at) < len + 2)
        return false;
    publish->exchange = slice_of(at, len);
    at += len;
    len = *at++;
    if ((size_t)(end - at) != len + 1)
        return false;
    publish->routing_key = slice_of(at, len);
    publish->mandatory = at[len] & 1;
    publish->immediate = at[len] >> 1 & 1;
    return utf8_valid(publish->exchange) && utf8_valid(publish->routing_key);
}

/* Likewise for basic.ack. */
static inline bool basic_ack_decode(struct method_basic_ack *ack, struct slice payload)
{
    if (payload.len != 13 || wire_u32(payload.data) != BASIC_ACK_ID)
        return false;
    ack->delivery_tag = wire_u64(payload.data + 4);
    ack->multiple = payload.data[12] & 1;
    return true;
}

/* The method frame of a basic.ack: what a confirm is. */
#define BASIC_ACK_FRAME_SIZE 21

static inline uint8_t *basic_ack_write(uint8_t *out, uint16_t channel, uint64_t tag, bool multiple)
{
    out = frame_header_write(out, FRAME_METHOD, channel, 13);
    out = wire_u32_write(out, BASIC_ACK_ID);
    out = wire_u64_write(out, tag);
    out = wire_u8_write(out, multiple);
    return wire_u8_write(out, FRAME_END);
}

static inline size_t basic_deliver_size(const struct method_basic_deliver *deliver)
{
    return FRAME_OVERHEAD + 4 + 8 + 1 + 3 + deliver->consumer_tag.len + deliver->exchange.len +
           deliver->routing_key.len;
}

/* The method frame of a basic.deliver: basic_deliver_size() bytes. */
static inline uint8_t *basic_deliver_write(uint8_t *out, uint16_t channel,
                                           const struct method_basic_deliver *deliver)
{
    size_t size = basic_deliver_size(deliver) - FRAME_OVERHEAD;
    out = frame_header_write(out, FRAME_METHOD, channel, (uint32_t)size);
    out = wire_u32_write(out, 0x003C003Cu);
    out = wire_shortstr_write(out, deliver->consumer_tag);
    out = wire_u64_write(out, deliver->delivery_tag);
    out = wire_u8_write(out, deliver->redelivered);
    out = wire_shortstr_write(out, deliver->exchange);
    out = wire_shortstr_write(out, deliver->routing_key);
    return wire_u8_write(out, FRAME_END);
}

static inline size_t content_header_size(struct slice properties)
{
    return FRAME_OVERHEAD + 12 + properties.len;
}

/* A content header's frame: content_header_size() bytes. */
static inline uint8_t *content_header_write(uint8_t *out, uint16_t channel, uint64_t body_size,
                                            struct slice properties)
{
    out = frame_header_write(out, FRAME_HEADER, channel, (uint32_t)(12 + properties.len));
    out = wire_u32_write(out, (uint32_t)BASIC_CLASS_ID << 16);
    out = wire_u64_write(out, body_size);
    out = wire_bytes_write(out, properties);
    return wire_u8_write(out, FRAME_END);
}

/* Bytes of all body frames for a body, each of at most frame_max bytes as a whole. */
static inline size_t content_body_size(size_t body, uint32_t frame_max)
{
    size_t piece = frame_max - FRAME_OVERHEAD;
    return body + (body + piece - 1) / piece * FRAME_OVERHEAD;
}

/* All body frames of a body: content_body_size() bytes. */
static inline uint8_t *content_body_write(uint8_t *out, uint16_t channel, struct slice body,
                                          uint32_t frame_max)
{
    size_t most = frame_max - FRAME_OVERHEAD;
    for (size_t at = 0; at < body.len;) {
        size_t len = body.len - at < most ? body.len - at : most;
        out = frame_header_write(out, FRAME_BODY, channel, (uint32_t)len);
        out = wire_bytes_write(out, slice_of(body.data + at, len));
        out = wire_u8_write(out, FRAME_END);
        at += len;
    }
    return out;
}

#endif
