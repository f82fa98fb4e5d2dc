/* SPDX-License-Identifier: Apache-2.0 */
/* A borrowed run of bytes: it owns nothing, may hold NULs, and is valid for as long as what it was
 * taken from. An empty slice may have a NULL data pointer.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *data;
    size_t len;
};

static inline struct slice slice_of(const void *data, size_t len)
{
    return (struct slice){.data = data, .len = len};
}

/* From a C string; NULL gives the empty slice. */
static inline struct slice slice_str(const char *text)
{
    return slice_of(text, text ? strlen(text) : 0);
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool slice_equal_str(struct slice a, const char *text)
{
    return slice_equal(a, slice_str(text));
}

/* A C string can hold it: there is no NUL in it. */
static inline bool slice_is_text(struct slice a)
{
    return a.len == 0 || !memchr(a.data, '\0', a.len);
}

static inline bool slice_starts_with(struct slice a, const char *prefix)
{
    size_t len = strlen(prefix);
    return a.len >= len && memcmp(a.data, prefix, len) == 0;
}

/* memcmp order, the shorter first among equals: <0, 0, >0. */
int slice_compare(struct slice a, struct slice b);

/* A NUL-terminated heap copy (mem_free()); of what is no text, all that follows its first NUL is lost to
 * whoever takes it for a string. */
char *slice_dup(struct slice a);

/* For printf's "%.*s": SLICE_FMT(s) gives both arguments. */
#define SLICE_FMT(s) (int)(s).len, (s).len ? (const char *)(s).data : ""

#endif
