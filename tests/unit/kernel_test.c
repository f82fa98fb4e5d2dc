/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of control groups, read from little trees of files: version 1, version 2, both, none. */
#include "server/kernel.h"

#include "base/check.h"
#include "tests/support/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static void make_root(void)
{
    strcpy(root, "/tmp/bilby-kernel-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void remove_root(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    ck_assert_int_eq(system(command), 0);
}

/* A file below the root, with the directories on the way. */
static void put(const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof(full), "%s%s", root, path);
    for (char *slash = strchr(full + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

START_TEST(nothing_is_no_limit)
{
    ck_assert_uint_eq(control_group_memory(root), UINT64_MAX);
    put("/proc/self/cgroup", "0::/user.slice/x\n");
    ck_assert_uint_eq(control_group_memory(root), UINT64_MAX);
    put("/sys/fs/cgroup/user.slice/x/memory.max", "max\n");
    ck_assert_uint_eq(control_group_memory(root), UINT64_MAX);
}
END_TEST

START_TEST(version_2_takes_the_lowest_up_to_the_root)
{
    put("/proc/self/cgroup", "0::/a.slice/b.service\n");
    put("/sys/fs/cgroup/a.slice/b.service/memory.max", "3000000\n");
    ck_assert_uint_eq(control_group_memory(root), 3000000);
    put("/sys/fs/cgroup/a.slice/memory.max", "2000000\n");
    ck_assert_uint_eq(control_group_memory(root), 2000000);
    put("/sys/fs/cgroup/a.slice/memory.max", "max\n");
    ck_assert_uint_eq(control_group_memory(root), 3000000);
}
END_TEST

/* In a container with a name space of its own the group is the root, and its limit stands there. */
START_TEST(version_2_in_a_container)
{
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/memory.max", "536870912\n");
    ck_assert_uint_eq(control_group_memory(root), 536870912);
}
END_TEST

START_TEST(version_1)
{
    put("/proc/self/cgroup", "12:cpu,cpuacct:/docker/1\n7:memory:/docker/1\n1:name=systemd:/x\n");
    put("/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "1048576\n");
    put("/sys/fs/cgroup/cpu/docker/1/memory.limit_in_bytes", "1\n");
    ck_assert_uint_eq(control_group_memory(root), 1048576);
}
END_TEST

/* The path is the host's, which a container doesn't see: its own root has the limit. */
START_TEST(version_1_in_a_container)
{
    put("/proc/self/cgroup", "7:memory:/docker/1\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "2097152\n");
    ck_assert_uint_eq(control_group_memory(root), 2097152);
}
END_TEST

START_TEST(of_both_the_lower)
{
    put("/proc/self/cgroup", "7:memory:/one\n0::/two\n");
    put("/sys/fs/cgroup/memory/one/memory.limit_in_bytes", "500\n");
    put("/sys/fs/cgroup/two/memory.max", "400\n");
    ck_assert_uint_eq(control_group_memory(root), 400);
    put("/sys/fs/cgroup/two/memory.max", "600\n");
    ck_assert_uint_eq(control_group_memory(root), 500);
}
END_TEST

START_TEST(nonsense_is_no_limit)
{
    put("/proc/self/cgroup", "garbage\n0::/a\n");
    put("/sys/fs/cgroup/a/memory.max", "99999999999999999999999\n");
    ck_assert_uint_eq(control_group_memory(root), UINT64_MAX);
    put("/sys/fs/cgroup/a/memory.max", "soon\n");
    ck_assert_uint_eq(control_group_memory(root), UINT64_MAX);
}
END_TEST

/* The machine's own answers. */
START_TEST(this_machine_says_something)
{
    ck_assert_uint_gt(memory_total(), 1 << 20);
    ck_assert_uint_gt(memory_resident(), 100000);
    ck_assert_uint_lt(memory_resident(), memory_total());
}
END_TEST

/* How many parts it took. */
static unsigned count_descriptors(struct descriptors *descriptors)
{
    unsigned parts = 1;
    while (!descriptors_count(descriptors))
        parts++;
    return parts;
}

START_TEST(descriptors_are_counted_in_parts)
{
    struct descriptors descriptors;
    int more[800];
    uint64_t told;
    descriptors_init(&descriptors);
    (void)count_descriptors(&descriptors);
    uint64_t before = descriptors.count;
    ck_assert_uint_ge(before, 3);
    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        more[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(more[i], 0);
    }
    ck_assert(!descriptors_count(&descriptors));
    ck_assert_uint_eq(descriptors.count, before); /* until the next one is whole */
    ck_assert_uint_ge(count_descriptors(&descriptors), 3);
    ck_assert_uint_eq(descriptors.count, before + ARRAY_LEN(more));
    if (descriptors_told(&told))
        ck_assert_uint_eq(told, descriptors.count);
    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        ck_assert_int_eq(close(more[i]), 0);
    ck_assert(!descriptors_count(&descriptors));
    descriptors_fini(&descriptors); /* in the middle */
    (void)count_descriptors(&descriptors);
    ck_assert_uint_eq(descriptors.count, before);
    descriptors_fini(&descriptors);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        nothing_is_no_limit,
        version_2_takes_the_lowest_up_to_the_root,
        version_2_in_a_container,
        version_1,
        version_1_in_a_container,
        of_both_the_lower,
        nonsense_is_no_limit,
        this_machine_says_something,
        descriptors_are_counted_in_parts,
    };
    return suite_run("kernel", make_root, remove_root, tests, sizeof(tests) / sizeof(tests[0]));
}
