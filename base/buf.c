/* SPDX-License-Identifier: Apache-2.0 */
/* The growable byte buffer.
 *
 * (1) len <= capacity; data is NULL exactly while capacity is 0.
 * (2) Capacity grows by doubling, so that n bytes added one by one cost O(n).
 */
#include "base/buf.h"

#include "base/mem.h"

#include <stdio.h>

/* The first allocation: most buffers hold one name, one table or one log line. */
#define CAPACITY_MIN 64

void buf_fini(struct buf *buf)
{
    mem_free(buf->data);
    *buf = BUF_INIT;
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
}

static void grow(struct buf *buf, size_t need)
{
    size_t capacity = buf->capacity ? buf->capacity : CAPACITY_MIN;

    while (capacity < need) {
        CHECK(capacity <= SIZE_MAX / 2);
        capacity *= 2;
    }
    buf->data = mem_realloc(buf->data, capacity);
    buf->capacity = capacity;
}

uint8_t *buf_reserve(struct buf *buf, size_t extra)
{
    CHECK(extra <= SIZE_MAX - buf->len);
    if (buf->len + extra > buf->capacity || !buf->data)
        grow(buf, buf->len + extra);
    return buf->data + buf->len;
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
    if (len == 0)
        return;
    memcpy(buf_reserve(buf, len), data, len);
    buf->len += len;
}

void buf_add_slice(struct buf *buf, struct slice slice)
{
    buf_add(buf, slice.data, slice.len);
}

void buf_add_str(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

static void put_big_endian(uint8_t *out, uint64_t value, size_t width)
{
    for (size_t i = width; i > 0; i--) {
        out[i - 1] = (uint8_t)value;
        value >>= 8;
    }
}

static void add_big_endian(struct buf *buf, uint64_t value, size_t width)
{
    put_big_endian(buf_reserve(buf, width), value, width);
    buf->len += width;
}

void buf_add_u8(struct buf *buf, uint8_t value)
{
    add_big_endian(buf, value, 1);
}

void buf_add_u16(struct buf *buf, uint16_t value)
{
    add_big_endian(buf, value, 2);
}

void buf_add_u32(struct buf *buf, uint32_t value)
{
    add_big_endian(buf, value, 4);
}

void buf_add_u64(struct buf *buf, uint64_t value)
{
    add_big_endian(buf, value, 8);
}

void buf_vprintf(struct buf *buf, const char *format, va_list arguments)
{
    va_list again;
    size_t room = buf->capacity - buf->len;

    va_copy(again, arguments);
    int len = vsnprintf(room ? (char *)buf->data + buf->len : NULL, room, format, arguments);
    CHECK(len >= 0);
    if ((size_t)len >= room) {
        char *out = (char *)buf_reserve(buf, (size_t)len + 1);
        CHECK(vsnprintf(out, (size_t)len + 1, format, again) == len);
    }
    va_end(again);
    buf->len += (size_t)len;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(buf, format, arguments);
    va_end(arguments);
}

void buf_put_u32_at(struct buf *buf, size_t offset, uint32_t value)
{
    CHECK(buf->len >= 4);
    CHECK(offset <= buf->len - 4);
    put_big_endian(buf->data + offset, value, 4);
}

void buf_drain(struct buf *buf, size_t count)
{
    CHECK(count <= buf->len);
    buf->len -= count;
    if (count && buf->len)
        memmove(buf->data, buf->data + count, buf->len);
}

const char *buf_cstr(struct buf *buf)
{
    *buf_reserve(buf, 1) = '\0';
    return (const char *)buf->data;
}
