/* SPDX-License-Identifier: Apache-2.0 */
/* Content headers [0-9-1 §4.2.6.1] and the properties of class basic. The property bytes (flag
 * words and values) are kept as they arrived; this is a map of where each value lies in them.
 *
 * (1) struct properties borrows: from the bytes it was parsed from, and from what was set in it.
 * (2) values[id] is meaningful only when properties_has(id).
 * (3) A parsed `headers` table has passed table_validate().
 */
#ifndef PROTO_PROPERTIES_H
#define PROTO_PROPERTIES_H

#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "proto/reply.h"

#include <stdbool.h>
#include <stdint.h>

/* In the order of the wire, the highest flag bit first. */
#define PROPERTY_TABLE(X)                                                                          \
    X(CONTENT_TYPE, content_type, SHORTSTR)                                                        \
    X(CONTENT_ENCODING, content_encoding, SHORTSTR)                                                \
    X(HEADERS, headers, TABLE)                                                                     \
    X(DELIVERY_MODE, delivery_mode, OCTET)                                                         \
    X(PRIORITY, priority, OCTET)                                                                   \
    X(CORRELATION_ID, correlation_id, SHORTSTR)                                                    \
    X(REPLY_TO, reply_to, SHORTSTR)                                                                \
    X(EXPIRATION, expiration, SHORTSTR)                                                            \
    X(MESSAGE_ID, message_id, SHORTSTR)                                                            \
    X(TIMESTAMP, timestamp, TIMESTAMP)                                                             \
    X(TYPE, type, SHORTSTR)                                                                        \
    X(USER_ID, user_id, SHORTSTR)                                                                  \
    X(APP_ID, app_id, SHORTSTR)                                                                    \
    X(CLUSTER_ID, cluster_id, SHORTSTR)

enum property {
#define X(upper, name, type) PROPERTY_##upper,
    PROPERTY_TABLE(X)
#undef X
        PROPERTY_COUNT
};

enum property_type {
    PROPERTY_TYPE_SHORTSTR,
    PROPERTY_TYPE_TABLE,
    PROPERTY_TYPE_OCTET,
    PROPERTY_TYPE_TIMESTAMP,
};

struct properties {
    uint16_t flags;                      /* bit 15 - id, as on the wire */
    struct slice values[PROPERTY_COUNT]; /* string, table content, or the number's wire bytes */
};

struct content_header {
    uint16_t class_id;
    uint64_t body_size;
    struct slice properties; /* flag words and values as they arrived; borrowed */
};

/* Takes a header frame's payload apart (class, weight, body size, rest); the properties are
 * validated by properties_parse(). On failure false with a 501. */
bool content_header_parse(struct content_header *header, struct slice payload,
                          struct reply *error) MUST_USE;

/* Maps and validates property bytes. On failure false with 501 (values that don't fit, bytes left
 * over, strings that are no UTF-8) or 502 (unknown flags, a malformed table). */
bool properties_parse(struct properties *properties, struct slice bytes,
                      struct reply *error) MUST_USE;

/* As properties_parse(), with other bytes allowed behind them: `rest`, borrowed; empty on failure. */
bool properties_parse_head(struct properties *properties, struct slice bytes, struct slice *rest,
                           struct reply *error) MUST_USE;

/* For bytes that properties_parse() has passed before: maps without validating. */
void properties_map(struct properties *properties, struct slice bytes);

/* One value out of bytes that properties_parse() has passed before, without mapping the others
 * behind it; false when it is not there. */
bool properties_find(struct slice bytes, enum property id, struct slice *value);

static inline bool properties_has(const struct properties *properties, enum property id)
{
    return properties->flags & (0x8000u >> id);
}

/* The value, or the empty slice. */
static inline struct slice properties_get(const struct properties *properties, enum property id)
{
    return properties_has(properties, id) ? properties->values[id] : slice_of(NULL, 0);
}

/* delivery_mode or priority; `absent` when it is not there. */
static inline uint8_t properties_octet(const struct properties *properties, enum property id,
                                       uint8_t absent)
{
    return properties_has(properties, id) ? properties->values[id].data[0] : absent;
}

/* timestamp, in seconds; `absent` when it is not there. */
uint64_t properties_timestamp(const struct properties *properties, uint64_t absent);

static inline bool properties_persistent(const struct properties *properties)
{
    return properties_octet(properties, PROPERTY_DELIVERY_MODE, 1) == 2;
}

/* Adds or replaces; `value` is borrowed: a string of at most 255 bytes, a table's content, one
 * byte, or eight bytes in network order. */
static inline void properties_set(struct properties *properties, enum property id,
                                  struct slice value)
{
    properties->flags = (uint16_t)(properties->flags | (0x8000u >> id));
    properties->values[id] = value;
}

static inline void properties_remove(struct properties *properties, enum property id)
{
    properties->flags = (uint16_t)(properties->flags & ~(0x8000u >> id));
}

/* Appends the property bytes (flag word and values). */
void properties_encode(struct buf *out, const struct properties *properties);

/* "content_type" and the like; static storage. */
const char *property_name(enum property id);
enum property_type property_type(enum property id);

#endif
