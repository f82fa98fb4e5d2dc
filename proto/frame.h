/* SPDX-License-Identifier: Apache-2.0 */
/* Frames [0-9-1 §4.2.3]: type, channel, size, payload, end marker; and the protocol header.
 */
#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H

#include "base/slice.h"
#include "proto/reply.h"
#include "proto/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define FRAME_END 0xCE
#define FRAME_HEADER_SIZE 7 /* type, channel, size */
#define FRAME_OVERHEAD 8    /* header and end marker: what RabbitMQ lets a frame be too large by */
#define FRAME_SIZE_MIN 4096 /* the least frame_max that may be negotiated [0-9-1 §1.2] */
#define PROTOCOL_HEADER_SIZE 8

enum frame_type {
    FRAME_METHOD = 1,
    FRAME_HEADER = 2,
    FRAME_BODY = 3,
    FRAME_HEARTBEAT = 8,
};

struct frame {
    uint8_t type; /* enum frame_type, or another number */
    uint16_t channel;
    struct slice payload; /* borrowed */
    size_t size;          /* of the whole frame */
};

enum frame_status {
    FRAME_PARTIAL, /* more bytes are needed */
    FRAME_WHOLE,   /* `frame` is filled in */
    FRAME_BROKEN,  /* `error` is filled in: 501 */
};

/* Looks at the first frame in `input`. `frame_max` is the negotiated limit on a whole frame; a
 * payload of more than frame_max bytes is refused as soon as its header is there (so a frame
 * may be larger by FRAME_OVERHEAD, as in RabbitMQ). 0 means no limit and is not allowed here. */
enum frame_status frame_parse(struct slice input, uint32_t frame_max, struct frame *frame,
                              struct reply *error);

/* The 501 for a frame whose type is none of enum frame_type; returns false. */
bool frame_unknown(const struct frame *frame, struct reply *error);

/* The 505 for a frame of a known type where it may not be; returns false. */
bool frame_unexpected(const struct frame *frame, struct reply *error);

/* Writes the seven bytes before a payload of `size` bytes; returns the end. */
static inline uint8_t *frame_header_write(uint8_t *out, enum frame_type type, uint16_t channel,
                                          uint32_t size)
{
    out = wire_u8_write(out, (uint8_t)type);
    out = wire_u16_write(out, channel);
    return wire_u32_write(out, size);
}

/* The eight bytes of a heartbeat frame. */
extern const uint8_t FRAME_HEARTBEAT_BYTES[FRAME_OVERHEAD];

/* What the first eight bytes of a connection ask for. */
enum protocol_choice {
    PROTOCOL_PARTIAL, /* could still become a protocol header: more bytes are needed */
    PROTOCOL_0_9_1,
    PROTOCOL_OTHER_0_9, /* another revision of 0-9: answered with ours */
    PROTOCOL_1_0,       /* AMQP 1.0, with or without SASL */
    PROTOCOL_HTTP,
    PROTOCOL_TLS,
    PROTOCOL_UNKNOWN,
};

enum protocol_choice protocol_recognise(struct slice input);

/* "AMQP" 0 0 9 1 */
extern const uint8_t PROTOCOL_HEADER_0_9_1[PROTOCOL_HEADER_SIZE];

#endif
