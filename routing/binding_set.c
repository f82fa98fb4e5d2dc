/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings that match together; see the header for the invariants. */
#include "routing/binding_set.h"

#include "base/mem.h"

#define CAPACITY_FIRST 4

static struct binding_entry *entries_of(struct binding_set *set)
{
    return set->capacity ? set->many : &set->one;
}

static void resize(struct binding_set *set, uint32_t capacity)
{
    set->many = mem_realloc(set->many, capacity * sizeof(set->many[0]));
    set->capacity = capacity;
}

static void move_out(struct binding_set *set)
{
    struct binding_entry one = set->one;

    set->many = mem_alloc(CAPACITY_FIRST * sizeof(set->many[0]));
    set->many[0] = one;
    set->capacity = CAPACITY_FIRST;
}

static void move_in(struct binding_set *set)
{
    struct binding_entry one = set->many[0];

    mem_free(set->many);
    set->one = one;
    set->capacity = 0;
}

static void make_room(struct binding_set *set)
{
    if (set->capacity == 0 && set->count == 1)
        move_out(set);
    else if (set->capacity != 0 && set->count == set->capacity)
        resize(set, set->capacity * 2);
}

/* Halves at a quarter, so that adding and removing at a border costs nothing. */
static void give_room_back(struct binding_set *set)
{
    if (set->capacity == 0)
        return;
    if (set->count <= 1)
        move_in(set);
    else if (set->capacity > CAPACITY_FIRST && set->count <= set->capacity / 4)
        resize(set, set->capacity / 2);
}

void binding_set_init(struct binding_set *set)
{
    *set = (struct binding_set){0};
}

void binding_set_fini(struct binding_set *set)
{
    CHECK(set->count == 0);
    CHECK(set->capacity == 0);
}

void binding_set_add(struct binding_set *set, struct binding *binding)
{
    CHECK(set->count < UINT32_MAX / 2);
    make_room(set);
    entries_of(set)[set->count] = (struct binding_entry){
        .target = binding->destination,
        .binding = binding,
    };
    binding->slot = set->count++;
}

void binding_set_remove(struct binding_set *set, struct binding *binding)
{
    struct binding_entry *entries = entries_of(set);

    CHECK(binding->slot < set->count);
    CHECK(entries[binding->slot].binding == binding);
    entries[binding->slot] = entries[set->count - 1];
    entries[binding->slot].binding->slot = binding->slot;
    set->count--;
    give_room_back(set);
}
