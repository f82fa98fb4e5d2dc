/* SPDX-License-Identifier: Apache-2.0 */
/* The log's end: the form of lines, levels of console and file, rotation. */
#include "server/log_sink.h"

#include "server/configuration.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct log_sink sink;
static char directory[32];
static char path[64];

static void setup(void)
{
    snprintf(directory, sizeof(directory), "/tmp/bilby-log-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/bilby.log", directory);
    log_sink_init(&sink);
}

static void teardown(void)
{
    log_sink_fini(&sink);
    (void)remove(path);
    rmdir(directory);
}

/* Takes over a configuration of these lines. */
static enum err configure(const char *lines)
{
    struct configuration *configuration = configuration_new();
    char message[256];
    configuration_parse(configuration, "test", slice_str(lines));
    ck_assert_uint_eq(configuration_errors(configuration).len, 0);
    enum err error = log_sink_configure(&sink, configuration, message, sizeof(message));
    configuration_free(configuration);
    return error;
}

static enum err configure_file(const char *more)
{
    char lines[256];
    snprintf(lines, sizeof(lines), "log.console = false\nlog.file = %s\n%s", path, more);
    return configure(lines);
}

static void read_file(const char *name, char *text, size_t size)
{
    FILE *file = fopen(name, "r");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

START_TEST(a_line_has_its_time_in_front)
{
    char text[256];
    int year, month, day, hour, minute, second, millisecond, end = 0;
    ck_assert_int_eq(configure_file(""), ERR_OK);
    log_info(&sink.log, "hello", "who=%s", "world");
    read_file(path, text, sizeof(text));
    ck_assert_int_eq(sscanf(text, "time=%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day,
                            &hour, &minute, &second, &millisecond, &end),
                     7);
    ck_assert_str_eq(text + end, "level=info msg=\"hello\" who=world\n");
}
END_TEST

START_TEST(the_file_has_a_level_of_its_own)
{
    char text[512];
    ck_assert_int_eq(configure_file("log.level = debug\nlog.file.level = warning\n"), ERR_OK);
    log_debug(&sink.log, "too fine", NULL);
    log_info(&sink.log, "fine", NULL);
    log_warning(&sink.log, "coarse", NULL);
    log_error(&sink.log, "grave", NULL);
    read_file(path, text, sizeof(text));
    ck_assert_ptr_null(strstr(text, "fine"));
    ck_assert_ptr_nonnull(strstr(text, "coarse"));
    ck_assert_ptr_nonnull(strstr(text, "grave"));
}
END_TEST

START_TEST(the_coarser_of_both_levels_is_not_formatted)
{
    ck_assert_int_eq(configure("log.level = error\n"), ERR_OK);
    ck_assert_int_eq(sink.log.level, LOG_ERROR);
    ck_assert_int_eq(configure_file("log.file.level = debug\n"), ERR_OK);
    ck_assert_int_eq(sink.log.level, LOG_DEBUG);
    ck_assert_int_eq(configure("log.console = false\n"), ERR_OK);
    ck_assert_int_eq(sink.log.level, LOG_NONE);
}
END_TEST

START_TEST(a_renamed_file_is_let_go)
{
    char old[80], text[256];
    snprintf(old, sizeof(old), "%s.1", path);
    ck_assert_int_eq(configure_file(""), ERR_OK);
    log_info(&sink.log, "before", NULL);
    ck_assert_int_eq(rename(path, old), 0);
    log_info(&sink.log, "between", NULL);
    ck_assert_int_eq(configure_file(""), ERR_OK);
    log_info(&sink.log, "after", NULL);
    read_file(old, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "between"));
    ck_assert_ptr_null(strstr(text, "after"));
    read_file(path, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "after"));
    remove(old);
}
END_TEST

START_TEST(a_bare_name_goes_into_log_dir)
{
    char lines[200], text[256];
    snprintf(lines, sizeof(lines), "log.console=false\nlog.dir = %s\nlog.file = bilby.log\n",
             directory);
    ck_assert_int_eq(configure(lines), ERR_OK);
    log_info(&sink.log, "here", NULL);
    read_file(path, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "here"));
}
END_TEST

START_TEST(a_file_that_cannot_be_opened_changes_nothing)
{
    char text[256];
    ck_assert_int_eq(configure_file(""), ERR_OK);
    ck_assert_int_eq(configure("log.console = false\nlog.file = /nonexistent/bilby.log\n"), ERR_IO);
    log_info(&sink.log, "still here", NULL);
    read_file(path, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "still here"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_line_has_its_time_in_front,
        the_file_has_a_level_of_its_own,
        the_coarser_of_both_levels_is_not_formatted,
        a_renamed_file_is_let_go,
        a_bare_name_goes_into_log_dir,
        a_file_that_cannot_be_opened_changes_nothing,
    };
    return suite_run("log_sink", setup, teardown, tests, ARRAY_LEN(tests));
}
