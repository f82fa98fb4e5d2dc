/* SPDX-License-Identifier: Apache-2.0 */
/* Reading /proc and /sys. */
#include "server/kernel.h"

#include "base/slice.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DESCRIPTORS_ENOUGH (1u << 20) /* more helps nobody, and some systems say "infinity" */

/* The file's first line without its end; false when there is none. */
static bool read_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool ok = fgets(line, (int)size, file) != NULL;
    fclose(file);
    if (ok)
        line[strcspn(line, "\n")] = '\0';
    return ok;
}

static uint64_t machine_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
}

/* A limit file's number; UINT64_MAX when it says "max" or is not there. */
static uint64_t read_limit(const char *path)
{
    char line[64];
    char *end;
    if (!read_line(path, line, sizeof(line)))
        return UINT64_MAX;
    errno = 0;
    uint64_t limit = strtoull(line, &end, 10);
    return end == line || errno ? UINT64_MAX : limit;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The lowest limit from the process's group up to the root of the hierarchy `mount`. */
static uint64_t group_limit(const char *root, const char *mount, const char *group,
                            const char *file)
{
    char path[2048];
    char file_path[2200];
    uint64_t limit = UINT64_MAX;
    size_t top = strlen(root) + strlen(mount);
    snprintf(path, sizeof(path), "%s%s%s", root, mount, group);
    while (strlen(path) >= top) {
        snprintf(file_path, sizeof(file_path), "%s/%s", path, file);
        limit = lower(limit, read_limit(file_path));
        char *slash = strrchr(path, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
    return limit;
}

/* Both versions of control groups: lines "0::/path" and "N:memory:/path" [cgroups(7)]. */
uint64_t control_group_memory(const char *root)
{
    char line[1024];
    char list[1024];
    uint64_t limit = UINT64_MAX;
    snprintf(list, sizeof(list), "%s/proc/self/cgroup", root);
    FILE *file = fopen(list, "re");
    if (!file)
        return limit;
    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        const char *memory = strstr(line, ":memory:");
        if (strncmp(line, "0::", 3) == 0)
            limit = lower(limit, group_limit(root, "/sys/fs/cgroup", line + 3, "memory.max"));
        else if (memory)
            limit = lower(limit, group_limit(root, "/sys/fs/cgroup/memory",
                                             memory + strlen(":memory:"), "memory.limit_in_bytes"));
    }
    fclose(file);
    return limit;
}

uint64_t memory_total(void)
{
    return lower(machine_memory(), control_group_memory(""));
}

uint64_t memory_resident(void)
{
    char line[128];
    uint64_t size, resident;
    if (!read_line("/proc/self/statm", line, sizeof(line)) ||
        sscanf(line, "%" SCNu64 " %" SCNu64, &size, &resident) != 2)
        return 0;
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

unsigned cores_usable(void)
{
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof(cores), &cores) != 0)
        return 1;
    int count = CPU_COUNT(&cores);
    return count > 0 ? (unsigned)count : 1;
}

uint64_t threads_used(void)
{
    struct stat tasks;

    /* a directory for each, beside "." and ".." */
    return stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 2 ? tasks.st_nlink - 2 : 0;
}

uint64_t threads_most(void)
{
    struct rlimit limit;
    uint64_t most = read_limit("/proc/sys/kernel/threads-max");

    if (getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        most = lower(most, limit.rlim_cur);
    return most == UINT64_MAX ? 0 : most;
}

struct memory_kinds memory_kinds(void)
{
    struct memory_kinds kinds = {0};
    char line[256];
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof(line), file)) {
        uint64_t kib = 0;
        if (sscanf(line, "RssAnon: %" SCNu64, &kib) == 1)
            kinds.anonymous += kib * 1024;
        else if (sscanf(line, "RssFile: %" SCNu64, &kib) == 1 ||
                 sscanf(line, "RssShmem: %" SCNu64, &kib) == 1)
            kinds.mapped += kib * 1024;
    }
    if (file)
        fclose(file);
    return kinds;
}

bool descriptors_told(uint64_t *count)
{
    struct stat list;
    if (stat("/proc/self/fd", &list) != 0 || list.st_size <= 0)
        return false;
    *count = (uint64_t)list.st_size;
    return true;
}

void descriptors_init(struct descriptors *descriptors)
{
    *descriptors = (struct descriptors){.directory = -1};
}

void descriptors_fini(struct descriptors *descriptors)
{
    if (descriptors->directory >= 0)
        close(descriptors->directory);
    descriptors->directory = -1;
}

/* Entries that are numbers. */
static uint64_t count_entries(const char *entries, size_t bytes)
{
    uint64_t count = 0;
    for (size_t at = 0; at < bytes;) {
        const struct dirent64 *entry = (const void *)(entries + at);
        count += entry->d_name[0] != '.';
        at += entry->d_reclen;
    }
    return count;
}

bool descriptors_count(struct descriptors *descriptors)
{
    _Alignas(struct dirent64) char entries[8192];
    if (descriptors->directory < 0) {
        descriptors->directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        descriptors->so_far = 0;
    }
    if (descriptors->directory < 0)
        return true; /* none is to be had: the last count stays */
    ssize_t bytes = getdents64(descriptors->directory, entries, sizeof(entries));
    if (bytes > 0) {
        descriptors->so_far += count_entries(entries, (size_t)bytes);
        return false;
    }
    descriptors_fini(descriptors);
    if (descriptors->so_far > 0)
        descriptors->count = descriptors->so_far - 1; /* without the one that reads the list */
    return true;
}

uint64_t descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    rlim_t most = limit.rlim_max < DESCRIPTORS_ENOUGH ? limit.rlim_max : DESCRIPTORS_ENOUGH;
    if (limit.rlim_cur < most) {
        limit.rlim_cur = most;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0 && getrlimit(RLIMIT_NOFILE, &limit) < 0)
            return 0;
    }
    return limit.rlim_cur;
}
