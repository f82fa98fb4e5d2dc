/* SPDX-License-Identifier: Apache-2.0 */
/* Noting arrivals: the common case (the next one of the same stream) is a few comparisons. */
#include "tools/perf_ledger.h"

#include "base/mem.h"
#include "proto/wire.h"

#define AHEAD_LEAST 1024
#define AHEAD_MOST ((uint64_t)1 << 30) /* bits: a hole that is further back is given up */

/* ---- stamps ---- */

void perf_stamp_write(uint8_t *out, const struct perf_stamp *stamp)
{
    wire_u64_write(out, (uint64_t)stamp->run << 48 | (uint64_t)stamp->stream << 24 |
                            stamp->sequence >> 16);
    wire_u64_write(out + 8, stamp->sequence << 48 | (stamp->time_ns & PERF_TIME_MASK));
}

bool perf_stamp_read(struct perf_stamp *stamp, const uint8_t *data, size_t len)
{
    if (len < PERF_STAMP_SEQUENCE_SIZE)
        return false;
    uint64_t first = wire_u64(data);
    stamp->run = (uint16_t)(first >> 48);
    stamp->stream = (uint32_t)(first >> 24) & (PERF_STREAMS_MAX - 1);
    stamp->sequence = (first & 0xFFFFFF) << 16 | wire_u16(data + 8);
    stamp->time_ns = len >= PERF_STAMP_SIZE ? wire_u64(data + 8) & PERF_TIME_MASK : 0;
    return true;
}

/* ---- slots ---- */

void perf_ledger_init(struct perf_ledger *ledger, uint16_t run, bool adopt)
{
    *ledger = (struct perf_ledger){.run = run, .adopt = adopt};
}

void perf_ledger_fini(struct perf_ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->slot_count; i++)
        mem_free(ledger->slot[i].ahead);
    mem_free(ledger->slot);
    perf_map_fini(&ledger->slots);
    perf_map_fini(&ledger->orders);
}

static uint64_t slot_key(uint16_t run, uint32_t stream, uint32_t queue)
{
    CHECK(queue < PERF_STREAMS_MAX);
    return (uint64_t)run << 48 | (uint64_t)stream << 24 | queue;
}

static uint32_t new_slot(struct perf_ledger *ledger, uint64_t base)
{
    if (ledger->slot_count == ledger->slot_capacity) {
        ledger->slot_capacity = ledger->slot_capacity ? ledger->slot_capacity * 2 : 16;
        ledger->slot = mem_realloc(ledger->slot, ledger->slot_capacity * sizeof(*ledger->slot));
    }
    ledger->slot[ledger->slot_count] = (struct perf_slot){.next = base, .base = base, .top = base};
    return ledger->slot_count++;
}

static uint32_t find_slot(struct perf_ledger *ledger, uint32_t queue,
                          const struct perf_stamp *stamp)
{
    uint64_t key = slot_key(stamp->run, stamp->stream, queue);
    if (ledger->slot_count && key == ledger->last_key)
        return ledger->last_index;
    uint64_t *index = perf_map_at(&ledger->slots, key, UINT64_MAX);
    if (*index == UINT64_MAX)
        *index = new_slot(ledger, stamp->run == ledger->run ? 0 : stamp->sequence);
    ledger->last_key = key;
    ledger->last_index = (uint32_t)*index;
    return ledger->last_index;
}

/* ---- the ring of what came before its turn ---- */

static bool test_bit(const struct perf_slot *slot, uint64_t sequence)
{
    uint64_t bit = sequence & (slot->capacity - 1);
    return slot->ahead[bit / 64] >> (bit % 64) & 1;
}

static void flip_bit(struct perf_slot *slot, uint64_t sequence)
{
    uint64_t bit = sequence & (slot->capacity - 1);
    slot->ahead[bit / 64] ^= (uint64_t)1 << (bit % 64);
}

static void grow_ahead(struct perf_slot *slot, uint64_t distance)
{
    struct perf_slot old = *slot;
    slot->capacity = old.capacity ? old.capacity : AHEAD_LEAST;
    while (slot->capacity <= distance)
        slot->capacity *= 2;
    slot->ahead = mem_zalloc(slot->capacity / 8);
    for (uint64_t i = 0; i < old.capacity; i++)
        if (test_bit(&old, slot->next + i))
            flip_bit(slot, slot->next + i);
    mem_free(old.ahead);
}

static void advance(struct perf_slot *slot)
{
    slot->next++;
    while (slot->next < slot->top && slot->ahead && test_bit(slot, slot->next)) {
        flip_bit(slot, slot->next);
        slot->next++;
    }
}

/* A hole so far back that it won't be filled any more: `missing` will show it. */
static void give_up_hole(struct perf_slot *slot, uint64_t sequence)
{
    mem_free(slot->ahead);
    slot->ahead = NULL;
    slot->capacity = 0;
    slot->next = sequence;
}

/* False when it has come before. */
static bool fill_in(struct perf_slot *slot, uint64_t sequence)
{
    if (sequence > slot->next && sequence - slot->next >= AHEAD_MOST)
        give_up_hole(slot, sequence);
    if (sequence < slot->next)
        return false;
    if (sequence > slot->next) {
        if (sequence - slot->next >= slot->capacity)
            grow_ahead(slot, sequence - slot->next);
        if (test_bit(slot, sequence))
            return false;
        flip_bit(slot, sequence);
    }
    if (sequence >= slot->top)
        slot->top = sequence + 1;
    slot->received++;
    if (sequence == slot->next)
        advance(slot);
    return true;
}

/* Whether this consumer (the only one, unless the queue is shared) has seen a later one. */
static bool is_late(struct perf_ledger *ledger, uint32_t index, const struct perf_receipt *receipt,
                    uint64_t sequence)
{
    if (!receipt->shared)
        return sequence + 1 < ledger->slot[index].top;
    uint64_t key = (uint64_t)index << 32 | receipt->consumer;
    uint64_t *order = perf_map_at(&ledger->orders, key, 0);
    bool late = sequence < *order;
    if (!late)
        *order = sequence + 1;
    return late;
}

void perf_ledger_note(struct perf_ledger *ledger, const struct perf_receipt *receipt,
                      const struct perf_stamp *stamp)
{
    ledger->received++;
    if (stamp->run != ledger->run && !ledger->adopt) {
        ledger->foreign++;
        return;
    }
    uint32_t index = find_slot(ledger, receipt->queue, stamp);
    struct perf_slot *slot = &ledger->slot[index];
    bool late = is_late(ledger, index, receipt, stamp->sequence);
    if (stamp->sequence < slot->base) {
        /* Another consumer of an adopted stream began later: only the order can be told. */
        ledger->disordered += !receipt->shared && !receipt->redelivered;
        return;
    }
    if (!fill_in(slot, stamp->sequence))
        ledger->duplicates++;
    else if (late && !receipt->redelivered)
        ledger->disordered++;
}

uint64_t perf_ledger_missing(const struct perf_ledger *ledger, uint32_t stream, uint32_t queue,
                             uint64_t sent)
{
    const uint64_t *index = perf_map_find(&ledger->slots, slot_key(ledger->run, stream, queue));
    uint64_t received = index ? ledger->slot[*index].received : 0;
    return received < sent ? sent - received : 0;
}

uint64_t perf_ledger_holes(const struct perf_ledger *ledger)
{
    uint64_t holes = 0;
    for (uint32_t i = 0; i < ledger->slot_count; i++)
        holes += ledger->slot[i].top - ledger->slot[i].base - ledger->slot[i].received;
    return holes;
}
