/* SPDX-License-Identifier: Apache-2.0 */
/* Reading questions and writing answers, in RabbitMQ's words. */
#include "management/call.h"

#include "base/check.h"
#include "base/mem.h"
#include "broker/exchange.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/statistics.h"

#include <stdio.h>

/* ---- the question ---- */

static const struct call_capture *find_capture(const struct call *call, const char *name)
{
    for (size_t i = 0; i < call->capture_count; i++)
        if (slice_equal_str(call->captures[i].name, name))
            return &call->captures[i];
    return NULL;
}

struct slice call_arg(const struct call *call, const char *name)
{
    const struct call_capture *capture = find_capture(call, name);

    if (!capture)
        return slice_str("");
    struct slice value = buf_slice(&capture->value);
    bool exchange = strcmp(name, "exchange") == 0 || strcmp(name, "source") == 0 ||
                    strcmp(name, "destination") == 0;
    return exchange && slice_equal_str(value, "amq.default") ? slice_str("") : value;
}

char *call_query(const struct call *call, const char *name)
{
    struct buf value = BUF_INIT;
    char *copy = NULL;

    if (http_query(call->request->query, name, &value))
        copy = slice_dup(buf_slice(&value));
    buf_fini(&value);
    return copy;
}

bool call_flag(const struct call *call, const char *name)
{
    char *value = call_query(call, name);
    bool set = value && strcmp(value, "true") == 0;

    mem_free(value);
    return set;
}

struct vhost *call_vhost(struct call *call)
{
    if (!call->vhost)
        call_not_found(call);
    return call->vhost;
}

struct queue *call_queue(struct call *call)
{
    struct queue *queue = call->vhost ? queue_find(call->vhost, call_arg(call, "queue")) : NULL;

    if (!queue)
        call_not_found(call);
    return queue;
}

struct exchange *call_exchange(struct call *call)
{
    struct exchange *exchange =
        call->vhost ? exchange_find(call->vhost, call_arg(call, "exchange")) : NULL;

    if (!exchange)
        call_not_found(call);
    return exchange;
}

json_t *call_body(struct call *call)
{
    struct slice body = call->request->body;

    if (body.len == 0 || slice_equal_str(body, "null") || slice_equal_str(body, "undefined"))
        return json_object();
    json_t *parsed = json_loadb((const char *)body.data, body.len, JSON_DECODE_ANY, NULL);
    if (json_is_object(parsed))
        return parsed;
    if (json_is_string(parsed))
        call_error(call, 400, "bad_request",
                   "the body is a JSON string, not an object: was it encoded twice?");
    else
        call_error(call, 400, "bad_request", "not_json");
    json_decref(parsed);
    return NULL;
}

bool call_keys(struct call *call, const json_t *body, const char *const *keys)
{
    struct buf missing = BUF_INIT;
    size_t count = 0;

    for (; *keys; keys++)
        if (!json_object_get(body, *keys))
            buf_printf(&missing, "%s{key_missing,%s}", count++ ? "," : "", *keys);
    if (count)
        call_error(call, 400, "bad_request", "[%s]", buf_cstr(&missing));
    buf_fini(&missing);
    return count == 0;
}

static void error_document(struct call *call, int status, const char *error, json_t *reason)
{
    json_t *document = json_object();

    json_object_set_new(document, "error", json_string(error));
    json_object_set_new(document, "reason", reason);
    call_document(call, status, document);
}

bool call_bool(struct call *call, const json_t *body, const char *key, bool fallback, bool *value)
{
    const json_t *found = json_object_get(body, key);
    struct slice text = json_slice(found);

    *value = fallback;
    if (!found || json_is_null(found))
        return true;
    *value = json_is_true(found) || slice_equal_str(text, "true");
    if (json_is_boolean(found) || *value || slice_equal_str(text, "false"))
        return true;
    error_document(call, 400, "bad_request", json_pack("[sO]", "not_boolean", found));
    return false;
}

bool call_admin(const struct call *call)
{
    return user_has_tag(call->user, USER_TAG_ADMINISTRATOR);
}

bool call_monitor(const struct call *call)
{
    return call_admin(call) || user_has_tag(call->user, USER_TAG_MONITORING);
}

static bool asks_for(const struct call *call, struct slice vhost)
{
    return !call->request->x_vhost.len || slice_equal(call->request->x_vhost, vhost);
}

bool call_sees(const struct call *call, struct slice vhost)
{
    return call_monitor(call) || access_vhost(call->user, vhost);
}

bool call_enters(const struct call *call, struct slice vhost)
{
    return asks_for(call, vhost) && (call_admin(call) || access_vhost(call->user, vhost));
}

/* ---- tasks ---- */

void call_set_task(struct call *call, const struct call_task *task, void *state)
{
    CHECK(!call->task);
    call->task = task;
    call->task_state = state;
}

void call_wait(struct call *call)
{
    call->waits = true;
}

void call_spend(struct call *call, size_t work)
{
    call->work_spent += work;
}

bool call_spent(const struct call *call)
{
    return call->work_spent >= call->work_given;
}

size_t call_work_left(const struct call *call)
{
    return call_spent(call) ? 0 : call->work_given - call->work_spent;
}

/* ---- the answer ---- */

static void start(struct call *call, int status)
{
    CHECK(!call->answered);
    call->answered = true;
    call->response->status = status;
    call->response->begun = true;
}

void call_empty(struct call *call, int status)
{
    start(call, status);
}

void call_made(struct call *call, bool created)
{
    call_empty(call, created ? 201 : 204);
}

void call_document(struct call *call, int status, json_t *document)
{
    start(call, status);
    call->response->content_type = "application/json";
    json_write(&call->response->body, document);
    json_decref(document);
}

void call_json(struct call *call, json_t *document)
{
    char *names = statistics_columns(call);
    struct row row;

    call_begin(call);
    columns_init(&call->columns, names);
    mem_free(names);
    row_init(&row, &call->response->body, &call->columns);
    row_json(&row, NULL, document);
    row_fini(&row);
}

void call_begin_as(struct call *call, const char *content_type)
{
    start(call, 200);
    call->response->content_type = content_type;
}

void call_begin(struct call *call)
{
    call_begin_as(call, "application/json");
    http_response_add_header(call->response, "Cache-Control", slice_str("no-cache"));
}

void call_begin_object(struct call *call, struct row *row)
{
    char *names = statistics_columns(call);

    call_begin(call);
    columns_init(&call->columns, names);
    mem_free(names);
    row_init(row, &call->response->body, &call->columns);
    row_begin(row);
}

void call_end_object(struct row *row)
{
    row_end(row);
    row_fini(row);
}

void call_error(struct call *call, int status, const char *error, const char *format, ...)
{
    struct buf reason = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&reason, format, arguments);
    va_end(arguments);
    error_document(call, status, error, json_text(buf_slice(&reason)));
    buf_fini(&reason);
}

void call_bad_term(struct call *call, const char *term, struct slice what)
{
    json_t *reason = json_array();

    json_array_append_new(reason, json_string(term));
    json_array_append_new(reason, json_text(what));
    error_document(call, 400, "bad_request", reason);
}

void call_not_found(struct call *call)
{
    call_error(call, 404, "Object Not Found", "Not Found");
}

void call_refused(struct call *call, const char *reason)
{
    call_error(call, 401, "not_authorised", "%s", reason);
}

void call_reply(struct call *call, const struct reply *reply)
{
    if (reply->code == REPLY_NOT_FOUND)
        call_error(call, 404, "not_found", "%s", reply_reason(reply));
    else if (reply->code == REPLY_ACCESS_REFUSED || reply->code == REPLY_NOT_ALLOWED)
        call_refused(call, "Access refused.");
    else
        call_error(call, 400, "bad_request", "%s", reply_reason(reply));
}

void call_channel_reply(struct call *call, const struct reply *reply)
{
    call_error(call, 400, "bad_request", "%d %s", (int)reply->code, reply->text);
}
