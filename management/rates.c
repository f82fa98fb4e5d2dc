/* SPDX-License-Identifier: Apache-2.0 */
/* Rates and samples. What the query asks for is cut into slots from the last round of the sampler back;
 * a slot shows the row of its time, so that all objects' samples stand at the same times.
 */
#include "management/rates.h"

#include "base/history.h"
#include "base/mem.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/exchange.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/sampler.h"

#include <stdio.h>
#include <stdlib.h>

#define SAMPLES_MAX 500 /* of one number in one answer; RabbitMQ's page asks for 60 */

/* ---- the rows ---- */

static uint64_t all_deliveries(const struct message_stats *stats)
{
    return stats->deliver + stats->deliver_no_ack + stats->get + stats->get_no_ack;
}

#define IT_NODE struct rates_totals
#define IT_VHOST struct rates_totals
#define IT_QUEUE struct queue
#define IT_EXCHANGE struct exchange
#define IT_CHANNEL struct channel
#define IT_CONNECTION struct connection_facts

#define RATE(kind, group, name, value)                                                             \
    static uint64_t kind##_##name(const void *object)                                              \
    {                                                                                              \
        const IT_##kind *it = object;                                                              \
        return (value);                                                                            \
    }
#include "management/rates.def"
#undef RATE

static const struct rate {
    enum rates_kind kind;
    enum rates_group group;
    const char *name;
    const char *details;
    uint64_t (*value)(const void *it);
} rates[] = {
#define RATE(kind_, group_, name_, value_)                                                         \
    {                                                                                              \
        .kind = RATES_##kind_,                                                                     \
        .group = RATES_##group_,                                                                   \
        .name = #name_,                                                                            \
        .details = #name_ "_details",                                                              \
        .value = kind_##_##name_,                                                                  \
    },
#include "management/rates.def"
#undef RATE
};

/* A kind's rows, which stand together. */
static const struct rate *rates_of(enum rates_kind kind, uint32_t *count)
{
    size_t first = 0, end;

    while (rates[first].kind != kind)
        first++;
    for (end = first; end < ARRAY_LEN(rates) && rates[end].kind == kind; end++)
        continue;
    *count = (uint32_t)(end - first);
    CHECK(*count <= RATES_WIDTH_MAX);
    return &rates[first];
}

uint32_t rates_width(enum rates_kind kind)
{
    uint32_t count;

    rates_of(kind, &count);
    return count;
}

void rates_read(enum rates_kind kind, const void *it, uint64_t *row)
{
    uint32_t count;
    const struct rate *rate = rates_of(kind, &count);

    for (uint32_t i = 0; i < count; i++)
        row[i] = rate[i].value(it);
}

/* ---- sums ---- */

void rates_add_vhost(struct rates_totals *totals, const struct vhost *vhost)
{
    message_stats_add(&totals->stats, &vhost->stats);
    totals->queues += vhost->queues.count;
    totals->exchanges += vhost->exchanges.count;
    totals->ready += vhost->ready_count;
    totals->unacked += vhost->unacked_count;
    totals->consumers += vhost->consumer_count;
    totals->connections += vhost->connection_count;
    totals->channels += vhost->channel_count;
}

void rates_begin_node(struct rates_totals *totals, const struct management *management)
{
    const struct broker *broker = management->broker;
    struct load_facts facts = {
        .memory_used = FACT_UNKNOWN, .disk_free = FACT_UNKNOWN, .turn_longest_ns = FACT_UNKNOWN};

    if (management->host.load)
        management->host.load(management->host.context, &facts);
    *totals = (struct rates_totals){
        .stats = broker->stats,
        .connections_opened = broker->churn.connections_opened,
        .connections_closed = broker->churn.connections_closed,
        .channels_opened = broker->churn.channels_opened,
        .channels_closed = broker->churn.channels_closed,
        .queues_declared = broker->churn.queues_declared,
        .queues_created = broker->churn.queues_created,
        .queues_deleted = broker->churn.queues_deleted,
        .memory_used = facts.memory_used,
        .disk_free = facts.disk_free,
        .loop_lag_us =
            facts.turn_longest_ns == FACT_UNKNOWN ? FACT_UNKNOWN : facts.turn_longest_ns / 1000,
    };
}

/* ---- what the query asks for ---- */

static int64_t query_seconds(const struct call *call, const char *prefix, const char *what)
{
    char name[32];

    snprintf(name, sizeof(name), "%s_%s", prefix, what);
    char *text = call_query(call, name);
    long long seconds = text ? strtoll(text, NULL, 10) : 0;
    mem_free(text);
    return seconds > 0 && seconds <= SAMPLER_AGE_MAX_S ? (int64_t)seconds * 1000 : 0;
}

static struct rates_range read_range(const struct call *call, const char *prefix)
{
    int64_t shortest = sampler_interval_ms(call->management->sampler);
    struct rates_range range = {
        .age_ms = query_seconds(call, prefix, "age"),
        .step_ms = query_seconds(call, prefix, "incr"),
    };

    if (range.step_ms == 0)
        range.age_ms = 0; /* both or none, as RabbitMQ has it */
    if (range.step_ms < shortest)
        range.step_ms = shortest;
    CHECK(range.step_ms > 0);
    if (range.age_ms / range.step_ms >= SAMPLES_MAX)
        range.age_ms = (SAMPLES_MAX - 1) * range.step_ms;
    return range;
}

void rates_read_query(struct call *call)
{
    static const char *const prefixes[] = {
#define X(name, prefix) [RATES_##name] = (prefix),
        RATES_GROUPS(X)
#undef X
    };

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        call->ranges[i] = read_range(call, prefixes[i]);
}

/* ---- details ---- */

struct sample_sum {
    uint64_t count;
    double sum;
    uint64_t newest, oldest;
    int64_t span_ms;
};

static void add_sample(struct row *row, struct sample_sum *sum, int64_t age_ms, int64_t wall_ms,
                       uint64_t value)
{
    if (row_open(row, NULL)) {
        row_number(row, "sample", value);
        row_number(row, "timestamp", (uint64_t)(wall_ms - age_ms));
        row_close(row);
    }
    if (sum->count++ == 0)
        sum->newest = value;
    sum->oldest = value;
    sum->sum += (double)value;
    sum->span_ms = age_ms;
}

static void put_averages(struct row *row, const struct sample_sum *sum)
{
    double grown = (double)(int64_t)(sum->newest - sum->oldest);

    row_real(row, "avg", sum->count ? sum->sum / (double)sum->count : 0);
    row_real(row, "avg_rate", sum->span_ms ? grown * 1000 / (double)sum->span_ms : 0);
}

/* From the last round back, one sample a slot, as far as the history goes. An object that never had
 * anything to show has been at 0 all the time. */
static void add_samples(const struct call *call, struct row *row, struct sample_sum *sum,
                        const struct rates_range *range, const struct history *history,
                        uint32_t column)
{
    const struct sampler *sampler = call->management->sampler;
    int64_t last_ms = sampler_last_ms(sampler);
    int64_t wall_ms = call->broker->wall_ms - (call->broker->now_ms - last_ms);
    int64_t oldest_ms = sampler_started(sampler) ? range->age_ms : -1;

    for (int64_t age = 0; age <= oldest_ms; age += range->step_ms) {
        uint64_t value = 0;
        if (history) {
            /* Rounds are some milliseconds late, now more, now less. */
            uint32_t back = history_find(history, last_ms - age + range->step_ms / 2);
            if (back == history_count(history))
                return;
            value = history_row(history, back)[column];
        }
        add_sample(row, sum, age, wall_ms, value);
    }
}

/* The averages are worked out from the samples, wanted or not. */
static void put_samples(const struct call *call, struct row *row, const struct rates_range *range,
                        const struct history *history, uint32_t column)
{
    struct sample_sum sum = {0};
    struct row unwanted;
    struct buf nowhere = BUF_INIT;

    if (row_open_list(row, "samples")) {
        add_samples(call, row, &sum, range, history, column);
        row_close(row);
    } else {
        row_init(&unwanted, &nowhere, NULL);
        add_samples(call, &unwanted, &sum, range, history, column);
        row_fini(&unwanted);
        buf_fini(&nowhere);
    }
    put_averages(row, &sum);
}

static void put_details(const struct call *call, struct row *row, enum rates_kind kind,
                        const struct rates_range *range, const struct history *history,
                        uint32_t column)
{
    row_real(row, "rate", history ? history_rate(history, column) : 0);
    if (range->age_ms == 0)
        return;
    if (kind == RATES_NODE)
        history = sampler_node(call->management->sampler, range->age_ms);
    put_samples(call, row, range, history, column);
}

void rates_put(const struct call *call, struct row *row, enum rates_kind kind,
               enum rates_group group, const void *it, const struct history *history)
{
    const struct rates_range *range = &call->ranges[group];
    uint32_t count;
    const struct rate *rate = rates_of(kind, &count);

    for (uint32_t i = 0; i < count; i++) {
        uint64_t value = rate[i].group == group ? rate[i].value(it) : FACT_UNKNOWN;
        if (value == FACT_UNKNOWN)
            continue;
        row_number(row, rate[i].name, value);
        if (row_open(row, rate[i].details)) {
            put_details(call, row, kind, range, history, i);
            row_close(row);
        }
    }
}

void rates_put_object(const struct call *call, struct row *row, const char *key,
                      enum rates_kind kind, enum rates_group group, const void *it,
                      const struct history *history)
{
    if (!row_open(row, key))
        return;
    rates_put(call, row, kind, group, it, history);
    row_close(row);
}
