/* SPDX-License-Identifier: Apache-2.0 */
/* sd_notify(3) by hand: it is one datagram. */
#include "server/notify.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *socket_path(char *const *environment)
{
    static const char name[] = "NOTIFY_SOCKET=";
    for (; *environment; environment++)
        if (strncmp(*environment, name, sizeof(name) - 1) == 0)
            return *environment + sizeof(name) - 1;
    return NULL;
}

void notify_manager(char *const *environment, const char *lines)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = socket_path(environment);
    size_t len = path ? strlen(path) : 0;
    if (len < 2 || len >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@') /* a name without a file [unix(7)] */
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    (void)sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (struct sockaddr *)&address, size);
    close(fd);
}
