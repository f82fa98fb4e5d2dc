/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as text, both ways. */
#include "server/endpoint.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_port(const char *text, uint16_t *port)
{
    unsigned long value = 0;
    size_t digits = strlen(text);
    if (digits == 0 || digits > 5)
        return false;
    for (const char *p = text; *p; p++) {
        if (!isdigit((unsigned char)*p))
            return false;
        value = value * 10 + (unsigned long)(*p - '0');
    }
    *port = (uint16_t)value;
    return value >= 1 && value <= 65535;
}

bool endpoint_parse(const char *text, struct endpoint *endpoint)
{
    const char *host = text;
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    *endpoint = (struct endpoint){0};
    if (!colon)
        return parse_port(text, &endpoint->port);
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        host++;
        len -= 2;
    }
    if (len == 0 || len >= ENDPOINT_HOST_MAX)
        return false;
    memcpy(endpoint->host, host, len);
    /* RabbitMQ's files have IPv6 addresses without brackets: the port is behind the last colon. */
    struct in6_addr unused;
    if (strchr(endpoint->host, ':') && inet_pton(AF_INET6, endpoint->host, &unused) != 1)
        return false;
    return parse_port(colon + 1, &endpoint->port);
}

static const struct in6_addr *v6_address(const struct sockaddr *address)
{
    return &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
}

uint16_t endpoint_print_host(const struct sockaddr *address, char text[ENDPOINT_TEXT_MAX])
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;
    switch (address->sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &v4->sin_addr, text, ENDPOINT_TEXT_MAX);
        return ntohs(v4->sin_port);
    case AF_INET6:
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
            inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, ENDPOINT_TEXT_MAX);
        else
            inet_ntop(AF_INET6, &v6->sin6_addr, text, ENDPOINT_TEXT_MAX);
        return ntohs(v6->sin6_port);
    default:
        snprintf(text, ENDPOINT_TEXT_MAX, "unknown");
        return 0;
    }
}

void endpoint_print(const struct sockaddr *address, char text[ENDPOINT_TEXT_MAX])
{
    char host[ENDPOINT_TEXT_MAX];
    unsigned port = endpoint_print_host(address, host);
    if (strchr(host, ':'))
        snprintf(text, ENDPOINT_TEXT_MAX, "[%.45s]:%u", host, port);
    else
        snprintf(text, ENDPOINT_TEXT_MAX, "%.45s:%u", host, port);
}

void endpoint_print_source(const struct sockaddr *address, char text[ENDPOINT_TEXT_MAX])
{
    struct sockaddr_in6 network;
    if (address->sa_family != AF_INET6 || IN6_IS_ADDR_V4MAPPED(v6_address(address))) {
        endpoint_print_host(address, text);
        return;
    }
    memcpy(&network, address, sizeof(network));
    memset(&network.sin6_addr.s6_addr[8], 0, 8);
    endpoint_print_host((const struct sockaddr *)&network, text);
}

bool endpoint_is_loopback(const struct sockaddr *address)
{
    const struct sockaddr_in *v4 = (const void *)address;
    if (address->sa_family == AF_INET)
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    if (address->sa_family != AF_INET6)
        return false;
    const struct in6_addr *v6 = v6_address(address);
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}
