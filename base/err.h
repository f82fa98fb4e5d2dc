/* SPDX-License-Identifier: Apache-2.0 */
/* Operating errors: what an operator, a file or a disk can bring about. One table.
 * (Bugs are CHECKs; what a peer does wrong is a struct reply, see proto/reply.h.)
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/check.h"

#define ERR_TABLE(X)                                                                               \
    X(OK, "ok")                                                                                    \
    X(NO_MEMORY, "out of memory")                                                                  \
    X(LIMIT, "a limit is reached")                                                                 \
    X(SYNTAX, "malformed")                                                                         \
    X(TRUNCATED, "cut short")                                                                      \
    X(NOT_FOUND, "not found")                                                                      \
    X(EXISTS, "exists already")                                                                    \
    X(INVALID, "invalid value")                                                                    \
    X(IO, "input/output error")                                                                    \
    X(NO_SPACE, "no space left on the disk")                                                       \
    X(CORRUPT, "the database is damaged")                                                          \
    X(VERSION, "the database was written by a newer version")                                      \
    X(BUSY, "in use by another process")                                                           \
    X(REFUSED, "refused")

enum err {
#define X(name, text) ERR_##name,
    ERR_TABLE(X)
#undef X
};

/* The table's text; static storage. */
const char *err_text(enum err error);

#endif
