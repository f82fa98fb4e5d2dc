/* SPDX-License-Identifier: Apache-2.0 */
/* An address to listen on, as a configuration writes it: "5672", "127.0.0.1:5672", "[::1]:5672",
 * "localhost:5672". The name is resolved when the listener is opened.
 */
#ifndef SERVER_ENDPOINT_H
#define SERVER_ENDPOINT_H

#include "base/check.h"

#include <stdbool.h>
#include <stdint.h>

struct sockaddr;

#define ENDPOINT_HOST_MAX 256 /* a host name has at most 253 characters [RFC 1035 §2.3.4] */

struct endpoint {
    char host[ENDPOINT_HOST_MAX]; /* without brackets; "": all addresses */
    uint16_t port;
};

/* False when the text is none of the forms above, or the port is not in 1..65535. */
bool endpoint_parse(const char *text, struct endpoint *endpoint) MUST_USE;

/* A socket address as text, "127.0.0.1:5672" or "[::1]:5672"; IPv4 in IPv6 is shown as IPv4. */
#define ENDPOINT_TEXT_MAX 64
void endpoint_print(const struct sockaddr *address, char text[ENDPOINT_TEXT_MAX]);
/* The address without its port ("127.0.0.1", "::1") and the port. */
uint16_t endpoint_print_host(const struct sockaddr *address, char text[ENDPOINT_TEXT_MAX]);
/* Where a client comes from, for counting what it does: the address, of IPv6 the network of 64 bits,
 * since whoever has one address there has them all. */
void endpoint_print_source(const struct sockaddr *address, char text[ENDPOINT_TEXT_MAX]);
/* The address is this machine's own: 127.0.0.0/8 or ::1. */
bool endpoint_is_loopback(const struct sockaddr *address);

#endif
