/* SPDX-License-Identifier: Apache-2.0 */
/* How a run of bilbyctl ends. */
#ifndef TOOLS_BILBYCTL_STATUS_H
#define TOOLS_BILBYCTL_STATUS_H

#include "base/check.h"

/* X(name, exit status, meaning): those of sysexits.h, as rabbitmqctl uses them. The man page lists
 * them. */
#define CTL_STATUSES(X)                                                                            \
    X(OK, 0, "it is done")                                                                         \
    X(USAGE, 64, "the command line is wrong")                                                      \
    X(DATA, 65, "the broker finds what was given to be wrong, or a file holds no JSON")            \
    X(NO_INPUT, 66, "a file can't be read")                                                        \
    X(NOT_FOUND, 67, "there is no such user, virtual host, queue …")                               \
    X(UNAVAILABLE, 69, "the broker can't be reached, stops, or a check found it ill")              \
    X(SOFTWARE, 70, "the broker's answer makes no sense")                                          \
    X(NO_OUTPUT, 73, "a file or the standard output can't be written")                             \
    X(REFUSED, 77, "wrong password, or no permission")                                             \
    X(CONFIG, 78, "the configuration file is wrong")

enum ctl_status {
#define X(name, value, meaning) CTL_STATUS_##name = (value),
    CTL_STATUSES(X)
#undef X
};

/* Prints "bilbyctl: …" to standard error and returns `status`. Control characters are replaced: the
 * broker's reasons hold names that clients chose. */
enum ctl_status ctl_complain(enum ctl_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
