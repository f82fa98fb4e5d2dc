/* SPDX-License-Identifier: Apache-2.0 */
/* Filling a snapshot, bringing it into order, and finding things in it. */
#include "storage/query_snapshot.h"

#include "base/mem.h"

#include <stdlib.h>

#define APPEND(array, capacity, count, value)                                                      \
    do {                                                                                           \
        (array) = mem_grow((array), &(capacity), (count), sizeof((array)[0]));                     \
        (array)[(count)++] = (value);                                                              \
    } while (0)

void snapshot_init(struct snapshot *snapshot, size_t table_count)
{
    *snapshot = (struct snapshot){.table_count = table_count};
    snapshot->rows = mem_zalloc((table_count + 1) * sizeof(snapshot->rows[0]));
}

void snapshot_fini(struct snapshot *snapshot)
{
    CHECK(snapshot->message_count == 0);
    for (size_t i = 0; i < snapshot->table_count; i++)
        mem_free(snapshot->rows[i].cells);
    mem_free(snapshot->rows);
    mem_free(snapshot->lanes);
    mem_free(snapshot->messages);
    mem_free(snapshot->returned);
    mem_free(snapshot->counts);
    mem_free(snapshot->gone);
    buf_fini(&snapshot->text);
}

void snapshot_release(struct snapshot *snapshot, void (*release)(void *owner))
{
    for (size_t i = 0; release && i < snapshot->message_count; i++)
        release(snapshot->messages[i].owner);
    snapshot->message_count = 0;
}

/* -- filling -- */

struct snapshot_text snapshot_add_text(struct snapshot *snapshot, struct slice text)
{
    struct snapshot_text place = {.at = snapshot->text.len, .len = text.len};

    buf_add_slice(&snapshot->text, text);
    return place;
}

uint32_t snapshot_add_lane(struct snapshot *snapshot, const struct store_query_lane *lane)
{
    struct snapshot_lane added = {
        .queue = snapshot_add_text(snapshot, lane->queue),
        .ids = {lane->lane, lane->lane_beside},
        .priority = lane->priority,
        .priority_max = lane->priority_max,
        .delivered_upto = lane->delivered_upto,
        .ready_from = lane->ready_from,
        .number = (uint32_t)snapshot->lane_count,
    };

    APPEND(snapshot->lanes, snapshot->lane_capacity, snapshot->lane_count, added);
    return added.number;
}

void snapshot_add_returned(struct snapshot *snapshot, uint32_t lane, uint64_t position)
{
    struct snapshot_place place = {.lane = lane, .position = position};

    CHECK(lane < snapshot->lane_count);
    APPEND(snapshot->returned, snapshot->returned_capacity, snapshot->returned_count, place);
}

void snapshot_add_message(struct snapshot *snapshot, const struct snapshot_message *message)
{
    APPEND(snapshot->messages, snapshot->message_capacity, snapshot->message_count, *message);
}

void snapshot_add_cell(struct snapshot *snapshot, struct snapshot_rows *rows,
                       const struct snapshot_cell *cell)
{
    (void)snapshot;
    APPEND(rows->cells, rows->capacity, rows->count, *cell);
}

void snapshot_add_note(struct snapshot *snapshot, const char *note)
{
    for (size_t i = 0; i < snapshot->note_count; i++)
        if (strcmp(snapshot->notes[i], note) == 0)
            return;
    CHECK(snapshot->note_count < SNAPSHOT_NOTES_MAX);
    snapshot->notes[snapshot->note_count++] = note;
}

static void add_op(struct snapshot *snapshot, const struct batch *batch, const struct batch_op *op)
{
    uint32_t lane =
        op->type == BATCH_DELETE || op->type == BATCH_RETURNED ? batch->lanes[op->lane].id : 0;

    if (op->type == BATCH_DELETE) {
        struct snapshot_gone gone = {.lane = lane, .first = op->position, .last = op->last};
        APPEND(snapshot->gone, snapshot->gone_capacity, snapshot->gone_count, gone);
    } else if (op->type == BATCH_RETURNED) {
        struct snapshot_place place = {
            .lane = lane, .position = op->position, .count = (uint32_t)op->count};
        APPEND(snapshot->counts, snapshot->count_capacity, snapshot->count_count, place);
    }
}

void snapshot_add_batch(struct snapshot *snapshot, const struct batch *batch,
                        void (*retain)(void *owner))
{
    for (size_t i = 0; i < batch->op_count; i++)
        add_op(snapshot, batch, &batch->ops[i]);
    for (size_t i = 0; i < batch->put_count; i++) {
        const struct batch_put *put = &batch->puts[i];
        if (put->cancelled)
            continue;
        struct snapshot_message message = {
            .message = put->message, .owner = put->owner, .stored = put->message.lane};
        retain(put->owner);
        snapshot_add_message(snapshot, &message);
    }
}

/* -- order -- */

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_queue(const void *left, const void *right, void *context)
{
    const struct snapshot_lane *a = left, *b = right;
    const struct snapshot *snapshot = context;
    int order =
        slice_compare(snapshot_slice(snapshot, a->queue), snapshot_slice(snapshot, b->queue));

    return order ? order : compare_numbers(b->priority, a->priority);
}

static int by_place(const void *left, const void *right)
{
    const struct snapshot_place *a = left, *b = right;
    int order = compare_numbers(a->lane, b->lane);

    return order ? order : compare_numbers(a->position, b->position);
}

static int by_message(const void *left, const void *right)
{
    const struct snapshot_message *a = left, *b = right;
    int order = compare_numbers(a->message.lane, b->message.lane);

    return order ? order : compare_numbers(a->message.position, b->message.position);
}

static int by_gone(const void *left, const void *right)
{
    const struct snapshot_gone *a = left, *b = right;
    int order = compare_numbers(a->lane, b->lane);

    return order ? order : compare_numbers(a->first, b->first);
}

static void merge_gone(struct snapshot *snapshot)
{
    size_t kept = 0;

    for (size_t i = 0; i < snapshot->gone_count; i++) {
        struct snapshot_gone *last = kept ? &snapshot->gone[kept - 1] : NULL;
        const struct snapshot_gone *next = &snapshot->gone[i];
        if (last && last->lane == next->lane && next->first <= last->last)
            last->last = last->last > next->last ? last->last : next->last;
        else
            snapshot->gone[kept++] = *next;
    }
    snapshot->gone_count = kept;
}

/* Where a lane of the store belongs. */
struct stored_lane {
    uint32_t id;
    uint32_t number;
};

static int by_id(const void *left, const void *right)
{
    const struct stored_lane *a = left, *b = right;

    return compare_numbers(a->id, b->id);
}

/* Puts of lanes that are not in the snapshot go to nobody: a number that no lane has. */
static void assign_puts(struct snapshot *snapshot)
{
    struct stored_lane *known = mem_alloc((2 * snapshot->lane_count + 1) * sizeof(known[0]));
    size_t count = 0;

    for (size_t i = 0; i < snapshot->lane_count; i++)
        for (size_t k = 0; k < 2; k++)
            if (snapshot->lanes[i].ids[k])
                known[count++] =
                    (struct stored_lane){snapshot->lanes[i].ids[k], snapshot->lanes[i].number};
    qsort(known, count, sizeof(known[0]), by_id);
    for (size_t i = 0; i < snapshot->message_count; i++) {
        struct snapshot_message *message = &snapshot->messages[i];
        struct stored_lane key = {.id = message->stored};
        if (message->rowless)
            continue;
        const struct stored_lane *found = bsearch(&key, known, count, sizeof(known[0]), by_id);
        message->message.lane = found ? found->number : UINT32_MAX;
    }
    mem_free(known);
}

/* The first index from which on `lane` is at least this one. */
#define LOWER_BOUND(array, count, member, value, out)                                              \
    do {                                                                                           \
        size_t low_ = 0, high_ = (count);                                                          \
        while (low_ < high_) {                                                                     \
            size_t middle_ = low_ + (high_ - low_) / 2;                                            \
            if ((array)[middle_].member < (value))                                                 \
                low_ = middle_ + 1;                                                                \
            else                                                                                   \
                high_ = middle_;                                                                   \
        }                                                                                          \
        (out) = low_;                                                                              \
    } while (0)

static void assign_shares(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->lane_count; i++) {
        struct snapshot_lane *lane = &snapshot->lanes[i];
        size_t end;
        LOWER_BOUND(snapshot->messages, snapshot->message_count, message.lane, lane->number,
                    lane->messages);
        LOWER_BOUND(snapshot->messages, snapshot->message_count, message.lane, lane->number + 1,
                    end);
        lane->message_count = end - lane->messages;
        LOWER_BOUND(snapshot->returned, snapshot->returned_count, lane, lane->number,
                    lane->returned);
        LOWER_BOUND(snapshot->returned, snapshot->returned_count, lane, lane->number + 1, end);
        lane->returned_count = end - lane->returned;
    }
}

void snapshot_settle(struct snapshot *snapshot)
{
    assign_puts(snapshot);
    if (snapshot->message_count)
        qsort(snapshot->messages, snapshot->message_count, sizeof(snapshot->messages[0]),
              by_message);
    if (snapshot->returned_count)
        qsort(snapshot->returned, snapshot->returned_count, sizeof(snapshot->returned[0]),
              by_place);
    if (snapshot->count_count)
        qsort(snapshot->counts, snapshot->count_count, sizeof(snapshot->counts[0]), by_place);
    if (snapshot->gone_count)
        qsort(snapshot->gone, snapshot->gone_count, sizeof(snapshot->gone[0]), by_gone);
    merge_gone(snapshot);
    if (snapshot->lane_count)
        qsort_r(snapshot->lanes, snapshot->lane_count, sizeof(snapshot->lanes[0]), by_queue,
                snapshot);
    assign_shares(snapshot);
}

/* -- finding -- */

struct slice snapshot_slice(const struct snapshot *snapshot, struct snapshot_text text)
{
    return slice_of(snapshot->text.data + text.at, text.len);
}

size_t snapshot_find_queue(const struct snapshot *snapshot, struct slice queue, size_t *count)
{
    size_t low = 0, high = snapshot->lane_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slice_compare(snapshot_slice(snapshot, snapshot->lanes[middle].queue), queue) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *count = 0;
    while (low + *count < snapshot->lane_count &&
           slice_equal(snapshot_slice(snapshot, snapshot->lanes[low + *count].queue), queue))
        ++*count;
    return low;
}

bool snapshot_is_gone(const struct snapshot *snapshot, uint32_t store_lane, uint64_t position)
{
    size_t low = 0, high = snapshot->gone_count; /* the last range that begins at or before it */

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct snapshot_gone *gone = &snapshot->gone[middle];
        if (gone->lane < store_lane || (gone->lane == store_lane && gone->first <= position))
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && snapshot->gone[low - 1].lane == store_lane &&
           snapshot->gone[low - 1].last >= position;
}

bool snapshot_is_ready(const struct snapshot *snapshot, const struct snapshot_lane *lane,
                       uint64_t position)
{
    if (position >= lane->ready_from)
        return true;
    struct snapshot_place key = {.lane = lane->number, .position = position};
    return lane->returned_count > 0 && bsearch(&key, snapshot->returned + lane->returned,
                                               lane->returned_count, sizeof(key), by_place) != NULL;
}

uint32_t snapshot_count(const struct snapshot *snapshot, uint32_t store_lane, uint64_t position,
                        uint32_t stored)
{
    struct snapshot_place key = {.lane = store_lane, .position = position};
    const struct snapshot_place *found =
        snapshot->count_count > 0
            ? bsearch(&key, snapshot->counts, snapshot->count_count, sizeof(key), by_place)
            : NULL;

    return found && found->count > stored ? found->count : stored;
}
