/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments. */
#include "server/command_line.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const struct argument {
    const char *name;
    char letter;
    const char *value; /* what follows it; NULL: nothing */
    const char *help;
} arguments[] = {
    {"config", 'c', "FILE", "read this configuration file"},
    {"data-dir", 'd', "DIR", "keep the databases here (default: ./data)"},
    {"set", 's', "KEY=VALUE", "set a key of the configuration; may be repeated"},
    {"check-config", 'C', NULL, "check the configuration and exit"},
    {"print-config", 'P', NULL, "print the effective configuration and exit"},
    {"list-keys", 'L', NULL, "print all keys with type, default and meaning, and exit"},
    {"version", 'V', NULL, "print the version and exit"},
    {"help", 'h', NULL, "print this text and exit"},
};

/* The table in getopt's form. */
static void make_options(struct option options[ARRAY_LEN(arguments) + 1],
                         char letters[2 * ARRAY_LEN(arguments) + 1])
{
    for (size_t i = 0; i < ARRAY_LEN(arguments); i++) {
        const struct argument *argument = &arguments[i];
        options[i] = (struct option){
            .name = argument->name,
            .has_arg = argument->value ? required_argument : no_argument,
            .val = argument->letter,
        };
        *letters++ = argument->letter;
        if (argument->value)
            *letters++ = ':';
    }
    options[ARRAY_LEN(arguments)] = (struct option){0};
    *letters = '\0';
}

static bool add_set(struct command_line *line, const char *assignment)
{
    if (line->set_count == COMMAND_LINE_SETS_MAX) {
        fprintf(stderr, "bilbyd: more than %d times --set\n", COMMAND_LINE_SETS_MAX);
        return false;
    }
    line->sets[line->set_count++] = assignment;
    return true;
}

static bool take(struct command_line *line, int option, const char *argument)
{
    switch (option) {
    case 'c':
        line->config_file = argument;
        return true;
    case 'd':
        line->data_directory = argument;
        return true;
    case 's':
        return add_set(line, argument);
    case 'C':
        line->command = COMMAND_CHECK_CONFIG;
        return true;
    case 'P':
        line->command = COMMAND_PRINT_CONFIG;
        return true;
    case 'L':
        line->command = COMMAND_LIST_KEYS;
        return true;
    case 'V':
        line->command = COMMAND_VERSION;
        return true;
    case 'h':
        line->command = COMMAND_HELP;
        return true;
    default:
        fprintf(stderr, "Try 'bilbyd --help'.\n");
        return false;
    }
}

bool command_line_parse(struct command_line *line, int argc, char **argv)
{
    struct option options[ARRAY_LEN(arguments) + 1];
    char letters[2 * ARRAY_LEN(arguments) + 1];
    make_options(options, letters);
    *line = (struct command_line){
        .command = COMMAND_RUN,
        .config_file = getenv("BILBY_CONFIG_FILE"),
    };
    for (int option; (option = getopt_long(argc, argv, letters, options, NULL)) != -1;) {
        if (!take(line, option, optarg))
            return false;
    }
    if (optind < argc) {
        fprintf(stderr, "bilbyd: unexpected argument '%s'\nTry 'bilbyd --help'.\n", argv[optind]);
        return false;
    }
    return true;
}

void command_line_help(void)
{
    printf(
        "Usage: bilbyd [OPTION]…\n"
        "A message broker that speaks AMQP 0-9-1. Runs in the foreground; stops on SIGTERM.\n\n");
    for (size_t i = 0; i < ARRAY_LEN(arguments); i++) {
        const struct argument *argument = &arguments[i];
        char name[40];
        snprintf(name, sizeof(name), "%s %s", argument->name,
                 argument->value ? argument->value : "");
        printf("  -%c, --%-20s %s\n", argument->letter, name, argument->help);
    }
    printf("\nKeys can also be set by environment variables, BILBY_ and the key in capitals with\n"
           "underscores for dots. See bilbyd(8) and bilby.conf(5).\n");
}
