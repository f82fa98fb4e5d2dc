/* SPDX-License-Identifier: Apache-2.0 */
/* Field tables and arrays: validated once, then walked in place, and compared. Printing is in
 * table_print.c, writing in table_write.c.
 *
 * (1) Recursion is bounded by TABLE_DEPTH_MAX, which table_validate() enforces.
 * (2) Walking functions CHECK lengths all the same: a table that was not validated is a bug.
 */
#include "proto/table.h"

#include "base/check.h"
#include "proto/wire.h"

#define SIZE_UNKNOWN 254

/* The size that FIELD_TYPE_TABLE says; SIZE_UNKNOWN for a letter that is not in it. */
static uint8_t value_size(uint8_t type)
{
    switch (type) {
    case 'L':
        return 8;
#define X(name, letter, size, integer, text)                                                       \
    case letter:                                                                                   \
        return size;
        FIELD_TYPE_TABLE(X)
#undef X
    default:
        return SIZE_UNKNOWN;
    }
}

/* ---- validation ---- */

static enum err validate(struct slice fields, bool named, unsigned depth);

/* Checks the value at the front of `rest` and drops it. */
static enum err validate_value(struct slice *rest, unsigned depth)
{
    if (rest->len == 0)
        return ERR_SYNTAX;
    uint8_t type = rest->data[0];
    size_t size = value_size(type);
    size_t left = rest->len - 1;
    const uint8_t *at = rest->data + 1;
    if (size == SIZE_UNKNOWN)
        return ERR_SYNTAX;
    if (size == FIELD_SIZE_BY_LENGTH) {
        if (left < 4)
            return ERR_SYNTAX;
        size = wire_u32(at);
        at += 4;
        left -= 4;
    }
    if (left < size)
        return ERR_SYNTAX;
    *rest = slice_of(at + size, left - size);
    if (type == FIELD_TABLE || type == FIELD_ARRAY)
        return validate(slice_of(at, size), type == FIELD_TABLE, depth + 1);
    return ERR_OK;
}

static enum err validate(struct slice fields, bool named, unsigned depth)
{
    if (depth > TABLE_DEPTH_MAX)
        return ERR_LIMIT;
    while (fields.len) {
        if (named) {
            size_t name = 1 + (size_t)fields.data[0];
            if (fields.len < name)
                return ERR_SYNTAX;
            fields = slice_of(fields.data + name, fields.len - name);
        }
        enum err error = validate_value(&fields, depth);
        if (error != ERR_OK)
            return error;
    }
    return ERR_OK;
}

enum err table_validate(struct slice table)
{
    return validate(table, true, 1);
}

bool table_fits(struct slice table, unsigned around)
{
    return validate(table, true, around + 1) == ERR_OK;
}

enum err array_validate(struct slice array)
{
    return validate(array, false, 1);
}

/* ---- walking ---- */

static void read_value(struct field_value *value, uint8_t type, const uint8_t *at, size_t size)
{
    uint32_t bits32;
    uint64_t bits64;
    float single;
    value->type = type == 'L' ? FIELD_INT64 : (enum field_type)type;
    switch (value->type) {
    case FIELD_VOID:
        value->integer = 0;
        break;
    case FIELD_BOOL:
        value->boolean = at[0] != 0;
        break;
    case FIELD_INT8:
        value->integer = (int8_t)at[0];
        break;
    case FIELD_UINT8:
        value->integer = at[0];
        break;
    case FIELD_INT16:
        value->integer = (int16_t)wire_u16(at);
        break;
    case FIELD_UINT16:
        value->integer = wire_u16(at);
        break;
    case FIELD_INT32:
        value->integer = (int32_t)wire_u32(at);
        break;
    case FIELD_UINT32:
        value->integer = wire_u32(at);
        break;
    case FIELD_INT64:
    case FIELD_TIMESTAMP:
        value->integer = (int64_t)wire_u64(at);
        break;
    case FIELD_FLOAT:
        bits32 = wire_u32(at);
        memcpy(&single, &bits32, sizeof(single));
        value->real = (double)single;
        break;
    case FIELD_DOUBLE:
        bits64 = wire_u64(at);
        memcpy(&value->real, &bits64, sizeof(value->real));
        break;
    case FIELD_DECIMAL:
        value->decimal.scale = at[0];
        value->decimal.digits = (int32_t)wire_u32(at + 1);
        break;
    case FIELD_LONGSTR:
    case FIELD_BYTES:
    case FIELD_ARRAY:
    case FIELD_TABLE:
        value->bytes = slice_of(at, size);
        break;
    }
}

bool field_next(struct field_iter *iter, struct slice *name, struct field_value *value)
{
    struct slice rest = iter->rest;
    if (rest.len == 0)
        return false;
    if (name) {
        *name = slice_of(rest.data + 1, rest.data[0]);
        CHECK(rest.len > 1 + name->len);
        rest = slice_of(rest.data + 1 + name->len, rest.len - 1 - name->len);
    }
    uint8_t type = rest.data[0];
    const uint8_t *at = rest.data + 1;
    const uint8_t *end = rest.data + rest.len;
    size_t size = value_size(type);
    CHECK(size != SIZE_UNKNOWN);
    if (size == FIELD_SIZE_BY_LENGTH) {
        CHECK(end - at >= 4);
        size = wire_u32(at);
        at += 4;
    }
    CHECK((size_t)(end - at) >= size);
    read_value(value, type, at, size);
    iter->rest = slice_of(at + size, (size_t)(end - at) - size);
    return true;
}

bool table_find(struct slice table, const char *name, struct field_value *value)
{
    struct field_iter iter = {table};
    struct slice wanted = slice_str(name);
    struct slice found;
    while (field_next(&iter, &found, value))
        if (slice_equal(found, wanted))
            return true;
    return false;
}

bool field_is_integer(enum field_type type)
{
    switch (type) {
#define X(name, letter, size, integer, text)                                                       \
    case FIELD_##name:                                                                             \
        return integer;
        FIELD_TYPE_TABLE(X)
#undef X
    }
    UNREACHABLE();
}

/* ---- comparing ---- */

static bool array_equal(struct slice a, struct slice b)
{
    struct field_iter left = {a};
    struct field_iter right = {b};
    struct field_value x;
    struct field_value y;
    while (field_next(&left, NULL, &x))
        if (!field_next(&right, NULL, &y) || !field_equal(&x, &y))
            return false;
    return !field_next(&right, NULL, &y);
}

bool field_equal(const struct field_value *a, const struct field_value *b)
{
    if (field_is_integer(a->type) && field_is_integer(b->type))
        return a->integer == b->integer;
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case FIELD_VOID:
        return true;
    case FIELD_BOOL:
        return a->boolean == b->boolean;
    case FIELD_INT8:
    case FIELD_UINT8:
    case FIELD_INT16:
    case FIELD_UINT16:
    case FIELD_INT32:
    case FIELD_UINT32:
    case FIELD_INT64:
    case FIELD_TIMESTAMP:
        return a->integer == b->integer;
    case FIELD_FLOAT:
    case FIELD_DOUBLE: /* bit by bit, so that a NaN equals itself */
        return memcmp(&a->real, &b->real, sizeof(a->real)) == 0;
    case FIELD_DECIMAL:
        return a->decimal.scale == b->decimal.scale && a->decimal.digits == b->decimal.digits;
    case FIELD_LONGSTR:
    case FIELD_BYTES:
        return slice_equal(a->bytes, b->bytes);
    case FIELD_ARRAY:
        return array_equal(a->bytes, b->bytes);
    case FIELD_TABLE:
        return table_equal(a->bytes, b->bytes);
    }
    UNREACHABLE();
}

bool table_equal(struct slice a, struct slice b)
{
    if (slice_equal(a, b))
        return true;
    struct buf left = BUF_INIT;
    struct buf right = BUF_INIT;
    table_sort(&left, a);
    table_sort(&right, b);
    struct field_iter x = {buf_slice(&left)};
    struct field_iter y = {buf_slice(&right)};
    struct slice x_name;
    struct slice y_name;
    struct field_value x_value;
    struct field_value y_value;
    bool equal = true;
    while (equal && field_next(&x, &x_name, &x_value))
        equal = field_next(&y, &y_name, &y_value) && slice_equal(x_name, y_name) &&
                field_equal(&x_value, &y_value);
    equal = equal && y.rest.len == 0;
    buf_fini(&left);
    buf_fini(&right);
    return equal;
}
