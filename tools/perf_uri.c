/* SPDX-License-Identifier: Apache-2.0 */
/* Taking an AMQP URI apart: scheme://[user[:password]@][host][:port][/vhost][?…], with percent
 * signs decoded in each part. */
#include "tools/perf_uri.h"

#include "base/slice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False when it does not fit or is badly escaped. */
static bool decode(char *out, size_t size, struct slice in)
{
    size_t used = 0;
    for (size_t i = 0; i < in.len; i++) {
        int c = in.data[i];
        if (c == '%') {
            int high = i + 2 < in.len ? hex((char)in.data[i + 1]) : -1;
            int low = high >= 0 ? hex((char)in.data[i + 2]) : -1;
            if (low < 0)
                return false;
            c = high << 4 | low;
            i += 2;
        }
        if (used + 1 >= size || c == '\0')
            return false;
        out[used++] = (char)c;
    }
    out[used] = '\0';
    return true;
}

static bool complain(char *error, size_t size, const char *text)
{
    snprintf(error, size, "--uri: %s", text);
    return false;
}

/* Cuts `text` at the first of `stop`; `rest` gets what is behind it (or its end). */
static struct slice until(const char *text, size_t len, char stop, struct slice *rest)
{
    const char *hit = memchr(text, stop, len);
    size_t cut = hit ? (size_t)(hit - text) : len;
    *rest = hit ? slice_of(hit + 1, len - cut - 1) : slice_of(text + len, 0);
    return slice_of(text, cut);
}

static bool parse_user(struct perf_uri *uri, struct slice login)
{
    struct slice password;
    struct slice user = until((const char *)login.data, login.len, ':', &password);
    return decode(uri->user, sizeof(uri->user), user) &&
           decode(uri->password, sizeof(uri->password), password);
}

/* "host:port", "[::1]:port", either part may be missing. */
static bool parse_address(struct perf_uri *uri, struct slice address)
{
    struct slice port;
    struct slice host;
    if (address.len && address.data[0] == '[') {
        host = until((const char *)address.data + 1, address.len - 1, ']', &port);
        if (port.len && port.data[0] != ':')
            return false;
        port = port.len ? slice_of(port.data + 1, port.len - 1) : port;
    } else {
        host = until((const char *)address.data, address.len, ':', &port);
    }
    if (host.len && !decode(uri->host, sizeof(uri->host), host))
        return false;
    if (port.len == 0)
        return true;
    char *end;
    if (!decode(uri->port, sizeof(uri->port), port))
        return false;
    unsigned long number = strtoul(uri->port, &end, 10);
    return *end == '\0' && number >= 1 && number <= 65535;
}

bool perf_uri_parse(struct perf_uri *uri, const char *text, char *error, size_t error_size)
{
    *uri =
        (struct perf_uri){.user = "guest", .password = "guest", .host = "localhost", .vhost = "/"};
    uri->tls = strncmp(text, "amqps://", 8) == 0;
    if (!uri->tls && strncmp(text, "amqp://", 7) != 0)
        return complain(error, error_size, "begins with neither amqp:// nor amqps://");
    snprintf(uri->port, sizeof(uri->port), "%s", uri->tls ? "5671" : "5672");
    text += uri->tls ? 8 : 7;

    const char *end = text + strcspn(text, "?#");
    const char *slash = memchr(text, '/', (size_t)(end - text));
    const char *authority_end = slash ? slash : end;
    struct slice address = slice_of(text, (size_t)(authority_end - text));
    const char *at = memrchr(text, '@', address.len);
    if (at) {
        if (!parse_user(uri, slice_of(text, (size_t)(at - text))))
            return complain(error, error_size, "bad user or password");
        address = slice_of(at + 1, (size_t)(authority_end - at - 1));
    }
    if (!parse_address(uri, address))
        return complain(error, error_size, "bad host or port");
    if (slash && slash + 1 < end &&
        !decode(uri->vhost, sizeof(uri->vhost), slice_of(slash + 1, (size_t)(end - slash - 1))))
        return complain(error, error_size, "bad virtual host");
    return true;
}
