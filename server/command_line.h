/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of bilbyd. */
#ifndef SERVER_COMMAND_LINE_H
#define SERVER_COMMAND_LINE_H

#include "base/check.h"

#include <stdbool.h>
#include <stddef.h>

#define COMMAND_LINE_SETS_MAX 1000

/* What to do. */
enum command {
    COMMAND_RUN,
    COMMAND_CHECK_CONFIG,
    COMMAND_PRINT_CONFIG,
    COMMAND_LIST_KEYS,
    COMMAND_VERSION,
    COMMAND_HELP
};

struct command_line {
    enum command command;
    const char *config_file; /* NULL: none; points into argv or the environment */
    const char *data_directory;
    const char *sets[COMMAND_LINE_SETS_MAX]; /* "KEY=VALUE", in the order given */
    size_t set_count;
};

/* False, with a sentence on standard error, when the arguments are wrong. */
bool command_line_parse(struct command_line *line, int argc, char **argv) MUST_USE;
/* The text of --help, on standard output. */
void command_line_help(void);

#endif
