/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of rows, each a time and its numbers, in one piece of memory. */
#include "base/history.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdbool.h>
#include <string.h>

struct history {
    uint32_t width;
    uint32_t length;
    uint32_t count;
    uint32_t still;
    uint32_t next;    /* the slot of the next row */
    uint64_t slots[]; /* length × (1 + width): the time first */
};

static size_t slot_words(const struct history *history)
{
    return 1 + (size_t)history->width;
}

static size_t memory(uint32_t width, uint32_t length)
{
    return sizeof(struct history) + sizeof(uint64_t) * length * (1 + (size_t)width);
}

struct history *history_new(uint32_t width, uint32_t length)
{
    CHECK(width > 0 && length > 0);
    struct history *history = mem_alloc(memory(width, length));
    *history = (struct history){.width = width, .length = length};
    return history;
}

void history_free(struct history *history)
{
    mem_free(history);
}

static const uint64_t *slot(const struct history *history, uint32_t back)
{
    CHECK(back < history->count);
    uint32_t at = (history->next + history->length - 1 - back) % history->length;
    return history->slots + at * slot_words(history);
}

void history_add(struct history *history, int64_t time_ms, const uint64_t *row)
{
    size_t bytes = history->width * sizeof(*row);
    CHECK(history->count == 0 || time_ms >= history_time(history, 0));
    bool same = history->count > 0 && memcmp(history_row(history, 0), row, bytes) == 0;
    uint64_t *to = history->slots + history->next * slot_words(history);
    to[0] = (uint64_t)time_ms;
    memcpy(to + 1, row, bytes);
    history->next = (history->next + 1) % history->length;
    if (history->count < history->length)
        history->count++;
    history->still = same ? history->still + 1 : 1;
    if (history->still > history->count)
        history->still = history->count;
}

uint32_t history_length(const struct history *history)
{
    return history->length;
}

uint32_t history_count(const struct history *history)
{
    return history->count;
}

uint32_t history_still(const struct history *history)
{
    return history->still;
}

const uint64_t *history_row(const struct history *history, uint32_t back)
{
    return slot(history, back) + 1;
}

int64_t history_time(const struct history *history, uint32_t back)
{
    return (int64_t)slot(history, back)[0];
}

uint32_t history_find(const struct history *history, int64_t time_ms)
{
    uint32_t back = 0;
    while (back < history->count && history_time(history, back) > time_ms)
        back++;
    return back;
}

double history_rate(const struct history *history, uint32_t column)
{
    CHECK(column < history->width);
    if (history->count < 2)
        return 0;
    int64_t passed_ms = history_time(history, 0) - history_time(history, 1);
    int64_t grown = (int64_t)(history_row(history, 0)[column] - history_row(history, 1)[column]);
    return passed_ms > 0 ? (double)grown * 1000 / (double)passed_ms : 0;
}
