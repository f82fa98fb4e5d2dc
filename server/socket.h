/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets from endpoints, and the options of accepted ones. */
#ifndef SERVER_SOCKET_H
#define SERVER_SOCKET_H

#include "base/err.h"
#include "server/endpoint.h"

#include <stddef.h>

/* Addresses that one endpoint may stand for: both families, and a host name's few. */
#define SOCKET_ADDRESSES_MAX 8

struct socket_options {
    int backlog;
    bool nodelay;
    bool keepalive;
    unsigned rate_max; /* connections accepted in a second; 0: any number */
    int send_buffer;   /* bytes; 0: the kernel's choice */
    int receive_buffer;
};

struct socket_set {
    int fds[SOCKET_ADDRESSES_MAX];
    size_t count;
};

/* Opens a bound, non-blocking socket for each address the endpoint stands for: all or, with a
 * sentence for the operator, none. The fds are the caller's to close. */
enum err socket_bind(const struct endpoint *endpoint, const struct socket_options *options,
                     struct socket_set *set, char *message, size_t message_size) MUST_USE;
/* From now on they listen; on failure they are closed. */
enum err socket_listen(const struct socket_options *options, struct socket_set *set, char *message,
                       size_t message_size) MUST_USE;
void socket_close(struct socket_set *set);
/* Applies the options of an accepted connection; what the kernel refuses is left as it is. */
void socket_tune(int fd, const struct socket_options *options);

#endif
