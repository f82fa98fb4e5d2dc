/* SPDX-License-Identifier: Apache-2.0 */
/* Field tables in the making, and sorted. */
#include "proto/table.h"

#include "base/mem.h"

#include <stdlib.h>

/* ---- fields ---- */

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
