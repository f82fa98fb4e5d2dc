/* SPDX-License-Identifier: Apache-2.0 */
/* Formatting of log lines.
 *
 * (1) A line never holds a control character, whatever was passed in: one call, one line.
 */
#include "base/log.h"

#include "base/buf.h"
#include "base/check.h"

static const char *const level_names[] = {
#define X(name, text) [LOG_##name] = (text),
    LOG_LEVEL_TABLE(X)
#undef X
};

bool log_level_parse(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

const char *log_level_name(enum log_level level)
{
    CHECK((size_t)level < ARRAY_LEN(level_names));
    return level_names[level];
}

static bool is_control(uint8_t byte)
{
    return byte < 0x20 || byte == 0x7f;
}

static void blank_controls(struct buf *line)
{
    for (size_t i = 0; i < line->len; i++)
        if (is_control(line->data[i]))
            line->data[i] = ' ';
}

void log_line(struct log *log, enum log_level level, const char *message, const char *fields, ...)
{
    if (level == LOG_NONE || !log_wants(log, level))
        return;
    struct buf line = BUF_INIT;

    buf_printf(&line, "level=%s msg=\"%s\"", log_level_name(level), message);
    if (fields && *fields) {
        va_list arguments;
        buf_add_u8(&line, ' ');
        va_start(arguments, fields);
        buf_vprintf(&line, fields, arguments);
        va_end(arguments);
    }
    blank_controls(&line);
    log->write(log->context, level, buf_cstr(&line), line.len);
    buf_fini(&line);
}

static bool needs_quotes(struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t byte = value.data[i];
        if (is_control(byte) || byte == ' ' || byte == '"' || byte == '=' || byte == '\\')
            return true;
    }
    return value.len == 0;
}

/* One byte as it stands between quotes; returns how many characters. */
static size_t escape(char out[4], uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";

    if (is_control(byte)) {
        out[0] = '\\';
        out[1] = 'x';
        out[2] = digits[byte >> 4];
        out[3] = digits[byte & 15];
        return 4;
    }
    if (byte == '"' || byte == '\\') {
        out[0] = '\\';
        out[1] = (char)byte;
        return 2;
    }
    out[0] = (char)byte;
    return 1;
}

static void quote_plain(char *out, size_t size, struct slice value)
{
    size_t len = value.len < size - 1 ? value.len : size - 1;

    memcpy(out, value.data, len);
    out[len] = '\0';
}

const char *log_quote(char *out, size_t size, struct slice value)
{
    CHECK(size >= 3);
    if (!needs_quotes(value)) {
        quote_plain(out, size, value);
        return out;
    }
    size_t len = 0;
    out[len++] = '"';
    for (size_t i = 0; i < value.len; i++) {
        char escaped[4];
        size_t count = escape(escaped, value.data[i]);
        if (len + count + 2 > size)
            break; /* the closing quote and the NUL always fit */
        memcpy(out + len, escaped, count);
        len += count;
    }
    out[len++] = '"';
    out[len] = '\0';
    return out;
}
