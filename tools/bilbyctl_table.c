/* SPDX-License-Identifier: Apache-2.0 */
/* Cells, columns and the four formats. */
#include "tools/bilbyctl_table.h"

#include "base/check.h"
#include "tools/bilbyctl_command.h"

#include <stdlib.h>

#define GAP 2 /* spaces between columns */

bool ctl_format_find(const char *name, enum ctl_format *format)
{
    static const char *const names[] = {
#define X(id, text) text,
        CTL_FORMATS(X)
#undef X
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *format = (enum ctl_format)i;
            return true;
        }
    }
    return false;
}

/* ---- columns ---- */

static void copy(char out[CTL_COLUMN_MAX], struct slice text)
{
    CHECK(text.len < CTL_COLUMN_MAX);
    if (text.len)
        memcpy(out, text.data, text.len);
    out[text.len] = '\0';
}

/* "*name:path" */
static bool read_column(const char *word, struct ctl_column *column)
{
    bool star = word[0] == '*';
    const char *name = word + (star ? 1 : 0);
    size_t len = strcspn(name, ":");

    copy(column->name, slice_of(name, len));
    copy(column->path, name[len] ? slice_str(name + len + 1) : slice_of(name, len));
    return star;
}

/* The known column that `wanted` is, or is a member of. */
static bool find_column(const char *shows, const char *wanted, struct ctl_column *column)
{
    char word[CTL_COLUMN_MAX];

    while (ctl_next_word(&shows, word, sizeof(word))) {
        (void)read_column(word, column);
        size_t len = strlen(column->name);
        if (strncmp(wanted, column->name, len) != 0 || (wanted[len] && wanted[len] != '.'))
            continue;
        size_t path_len = strlen(column->path);
        if (strlen(wanted) >= CTL_COLUMN_MAX || path_len + strlen(wanted + len) >= CTL_COLUMN_MAX)
            return false;
        memcpy(column->path + path_len, wanted + len, strlen(wanted + len) + 1);
        copy(column->name, slice_str(wanted));
        return true;
    }
    return false;
}

static void choose_starred(struct ctl_columns *columns, const char *shows)
{
    char word[CTL_COLUMN_MAX];

    while (ctl_next_word(&shows, word, sizeof(word))) {
        CHECK(columns->count < CTL_COLUMNS_MAX);
        if (read_column(word, &columns->columns[columns->count]))
            columns->count++;
    }
}

static enum ctl_status complain_column(const char *shows, const char *wanted)
{
    struct ctl_column column;
    struct buf names = BUF_INIT;
    char word[CTL_COLUMN_MAX];

    while (ctl_next_word(&shows, word, sizeof(word))) {
        (void)read_column(word, &column);
        buf_printf(&names, " %s", column.name);
    }
    enum ctl_status status = ctl_complain(CTL_STATUS_USAGE, "there is no column '%s'. There are:%s",
                                          wanted, buf_cstr(&names));
    buf_fini(&names);
    return status;
}

enum ctl_status ctl_columns_choose(struct ctl_columns *columns, const char *shows,
                                   char *const *wanted, size_t wanted_count)
{
    columns->count = 0;
    if (wanted_count == 0)
        choose_starred(columns, shows);
    if (wanted_count > CTL_COLUMNS_MAX - 1)
        return ctl_complain(CTL_STATUS_USAGE, "at most %d columns", CTL_COLUMNS_MAX - 1);
    for (size_t i = 0; i < wanted_count; i++)
        if (!find_column(shows, wanted[i], &columns->columns[columns->count++]))
            return complain_column(shows, wanted[i]);
    return CTL_STATUS_OK;
}

void ctl_columns_lead(struct ctl_columns *columns, const char *shows, const char *name)
{
    struct ctl_column column;

    for (size_t i = 0; i < columns->count; i++)
        if (strcmp(columns->columns[i].name, name) == 0)
            return;
    CHECK(columns->count < CTL_COLUMNS_MAX && find_column(shows, name, &column));
    memmove(columns->columns + 1, columns->columns, columns->count * sizeof(column));
    columns->columns[0] = column;
    columns->count++;
}

/* ---- cells ---- */

const json_t *ctl_member(const json_t *object, const char *path)
{
    const json_t *value = json_object_get(object, path);
    size_t len = strcspn(path, ".");
    char head[CTL_COLUMN_MAX];

    if (value || !path[len] || len >= sizeof(head))
        return value;
    memcpy(head, path, len);
    head[len] = '\0';
    return ctl_member(json_object_get(object, head), path + len + 1);
}

static void add_json(struct buf *out, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    buf_add_str(out, text ? text : "");
    free(text);
}

static void add_list(struct buf *out, const json_t *list)
{
    size_t index;
    json_t *item;

    json_array_foreach(list, index, item)
    {
        if (index)
            buf_add_str(out, ", ");
        ctl_add_cell(out, item);
    }
}

void ctl_add_cell(struct buf *out, const json_t *value)
{
    if (json_is_string(value))
        buf_add(out, json_string_value(value), json_string_length(value));
    else if (json_is_array(value))
        add_list(out, value);
    else if (json_is_real(value))
        buf_printf(out, "%.6g", json_real_value(value));
    else if (json_is_object(value) && json_object_size(value) == 0)
        buf_add_str(out, "");
    else if (value && !json_is_null(value))
        add_json(out, value);
}

/* Invariant (1). */
void ctl_add_visible(struct buf *out, const json_t *value)
{
    struct buf plain = BUF_INIT;

    ctl_add_cell(&plain, value);
    for (size_t i = 0; i < plain.len; i++) {
        uint8_t c = plain.data[i];
        /* C1 controls are C2 80 … C2 9F in UTF-8. */
        bool c1 = c == 0xc2 && i + 1 < plain.len && plain.data[i + 1] < 0xa0;
        if (c < 0x20 || c == 0x7f || c1)
            buf_printf(out, "\\x%02x", c1 ? plain.data[++i] : c);
        else
            buf_add_u8(out, c);
    }
    buf_fini(&plain);
}

/* RFC 4180. */
static void add_quoted(struct buf *out, const json_t *value)
{
    struct buf plain = BUF_INIT;

    ctl_add_cell(&plain, value);
    bool quote = strpbrk(buf_cstr(&plain), "\",\r\n");
    if (quote)
        buf_add_u8(out, '"');
    for (size_t i = 0; i < plain.len; i++) {
        if (plain.data[i] == '"')
            buf_add_u8(out, '"');
        buf_add_u8(out, plain.data[i]);
    }
    if (quote)
        buf_add_u8(out, '"');
    buf_fini(&plain);
}

void ctl_add_noun(struct buf *out, const char *plural, size_t count)
{
    size_t len = strlen(plural);

    if (count != 1)
        buf_add_str(out, plural);
    else if (len > 3 && strcmp(plural + len - 3, "ies") == 0)
        buf_printf(out, "%.*sy", (int)len - 3, plural);
    else
        buf_add(out, plural, len > 1 && plural[len - 1] == 's' ? len - 1 : len);
}

/* ---- the formats ---- */

/* Characters, not bytes. */
static size_t width_of(struct slice text)
{
    size_t width = 0;

    for (size_t i = 0; i < text.len; i++)
        width += (text.data[i] & 0xc0) != 0x80;
    return width;
}

struct layout {
    size_t width;
    bool right; /* all its cells are numbers */
};

static void measure(struct layout *layout, const struct ctl_column *column, bool headers,
                    const json_t *rows)
{
    struct buf cell = BUF_INIT;
    size_t index;
    json_t *row;

    *layout = (struct layout){.width = headers ? strlen(column->name) : 0, .right = true};
    json_array_foreach(rows, index, row)
    {
        const json_t *value = ctl_member(row, column->path);
        buf_clear(&cell);
        ctl_add_visible(&cell, value);
        size_t width = width_of(buf_slice(&cell));
        layout->width = width > layout->width ? width : layout->width;
        layout->right = layout->right && (!value || json_is_null(value) || json_is_number(value));
    }
    buf_fini(&cell);
}

static void add_spaces(struct buf *out, size_t count)
{
    while (count-- > 0)
        buf_add_u8(out, ' ');
}

/* The last column is not padded: lines don't end in spaces. */
static void add_padded(struct buf *out, const struct layout *layout, struct slice text, bool last)
{
    size_t width = width_of(text);
    size_t padding = layout->width > width ? layout->width - width : 0;

    if (layout->right)
        add_spaces(out, padding);
    buf_add_slice(out, text);
    if (!layout->right && !last)
        add_spaces(out, padding);
    if (!last)
        add_spaces(out, GAP);
}

static void end_line(struct buf *out)
{
    while (out->len && out->data[out->len - 1] == ' ')
        out->len--;
    buf_add_u8(out, '\n');
}

static void add_aligned(struct buf *out, const struct ctl_view *view,
                        const struct ctl_columns *columns, const json_t *rows)
{
    struct layout layouts[CTL_COLUMNS_MAX];
    struct buf cell = BUF_INIT;
    size_t index;
    json_t *row;

    for (size_t i = 0; i < columns->count; i++)
        measure(&layouts[i], &columns->columns[i], view->headers, rows);
    for (size_t i = 0; i < columns->count && view->headers && json_array_size(rows); i++)
        add_padded(out, &layouts[i], slice_str(columns->columns[i].name), i + 1 == columns->count);
    if (view->headers && json_array_size(rows))
        end_line(out);
    json_array_foreach(rows, index, row)
    {
        for (size_t i = 0; i < columns->count; i++) {
            buf_clear(&cell);
            ctl_add_visible(&cell, ctl_member(row, columns->columns[i].path));
            add_padded(out, &layouts[i], buf_slice(&cell), i + 1 == columns->count);
        }
        end_line(out);
    }
    buf_fini(&cell);
}

static void add_count(struct buf *out, const char *noun, size_t count)
{
    if (count)
        buf_printf(out, "%zu ", count);
    else
        buf_add_str(out, "no ");
    ctl_add_noun(out, noun, count);
    buf_add_u8(out, '\n');
}

/* An array of objects with the chosen members, a row a line. */
static void add_objects(struct buf *out, const struct ctl_columns *columns, const json_t *rows)
{
    size_t index;
    json_t *row;

    buf_add_u8(out, '[');
    json_array_foreach(rows, index, row)
    {
        json_t *object = json_object();
        for (size_t i = 0; i < columns->count; i++) {
            const json_t *value = ctl_member(row, columns->columns[i].path);
            json_object_set_new(object, columns->columns[i].name,
                                value ? json_deep_copy(value) : json_null());
        }
        buf_add_str(out, index ? ",\n " : "\n ");
        add_json(out, object);
        json_decref(object);
    }
    buf_add_str(out, json_array_size(rows) ? "\n]\n" : "]\n");
}

static void add_line(struct buf *out, const struct ctl_columns *columns, const json_t *row,
                     char separator, void (*add)(struct buf *out, const json_t *value))
{
    for (size_t i = 0; i < columns->count; i++) {
        json_t *name = row ? NULL : json_string(columns->columns[i].name);
        if (i)
            buf_add_u8(out, (uint8_t)separator);
        add(out, row ? ctl_member(row, columns->columns[i].path) : name);
        json_decref(name);
    }
    buf_add_u8(out, '\n');
}

static void add_lines(struct buf *out, const struct ctl_view *view,
                      const struct ctl_columns *columns, const json_t *rows, char separator,
                      void (*add)(struct buf *out, const json_t *value))
{
    size_t index;
    json_t *row;

    if (view->headers)
        add_line(out, columns, NULL, separator, add);
    json_array_foreach(rows, index, row) add_line(out, columns, row, separator, add);
}

void ctl_add_table(struct buf *out, const struct ctl_view *view, const struct ctl_columns *columns,
                   const json_t *rows)
{
    switch (view->format) {
    case CTL_FORMAT_TABLE:
        add_aligned(out, view, columns, rows);
        if (view->noun)
            add_count(out, view->noun, json_array_size(rows));
        return;
    case CTL_FORMAT_JSON:
        add_objects(out, columns, rows);
        return;
    case CTL_FORMAT_CSV:
        add_lines(out, view, columns, rows, ',', add_quoted);
        return;
    case CTL_FORMAT_TSV:
        add_lines(out, view, columns, rows, '\t', ctl_add_visible);
        return;
    }
    UNREACHABLE();
}

void ctl_add_object(struct buf *out, const struct ctl_view *view, const json_t *object)
{
    const struct ctl_columns columns = {
        .columns = {{.name = "key", .path = "key"}, {.name = "value", .path = "value"}},
        .count = 2,
    };
    struct ctl_view lines = {.format = view->format};
    json_t *rows = json_array();
    const char *key;
    json_t *value;

    if (view->format == CTL_FORMAT_JSON) {
        char *text = json_dumps(object, JSON_INDENT(2));
        buf_printf(out, "%s\n", text);
        free(text);
    } else {
        json_object_foreach((json_t *)(uintptr_t)object, key, value)
            json_array_append_new(rows, json_pack("{s:s,s:O}", "key", key, "value", value));
        ctl_add_table(out, &lines, &columns, rows);
    }
    json_decref(rows);
}

void ctl_add_bytes(struct buf *out, double bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;

    while (bytes >= 1024 && unit + 1 < ARRAY_LEN(units)) {
        bytes /= 1024;
        unit++;
    }
    buf_printf(out, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}
