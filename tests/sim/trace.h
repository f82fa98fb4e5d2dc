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

struct trace {
    uint64_t seed;
    uint64_t step;
    int64_t now_ms;
    uint64_t hash;
    uint64_t lines;
    bool live; /* print as it goes */
    char ring[TRACE_LINES][TRACE_WIDTH];
};

void trace_init(struct trace *trace, uint64_t seed, bool live);
void trace_fini(struct trace *trace);
void trace_line(struct trace *trace, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints the seed, what was violated and the last lines, and ends the process with status 1. */
_Noreturn void trace_violation(struct trace *trace, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
