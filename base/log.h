/* SPDX-License-Identifier: Apache-2.0 */
/* Logging: logfmt lines (`level=info msg="..." conn=12 vhost=/ …`) handed to a sink. The sink, which
 * adds the time, is the server's, so the deterministic rooms can log.
 *
 * log_info(log, "connection opened", "conn=%" PRIu64 " user=%s", id, user): a stable text, then
 * fields. Values that a peer chose go through log_quote().
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/slice.h"

#define LOG_LEVEL_TABLE(X)                                                                         \
    X(NONE, "none")                                                                                \
    X(ERROR, "error")                                                                              \
    X(WARNING, "warning")                                                                          \
    X(INFO, "info")                                                                                \
    X(DEBUG, "debug")

enum log_level {
#define X(name, text) LOG_##name,
    LOG_LEVEL_TABLE(X)
#undef X
};

struct log {
    enum log_level level; /* lines above it are not formatted */
    /* One line without its end; called on the logging thread. */
    void (*write)(void *context, enum log_level level, const char *line, size_t len);
    void *context;
};

/* Whether lines of this level go anywhere. */
static inline bool log_wants(const struct log *log, enum log_level level)
{
    return log && log->level >= level;
}

/* Formats and hands over one line; `fields` may be NULL. A NULL log discards. */
void log_line(struct log *log, enum log_level level, const char *message, const char *fields, ...)
    __attribute__((format(printf, 4, 5)));

#define log_error(log, ...) log_line(log, LOG_ERROR, __VA_ARGS__)
#define log_warning(log, ...) log_line(log, LOG_WARNING, __VA_ARGS__)
#define log_info(log, ...) log_line(log, LOG_INFO, __VA_ARGS__)
#define log_debug(log, ...)                                                                        \
    do {                                                                                           \
        if (log_wants((log), LOG_DEBUG))                                                           \
            log_line(log, LOG_DEBUG, __VA_ARGS__);                                                 \
    } while (0)

/* The level of a name of the table; false when it is none of them. */
bool log_level_parse(const char *name, enum log_level *level);
const char *log_level_name(enum log_level level);

/* A value in logfmt quoting (quotes when it holds a space, a quote, '=' or a control character),
 * cut at the buffer's size; returns `out`. */
const char *log_quote(char *out, size_t size, struct slice value);

#endif
