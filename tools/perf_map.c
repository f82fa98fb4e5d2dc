/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing. */
#include "tools/perf_map.h"

#include "base/mem.h"

#define PLACES_LEAST 64

void perf_map_fini(struct perf_map *map)
{
    mem_free(map->places);
    *map = (struct perf_map){0};
}

/* Where the key is, or where it would go. */
static struct perf_map_place *probe(const struct perf_map *map, uint64_t key)
{
    uint64_t at = (key * 0x9E3779B97F4A7C15u) >> 20;
    for (;; at++) {
        struct perf_map_place *place = &map->places[at & map->mask];
        if (!place->used || place->key == key)
            return place;
    }
}

static void grow(struct perf_map *map)
{
    struct perf_map old = *map;
    uint64_t places = old.places ? (old.mask + 1) * 2 : PLACES_LEAST;
    map->places = mem_zalloc(places * sizeof(*map->places));
    map->mask = places - 1;
    for (uint64_t i = 0; old.places && i <= old.mask; i++)
        if (old.places[i].used)
            *probe(map, old.places[i].key) = old.places[i];
    mem_free(old.places);
}

uint64_t *perf_map_find(const struct perf_map *map, uint64_t key)
{
    struct perf_map_place *place = map->places ? probe(map, key) : NULL;
    return place && place->used ? &place->value : NULL;
}

uint64_t *perf_map_at(struct perf_map *map, uint64_t key, uint64_t fresh)
{
    if (!map->places || map->count * 2 > map->mask)
        grow(map);
    struct perf_map_place *place = probe(map, key);
    if (!place->used) {
        *place = (struct perf_map_place){.key = key, .value = fresh, .used = true};
        map->count++;
    }
    return &place->value;
}
