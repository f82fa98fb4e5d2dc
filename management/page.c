/* SPDX-License-Identifier: Apache-2.0 */
/* The pages: the one at the root with its scripts and styles, served out of memory, and the routes
 * as a table.
 *
 * (1) No page may load, run or talk to anything that doesn't come from this port, nor stand in
 *     another's frame: CONTENT_POLICY says so to the browser.
 * (2) A browser keeps the files and asks each time whether they are still the same.
 */
#include "base/check.h"
#include "management/call.h"
#include "management/www_files.h"

#define CONTENT_POLICY                                                                             \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "                \
    "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

static void add_header(struct call *call, const char *name, const char *value)
{
    http_response_add_header(call->response, name, slice_str(value));
}

static void add_headers(struct call *call)
{
    add_header(call, "Content-Security-Policy", CONTENT_POLICY);
    add_header(call, "X-Content-Type-Options", "nosniff");
    add_header(call, "Referrer-Policy", "no-referrer");
    add_header(call, "Cache-Control", "no-cache");
}

static void answer_page(struct call *call, const char *type, const void *data, size_t len)
{
    buf_add(&call->response->body, data, len);
    call->response->content_type = type;
    call_empty(call, 200);
}

/* ---- the files ---- */

static const struct www_file *find_file(struct slice path)
{
    for (const struct www_file *file = www_files; file->path; file++)
        if (slice_equal_str(path, file->path))
            return file;
    return NULL;
}

static const char *content_type(const char *path)
{
    static const struct {
        const char *suffix, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
    };
    const char *suffix = strrchr(path, '.');

    for (size_t i = 0; suffix && i < ARRAY_LEN(types); i++)
        if (strcmp(suffix, types[i].suffix) == 0)
            return types[i].type;
    return "text/plain; charset=utf-8";
}

/* Is the tag in the list that the client has? [RFC 9110 section 13.1.2] */
static bool client_has(const struct call *call, const char *etag)
{
    struct slice list = call->request->if_none_match;

    return slice_equal_str(list, "*") ||
           (list.len && memmem(list.data, list.len, etag, strlen(etag)));
}

static void answer_file(struct call *call, const struct www_file *file)
{
    add_headers(call);
    add_header(call, "ETag", file->etag);
    if (client_has(call, file->etag))
        call_empty(call, 304);
    else
        answer_page(call, content_type(file->path), file->data, file->len);
}

void page_home(struct call *call)
{
    const struct www_file *file = find_file(slice_str("/index.html"));

    CHECK(file);
    answer_file(call, file);
}

void page_file(struct call *call)
{
    const struct www_file *file = find_file(call->request->path);

    if (file)
        answer_file(call, file);
    else
        call_not_found(call);
}

/* ---- the routes ---- */

/* Text with HTML's own characters escaped. */
static void add_text(struct buf *page, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            buf_add_str(page, "&lt;");
        else if (*text == '>')
            buf_add_str(page, "&gt;");
        else if (*text == '&')
            buf_add_str(page, "&amp;");
        else
            buf_add_u8(page, (uint8_t)*text);
    }
}

static void add_cell(struct buf *page, const char *text)
{
    buf_add_str(page, "<td>");
    add_text(page, text);
    buf_add_str(page, "</td>");
}

void page_routes(struct call *call)
{
    static const char *const who[] = {
        [ROUTE_ANYONE] = "anyone",
        [ROUTE_USER] = "management users",
        [ROUTE_VHOST] = "users of the virtual host",
        [ROUTE_VISIBLE] = "users of the virtual host, monitoring",
        [ROUTE_POLICYMAKER] = "policymakers",
        [ROUTE_METRICS] = "monitoring; on the port of prometheus.tcp.port anyone",
        [ROUTE_MONITORING] = "monitoring",
        [ROUTE_ADMINISTRATOR] = "administrators",
    };
    struct buf page = BUF_INIT;
    const struct route *route;

    buf_add_str(&page, "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\">"
                       "<meta name=\"viewport\" content=\"width=device-width\">"
                       "<title>Bilby: HTTP API</title>"
                       "<link rel=\"icon\" href=\"/page/icon.svg\">"
                       "<link rel=\"stylesheet\" href=\"/page/style/routes.css\">"
                       "<h1>HTTP API</h1><table>");
    for (size_t i = 0; (route = route_at(i)); i++) {
        buf_add_str(&page, "<tr>");
        add_cell(&page, route->method);
        add_cell(&page, route->pattern);
        add_cell(&page, who[route->access]);
        add_cell(&page, route->help);
        buf_add_str(&page, "</tr>\n");
    }
    buf_add_str(&page, "</table></html>\n");
    add_headers(call);
    answer_page(call, "text/html; charset=utf-8", page.data, page.len);
    buf_fini(&page);
}
