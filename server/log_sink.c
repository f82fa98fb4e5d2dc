/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines with their time in front: `time=2026-01-31T12:00:00.000Z level=info msg=…`. Under
 * systemd, standard error gets the journal's priority instead of a time.
 *
 * (1) write_line() is called on any thread; it only reads the sink, which is changed while no other
 *     thread logs or in single words.
 */
#include "server/log_sink.h"

#include "base/mem.h"
#include "server/configuration.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define TIME_MAX 64

/* syslog(3)'s priorities, as sd-daemon(3) wants them. */
static const char *const journal_prefix[] = {
    [LOG_NONE] = "",    [LOG_ERROR] = "<3>", [LOG_WARNING] = "<4>",
    [LOG_INFO] = "<6>", [LOG_DEBUG] = "<7>",
};

static size_t print_time(char text[TIME_MAX])
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t len = strftime(text, TIME_MAX, "time=%Y-%m-%dT%H:%M:%S", &utc);
    return len + (size_t)snprintf(text + len, TIME_MAX - len, ".%03ldZ ", now.tv_nsec / 1000000);
}

/* A line that can't be written is lost: there is nowhere to say so. */
static void write_parts(int fd, const char *prefix, size_t prefix_len, const char *line, size_t len)
{
    struct iovec parts[] = {
        {(void *)(uintptr_t)prefix, prefix_len},
        {(void *)(uintptr_t)line, len},
        {(void *)(uintptr_t) "\n", 1},
    };
    ssize_t written;
    do {
        written = writev(fd, parts, (int)ARRAY_LEN(parts));
    } while (written < 0 && errno == EINTR);
}

static void write_line(void *context, enum log_level level, const char *line, size_t len)
{
    const struct log_sink *sink = context;
    char time[TIME_MAX];
    size_t time_len = print_time(time);
    if (level <= sink->console_level && sink->journal)
        write_parts(STDERR_FILENO, journal_prefix[level], strlen(journal_prefix[level]), line, len);
    else if (level <= sink->console_level)
        write_parts(STDERR_FILENO, time, time_len, line, len);
    if (sink->fd >= 0 && level <= sink->file_level)
        write_parts(sink->fd, time, time_len, line, len);
}

/* systemd names the journal's socket in JOURNAL_STREAM as "device:inode". */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void log_sink_init(struct log_sink *sink)
{
    *sink = (struct log_sink){
        .log = {.level = LOG_INFO, .write = write_line, .context = sink},
        .console_level = LOG_INFO,
        .fd = -1,
        .journal = stderr_is_journal(),
    };
}

void log_sink_fini(struct log_sink *sink)
{
    if (sink->fd >= 0)
        close(sink->fd);
    log_sink_init(sink);
}

/* log.console.level or log.file.level; empty: log.level. */
static enum log_level level_of(const struct configuration *configuration, enum config_key own)
{
    enum config_key key = configuration_given(configuration, own) ? own : CONFIG_LOG_LEVEL;
    return (enum log_level)configuration_number(configuration, key);
}

/* The path of the file to log to, or NULL. */
static char *path_of(const struct configuration *configuration)
{
    const char *file = configuration_text(configuration, CONFIG_LOG_FILE);
    const char *directory = configuration_text(configuration, CONFIG_LOG_DIR);
    struct buf path = BUF_INIT;
    if (strcmp(file, "false") == 0)
        return NULL;
    if (directory[0] && !strchr(file, '/'))
        buf_printf(&path, "%s/", directory);
    buf_add_str(&path, file);
    char *text = slice_dup(buf_slice(&path));
    buf_fini(&path);
    return text;
}

/* Puts the opened file in the place of the old one in one step: a writer's thread that logs just
 * now writes to the one or the other. */
static void replace_file(struct log_sink *sink, int fd)
{
    if (sink->fd < 0) {
        sink->fd = fd;
        return;
    }
    (void)dup3(fd, sink->fd, O_CLOEXEC);
    close(fd);
}

/* Opens the file to log to: none is needed when there was none and is none. */
static enum err open_file(struct log_sink *sink, const char *path, char *message,
                          size_t message_size)
{
    if (!path && sink->fd < 0)
        return ERR_OK;
    const char *target = path ? path : "/dev/null";
    int fd = open(target, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0) {
        snprintf(message, message_size, "cannot open the log file %s: %s", target, strerror(errno));
        return ERR_IO;
    }
    replace_file(sink, fd);
    return ERR_OK;
}

enum err log_sink_configure(struct log_sink *sink, const struct configuration *configuration,
                            char *message, size_t message_size)
{
    char *path = path_of(configuration);
    enum err error = open_file(sink, path, message, message_size);
    if (error == ERR_OK) {
        sink->console_level = configuration_number(configuration, CONFIG_LOG_CONSOLE)
                                  ? level_of(configuration, CONFIG_LOG_CONSOLE_LEVEL)
                                  : LOG_NONE;
        sink->file_level = path ? level_of(configuration, CONFIG_LOG_FILE_LEVEL) : LOG_NONE;
        sink->log.level =
            sink->file_level > sink->console_level ? sink->file_level : sink->console_level;
    }
    mem_free(path);
    return error;
}
