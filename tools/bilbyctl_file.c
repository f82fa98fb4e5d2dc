/* SPDX-License-Identifier: Apache-2.0 */
/* Files, standard input and secrets that are typed; and complaints. */
#include "tools/bilbyctl_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define SECRET_BYTES_MAX 4096

enum ctl_status ctl_complain(enum ctl_status status, const char *format, ...)
{
    struct buf text = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    for (size_t i = 0; i < text.len; i++)
        if (iscntrl(text.data[i]) && text.data[i] != '\n')
            text.data[i] = '?';
    fflush(stdout);
    fprintf(stderr, "bilbyctl: %s\n", buf_cstr(&text));
    buf_fini(&text);
    return status;
}

bool ctl_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static enum ctl_status read_all(struct buf *out, FILE *file, const char *path, size_t max)
{
    size_t count;

    do {
        count = fread(buf_reserve(out, 65536), 1, 65536, file);
        out->len += count;
    } while (count > 0 && out->len <= max);
    if (ferror(file))
        return ctl_complain(CTL_STATUS_NO_INPUT, "%s: %s", path, strerror(errno));
    if (out->len > max)
        return ctl_complain(CTL_STATUS_NO_INPUT, "%s: larger than %zu bytes", path, max);
    return CTL_STATUS_OK;
}

enum ctl_status ctl_file_read(struct buf *out, const char *path, size_t max)
{
    if (strcmp(path, "-") == 0)
        return read_all(out, stdin, "standard input", max);
    FILE *file = fopen(path, "re");
    if (!file)
        return ctl_complain(CTL_STATUS_NO_INPUT, "%s: %s", path, strerror(errno));
    enum ctl_status status = read_all(out, file, path, max);
    fclose(file);
    return status;
}

enum ctl_status ctl_file_write(const char *path, struct slice content)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdout : fopen(path, "we");

    if (!file)
        return ctl_complain(CTL_STATUS_NO_OUTPUT, "%s: %s", path, strerror(errno));
    bool good = content.len == 0 || fwrite(content.data, 1, content.len, file) == content.len;
    good = (standard ? fflush(file) : fclose(file)) == 0 && good;
    if (!good)
        return ctl_complain(CTL_STATUS_NO_OUTPUT, "%s: %s", path, strerror(errno));
    return CTL_STATUS_OK;
}

/* ---- secrets ---- */

static bool hide_typing(struct termios *before)
{
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, before) != 0)
        return false;
    struct termios hidden = *before;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    return tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0;
}

enum ctl_status ctl_secret_read(struct buf *out, const char *prompt)
{
    struct termios before;
    char line[SECRET_BYTES_MAX];
    bool hidden = hide_typing(&before);

    if (hidden)
        fprintf(stderr, "%s: ", prompt);
    bool read = fgets(line, sizeof(line), stdin);
    if (hidden) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    if (!read)
        return ctl_complain(CTL_STATUS_USAGE, "%s: give it as an argument or on standard input",
                            prompt);
    buf_add(out, line, strcspn(line, "\r\n"));
    return CTL_STATUS_OK;
}
