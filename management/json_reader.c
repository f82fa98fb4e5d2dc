/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in parts.
 *
 *   START ─ '{' ─► FIRST_KEY ─► KEY ─► COLON ─► VALUE ─► AFTER_VALUE ─ ',' ─► KEY
 *                      │                          │           └─ '}' ─► END
 *                      └─ '}' ─► END              └─ '[' ─► FIRST_ELEMENT ─► AFTER_ELEMENT ─ ',' ─► ELEMENT
 *                                                                ▲                └─ ']' ─► AFTER_VALUE
 *
 * (1) Values are jansson's to read; what stands between them is read here.
 */
#include "management/json_reader.h"

#include "base/check.h"
#include "management/json.h"

#include <stdarg.h>
#include <stdio.h>

enum json_expected {
    START,
    FIRST_KEY,
    KEY,
    COLON,
    VALUE,
    FIRST_ELEMENT,
    ELEMENT,
    AFTER_ELEMENT,
    AFTER_VALUE,
    END,
};

void json_reader_init(struct json_reader *reader, struct slice text)
{
    *reader = (struct json_reader){.text = text, .expected = START};
}

void json_reader_fini(struct json_reader *reader)
{
    json_decref(reader->document);
    json_decref(reader->key);
    *reader = (struct json_reader){0};
}

/* ---- what is wrong ---- */

static enum json_read wrong_at(struct json_reader *reader, int line, int column, const char *why)
{
    const uint8_t *from = reader->text.data;
    size_t before = reader->at;

    for (const uint8_t *newline; before > 0 && (newline = memchr(from, '\n', before)); line++) {
        before -= (size_t)(newline + 1 - from);
        from = newline + 1;
    }
    snprintf(reader->message, sizeof(reader->message), "not JSON: line %d, column %d: %s", line,
             column, why);
    return JSON_READ_WRONG;
}

/* Behind the last line's end before where the reader stands. */
static size_t column_before(const struct json_reader *reader)
{
    size_t column = 0;

    while (column < reader->at && reader->text.data[reader->at - column - 1] != '\n')
        column++;
    return column;
}

static enum json_read wrong(struct json_reader *reader, const char *why)
{
    return wrong_at(reader, 1, (int)column_before(reader) + 1, why);
}

/* ---- values ---- */

static struct slice rest(const struct json_reader *reader)
{
    return slice_of(reader->text.data + reader->at, reader->text.len - reader->at);
}

/* NULL and a message when there is none. */
static json_t *read_value(struct json_reader *reader)
{
    struct slice text = rest(reader);
    json_error_t where;
    json_t *value = json_loadb((const char *)text.data, text.len,
                               JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &where);

    if (value) {
        reader->at += (size_t)where.position;
        return value;
    }
    int column = where.line == 1 ? (int)column_before(reader) : 0;
    (void)wrong_at(reader, where.line, column + where.column, where.text);
    return NULL;
}

static bool read_key(struct json_reader *reader)
{
    json_decref(reader->key);
    reader->key = read_value(reader);
    if (!reader->key)
        return false;
    if (json_is_string(reader->key))
        return true;
    (void)wrong(reader, "a member's name must be a string");
    return false;
}

/* The member's value, or an array to which elements will come. */
static void set_member(struct json_reader *reader, json_t *value)
{
    struct slice key = json_slice(reader->key);

    CHECK(json_object_setn_new(reader->document, (const char *)key.data, key.len, value) == 0);
}

/* ---- between values ---- */

static bool skip_space(struct json_reader *reader)
{
    while (reader->at < reader->text.len && strchr(" \t\r\n", reader->text.data[reader->at]) &&
           reader->text.data[reader->at])
        reader->at++;
    return reader->at < reader->text.len;
}

/* Goes past the character if it is the next. */
static bool take(struct json_reader *reader, char c)
{
    if (reader->text.data[reader->at] != c)
        return false;
    reader->at++;
    return true;
}

/* ---- steps: the next thing, which is there ---- */

static enum json_read expect(struct json_reader *reader, enum json_expected next)
{
    reader->expected = (int)next;
    return JSON_READ_MORE;
}

/* A document that is no object. */
static enum json_read read_whole(struct json_reader *reader)
{
    reader->document = read_value(reader);
    return reader->document ? expect(reader, END) : JSON_READ_WRONG;
}

static enum json_read step_start(struct json_reader *reader)
{
    if (!take(reader, '{'))
        return read_whole(reader);
    reader->document = json_object();
    return expect(reader, FIRST_KEY);
}

static enum json_read step_value(struct json_reader *reader)
{
    if (take(reader, '[')) {
        reader->array = json_array();
        set_member(reader, reader->array);
        return expect(reader, FIRST_ELEMENT);
    }
    json_t *value = read_value(reader);
    if (!value)
        return JSON_READ_WRONG;
    set_member(reader, value);
    return expect(reader, AFTER_VALUE);
}

static enum json_read step_element(struct json_reader *reader)
{
    json_t *element = read_value(reader);

    if (!element)
        return JSON_READ_WRONG;
    CHECK(json_array_append_new(reader->array, element) == 0);
    return expect(reader, AFTER_ELEMENT);
}

static enum json_read step_key(struct json_reader *reader)
{
    return read_key(reader) ? expect(reader, COLON) : JSON_READ_WRONG;
}

static enum json_read step(struct json_reader *reader)
{
    switch ((enum json_expected)reader->expected) {
    case START:
        return step_start(reader);
    case FIRST_KEY:
        return take(reader, '}') ? expect(reader, END) : step_key(reader);
    case KEY:
        return step_key(reader);
    case COLON:
        return take(reader, ':') ? expect(reader, VALUE) : wrong(reader, "':' expected");
    case VALUE:
        return step_value(reader);
    case FIRST_ELEMENT:
        return take(reader, ']') ? expect(reader, AFTER_VALUE) : step_element(reader);
    case ELEMENT:
        return step_element(reader);
    case AFTER_ELEMENT:
        if (take(reader, ','))
            return expect(reader, ELEMENT);
        return take(reader, ']') ? expect(reader, AFTER_VALUE)
                                 : wrong(reader, "',' or ']' expected");
    case AFTER_VALUE:
        if (take(reader, ','))
            return expect(reader, KEY);
        return take(reader, '}') ? expect(reader, END) : wrong(reader, "',' or '}' expected");
    case END:
        return wrong(reader, "end of the document expected");
    }
    UNREACHABLE();
}

enum json_read json_reader_run(struct json_reader *reader, size_t bytes)
{
    size_t begin = reader->at;

    while (reader->at - begin < bytes) {
        if (!skip_space(reader))
            return reader->expected == END ? JSON_READ_DONE
                                           : wrong(reader, "premature end of the document");
        enum json_read read = step(reader);
        if (read != JSON_READ_MORE)
            return read;
    }
    return JSON_READ_MORE;
}
