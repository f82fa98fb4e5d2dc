/* SPDX-License-Identifier: Apache-2.0 */
/* amqp:// and amqps:// addresses, with what they leave out filled in. */
#ifndef TOOLS_PERF_URI_H
#define TOOLS_PERF_URI_H

#include <stdbool.h>
#include <stddef.h>

struct perf_uri {
    bool tls;
    char host[256]; /* without the brackets of an IPv6 address */
    char port[8];
    char user[256];
    char password[256];
    char vhost[256];
};

/* Defaults: guest, guest, localhost, 5672 (5671 with TLS), "/". On failure false with a sentence in
 * `error`, which never shows a password. */
bool perf_uri_parse(struct perf_uri *uri, const char *text, char *error, size_t error_size);

#endif
