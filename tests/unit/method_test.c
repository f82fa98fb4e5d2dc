/* SPDX-License-Identifier: Apache-2.0 */
/* The method codec, driven by methods.def itself: what holds for one method must hold for all. */
#include "proto/method.h"

#include "proto/basic.h"
#include "proto/frame.h"
#include "proto/table.h"

#include <check.h>
#include <stdlib.h>

/* Values that differ from field to field, so that a swap shows. */
static unsigned counter;

static void fill_OCTET(uint8_t *value)
{
    *value = (uint8_t)(0x10 + counter++);
}

static void fill_SHORT(uint16_t *value)
{
    *value = (uint16_t)(0x1234 + counter++);
}

static void fill_LONG(uint32_t *value)
{
    *value = 0x12345678u + counter++;
}

static void fill_LONGLONG(uint64_t *value)
{
    *value = UINT64_C(0x123456789ABCDEF0) + counter++;
}

static void fill_SHORTSTR(struct slice *value)
{
    static const char *const texts[] = {"", "a", "queue.name", "zażółć", "\xF0\x9F\x90\xA6"};
    *value = slice_str(texts[counter++ % 5]);
}

static void fill_LONGSTR(struct slice *value)
{
    *value = slice_of("\0\xFF long", 7);
    counter++;
}

static void fill_TABLE(struct slice *value)
{
    *value = slice_of("\1at\1\3xyzV", 9);
    counter++;
}

static void fill_BIT(bool *value)
{
    *value = counter++ % 3 != 1;
}

static bool same_OCTET(uint8_t a, uint8_t b)
{
    return a == b;
}

static bool same_SHORT(uint16_t a, uint16_t b)
{
    return a == b;
}

static bool same_LONG(uint32_t a, uint32_t b)
{
    return a == b;
}

static bool same_LONGLONG(uint64_t a, uint64_t b)
{
    return a == b;
}

static bool same_BIT(bool a, bool b)
{
    return a == b;
}

#define same_SHORTSTR slice_equal
#define same_LONGSTR slice_equal
#define same_TABLE slice_equal

static void fill(struct method *method, enum method_kind kind, unsigned start)
{
    counter = start;
    method->kind = kind;
    switch (kind) {
#define F(name, type, field) fill_##type(&method->name.field);
#define X(upper, name, text, class_id, method_id, flags)                                           \
    case METHOD_##upper:                                                                           \
        METHOD_FIELDS_##name(F, name) break;
        METHOD_TABLE(X)
#undef X
#undef F
    case METHOD_COUNT:
        break;
    }
}

static bool same(const struct method *a, const struct method *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
#define F(name, type, field) &&same_##type(a->name.field, b->name.field)
#define X(upper, name, text, class_id, method_id, flags)                                           \
    case METHOD_##upper:                                                                           \
        return true METHOD_FIELDS_##name(F, name);
        METHOD_TABLE(X)
#undef X
#undef F
    case METHOD_COUNT:
        break;
    }
    return false;
}

/* The payload of an encoded method frame. */
static struct slice encode(struct buf *buf, const struct method *method)
{
    struct frame frame;
    struct reply error;
    buf_clear(buf);
    method_frame_add(buf, 7, method);
    ck_assert_uint_eq(buf->len, method_frame_size(method));
    ck_assert_int_eq(frame_parse(buf_slice(buf), 131072, &frame, &error), FRAME_WHOLE);
    ck_assert_uint_eq(frame.type, FRAME_METHOD);
    ck_assert_uint_eq(frame.channel, 7);
    ck_assert_uint_eq(frame.size, buf->len);
    return frame.payload;
}

START_TEST(every_method_survives_the_round_trip)
{
    struct buf buf = BUF_INIT;
    for (unsigned start = 0; start < 6; start++) {
        struct method in;
        struct method out;
        struct reply error;
        fill(&in, (enum method_kind)_i, start);
        ck_assert(method_decode(&out, encode(&buf, &in), &error));
        ck_assert_msg(same(&in, &out), "%s", method_info(in.kind)->name);
    }
    buf_fini(&buf);
}
END_TEST

START_TEST(every_cut_and_every_surplus_is_refused)
{
    struct buf buf = BUF_INIT;
    struct method in;
    struct method out;
    struct reply error;
    fill(&in, (enum method_kind)_i, 1);
    struct slice payload = encode(&buf, &in);
    for (size_t len = 0; len < payload.len; len++) {
        /* A copy of its own, so that a sanitizer sees a read past the end. */
        uint8_t *cut = malloc(len ? len : 1);
        memcpy(cut, payload.data, len);
        ck_assert(!method_decode(&out, slice_of(cut, len), &error));
        ck_assert_int_eq(error.code, REPLY_FRAME_ERROR);
        ck_assert_uint_eq(error.class_id, len >= 4 ? method_info(in.kind)->class_id : 0);
        ck_assert_uint_eq(error.method_id, len >= 4 ? method_info(in.kind)->method_id : 0);
        free(cut);
    }
    /* One byte more: the frame's end marker stands there. */
    ck_assert(!method_decode(&out, slice_of(payload.data, payload.len + 1), &error));
    ck_assert_int_eq(error.code, REPLY_FRAME_ERROR);
    buf_fini(&buf);
}
END_TEST

START_TEST(names_and_ids_find_each_other)
{
    enum method_kind kind;
    for (unsigned i = 0; i < METHOD_COUNT; i++) {
        const struct method_info *info = method_info((enum method_kind)i);
        ck_assert(method_find(info->class_id, info->method_id, &kind));
        ck_assert_uint_eq(kind, i);
        ck_assert(info->flags & METHOD_BY_BOTH);
    }
    ck_assert(!method_find(10, 12, &kind));
    ck_assert(!method_find(0, 0, &kind));
    ck_assert_str_eq(method_info(METHOD_BASIC_RECOVER_ASYNC)->name, "basic.recover-async");
    ck_assert_int_eq(METHOD_COUNT, 66);
}
END_TEST

START_TEST(content_follows_four_methods)
{
    unsigned with = 0;
    for (unsigned i = 0; i < METHOD_COUNT; i++)
        with += (method_info((enum method_kind)i)->flags & METHOD_CONTENT) != 0;
    ck_assert_uint_eq(with, 4);
    ck_assert(method_info(METHOD_BASIC_GET_OK)->flags & METHOD_CONTENT);
    ck_assert(method_info(METHOD_QUEUE_DECLARE)->flags & METHOD_SYNC);
    ck_assert(!(method_info(METHOD_BASIC_ACK)->flags & METHOD_SYNC));
}
END_TEST

START_TEST(queue_declare_has_its_golden_bytes)
{
    static const uint8_t golden[] = {
        1, 0,  3, 0,  0, 0,   20,                               /* method frame, channel 3 */
        0, 50, 0, 10, 0, 0,   1,   'q', 0x16,                   /* durable, exclusive, no-wait */
        0, 0,  0, 7,  4, 'l', 'a', 'z', 'y',  't', 1, FRAME_END /* lazy = true */
    };
    struct method method = {.kind = METHOD_QUEUE_DECLARE};
    method.queue_declare.queue = slice_str("q");
    method.queue_declare.durable = true;
    method.queue_declare.exclusive = true;
    method.queue_declare.no_wait = true;
    method.queue_declare.arguments = slice_of("\4lazyt\1", 7);
    struct buf buf = BUF_INIT;
    method_frame_add(&buf, 3, &method);
    ck_assert_uint_eq(buf.len, sizeof(golden));
    ck_assert_mem_eq(buf.data, golden, sizeof(golden));
    buf_fini(&buf);
}
END_TEST

START_TEST(bits_share_octets_in_order)
{
    /* access.request has five bits: exclusive is the lowest. */
    static const uint8_t payload[] = {0, 30, 0, 10, 1, 'r', 0x0A};
    struct method method;
    struct reply error;
    ck_assert(method_decode(&method, slice_of(payload, sizeof(payload)), &error));
    ck_assert(!method.access_request.exclusive);
    ck_assert(method.access_request.passive);
    ck_assert(!method.access_request.active);
    ck_assert(method.access_request.write);
    ck_assert(!method.access_request.read);
}
END_TEST

START_TEST(errors_have_their_codes_and_texts)
{
    struct method method;
    struct reply error;
    ck_assert(!method_decode(&method, slice_of("\0\x3C\0\x5A\1\2", 6), &error));
    ck_assert_int_eq(error.code, REPLY_FRAME_ERROR);
    ck_assert_str_eq(error.text, "FRAME_ERROR - cannot decode <<1,2>>");
    ck_assert_uint_eq(error.class_id, 60);
    ck_assert_uint_eq(error.method_id, 90);
    ck_assert(!method_decode(&method, slice_of("\0\x3C\1\x5A", 4), &error));
    ck_assert_int_eq(error.code, REPLY_COMMAND_INVALID);
    ck_assert_str_eq(error.text, "COMMAND_INVALID - unimplemented method");
    ck_assert_uint_eq(error.method_id, 0x15A);
    ck_assert(!method_decode(&method, slice_of("\0\x3C\0\x1E\2\xC3\x28\0", 8), &error));
    ck_assert_str_eq(error.text, "FRAME_ERROR - Malformed UTF-8 in shortstr");
    ck_assert(!method_decode(&method, slice_of("\0\x28\0\x28\0\0\0\0\0\0\0\0\0\1x", 15), &error));
    ck_assert_int_eq(error.code, REPLY_SYNTAX_ERROR);
    ck_assert_uint_eq(error.class_id, 40);
}
END_TEST

START_TEST(the_inline_codec_agrees_on_publish)
{
    struct buf buf = BUF_INIT;
    struct method in;
    for (unsigned start = 0; start < 15; start++) {
        struct method_basic_publish fast;
        fill(&in, METHOD_BASIC_PUBLISH, start);
        struct slice payload = encode(&buf, &in);
        ck_assert(basic_publish_decode(&fast, payload));
        struct method out = {.kind = METHOD_BASIC_PUBLISH, .basic_publish = fast};
        ck_assert(same(&in, &out));
        for (size_t len = 0; len < payload.len; len++)
            ck_assert(!basic_publish_decode(&fast, slice_of(payload.data, len)));
        ck_assert(!basic_publish_decode(&fast, slice_of(payload.data, payload.len + 1)));
    }
    fill(&in, METHOD_BASIC_GET, 0);
    struct method_basic_publish fast;
    ck_assert(!basic_publish_decode(&fast, encode(&buf, &in)));
    buf_fini(&buf);
}
END_TEST

START_TEST(the_inline_codec_agrees_on_ack_and_deliver)
{
    struct buf buf = BUF_INIT;
    struct method in;
    for (unsigned start = 0; start < 15; start++) {
        struct method_basic_ack fast;
        uint8_t out[2048];
        fill(&in, METHOD_BASIC_ACK, start);
        struct slice payload = encode(&buf, &in);
        ck_assert(basic_ack_decode(&fast, payload));
        ck_assert_uint_eq(fast.delivery_tag, in.basic_ack.delivery_tag);
        ck_assert_int_eq(fast.multiple, in.basic_ack.multiple);
        ck_assert_uint_eq(buf.len, BASIC_ACK_FRAME_SIZE);
        basic_ack_write(out, 7, in.basic_ack.delivery_tag, in.basic_ack.multiple);
        ck_assert_mem_eq(out, buf.data, buf.len);

        fill(&in, METHOD_BASIC_DELIVER, start);
        encode(&buf, &in);
        ck_assert_uint_eq(basic_deliver_size(&in.basic_deliver), buf.len);
        uint8_t *end = basic_deliver_write(out, 7, &in.basic_deliver);
        ck_assert_uint_eq((size_t)(end - out), buf.len);
        ck_assert_mem_eq(out, buf.data, buf.len);
    }
    buf_fini(&buf);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("method");
    TCase *tcase = tcase_create("codec");
    tcase_add_loop_test(tcase, every_method_survives_the_round_trip, 0, METHOD_COUNT);
    tcase_add_loop_test(tcase, every_cut_and_every_surplus_is_refused, 0, METHOD_COUNT);
    tcase_add_test(tcase, names_and_ids_find_each_other);
    tcase_add_test(tcase, content_follows_four_methods);
    tcase_add_test(tcase, queue_declare_has_its_golden_bytes);
    tcase_add_test(tcase, bits_share_octets_in_order);
    tcase_add_test(tcase, errors_have_their_codes_and_texts);
    tcase_add_test(tcase, the_inline_codec_agrees_on_publish);
    tcase_add_test(tcase, the_inline_codec_agrees_on_ack_and_deliver);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
