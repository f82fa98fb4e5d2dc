/* SPDX-License-Identifier: Apache-2.0 */
/* Users that the configuration names (default_users.*), made at start. */
#ifndef SERVER_USERS_H
#define SERVER_USERS_H

#include "base/err.h"

#include <stddef.h>

struct broker;
struct configuration;

/* Makes the users that are not there yet, and gives each of the named ones its permissions in the
 * virtual hosts that match and where it has none. Never changes a password or a permission that is
 * there. On failure a sentence that names user and key. When there is no user in the end the log says
 * so. */
enum err users_apply(struct broker *broker, const struct configuration *configuration,
                     char *message, size_t message_size) MUST_USE;

#endif
