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

/* What is walked in each virtual host, in this order. */
enum stage { STAGE_QUEUES, STAGE_EXCHANGES, STAGE_CONNECTIONS, STAGE_END };

/* The round under way. */
struct round {
    const struct management *management;
    struct sampler *sampler;
    int64_t now_ms;
    size_t left;              /* objects that this part may still look at */
    size_t vhost;             /* which one, in the order of the broker's list */
    enum stage stage;         /* of it */
    size_t at;                /* next bucket of a map, or place in a list */
    struct rates_totals node; /* of those before, and what is the node's alone */
};

struct sampler {
    bool started;
    bool under_way;
    struct round round;
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
    if (history && history_time(history, 0) == round->now_ms)
        return; /* it came before: the map has grown between two parts */
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

/* ---- the walk: each function looks at objects until its stage or this part is done ---- */

static void spend(struct round *round, size_t objects)
{
    round->left = round->left > objects ? round->left - objects : 0;
}

static bool note_queues(struct round *round, const struct vhost *vhost)
{
    uint32_t width = rates_width(RATES_QUEUE);

    for (; round->at < hmap_buckets(&vhost->queues) && round->left > 0; round->at++) {
        struct hmap_node *node = hmap_bucket(&vhost->queues, round->at);
        for (; node; node = node->next) {
            struct queue *queue = CONTAINER_OF(node, struct queue, node);
            note(round, RATES_QUEUE, width, queue, &queue->history);
            spend(round, 1);
        }
    }
    return round->at >= hmap_buckets(&vhost->queues);
}

static bool note_exchanges(struct round *round, const struct vhost *vhost)
{
    uint32_t width = rates_width(RATES_EXCHANGE);

    for (; round->at < hmap_buckets(&vhost->exchanges) && round->left > 0; round->at++) {
        struct hmap_node *node = hmap_bucket(&vhost->exchanges, round->at);
        for (; node; node = node->next) {
            struct exchange *exchange = CONTAINER_OF(node, struct exchange, node);
            note(round, RATES_EXCHANGE, width, exchange, &exchange->history);
            spend(round, 1);
        }
    }
    return round->at >= hmap_buckets(&vhost->exchanges);
}

static void note_connection(struct round *round, struct connection *connection)
{
    const struct management_host *host = &round->management->host;
    uint32_t width = rates_width(RATES_CHANNEL);
    struct connection_facts facts = {0};

    LIST_EACH(&connection->channels, link) {
        struct channel *channel = CONTAINER_OF(link, struct channel, connection_link);
        note(round, RATES_CHANNEL, width, channel, &channel->history);
        spend(round, 1);
    }
    if (host->connection && host->connection(host->context, connection, &facts))
        note(round, RATES_CONNECTION, rates_width(RATES_CONNECTION), &facts, &connection->history);
    spend(round, 1);
}

static bool note_connections(struct round *round, const struct vhost *vhost)
{
    size_t place = 0;

    LIST_EACH(&vhost->connections, link) {
        if (place++ < round->at)
            continue;
        if (round->left == 0)
            return false;
        note_connection(round, CONTAINER_OF(link, struct connection, vhost_link));
        round->at++;
    }
    return true;
}

/* Its own row, and its part of the node's sum. */
static bool note_sum(struct round *round, struct vhost *vhost)
{
    struct rates_totals sum = {0};

    rates_add_vhost(&sum, vhost);
    note(round, RATES_VHOST, rates_width(RATES_VHOST), &sum, &vhost->history);
    message_stats_add(&round->node.stats, &sum.stats);
    round->node.ready += sum.ready;
    round->node.unacked += sum.unacked;
    return true;
}

static bool run_stage(struct round *round, struct vhost *vhost)
{
    switch (round->stage) {
    case STAGE_QUEUES:
        return note_queues(round, vhost);
    case STAGE_EXCHANGES:
        return note_exchanges(round, vhost);
    case STAGE_CONNECTIONS:
        return note_connections(round, vhost);
    case STAGE_END:
        return note_sum(round, vhost);
    }
    UNREACHABLE();
}

/* False when this part is over before the virtual host is done. */
static bool note_vhost(struct round *round, struct vhost *vhost)
{
    while (run_stage(round, vhost)) {
        round->at = 0;
        if (round->stage == STAGE_END) {
            round->stage = STAGE_QUEUES;
            round->vhost++;
            return true;
        }
        round->stage++;
    }
    return false;
}

static bool note_vhosts(struct round *round)
{
    size_t place = 0;

    LIST_EACH(&round->management->broker->vhost_list, link)
        if (place++ == round->vhost &&
            !note_vhost(round, CONTAINER_OF(link, struct vhost, broker_link)))
            return false;
    return true;
}

/* A row for each level of which the last one is old enough; half a round early is early enough. */
static void note_node(const struct round *round)
{
    const struct sampler *sampler = round->sampler;
    uint64_t row[RATES_WIDTH_MAX];

    rates_read(RATES_NODE, &round->node, row);
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        struct history *history = sampler->node[i];
        if (history_count(history) == 0 || round->now_ms >= history_time(history, 0) +
                                                                levels[i].step_ms -
                                                                sampler->interval_ms / 2)
            history_add(history, round->now_ms, row);
    }
}

static void begin(struct sampler *sampler, const struct management *management, int64_t now_ms)
{
    sampler->round = (struct round){
        .management = management,
        .sampler = sampler,
        .now_ms = now_ms,
    };
    rates_begin_node(&sampler->round.node, management);
    sampler->under_way = true;
}

bool sampler_take(struct sampler *sampler, const struct management *management, int64_t now_ms,
                  int64_t interval_ms, size_t objects_max)
{
    struct round *round = &sampler->round;

    CHECK(interval_ms > 0 && objects_max > 0);
    sampler->interval_ms = interval_ms;
    if (!sampler->under_way)
        begin(sampler, management, now_ms);
    round->left = objects_max;
    if (!note_vhosts(round))
        return true;
    note_node(round);
    sampler->last_ms = round->now_ms;
    sampler->started = true;
    sampler->under_way = false;
    return false;
}

/* ---- forgetting ---- */

static void forget(struct history **history)
{
    history_free(*history);
    *history = NULL;
}

static void forget_connection(struct connection *connection)
{
    forget(&connection->history);
    LIST_EACH(&connection->channels, link)
        forget(&CONTAINER_OF(link, struct channel, connection_link)->history);
}

static void forget_vhost(struct vhost *vhost)
{
    forget(&vhost->history);
    HMAP_EACH(&vhost->queues, node)
        forget(&CONTAINER_OF(node, struct queue, node)->history);
    HMAP_EACH(&vhost->exchanges, node)
        forget(&CONTAINER_OF(node, struct exchange, node)->history);
    LIST_EACH(&vhost->connections, link)
        forget_connection(CONTAINER_OF(link, struct connection, vhost_link));
}

void sampler_forget(struct sampler *sampler, const struct management *management)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        history_free(sampler->node[i]);
        sampler->node[i] = history_new(rates_width(RATES_NODE), levels[i].rows);
    }
    LIST_EACH(&management->broker->vhost_list, link)
        forget_vhost(CONTAINER_OF(link, struct vhost, broker_link));
    sampler->under_way = false;
}
