/* SPDX-License-Identifier: Apache-2.0 */
/* See api_fixture.h. */
#include "tests/support/api_fixture.h"

#include "base/base64.h"
#include "base/mem.h"

#include <check.h>

static void start(struct api *api)
{
    api->management = management_new(api->world.broker, "9.9.9", &api->host);
    http_response_init(&api->response);
}

void api_open(struct api *api)
{
    api->credentials = "guest:guest";
    world_open(&api->world);
    start(api);
}

static void stop(struct api *api)
{
    http_response_fini(&api->response);
    management_free(api->management);
}

void api_close(struct api *api)
{
    stop(api);
    world_close(&api->world);
}

void api_restart(struct api *api)
{
    stop(api);
    world_restart(&api->world);
    start(api);
}

/* ' stands for ". */
static char *quoted(const char *text)
{
    char *copy = slice_dup(slice_str(text));

    if (!strchr(copy, '"'))
        for (char *at = copy; *at; at++)
            if (*at == '\'')
                *at = '"';
    return copy;
}

static void add_credentials(const struct api *api, struct buf *header)
{
    if (!api->credentials)
        return;
    buf_add_str(header, "Basic ");
    base64_encode(header, slice_str(api->credentials));
}

static void move_bytes(struct buf *to, struct buf *from)
{
    buf_add_slice(to, buf_slice(from));
    buf_clear(from);
}

int ask_bytes(struct api *api, const char *method, const char *target, const char *content_type,
              struct slice body)
{
    const char *mark = strchr(target, '?');
    struct buf authorization = BUF_INIT;
    struct http_request request = {
        .method = method,
        .path = slice_of(target, mark ? (size_t)(mark - target) : strlen(target)),
        .query = slice_str(mark ? mark + 1 : NULL),
        .content_type = slice_str(content_type),
        .x_reason = slice_str(api->x_reason),
        .x_requested_with = slice_str(api->x_requested_with),
        .if_none_match = slice_str(api->if_none_match),
        .body = body,
        .peer_address = api->remote ? "192.0.2.1" : "127.0.0.1",
        .loopback = !api->remote,
        .metrics_port = api->metrics_port,
    };

    add_credentials(api, &authorization);
    request.authorization = buf_slice(&authorization);
    http_response_fini(&api->response);
    http_response_init(&api->response);
    struct buf sent = BUF_INIT;
    struct call *call = management_begin(api->management, &request, &api->response);
    while (!management_work(call, api->work ? api->work : MANAGEMENT_WORK)) {
        if (api->response.begun)
            move_bytes(&sent, &api->response.body);
        world_turn(&api->world);
    }
    management_end(call);
    move_bytes(&sent, &api->response.body);
    move_bytes(&api->response.body, &sent);
    buf_fini(&sent);
    buf_fini(&authorization);
    world_turn(&api->world);
    return api->response.status;
}

int ask(struct api *api, const char *method, const char *target, const char *body)
{
    char *text = quoted(body ? body : "");
    int status = ask_bytes(api, method, target, "application/json", slice_str(text));

    mem_free(text);
    return status;
}

const char *answer(struct api *api)
{
    return buf_cstr(&api->response.body);
}

const char *answer_header(struct api *api, const char *name)
{
    for (size_t i = 0; i < api->response.header_count; i++)
        if (strcmp(api->response.headers[i].name, name) == 0)
            return api->response.headers[i].value;
    return NULL;
}

void expect(struct api *api, const char *method, const char *target, const char *body, int status,
            const char *expected)
{
    int got = ask(api, method, target, body);

    ck_assert_msg(got == status, "%s %s: %d instead of %d: %s", method, target, got, status,
                  answer(api));
    if (!expected)
        return;
    char *text = quoted(expected);
    ck_assert_msg(strcmp(answer(api), text) == 0, "%s %s: %s instead of %s", method, target,
                  answer(api), text);
    mem_free(text);
}
