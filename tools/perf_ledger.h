/* SPDX-License-Identifier: Apache-2.0 */
/* What has arrived, and whether each message came once and in order. A stream is what one producer
 * publishes with one key and priority, numbered from 0; it must reach each of its queues whole and,
 * to any one consumer, in order.
 *
 * The first 16 bytes of a body: run (2), stream (3), sequence (5), time of sending (6, monotonic ns
 * modulo 2^48), all in network order. A body of 10 bytes holds all but the time.
 *
 * (1) A slot is one stream in one queue; it is made when its first message comes.
 * (2) In a slot everything below `next` has arrived, and of what is above exactly what `ahead` says.
 */
#ifndef TOOLS_PERF_LEDGER_H
#define TOOLS_PERF_LEDGER_H

#include "tools/perf_map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PERF_STAMP_SIZE 16
#define PERF_STAMP_SEQUENCE_SIZE 10 /* the part without the time */
#define PERF_STREAMS_MAX (1u << 24)
#define PERF_TIME_MASK (((uint64_t)1 << 48) - 1)

struct perf_stamp {
    uint16_t run;
    uint32_t stream;
    uint64_t sequence;
    uint64_t time_ns; /* modulo 2^48 */
};

/* Writes PERF_STAMP_SIZE bytes. */
void perf_stamp_write(uint8_t *out, const struct perf_stamp *stamp);
/* Reads what `len` bytes hold: false below PERF_STAMP_SEQUENCE_SIZE; time_ns is 0 below 16. */
bool perf_stamp_read(struct perf_stamp *stamp, const uint8_t *data, size_t len);
/* From a stamp's time to a later moment. 0 when that moment is the earlier one: the clock is read once
 * for many deliveries, and a message may have been stamped since. */
static inline uint64_t perf_stamp_age(const struct perf_stamp *stamp, int64_t now_ns)
{
    uint64_t age = ((uint64_t)now_ns - stamp->time_ns) & PERF_TIME_MASK;
    return age <= PERF_TIME_MASK / 2 ? age : 0;
}

struct perf_slot {
    uint64_t next;     /* all before it has arrived, but what was there before `base` */
    uint64_t base;     /* the first that counts: 0, or where an adopted stream began */
    uint64_t top;      /* one above the highest that has arrived */
    uint64_t received; /* different ones, from `base` on */
    uint64_t *ahead;   /* a ring of bits for [next, next + capacity), or NULL */
    uint64_t capacity; /* bits; a power of two */
};

struct perf_ledger {
    struct perf_map slots; /* (run, stream, queue) → index */
    struct perf_map orders; /* (slot, consumer) → one above the last sequence; shared queues only */
    struct perf_slot *slot; /* by index */
    uint32_t slot_count;
    uint32_t slot_capacity;
    uint64_t last_key; /* the slot found last, since streams come in runs */
    uint32_t last_index;
    uint16_t run;
    bool adopt;        /* streams of other runs are checked too, from where they begin */
    uint64_t received; /* all deliveries that were noted, duplicates included */
    uint64_t foreign;  /* of other runs (unless adopted), or without a stamp */
    uint64_t duplicates;
    uint64_t disordered;
};

void perf_ledger_init(struct perf_ledger *ledger, uint16_t run, bool adopt);
void perf_ledger_fini(struct perf_ledger *ledger);

/* Who got a message from where. */
struct perf_receipt {
    uint32_t queue;
    uint32_t consumer;
    bool shared;      /* the queue has several consumers */
    bool redelivered; /* may come out of order */
};

void perf_ledger_note(struct perf_ledger *ledger, const struct perf_receipt *receipt,
                      const struct perf_stamp *stamp);

/* How many of a stream's first `sent` messages have not come out of a queue. */
uint64_t perf_ledger_missing(const struct perf_ledger *ledger, uint32_t stream, uint32_t queue,
                             uint64_t sent);
/* Holes in adopted streams, up to the highest message that came. */
uint64_t perf_ledger_holes(const struct perf_ledger *ledger);

#endif
