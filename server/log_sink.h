/* SPDX-License-Identifier: Apache-2.0 */
/* Where log lines end: standard error, and a file when the configuration names one. Each line is
 * one write(2), so lines of the writer threads and of the loop never mix.
 */
#ifndef SERVER_LOG_SINK_H
#define SERVER_LOG_SINK_H

#include "base/err.h"
#include "base/log.h"

struct configuration;

struct log_sink {
    struct log log;               /* what everybody logs to */
    enum log_level console_level; /* LOG_NONE: not to standard error */
    enum log_level file_level;
    int fd;       /* of the file; -1: none */
    bool journal; /* standard error is the journal's: it has the time itself */
};

/* A sink that writes to standard error, level info: for the time before there is a configuration. */
void log_sink_init(struct log_sink *sink);
void log_sink_fini(struct log_sink *sink);
/* Takes over levels and file; the file is opened anew, so that a rotated one is let go. On failure
 * the sink goes on as it was. */
enum err log_sink_configure(struct log_sink *sink, const struct configuration *configuration,
                            char *message, size_t message_size) MUST_USE;

#endif
