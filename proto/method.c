/* SPDX-License-Identifier: Apache-2.0 */
/* The method codec: one loop over field descriptors that methods.def gives.
 *
 * (1) A field is read only after its length was found to be within the frame.
 * (2) A method's fields fill its frame exactly: bytes left over are refused, as RabbitMQ does.
 */
#include "proto/method.h"

#include "proto/frame.h"
#include "proto/table.h"
#include "proto/utf8.h"

#include <stddef.h>
#include <stdio.h>

enum field_kind { OCTET, SHORT, LONG, LONGLONG, SHORTSTR, LONGSTR, TABLE, BIT };

struct field {
    uint8_t kind; /* enum field_kind */
    uint8_t offset;
};

struct layout {
    const struct field *fields;
    size_t count;
};

/* The offsets are within struct method, where every member of the union begins alike. */
#define F(method, type, member) {type, offsetof(struct method_##method, member)},
#define X(upper, name, text, class_id, method_id, flags)                                           \
    static const struct field FIELDS_##name[] = {METHOD_FIELDS_##name(F, name){0, 0}};
METHOD_TABLE(X)
#undef X
#undef F

static const struct layout LAYOUTS[METHOD_COUNT] = {
#define X(upper, name, text, class_id, method_id, flags)                                           \
    [METHOD_##upper] = {FIELDS_##name, ARRAY_LEN(FIELDS_##name) - 1},
    METHOD_TABLE(X)
#undef X
};

static const struct method_info INFOS[METHOD_COUNT] = {
#define X(upper, name, text, class_id, method_id, flags)                                           \
    [METHOD_##upper] = {text, class_id, method_id, flags},
    METHOD_TABLE(X)
#undef X
};

const struct method_info *method_info(enum method_kind kind)
{
    CHECK(kind < METHOD_COUNT);
    return &INFOS[kind];
}

bool method_find(uint16_t class_id, uint16_t method_id, enum method_kind *kind)
{
    switch ((uint32_t)class_id << 16 | method_id) {
#define X(upper, name, text, class_id, method_id, flags)                                           \
    case (uint32_t)(class_id) << 16 | (method_id):                                                 \
        *kind = METHOD_##upper;                                                                    \
        return true;
        METHOD_TABLE(X)
#undef X
    default:
        return false;
    }
}

/* ---- decoding ---- */

enum fault { FAULT_NONE, FAULT_LENGTH, FAULT_UTF8, FAULT_TABLE };

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    const uint8_t *bits; /* the octet that the next BIT is in, or NULL */
    unsigned bit;        /* its number in there */
};

static const uint8_t *take(struct cursor *cursor, size_t len)
{
    if ((size_t)(cursor->end - cursor->at) < len)
        return NULL;
    const uint8_t *at = cursor->at;
    cursor->at += len;
    return at;
}

static enum fault read_bit(struct cursor *cursor, bool *value)
{
    if (!cursor->bits || cursor->bit == 8) {
        cursor->bits = take(cursor, 1);
        cursor->bit = 0;
        if (!cursor->bits)
            return FAULT_LENGTH;
    }
    *value = *cursor->bits >> cursor->bit++ & 1;
    return FAULT_NONE;
}

static enum fault read_string(struct cursor *cursor, size_t prefix, struct slice *value)
{
    const uint8_t *length = take(cursor, prefix);
    if (!length)
        return FAULT_LENGTH;
    size_t len = prefix == 1 ? *length : wire_u32(length);
    const uint8_t *data = take(cursor, len);
    if (!data)
        return FAULT_LENGTH;
    *value = slice_of(data, len);
    return FAULT_NONE;
}

static enum fault read_number(struct cursor *cursor, enum field_kind kind, void *value)
{
    const uint8_t *at = take(cursor, kind == OCTET ? 1 : kind == SHORT ? 2 : kind == LONG ? 4 : 8);
    if (!at)
        return FAULT_LENGTH;
    if (kind == OCTET)
        *(uint8_t *)value = *at;
    else if (kind == SHORT)
        *(uint16_t *)value = wire_u16(at);
    else if (kind == LONG)
        *(uint32_t *)value = wire_u32(at);
    else
        *(uint64_t *)value = wire_u64(at);
    return FAULT_NONE;
}

static enum fault read_field(struct cursor *cursor, enum field_kind kind, void *value)
{
    if (kind == BIT)
        return read_bit(cursor, value);
    cursor->bits = NULL;
    enum fault fault = FAULT_NONE;
    switch (kind) {
    case BIT:
    case OCTET:
    case SHORT:
    case LONG:
    case LONGLONG:
        return read_number(cursor, kind, value);
    case SHORTSTR:
        fault = read_string(cursor, 1, value);
        if (!fault && !utf8_valid(*(struct slice *)value))
            fault = FAULT_UTF8;
        return fault;
    case LONGSTR:
        return read_string(cursor, 4, value);
    case TABLE:
        fault = read_string(cursor, 4, value);
        if (!fault && table_validate(*(struct slice *)value) != ERR_OK)
            fault = FAULT_TABLE;
        return fault;
    }
    UNREACHABLE();
}

/* "<<1,2,3>>", as Erlang prints bytes, as far as `size` allows. */
static const char *print_bytes(char *out, size_t size, struct slice bytes)
{
    size_t used = (size_t)snprintf(out, size, "<<");
    for (size_t i = 0; i < bytes.len && used + 6 < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%u", i ? "," : "", bytes.data[i]);
    snprintf(out + used, size - used, ">>");
    return out;
}

static bool refuse(struct reply *error, enum fault fault, struct slice payload)
{
    char text[512];
    uint16_t class_id = wire_u16(payload.data);
    uint16_t method_id = wire_u16(payload.data + 2);
    struct slice fields = slice_of(payload.data + 4, payload.len - 4);
    switch (fault) {
    case FAULT_NONE:
        UNREACHABLE();
    case FAULT_LENGTH:
        reply_set(error, REPLY_FRAME_ERROR, "cannot decode %s",
                  print_bytes(text, sizeof(text), fields));
        break;
    case FAULT_UTF8:
        reply_set(error, REPLY_FRAME_ERROR, "Malformed UTF-8 in shortstr");
        break;
    case FAULT_TABLE:
        reply_set(error, REPLY_SYNTAX_ERROR, "malformed field table");
        break;
    }
    error->class_id = class_id;
    error->method_id = method_id;
    return false;
}

bool method_decode(struct method *method, struct slice payload, struct reply *error)
{
    if (payload.len < 4) {
        char text[64];
        return reply_set(error, REPLY_FRAME_ERROR, "cannot decode %s",
                         print_bytes(text, sizeof(text), payload));
    }
    uint16_t class_id = wire_u16(payload.data);
    uint16_t method_id = wire_u16(payload.data + 2);
    if (!method_find(class_id, method_id, &method->kind)) {
        reply_set(error, REPLY_COMMAND_INVALID, "unimplemented method");
        error->class_id = class_id;
        error->method_id = method_id;
        return false;
    }
    const struct layout *layout = &LAYOUTS[method->kind];
    struct cursor cursor = {.at = payload.data + 4, .end = payload.data + payload.len};
    uint8_t *base = (uint8_t *)method + offsetof(struct method, connection_start);
    for (size_t i = 0; i < layout->count; i++) {
        const struct field *field = &layout->fields[i];
        enum fault fault = read_field(&cursor, field->kind, base + field->offset);
        if (fault)
            return refuse(error, fault, payload);
    }
    if (cursor.at != cursor.end)
        return refuse(error, FAULT_LENGTH, payload);
    return true;
}

/* ---- encoding ---- */

/* One descriptor loop serves both: it measures when `out` is NULL, and writes otherwise. */
struct writer {
    uint8_t *out; /* NULL: measure only */
    size_t size;  /* bytes so far */
    unsigned bit; /* of the octet before, 0: the next BIT starts a new one */
};

static void write_bit(struct writer *writer, bool value)
{
    if (writer->bit == 0) {
        if (writer->out)
            writer->out[writer->size] = 0;
        writer->size++;
    }
    if (writer->out && value)
        writer->out[writer->size - 1] |= (uint8_t)(1u << writer->bit);
    writer->bit = (writer->bit + 1) % 8;
}

static void write_string(struct writer *writer, size_t prefix, struct slice value)
{
    CHECK(value.len <= (prefix == 1 ? UINT8_MAX : UINT32_MAX));
    if (writer->out) {
        uint8_t *at = writer->out + writer->size;
        at = prefix == 1 ? wire_u8_write(at, (uint8_t)value.len)
                         : wire_u32_write(at, (uint32_t)value.len);
        wire_bytes_write(at, value);
    }
    writer->size += prefix + value.len;
}

static void write_number(struct writer *writer, enum field_kind kind, const void *value)
{
    uint8_t *at = writer->out ? writer->out + writer->size : NULL;
    if (kind == OCTET) {
        if (at)
            wire_u8_write(at, *(const uint8_t *)value);
        writer->size += 1;
    } else if (kind == SHORT) {
        if (at)
            wire_u16_write(at, *(const uint16_t *)value);
        writer->size += 2;
    } else if (kind == LONG) {
        if (at)
            wire_u32_write(at, *(const uint32_t *)value);
        writer->size += 4;
    } else {
        if (at)
            wire_u64_write(at, *(const uint64_t *)value);
        writer->size += 8;
    }
}

static void write_field(struct writer *writer, enum field_kind kind, const void *value)
{
    if (kind == BIT) {
        write_bit(writer, *(const bool *)value);
        return;
    }
    writer->bit = 0;
    switch (kind) {
    case BIT:
    case OCTET:
    case SHORT:
    case LONG:
    case LONGLONG:
        write_number(writer, kind, value);
        return;
    case SHORTSTR:
        write_string(writer, 1, *(const struct slice *)value);
        return;
    case LONGSTR:
    case TABLE:
        write_string(writer, 4, *(const struct slice *)value);
        return;
    }
    UNREACHABLE();
}

static void write_fields(struct writer *writer, const struct method *method)
{
    const struct layout *layout = &LAYOUTS[method->kind];
    const uint8_t *base = (const uint8_t *)method + offsetof(struct method, connection_start);
    for (size_t i = 0; i < layout->count; i++)
        write_field(writer, layout->fields[i].kind, base + layout->fields[i].offset);
}

size_t method_frame_size(const struct method *method)
{
    CHECK(method->kind < METHOD_COUNT);
    struct writer writer = {0};
    write_fields(&writer, method);
    return FRAME_OVERHEAD + 4 + writer.size;
}

uint8_t *method_frame_write(uint8_t *out, uint16_t channel, const struct method *method)
{
    CHECK(method->kind < METHOD_COUNT);
    const struct method_info *info = &INFOS[method->kind];
    struct writer writer = {.out = out + FRAME_HEADER_SIZE + 4};
    write_fields(&writer, method);
    uint8_t *at = frame_header_write(out, FRAME_METHOD, channel, (uint32_t)(4 + writer.size));
    at = wire_u16_write(at, info->class_id);
    at = wire_u16_write(at, info->method_id);
    return wire_u8_write(at + writer.size, FRAME_END);
}

void method_frame_add(struct buf *out, uint16_t channel, const struct method *method)
{
    size_t size = method_frame_size(method);
    uint8_t *at = buf_reserve(out, size);
    uint8_t *end = method_frame_write(at, channel, method);
    CHECK((size_t)(end - at) == size);
    out->len += size;
}
