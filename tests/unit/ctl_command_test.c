/* SPDX-License-Identifier: Apache-2.0 */
/* bilbyctl's command lines: words, options, their order, and the tables they are checked against. */
#include "tools/bilbyctl_command.h"

#include "tests/support/suite.h"
#include "tools/bilbyctl_table.h"

#include <stdlib.h>

static struct ctl_line line;

static void setup(void)
{
    unsetenv("BILBYCTL_PORT");
    unsetenv("BILBYCTL_PASSWORD_FILE");
    line = (struct ctl_line){0};
}

static void teardown(void)
{
    ctl_line_fini(&line);
}

static enum ctl_status parse(char **words)
{
    int argc = 0;

    while (words[argc])
        argc++;
    ctl_line_fini(&line);
    return ctl_line_parse(&line, argc, words);
}

#define PARSE(...) parse((char *[]){(char *)"bilbyctl", __VA_ARGS__, NULL})

START_TEST(words_find_their_places)
{
    ck_assert_int_eq(PARSE("set_permissions", "-p", "shop", "ann", "--", "-a", "", "r"),
                     CTL_STATUS_OK);
    ck_assert_str_eq(line.command->name, "set_permissions");
    ck_assert_str_eq(ctl_line_value(&line, "user"), "ann");
    ck_assert_str_eq(ctl_line_value(&line, "configure"), "-a");
    ck_assert_str_eq(ctl_line_value(&line, "write"), "");
    ck_assert_str_eq(ctl_line_value(&line, "read"), "r");
    ck_assert_str_eq(ctl_line_value(&line, "vhost"), "shop");
    ck_assert(line.vhost_given);
    ck_assert_int_eq(PARSE("set_permissions", "ann", "", ""), CTL_STATUS_USAGE);
    ck_assert_int_eq(PARSE("set_permissions", "ann", "", "", "", "more"), CTL_STATUS_USAGE);
}
END_TEST

START_TEST(names_in_two_words)
{
    ck_assert_int_eq(PARSE("declare", "queue", "durable=false", "name=a=b"), CTL_STATUS_OK);
    ck_assert_str_eq(line.command->name, "declare queue");
    ck_assert_str_eq(ctl_line_value(&line, "name"), "a=b");
    ck_assert_str_eq(ctl_line_value(&line, "durable"), "false");
    ck_assert_ptr_null(ctl_line_value(&line, "arguments"));
    ck_assert_int_eq(PARSE("list", "queues", "name", "messages"), CTL_STATUS_OK);
    ck_assert_str_eq(line.command->name, "list_queues");
    ck_assert_uint_eq(line.rest_count, 2);
    ck_assert_str_eq(line.rest[1], "messages");
    ck_assert_int_eq(PARSE("declare", "nothing"), CTL_STATUS_USAGE);
    ck_assert_int_eq(PARSE("declare queue"), CTL_STATUS_USAGE);
}
END_TEST

START_TEST(optional_words_and_the_rest)
{
    ck_assert_int_eq(PARSE("close_connection", "c"), CTL_STATUS_OK);
    ck_assert_ptr_null(ctl_line_value(&line, "reason"));
    ck_assert_int_eq(PARSE("list_user_permissions", "ann", "vhost"), CTL_STATUS_OK);
    ck_assert_str_eq(ctl_line_value(&line, "user"), "ann");
    ck_assert_uint_eq(line.rest_count, 1);
    ck_assert_int_eq(PARSE("list_user_permissions"), CTL_STATUS_USAGE);
    /* An argument hides an option of its name; an absent one too. */
    ck_assert_int_eq(PARSE("add_user", "ann", "--password", "ours"), CTL_STATUS_OK);
    ck_assert_ptr_null(ctl_line_value(&line, "password"));
}
END_TEST

START_TEST(options_in_all_forms)
{
    ck_assert_int_eq(PARSE("ping", "-P", "1", "--host=h", "-q"), CTL_STATUS_OK);
    ck_assert_uint_eq(ctl_options_number(&line.options, CTL_PORT, 0), 1);
    ck_assert_str_eq(ctl_options_text_of(&line.options, CTL_HOST, ""), "h");
    ck_assert(ctl_options_flag(&line.options, CTL_QUIET));
    ck_assert(!ctl_options_flag(&line.options, CTL_SSL));
    ck_assert_int_eq(PARSE("ping", "-port", "1"), CTL_STATUS_USAGE);
    ck_assert_int_eq(PARSE("ping", "--P", "1"), CTL_STATUS_USAGE);
    ck_assert_int_eq(PARSE("ping", "-P", "-1"), CTL_STATUS_USAGE);
    ck_assert_int_eq(PARSE("ping", "-P", "99999999999999999999"), CTL_STATUS_USAGE);
    ck_assert_int_eq(PARSE("ping", "--all-vhosts"), CTL_STATUS_USAGE);
    ck_assert_int_eq(PARSE("ping", "-P"), CTL_STATUS_USAGE);
    ck_assert_int_eq(PARSE("ping", "-q", "-q"), CTL_STATUS_OK);
}
END_TEST

START_TEST(help_needs_nothing_else)
{
    ck_assert_int_eq(PARSE("--help"), CTL_STATUS_OK);
    ck_assert_ptr_null(line.command);
    ck_assert_int_eq(PARSE("set_permissions", "--help"), CTL_STATUS_OK);
    ck_assert_str_eq(line.command->name, "set_permissions");
    ck_assert_int_eq(PARSE("-q"), CTL_STATUS_USAGE);
}
END_TEST

/* Every row can be read: its arguments, its columns, and those options that it names. */
START_TEST(the_table_is_sound)
{
    struct ctl_argument arguments[CTL_ARGUMENTS_MAX];
    struct ctl_columns columns;
    const struct ctl_command *command;
    enum ctl_option_id id;
    char word[CTL_WORD_MAX];

    for (size_t i = 0; (command = ctl_command_at(i)); i++) {
        if (!command->name)
            continue;
        size_t count = ctl_command_arguments(command, arguments);
        for (size_t j = 0; j < count; j++)
            ck_assert_msg(!arguments[j].rest || j + 1 == count, "%s", command->name);
        const char *options = command->options;
        while (ctl_next_word(&options, word, sizeof(word)))
            ck_assert_msg(ctl_option_find(slice_str(word), &id) && ctl_command_takes(command, id),
                          "%s: %s", command->name, word);
        if (strchr(command->shows, '*'))
            ck_assert_int_eq(ctl_columns_choose(&columns, command->shows, NULL, 0), CTL_STATUS_OK);
    }
}
END_TEST

/* ---- settings ---- */

static enum ctl_status read_text(const char *text)
{
    return ctl_options_text(&line.options, "test.conf", slice_str(text));
}

START_TEST(sources_in_order)
{
    setenv("BILBYCTL_PORT", "2", 1);
    ck_assert_int_eq(PARSE("ping", "-H", "first"), CTL_STATUS_OK);
    ck_assert_int_eq(ctl_options_environment(&line.options), CTL_STATUS_OK);
    ck_assert_int_eq(read_text("host = third\nport=3\n username =  u v \n"), CTL_STATUS_OK);
    ck_assert_str_eq(ctl_options_text_of(&line.options, CTL_HOST, ""), "first");
    ck_assert_uint_eq(ctl_options_number(&line.options, CTL_PORT, 0), 2);
    ck_assert_str_eq(ctl_options_text_of(&line.options, CTL_USERNAME, ""), "u v");
}
END_TEST

START_TEST(one_source_of_the_password)
{
    setenv("BILBYCTL_PASSWORD_FILE", "file", 1);
    ck_assert_int_eq(PARSE("ping", "--password", "p"), CTL_STATUS_OK);
    ck_assert_int_eq(ctl_options_environment(&line.options), CTL_STATUS_OK);
    ck_assert_ptr_null(ctl_options_text_of(&line.options, CTL_PASSWORD_FILE, NULL));
    ck_assert_int_eq(PARSE("ping", "--password", "p", "--password-file", "f"), CTL_STATUS_USAGE);
}
END_TEST

START_TEST(sections_go_before_what_holds_for_all)
{
    const char *text = "port=1\n; comment\n[a]\nport=2\n[b c]\nport=3\nfrob\n";

    ck_assert_int_eq(PARSE("ping", "-n", "a"), CTL_STATUS_OK);
    ck_assert_int_eq(read_text(text), CTL_STATUS_OK);
    ck_assert_uint_eq(ctl_options_number(&line.options, CTL_PORT, 0), 2);
    ck_assert_int_eq(PARSE("ping", "-n", "rabbit@elsewhere"), CTL_STATUS_OK);
    ck_assert_int_eq(read_text(text), CTL_STATUS_OK);
    ck_assert_uint_eq(ctl_options_number(&line.options, CTL_PORT, 0), 1);
    ck_assert_str_eq(ctl_options_text_of(&line.options, CTL_HOST, ""), "elsewhere");
    ck_assert_int_eq(PARSE("ping", "-n", "b c"), CTL_STATUS_OK);
    ck_assert_int_eq(read_text(text), CTL_STATUS_CONFIG);
}
END_TEST

START_TEST(files_that_are_wrong)
{
    static const char *const texts[] = {"frob = 1",  "port",         "= 1",      "port = x",
                                        "ssl = yes", "quiet = true", "node = x", "H = x"};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        ck_assert_int_eq(PARSE("ping"), CTL_STATUS_OK);
        ck_assert_msg(read_text(texts[i]) == CTL_STATUS_CONFIG, "%s", texts[i]);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        words_find_their_places, names_in_two_words,         optional_words_and_the_rest,
        options_in_all_forms,    help_needs_nothing_else,    the_table_is_sound,
        sources_in_order,        one_source_of_the_password, sections_go_before_what_holds_for_all,
        files_that_are_wrong,
    };
    return suite_run("ctl_command", setup, teardown, tests, ARRAY_LEN(tests));
}
