/* SPDX-License-Identifier: Apache-2.0 */
/* What happened in a simulated world, as lines of text: hashed all, the last ones kept, and printed
 * when a promise is broken.
 *
 * (1) Lines hold nothing that differs between two runs of a seed: no address, no real time.
 */
#ifndef TESTS_SIM_TRACE_H
#define TESTS_SIM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_LINES 120
#define TRACE_WIDTH 240

/* What happens at one operation of the disk, in worlds made for it: all is stored, and there is no other
 * fault of the disk. */
enum sim_sweep {
    SWEEP_NONE,
    SWEEP_POWER, /* the power goes, at an operation that changes something */
    SWEEP_FAULT, /* or the operation fails */
    SWEEP_READ,  /* a read fails, where much is on the disk alone */
};

/* For the command line; static storage. */
const char *sim_sweep_name(enum sim_sweep sweep);

/* Which run: all that it needs to be the same again. */
struct sim_request {
    uint64_t seed;
    unsigned steps;
    bool crowd; /* a thousand clients and more */
    bool live;  /* print as it goes */
    enum sim_sweep sweep;
    uint64_t at; /* of the sweep's operations of the disk, this one; 0: none */
};

struct trace {
    struct sim_request request;
    uint64_t step;
    int64_t now_ms;
    uint64_t hash;
    uint64_t lines;
    char ring[TRACE_LINES][TRACE_WIDTH];
};

void trace_init(struct trace *trace, const struct sim_request *request);
void trace_fini(struct trace *trace);
void trace_line(struct trace *trace, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints the seed, what was violated and the last lines, and ends the process with status 1. */
_Noreturn void trace_violation(struct trace *trace, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
