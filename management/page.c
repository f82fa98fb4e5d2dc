/* SPDX-License-Identifier: Apache-2.0 */
/* The pages: a static one at the root, and the routes as a table. */
#include "base/check.h"
#include "management/call.h"
#include "management/www_files.h"

static void answer_page(struct call *call, const void *data, size_t len)
{
    buf_add(&call->response->body, data, len);
    call->response->content_type = "text/html; charset=utf-8";
    call_empty(call, 200);
}

static const struct www_file *find_file(const char *path)
{
    const struct www_file *file = www_files;

    while (file->path && strcmp(file->path, path) != 0)
        file++;
    return file->path ? file : NULL;
}

void page_home(struct call *call)
{
    const struct www_file *file = find_file("/index.html");

    CHECK(file);
    answer_page(call, file->data, file->len);
}

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
                       "<title>Bilby: HTTP API</title><style>:root{color-scheme:light dark}"
                       "body{font:15px/1.5 system-ui,sans-serif;margin:2rem}"
                       "td{padding:.1rem 1rem .1rem 0;vertical-align:top}"
                       "td:nth-child(2){font-family:monospace}</style><h1>HTTP API</h1><table>");
    for (size_t i = 0; (route = route_at(i)); i++) {
        buf_add_str(&page, "<tr>");
        add_cell(&page, route->method);
        add_cell(&page, route->pattern);
        add_cell(&page, who[route->access]);
        add_cell(&page, route->help);
        buf_add_str(&page, "</tr>\n");
    }
    buf_add_str(&page, "</table></html>\n");
    answer_page(call, page.data, page.len);
    buf_fini(&page);
}
