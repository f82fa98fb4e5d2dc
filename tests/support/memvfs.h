/* SPDX-License-Identifier: Apache-2.0 */
/* A disk in memory that can lie, fill up, fail and lose power: an SQLite VFS whose files outlive
 * the connections to them. Any thread.
 *
 * (1) What was written is seen by every reader at once, and survives a power loss only if a sync of
 *     that file came after it.
 * (2) Names of files come and go durably at once.
 * (3) Nothing in it depends on the clock, on addresses or on real randomness, so a run replays.
 */
#ifndef TESTS_SUPPORT_MEMVFS_H
#define TESTS_SUPPORT_MEMVFS_H

#include "base/slice.h"

struct memvfs;

enum memvfs_operation {
    MEMVFS_WRITE = 1,
    MEMVFS_SYNC = 2,
    MEMVFS_TRUNCATE = 4,
    MEMVFS_READ = 8,
    MEMVFS_DELETE = 16,
    MEMVFS_CHANGE = MEMVFS_WRITE | MEMVFS_SYNC | MEMVFS_TRUNCATE | MEMVFS_DELETE,
};

struct memvfs_fault {
    unsigned operations; /* a set of enum memvfs_operation; 0: no fault */
    uint64_t after;      /* so many of them still work */
    bool lasting;        /* every later one fails as well */
    int result;          /* SQLITE_IOERR_WRITE, SQLITE_FULL, … */
};

/* Registers itself with SQLite under that name; memvfs_free() forgets all files. */
struct memvfs *memvfs_new(const char *name);
void memvfs_free(struct memvfs *disk);

/* Drops what was not synced. With a seed other than 0 unsynced sectors made it to the disk
 * nevertheless, whichever: half of them, nine in ten, or all. No file may be open. The power is back
 * then. */
void memvfs_power_loss(struct memvfs *disk, uint64_t seed);
/* The power goes in the middle of the changing operation that comes after so many: a write leaves its
 * first half, anything else nothing, and nothing changes until memvfs_power_loss(). */
void memvfs_cut_power(struct memvfs *disk, uint64_t after);
/* The power is gone. */
bool memvfs_dark(struct memvfs *disk);

/* Replaces the fault in force, and counts its operations from now on. */
void memvfs_fail(struct memvfs *disk, struct memvfs_fault fault);
/* Whether that fault has struck. */
bool memvfs_struck(struct memvfs *disk);
/* How many changing operations (MEMVFS_CHANGE) were asked for so far, and how many reads. */
uint64_t memvfs_changes(struct memvfs *disk);
uint64_t memvfs_reads(struct memvfs *disk);
/* While a test looks at the files itself, its reads neither fail nor count. */
void memvfs_let_look(struct memvfs *disk, bool look);

/* A file's content; empty when there is none. Valid until the file changes. */
struct slice memvfs_read(struct memvfs *disk, const char *path);
/* Creates or replaces a file, durably. */
void memvfs_write(struct memvfs *disk, const char *path, struct slice content);
/* Whether there is such a file. */
bool memvfs_exists(struct memvfs *disk, const char *path);

#endif
