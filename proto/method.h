/* SPDX-License-Identifier: Apache-2.0 */
/* Methods as structs, and the codec between them and the wire. All of it follows from methods.def.
 *
 * (1) Strings and tables of a decoded method are borrowed from the frame it was decoded from.
 * (2) A decoded table has passed table_validate(), a decoded short string is UTF-8.
 */
#ifndef PROTO_METHOD_H
#define PROTO_METHOD_H

#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "proto/methods.def"
#include "proto/reply.h"

#include <stdbool.h>
#include <stdint.h>

enum method_kind {
#define X(upper, name, text, class_id, method_id, flags) METHOD_##upper,
    METHOD_TABLE(X)
#undef X
        METHOD_COUNT
};

enum method_flag {
    METHOD_BY_CLIENT = 1,
    METHOD_BY_SERVER = 2,
    METHOD_BY_BOTH = 3,
    METHOD_SYNC = 4,    /* an answer is due (save with no-wait) */
    METHOD_CONTENT = 8, /* a content header and body follow */
};

/* The C type of each field type. */
#define METHOD_CTYPE_OCTET uint8_t
#define METHOD_CTYPE_SHORT uint16_t
#define METHOD_CTYPE_LONG uint32_t
#define METHOD_CTYPE_LONGLONG uint64_t
#define METHOD_CTYPE_SHORTSTR struct slice
#define METHOD_CTYPE_LONGSTR struct slice
#define METHOD_CTYPE_TABLE struct slice /* the content, without its length */
#define METHOD_CTYPE_BIT bool

/* struct method_queue_declare { uint16_t reserved_1; struct slice queue; … }; */
#define F(method, type, name) METHOD_CTYPE_##type name;
#define X(upper, name, text, class_id, method_id, flags)                                           \
    struct method_##name {                                                                         \
        METHOD_FIELDS_##name(F, name)                                                              \
    };
METHOD_TABLE(X)
#undef X
#undef F

struct method {
    enum method_kind kind;
    union {
#define X(upper, name, text, class_id, method_id, flags) struct method_##name name;
        METHOD_TABLE(X)
#undef X
    };
};

struct method_info {
    const char *name; /* "queue.declare" */
    uint16_t class_id;
    uint16_t method_id;
    unsigned flags; /* enum method_flag */
};

/* The row of a kind; static storage. */
const struct method_info *method_info(enum method_kind kind);

/* The kind with these ids; false when there is none. */
bool method_find(uint16_t class_id, uint16_t method_id, enum method_kind *kind);

/* Decodes a method frame's payload (class id, method id, fields). On failure returns false with
 * code, text, class and method in `error`: 501 for fields that don't fit their frame or are no
 * UTF-8, 502 for malformed tables, 503 for a method that doesn't exist. */
bool method_decode(struct method *method, struct slice payload, struct reply *error) MUST_USE;

/* Bytes of the whole method frame, its header and end marker included. Short strings must have at
 * most 255 bytes. */
size_t method_frame_size(const struct method *method);

/* Writes the whole frame to `out`, which has room for method_frame_size(); returns the end. */
uint8_t *method_frame_write(uint8_t *out, uint16_t channel, const struct method *method);

/* The same, appended to a buf. */
void method_frame_add(struct buf *out, uint16_t channel, const struct method *method);

#endif
