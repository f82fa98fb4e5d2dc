/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a lane share with each other and nobody else. */
#ifndef BROKER_LANE_PARTS_H
#define BROKER_LANE_PARTS_H

#include "broker/lane.h"

/* -- lane_ghost.c -- */

/* The row of that position may be seen by a read, but its message is gone. */
bool lane_is_ghost(struct lane *lane, uint64_t position);
/* Lays the ghosts of rows that no read under way, nor any later one, can see. */
void lane_lay_ghosts(struct lane *lane);
/* The same for all: the range is closed. */
void lane_lay_all_ghosts(struct lane *lane);
/* The lowest position that a range may start at: what was delivered stands below, and so do rows
 * that are about to go. */
uint64_t lane_range_min(const struct lane *lane, uint64_t durable);

/* -- lane_paging.c -- */

/* The message of a row as an unlinked entry, not counted yet; NULL when the row makes no sense. */
struct entry *lane_entry_of(struct lane *lane, const struct store_message *stored);
/* Frees such an entry; its row stays. */
void lane_drop(struct lane *lane, struct entry *entry);
/* One paged message with a body of that many bytes is no longer: it was counted twice, or makes no sense. */
void lane_uncount(struct lane *lane, uint64_t body_len);
/* Nothing is paged any more: what is in memory is in one list again. */
void lane_close_range(struct lane *lane);
/* The last of what was paged has come back, though not by a read of the head: as lane_close_range(), and
 * such a read is not wanted any more. */
void lane_end_range(struct lane *lane);
/* A read was asked for; before it the store had come as far as it says now. */
void lane_read_begin(struct lane_read *read);

#endif
