/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer that owns its bytes. Numbers go in in network order, as AMQP has them. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/slice.h"

#include <stdarg.h>

struct buf {
    uint8_t *data;   /* heap, or NULL while capacity is 0 */
    size_t len;      /* bytes in use */
    size_t capacity; /* bytes allocated */
};

#define BUF_INIT ((struct buf){0})

void buf_fini(struct buf *buf);
/* Forgets the content, keeps the memory. */
void buf_clear(struct buf *buf);
/* Room for `extra` more bytes; the pointer to where they go. buf->len is unchanged. */
uint8_t *buf_reserve(struct buf *buf, size_t extra);
void buf_add(struct buf *buf, const void *data, size_t len);
void buf_add_slice(struct buf *buf, struct slice slice);
void buf_add_str(struct buf *buf, const char *text);
void buf_add_u8(struct buf *buf, uint8_t value);
void buf_add_u16(struct buf *buf, uint16_t value);
void buf_add_u32(struct buf *buf, uint32_t value);
void buf_add_u64(struct buf *buf, uint64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
/* Overwrites four bytes at `offset` (a length that is known only afterwards). */
void buf_put_u32_at(struct buf *buf, size_t offset, uint32_t value);
/* Drops `count` bytes from the front. */
void buf_drain(struct buf *buf, size_t count);

static inline struct slice buf_slice(const struct buf *buf)
{
    return slice_of(buf->data, buf->len);
}

/* A NUL-terminated view of the content; valid until the next call on the buffer. */
const char *buf_cstr(struct buf *buf);

#endif
