/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 with the standard alphabet and padding [RFC 4648 section 4]. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"
#include "base/err.h"

/* Appends the encoded text. */
void base64_encode(struct buf *out, struct slice bytes);
/* Appends the decoded bytes. ERR_SYNTAX, and nothing appended, unless the text is whole groups of
 * four with padding at the end only. */
enum err base64_decode(struct buf *out, struct slice text) MUST_USE;

#endif
