/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers over time: a row of numbers taken every now and then, the last few rows kept in a ring.
 *
 * (1) Rows are in order of time, and all as wide.
 * (2) Who adds rows chooses the times; nothing here asks for one.
 */
#ifndef BASE_HISTORY_H
#define BASE_HISTORY_H

#include <stdint.h>

struct history;

/* `width` numbers a row; the last `length` rows are kept. Both at least 1. */
struct history *history_new(uint32_t width, uint32_t length);
/* NULL is fine. */
void history_free(struct history *history);

/* The oldest row goes when the ring is full. Times must not fall. */
void history_add(struct history *history, int64_t time_ms, const uint64_t *row);

uint32_t history_length(const struct history *history); /* rows it can keep */
uint32_t history_count(const struct history *history);  /* rows it has */
/* How many of the last rows, the newest included, are equal to it. */
uint32_t history_still(const struct history *history);
/* The row that is `back` rows older than the newest; back < history_count(). */
const uint64_t *history_row(const struct history *history, uint32_t back);
int64_t history_time(const struct history *history, uint32_t back);
/* The newest row that is not younger than `time_ms`, as its `back`; history_count() when the time is
 * before all rows. */
uint32_t history_find(const struct history *history, int64_t time_ms);
/* Growth a second between the last two rows; 0 with fewer. */
double history_rate(const struct history *history, uint32_t column);

#endif
