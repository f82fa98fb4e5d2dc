/* SPDX-License-Identifier: Apache-2.0 */
/* Appending to a batch and cancelling in it, each in constant time (a lane's deletion: in time
 * proportional to that lane's own puts).
 *
 * (1) A lane's puts are chained from batch_lane.puts backwards; cancelled ones stay in the chain
 *     until the lane is deleted.
 * (2) live + cancelled = the operations appended, folded watermarks included.
 */
#include "storage/batch.h"

#include "base/mem.h"
#include "storage/schema.h"

#define KEEP_OPS 1024 /* what an empty batch keeps of its arrays */
#define BLOCK_BYTES 4096

struct batch_block {
    struct batch_block *next;
    size_t used;
    size_t size;
    max_align_t data[];
};

/* -- memory -- */

static void *grow(void *array, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return array;
    CHECK(count < UINT32_MAX / 2); /* slots and indices have 32 bits */
    return mem_double(array, capacity, size);
}

static void *take(struct batch *batch, size_t size)
{
    struct batch_block *block = batch->blocks;
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (!block || block->size - block->used < size) {
        size_t block_size = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        block = mem_alloc(sizeof(*block) + block_size);
        *block = (struct batch_block){.next = batch->blocks, .size = block_size};
        batch->blocks = block;
        batch->bytes += block_size;
    }
    void *bytes = (char *)block->data + block->used;
    block->used += size;
    return bytes;
}

static struct slice copy(struct batch *batch, struct slice bytes)
{
    if (bytes.len == 0)
        return slice_of(NULL, 0);
    void *data = take(batch, bytes.len);
    memcpy(data, bytes.data, bytes.len);
    return slice_of(data, bytes.len);
}

static void free_blocks(struct batch *batch)
{
    struct batch_block *next;
    for (struct batch_block *block = batch->blocks; block; block = next) {
        next = block->next;
        mem_free(block);
    }
    batch->blocks = NULL;
}

static void free_arrays(struct batch *batch)
{
    mem_free(batch->ops);
    mem_free(batch->puts);
    mem_free(batch->lanes);
    mem_free(batch->lane_slots);
}

struct batch *batch_new(void)
{
    return MEM_NEW(struct batch);
}

void batch_free(struct batch *batch)
{
    if (!batch)
        return;
    free_blocks(batch);
    free_arrays(batch);
    mem_free(batch);
}

void batch_reset(struct batch *batch, uint64_t first)
{
    struct batch kept = {.first = first};
    free_blocks(batch);
    if (batch->op_capacity > KEEP_OPS || batch->lane_capacity > KEEP_OPS) {
        free_arrays(batch);
        *batch = kept;
        return;
    }
    if (batch->lane_count > 0)
        memset(batch->lane_slots, 0, batch->lane_slot_count * sizeof(*batch->lane_slots));
    kept.ops = batch->ops;
    kept.op_capacity = batch->op_capacity;
    kept.puts = batch->puts;
    kept.put_capacity = batch->put_capacity;
    kept.lanes = batch->lanes;
    kept.lane_capacity = batch->lane_capacity;
    kept.lane_slots = batch->lane_slots;
    kept.lane_slot_count = batch->lane_slot_count;
    *batch = kept;
}

void batch_release(struct batch *batch, void (*release)(void *owner))
{
    for (size_t i = 0; i < batch->put_count; i++) {
        struct batch_put *put = &batch->puts[i];
        if (put->released)
            continue;
        put->released = true;
        if (release)
            release(put->owner);
    }
}

/* -- lanes -- */

static size_t lane_hash(const struct batch *batch, uint32_t id)
{
    return (id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (batch->lane_slot_count - 1);
}

static void insert_lane_slot(struct batch *batch, uint32_t index)
{
    size_t slot = lane_hash(batch, batch->lanes[index].id);
    while (batch->lane_slots[slot] != 0)
        slot = (slot + 1) & (batch->lane_slot_count - 1);
    batch->lane_slots[slot] = index + 1;
}

/* At most half of the slots are taken. */
static void grow_lane_slots(struct batch *batch)
{
    if (batch->lane_count * 2 <= batch->lane_slot_count)
        return;
    batch->lane_slot_count = batch->lane_slot_count ? batch->lane_slot_count * 2 : 16;
    mem_free(batch->lane_slots);
    batch->lane_slots = mem_zalloc(batch->lane_slot_count * sizeof(*batch->lane_slots));
    for (size_t i = 0; i < batch->lane_count; i++)
        insert_lane_slot(batch, (uint32_t)i);
}

static uint32_t add_lane(struct batch *batch, uint32_t id)
{
    uint32_t index = (uint32_t)batch->lane_count;
    batch->lanes =
        grow(batch->lanes, &batch->lane_capacity, batch->lane_count, sizeof(*batch->lanes));
    batch->lanes[index] = (struct batch_lane){.id = id};
    batch->lane_count++;
    batch->bytes += sizeof(*batch->lanes);
    size_t slots = batch->lane_slot_count;
    grow_lane_slots(batch);
    if (slots == batch->lane_slot_count)
        insert_lane_slot(batch, index);
    return index;
}

/* The index of the lane among those the batch touches, from now on if not before. */
static uint32_t touch(struct batch *batch, uint32_t id)
{
    CHECK(id > 0 && id < STORE_LANES_MAX);
    if (batch->lane_slot_count > 0) {
        size_t slot = lane_hash(batch, id);
        for (; batch->lane_slots[slot] != 0; slot = (slot + 1) & (batch->lane_slot_count - 1)) {
            uint32_t index = batch->lane_slots[slot] - 1;
            if (batch->lanes[index].id == id)
                return index;
        }
    }
    return add_lane(batch, id);
}

/* -- operations -- */

static struct batch_op *add_op(struct batch *batch, enum batch_op_type type)
{
    batch->ops = grow(batch->ops, &batch->op_capacity, batch->op_count, sizeof(*batch->ops));
    struct batch_op *op = &batch->ops[batch->op_count++];
    *op = (struct batch_op){.type = type};
    batch->bytes += sizeof(*op);
    if (type == BATCH_NONE)
        batch->cancelled++;
    else
        batch->live++;
    return op;
}

static void drop_op(struct batch *batch, size_t slot)
{
    CHECK(batch->ops[slot].type != BATCH_NONE);
    CHECK(batch->live > 0);
    batch->ops[slot].type = BATCH_NONE;
    batch->live--;
    batch->cancelled++;
}

void batch_none(struct batch *batch)
{
    add_op(batch, BATCH_NONE);
}

static uint64_t message_bytes(const struct store_message *message)
{
    return sizeof(struct batch_put) + message->exchange.len + message->routing_key.len +
           message->properties.len + message->body.len;
}

void batch_put(struct batch *batch, const struct store_message *message, void *owner)
{
    CHECK(message->position <= STORE_POSITION_MAX);
    CHECK(message->expires_at_ms >= 0);
    uint32_t lane = touch(batch, message->lane);
    batch->puts = grow(batch->puts, &batch->put_capacity, batch->put_count, sizeof(*batch->puts));
    batch->puts[batch->put_count] = (struct batch_put){
        .message = *message,
        .owner = owner,
        .before = batch->lanes[lane].puts,
        .op = (uint32_t)batch->op_count,
    };
    struct batch_op *op = add_op(batch, BATCH_PUT);
    op->position = message->position;
    op->index = batch->put_count;
    op->lane = lane;
    batch->lanes[lane].puts = (uint32_t)++batch->put_count;
    batch->bytes += message_bytes(message);
}

struct batch_put *batch_find_put(struct batch *batch, uint64_t sequence, uint32_t lane,
                                 uint64_t position)
{
    if (sequence < batch->first || sequence == 0)
        return NULL;
    CHECK(sequence - batch->first < batch->op_count);
    const struct batch_op *op = &batch->ops[sequence - batch->first];
    if (op->type != BATCH_PUT)
        return NULL;
    CHECK(op->position == position);
    CHECK(batch->lanes[op->lane].id == lane);
    return &batch->puts[op->index];
}

void batch_cancel(struct batch *batch, struct batch_put *put)
{
    CHECK(!put->cancelled);
    put->cancelled = true;
    batch->bytes -= message_bytes(&put->message);
    drop_op(batch, put->op);
}

void batch_delete(struct batch *batch, uint32_t lane, uint64_t first, uint64_t last, uint64_t bytes)
{
    CHECK(first <= last);
    CHECK(last <= STORE_POSITION_MAX);
    struct batch_op *op = add_op(batch, BATCH_DELETE);
    op->position = first;
    op->last = last;
    op->bytes = bytes;
    op->lane = touch(batch, lane);
}

void batch_returned(struct batch *batch, uint32_t lane, uint64_t position, uint32_t count)
{
    CHECK(position <= STORE_POSITION_MAX);
    struct batch_op *op = add_op(batch, BATCH_RETURNED);
    op->position = position;
    op->count = count;
    op->lane = touch(batch, lane);
}

void batch_lane_new(struct batch *batch, uint32_t lane, struct slice queue, uint8_t priority)
{
    struct batch_lane_new *lane_new = take(batch, sizeof(*lane_new));
    *lane_new = (struct batch_lane_new){.queue = copy(batch, queue), .priority = priority};
    struct batch_op *op = add_op(batch, BATCH_LANE_NEW);
    op->lane_new = lane_new;
    op->lane = touch(batch, lane);
    batch->lanes[op->lane].created = (uint32_t)batch->op_count;
}

static void cancel_puts(struct batch *batch, const struct batch_lane *lane, uint64_t first,
                        uint64_t last)
{
    for (uint32_t next = lane->puts; next != 0; next = batch->puts[next - 1].before) {
        struct batch_put *put = &batch->puts[next - 1];
        uint64_t position = put->message.position;
        if (!put->cancelled && position >= first && position <= last)
            batch_cancel(batch, put);
    }
}

static void forget_delivered(struct batch *batch, struct batch_lane *lane)
{
    if (!lane->delivered)
        return;
    lane->delivered = false;
    batch->live--;
    batch->cancelled++;
}

void batch_lane_delete(struct batch *batch, uint32_t id)
{
    uint32_t index = touch(batch, id);
    struct batch_lane *lane = &batch->lanes[index];
    cancel_puts(batch, lane, 0, STORE_POSITION_MAX);
    forget_delivered(batch, lane);
    lane->puts = 0;
    CHECK(!lane->deleted);
    lane->deleted = true;
    if (lane->created != 0) {
        drop_op(batch, lane->created - 1);
        lane->created = 0;
        batch_none(batch);
        return;
    }
    struct batch_op *op = add_op(batch, BATCH_LANE_DELETE);
    op->lane = index;
    op->last = STORE_POSITION_MAX;
    op->bytes = STORE_BODY_UNKNOWN;
}

void batch_lane_purge(struct batch *batch, uint32_t id, uint64_t first, uint64_t last)
{
    uint32_t index = touch(batch, id);
    cancel_puts(batch, &batch->lanes[index], first, last);
    if (batch->lanes[index].created != 0)
        batch_none(batch);
    else
        batch_delete(batch, id, first, last, STORE_BODY_UNKNOWN);
}

void batch_lane_delivered(struct batch *batch, uint32_t id, uint64_t upto)
{
    CHECK(upto <= STORE_POSITION_MAX + 1);
    uint32_t index = touch(batch, id);
    struct batch_lane *lane = &batch->lanes[index];
    batch_none(batch);
    if (!lane->delivered) {
        batch->live++;
        batch->cancelled--;
    }
    lane->delivered = true;
    lane->delivered_upto = upto;
}

/* -- records -- */

void batch_record(struct batch *batch, enum batch_op_type type, const struct store_record *record)
{
    size_t columns = schema_column_count(schema_record(record->kind));
    struct store_record *copied = take(batch, sizeof(*copied));
    *copied = *record;
    for (size_t i = 0; i < columns; i++)
        copied->values[i].bytes = copy(batch, record->values[i].bytes);
    add_op(batch, type)->record = copied;
}
