/* SPDX-License-Identifier: Apache-2.0 */
/* Memory and disk alarms. */
#include "server/resources.h"

#include "broker/broker.h"
#include "server/configuration.h"
#include "storage/store.h"

#include <inttypes.h>
#include <malloc.h>

#define INTERVAL_MS 1000
#define COUNT_INTERVAL_MS 5000 /* between two counts of descriptors */
#define COUNT_PART_MS 10       /* between two parts of one */
#define MILLION 1000000u
#define GIVE_BACK_MIN (32u << 20) /* a smaller backlog that has gone is not worth the walk */

/* ratio in millionths of total, without overflow. */
static uint64_t share(uint64_t total, int64_t ratio)
{
    return (uint64_t)((__uint128_t)total * (uint64_t)ratio / MILLION);
}

static uint64_t memory_of(const struct configuration *configuration)
{
    int64_t override = configuration_number(configuration, CONFIG_MEMORY_TOTAL);
    return override > 0 ? (uint64_t) override : memory_total();
}

static uint64_t memory_limit(const struct configuration *configuration)
{
    int64_t absolute = configuration_number(configuration, CONFIG_MEMORY_ABSOLUTE);
    int64_t ratio = configuration_number(configuration, CONFIG_MEMORY_RELATIVE);
    return absolute > 0 ? (uint64_t)absolute : share(memory_of(configuration), ratio);
}

static uint64_t disk_limit(const struct configuration *configuration)
{
    int64_t absolute = configuration_number(configuration, CONFIG_DISK_FREE_ABSOLUTE);
    int64_t ratio = configuration_number(configuration, CONFIG_DISK_FREE_RELATIVE);
    return ratio > 0 ? share(memory_of(configuration), ratio) : (uint64_t)absolute;
}

static void tell(struct resources *resources, enum alarm alarm, bool *was, bool on,
                 const char *what, uint64_t value, uint64_t limit)
{
    if (on != *was)
        log_info(resources->log, on ? "a limit is crossed" : "a limit is kept again",
                 "resource=%s bytes=%" PRIu64 " limit=%" PRIu64, what, value, limit);
    *was = on;
    broker_set_alarm(resources->broker, alarm, on);
}

/* When most of a backlog has gone, its memory goes back to the system: the allocator would keep it.
 * Once for each time that the backlog shrinks to a quarter, since the walk costs time. */
static void give_back_memory(struct resources *resources)
{
    uint64_t messages = resources->broker->message_bytes;
    if (messages > resources->messages_peak)
        resources->messages_peak = messages;
    if (resources->messages_peak < GIVE_BACK_MIN || messages > resources->messages_peak / 4)
        return;
    resources->messages_peak = messages;
    malloc_trim(0);
}

static void look_at_memory(struct resources *resources)
{
    resources->memory_used = memory_resident();
    bool over = resources->memory_limit > 0 && resources->memory_used > resources->memory_limit;
    if (over) {
        /* The allocator may hold on to what the broker has freed. */
        malloc_trim(0);
        resources->memory_used = memory_resident();
        over = resources->memory_used > resources->memory_limit;
    }
    if (over != resources->memory_alarm)
        tell(resources, ALARM_MEMORY, &resources->memory_alarm, over, "memory",
             resources->memory_used, resources->memory_limit);
}

static void look_at_disk(struct resources *resources)
{
    resources->disk_free = store_disk_free(resources->store);
    bool low = resources->disk_free < resources->disk_free_limit;
    if (low != resources->disk_alarm)
        tell(resources, ALARM_DISK, &resources->disk_alarm, low, "disk", resources->disk_free,
             resources->disk_free_limit);
}

static void look(struct timer *timer, int64_t now_ms)
{
    struct resources *resources = CONTAINER_OF(timer, struct resources, timer);
    give_back_memory(resources);
    look_at_memory(resources);
    look_at_disk(resources);
    timer_set(&resources->loop->timers, &resources->timer, now_ms + INTERVAL_MS);
}

static void count(struct timer *timer, int64_t now_ms)
{
    struct resources *resources = CONTAINER_OF(timer, struct resources, count_timer);
    bool whole = descriptors_count(&resources->descriptors);
    timer_set(&resources->loop->timers, timer,
              now_ms + (whole ? COUNT_INTERVAL_MS : COUNT_PART_MS));
}

uint64_t resources_descriptors(const struct resources *resources)
{
    uint64_t told;
    return descriptors_told(&told) ? told : resources->descriptors.count;
}

void resources_init(struct resources *resources, struct loop *loop, struct broker *broker,
                    struct store *store, struct log *log, const struct configuration *configuration)
{
    *resources = (struct resources){
        .loop = loop,
        .broker = broker,
        .store = store,
        .log = log,
        .memory_limit = memory_limit(configuration),
        .disk_free_limit = disk_limit(configuration),
    };
    uint64_t told;
    descriptors_init(&resources->descriptors);
    timer_init(&resources->timer, look);
    timer_init(&resources->count_timer, count);
    look(&resources->timer, loop->now_ms);
    if (!descriptors_told(&told))
        count(&resources->count_timer, loop->now_ms);
}

void resources_fini(struct resources *resources)
{
    if (!resources->loop)
        return;
    timer_clear(&resources->loop->timers, &resources->timer);
    timer_clear(&resources->loop->timers, &resources->count_timer);
    descriptors_fini(&resources->descriptors);
}
