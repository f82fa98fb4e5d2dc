/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and tuning sockets. */
#include "server/socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The addresses of an endpoint; free with freeaddrinfo(). NULL, with a sentence, on failure. */
static struct addrinfo *resolve(const struct endpoint *endpoint, char *message, size_t message_size)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
    };
    struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof(port), "%u", endpoint->port);
    int error = getaddrinfo(endpoint->host[0] ? endpoint->host : NULL, port, &hints, &found);
    if (error) {
        snprintf(message, message_size, "cannot listen on %s:%s: %s", endpoint->host, port,
                 gai_strerror(error));
        return NULL;
    }
    return found;
}

static void set_option(int fd, int level, int option, int value)
{
    (void)setsockopt(fd, level, option, &value, sizeof(value));
}

/* An fd, or -1 with errno. Accepted connections inherit the buffers' sizes. */
static int open_one(const struct addrinfo *address, const struct socket_options *options)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (address->ai_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (options->receive_buffer > 0)
        set_option(fd, SOL_SOCKET, SO_RCVBUF, options->receive_buffer);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

void socket_close(struct socket_set *set)
{
    while (set->count > 0)
        close(set->fds[--set->count]);
}

static enum err refuse(const char *address, struct socket_set *set, char *message,
                       size_t message_size)
{
    int reason = errno;
    snprintf(message, message_size, "cannot listen on %s: %s%s", address, strerror(reason),
             reason == EADDRINUSE ? "; is another broker running on this port?" : "");
    socket_close(set);
    return reason == EADDRINUSE ? ERR_BUSY : ERR_IO;
}

enum err socket_listen(const struct socket_options *options, struct socket_set *set, char *message,
                       size_t message_size)
{
    for (size_t i = 0; i < set->count; i++) {
        struct sockaddr_storage own = {0};
        socklen_t len = sizeof(own);
        char text[ENDPOINT_TEXT_MAX];
        if (listen(set->fds[i], options->backlog) == 0)
            continue;
        int reason = errno;
        (void)getsockname(set->fds[i], (struct sockaddr *)&own, &len);
        endpoint_print((struct sockaddr *)&own, text);
        errno = reason;
        return refuse(text, set, message, message_size);
    }
    return ERR_OK;
}

enum err socket_bind(const struct endpoint *endpoint, const struct socket_options *options,
                     struct socket_set *set, char *message, size_t message_size)
{
    *set = (struct socket_set){0};
    struct addrinfo *found = resolve(endpoint, message, message_size);
    if (!found)
        return ERR_INVALID;
    const struct addrinfo *address = found;
    for (; address && set->count < SOCKET_ADDRESSES_MAX; address = address->ai_next) {
        int fd = open_one(address, options);
        if (fd >= 0)
            set->fds[set->count++] = fd;
        else if (!(errno == EAFNOSUPPORT && (address->ai_next || set->count > 0)))
            break; /* a machine without IPv6 listens on IPv4 alone */
    }
    enum err error = ERR_OK;
    if ((address && set->count < SOCKET_ADDRESSES_MAX) || set->count == 0) {
        char text[ENDPOINT_TEXT_MAX] = "?";
        if (address)
            endpoint_print(address->ai_addr, text);
        error = refuse(text, set, message, message_size);
    }
    freeaddrinfo(found);
    return error;
}

void socket_tune(int fd, const struct socket_options *options)
{
    if (options->nodelay)
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (options->keepalive)
        set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    if (options->send_buffer > 0)
        set_option(fd, SOL_SOCKET, SO_SNDBUF, options->send_buffer);
}
