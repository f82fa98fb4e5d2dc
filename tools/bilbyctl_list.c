/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that show rows or one object, and how these get to standard output. */
#include "base/mem.h"
#include "tools/bilbyctl_file.h"
#include "tools/bilbyctl_print.h"
#include "tools/bilbyctl_verbs.h"

#include <stdio.h>

/* ---- printing ---- */

enum ctl_status ctl_view_init(struct ctl_view *view, const struct ctl *ctl)
{
    const struct ctl_options *options = &ctl->line.options;
    const char *name = ctl_options_text_of(options, CTL_FORMATTER, "table");

    *view = (struct ctl_view){
        .headers =
            !ctl_options_flag(options, CTL_SILENT) && !ctl_options_flag(options, CTL_NO_HEADERS),
    };
    if (ctl_format_find(name, &view->format))
        return CTL_STATUS_OK;
    return ctl_complain(CTL_STATUS_USAGE, "--formatter is table, json, csv or tsv, not '%s'", name);
}

enum ctl_status ctl_print(const struct buf *text)
{
    return ctl_file_write("-", buf_slice(text));
}

static enum ctl_status choose_columns(const struct ctl_line *line, struct ctl_columns *columns)
{
    const char *shows = line->command->shows;
    enum ctl_status status = ctl_columns_choose(columns, shows, line->rest, line->rest_count);

    if (status == CTL_STATUS_OK && line->rest_count == 0 &&
        ctl_command_takes(line->command, CTL_ALL_VHOSTS) &&
        ctl_options_flag(&line->options, CTL_ALL_VHOSTS))
        ctl_columns_lead(columns, shows, "vhost");
    return status;
}

enum ctl_status ctl_print_rows(const struct ctl *ctl, const char *noun, const json_t *rows)
{
    struct ctl_columns columns;
    struct ctl_view view;
    struct buf text = BUF_INIT;

    enum ctl_status status = ctl_view_init(&view, ctl);
    if (status == CTL_STATUS_OK)
        status = choose_columns(&ctl->line, &columns);
    if (status != CTL_STATUS_OK)
        return status;
    view.noun = ctl_talks(ctl) ? noun : NULL;
    ctl_add_table(&text, &view, &columns, rows);
    status = ctl_print(&text);
    buf_fini(&text);
    return status;
}

enum ctl_status ctl_print_object(const struct ctl *ctl, const json_t *object)
{
    struct ctl_view view;
    struct buf text = BUF_INIT;

    enum ctl_status status = ctl_view_init(&view, ctl);
    if (status != CTL_STATUS_OK)
        return status;
    ctl_add_object(&text, &view, object);
    status = ctl_print(&text);
    buf_fini(&text);
    return status;
}

/* ---- lists ---- */

/* "?columns=name,messages&sort=messages": the broker sends no more than is shown. */
static void add_query(struct buf *path, const struct ctl_line *line,
                      const struct ctl_columns *columns)
{
    const char *sort = line->options.values[CTL_SORT];

    for (size_t i = 0; i < columns->count; i++) {
        buf_add_str(path, i ? "," : "?columns=");
        ctl_encode(path, columns->columns[i].path);
    }
    if (sort) {
        buf_add_str(path, "&sort=");
        ctl_encode(path, sort);
    }
    if (sort && ctl_options_flag(&line->options, CTL_SORT_REVERSE))
        buf_add_str(path, "&sort_reverse=true");
}

/* --sort names a column as it is shown; the API wants its path. */
static enum ctl_status translate_sort(struct ctl_line *line)
{
    struct ctl_columns columns;
    char *sort = line->options.values[CTL_SORT];

    if (!sort)
        return CTL_STATUS_OK;
    enum ctl_status status = ctl_columns_choose(&columns, line->command->shows, &sort, 1);
    if (status != CTL_STATUS_OK)
        return status;
    line->options.values[CTL_SORT] = NULL;
    mem_free(sort);
    return ctl_options_set(&line->options, CTL_SORT, columns.columns[0].path, "--sort");
}

/* The rows, in an array; the API gives one object as such. */
static enum ctl_status fetch_rows(struct ctl *ctl, json_t **rows)
{
    struct ctl_request request;
    struct ctl_columns columns;

    *rows = NULL;
    enum ctl_status status = choose_columns(&ctl->line, &columns);
    if (status == CTL_STATUS_OK)
        status = translate_sort(&ctl->line);
    if (status != CTL_STATUS_OK)
        return status;
    status = ctl_request_init(&request, &ctl->line);
    add_query(&request.path, &ctl->line, &columns);
    if (status == CTL_STATUS_OK)
        status = ctl_request_send(ctl, &request, rows);
    ctl_request_fini(&request);
    if (status == CTL_STATUS_OK && !json_is_array(*rows)) {
        json_decref(*rows);
        *rows = NULL;
        return ctl_complain(CTL_STATUS_SOFTWARE, "the broker's answer is no list");
    }
    return status;
}

/* "list_user_permissions" shows "user permissions", other commands rows. */
static const char *noun_of(const char *name, struct buf *noun)
{
    buf_add_str(noun, strncmp(name, "list_", 5) == 0 ? name + 5 : "rows");
    for (size_t i = 0; i < noun->len; i++)
        if (noun->data[i] == '_')
            noun->data[i] = ' ';
    return buf_cstr(noun);
}

enum ctl_status verb_list(struct ctl *ctl)
{
    struct buf noun = BUF_INIT;
    json_t *rows;

    enum ctl_status status = fetch_rows(ctl, &rows);
    if (status == CTL_STATUS_OK)
        status = ctl_print_rows(ctl, noun_of(ctl->line.command->name, &noun), rows);
    json_decref(rows);
    buf_fini(&noun);
    return status;
}

enum ctl_status verb_listeners(struct ctl *ctl)
{
    json_t *overview;

    enum ctl_status status = ctl_fetch(ctl, &overview);
    if (status == CTL_STATUS_OK)
        status = ctl_print_rows(ctl, "listeners", json_object_get(overview, "listeners"));
    json_decref(overview);
    return status;
}

enum ctl_status verb_object(struct ctl *ctl)
{
    json_t *object;

    enum ctl_status status = ctl_fetch(ctl, &object);
    if (status == CTL_STATUS_OK)
        status = ctl_print_object(ctl, object);
    json_decref(object);
    return status;
}

/* The API gives those of all virtual hosts when no component is named. */
enum ctl_status verb_list_parameters(struct ctl *ctl)
{
    const char *vhost = ctl_line_value(&ctl->line, "vhost");
    json_t *all, *row;
    size_t index;

    enum ctl_status status = ctl_fetch(ctl, &all);
    json_t *rows = json_array();
    json_array_foreach(all, index, row)
    {
        const char *own = json_string_value(json_object_get(row, "vhost"));
        if (own && strcmp(own, vhost) == 0)
            json_array_append(rows, row);
    }
    if (status == CTL_STATUS_OK)
        status = ctl_print_rows(ctl, "parameters", rows);
    json_decref(rows);
    json_decref(all);
    return status;
}
