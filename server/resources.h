/* SPDX-License-Identifier: Apache-2.0 */
/* Memory and disk: looked at every second, compared with the configured limits, and told to the
 * broker as alarms, which hold publishers.
 */
#ifndef SERVER_RESOURCES_H
#define SERVER_RESOURCES_H

#include "server/kernel.h"
#include "server/loop.h"

struct broker;
struct configuration;
struct store;

struct resources {
    struct loop *loop;
    struct broker *broker;
    struct store *store;
    struct log *log;
    struct timer timer;
    uint64_t memory_used;  /* bytes, of the last look */
    uint64_t memory_limit; /* 0: none */
    uint64_t disk_free;
    uint64_t disk_free_limit; /* 0: none */
    uint64_t descriptors_max;
    struct descriptors descriptors; /* where the kernel does not tell */
    struct timer count_timer;       /* for the next part of them */
    uint64_t messages_peak; /* bytes of messages, the most since memory was last given back */
    bool memory_alarm;
    bool disk_alarm;
};

/* Works out the limits, looks a first time and sets the timer. */
void resources_init(struct resources *resources, struct loop *loop, struct broker *broker,
                    struct store *store, struct log *log,
                    const struct configuration *configuration);
void resources_fini(struct resources *resources);
/* Open file descriptors; with a kernel that lists them only, those of some seconds ago. */
uint64_t resources_descriptors(const struct resources *resources);

#endif
