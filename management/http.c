/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and responses as values: percent-encoding, queries, headers. */
#include "management/http.h"

#include "base/check.h"
#include "base/mem.h"

void http_response_init(struct http_response *response)
{
    *response = (struct http_response){.status = 500};
}

void http_response_fini(struct http_response *response)
{
    for (size_t i = 0; i < response->header_count; i++)
        mem_free(response->headers[i].value);
    buf_fini(&response->body);
}

void http_response_add_header(struct http_response *response, const char *name, struct slice value)
{
    struct buf clean = BUF_INIT;

    CHECK(response->header_count < HTTP_HEADERS_MAX);
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] != '\r' && value.data[i] != '\n' && value.data[i] != 0)
            buf_add_u8(&clean, value.data[i]);
    response->headers[response->header_count++] =
        (struct http_header){.name = name, .value = slice_dup(buf_slice(&clean))};
    buf_fini(&clean);
}

const char *http_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {201, "Created"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Unknown";
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool http_decode(struct buf *out, struct slice text, bool plus_is_space)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return false;
        buf_add_u8(out, c);
    }
    return true;
}

static bool unreserved(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void http_encode(struct buf *out, struct slice text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (unreserved(c)) {
            buf_add_u8(out, c);
            continue;
        }
        buf_add_u8(out, '%');
        buf_add_u8(out, (uint8_t)digits[c >> 4]);
        buf_add_u8(out, (uint8_t)digits[c & 15]);
    }
}

/* Cuts the next "name=value" off the query; false at its end. */
static bool next_parameter(struct slice *rest, struct slice *name, struct slice *value)
{
    if (rest->len == 0)
        return false;
    const uint8_t *end = memchr(rest->data, '&', rest->len);
    size_t len = end ? (size_t)(end - rest->data) : rest->len;
    const uint8_t *equals = len ? memchr(rest->data, '=', len) : NULL;
    size_t name_len = equals ? (size_t)(equals - rest->data) : len;
    size_t value_at = equals ? name_len + 1 : len;

    *name = slice_of(rest->data, name_len);
    *value = slice_of(rest->data + value_at, len - value_at);
    size_t skip = end ? len + 1 : len;
    *rest = slice_of(rest->data + skip, rest->len - skip);
    return true;
}

bool http_query(struct slice query, const char *name, struct buf *out)
{
    struct slice found, value;

    while (next_parameter(&query, &found, &value))
        if (slice_equal_str(found, name))
            return http_decode(out, value, true);
    return false;
}
