/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up root's rights: a broker that is started as root to open low ports goes on as a user. */
#ifndef SERVER_PRIVILEGES_H
#define SERVER_PRIVILEGES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* The process has root's rights. */
bool privileges_root(void);
/* Becomes the user, with the user's groups, for good; `directory`, when it is not there yet, is made
 * for that user before. Harmless for who is that user already. On failure a sentence for the operator.
 * Before there are threads. */
enum err privileges_become(const char *user, const char *directory, char *message,
                           size_t message_size) MUST_USE;

#endif
