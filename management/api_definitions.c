/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions over HTTP: as JSON, or as the file of a form. */
#include "base/mem.h"
#include "broker/policy.h"
#include "management/call.h"
#include "management/definitions.h"

#include <string.h>
#include <strings.h>

/* The path names a virtual host that is not there: RabbitMQ answers 400 to who reads it, and 404 to who
 * writes. */
static bool check_vhost(struct call *call)
{
    if (call->capture_count == 0 || call->vhost)
        return true;
    if (strcmp(call->request->method, "POST") == 0)
        call_error(call, 404, "not_found", "vhost_not_found");
    else
        call_error(call, 400, "bad_request", "vhost_not_found");
    return false;
}

void definitions_get(struct call *call)
{
    char *download = call_query(call, "download");

    if (check_vhost(call)) {
        if (download) {
            struct buf value = BUF_INIT;
            buf_printf(&value, "attachment; filename=%s", download);
            http_response_add_header(call->response, "Content-Disposition", buf_slice(&value));
            buf_fini(&value);
        }
        definitions_answer(call);
    }
    mem_free(download);
}

/* ---- forms ---- */

static bool starts_with_ignoring_case(struct slice text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && strncasecmp((const char *)text.data, prefix, len) == 0;
}

/* The rest behind the first `needle`; empty when it does not occur. */
static struct slice after(struct slice text, const char *needle)
{
    const uint8_t *found = text.len ? memmem(text.data, text.len, needle, strlen(needle)) : NULL;

    if (!found)
        return slice_of(NULL, 0);
    found += strlen(needle);
    return slice_of(found, text.len - (size_t)(found - text.data));
}

/* The content of the form's part named "file" [RFC 7578]; empty when there is none. */
static struct slice form_file(struct slice content_type, struct slice body)
{
    struct slice boundary = after(content_type, "boundary=");
    struct buf delimiter = BUF_INIT;
    struct slice file = {0};

    if (boundary.len > 1 && boundary.data[0] == '"')
        boundary = slice_of(boundary.data + 1, boundary.len - 2);
    buf_printf(&delimiter, "--%.*s", SLICE_FMT(boundary));
    struct slice part = boundary.len ? after(body, buf_cstr(&delimiter)) : boundary;
    while (part.len && !file.data) {
        struct slice rest = after(part, buf_cstr(&delimiter));
        size_t part_len = rest.len ? part.len - rest.len - delimiter.len : part.len;
        struct slice content = after(slice_of(part.data, part_len), "\r\n\r\n");
        size_t head_len = part_len - content.len;
        if (content.len && memmem(part.data, head_len, "name=\"file\"", 11))
            file = content;
        part = rest;
    }
    buf_fini(&delimiter);
    return file;
}

/* ---- importing ---- */

/* Policies of the document come to many objects after it: the answer waits for that too. */
static bool applied(struct call *call)
{
    struct policies *policies = call->broker->policies;

    if (!policies_applied(policies, policies_latest(policies)))
        policies_apply(policies);
    return policies_applied(policies, policies_latest(policies));
}

static bool run_import(struct call *call, void *state)
{
    struct definitions_import *import = state;
    enum err error;

    if (!definitions_import_run(import, call_work_left(call), &error)) {
        call_spend(call, definitions_import_work(import));
        if (definitions_import_waits(import))
            call_wait(call);
        return false;
    }
    call_spend(call, definitions_import_work(import));
    if (error != ERR_OK) {
        call_error(call, 400, "bad_request", "%s", definitions_import_message(import));
        return true;
    }
    if (!applied(call))
        return false;
    call_empty(call, 204);
    return true;
}

static void free_import(void *state)
{
    definitions_import_free(state);
}

void definitions_post(struct call *call)
{
    static const struct call_task task = {.run = run_import, .free = free_import, .finishes = true};
    struct slice text = call->request->body;

    if (!check_vhost(call))
        return;
    if (starts_with_ignoring_case(call->request->content_type, "multipart/form-data"))
        text = form_file(call->request->content_type, text);
    call_set_task(call, &task, definitions_import_new(call->broker, call->vhost, text));
}
