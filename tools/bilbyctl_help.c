/* SPDX-License-Identifier: Apache-2.0 */
/* --help, `help` and its form for programs, from the rows of the tables. */
#include "tools/bilbyctl_help.h"

#include "tools/bilbyctl_print.h"
#include "tools/bilbyctl_verbs.h"

#include <stdlib.h>

#define NAMES_WIDTH 34 /* of the left side */

void ctl_add_column_names(struct buf *out, const struct ctl_command *command, const char *separator)
{
    const char *shows = strchr(command->shows, '*') ? command->shows : "";
    char word[CTL_COLUMN_MAX];
    bool first = true;

    while (ctl_next_word(&shows, word, sizeof(word))) {
        const char *name = word + (word[0] == '*' ? 1 : 0);
        buf_printf(out, "%s%.*s", first ? "" : separator, (int)strcspn(name, ":"), name);
        first = false;
    }
}

/* "-p, --vhost VHOST" */
static void add_option_names(struct buf *out, const struct ctl_option *option)
{
    if (option->shorthand[0])
        buf_printf(out, "-%s, ", option->shorthand);
    buf_printf(out, "--%s%s%s", option->name, option->argument ? " " : "",
               option->argument ? option->argument : "");
}

static void add_option(struct buf *out, enum ctl_option_id id)
{
    struct buf names = BUF_INIT;

    add_option_names(&names, ctl_option(id));
    buf_printf(out, "  %-*s%s\n", NAMES_WIDTH, buf_cstr(&names), ctl_option(id)->help);
    buf_fini(&names);
}

static bool of_command(const struct ctl_command *command, enum ctl_option_id id)
{
    enum ctl_where where = ctl_option(id)->where;

    return (where == CTL_WHERE_NAMED || where == CTL_WHERE_SCOPED) &&
           ctl_command_takes(command, id);
}

static void add_command_help(struct buf *out, const struct ctl_command *command)
{
    buf_printf(out, "bilbyctl [option...] %s %s\n\n%s\n", command->name, command->arguments,
               command->help);
    for (enum ctl_option_id id = 0; id < CTL_OPTION_COUNT; id++)
        if (of_command(command, id))
            add_option(out, id);
    if (strstr(command->arguments, "column")) {
        buf_add_str(out, "Columns: ");
        ctl_add_column_names(out, command, ", ");
        buf_add_u8(out, '\n');
    }
}

static void add_overview(struct buf *out)
{
    const struct ctl_command *command;
    struct buf left = BUF_INIT;

    buf_add_str(out, "bilbyctl [option...] command [argument...]\n");
    for (size_t i = 0; (command = ctl_command_at(i)); i++) {
        if (!command->name) {
            buf_printf(out, "\n%s:\n", command->help);
            continue;
        }
        buf_clear(&left);
        buf_printf(&left, "%s %s", command->name, command->arguments);
        const char *gap = left.len >= NAMES_WIDTH ? "\n                                    " : "";
        buf_printf(out, "  %-*s%s%s\n", NAMES_WIDTH, buf_cstr(&left), gap, command->help);
    }
    buf_add_str(out, "\nOptions of every command (bilbyctl help COMMAND shows its own):\n");
    for (enum ctl_option_id id = 0; id < CTL_OPTION_COUNT; id++)
        if (ctl_option(id)->where != CTL_WHERE_NAMED)
            add_option(out, id);
    buf_fini(&left);
}

void ctl_add_help(struct buf *out, const struct ctl_command *command)
{
    if (command)
        add_command_help(out, command);
    else
        add_overview(out);
}

/* ---- for programs ---- */

static json_t *command_object(const struct ctl_command *command, const char *section)
{
    struct buf columns = BUF_INIT;
    json_t *options = json_array();

    for (enum ctl_option_id id = 0; id < CTL_OPTION_COUNT; id++)
        if (of_command(command, id))
            json_array_append_new(options, json_string(ctl_option(id)->name));
    if (strstr(command->arguments, "column"))
        ctl_add_column_names(&columns, command, " ");
    json_t *object = json_pack("{s:s,s:s,s:s,s:o,s:s,s:s}", "section", section, "name",
                               command->name, "arguments", command->arguments, "options", options,
                               "columns", buf_cstr(&columns), "help", command->help);
    buf_fini(&columns);
    return object;
}

static json_t *all_options(void)
{
    json_t *list = json_array();

    for (enum ctl_option_id id = 0; id < CTL_OPTION_COUNT; id++) {
        const struct ctl_option *option = ctl_option(id);
        bool setting = option->where == CTL_WHERE_SETTING || option->where == CTL_WHERE_SCOPED;
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:b,s:b,s:s}", "name", option->name,
                                              "short", option->shorthand, "argument",
                                              option->argument ? option->argument : "", "setting",
                                              setting, "named", option->where == CTL_WHERE_NAMED,
                                              "help", option->help));
    }
    return list;
}

static json_t *all_statuses(void)
{
    json_t *list = json_array();

#define X(name, value, text)                                                                       \
    json_array_append_new(list, json_pack("{s:i,s:s}", "status", value, "meaning", text));
    CTL_STATUSES(X)
#undef X
    return list;
}

static json_t *all_commands(void)
{
    const struct ctl_command *command;
    const char *section = "";
    json_t *list = json_array();

    for (size_t i = 0; (command = ctl_command_at(i)); i++) {
        if (command->name)
            json_array_append_new(list, command_object(command, section));
        else
            section = command->help;
    }
    return list;
}

static enum ctl_status print_tables(const struct ctl *ctl)
{
    json_t *tables = json_pack("{s:o,s:o,s:o}", "commands", all_commands(), "options",
                               all_options(), "statuses", all_statuses());

    CHECK(tables);
    enum ctl_status status = ctl_print_object(ctl, tables);
    json_decref(tables);
    return status;
}

enum ctl_status verb_help(struct ctl *ctl)
{
    const struct ctl_command *command = NULL;
    struct buf text = BUF_INIT;
    struct ctl_view view;
    size_t used;

    enum ctl_status status = ctl_view_init(&view, ctl);
    if (status == CTL_STATUS_OK && view.format == CTL_FORMAT_JSON)
        return print_tables(ctl);
    if (status == CTL_STATUS_OK && ctl->line.rest_count > 0) {
        command = ctl_command_find(ctl->line.rest, ctl->line.rest_count, &used);
        if (!command)
            return ctl_complain(CTL_STATUS_USAGE, "there is no command %s", ctl->line.rest[0]);
    }
    if (status != CTL_STATUS_OK)
        return status;
    ctl_add_help(&text, command);
    status = ctl_print(&text);
    buf_fini(&text);
    return status;
}
