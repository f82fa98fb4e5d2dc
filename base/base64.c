/* SPDX-License-Identifier: Apache-2.0 */
/* Base64, three bytes to four characters and back.
 *
 * (1) Only canonical text is decoded: the bits that padding leaves over must be zero, so that
 *     decoding and encoding again gives the same text.
 */
#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode_group(struct buf *out, const uint8_t *bytes, size_t len)
{
    uint32_t group = (uint32_t)bytes[0] << 16;

    if (len > 1)
        group |= (uint32_t)bytes[1] << 8;
    if (len > 2)
        group |= bytes[2];
    buf_add_u8(out, (uint8_t)alphabet[group >> 18]);
    buf_add_u8(out, (uint8_t)alphabet[group >> 12 & 63]);
    buf_add_u8(out, len > 1 ? (uint8_t)alphabet[group >> 6 & 63] : '=');
    buf_add_u8(out, len > 2 ? (uint8_t)alphabet[group & 63] : '=');
}

void base64_encode(struct buf *out, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i += 3)
        encode_group(out, bytes.data + i, bytes.len - i < 3 ? bytes.len - i : 3);
}

/* The six bits of a character; 64 for one that is not in the alphabet. */
static uint32_t digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26u;
    if (c >= '0' && c <= '9')
        return c - '0' + 52u;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* One group of four, the last `padding` of which are '='. */
static bool decode_group(struct buf *out, const uint8_t *text, size_t padding)
{
    uint32_t group = 0;

    for (size_t i = 0; i < 4; i++) {
        uint32_t bits = i < 4 - padding ? digit(text[i]) : 0;
        if (bits > 63)
            return false;
        group = group << 6 | bits;
    }
    uint32_t leftover = padding == 0 ? 0 : padding == 1 ? 0xff : 0xffff;
    if (group & leftover)
        return false;
    for (size_t i = 0; i < 3 - padding; i++)
        buf_add_u8(out, (uint8_t)(group >> (16 - 8 * i)));
    return true;
}

enum err base64_decode(struct buf *out, struct slice text)
{
    size_t before = out->len;
    size_t padding = 0;

    if (text.len % 4 != 0)
        return ERR_SYNTAX;
    while (padding < 2 && padding < text.len && text.data[text.len - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < text.len; i += 4) {
        if (!decode_group(out, text.data + i, i + 4 == text.len ? padding : 0)) {
            out->len = before;
            return ERR_SYNTAX;
        }
    }
    return ERR_OK;
}
