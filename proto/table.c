/* SPDX-License-Identifier: Apache-2.0 */
/* Field tables and arrays: validated once, then walked in place.
 *
 * (1) Recursion is bounded by TABLE_DEPTH_MAX, which table_validate() enforces.
 * (2) Walking functions CHECK lengths all the same: a table that was not validated is a bug.
 */
#include "proto/table.h"

#include "base/check.h"
#include "base/mem.h"
#include "proto/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Bytes of a type's value: a number, or SIZE_BY_LENGTH for those with four length bytes in front,
 * or SIZE_UNKNOWN. */
#define SIZE_BY_LENGTH 255
#define SIZE_UNKNOWN 254

static uint8_t value_size(uint8_t type)
{
    switch (type) {
    case FIELD_VOID:
        return 0;
    case FIELD_BOOL:
    case FIELD_INT8:
    case FIELD_UINT8:
        return 1;
    case FIELD_INT16:
    case FIELD_UINT16:
        return 2;
    case FIELD_INT32:
    case FIELD_UINT32:
    case FIELD_FLOAT:
        return 4;
    case FIELD_DECIMAL:
        return 5;
    case FIELD_INT64:
    case 'L':
    case FIELD_DOUBLE:
    case FIELD_TIMESTAMP:
        return 8;
    case FIELD_LONGSTR:
    case FIELD_BYTES:
    case FIELD_ARRAY:
    case FIELD_TABLE:
        return SIZE_BY_LENGTH;
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
    if (size == SIZE_BY_LENGTH) {
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
    if (size == SIZE_BY_LENGTH) {
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
    case FIELD_INT8:
    case FIELD_UINT8:
    case FIELD_INT16:
    case FIELD_UINT16:
    case FIELD_INT32:
    case FIELD_UINT32:
    case FIELD_INT64:
        return true;
    case FIELD_BOOL:
    case FIELD_FLOAT:
    case FIELD_DOUBLE:
    case FIELD_DECIMAL:
    case FIELD_LONGSTR:
    case FIELD_ARRAY:
    case FIELD_TIMESTAMP:
    case FIELD_TABLE:
    case FIELD_VOID:
    case FIELD_BYTES:
        return false;
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

/* ---- printing ---- */

const char *field_type_name(enum field_type type)
{
    switch (type) {
    case FIELD_BOOL:
        return "bool";
    case FIELD_INT8:
        return "byte";
    case FIELD_UINT8:
        return "unsignedbyte";
    case FIELD_INT16:
        return "short";
    case FIELD_UINT16:
        return "unsignedshort";
    case FIELD_INT32:
        return "signedint";
    case FIELD_UINT32:
        return "unsignedint";
    case FIELD_INT64:
        return "long";
    case FIELD_FLOAT:
        return "float";
    case FIELD_DOUBLE:
        return "double";
    case FIELD_DECIMAL:
        return "decimal";
    case FIELD_LONGSTR:
        return "longstr";
    case FIELD_ARRAY:
        return "array";
    case FIELD_TIMESTAMP:
        return "timestamp";
    case FIELD_TABLE:
        return "table";
    case FIELD_VOID:
        return "void";
    case FIELD_BYTES:
        return "binary";
    }
    UNREACHABLE();
}

/* The shortest form that reads back as the same number. */
static void print_real(struct buf *out, double real)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, real);
        double back = strtod(text, NULL);
        if (memcmp(&back, &real, sizeof(back)) == 0)
            break;
    }
    buf_add_str(out, text);
    if (strspn(text, "-0123456789") == strlen(text))
        buf_add_str(out, ".0");
}

void field_print(struct buf *out, const struct field_value *value)
{
    switch (value->type) {
    case FIELD_BOOL:
        buf_add_str(out, value->boolean ? "true" : "false");
        break;
    case FIELD_INT8:
    case FIELD_UINT8:
    case FIELD_INT16:
    case FIELD_UINT16:
    case FIELD_INT32:
    case FIELD_UINT32:
    case FIELD_INT64:
    case FIELD_TIMESTAMP:
        buf_printf(out, "%" PRId64, value->integer);
        break;
    case FIELD_FLOAT:
    case FIELD_DOUBLE:
        print_real(out, value->real);
        break;
    case FIELD_DECIMAL:
        buf_printf(out, "{%u,%" PRId32 "}", value->decimal.scale, value->decimal.digits);
        break;
    case FIELD_LONGSTR:
    case FIELD_BYTES:
        buf_add_slice(out, value->bytes);
        break;
    case FIELD_VOID:
        buf_add_str(out, "undefined");
        break;
    case FIELD_ARRAY:
    case FIELD_TABLE:
        buf_add_str(out, field_type_name(value->type));
        break;
    }
}

/* ---- writing ---- */

static void add_real(struct buf *out, const struct field_value *value)
{
    if (value->type == FIELD_FLOAT) {
        float single = (float)value->real;
        uint32_t bits;
        memcpy(&bits, &single, sizeof(bits));
        buf_add_u32(out, bits);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &value->real, sizeof(bits));
    buf_add_u64(out, bits);
}

static void add_bytes(struct buf *out, struct slice bytes)
{
    CHECK(bytes.len <= UINT32_MAX);
    buf_add_u32(out, (uint32_t)bytes.len);
    buf_add_slice(out, bytes);
}

void array_add(struct buf *array, const struct field_value *value)
{
    buf_add_u8(array, (uint8_t)value->type);
    switch (value->type) {
    case FIELD_VOID:
        break;
    case FIELD_BOOL:
        buf_add_u8(array, value->boolean);
        break;
    case FIELD_INT8:
    case FIELD_UINT8:
        buf_add_u8(array, (uint8_t)value->integer);
        break;
    case FIELD_INT16:
    case FIELD_UINT16:
        buf_add_u16(array, (uint16_t)value->integer);
        break;
    case FIELD_INT32:
    case FIELD_UINT32:
        buf_add_u32(array, (uint32_t)value->integer);
        break;
    case FIELD_INT64:
    case FIELD_TIMESTAMP:
        buf_add_u64(array, (uint64_t)value->integer);
        break;
    case FIELD_FLOAT:
    case FIELD_DOUBLE:
        add_real(array, value);
        break;
    case FIELD_DECIMAL:
        buf_add_u8(array, value->decimal.scale);
        buf_add_u32(array, (uint32_t)value->decimal.digits);
        break;
    case FIELD_LONGSTR:
    case FIELD_BYTES:
    case FIELD_ARRAY:
    case FIELD_TABLE:
        add_bytes(array, value->bytes);
        break;
    }
}

void table_add(struct buf *table, struct slice name, const struct field_value *value)
{
    CHECK(name.len <= UINT8_MAX);
    buf_add_u8(table, (uint8_t)name.len);
    buf_add_slice(table, name);
    array_add(table, value);
}

void table_add_str(struct buf *table, const char *name, struct slice value)
{
    table_add(table, slice_str(name), &(struct field_value){FIELD_LONGSTR, {.bytes = value}});
}

void table_add_int64(struct buf *table, const char *name, int64_t value)
{
    table_add(table, slice_str(name), &(struct field_value){FIELD_INT64, {.integer = value}});
}

void table_add_int32(struct buf *table, const char *name, int32_t value)
{
    table_add(table, slice_str(name), &(struct field_value){FIELD_INT32, {.integer = value}});
}

void table_add_bool(struct buf *table, const char *name, bool value)
{
    table_add(table, slice_str(name), &(struct field_value){FIELD_BOOL, {.boolean = value}});
}

void table_add_timestamp(struct buf *table, const char *name, int64_t seconds)
{
    table_add(table, slice_str(name), &(struct field_value){FIELD_TIMESTAMP, {.integer = seconds}});
}

void table_add_table(struct buf *table, const char *name, struct slice content)
{
    table_add(table, slice_str(name), &(struct field_value){FIELD_TABLE, {.bytes = content}});
}

void table_add_array(struct buf *table, const char *name, struct slice content)
{
    table_add(table, slice_str(name), &(struct field_value){FIELD_ARRAY, {.bytes = content}});
}

void array_add_str(struct buf *array, struct slice value)
{
    array_add(array, &(struct field_value){FIELD_LONGSTR, {.bytes = value}});
}

void array_add_table(struct buf *array, struct slice content)
{
    array_add(array, &(struct field_value){FIELD_TABLE, {.bytes = content}});
}

/* ---- sorting ---- */

struct entry {
    struct slice name;
    struct slice whole; /* name, type and value as they stand */
};

/* By name; among equal names the last one first. */
static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a;
    const struct entry *right = b;
    int order = slice_compare(left->name, right->name);
    if (order)
        return order;
    return left->whole.data < right->whole.data ? 1 : -1;
}

static size_t count_fields(struct slice table)
{
    struct field_iter iter = {table};
    struct slice name;
    struct field_value value;
    size_t count = 0;
    while (field_next(&iter, &name, &value))
        count++;
    return count;
}

void table_sort(struct buf *out, struct slice table)
{
    size_t count = count_fields(table);
    if (count == 0)
        return;
    struct entry *entries = mem_alloc(count * sizeof(*entries));
    struct field_iter iter = {table};
    struct field_value value;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *start = iter.rest.data;
        bool more = field_next(&iter, &entries[i].name, &value);
        CHECK(more);
        entries[i].whole = slice_of(start, (size_t)(iter.rest.data - start));
    }
    qsort(entries, count, sizeof(*entries), compare_entries);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !slice_equal(entries[i].name, entries[i - 1].name))
            buf_add_slice(out, entries[i].whole);
    mem_free(entries);
}
