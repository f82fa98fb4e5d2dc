/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing and getting messages, and definitions: what goes through files and standard input. */
#include "base/base64.h"
#include "tools/bilbyctl_file.h"
#include "tools/bilbyctl_print.h"
#include "tools/bilbyctl_verbs.h"

#include <stdio.h>
#include <stdlib.h>

#define PAYLOAD_BYTES_MAX ((size_t)512 << 20)     /* the largest message there can be */
#define DEFINITIONS_BYTES_MAX ((size_t)512 << 20) /* a million objects */

/* ---- publishing ---- */

/* Bytes that are no text travel as base64. */
static void put_payload(struct ctl_request *request, struct slice payload)
{
    json_t *text = json_stringn(payload.len ? (const char *)payload.data : "", payload.len);
    struct buf encoded = BUF_INIT;

    if (!text) {
        base64_encode(&encoded, payload);
        text = json_stringn((const char *)encoded.data, encoded.len);
        json_object_set_new(request->body, "payload_encoding", json_string("base64"));
        buf_fini(&encoded);
    }
    json_object_set_new(request->body, "payload", text);
}

static enum ctl_status read_payload(const struct ctl *ctl, struct ctl_request *request)
{
    const char *given = ctl_line_value(&ctl->line, "payload");
    struct buf payload = BUF_INIT;
    enum ctl_status status = CTL_STATUS_OK;

    if (given)
        buf_add_str(&payload, given);
    else
        status = ctl_file_read(&payload, "-", PAYLOAD_BYTES_MAX);
    if (status == CTL_STATUS_OK)
        put_payload(request, buf_slice(&payload));
    buf_fini(&payload);
    return status;
}

/* Programs get the answer as it is; --quiet says nothing. */
static enum ctl_status tell_routed(const struct ctl *ctl, const json_t *answer)
{
    const struct ctl_options *options = &ctl->line.options;

    if (ctl_options_flag(options, CTL_QUIET) || ctl_options_flag(options, CTL_SILENT))
        return CTL_STATUS_OK;
    if (!ctl_talks(ctl))
        return ctl_print_object(ctl, answer);
    puts(json_is_true(json_object_get(answer, "routed"))
             ? "message published"
             : "message published, but no queue took it");
    return CTL_STATUS_OK;
}

enum ctl_status verb_publish(struct ctl *ctl)
{
    struct ctl_request request;
    json_t *answer = NULL;

    enum ctl_status status = ctl_request_init(&request, &ctl->line);
    if (status == CTL_STATUS_OK)
        status = read_payload(ctl, &request);
    if (status == CTL_STATUS_OK)
        status = ctl_request_send(ctl, &request, &answer);
    ctl_request_fini(&request);
    if (status == CTL_STATUS_OK)
        status = tell_routed(ctl, answer);
    json_decref(answer);
    return status;
}

/* ---- getting ---- */

static enum ctl_status save_payload(const char *path, const json_t *rows)
{
    const json_t *row = json_array_get(rows, 0);
    const json_t *payload = json_object_get(row, "payload");
    const char *encoding = json_string_value(json_object_get(row, "payload_encoding"));
    struct slice text = slice_of(json_string_value(payload), json_string_length(payload));
    struct buf bytes = BUF_INIT;

    if (!json_is_string(payload))
        return ctl_complain(CTL_STATUS_NOT_FOUND, "the queue has no message to write to %s", path);
    if (!encoding || strcmp(encoding, "base64") != 0)
        buf_add_slice(&bytes, text);
    else if (base64_decode(&bytes, text) != ERR_OK)
        return ctl_complain(CTL_STATUS_SOFTWARE, "the payload is no base64");
    enum ctl_status status = ctl_file_write(path, buf_slice(&bytes));
    buf_fini(&bytes);
    return status;
}

enum ctl_status verb_get(struct ctl *ctl)
{
    const char *path = ctl_line_value(&ctl->line, "payload_file");
    const char *count = ctl_line_value(&ctl->line, "count");
    json_t *rows;

    if (path && count && strcmp(count, "1") != 0)
        return ctl_complain(CTL_STATUS_USAGE, "payload_file takes one message: count=1");
    enum ctl_status status = ctl_fetch(ctl, &rows);
    if (status == CTL_STATUS_OK && path)
        status = save_payload(path, rows);
    else if (status == CTL_STATUS_OK)
        status = ctl_print_rows(ctl, "messages", rows);
    json_decref(rows);
    return status;
}

/* ---- definitions ---- */

enum ctl_status verb_export_definitions(struct ctl *ctl)
{
    const char *path = ctl_line_value(&ctl->line, "file");
    struct buf text = BUF_INIT;
    json_t *definitions;

    enum ctl_status status = ctl_fetch(ctl, &definitions);
    if (status != CTL_STATUS_OK)
        return status;
    char *dump = json_dumps(definitions, JSON_INDENT(2));
    buf_printf(&text, "%s\n", dump);
    free(dump);
    json_decref(definitions);
    status = ctl_file_write(path, buf_slice(&text));
    buf_fini(&text);
    if (status == CTL_STATUS_OK && strcmp(path, "-") != 0)
        ctl_say_done(ctl);
    return status;
}

static enum ctl_status read_definitions(const char *path, json_t **definitions)
{
    struct buf text = BUF_INIT;
    json_error_t error = {0};

    *definitions = NULL;
    enum ctl_status status = ctl_file_read(&text, path, DEFINITIONS_BYTES_MAX);
    if (status == CTL_STATUS_OK) {
        *definitions = json_loadb(text.len ? (const char *)text.data : "", text.len, 0, &error);
        if (!json_is_object(*definitions))
            status = ctl_complain(CTL_STATUS_DATA, "%s:%d: no definitions: %s", path,
                                  error.line > 0 ? error.line : 1,
                                  *error.text ? error.text : "this is no JSON object");
    }
    buf_fini(&text);
    return status;
}

enum ctl_status verb_import_definitions(struct ctl *ctl)
{
    const char *path = ctl_line_value(&ctl->line, "file");
    struct ctl_request request;
    json_t *definitions;

    enum ctl_status status = read_definitions(path ? path : "-", &definitions);
    if (status == CTL_STATUS_OK) {
        status = ctl_request_init(&request, &ctl->line);
        request.body = json_incref(definitions);
        if (status == CTL_STATUS_OK)
            status = ctl_request_send(ctl, &request, NULL);
        ctl_request_fini(&request);
    }
    json_decref(definitions);
    if (status == CTL_STATUS_OK)
        ctl_say_done(ctl);
    return status;
}
