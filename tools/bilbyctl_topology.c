/* SPDX-License-Identifier: Apache-2.0 */
/* Declaring, changing and deleting, where that is more than one request. */
#include "tools/bilbyctl_print.h"
#include "tools/bilbyctl_verbs.h"

/* Sends, and says so. */
static enum ctl_status finish(struct ctl *ctl, struct ctl_request *request, enum ctl_status status)
{
    if (status == CTL_STATUS_OK)
        status = ctl_request_send(ctl, request, NULL);
    ctl_request_fini(request);
    if (status == CTL_STATUS_OK)
        ctl_say_done(ctl);
    return status;
}

/* ---- virtual hosts ---- */

/* A PUT would make one that is not there. */
enum ctl_status verb_change_vhost(struct ctl *ctl)
{
    struct ctl_request request;

    enum ctl_status status = ctl_request_init(&request, &ctl->line);
    const struct ctl_question question = {
        .method = "GET", .path = buf_cstr(&request.path), .about = buf_cstr(&request.about)};
    if (status == CTL_STATUS_OK)
        status = ctl_client_call(ctl->client, &question, NULL);
    return finish(ctl, &request, status);
}

/* ---- declaring ---- */

/* The type is an argument like others, with a short name of its own. */
static enum ctl_status add_queue_type(struct ctl_request *request, const char *type)
{
    json_t *arguments = json_object_get(request->body, "arguments");

    if (!arguments) {
        arguments = json_object();
        json_object_set_new(request->body, "arguments", arguments);
    }
    if (!json_is_object(arguments) ||
        json_object_set_new(arguments, "x-queue-type", json_string(type)) != 0)
        return ctl_complain(CTL_STATUS_DATA, "arguments is a JSON object, queue_type a text");
    return CTL_STATUS_OK;
}

enum ctl_status verb_declare_queue(struct ctl *ctl)
{
    const char *type = ctl_line_value(&ctl->line, "queue_type");
    struct ctl_request request;

    enum ctl_status status = ctl_request_init(&request, &ctl->line);
    if (status == CTL_STATUS_OK && type)
        status = add_queue_type(&request, type);
    return finish(ctl, &request, status);
}

static enum ctl_status check_destination_type(const struct ctl *ctl)
{
    const char *type = ctl_line_value(&ctl->line, "destination_type");

    if (!type || strcmp(type, "queue") == 0 || strcmp(type, "exchange") == 0)
        return CTL_STATUS_OK;
    return ctl_complain(CTL_STATUS_USAGE, "destination_type is queue or exchange, not '%s'", type);
}

enum ctl_status verb_declare_binding(struct ctl *ctl)
{
    struct ctl_request request;

    enum ctl_status status = check_destination_type(ctl);
    if (status != CTL_STATUS_OK)
        return status;
    status = ctl_request_init(&request, &ctl->line);
    return finish(ctl, &request, status);
}

/* ---- deleting ---- */

enum ctl_status verb_delete_object(struct ctl *ctl)
{
    static const enum ctl_option_id conditions[] = {CTL_IF_EMPTY, CTL_IF_UNUSED};
    struct ctl_request request;
    char separator = '?';

    enum ctl_status status = ctl_request_init(&request, &ctl->line);
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
        if (!ctl_options_flag(&ctl->line.options, conditions[i]))
            continue;
        buf_printf(&request.path, "%c%s=true", separator, ctl_option(conditions[i])->name);
        separator = '&';
    }
    return finish(ctl, &request, status);
}

/* The arguments that the command line gives, or none. */
static enum ctl_status wanted_arguments(const struct ctl *ctl, json_t **arguments)
{
    const char *text = ctl_line_value(&ctl->line, "arguments");

    *arguments = json_loads(text ? text : "{}", 0, NULL);
    return *arguments ? CTL_STATUS_OK
                      : ctl_complain(CTL_STATUS_DATA, "arguments is no JSON object: %s", text);
}

/* The key of the binding among those between the two ends. */
static enum ctl_status find_binding(const struct ctl *ctl, const json_t *rows, struct buf *key)
{
    const char *wanted = ctl_line_value(&ctl->line, "routing_key");
    json_t *arguments, *row;
    size_t index;

    enum ctl_status status = wanted_arguments(ctl, &arguments);
    if (status != CTL_STATUS_OK)
        return status;
    status = CTL_STATUS_NOT_FOUND;
    json_array_foreach(rows, index, row)
    {
        const char *own = json_string_value(json_object_get(row, "routing_key"));
        const char *own_key = json_string_value(json_object_get(row, "properties_key"));
        if (own && own_key && strcmp(own, wanted ? wanted : "") == 0 &&
            json_equal(json_object_get(row, "arguments"), arguments)) {
            buf_add_str(key, own_key);
            status = CTL_STATUS_OK;
            break;
        }
    }
    json_decref(arguments);
    if (status != CTL_STATUS_OK)
        return ctl_complain(status,
                            "there is no such binding (list_bindings shows those there are)");
    return status;
}

static enum ctl_status find_key(struct ctl *ctl, struct ctl_request *request, struct buf *key)
{
    const char *given = ctl_line_value(&ctl->line, "properties_key");
    json_t *rows;

    if (given) {
        buf_add_str(key, given);
        return CTL_STATUS_OK;
    }
    enum ctl_status status = ctl_request_send(ctl, request, &rows);
    if (status == CTL_STATUS_OK)
        status = find_binding(ctl, rows, key);
    json_decref(rows);
    return status;
}

enum ctl_status verb_delete_binding(struct ctl *ctl)
{
    struct ctl_request request;
    struct buf key = BUF_INIT;

    enum ctl_status status = check_destination_type(ctl);
    if (status != CTL_STATUS_OK)
        return status;
    status = ctl_request_init(&request, &ctl->line);
    if (status == CTL_STATUS_OK)
        status = find_key(ctl, &request, &key);
    buf_add_u8(&request.path, '/');
    ctl_encode(&request.path, buf_cstr(&key));
    memcpy(request.method, "DELETE", sizeof("DELETE"));
    buf_fini(&key);
    return finish(ctl, &request, status);
}

/* ---- tags of a virtual host ---- */

enum ctl_status verb_set_vhost_tags(struct ctl *ctl)
{
    struct ctl_request request;
    struct buf tags = BUF_INIT;

    for (size_t i = 0; i < ctl->line.rest_count; i++)
        buf_printf(&tags, "%s%s", i ? "," : "", ctl->line.rest[i]);
    enum ctl_status status = ctl_request_init(&request, &ctl->line);
    const struct ctl_question question = {
        .method = "GET", .path = buf_cstr(&request.path), .about = buf_cstr(&request.about)};
    if (status == CTL_STATUS_OK)
        status = ctl_client_call(ctl->client, &question, NULL);
    if (!request.body)
        request.body = json_object();
    json_object_set_new(request.body, "tags", json_string(buf_cstr(&tags)));
    buf_fini(&tags);
    return finish(ctl, &request, status);
}
