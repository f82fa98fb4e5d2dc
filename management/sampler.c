/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds of the sampler. */
#include "management/sampler.h"

#include "base/history.h"
#include "base/mem.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/exchange.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/rates.h"

#define OBJECT_ROWS 13 /* a minute of rounds every five seconds, both ends included */
#define INTERVAL_DEFAULT_MS 5000

/* The node's histories, RabbitMQ's retention of them: rows are at least so far apart. */
static const struct level {
    int64_t step_ms; /* 0: every round */
    uint32_t rows;
} levels[] = {{0, 122}, {60000, 62}, {600000, 50}, {1800000, 50}};

struct sampler {
    bool started;
    int64_t last_ms;
    int64_t interval_ms;
    struct history *node[ARRAY_LEN(levels)];
};

struct sampler *sampler_new(void)
{
    struct sampler *sampler = MEM_NEW(struct sampler);

    sampler->interval_ms = INTERVAL_DEFAULT_MS;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        sampler->node[i] = history_new(rates_width(RATES_NODE), levels[i].rows);
    return sampler;
}

void sampler_free(struct sampler *sampler)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        history_free(sampler->node[i]);
    mem_free(sampler);
}

bool sampler_started(const struct sampler *sampler)
{
    return sampler->started;
}

int64_t sampler_last_ms(const struct sampler *sampler)
{
    return sampler->last_ms;
}

int64_t sampler_interval_ms(const struct sampler *sampler)
{
    return sampler->interval_ms;
}

static bool reaches(const struct sampler *sampler, const struct level *level, int64_t age_ms)
{
    int64_t step_ms = level->step_ms > sampler->interval_ms ? level->step_ms : sampler->interval_ms;

    return step_ms * (level->rows - 1) >= age_ms;
}

const struct history *sampler_node(const struct sampler *sampler, int64_t age_ms)
{
    size_t level = 0;

    while (level + 1 < ARRAY_LEN(levels) && !reaches(sampler, &levels[level], age_ms))
        level++;
    return sampler->node[level];
}

static void add_past(const struct history *history, int64_t time_ms, uint64_t *sum, uint32_t width)
{
    uint32_t back = history ? history_find(history, time_ms) : 0;

    if (!history || back == history_count(history))
        return;
    for (uint32_t i = 0; i < width; i++)
        sum[i] += history_row(history, back)[i];
}

struct history *sampler_sum(const struct sampler *sampler, struct vhost *const *vhosts,
                            size_t count)
{
    const struct history *rounds = sampler->node[0];
    uint32_t width = rates_width(RATES_VHOST);
    struct history *sum = history_new(width, OBJECT_ROWS);
    uint32_t back = history_count(rounds) < OBJECT_ROWS ? history_count(rounds) : OBJECT_ROWS;

    while (back-- > 0) {
        uint64_t row[RATES_WIDTH_MAX] = {0};
        for (size_t i = 0; i < count; i++)
            add_past(vhosts[i]->history, history_time(rounds, back), row, width);
        history_add(sum, history_time(rounds, back), row);
    }
    return sum;
}

/* ---- one object ---- */

/* A round of this sampler. */
struct round {
    const struct management *management;
    struct sampler *sampler;
    int64_t now_ms;
};

static bool all_zero(const uint64_t *row, uint32_t width)
{
    for (uint32_t i = 0; i < width; i++)
        if (row[i])
            return false;
    return true;
}

/* Room for rounds to come; what it showed at its last row it showed until the last round. */
static struct history *grow(const struct round *round, struct history *old, uint32_t width)
{
    static const uint64_t zeros[RATES_WIDTH_MAX];
    const struct sampler *sampler = round->sampler;
    struct history *history = history_new(width, OBJECT_ROWS);

    if (old)
        history_add(history, history_time(old, 0), history_row(old, 0));
    if (sampler->started)
        history_add(history, sampler->last_ms, old ? history_row(old, 0) : zeros);
    history_free(old);
    return history;
}

/* Nothing has changed for a whole history: its last row is enough, with the time since when. */
static struct history *shrink(struct history *old, uint32_t width)
{
    struct history *history = history_new(width, 1);
    uint32_t back = history_count(old) - 1;

    history_add(history, history_time(old, back), history_row(old, back));
    history_free(old);
    return history;
}

static void note(const struct round *round, enum rates_kind kind, uint32_t width, const void *it,
                 struct history **slot)
{
    uint64_t row[RATES_WIDTH_MAX];
    struct history *history = *slot;

    rates_read(kind, it, row);
    if (!history && all_zero(row, width))
        return;
    if (!history || history_length(history) == 1) {
        if (history && memcmp(history_row(history, 0), row, width * sizeof(*row)) == 0)
            return;
        history = grow(round, history, width);
    }
    history_add(history, round->now_ms, row);
    if (history_still(history) == history_length(history))
        history = shrink(history, width);
    *slot = history;
}

/* ---- the walk ---- */

static void note_channels(const struct round *round, const struct connection *connection)
{
    uint32_t width = rates_width(RATES_CHANNEL);

    LIST_EACH(&connection->channels, link) {
        struct channel *channel = CONTAINER_OF(link, struct channel, connection_link);
        note(round, RATES_CHANNEL, width, channel, &channel->history);
    }
}

static void note_connections(const struct round *round, const struct vhost *vhost)
{
    const struct management_host *host = &round->management->host;
    uint32_t width = rates_width(RATES_CONNECTION);

    LIST_EACH(&vhost->connections, link) {
        struct connection *connection = CONTAINER_OF(link, struct connection, vhost_link);
        struct connection_facts facts = {0};
        note_channels(round, connection);
        if (host->connection && host->connection(host->context, connection, &facts))
            note(round, RATES_CONNECTION, width, &facts, &connection->history);
    }
}

static void note_queues(const struct round *round, const struct vhost *vhost,
                        struct rates_totals *totals)
{
    uint32_t width = rates_width(RATES_QUEUE);

    HMAP_EACH(&vhost->queues, node) {
        struct queue *queue = CONTAINER_OF(node, struct queue, node);
        rates_add_queue(totals, queue);
        note(round, RATES_QUEUE, width, queue, &queue->history);
    }
}

static void note_exchanges(const struct round *round, const struct vhost *vhost)
{
    uint32_t width = rates_width(RATES_EXCHANGE);

    HMAP_EACH(&vhost->exchanges, node) {
        struct exchange *exchange = CONTAINER_OF(node, struct exchange, node);
        note(round, RATES_EXCHANGE, width, exchange, &exchange->history);
    }
}

/* Adds it to the node's sum too. */
static void note_vhost(const struct round *round, struct vhost *vhost, struct rates_totals *node)
{
    struct rates_totals totals = {0};

    note_queues(round, vhost, &totals);
    note_exchanges(round, vhost);
    note_connections(round, vhost);
    rates_add_vhost_alone(&totals, vhost);
    note(round, RATES_VHOST, rates_width(RATES_VHOST), &totals, &vhost->history);
    message_stats_add(&node->stats, &totals.stats);
    node->ready += totals.ready;
    node->unacked += totals.unacked;
}

/* A row for each level of which the last one is old enough; half a round early is early enough. */
static void note_node(const struct round *round, const struct rates_totals *totals)
{
    const struct sampler *sampler = round->sampler;
    uint64_t row[RATES_WIDTH_MAX];

    rates_read(RATES_NODE, totals, row);
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        struct history *history = sampler->node[i];
        if (history_count(history) == 0 || round->now_ms >= history_time(history, 0) +
                                                                levels[i].step_ms -
                                                                sampler->interval_ms / 2)
            history_add(history, round->now_ms, row);
    }
}

void sampler_take(struct sampler *sampler, const struct management *management, int64_t now_ms,
                  int64_t interval_ms)
{
    const struct round round = {.management = management, .sampler = sampler, .now_ms = now_ms};

    CHECK(interval_ms > 0);
    struct rates_totals node;
    sampler->interval_ms = interval_ms;
    rates_begin_node(&node, management);
    LIST_EACH(&management->broker->vhost_list, link)
        note_vhost(&round, CONTAINER_OF(link, struct vhost, broker_link), &node);
    note_node(&round, &node);
    sampler->last_ms = now_ms;
    sampler->started = true;
}
