/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to its handler: the path is matched against the table of routes, then the user is
 * authenticated and asked for the route's right. [rabbitmq: management]
 *
 *   request ─ match() ─→ 404, 405, or a route ─ authenticate() ─→ 401, or a user
 *     ─ permitted() ─→ 401, or the route's handler ─→ its answer, or a task
 *     task ─ management_work() ─→ a part of the answer, or its end
 */
#include "management/management.h"

#include "base/base64.h"
#include "base/check.h"
#include "base/mem.h"
#include "broker/login.h"
#include "broker/vhost.h"
#include "management/call.h"
#include "management/rates.h"
#include "management/sampler.h"
#include "management/statistics.h"

#include <stdio.h>
#include <strings.h>

#define REALM "Basic realm=\"RabbitMQ Management\""

struct management *management_new(struct broker *broker, const char *version,
                                  const struct management_host *host)
{
    struct management *management = MEM_NEW(struct management);

    management->broker = broker;
    management->version = version;
    management->host = *host;
    management->sampler = sampler_new();
    management->sql = (struct sql_limits){
        .time_ms = 5000, .rows = 10000, .result_bytes = 16u << 20, .memory_bytes = 128u << 20};
    return management;
}

void management_free(struct management *management)
{
    if (!management)
        return;
    sampler_free(management->sampler);
    cors_fini(&management->cors);
    mem_free(management);
}

void management_limit_sql(struct management *management, const struct sql_limits *limits)
{
    management->sql = *limits;
}

void management_show_objects(struct management *management, bool on)
{
    management->metrics_of_objects = on;
}

void management_allow_origins(struct management *management, const char *origins,
                              uint64_t max_age_s)
{
    cors_fini(&management->cors);
    if (*origins)
        management->cors.origins = slice_dup(slice_str(origins));
    management->cors.max_age_s = max_age_s;
}

bool management_sample(struct management *management, int64_t now_ms, int64_t interval_ms,
                       size_t objects_max)
{
    return sampler_take(management->sampler, management, now_ms, interval_ms, objects_max);
}

/* ---- matching ---- */

/* Cuts the next segment off a path that starts with '/'; false at its end. */
static bool next_segment(struct slice *path, struct slice *segment)
{
    if (path->len == 0)
        return false;
    struct slice rest = slice_of(path->data + 1, path->len - 1);
    const uint8_t *slash = rest.len ? memchr(rest.data, '/', rest.len) : NULL;
    size_t len = slash ? (size_t)(slash - rest.data) : rest.len;

    *segment = slice_of(rest.data, len);
    *path = slice_of(rest.data + len, rest.len - len);
    return true;
}

/* "/api/queues/" is "/api/queues". */
static struct slice without_last_slash(struct slice path)
{
    if (path.len > 1 && path.data[path.len - 1] == '/')
        path.len--;
    return path;
}

static bool is_capture(struct slice segment)
{
    return segment.len > 2 && segment.data[0] == '{';
}

/* Does the path fit the pattern? Fills in the captures' raw texts. */
static bool match_pattern(struct call *call, const char *pattern, struct slice path)
{
    struct slice rest = slice_str(pattern), expected, segment;

    call->capture_count = 0;
    while (next_segment(&rest, &expected)) {
        if (!next_segment(&path, &segment))
            return false;
        if (!is_capture(expected)) {
            if (!slice_equal(expected, segment))
                return false;
            continue;
        }
        CHECK(call->capture_count < ROUTE_CAPTURES_MAX);
        call->captures[call->capture_count++] = (struct call_capture){
            .name = slice_of(expected.data + 1, expected.len - 2), .raw = segment};
    }
    return path.len == 0;
}

static const char *wanted_method(const struct http_request *request)
{
    return strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
}

static void add_method(struct buf *allowed, const char *method)
{
    if (strcmp(method, "GET") == 0)
        buf_add_str(allowed, "HEAD, ");
    buf_add_str(allowed, method);
    buf_add_str(allowed, ", ");
}

/* The path exists, the verb does not; or the client asks which there are. */
static void answer_allowed(struct call *call, const struct buf *allowed, bool asked)
{
    http_response_add_header(call->response, "Allow", buf_slice(allowed));
    if (asked)
        cors_add(&call->management->cors, call->request, buf_slice(allowed), call->response);
    if (asked)
        call_empty(call, 200);
    else
        call_error(call, 405, "method_not_allowed", "this path knows %.*s",
                   SLICE_FMT(buf_slice(allowed)));
}

/* The request's route; NULL after answering. */
static const struct route *match(struct call *call)
{
    struct slice path = without_last_slash(call->request->path);
    const char *method = wanted_method(call->request);
    struct buf allowed = BUF_INIT;
    const struct route *route;

    for (size_t i = 0; (route = route_at(i)); i++) {
        if ((call->request->metrics_port && route->access != ROUTE_METRICS) ||
            !match_pattern(call, route->pattern, path))
            continue;
        if (strcmp(route->method, method) == 0)
            break;
        add_method(&allowed, route->method);
    }
    if (!route && allowed.len == 0) {
        call_not_found(call);
    } else if (!route) {
        buf_add_str(&allowed, "OPTIONS");
        answer_allowed(call, &allowed, strcmp(method, "OPTIONS") == 0);
    }
    buf_fini(&allowed);
    return route;
}

/* Percent-decodes the captures; false when one is malformed. */
static bool decode_captures(struct call *call)
{
    for (size_t i = 0; i < call->capture_count; i++) {
        struct call_capture *capture = &call->captures[i];
        if (!http_decode(&capture->value, capture->raw, false))
            return false;
        (void)buf_cstr(&capture->value);
    }
    return true;
}

/* ---- who asks ---- */

static void note_refused(const struct call *call, struct slice user, const char *why)
{
    char quoted[128];

    log_warning(call->broker->log, "management: access denied", "user=%s peer=%s why=\"%s\"",
                log_quote(quoted, sizeof(quoted), user),
                call->request->peer_address ? call->request->peer_address : "", why);
}

/* Browsers answer a challenge with a dialog of their own, which is not wanted by our page: it has a
 * form for that, and says who it is. */
static void challenge(struct call *call)
{
    if (slice_equal_str(call->request->x_requested_with, "bilby"))
        return;
    http_response_add_header(call->response, "WWW-Authenticate", slice_str(REALM));
}

/* Name and password out of "Basic <base64>"; `decoded` owns the bytes. */
static bool basic_credentials(struct slice header, struct buf *decoded, struct slice *name,
                              struct slice *password)
{
    static const char scheme[] = "Basic ";
    size_t scheme_len = sizeof(scheme) - 1;

    if (header.len <= scheme_len || strncasecmp((const char *)header.data, scheme, scheme_len) != 0)
        return false;
    struct slice text = slice_of(header.data + scheme_len, header.len - scheme_len);
    if (base64_decode(decoded, text) != ERR_OK || decoded->len == 0)
        return false;
    const uint8_t *colon = memchr(decoded->data, ':', decoded->len);
    if (!colon)
        return false;
    *name = slice_of(decoded->data, (size_t)(colon - decoded->data));
    *password = slice_of(colon + 1, decoded->len - name->len - 1);
    return true;
}

/* Name and password of a form, on the one path that takes one. */
static bool form_credentials(struct slice form, struct buf *decoded, struct slice *name,
                             struct slice *password)
{
    if (!http_query(form, "username", decoded))
        return false;
    size_t name_len = decoded->len;
    if (!http_query(form, "password", decoded))
        return false;
    *name = slice_of(decoded->data, name_len);
    *password = slice_of(decoded->data + name_len, decoded->len - name_len);
    return true;
}

/* False when there are none; `decoded` owns the bytes. */
static bool credentials(const struct http_request *request, struct buf *decoded, struct slice *name,
                        struct slice *password)
{
    if (slice_equal_str(request->path, "/api/login") && strcmp(request->method, "POST") == 0)
        return form_credentials(request->body, decoded, name, password);
    return basic_credentials(request->authorization, decoded, name, password);
}

static void refuse_login(struct call *call, const struct login_result *result)
{
    note_refused(call, result->name, login_verdict_text(result->verdict));
    if (result->verdict == LOGIN_THROTTLED) {
        call_error(call, 429, "too_many_requests",
                   "too many logins from this address have failed: try again later");
        return;
    }
    challenge(call);
    call_error(call, 401, "not_authorized", "Not_Authorized");
}

static void check_login(struct call *call, const struct login_result *result)
{
    struct access *access = call->broker->access;
    struct user *user = result->user;

    if (!user) {
        call->management->logins.failed++;
        refuse_login(call, result);
    } else if (access_loopback_only(access, user) && !call->request->loopback) {
        note_refused(call, result->name, "may log in from this machine only");
        call_refused(call, "User can only log in via localhost");
    } else {
        call->management->logins.succeeded++;
        call->user = user;
        user_ref(user);
    }
}

bool management_authenticate(struct management *management, const struct http_request *request,
                             void (*done)(void *context, const struct login_result *result),
                             void *context, struct login_result *result, struct login **login)
{
    struct buf decoded = BUF_INIT;
    struct login_request asked = {.source = request->source, .done = done, .context = context};

    *login = NULL;
    if (credentials(request, &decoded, &asked.name, &asked.password)) {
        login_begin(management->broker->access, &asked, result, login);
        result->name = slice_of(NULL, 0); /* it goes with the buffer */
    }
    buf_fini(&decoded);
    return !*login;
}

/* Sets call->user, or answers 401 or 429. */
static void authenticate(struct call *call)
{
    const struct http_request *request = call->request;
    struct buf decoded = BUF_INIT;
    struct login_request asked = {.source = request->source};
    struct login_result result;
    struct login *login = NULL;

    if (!credentials(request, &decoded, &asked.name, &asked.password)) {
        challenge(call);
        call_error(call, 401, "not_authorized", "Not_Authorized");
    } else if (request->login) {
        result = *request->login;
        result.name = asked.name;
        check_login(call, &result);
    } else {
        login_begin(call->broker->access, &asked, &result, &login);
        CHECK(!login); /* with a worker, management_authenticate() comes first */
        check_login(call, &result);
    }
    buf_fini(&decoded);
}

static bool has_management_tag(const struct user *user)
{
    return user_has_tag(user, USER_TAG_ADMINISTRATOR) || user_has_tag(user, USER_TAG_MONITORING) ||
           user_has_tag(user, USER_TAG_POLICYMAKER) || user_has_tag(user, USER_TAG_MANAGEMENT);
}

static bool enters_vhost(const struct call *call)
{
    return call_admin(call) || !call->vhost ||
           access_vhost(call->user, slice_str(call->vhost->name));
}

static bool has_right(const struct call *call, enum route_access access)
{
    switch (access) {
    case ROUTE_ANYONE:
    case ROUTE_USER:
        return true;
    case ROUTE_VHOST:
        return enters_vhost(call);
    case ROUTE_VISIBLE:
        return call_monitor(call) || enters_vhost(call);
    case ROUTE_POLICYMAKER:
        return call_admin(call) ||
               (user_has_tag(call->user, USER_TAG_POLICYMAKER) && enters_vhost(call));
    case ROUTE_METRICS:
    case ROUTE_MONITORING:
        return call_monitor(call);
    case ROUTE_ADMINISTRATOR:
        return call_admin(call);
    }
    UNREACHABLE();
}

/* False after answering 401. */
static bool permitted(struct call *call)
{
    enum route_access access = call->route->access;

    if (access == ROUTE_ANYONE || (access == ROUTE_METRICS && call->request->metrics_port))
        return true;
    authenticate(call);
    if (!call->user)
        return false;
    if (!has_management_tag(call->user))
        access = ROUTE_USER;
    else if (has_right(call, access))
        return true;
    note_refused(call, slice_str(call->user->name), route_refusal(access));
    call_refused(call, route_refusal(access));
    return false;
}

/* ---- the whole ---- */

static void note_work(const struct call *call)
{
    struct management *management = call->management;

    if (call->work_spent > management->work_most)
        management->work_most = call->work_spent;
}

static void find_vhost(struct call *call)
{
    for (size_t i = 0; i < call->capture_count; i++)
        if (slice_equal_str(call->captures[i].name, "vhost"))
            call->vhost = vhost_find(call->broker, buf_slice(&call->captures[i].value));
}

static void run(struct call *call)
{
    call->route = match(call);
    if (!call->route)
        return;
    cors_add(&call->management->cors, call->request, slice_str(""), call->response);
    if (!decode_captures(call)) {
        call_error(call, 400, "bad_request", "the path holds a malformed percent-escape, or a NUL");
        return;
    }
    find_vhost(call);
    if (!permitted(call))
        return;
    if (!statistics_check(call))
        return;
    rates_read_query(call);
    call->route->handle(call);
}

/* Nobody knows where the next request would begin. */
static void refuse_malformed(struct call *call)
{
    http_response_add_header(call->response, "Connection", slice_str("close"));
    call_error(call, 400, "bad_request", "%s", call->request->malformed);
}

struct call *management_begin(struct management *management, const struct http_request *request,
                              struct http_response *response)
{
    struct call *call = MEM_NEW(struct call);

    call->management = management;
    call->broker = management->broker;
    call->request = request;
    call->response = response;
    call->work_given = MANAGEMENT_WORK;
    if (request->malformed)
        refuse_malformed(call);
    else if (request->path.len == 0 || request->path.data[0] != '/')
        call_error(call, 400, "bad_request", "the path must start with a slash");
    else
        run(call);
    call->vhost = NULL;
    note_work(call);
    CHECK(call->answered || call->task);
    call->complete = !call->task;
    return call;
}

bool management_work(struct call *call, size_t work)
{
    if (!call->task || call->complete)
        return true;
    call->waits = false;
    call->work_given = work;
    call->work_spent = 0;
    call->complete = call->task->run(call, call->task_state);
    note_work(call);
    CHECK(call->answered || !call->complete);
    return call->complete;
}

bool management_finishes(const struct call *call)
{
    return call->task && call->task->finishes;
}

bool management_waits(const struct call *call)
{
    return call->waits;
}

void management_end(struct call *call)
{
    if (call->task)
        call->task->free(call->task_state);
    if (call->user)
        user_unref(call->user);
    columns_fini(&call->columns);
    for (size_t i = 0; i < ROUTE_CAPTURES_MAX; i++)
        buf_fini(&call->captures[i].value);
    mem_free(call);
}

uint64_t management_work_most(const struct management *management)
{
    return management->work_most;
}
