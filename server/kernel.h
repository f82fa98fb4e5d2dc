/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says about memory, cores and file descriptors. */
#ifndef SERVER_KERNEL_H
#define SERVER_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes that the process may use: the machine's, or the limit of its control groups when that is
 * lower. 0 when the kernel does not say. */
uint64_t memory_total(void);
/* The lowest limit of memory of the control groups that the process is in, of version 1, 2 or both;
 * UINT64_MAX when there is none. `root` is "" or, in tests, a directory with proc/ and sys/ in it. */
uint64_t control_group_memory(const char *root);
/* The process's resident bytes; 0 when the kernel does not say. */
uint64_t memory_resident(void);
/* Cores that the process may run on, at least 1. */
unsigned cores_usable(void);
/* Threads of the process, and how many the kernel would let it have; 0 when it does not say. */
uint64_t threads_used(void);
uint64_t threads_most(void);
/* Of the resident bytes, those that belong to files (code, and mapped ones) and the others. */
struct memory_kinds {
    uint64_t mapped;
    uint64_t anonymous;
};
struct memory_kinds memory_kinds(void);
/* Open file descriptors of the process, if the kernel can tell at once (Linux 6.2); else false. */
bool descriptors_told(uint64_t *count);
/* An older one lists them, which takes half a microsecond for each: so they are counted in parts. */
struct descriptors {
    int directory; /* -1: between two counts */
    uint64_t so_far;
    uint64_t count; /* of the last count that was whole */
};
void descriptors_init(struct descriptors *descriptors);
void descriptors_fini(struct descriptors *descriptors);
/* A part of some hundred; true when it was the last one, and the count is new. */
bool descriptors_count(struct descriptors *descriptors);
/* Raises the limit of open file descriptors as far as allowed; returns the limit. */
uint64_t descriptors_raise(void);

#endif
