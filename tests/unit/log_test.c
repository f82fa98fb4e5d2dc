/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/log.h. */
#include "base/log.h"

#include "base/buf.h"
#include "tests/support/suite.h"

static void collect(void *context, enum log_level level, const char *line, size_t len)
{
    struct buf *lines = context;

    ck_assert_uint_eq(strlen(line), len);
    ck_assert_int_ne(level, LOG_NONE);
    buf_add(lines, line, len);
    buf_add_u8(lines, '\n');
}

START_TEST(a_line_is_logfmt)
{
    struct buf lines = BUF_INIT;
    struct log log = {.level = LOG_INFO, .write = collect, .context = &lines};

    log_info(&log, "connection opened", "conn=%d user=%s", 12, "guest");
    log_warning(&log, "memory is short", NULL);
    log_error(&log, "disk is full", "%s", "");
    ck_assert_str_eq(buf_cstr(&lines), "level=info msg=\"connection opened\" conn=12 user=guest\n"
                                       "level=warning msg=\"memory is short\"\n"
                                       "level=error msg=\"disk is full\" \n");
    buf_fini(&lines);
}
END_TEST

START_TEST(lines_above_the_level_are_dropped)
{
    struct buf lines = BUF_INIT;
    struct log log = {.level = LOG_WARNING, .write = collect, .context = &lines};

    log_info(&log, "quiet", NULL);
    log_debug(&log, "quieter", "n=%d", 1);
    ck_assert_uint_eq(lines.len, 0);
    log.level = LOG_NONE;
    log_error(&log, "silent", NULL);
    ck_assert_uint_eq(lines.len, 0);
    log.level = LOG_DEBUG;
    log_debug(&log, "loud", "n=%d", 1);
    ck_assert_str_eq(buf_cstr(&lines), "level=debug msg=\"loud\" n=1\n");
    log_error(NULL, "nowhere", NULL);
    buf_fini(&lines);
}
END_TEST

START_TEST(one_call_is_one_line)
{
    struct buf lines = BUF_INIT;
    struct log log = {.level = LOG_INFO, .write = collect, .context = &lines};

    log_info(&log, "odd", "a=%s", "x\nlevel=error\x1b[31m\r\x7f");
    ck_assert_str_eq(buf_cstr(&lines), "level=info msg=\"odd\" a=x level=error [31m  \n");
    buf_fini(&lines);
}
END_TEST

START_TEST(a_long_line_is_whole)
{
    struct buf lines = BUF_INIT;
    struct log log = {.level = LOG_INFO, .write = collect, .context = &lines};
    char value[5000];

    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    log_info(&log, "long", "value=%s", value);
    ck_assert_uint_eq(lines.len, strlen("level=info msg=\"long\" value=") + sizeof value);
    buf_fini(&lines);
}
END_TEST

START_TEST(levels_have_names)
{
    enum log_level level = LOG_NONE;

    ck_assert(log_level_parse("debug", &level));
    ck_assert_int_eq(level, LOG_DEBUG);
    ck_assert_str_eq(log_level_name(level), "debug");
    ck_assert(!log_level_parse("loud", &level));
    ck_assert(!log_level_parse("", &level));
    ck_assert_int_eq(level, LOG_DEBUG);
}
END_TEST

START_TEST(values_are_quoted_when_they_must_be)
{
    char out[64];

    ck_assert_str_eq(log_quote(out, sizeof out, slice_str("orders")), "orders");
    ck_assert_str_eq(log_quote(out, sizeof out, slice_str("/")), "/");
    ck_assert_str_eq(log_quote(out, sizeof out, slice_str("caf\xc3\xa9")), "caf\xc3\xa9");
    ck_assert_str_eq(log_quote(out, sizeof out, slice_str("")), "\"\"");
    ck_assert_str_eq(log_quote(out, sizeof out, slice_str("a b")), "\"a b\"");
    ck_assert_str_eq(log_quote(out, sizeof out, slice_str("a=b")), "\"a=b\"");
    ck_assert_str_eq(log_quote(out, sizeof out, slice_str("say \"x\"\\")), "\"say \\\"x\\\"\\\\\"");
    ck_assert_str_eq(log_quote(out, sizeof out, slice_of("a\0\n\x7f", 4)), "\"a\\x00\\x0a\\x7f\"");
}
END_TEST

START_TEST(quoting_never_leaves_the_buffer_nor_an_open_quote)
{
    char out[32];

    for (size_t size = 3; size < sizeof out; size++) {
        memset(out, '#', sizeof out);
        log_quote(out, size, slice_str("\n\n \"\"\"\\\\\\ plain and some more of it"));
        size_t len = strlen(out);
        ck_assert_uint_lt(len, size);
        ck_assert_int_eq(out[0], '"');
        ck_assert_int_eq(out[len - 1], '"');
        ck_assert_int_eq(out[size], '#');
        log_quote(out, size, slice_str("nothing-to-quote-but-much-too-long"));
        ck_assert_uint_eq(strlen(out), size - 1);
        ck_assert_int_eq(out[size], '#');
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_line_is_logfmt,
        lines_above_the_level_are_dropped,
        one_call_is_one_line,
        a_long_line_is_whole,
        levels_have_names,
        values_are_quoted_when_they_must_be,
        quoting_never_leaves_the_buffer_nor_an_open_quote,
    };
    return suite_run("log", NULL, NULL, tests, ARRAY_LEN(tests));
}
