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

/* Which run: all that it needs to be the same again. */
struct sim_request {
    uint64_t seed;
    unsigned steps;
    bool crowd;  /* a thousand clients and more */
    bool live;   /* print as it goes */
    bool sweep;  /* a world for what follows: all is stored, no other fault of the disk */
    bool power;  /* it is the power that goes; else the disk that fails */
    uint64_t at; /* this changing operation of the disk; 0: none */
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
