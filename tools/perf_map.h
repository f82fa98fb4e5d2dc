/* SPDX-License-Identifier: Apache-2.0 */
/* A map from 64-bit numbers to 64-bit numbers: open addressing, never shrinking, nothing removed.
 *
 * (1) At most half of the places are taken; their number is a power of two.
 */
#ifndef TOOLS_PERF_MAP_H
#define TOOLS_PERF_MAP_H

#include "base/check.h"

#include <stdbool.h>
#include <stdint.h>

struct perf_map_place {
    uint64_t key;
    uint64_t value;
    bool used;
};

struct perf_map {
    struct perf_map_place *places; /* NULL while empty */
    uint64_t mask;
    uint64_t count;
};

void perf_map_fini(struct perf_map *map);
/* The value's place, or NULL. Valid until the next insertion. */
uint64_t *perf_map_find(const struct perf_map *map, uint64_t key);
/* The value's place; a new one holds `fresh`. */
uint64_t *perf_map_at(struct perf_map *map, uint64_t key, uint64_t fresh);

#endif
