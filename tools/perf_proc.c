/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/stat and /proc/PID/status [proc(5)]. */
#include "tools/perf_proc.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool read_cpu(struct perf_proc *proc, uint64_t pid)
{
    char path[64];
    char text[1024];
    snprintf(path, sizeof(path), "/proc/%llu/stat", (unsigned long long)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    const char *behind = strrchr(text, ')'); /* the name may hold anything */
    unsigned long long user;
    unsigned long long system;
    if (!behind || sscanf(behind + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
                          &user, &system) != 2)
        return false;
    proc->cpu_seconds = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
    return true;
}

static bool read_memory(struct perf_proc *proc, uint64_t pid)
{
    char path[64];
    char line[256];
    snprintf(path, sizeof(path), "/proc/%llu/status", (unsigned long long)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while (fgets(line, sizeof(line), file)) {
        unsigned long long kib;
        if (sscanf(line, "VmRSS: %llu", &kib) == 1)
            proc->rss_kib = kib;
        else if (sscanf(line, "VmHWM: %llu", &kib) == 1)
            proc->rss_peak_kib = kib;
    }
    fclose(file);
    return true;
}

bool perf_proc_read(struct perf_proc *proc, uint64_t pid)
{
    *proc = (struct perf_proc){0};
    return read_cpu(proc, pid) && read_memory(proc, pid);
}
