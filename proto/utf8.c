/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 after Unicode's table 3-7: the second byte's range depends on the first. */
#include "proto/utf8.h"

#include "proto/wire.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* Bytes of the character that begins at `at`, at most `left`; 0 when it is malformed. */
static size_t character_size(const uint8_t *at, size_t left)
{
    uint8_t first = at[0];
    if (first < 0x80)
        return 1;
    size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || left < size)
        return 0;
    uint8_t low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    uint8_t high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if (!is_continuation(at[i]))
            return 0;
    return size;
}

/* Nearly all texts are ASCII: eight bytes at a time, then what is left by halves. */
static bool is_ascii(const uint8_t *at, size_t len)
{
    uint64_t bits = 0;
    for (; len >= 8; at += 8, len -= 8)
        bits |= wire_u64(at);
    if (len & 4) {
        bits |= wire_u32(at);
        at += 4;
    }
    if (len & 2) {
        bits |= wire_u16(at);
        at += 2;
    }
    if (len & 1)
        bits |= *at;
    return !(bits & HIGH_BITS);
}

bool utf8_valid(struct slice text)
{
    if (is_ascii(text.data, text.len))
        return true;
    for (size_t at = 0; at < text.len;) {
        size_t size = character_size(text.data + at, text.len - at);
        if (!size)
            return false;
        at += size;
    }
    return true;
}

void utf8_mend(char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t size = character_size((const uint8_t *)text + at, len - at);
        if (!size)
            text[at] = '?';
        at += size ? size : 1;
    }
}

size_t utf8_cut(struct slice text, size_t most)
{
    if (text.len <= most)
        return text.len;
    while (most > 0 && is_continuation(text.data[most]))
        most--;
    return most;
}
