/* SPDX-License-Identifier: Apache-2.0 */
/* `sql`: a question to the broker, and its rows in the format that was asked for. */
#include "tools/bilbyctl_file.h"
#include "tools/bilbyctl_print.h"
#include "tools/bilbyctl_verbs.h"

#include <stdio.h>

#define STATEMENT_BYTES_MAX ((size_t)1 << 20) /* more than the broker takes */

/* ---- asking ---- */

static enum ctl_status read_statement(struct ctl_request *request, const char *given)
{
    struct buf text = BUF_INIT;
    enum ctl_status status = CTL_STATUS_OK;

    if (given)
        buf_add_str(&text, given);
    else
        status = ctl_file_read(&text, "-", STATEMENT_BYTES_MAX);
    json_t *statement = json_stringn(text.len ? (const char *)text.data : "", text.len);
    if (status == CTL_STATUS_OK && !statement)
        status = ctl_complain(CTL_STATUS_DATA, "the statement is no UTF-8");
    if (statement)
        json_object_set_new(request->body, "query", statement);
    buf_fini(&text);
    return status;
}

static enum ctl_status ask(struct ctl *ctl, json_t **answer)
{
    const struct ctl_options *options = &ctl->line.options;
    struct ctl_request request;

    *answer = NULL;
    enum ctl_status status = ctl_request_init(&request, &ctl->line);
    if (status == CTL_STATUS_OK)
        status = read_statement(&request, ctl_line_value(&ctl->line, "statement"));
    if (status == CTL_STATUS_OK && options->values[CTL_ROWS])
        json_object_set_new(request.body, "limit",
                            json_integer((json_int_t)ctl_options_number(options, CTL_ROWS, 0)));
    if (status == CTL_STATUS_OK)
        status = ctl_request_send(ctl, &request, answer);
    ctl_request_fini(&request);
    return status;
}

/* ---- showing ---- */

/* Columns are found by their number: two may have the same name. */
static enum ctl_status make_columns(struct ctl_columns *columns, const json_t *names)
{
    size_t index;
    json_t *name;

    columns->count = 0;
    if (json_array_size(names) > CTL_COLUMNS_MAX)
        return ctl_complain(CTL_STATUS_USAGE, "at most %d columns can be shown", CTL_COLUMNS_MAX);
    json_array_foreach(names, index, name)
    {
        struct ctl_column *column = &columns->columns[columns->count++];
        struct buf visible = BUF_INIT;
        ctl_add_visible(&visible, name);
        snprintf(column->name, sizeof(column->name), "%s", buf_cstr(&visible));
        snprintf(column->path, sizeof(column->path), "%zu", index);
        buf_fini(&visible);
    }
    return CTL_STATUS_OK;
}

static json_t *row_object(json_t *row)
{
    json_t *object = json_object();
    size_t index;
    json_t *value;

    json_array_foreach(row, index, value)
    {
        char key[24];
        snprintf(key, sizeof(key), "%zu", index);
        json_object_set(object, key, value);
    }
    return object;
}

static json_t *row_objects(const json_t *rows)
{
    json_t *objects = json_array();
    size_t index;
    json_t *row;

    json_array_foreach(rows, index, row) json_array_append_new(objects, row_object(row));
    return objects;
}

/* What a person should know of a result: to standard error, where it is in nobody's way. */
static void warn(const struct ctl *ctl, const json_t *answer)
{
    size_t index;
    json_t *note;

    if (!ctl_talks(ctl))
        return;
    if (json_is_true(json_object_get(answer, "truncated")))
        (void)ctl_complain(CTL_STATUS_OK, "there is more than this (--rows asks for more rows)");
    json_array_foreach(json_object_get(answer, "notes"), index, note)(void)
        ctl_complain(CTL_STATUS_OK, "%s", json_string_value(note));
}

static enum ctl_status show(const struct ctl *ctl, const json_t *answer)
{
    struct ctl_columns columns;
    struct ctl_view view;
    struct buf text = BUF_INIT;

    enum ctl_status status = ctl_view_init(&view, ctl);
    if (status == CTL_STATUS_OK)
        status = make_columns(&columns, json_object_get(answer, "columns"));
    if (status != CTL_STATUS_OK)
        return status;
    view.noun = ctl_talks(ctl) ? "rows" : NULL;
    json_t *rows = row_objects(json_object_get(answer, "rows"));
    ctl_add_table(&text, &view, &columns, rows);
    json_decref(rows);
    status = ctl_print(&text);
    buf_fini(&text);
    return status;
}

enum ctl_status verb_sql(struct ctl *ctl)
{
    json_t *answer;

    enum ctl_status status = ask(ctl, &answer);
    if (status == CTL_STATUS_OK)
        status = show(ctl, answer);
    if (status == CTL_STATUS_OK)
        warn(ctl, answer);
    json_decref(answer);
    return status;
}

/* ---- what there is to ask ---- */

static void add_columns(json_t *rows, const json_t *view)
{
    size_t index;
    json_t *column;

    json_array_foreach(json_object_get(view, "columns"), index, column)
    {
        json_t *row = json_copy(column);
        json_object_set(row, "column", json_object_get(column, "name"));
        json_object_set(row, "table", json_object_get(view, "name"));
        json_array_append_new(rows, row);
    }
}

enum ctl_status verb_sql_tables(struct ctl *ctl)
{
    const char *wanted = ctl_line_value(&ctl->line, "table");
    json_t *known, *view;
    json_t *rows = json_array();
    size_t index;

    enum ctl_status status = ctl_fetch(ctl, &known);
    json_array_foreach(json_object_get(known, "views"), index, view)
    {
        const char *name = json_string_value(json_object_get(view, "name"));
        if (!wanted || strcmp(wanted, name) == 0)
            add_columns(rows, view);
    }
    if (status == CTL_STATUS_OK && json_array_size(rows) == 0)
        status = ctl_complain(CTL_STATUS_NOT_FOUND, "there is no table \"%s\"", wanted);
    if (status == CTL_STATUS_OK)
        status = ctl_print_rows(ctl, "columns", rows);
    json_decref(rows);
    json_decref(known);
    return status;
}
