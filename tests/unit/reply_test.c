/* SPDX-License-Identifier: Apache-2.0 */
/* Reply texts and their limits; UTF-8. */
#include "proto/reply.h"

#include "base/check.h"
#include "proto/utf8.h"
#include "tests/support/suite.h"

#include <string.h>

START_TEST(texts_begin_with_the_code_s_name)
{
    struct reply reply;
    memset(&reply, 0xFF, sizeof(reply));
    ck_assert(!reply_set(&reply, REPLY_NOT_FOUND, "no queue '%s' in vhost '%s'", "q", "/"));
    ck_assert_str_eq(reply.text, "NOT_FOUND - no queue 'q' in vhost '/'");
    ck_assert_str_eq(reply_reason(&reply), "no queue 'q' in vhost '/'");
    ck_assert_uint_eq(reply.class_id, 0);
    ck_assert_uint_eq(reply.method_id, 0);
    ck_assert(!reply_is_hard(reply.code));
    ck_assert(reply_is_hard(REPLY_CHANNEL_ERROR));
    ck_assert_str_eq(reply_name(REPLY_PRECONDITION_FAILED), "PRECONDITION_FAILED");
}
END_TEST

START_TEST(long_texts_are_cut_between_characters)
{
    char text[6000];
    struct reply reply;
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 < 600; i += 3)
            memcpy(text + i, "\xE2\x82\xAC", 4);
        reply_set(&reply, REPLY_NOT_FOUND, "%s", text);
        size_t len = strlen(reply.text);
        ck_assert_uint_le(len, 255);
        ck_assert_uint_ge(len, 252);
        ck_assert_str_eq(reply.text + len - 3, "...");
        ck_assert(utf8_valid(slice_str(reply.text)));
    }
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    reply_set(&reply, REPLY_NOT_FOUND, "%s", text);
    ck_assert_uint_eq(strlen(reply.text), 255);
    text[255 - strlen("NOT_FOUND - ")] = 0;
    reply_set(&reply, REPLY_NOT_FOUND, "%s", text);
    ck_assert_uint_eq(strlen(reply.text), 255);
    ck_assert(reply.text[254] == 'y');
}
END_TEST

START_TEST(utf8_is_judged_by_the_unicode_table)
{
    static const char *const good[] = {"",
                                       "plain",
                                       "\xC2\x80",
                                       "\xE0\xA0\x80",
                                       "\xED\x9F\xBF",
                                       "\xEE\x80\x80",
                                       "\xF0\x90\x80\x80",
                                       "\xF4\x8F\xBF\xBF",
                                       "eight.ascii.then\xC3\xA9"};
    static const char *const bad[] = {"\x80",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC2",
                                      "\xC2\x20",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xE2\x82",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFF",
                                      "eight.ascii.then\xC3"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        ck_assert(utf8_valid(slice_str(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!utf8_valid(slice_str(bad[i])), "%zu", i);
    ck_assert(utf8_valid(slice_of("nul\0inside", 10)));
}
END_TEST

static void expect_mended(const char *from, const char *to)
{
    char text[64];
    CHECK(strlen(from) < sizeof(text));
    strcpy(text, from);
    utf8_mend(text, strlen(text));
    ck_assert_str_eq(text, to);
    ck_assert(utf8_valid(slice_str(text)));
}

START_TEST(malformed_bytes_become_question_marks)
{
    expect_mended("", "");
    expect_mended("gr\xC3\xBC\xC3\x9F", "gr\xC3\xBC\xC3\x9F");
    expect_mended("\x8F\x8A um", "?? um");
    expect_mended("\xE2\x82", "??");
    expect_mended("a\xF0\x9F\xC3\xA9", "a??\xC3\xA9");
}
END_TEST

START_TEST(texts_quote_any_bytes_as_utf8)
{
    struct reply reply;
    reply_set(&reply, REPLY_PRECONDITION_FAILED, "unsupported queue type '%s'", "\x8F\x8Aum");
    ck_assert_str_eq(reply.text, "PRECONDITION_FAILED - unsupported queue type '??um'");
}
END_TEST

START_TEST(cutting_respects_characters)
{
    struct slice text = slice_str("a\xC3\xA9z");
    ck_assert_uint_eq(utf8_cut(text, 9), 4);
    ck_assert_uint_eq(utf8_cut(text, 3), 3);
    ck_assert_uint_eq(utf8_cut(text, 2), 1);
    ck_assert_uint_eq(utf8_cut(text, 1), 1);
    ck_assert_uint_eq(utf8_cut(text, 0), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        texts_begin_with_the_code_s_name,    long_texts_are_cut_between_characters,
        utf8_is_judged_by_the_unicode_table, malformed_bytes_become_question_marks,
        texts_quote_any_bytes_as_utf8,       cutting_respects_characters,
    };
    return suite_run("reply", NULL, NULL, tests, ARRAY_LEN(tests));
}
