/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the management API, one a line: "METHOD target body". A line that begins with '~' sets
 * the Authorization header of those that follow (at first guest's, who may do anything), one that
 * begins with '!' makes so many tenths of a second pass.
 *
 * Whatever is asked: the status has a name, an answer that says it is JSON is JSON, a path and a query
 * come through decoding and encoding unharmed, and when all is deleted nothing is left over.
 */
#include "base/base64.h"
#include "base/check.h"
#include "management/management.h"
#include "tests/fuzz/fuzz_world.h"

#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUESTS_MAX 40
#define INPUTS_PER_BROKER 500
#define WORK_SMALL 512 /* so that long answers come in parts */

struct host {
    struct fuzz_world *world;
    struct management *management;
    struct buf authorization;
};

/* -- what has to hold -- */

static void check_encoding(struct slice text, bool query)
{
    struct buf decoded = BUF_INIT;
    struct buf encoded = BUF_INIT;
    struct buf again = BUF_INIT;
    if (http_decode(&decoded, text, query)) {
        CHECK(decoded.len <= text.len);
        http_encode(&encoded, buf_slice(&decoded));
        CHECK(http_decode(&again, buf_slice(&encoded), false));
        CHECK(slice_equal(buf_slice(&again), buf_slice(&decoded)));
    }
    buf_fini(&decoded);
    buf_fini(&encoded);
    buf_fini(&again);
}

static void check_response(const struct http_response *response)
{
    CHECK(strcmp(http_status_text(response->status), "Unknown") != 0);
    CHECK(response->status != 500);
    CHECK(response->header_count <= HTTP_HEADERS_MAX);
    if (!response->content_type) {
        CHECK(response->body.len == 0);
    } else if (strstr(response->content_type, "json") && response->body.len) {
        json_t *body = json_loadb((const char *)response->body.data, response->body.len,
                                  JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        CHECK(body);
        json_decref(body);
    }
}

/* -- one line -- */

static struct slice next_word(struct slice *line)
{
    size_t len = 0;
    while (len < line->len && line->data[len] != ' ')
        len++;
    struct slice word = slice_of(line->data, len);
    size_t used = len < line->len ? len + 1 : len;
    *line = slice_of(line->data + used, line->len - used);
    return word;
}

static void answer(struct host *host, const struct http_request *request)
{
    struct http_response response;
    http_response_init(&response);
    struct call *call = management_begin(host->management, request, &response);
    while (!management_work(call, WORK_SMALL))
        fuzz_world_turn(host->world);
    management_end(call);
    check_response(&response);
    http_response_fini(&response);
    fuzz_world_turn(host->world);
}

static void ask(struct host *host, struct slice line)
{
    static const char *const methods[] = {"GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS"};
    struct slice method = next_word(&line);
    struct slice target = next_word(&line);
    struct http_request request = {
        .method = "UNKNOWN",
        .path = target,
        .authorization = buf_slice(&host->authorization),
        .content_type = slice_str("application/json"),
        .body = line,
        .peer_address = "127.0.0.1",
        .loopback = true,
    };
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (slice_equal_str(method, methods[i]))
            request.method = methods[i];
    const uint8_t *mark = target.len ? memchr(target.data, '?', target.len) : NULL;
    if (mark) {
        request.path.len = (size_t)(mark - target.data);
        request.query = slice_of(mark + 1, target.len - request.path.len - 1);
    }
    check_encoding(request.path, false);
    check_encoding(request.query, true);
    answer(host, &request);
}

static void run_line(struct host *host, struct slice line)
{
    struct slice rest = line.len ? slice_of(line.data + 1, line.len - 1) : line;
    if (slice_starts_with(line, "~")) {
        buf_clear(&host->authorization);
        buf_add_slice(&host->authorization, rest);
    } else if (slice_starts_with(line, "!")) {
        host->world->now_ms += (int64_t)(rest.len ? rest.data[0] : 0) * 100;
        if (management_sample(host->management, host->world->now_ms, 5000, 1000))
            fuzz_world_turn(host->world);
    } else {
        ask(host, line);
    }
}

static void run(struct host *host, struct slice input)
{
    size_t requests = 0;
    while (input.len && requests++ < REQUESTS_MAX) {
        const uint8_t *end = memchr(input.data, '\n', input.len);
        size_t len = end ? (size_t)(end - input.data) : input.len;
        run_line(host, slice_of(input.data, len));
        size_t used = end ? len + 1 : len;
        input = slice_of(input.data + used, input.len - used);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct management_host nobody;
    static struct fuzz_world *world;
    if (!world)
        world = fuzz_world_new();
    struct host host = {.world = world};
    host.management = management_new(world->broker, "9.9.9", &nobody);
    buf_add_str(&host.authorization, "Basic ");
    base64_encode(&host.authorization, slice_str("guest:guest"));
    run(&host, slice_of(data, size));
    management_free(host.management);
    buf_fini(&host.authorization);
    fuzz_world_reset(world);
    if (world->inputs == INPUTS_PER_BROKER) {
        fuzz_world_free(world);
        world = NULL;
    }
    return 0;
}
