/* SPDX-License-Identifier: Apache-2.0 */
/* A message's headers, read once so that many bindings can ask for them by name.
 *
 * (1) Of headers of the same name the last counts, in the place of the first.
 * (2) A view borrows the table it was read from and keeps its own memory from message to message.
 */
#ifndef ROUTING_HEADER_VIEW_H
#define ROUTING_HEADER_VIEW_H

#include "proto/table.h"

struct header {
    struct slice name;
    uint64_t name_hash;
    struct field_value value;
};

struct header_view {
    struct header *headers;
    size_t count;
    size_t capacity;
    uint32_t *slots;   /* open addressing by name: index into headers + 1, 0 is free */
    size_t slot_count; /* a power of two, more than twice `capacity` */
};

void header_view_fini(struct header_view *view);
/* Reads a validated table; names are hashed with `seed`. */
void header_view_read(struct header_view *view, struct slice table, uint64_t seed);
/* The header of that name and hash, or NULL. */
const struct header *header_view_find(const struct header_view *view, struct slice name,
                                      uint64_t name_hash);

/* Whether a header has the value that a binding wants. As in RabbitMQ, what counts is the value,
 * not how a client chose to encode it: integers of all widths are alike, so are float and double, so
 * are long strings and byte arrays. Everything else needs the same type. */
bool header_value_equal(const struct field_value *a, const struct field_value *b);
/* A number for a name and a value: equal for all that header_value_equal() holds equal, and all but
 * certainly different otherwise (but for tables and arrays, which are told apart by their types
 * only). */
uint64_t header_hash(uint64_t name_hash, const struct field_value *value);
/* As header_hash(), for "a header of this name, whatever its value". */
uint64_t header_hash_presence(uint64_t name_hash);

#endif
