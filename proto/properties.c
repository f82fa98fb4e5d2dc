/* SPDX-License-Identifier: Apache-2.0 */
/* The basic class's properties: one walk over the property table maps, validates and encodes. */
#include "proto/properties.h"

#include "proto/table.h"
#include "proto/utf8.h"
#include "proto/wire.h"

#define FLAG_CONTINUED 0x0001u  /* another flag word follows [0-9-1 §4.2.6.1] */
#define FLAGS_KNOWN 0xFFFCu     /* fourteen properties; bit 1 has no property */
#define CONTENT_HEADER_FIXED 12 /* class, weight, body size */

static const struct {
    const char *name;
    enum property_type type;
} PROPERTIES[PROPERTY_COUNT] = {
#define X(upper, name, type) [PROPERTY_##upper] = {#name, PROPERTY_TYPE_##type},
    PROPERTY_TABLE(X)
#undef X
};

_Static_assert((0xFFFFu << (16 - PROPERTY_COUNT) & 0xFFFFu) == FLAGS_KNOWN, "one bit a property");

const char *property_name(enum property id)
{
    CHECK(id < PROPERTY_COUNT);
    return PROPERTIES[id].name;
}

enum property_type property_type(enum property id)
{
    CHECK(id < PROPERTY_COUNT);
    return PROPERTIES[id].type;
}

bool content_header_parse(struct content_header *header, struct slice payload, struct reply *error)
{
    if (payload.len < CONTENT_HEADER_FIXED + 2)
        return reply_set(error, REPLY_FRAME_ERROR, "content header is cut short");
    header->class_id = wire_u16(payload.data);
    header->body_size = wire_u64(payload.data + 4);
    header->properties =
        slice_of(payload.data + CONTENT_HEADER_FIXED, payload.len - CONTENT_HEADER_FIXED);
    if (wire_u16(payload.data + 2) != 0)
        return reply_set(error, REPLY_SYNTAX_ERROR, "content header's weight is not zero");
    return true;
}

/* Reads the flag words: the first one's properties in `flags`; returns where the values begin, or
 * NULL. Words after the first can name no property of this class, so they must be empty. */
static const uint8_t *read_flags(struct slice bytes, uint16_t *flags, bool *unknown)
{
    const uint8_t *at = bytes.data;
    const uint8_t *end = bytes.data + bytes.len;
    *unknown = false;
    *flags = 0;
    for (bool first = true;; first = false) {
        if (end - at < 2)
            return NULL;
        uint16_t word = wire_u16(at);
        at += 2;
        if (first)
            *flags = word & FLAGS_KNOWN;
        uint16_t known = first ? FLAGS_KNOWN | FLAG_CONTINUED : FLAG_CONTINUED;
        *unknown = *unknown || word & ~known;
        if (!(word & FLAG_CONTINUED))
            return at;
    }
}

/* The value at `at`; returns the byte after it, or NULL when it doesn't fit. */
static const uint8_t *read_value(enum property_type type, const uint8_t *at, const uint8_t *end,
                                 struct slice *value)
{
    size_t left = (size_t)(end - at);
    size_t prefix = 0;
    size_t len = 0;
    switch (type) {
    case PROPERTY_TYPE_OCTET:
        len = 1;
        break;
    case PROPERTY_TYPE_TIMESTAMP:
        len = 8;
        break;
    case PROPERTY_TYPE_SHORTSTR:
        prefix = 1;
        len = left ? at[0] : 0;
        break;
    case PROPERTY_TYPE_TABLE:
        prefix = 4;
        len = left >= 4 ? wire_u32(at) : 0;
        break;
    }
    if (left < prefix || left - prefix < len)
        return NULL;
    *value = slice_of(at + prefix, len);
    return at + prefix + len;
}

static bool value_valid(enum property_type type, struct slice value, struct reply *error)
{
    switch (type) {
    case PROPERTY_TYPE_OCTET:
    case PROPERTY_TYPE_TIMESTAMP:
        return true;
    case PROPERTY_TYPE_SHORTSTR:
        return utf8_valid(value) ||
               reply_set(error, REPLY_FRAME_ERROR, "Malformed UTF-8 in shortstr");
    case PROPERTY_TYPE_TABLE:
        return table_validate(value) == ERR_OK ||
               reply_set(error, REPLY_SYNTAX_ERROR, "malformed field table");
    }
    UNREACHABLE();
}

bool properties_parse_head(struct properties *properties, struct slice bytes, struct slice *rest,
                           struct reply *error)
{
    bool unknown;
    if (!bytes.data) /* none at all, as a database may say: there is no offset to a null pointer */
        bytes = slice_of("", 0);
    const uint8_t *end = bytes.data + bytes.len;
    const uint8_t *at = read_flags(bytes, &properties->flags, &unknown);
    *rest = slice_of(end, 0);
    if (at && unknown)
        return reply_set(error, REPLY_SYNTAX_ERROR, "unknown flags in content header");
    for (unsigned left = properties->flags; at && left;) {
        unsigned id = (unsigned)__builtin_clz(left) - 16;
        left &= ~(0x8000u >> id);
        at = read_value(PROPERTIES[id].type, at, end, &properties->values[id]);
        if (at && !value_valid(PROPERTIES[id].type, properties->values[id], error))
            return false;
    }
    if (!at)
        return reply_set(error, REPLY_FRAME_ERROR, "properties do not fill their content header");
    *rest = slice_of(at, (size_t)(end - at));
    return true;
}

bool properties_parse(struct properties *properties, struct slice bytes, struct reply *error)
{
    struct slice rest;
    if (!properties_parse_head(properties, bytes, &rest, error))
        return false;
    if (rest.len)
        return reply_set(error, REPLY_FRAME_ERROR, "properties do not fill their content header");
    return true;
}

void properties_map(struct properties *properties, struct slice bytes)
{
    bool unknown;
    const uint8_t *end = bytes.data + bytes.len;
    const uint8_t *at = read_flags(bytes, &properties->flags, &unknown);
    for (unsigned left = properties->flags; left;) {
        unsigned id = (unsigned)__builtin_clz(left) - 16;
        left &= ~(0x8000u >> id);
        CHECK(at);
        at = read_value(PROPERTIES[id].type, at, end, &properties->values[id]);
    }
    CHECK(at == end);
}

bool properties_find(struct slice bytes, enum property id, struct slice *value)
{
    bool unknown;
    uint16_t flags;
    const uint8_t *end = bytes.data + bytes.len;
    const uint8_t *at = read_flags(bytes, &flags, &unknown);
    if (!(flags & (0x8000u >> id)))
        return false;
    for (unsigned i = 0; i <= id; i++) {
        if (!(flags & (0x8000u >> i)))
            continue;
        CHECK(at);
        at = read_value(PROPERTIES[i].type, at, end, value);
    }
    CHECK(at);
    return true;
}

uint64_t properties_timestamp(const struct properties *properties, uint64_t absent)
{
    if (!properties_has(properties, PROPERTY_TIMESTAMP))
        return absent;
    return wire_u64(properties->values[PROPERTY_TIMESTAMP].data);
}

void properties_encode(struct buf *out, const struct properties *properties)
{
    buf_add_u16(out, properties->flags);
    for (unsigned id = 0; id < PROPERTY_COUNT; id++) {
        if (!properties_has(properties, id))
            continue;
        struct slice value = properties->values[id];
        if (PROPERTIES[id].type == PROPERTY_TYPE_SHORTSTR) {
            CHECK(value.len <= UINT8_MAX);
            buf_add_u8(out, (uint8_t)value.len);
        } else if (PROPERTIES[id].type == PROPERTY_TYPE_TABLE) {
            CHECK(value.len <= UINT32_MAX);
            buf_add_u32(out, (uint32_t)value.len);
        }
        buf_add_slice(out, value);
    }
}
