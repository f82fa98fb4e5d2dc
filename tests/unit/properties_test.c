/* SPDX-License-Identifier: Apache-2.0 */
/* Content headers and properties: every property, every cut, changes, golden bytes. */
#include "proto/properties.h"

#include "proto/basic.h"
#include "proto/frame.h"

#include <check.h>
#include <stdlib.h>

static struct slice sample(enum property id)
{
    switch (property_type(id)) {
    case PROPERTY_TYPE_OCTET:
        return slice_of("\2", 1);
    case PROPERTY_TYPE_TIMESTAMP:
        return slice_of("\0\0\0\0\x65\x53\xF1\0", 8);
    case PROPERTY_TYPE_TABLE:
        return slice_of("\1at\1\3xyzV", 9);
    case PROPERTY_TYPE_SHORTSTR:
        break;
    }
    return slice_str(property_name(id));
}

static void encode(struct buf *out, unsigned mask)
{
    struct properties properties = {0};
    for (unsigned id = 0; id < PROPERTY_COUNT; id++)
        if (mask & 1u << id)
            properties_set(&properties, (enum property)id, sample((enum property)id));
    buf_clear(out);
    properties_encode(out, &properties);
}

START_TEST(every_set_of_properties_survives_the_round_trip)
{
    struct buf bytes = BUF_INIT;
    for (unsigned mask = 0; mask < 1u << PROPERTY_COUNT; mask += mask < 256 ? 1 : 61) {
        struct properties parsed;
        struct properties mapped;
        struct reply error;
        struct slice found;
        encode(&bytes, mask);
        ck_assert(properties_parse(&parsed, buf_slice(&bytes), &error));
        properties_map(&mapped, buf_slice(&bytes));
        for (unsigned i = 0; i < PROPERTY_COUNT; i++) {
            enum property id = (enum property)i;
            bool there = mask & 1u << id;
            ck_assert_int_eq(properties_has(&parsed, id), there);
            ck_assert_int_eq(properties_has(&mapped, id), there);
            ck_assert_int_eq(properties_find(buf_slice(&bytes), id, &found), there);
            if (!there)
                continue;
            ck_assert(slice_equal(properties_get(&parsed, id), sample(id)));
            ck_assert(slice_equal(properties_get(&mapped, id), sample(id)));
            ck_assert(slice_equal(found, sample(id)));
        }
    }
    buf_fini(&bytes);
}
END_TEST

START_TEST(every_cut_is_refused)
{
    struct buf bytes = BUF_INIT;
    struct properties properties;
    struct reply error;
    encode(&bytes, (1u << PROPERTY_COUNT) - 1);
    for (size_t len = 0; len < bytes.len; len++) {
        uint8_t *cut = malloc(len ? len : 1);
        memcpy(cut, bytes.data, len);
        ck_assert(!properties_parse(&properties, slice_of(cut, len), &error));
        ck_assert_int_eq(error.code, REPLY_FRAME_ERROR);
        free(cut);
    }
    buf_add_u8(&bytes, 0);
    ck_assert(!properties_parse(&properties, buf_slice(&bytes), &error));
    ck_assert_int_eq(error.code, REPLY_FRAME_ERROR);
    buf_fini(&bytes);
}
END_TEST

START_TEST(what_stands_behind_is_left_over)
{
    struct buf bytes = BUF_INIT;
    struct properties properties;
    struct slice rest;
    struct reply error;
    encode(&bytes, (1u << PROPERTY_COUNT) - 1);
    size_t len = bytes.len;
    ck_assert(properties_parse_head(&properties, buf_slice(&bytes), &rest, &error));
    ck_assert_uint_eq(rest.len, 0);
    buf_add(&bytes, "behind", 6);
    ck_assert(properties_parse_head(&properties, buf_slice(&bytes), &rest, &error));
    ck_assert(slice_equal_str(rest, "behind"));
    ck_assert(!properties_parse_head(&properties, slice_of(bytes.data, len - 1), &rest, &error));
    ck_assert_int_eq(error.code, REPLY_FRAME_ERROR);
    buf_fini(&bytes);
}
END_TEST

START_TEST(typed_access)
{
    struct properties properties = {0};
    ck_assert_uint_eq(properties_octet(&properties, PROPERTY_PRIORITY, 9), 9);
    ck_assert(!properties_persistent(&properties));
    ck_assert_uint_eq(properties_timestamp(&properties, 7), 7);
    properties_set(&properties, PROPERTY_DELIVERY_MODE, sample(PROPERTY_DELIVERY_MODE));
    properties_set(&properties, PROPERTY_TIMESTAMP, sample(PROPERTY_TIMESTAMP));
    ck_assert(properties_persistent(&properties));
    ck_assert_uint_eq(properties_timestamp(&properties, 7), 0x6553F100);
    ck_assert_uint_eq(properties_get(&properties, PROPERTY_USER_ID).len, 0);
}
END_TEST

START_TEST(changes_leave_the_rest_alone)
{
    struct buf before = BUF_INIT;
    struct buf after = BUF_INIT;
    struct properties properties;
    struct reply error;
    encode(&before, (1u << PROPERTY_COUNT) - 1);
    ck_assert(properties_parse(&properties, buf_slice(&before), &error));
    properties_remove(&properties, PROPERTY_EXPIRATION);
    properties_set(&properties, PROPERTY_REPLY_TO, slice_str("elsewhere"));
    properties_encode(&after, &properties);
    ck_assert(properties_parse(&properties, buf_slice(&after), &error));
    ck_assert(!properties_has(&properties, PROPERTY_EXPIRATION));
    ck_assert(slice_equal_str(properties_get(&properties, PROPERTY_REPLY_TO), "elsewhere"));
    ck_assert(slice_equal(properties_get(&properties, PROPERTY_HEADERS), sample(PROPERTY_HEADERS)));
    ck_assert(slice_equal_str(properties_get(&properties, PROPERTY_MESSAGE_ID), "message_id"));
    buf_fini(&before);
    buf_fini(&after);
}
END_TEST

static enum reply_code refusal(const char *bytes, size_t len)
{
    struct properties properties;
    struct reply error = {.code = REPLY_SUCCESS};
    return properties_parse(&properties, slice_of(bytes, len), &error) ? REPLY_SUCCESS : error.code;
}

START_TEST(malformed_properties_are_refused)
{
    ck_assert_int_eq(refusal("\0\0", 2), REPLY_SUCCESS);
    ck_assert_int_eq(refusal("\0\2", 2), REPLY_SYNTAX_ERROR);       /* a bit without a property */
    ck_assert_int_eq(refusal("\0\1\0\0", 4), REPLY_SUCCESS);        /* an empty second word */
    ck_assert_int_eq(refusal("\0\1\x80\0", 4), REPLY_SYNTAX_ERROR); /* no fifteenth property */
    ck_assert_int_eq(refusal("\0\1", 2), REPLY_FRAME_ERROR);
    ck_assert_int_eq(refusal(NULL, 0), REPLY_FRAME_ERROR);
    ck_assert_int_eq(refusal("\x80\0\2\xC3\x28", 5), REPLY_FRAME_ERROR);
    ck_assert_int_eq(refusal("\x20\0\0\0\0\1x", 7), REPLY_SYNTAX_ERROR);
    ck_assert_int_eq(refusal("\x20\0\xFF\xFF\xFF\xFFx", 7), REPLY_FRAME_ERROR);
}
END_TEST

START_TEST(values_behind_an_empty_second_word_are_found)
{
    struct slice bytes = slice_of("\x80\1\0\0\3abc", 8);
    struct properties properties;
    struct reply error;
    struct slice value;
    ck_assert(properties_parse(&properties, bytes, &error));
    ck_assert(slice_equal_str(properties_get(&properties, PROPERTY_CONTENT_TYPE), "abc"));
    ck_assert(properties_find(bytes, PROPERTY_CONTENT_TYPE, &value));
    ck_assert(slice_equal_str(value, "abc"));
}
END_TEST

START_TEST(a_content_header_has_its_golden_bytes)
{
    static const uint8_t golden[] = {2, 0, 9, 0, 0, 0, 15, 0,  60, 0, 0,        0,
                                     0, 0, 0, 0, 1, 0, 2,  16, 0,  2, FRAME_END};
    uint8_t out[64];
    struct slice properties = slice_of("\x10\0\2", 3);
    uint8_t *end = content_header_write(out, 9, 0x10002, properties);
    ck_assert_uint_eq((size_t)(end - out), content_header_size(properties));
    ck_assert_uint_eq((size_t)(end - out), sizeof(golden));
    ck_assert_mem_eq(out, golden, sizeof(golden));

    struct content_header header;
    struct reply error;
    struct slice payload = slice_of(golden + 7, 15);
    ck_assert(content_header_parse(&header, payload, &error));
    ck_assert_uint_eq(header.class_id, 60);
    ck_assert_uint_eq(header.body_size, 0x10002);
    ck_assert(slice_equal(header.properties, properties));
    for (size_t len = 0; len < 14; len++) {
        ck_assert(!content_header_parse(&header, slice_of(payload.data, len), &error));
        ck_assert_int_eq(error.code, REPLY_FRAME_ERROR);
    }
    ck_assert(
        !content_header_parse(&header, slice_of("\0\x3C\0\1\0\0\0\0\0\0\0\0\0\0", 14), &error));
    ck_assert_int_eq(error.code, REPLY_SYNTAX_ERROR);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("properties");
    TCase *tcase = tcase_create("properties");
    tcase_add_test(tcase, every_set_of_properties_survives_the_round_trip);
    tcase_add_test(tcase, every_cut_is_refused);
    tcase_add_test(tcase, what_stands_behind_is_left_over);
    tcase_add_test(tcase, typed_access);
    tcase_add_test(tcase, changes_leave_the_rest_alone);
    tcase_add_test(tcase, malformed_properties_are_refused);
    tcase_add_test(tcase, values_behind_an_empty_second_word_are_found);
    tcase_add_test(tcase, a_content_header_has_its_golden_bytes);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
