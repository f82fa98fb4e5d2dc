/* SPDX-License-Identifier: Apache-2.0 */
/* From root to a user. */
#include "server/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

bool privileges_root(void)
{
    return geteuid() == 0;
}

static enum err fail(const char *what, const char *subject, char *message, size_t message_size)
{
    snprintf(message, message_size, "cannot %s %s: %s", what, subject, strerror(errno));
    return ERR_INVALID;
}

/* What is there is left as it is: it may be anything, and somebody else's. */
static enum err make_directory(const char *directory, const struct passwd *user, char *message,
                               size_t message_size)
{
    if (mkdir(directory, 0700) < 0)
        return errno == EEXIST ? ERR_OK : fail("make", directory, message, message_size);
    if (chown(directory, user->pw_uid, user->pw_gid) < 0)
        return fail("give away", directory, message, message_size);
    return ERR_OK;
}

/* Groups first: they can't be changed by who isn't root. */
static enum err become(const struct passwd *user, char *message, size_t message_size)
{
    if (initgroups(user->pw_name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 ||
        setuid(user->pw_uid) < 0)
        return fail("become", user->pw_name, message, message_size);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    CHECK(setuid(0) < 0 && geteuid() == user->pw_uid && getegid() == user->pw_gid);
    return ERR_OK;
}

enum err privileges_become(const char *name, const char *directory, char *message,
                           size_t message_size)
{
    errno = 0;
    const struct passwd *user = getpwnam(name);
    if (!user) {
        snprintf(message, message_size, "'user': there is no user '%s'", name);
        return ERR_INVALID;
    }
    if (user->pw_uid == geteuid())
        return ERR_OK;
    if (!privileges_root()) {
        snprintf(message, message_size, "'user': only root can become '%s'", name);
        return ERR_INVALID;
    }
    enum err error = make_directory(directory, user, message, message_size);
    return error == ERR_OK ? become(user, message, message_size) : error;
}
