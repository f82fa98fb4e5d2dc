/* SPDX-License-Identifier: Apache-2.0 */
/* Frames whole, cut and broken; protocol headers; body frames. */
#include "proto/frame.h"

#include "base/check.h"
#include "proto/basic.h"
#include "tests/support/suite.h"

static enum frame_status parse(const char *bytes, size_t len, uint32_t max, struct frame *frame,
                               struct reply *error)
{
    return frame_parse(slice_of(bytes, len), max, frame, error);
}

START_TEST(a_frame_is_whole_with_its_last_byte)
{
    static const char bytes[] = "\3\1\2\0\0\0\4body\xCE+next";
    struct frame frame;
    struct reply error;
    for (size_t len = 0; len < 12; len++)
        ck_assert_int_eq(parse(bytes, len, 4096, &frame, &error), FRAME_PARTIAL);
    for (size_t len = 12; len < sizeof(bytes); len++) {
        ck_assert_int_eq(parse(bytes, len, 4096, &frame, &error), FRAME_WHOLE);
        ck_assert_uint_eq(frame.type, FRAME_BODY);
        ck_assert_uint_eq(frame.channel, 0x0102);
        ck_assert_uint_eq(frame.size, 12);
        ck_assert(slice_equal_str(frame.payload, "body"));
    }
}
END_TEST

START_TEST(a_wrong_end_marker_is_refused)
{
    struct frame frame;
    struct reply error;
    ck_assert_int_eq(parse("\1\0\0\0\0\0\2\1\2x", 10, 4096, &frame, &error), FRAME_BROKEN);
    ck_assert_int_eq(error.code, REPLY_FRAME_ERROR);
    ck_assert_str_eq(error.text,
                     "FRAME_ERROR - type 1, all octets = <<1,2>>: {invalid_frame_end_marker,120}");
    ck_assert_int_eq(parse("\3\0\0\0\0\0\x12"
                           "abcdefghijklmnopqrx",
                           26, 4096, &frame, &error),
                     FRAME_BROKEN);
    ck_assert_str_eq(error.text, "FRAME_ERROR - type 3, first 16 octets = "
                                 "<<\"abcdefghijklmnop\">>: {invalid_frame_end_marker,120}");
}
END_TEST

START_TEST(size_is_judged_before_the_payload_comes)
{
    struct frame frame;
    struct reply error;
    ck_assert_int_eq(parse("\3\0\1\0\0\x10\0", 7, 4096, &frame, &error), FRAME_PARTIAL);
    ck_assert_int_eq(parse("\3\0\1\0\0\x10\1", 7, 4096, &frame, &error), FRAME_BROKEN);
    ck_assert_str_eq(error.text,
                     "FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,4097,4088}");
    ck_assert_int_eq(parse("\3\0\1\xFF\xFF\xFF\xFF", 7, 4096, &frame, &error), FRAME_BROKEN);
}
END_TEST

START_TEST(unknown_types_are_named)
{
    struct frame frame = {.type = 77, .payload = slice_str("xy")};
    struct reply error;
    ck_assert(!frame_unknown(&frame, &error));
    ck_assert_str_eq(error.text, "FRAME_ERROR - type 77, all octets = <<\"xy\">>: unknown_frame");
}
END_TEST

START_TEST(a_heartbeat_is_a_frame)
{
    struct frame frame;
    struct reply error;
    ck_assert_int_eq(
        frame_parse(slice_of(FRAME_HEARTBEAT_BYTES, FRAME_OVERHEAD), 4096, &frame, &error),
        FRAME_WHOLE);
    ck_assert_uint_eq(frame.type, FRAME_HEARTBEAT);
    ck_assert_uint_eq(frame.payload.len, 0);
}
END_TEST

START_TEST(protocols_are_told_apart)
{
    static const struct {
        const char *bytes;
        size_t len;
        enum protocol_choice choice;
    } rows[] = {
        {"AMQP\0\0\x09\x01", 8, PROTOCOL_0_9_1},
        {"AMQP\x01\x01\0\x09", 8, PROTOCOL_0_9_1},
        {"AMQP\0\0\x09\0", 8, PROTOCOL_OTHER_0_9},
        {"AMQP\x03\x01\0\0", 8, PROTOCOL_1_0},
        {"AMQP\0\x01\0\0", 8, PROTOCOL_1_0},
        {"AMQP\x01\x01\x08\0", 8, PROTOCOL_UNKNOWN},
        {"AMQP\x09\x09\x09\x09", 8, PROTOCOL_UNKNOWN},
        {"GET / HTTP/1.1", 14, PROTOCOL_HTTP},
        {"\x16\x03\x01\x02", 4, PROTOCOL_TLS},
        {"hello", 5, PROTOCOL_UNKNOWN},
        {"X", 1, PROTOCOL_UNKNOWN},
        {"\0\0\0\0", 4, PROTOCOL_UNKNOWN},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_int_eq(protocol_recognise(slice_of(rows[i].bytes, rows[i].len)), rows[i].choice);
    for (size_t len = 0; len < 8; len++)
        ck_assert_int_eq(protocol_recognise(slice_of(PROTOCOL_HEADER_0_9_1, len)),
                         PROTOCOL_PARTIAL);
    ck_assert_int_eq(protocol_recognise(slice_str("GE")), PROTOCOL_PARTIAL);
}
END_TEST

START_TEST(bodies_are_cut_to_the_frame_size)
{
    static uint8_t body[10000];
    static uint8_t out[12000];
    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = (uint8_t)(i * 7);
    size_t lens[] = {0, 1, 4087, 4088, 4089, 8176, 10000};
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        uint8_t *end = content_body_write(out, 5, slice_of(body, lens[i]), 4096);
        size_t size = (size_t)(end - out);
        ck_assert_uint_eq(size, content_body_size(lens[i], 4096));
        size_t seen = 0;
        for (size_t at = 0; at < size;) {
            struct frame frame;
            struct reply error;
            ck_assert_int_eq(frame_parse(slice_of(out + at, size - at), 4088, &frame, &error),
                             FRAME_WHOLE);
            ck_assert_uint_eq(frame.type, FRAME_BODY);
            ck_assert_mem_eq(frame.payload.data, body + seen, frame.payload.len);
            seen += frame.payload.len;
            at += frame.size;
        }
        ck_assert_uint_eq(seen, lens[i]);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_frame_is_whole_with_its_last_byte,
        a_wrong_end_marker_is_refused,
        size_is_judged_before_the_payload_comes,
        unknown_types_are_named,
        a_heartbeat_is_a_frame,
        protocols_are_told_apart,
        bodies_are_cut_to_the_frame_size,
    };
    return suite_run("frame", NULL, NULL, tests, ARRAY_LEN(tests));
}
