/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of [Fetch, section 3.2: CORS protocol], as RabbitMQ sends them. */
#include "management/cors.h"

#include "base/mem.h"

#include <stdio.h>

void cors_fini(struct cors *cors)
{
    mem_free(cors->origins);
    *cors = (struct cors){0};
}

static bool allowed(const struct cors *cors, struct slice origin)
{
    if (!cors->origins || !origin.len || slice_equal_str(origin, "null"))
        return false;
    for (const char *at = cors->origins; *at;) {
        size_t len = strcspn(at, " ");
        struct slice one = slice_of(at, len);
        if (slice_equal(one, origin) || slice_equal_str(one, "*"))
            return true;
        at += at[len] ? len + 1 : len;
    }
    return false;
}

/* What the browser asks before it sends anything but simple requests. */
static void add_preflight(const struct cors *cors, const struct http_request *request,
                          struct slice methods, struct http_response *response)
{
    char seconds[24];

    snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)cors->max_age_s);
    http_response_add_header(response, "Access-Control-Max-Age", slice_str(seconds));
    http_response_add_header(response, "Access-Control-Allow-Methods", methods);
    if (request->cors_headers.len)
        http_response_add_header(response, "Access-Control-Allow-Headers", request->cors_headers);
}

void cors_add(const struct cors *cors, const struct http_request *request, struct slice methods,
              struct http_response *response)
{
    if (!cors->origins)
        return;
    http_response_add_header(response, "Vary", slice_str("Origin"));
    if (!allowed(cors, request->origin))
        return;
    http_response_add_header(response, "Access-Control-Allow-Origin", request->origin);
    http_response_add_header(response, "Access-Control-Allow-Credentials", slice_str("true"));
    if (strcmp(request->method, "OPTIONS") == 0)
        add_preflight(cors, request, methods, response);
}
