/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon: everything that one running broker consists of, from configuration to exit code. */
#ifndef SERVER_DAEMON_H
#define SERVER_DAEMON_H

#include "server/command_line.h"

/* Exit codes, in the spirit of sysexits.h. The manual page lists them from here. */
#define EXIT_CODE_TABLE(X)                                                                         \
    X(OK, 0, "stopped as asked")                                                                   \
    X(USAGE, 64, "wrong arguments")                                                                \
    X(DATA, 65, "a database is damaged, foreign, from a newer version, or missing")                \
    X(UNAVAILABLE, 69, "an address to listen on is taken or not ours")                             \
    X(OS, 71, "the operating system refused something basic")                                      \
    X(CREATE, 73, "a file could not be created")                                                   \
    X(IO, 74, "the disk failed, or at the end refused to take what was left to write")             \
    X(BUSY, 75, "another process uses the data directory")                                         \
    X(CONFIG, 78, "the configuration, or a file that it names, is wrong")

enum exit_code {
#define X(name, number, text) EXIT_CODE_##name = (number),
    EXIT_CODE_TABLE(X)
#undef X
};

/* Does what the command line asks; returns the process's exit code. */
enum exit_code daemon_run(const struct command_line *line, char **environment);

#endif
