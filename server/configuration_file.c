/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: lines `key = value`, RabbitMQ's form. `#` begins a comment, as does `%` at
 * the start of a line; a value in single quotes is taken as it stands, two quotes in it being one.
 */
#include "base/mem.h"
#include "server/config_table.h"
#include "server/configuration.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX (16u << 20) /* more than this is not a configuration file */

static struct slice trim(struct slice text)
{
    while (text.len > 0 && strchr(" \t\r", text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && strchr(" \t\r", text.data[text.len - 1]))
        text.len--;
    return text;
}

static bool begins_comment(struct slice text)
{
    return text.len == 0 || text.data[0] == '#' || text.data[0] == '%';
}

/* Up to a comment. NULL, or what is wrong with it. */
static const char *take_bare(struct slice *value)
{
    const uint8_t *hash = memchr(value->data, '#', value->len);
    if (!hash)
        return NULL;
    if (hash != value->data && hash[-1] != ' ' && hash[-1] != '\t')
        return "a '#' begins a comment: put the value into single quotes, or a space before it";
    *value = trim(slice_of(value->data, (size_t)(hash - value->data)));
    return NULL;
}

/* Where the quote that closes the value is; NULL: nowhere. Two together stand for one. */
static const uint8_t *closing_quote(struct slice value)
{
    for (size_t i = 1; i < value.len; i++) {
        if (value.data[i] != '\'')
            continue;
        if (i + 1 == value.len || value.data[i + 1] != '\'')
            return value.data + i;
        i++;
    }
    return NULL;
}

static const char *take_quoted(struct slice *value)
{
    const uint8_t *end = closing_quote(*value);
    if (!end)
        return "the closing quote is missing";
    struct slice rest = slice_of(end + 1, (size_t)(value->data + value->len - end - 1));
    if (!begins_comment(trim(rest)))
        return "there is something after the closing quote";
    *value = slice_of(value->data + 1, (size_t)(end - value->data - 1));
    return NULL;
}

/* A copy with each pair of quotes made one. */
static char *unquote(struct slice value)
{
    char *text = slice_dup(value);
    char *to = text;
    for (const char *from = text; *from; from++) {
        *to++ = *from;
        if (from[0] == '\'' && from[1] == '\'')
            from++;
    }
    *to = '\0';
    return text;
}

/* Splits at '='. NULL, or what is wrong with the line. */
static const char *split(struct slice line, struct slice *key, struct slice *value, bool *quoted)
{
    const uint8_t *equals = memchr(line.data, '=', line.len);
    if (memchr(line.data, '\0', line.len))
        return "there is a zero byte";
    if (!equals)
        return "expected 'key = value'";
    *key = trim(slice_of(line.data, (size_t)(equals - line.data)));
    *value = trim(slice_of(equals + 1, (size_t)(line.data + line.len - equals - 1)));
    if (key->len == 0)
        return "there is no key before the '='";
    *quoted = value->len > 0 && value->data[0] == '\'';
    if (*quoted)
        return take_quoted(value);
    return value->len > 0 ? take_bare(value) : NULL;
}

static void parse_line(struct configuration *configuration, const char *where, struct slice line)
{
    struct slice key, value;
    bool quoted;
    line = trim(line);
    if (begins_comment(line))
        return;
    const char *wrong = split(line, &key, &value, &quoted);
    if (wrong) {
        configuration_complain(configuration, where, wrong);
        return;
    }
    char *key_text = slice_dup(key);
    char *value_text = quoted ? unquote(value) : slice_dup(value);
    configuration_set(configuration, where, key_text, value_text);
    mem_free(key_text);
    mem_free(value_text);
}

void configuration_parse(struct configuration *configuration, const char *name, struct slice text)
{
    struct buf where = BUF_INIT;
    for (size_t number = 1; text.len > 0; number++) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end ? (size_t)(end - text.data) : text.len;
        size_t step = end ? len + 1 : len;
        buf_clear(&where);
        buf_printf(&where, "%s:%zu", name, number);
        parse_line(configuration, buf_cstr(&where), slice_of(text.data, len));
        text = slice_of(text.data + step, text.len - step);
    }
    buf_fini(&where);
}

/* Appends the file's content; 0 or an errno. */
static int read_all(const char *path, struct buf *content)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return errno;
    size_t got;
    errno = 0;
    do {
        uint8_t *room = buf_reserve(content, 65536);
        got = fread(room, 1, 65536, file);
        content->len += got;
    } while (got > 0 && content->len <= FILE_MAX);
    int error = ferror(file) ? (errno ? errno : EIO) : content->len > FILE_MAX ? EFBIG : 0;
    fclose(file);
    return error;
}

void configuration_read_file(struct configuration *configuration, const char *path)
{
    struct buf content = BUF_INIT;
    size_t secrets = configuration_secrets(configuration);
    int error = read_all(path, &content);
    if (error)
        configuration_complain(configuration, path, strerror(error));
    else
        configuration_parse(configuration, path, buf_slice(&content));
    buf_fini(&content);
    configuration_check_own_file(configuration, path,
                                 configuration_secrets(configuration) > secrets);
}
