/* SPDX-License-Identifier: Apache-2.0 */
/* One command line: the row of bilbyctl_commands.def it names, and the words it has for it. */
#ifndef TOOLS_BILBYCTL_COMMAND_H
#define TOOLS_BILBYCTL_COMMAND_H

#include "base/buf.h"
#include "tools/bilbyctl_options.h"

#define CTL_ARGUMENTS_MAX 8 /* binding, publish: six */
#define CTL_WORD_MAX 64     /* an argument's name */

struct ctl;

struct ctl_command {
    const char *name; /* NULL: this row is a section's title, in `help` */
    const char *arguments;
    const char *options;
    enum ctl_status (*run)(struct ctl *ctl);
    const char *request;
    const char *shows;
    const char *help;
};

/* One of a command's arguments, out of its row. */
struct ctl_argument {
    char name[CTL_WORD_MAX];
    bool required;
    bool pair; /* name=value */
    bool rest; /* any number of them */
};

/* The rows in turn, titles too; NULL behind the last. Static storage. */
const struct ctl_command *ctl_command_at(size_t index);
/* The command that words begin with: "list_queues", "list queues", "declare queue". *used tells
 * how many words its name took. NULL when there is none. */
const struct ctl_command *ctl_command_find(char *const *words, size_t count, size_t *used);
/* Fills in the row's arguments; returns how many. */
size_t ctl_command_arguments(const struct ctl_command *command,
                             struct ctl_argument arguments[CTL_ARGUMENTS_MAX]);
/* The command takes the option. */
bool ctl_command_takes(const struct ctl_command *command, enum ctl_option_id id);
/* Copies the next word of a row's text, words being divided by spaces; false at its end. */
bool ctl_next_word(const char **text, char *word, size_t size);

/* A command line. Words are borrowed from argv. */
struct ctl_line {
    const struct ctl_command *command; /* NULL: there was none */
    struct ctl_argument arguments[CTL_ARGUMENTS_MAX];
    const char *values[CTL_ARGUMENTS_MAX]; /* NULL: absent */
    size_t argument_count;
    char **rest; /* those of "[name...]" */
    size_t rest_count;
    char **words; /* all that are no options; heap */
    struct ctl_options options;
    bool vhost_given; /* on the command line */
};

/* Takes the command line apart and checks it against its row. With --help or --version anything may
 * be missing. ctl_line_fini() in any case. */
enum ctl_status ctl_line_parse(struct ctl_line *line, int argc, char **argv) MUST_USE;
void ctl_line_fini(struct ctl_line *line);

/* What {name} stands for in the row's texts: the argument, or the option; a missing vhost is "/".
 * NULL when it is absent. Borrowed. */
const char *ctl_line_value(const struct ctl_line *line, const char *name);

#endif
