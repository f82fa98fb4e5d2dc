/* SPDX-License-Identifier: Apache-2.0 */
/* Reply codes, their names, and texts cut to what a short string holds. What they quote may be any
 * bytes that a peer sent, but a short string is UTF-8. */
#include "proto/reply.h"

#include "base/check.h"
#include "proto/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 255    /* of a short string */
#define REASON_MAX 4096 /* formatted before the cut; a longer one would be cut anyway */

const char *reply_name(enum reply_code code)
{
    switch (code) {
#define X(code, name, hard)                                                                        \
    case REPLY_##name:                                                                             \
        return #name;
        REPLY_CODE_TABLE(X)
#undef X
    }
    UNREACHABLE();
}

bool reply_is_hard(enum reply_code code)
{
    switch (code) {
#define X(code, name, hard)                                                                        \
    case REPLY_##name:                                                                             \
        return hard;
        REPLY_CODE_TABLE(X)
#undef X
    }
    UNREACHABLE();
}

bool reply_set(struct reply *reply, enum reply_code code, const char *format, ...)
{
    char text[REASON_MAX];
    int prefix = snprintf(text, sizeof(text), "%s - ", reply_name(code));
    va_list args;
    va_start(args, format);
    vsnprintf(text + prefix, sizeof(text) - (size_t)prefix, format, args);
    va_end(args);

    *reply = (struct reply){.code = code};
    size_t len = strlen(text);
    utf8_mend(text, len);
    if (len > TEXT_MAX) {
        len = utf8_cut(slice_of(text, len), TEXT_MAX - 3);
        memcpy(text + len, "...", 4);
        len += 3;
    }
    memcpy(reply->text, text, len + 1);
    return false;
}

const char *reply_reason(const struct reply *reply)
{
    size_t prefix = strlen(reply_name(reply->code)) + strlen(" - ");
    CHECK(strlen(reply->text) >= prefix);
    return reply->text + prefix;
}
