/* SPDX-License-Identifier: Apache-2.0 */
/* A message's headers by name; see the header for the invariants. */
#include "routing/header_view.h"

#include "base/hmap.h"
#include "base/mem.h"

#define CAPACITY_FIRST 8
#define SLOTS_PER_HEADER 4
#define CAPACITY_KEPT 256 /* more than that, one message in a million, is given back after it */

void header_view_fini(struct header_view *view)
{
    mem_free(view->headers);
    mem_free(view->slots);
    *view = (struct header_view){0};
}

/* The slot of that name, or the free one where it would go. */
static uint32_t *slot_of(const struct header_view *view, struct slice name, uint64_t name_hash)
{
    size_t mask = view->slot_count - 1;

    for (size_t i = (size_t)name_hash & mask;; i = (i + 1) & mask) {
        uint32_t *slot = &view->slots[i];
        if (*slot == 0)
            return slot;
        const struct header *header = &view->headers[*slot - 1];
        if (header->name_hash == name_hash && slice_equal(header->name, name))
            return slot;
    }
}

static void grow(struct header_view *view)
{
    CHECK(view->capacity < UINT32_MAX / (2 * SLOTS_PER_HEADER));
    view->capacity = view->capacity ? view->capacity * 2 : CAPACITY_FIRST;
    view->headers = mem_realloc(view->headers, view->capacity * sizeof(view->headers[0]));
    mem_free(view->slots);
    view->slot_count = view->capacity * SLOTS_PER_HEADER;
    view->slots = mem_zalloc(view->slot_count * sizeof(view->slots[0]));
    for (size_t i = 0; i < view->count; i++)
        *slot_of(view, view->headers[i].name, view->headers[i].name_hash) = (uint32_t)(i + 1);
}

/* Empties the runs of slots that the headers are in, not all slots: most messages have few headers.
 * From a header's home to its slot there is no gap, so the run from its home has it. */
static void clear(struct header_view *view)
{
    size_t mask = view->slot_count - 1;

    for (size_t i = 0; i < view->count; i++)
        for (size_t at = (size_t)view->headers[i].name_hash & mask; view->slots[at];
             at = (at + 1) & mask)
            view->slots[at] = 0;
    view->count = 0;
}

void header_view_read(struct header_view *view, struct slice table, uint64_t seed)
{
    struct field_iter iter = {table};
    struct slice name;
    struct field_value value;

    if (view->capacity > CAPACITY_KEPT)
        header_view_fini(view);
    clear(view);
    while (field_next(&iter, &name, &value)) {
        if (view->count == view->capacity)
            grow(view);
        uint64_t name_hash = hmap_hash(name, seed);
        uint32_t *slot = slot_of(view, name, name_hash);
        if (*slot == 0) {
            *slot = (uint32_t)(++view->count);
            view->headers[*slot - 1].name = name;
            view->headers[*slot - 1].name_hash = name_hash;
        }
        view->headers[*slot - 1].value = value;
    }
}

const struct header *header_view_find(const struct header_view *view, struct slice name,
                                      uint64_t name_hash)
{
    if (view->count == 0)
        return NULL;
    uint32_t slot = *slot_of(view, name, name_hash);
    return slot ? &view->headers[slot - 1] : NULL;
}

static bool is_real(enum field_type type)
{
    return type == FIELD_FLOAT || type == FIELD_DOUBLE;
}

static bool is_bytes(enum field_type type)
{
    return type == FIELD_LONGSTR || type == FIELD_BYTES;
}

bool header_value_equal(const struct field_value *a, const struct field_value *b)
{
    if (is_bytes(a->type) && is_bytes(b->type))
        return slice_equal(a->bytes, b->bytes);
    if (is_real(a->type) && is_real(b->type))
        return a->real == b->real;
    return field_equal(a, b);
}

/* Kinds of values that are never equal to each other have a number each. */
enum {
    KIND_PRESENCE = 1,
    KIND_NUMBER,
    KIND_TIMESTAMP,
    KIND_REAL,
    KIND_DECIMAL,
};

static uint64_t hash_real(double real, uint64_t seed)
{
    uint64_t bits = 0;

    if (real != 0) /* 0.0 equals -0.0 */
        memcpy(&bits, &real, sizeof(bits));
    return hmap_hash_u64(bits, seed + KIND_REAL);
}

uint64_t header_hash(uint64_t name_hash, const struct field_value *value)
{
    switch (value->type) {
    case FIELD_BOOL:
        return hmap_hash_u64(value->boolean, name_hash + FIELD_BOOL);
    case FIELD_INT8:
    case FIELD_UINT8:
    case FIELD_INT16:
    case FIELD_UINT16:
    case FIELD_INT32:
    case FIELD_UINT32:
    case FIELD_INT64:
        return hmap_hash_u64((uint64_t)value->integer, name_hash + KIND_NUMBER);
    case FIELD_TIMESTAMP:
        return hmap_hash_u64((uint64_t)value->integer, name_hash + KIND_TIMESTAMP);
    case FIELD_FLOAT:
    case FIELD_DOUBLE:
        return hash_real(value->real, name_hash);
    case FIELD_LONGSTR:
    case FIELD_BYTES:
        return hmap_hash(value->bytes, name_hash + FIELD_LONGSTR);
    case FIELD_DECIMAL:
        return hmap_hash_u64((uint64_t)value->decimal.scale << 32 | (uint32_t)value->decimal.digits,
                             name_hash + KIND_DECIMAL);
    case FIELD_ARRAY:
    case FIELD_TABLE:
        return hmap_hash_u64(0, name_hash + value->type);
    case FIELD_VOID:
        return header_hash_presence(name_hash);
    }
    UNREACHABLE();
}

uint64_t header_hash_presence(uint64_t name_hash)
{
    return hmap_hash_u64(0, name_hash + KIND_PRESENCE);
}
