/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel knows of a process: CPU time of all its threads, and memory. */
#ifndef TOOLS_PERF_PROC_H
#define TOOLS_PERF_PROC_H

#include <stdbool.h>
#include <stdint.h>

struct perf_proc {
    double cpu_seconds; /* user and system, to a hundredth */
    uint64_t rss_kib;
    uint64_t rss_peak_kib;
};

/* False when there is no such process. */
bool perf_proc_read(struct perf_proc *proc, uint64_t pid);

#endif
