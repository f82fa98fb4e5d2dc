/* SPDX-License-Identifier: Apache-2.0 */
/* Whether bytes are well-formed UTF-8 (no overlong forms, no surrogates, nothing past U+10FFFF). */
#ifndef PROTO_UTF8_H
#define PROTO_UTF8_H

#include "base/slice.h"

bool utf8_valid(struct slice text);

/* Puts a question mark in the place of each byte that belongs to no well-formed character. */
void utf8_mend(char *text, size_t len);

/* The longest prefix of at most `most` bytes that does not cut a character in two. */
size_t utf8_cut(struct slice text, size_t most);

#endif
