/* SPDX-License-Identifier: Apache-2.0 */
/* Taking frames apart, and telling protocols by their first bytes. */
#include "proto/frame.h"

#include "base/check.h"

#include <stdio.h>

#define SHOWN_MAX 16 /* payload bytes that an error text shows */

const uint8_t FRAME_HEARTBEAT_BYTES[FRAME_OVERHEAD] = {FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0,
                                                       FRAME_END};
const uint8_t PROTOCOL_HEADER_0_9_1[PROTOCOL_HEADER_SIZE] = {'A', 'M', 'Q', 'P', 0, 0, 9, 1};

static bool is_printable(struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.data[i] < 0x20 || bytes.data[i] > 0x7E || bytes.data[i] == '"' ||
            bytes.data[i] == '\\')
            return false;
    return bytes.len > 0;
}

/* "all octets = <<1,2>>" or "first 16 octets = <<…>>", in the manner of Erlang. */
static const char *print_payload(char *out, size_t size, struct slice payload)
{
    bool all = payload.len <= SHOWN_MAX;
    struct slice shown = slice_of(payload.data, all ? payload.len : SHOWN_MAX);
    size_t used = (size_t)snprintf(out, size, "%s octets = <<", all ? "all" : "first 16");
    if (is_printable(shown)) {
        snprintf(out + used, size - used, "\"%.*s\">>", SLICE_FMT(shown));
        return out;
    }
    for (size_t i = 0; i < shown.len; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%u", i ? "," : "", shown.data[i]);
    snprintf(out + used, size - used, ">>");
    return out;
}

bool frame_unknown(const struct frame *frame, struct reply *error)
{
    char octets[128];
    return reply_set(error, REPLY_FRAME_ERROR, "type %u, %s: unknown_frame", frame->type,
                     print_payload(octets, sizeof(octets), frame->payload));
}

bool frame_unexpected(const struct frame *frame, struct reply *error)
{
    char octets[128];
    return reply_set(error, REPLY_UNEXPECTED_FRAME, "type %u, %s", frame->type,
                     print_payload(octets, sizeof(octets), frame->payload));
}

enum frame_status frame_parse(struct slice input, uint32_t frame_max, struct frame *frame,
                              struct reply *error)
{
    CHECK(frame_max > 0);
    if (input.len < FRAME_HEADER_SIZE)
        return FRAME_PARTIAL;
    frame->type = input.data[0];
    frame->channel = wire_u16(input.data + 1);
    uint32_t size = wire_u32(input.data + 3);
    if (size > frame_max) {
        reply_set(error, REPLY_FRAME_ERROR, "type %u, all octets = <<>>: {frame_too_large,%u,%u}",
                  frame->type, size, frame_max - FRAME_OVERHEAD);
        return FRAME_BROKEN;
    }
    frame->size = (size_t)size + FRAME_OVERHEAD;
    if (input.len < frame->size)
        return FRAME_PARTIAL;
    frame->payload = slice_of(input.data + FRAME_HEADER_SIZE, size);
    uint8_t end = input.data[frame->size - 1];
    if (end != FRAME_END) {
        char octets[128];
        reply_set(error, REPLY_FRAME_ERROR, "type %u, %s: {invalid_frame_end_marker,%u}",
                  frame->type, print_payload(octets, sizeof(octets), frame->payload), end);
        return FRAME_BROKEN;
    }
    return FRAME_WHOLE;
}

struct preface {
    struct slice bytes;
    enum protocol_choice choice;
};

#define PREFACE(bytes)                                                                             \
    {                                                                                              \
        (const uint8_t *)(bytes), sizeof(bytes) - 1                                                \
    }

/* The first row that fits decides. 1.1.0.9 is what some clients of 0-9 send. */
static const struct preface PREFACES[] = {
    {PREFACE("AMQP\0\0\x09\x01"), PROTOCOL_0_9_1},
    {PREFACE("AMQP\x01\x01\0\x09"), PROTOCOL_0_9_1},
    {PREFACE("AMQP\x03\x01\0\0"), PROTOCOL_1_0},
    {PREFACE("AMQP\0\x01\0\0"), PROTOCOL_1_0},
    {PREFACE("GET "), PROTOCOL_HTTP},
    {PREFACE("POST "), PROTOCOL_HTTP},
    {PREFACE("PUT "), PROTOCOL_HTTP},
    {PREFACE("HEAD "), PROTOCOL_HTTP},
    {PREFACE("DELETE "), PROTOCOL_HTTP},
    {PREFACE("OPTIONS "), PROTOCOL_HTTP},
    {PREFACE("\x16\x03"), PROTOCOL_TLS},
};

static bool could_become(struct slice input, struct slice preface)
{
    return input.len < preface.len && memcmp(input.data, preface.data, input.len) == 0;
}

enum protocol_choice protocol_recognise(struct slice input)
{
    if (input.len == 0)
        return PROTOCOL_PARTIAL;
    bool partial = false;
    for (size_t i = 0; i < ARRAY_LEN(PREFACES); i++) {
        struct slice preface = PREFACES[i].bytes;
        if (input.len >= preface.len && memcmp(input.data, preface.data, preface.len) == 0)
            return PREFACES[i].choice;
        partial = partial || could_become(input, preface);
    }
    if (input.len >= 4 && memcmp(input.data, "AMQP", 4) == 0 && input.len < PROTOCOL_HEADER_SIZE)
        return PROTOCOL_PARTIAL;
    if (partial)
        return PROTOCOL_PARTIAL;
    return slice_starts_with(input, "AMQP") && input.data[4] == 0 && input.data[5] == 0 &&
                   input.data[6] == 9
               ? PROTOCOL_OTHER_0_9
               : PROTOCOL_UNKNOWN;
}
