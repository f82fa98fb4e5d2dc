/* SPDX-License-Identifier: Apache-2.0 */
/* A whole broker for fuzz targets. Opening its store takes longer than most inputs, so it serves many:
 * after each, all that the input made is deleted and nothing may be left over, no message, no timer, no
 * lane. What is only counted stays. After some hundreds or thousands it makes place for a new one.
 */
#ifndef TESTS_FUZZ_FUZZ_WORLD_H
#define TESTS_FUZZ_FUZZ_WORLD_H

#include "broker/broker.h"

struct fuzz_world {
    struct store *store; /* in memory, written by turns */
    struct broker *broker;
    int64_t now_ms;
    bool disk_stalls;
    uint64_t access_generation; /* of the access when an input begins: most change nothing there */
    unsigned inputs;            /* so far */
};

struct fuzz_world *fuzz_world_new(void);
/* Connections must be gone. */
void fuzz_world_free(struct fuzz_world *world);

/* Half a turn each: the store writes and time passes; queues are dealt and output may go. A session's
 * input comes between the two. */
void fuzz_world_begin_turn(struct fuzz_world *world);
void fuzz_world_end_turn(struct fuzz_world *world);
void fuzz_world_turn(struct fuzz_world *world);

/* Connections must be gone. Deletes and checks; the generator is as at first. Time goes on. */
void fuzz_world_reset(struct fuzz_world *world);

#endif
