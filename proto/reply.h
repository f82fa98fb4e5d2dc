/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer did wrong, as a value: reply code, text, and the method it happened in. It returns up
 * to the one place that closes the channel or the connection. [0-9-1 §1.2 "constants"]
 */
#ifndef PROTO_REPLY_H
#define PROTO_REPLY_H

#include <stdbool.h>
#include <stdint.h>

/* code, name, and whether it closes the whole connection (hard) or just the channel (soft) */
#define REPLY_CODE_TABLE(X)                                                                        \
    X(200, SUCCESS, false)                                                                         \
    X(311, CONTENT_TOO_LARGE, false)                                                               \
    X(312, NO_ROUTE, false)                                                                        \
    X(313, NO_CONSUMERS, false)                                                                    \
    X(403, ACCESS_REFUSED, false)                                                                  \
    X(404, NOT_FOUND, false)                                                                       \
    X(405, RESOURCE_LOCKED, false)                                                                 \
    X(406, PRECONDITION_FAILED, false)                                                             \
    X(320, CONNECTION_FORCED, true)                                                                \
    X(402, INVALID_PATH, true)                                                                     \
    X(501, FRAME_ERROR, true)                                                                      \
    X(502, SYNTAX_ERROR, true)                                                                     \
    X(503, COMMAND_INVALID, true)                                                                  \
    X(504, CHANNEL_ERROR, true)                                                                    \
    X(505, UNEXPECTED_FRAME, true)                                                                 \
    X(506, RESOURCE_ERROR, true)                                                                   \
    X(530, NOT_ALLOWED, true)                                                                      \
    X(540, NOT_IMPLEMENTED, true)                                                                  \
    X(541, INTERNAL_ERROR, true)

enum reply_code {
#define X(code, name, hard) REPLY_##name = code,
    REPLY_CODE_TABLE(X)
#undef X
};

struct reply {
    enum reply_code code;
    uint16_t class_id; /* of the failing method; 0 when there is none */
    uint16_t method_id;
    char text[256]; /* "NAME - what", at most 255 characters, NUL-terminated UTF-8 */
};

/* Fills in code and text ("NAME - " and the formatted rest, cut to 255 bytes at a character's
 * border, with "..." in the place of what is cut); class and method are set to 0 and are the
 * session's to fill in. Returns false, so that a failing function can `return reply_set(…)`. */
bool reply_set(struct reply *reply, enum reply_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

bool reply_is_hard(enum reply_code code);
/* "NOT_FOUND" and the like; static storage. */
const char *reply_name(enum reply_code code);
/* The text without its "NAME - " prefix. */
const char *reply_reason(const struct reply *reply);

#endif
