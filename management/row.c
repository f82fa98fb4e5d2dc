/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as text.
 *
 * (1) Which paths hold below an open member stands behind those of the level around it; closing
 *     forgets them. A path is what is left of it at its level.
 * (2) What has been written may have left already: a level knows by itself whether a comma is due.
 */
#include "management/row.h"

#include "base/check.h"
#include "base/mem.h"
#include "management/json.h"
#include "management/management.h"
#include "proto/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* ---- columns ---- */

void columns_init(struct columns *columns, const char *names)
{
    *columns = (struct columns){0};
    if (!names || !*names)
        return;
    columns->names = slice_dup(slice_str(names));
    columns->paths =
        mem_alloc((strlen(names) + 1) / 2 * sizeof(struct slice) + sizeof(struct slice));
    for (const char *at = columns->names; *at;) {
        size_t len = strcspn(at, ",");
        if (len)
            columns->paths[columns->count++] = slice_of(at, len);
        at += at[len] ? len + 1 : len;
    }
}

void columns_fini(struct columns *columns)
{
    mem_free(columns->names);
    mem_free(columns->paths);
    *columns = (struct columns){0};
}

/* ---- values ---- */

int row_value_compare(const struct row_value *a, const struct row_value *b)
{
    if (a->kind != b->kind)
        return (int)a->kind - (int)b->kind;
    if (a->kind == ROW_TEXT)
        return slice_compare(a->text, b->text);
    return a->number < b->number ? -1 : a->number > b->number;
}

/* ---- levels ---- */

static void push_path(struct row *row, struct slice path)
{
    row->paths = mem_grow(row->paths, &row->path_capacity, row->path_count, sizeof(*row->paths));
    row->paths[row->path_count++] = path;
}

static void start(struct row *row, const struct columns *columns)
{
    *row = (struct row){0};
    row->levels[0].all = !columns || !columns->names;
    for (size_t i = 0; columns && i < columns->count; i++)
        push_path(row, columns->paths[i]);
}

void row_init(struct row *row, struct buf *out, const struct columns *columns)
{
    start(row, columns);
    row->out = out;
}

void row_init_value(struct row *row, const struct columns *columns, struct row_value *value)
{
    start(row, columns);
    row->value = value;
    *value = (struct row_value){.kind = ROW_NUMBER};
}

void row_fini(struct row *row)
{
    mem_free(row->paths);
    buf_fini(&row->text);
    *row = (struct row){0};
}

/* What of a member is wanted: nothing, some of its inside, all. */
enum wanted { WANTED_NOT, WANTED_BELOW, WANTED_ALL };

static bool begins_with(struct slice path, const char *key, size_t len)
{
    return path.len >= len && memcmp(path.data, key, len) == 0;
}

static enum wanted wanted(const struct row *row, const char *key)
{
    const struct row_level *level = &row->levels[row->depth];
    enum wanted found = WANTED_NOT;

    if (level->all)
        return WANTED_ALL;
    if (!key)
        return WANTED_BELOW;
    size_t len = strlen(key);
    for (size_t i = level->first; i < row->path_count; i++) {
        struct slice path = row->paths[i];
        if (!begins_with(path, key, len))
            continue;
        if (path.len == len)
            return WANTED_ALL;
        if (path.data[len] == '.')
            found = WANTED_BELOW;
    }
    return found;
}

bool row_wants(const struct row *row, const char *key)
{
    return wanted(row, key) != WANTED_NOT;
}

/* What is left of the paths that lead into `key`. In a list it is what holds for the list. */
static void enter(struct row *row, const char *key, bool all, bool list)
{
    const struct row_level *around = &row->levels[row->depth];
    size_t first = around->first, end = row->path_count;
    size_t len = key ? strlen(key) + 1 : 0;

    CHECK(row->depth + 1 < ROW_DEPTH_MAX);
    row->levels[++row->depth] = (struct row_level){.first = end, .all = all, .list = list};
    for (size_t i = first; i < end && !all; i++) {
        struct slice path = row->paths[i];
        if (!key)
            push_path(row, path);
        else if (begins_with(path, key, len - 1) && path.len > len && path.data[len - 1] == '.')
            push_path(row, slice_of(path.data + len, path.len - len));
    }
}

static void leave(struct row *row)
{
    CHECK(row->depth > 0);
    row->path_count = row->levels[row->depth].first;
    row->depth--;
}

/* ---- text ---- */

static const char escapes[0x60] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                   ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};

static void add_escaped(struct buf *out, uint8_t c)
{
    char escape = c < sizeof(escapes) ? escapes[c] : 0;

    if (!escape) {
        buf_printf(out, "\\u%04X", c);
        return;
    }
    buf_add_u8(out, '\\');
    buf_add_u8(out, (uint8_t)escape);
}

static bool plain(uint8_t c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

static void add_text(struct buf *out, struct slice text)
{
    size_t from = 0;

    buf_add_u8(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (plain(text.data[i]))
            continue;
        buf_add(out, text.data + from, i - from);
        add_escaped(out, text.data[i]);
        from = i + 1;
    }
    if (text.len)
        buf_add(out, text.data + from, text.len - from);
    buf_add_u8(out, '"');
}

/* Bytes beyond ASCII in what is no UTF-8. */
static void add_replaced(struct buf *out, struct slice text)
{
    struct buf clean = BUF_INIT;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x80)
            buf_add_u8(&clean, text.data[i]);
        else
            buf_add_str(&clean, "\xef\xbf\xbd");
    }
    add_text(out, buf_slice(&clean));
    buf_fini(&clean);
}

static void add_number(struct buf *out, int64_t number)
{
    char digits[24];
    size_t at = sizeof(digits);
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (number < 0)
        digits[--at] = '-';
    buf_add(out, digits + at, sizeof(digits) - at);
}

static void separate(struct row *row)
{
    struct row_level *level = &row->levels[row->depth];

    if (level->filled)
        buf_add_u8(row->out, ',');
    level->filled = true;
}

/* Keys are ours, or came through add_member() below. */
static void add_key(struct row *row, const char *key)
{
    separate(row);
    if (!key)
        return;
    add_text(row->out, slice_str(key));
    buf_add_u8(row->out, ':');
}

/* ---- members ---- */

/* True when a simple value is to be written. */
static bool begin(struct row *row, const char *key, const struct row_value *value)
{
    enum wanted what = wanted(row, key);

    if (row->out) {
        if (what != WANTED_NOT)
            add_key(row, key);
        return what != WANTED_NOT;
    }
    if (what != WANTED_ALL)
        return false;
    *row->value = *value;
    buf_clear(&row->text);
    buf_add_slice(&row->text, value->text); /* what was given may go */
    row->value->text = buf_slice(&row->text);
    return false;
}

void row_begin(struct row *row)
{
    CHECK(row->depth == 0);
    row->levels[0].filled = false;
    if (row->out)
        buf_add_u8(row->out, '{');
}

void row_end(struct row *row)
{
    CHECK(row->depth == 0);
    if (row->out)
        buf_add_u8(row->out, '}');
}

void row_text(struct row *row, const char *key, struct slice text)
{
    if (!begin(row, key, &(struct row_value){.kind = ROW_TEXT, .text = text}))
        return;
    if (utf8_valid(text))
        add_text(row->out, text);
    else
        add_replaced(row->out, text);
}

void row_string(struct row *row, const char *key, const char *text)
{
    if (text)
        row_text(row, key, slice_str(text));
    else
        row_null(row, key);
}

static void put_integer(struct row *row, const char *key, int64_t number)
{
    if (begin(row, key, &(struct row_value){.kind = ROW_NUMBER, .number = (double)number}))
        add_number(row->out, number);
}

void row_number(struct row *row, const char *key, uint64_t number)
{
    put_integer(row, key, (int64_t)number);
}

void row_known(struct row *row, const char *key, uint64_t number)
{
    if (number != FACT_UNKNOWN)
        row_number(row, key, number);
}

/* As jansson prints it, for which this is the rare case. */
static void add_real(struct buf *out, double number)
{
    json_t *value = json_real(number);

    json_write(out, value);
    json_decref(value);
}

void row_real(struct row *row, const char *key, double number)
{
    if (!isfinite(number))
        row_null(row, key);
    else if (!begin(row, key, &(struct row_value){.kind = ROW_NUMBER, .number = number}))
        return;
    else if (number == 0)
        buf_add_str(row->out, "0.0");
    else
        add_real(row->out, number);
}

void row_flag(struct row *row, const char *key, bool flag)
{
    if (begin(row, key, &(struct row_value){.kind = ROW_FLAG, .number = flag}))
        buf_add_str(row->out, flag ? "true" : "false");
}

void row_null(struct row *row, const char *key)
{
    if (begin(row, key, &(struct row_value){.kind = ROW_FLAG}))
        buf_add_str(row->out, "null");
}

/* ---- what lies deeper ---- */

static bool open_any(struct row *row, const char *key, bool list)
{
    enum wanted what = wanted(row, key);

    if (what == WANTED_NOT)
        return false;
    if (row->out) {
        add_key(row, key);
        buf_add_u8(row->out, list ? '[' : '{');
    } else if (what == WANTED_ALL) {
        *row->value = (struct row_value){.kind = list ? ROW_ARRAY : ROW_OBJECT};
        return false;
    } else if (list) {
        return false; /* no path leads into one */
    }
    enter(row, key, what == WANTED_ALL, list);
    return true;
}

bool row_open(struct row *row, const char *key)
{
    return open_any(row, key, false);
}

bool row_open_list(struct row *row, const char *key)
{
    return open_any(row, key, true);
}

void row_close(struct row *row)
{
    if (row->out)
        buf_add_u8(row->out, row->levels[row->depth].list ? ']' : '}');
    leave(row);
}

void row_table(struct row *row, const char *key, struct slice table)
{
    if (table.len) {
        if (wanted(row, key) != WANTED_NOT)
            row_json(row, key, json_of_table(table));
    } else if (row_open(row, key)) {
        row_close(row);
    }
}

/* ---- jansson's values ---- */

static void put_value(struct row *row, const char *key, const json_t *value);

static void put_object(struct row *row, const json_t *object)
{
    /* jansson's walk takes no const object; nothing is changed through it. */
    json_t *walked = (json_t *)(uintptr_t)object;

    for (void *iter = json_object_iter(walked); iter; iter = json_object_iter_next(walked, iter))
        put_value(row, json_object_iter_key(iter), json_object_iter_value(iter));
}

static void put_array(struct row *row, const json_t *array)
{
    size_t index;
    const json_t *element;

    json_array_foreach(array, index, element) put_value(row, NULL, element);
}

/* Deeper than any table of ours: whole, whatever the columns are. */
static void put_deep(struct row *row, const char *key, const json_t *value)
{
    if (begin(row, key, &(struct row_value){.kind = ROW_OBJECT}))
        json_write(row->out, value);
}

static void put_value(struct row *row, const char *key, const json_t *value)
{
    if (row->depth + 1 == ROW_DEPTH_MAX) {
        put_deep(row, key, value);
        return;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        if (row_open(row, key)) {
            put_object(row, value);
            row_close(row);
        }
        return;
    case JSON_ARRAY:
        if (row_open_list(row, key)) {
            put_array(row, value);
            row_close(row);
        }
        return;
    case JSON_STRING:
        row_text(row, key, json_slice(value));
        return;
    case JSON_INTEGER:
        put_integer(row, key, json_integer_value(value));
        return;
    case JSON_REAL:
        row_real(row, key, json_real_value(value));
        return;
    case JSON_TRUE:
    case JSON_FALSE:
        row_flag(row, key, json_is_true(value));
        return;
    case JSON_NULL:
        row_null(row, key);
        return;
    }
    UNREACHABLE();
}

void row_members(struct row *row, const json_t *object)
{
    put_object(row, object);
}

void row_json(struct row *row, const char *key, json_t *value)
{
    put_value(row, key, value);
    json_decref(value);
}
