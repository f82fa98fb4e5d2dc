/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in network order at unaligned addresses, read and written inline. Callers have checked
 * the room. The _write functions return the byte after what they wrote.
 */
#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

#include "base/slice.h"

static inline uint16_t wire_u16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return __builtin_bswap16(value);
}

static inline uint32_t wire_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return __builtin_bswap32(value);
}

static inline uint64_t wire_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return __builtin_bswap64(value);
}

static inline uint8_t *wire_u8_write(uint8_t *at, uint8_t value)
{
    *at = value;
    return at + 1;
}

static inline uint8_t *wire_u16_write(uint8_t *at, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}

static inline uint8_t *wire_u32_write(uint8_t *at, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}

static inline uint8_t *wire_u64_write(uint8_t *at, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}

static inline uint8_t *wire_bytes_write(uint8_t *at, struct slice bytes)
{
    if (bytes.len)
        memcpy(at, bytes.data, bytes.len);
    return at + bytes.len;
}

/* At most 255 bytes. */
static inline uint8_t *wire_shortstr_write(uint8_t *at, struct slice text)
{
    *at++ = (uint8_t)text.len;
    return wire_bytes_write(at, text);
}

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "wire.h swaps bytes for little-endian machines only"
#endif

#endif
