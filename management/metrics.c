/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of metrics.def, and their description. */
#include "management/metrics.h"

#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/exchange.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/node.h"

#include <math.h>

/* ---- helpers of the rows ---- */

static double known(uint64_t number)
{
    return number == FACT_UNKNOWN ? (double)NAN : (double)number;
}

struct paged {
    uint64_t count, bytes, memory;
};

static struct paged queue_paged(const struct queue *queue)
{
    struct paged paged = {0};

    for (unsigned i = 0; i <= queue->settings.priority_max; i++) {
        const struct lane *lane = queue->lanes[i];
        if (!lane)
            continue;
        paged.count += lane->paged_count;
        paged.bytes += lane->paged_bytes;
        paged.memory += lane->memory;
    }
    return paged;
}

/* ---- the rows ---- */

#define IT_IDENTITY struct metrics_node
#define IT_BUILD struct metrics_node
#define IT_NODE struct metrics_node
#define IT_GLOBAL struct metrics_node
#define IT_GLOBAL_QUEUES struct metrics_node
#define IT_DEATHS struct metrics_node
#define IT_QUEUE struct queue
#define IT_EXCHANGE struct exchange
#define IT_CHANNEL struct channel
#define IT_CONNECTION struct metrics_connection

/* A function for each row, named by its line in the table. */
#define JOIN_NAMES(a, b) a##b
#define ROW_FUNCTION(line) JOIN_NAMES(value_, line)

#define METRIC(scope, families, kind, unit, name, value, meaning, advice)                          \
    static double ROW_FUNCTION(__LINE__)(const void *object)                                       \
    {                                                                                              \
        const IT_##scope *it = object;                                                             \
        (void)it;                                                                                  \
        return (double)(value);                                                                    \
    }
#define METRIC_HISTOGRAM(unit, name, facts, meaning, advice)                                       \
    static const struct histogram_facts *ROW_FUNCTION(__LINE__)(const struct metrics_node *it)     \
    {                                                                                              \
        return &(facts);                                                                           \
    }
#include "management/metrics.def"

static const struct metric metrics[] = {
#define METRIC(scope_, families_, kind_, unit_, name_, value_, meaning_, advice_)                  \
    {                                                                                              \
        .scope = METRIC_##scope_,                                                                  \
        .kind = METRIC_##kind_,                                                                    \
        .unit = METRIC_##unit_,                                                                    \
        .name = (name_),                                                                           \
        .families = (families_),                                                                   \
        .meaning = (meaning_),                                                                     \
        .advice = (advice_),                                                                       \
        .value = ROW_FUNCTION(__LINE__),                                                           \
    },
#define METRIC_HISTOGRAM(unit_, name_, facts_, meaning_, advice_)                                  \
    {                                                                                              \
        .scope = METRIC_NODE,                                                                      \
        .kind = METRIC_HISTOGRAM,                                                                  \
        .unit = METRIC_##unit_,                                                                    \
        .name = (name_),                                                                           \
        .families = "",                                                                            \
        .meaning = (meaning_),                                                                     \
        .advice = (advice_),                                                                       \
        .histogram = ROW_FUNCTION(__LINE__),                                                       \
    },
#include "management/metrics.def"
};

const struct metric *metric_at(size_t index)
{
    return index < ARRAY_LEN(metrics) ? &metrics[index] : NULL;
}

const char *metric_kind_text(enum metric_kind kind)
{
    static const char *const texts[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};

    return texts[kind];
}

bool metric_in_family(const struct metric *metric, struct slice family)
{
    for (const char *at = metric->families; *at;) {
        size_t len = strcspn(at, " ");
        if (slice_equal(family, slice_of(at, len)))
            return true;
        at += at[len] ? len + 1 : len;
    }
    return false;
}

/* ---- the description ---- */

static const char *unit_text(enum metric_unit unit)
{
    static const char *const texts[] = {[METRIC_NONE] = "",
                                        [METRIC_COUNT] = "",
                                        [METRIC_BYTES] = ", bytes",
                                        [METRIC_SECONDS] = ", seconds"};

    return texts[unit];
}

static void describe(struct buf *out, const struct metric *metric)
{
    buf_printf(out, "| `%s` | %s%s | %s. | %s. |\n", metric->name, metric_kind_text(metric->kind),
               unit_text(metric->unit), metric->meaning, metric->advice);
}

static void describe_families(struct buf *out, const struct metric *metric)
{
    if (!*metric->families)
        return;
    buf_add_str(out, "Family `");
    for (const char *at = metric->families; *at; at++)
        if (*at == ' ')
            buf_add_str(out, "`, `");
        else
            buf_add_u8(out, (uint8_t)*at);
    buf_add_str(out, "`:\n\n");
}

static bool same_group(const struct metric *a, const struct metric *b)
{
    return a->scope == b->scope && strcmp(a->families, b->families) == 0;
}

void metrics_describe(struct buf *out)
{
    static const char *const scopes[] = {
#define X(name, text) [METRIC_##name] = (text),
        METRIC_SCOPES(X)
#undef X
    };

    for (size_t i = 0; i < ARRAY_LEN(metrics); i++) {
        const struct metric *metric = &metrics[i];
        if (i == 0 || metrics[i - 1].scope != metric->scope)
            buf_printf(out, "\n## Of %s\n", scopes[metric->scope]);
        if (i == 0 || !same_group(&metrics[i - 1], metric)) {
            buf_add_u8(out, '\n');
            describe_families(out, metric);
            buf_add_str(out, "| name | kind | what it is | what to do |\n|---|---|---|---|\n");
        }
        describe(out, metric);
    }
}

/* ---- the node ---- */

void metrics_read_node(struct metrics_node *node, const struct call *call)
{
    const struct broker *broker = call->broker;
    const struct management_host *host = &call->management->host;

    *node = (struct metrics_node){
        .load.store_pending = FACT_UNKNOWN,
        .load.store_file = FACT_UNKNOWN,
        .load.store_free = FACT_UNKNOWN,
        .load.store_memory = FACT_UNKNOWN,
        .load.tls_memory = FACT_UNKNOWN,
        .load.event_memory = FACT_UNKNOWN,
        .load.mapped_memory = FACT_UNKNOWN,
        .vhosts = broker->vhosts.count,
        .message_bytes = broker->message_bytes,
        .logins = broker->logins,
        .part_work = management_work_most(call->management),
        .memory_alarm = broker->alarms[ALARM_MEMORY],
        .disk_alarm = broker_disk_alarmed(broker),
        .read_alarm = broker->alarms[ALARM_READ],
        .sizes.bounds = &MESSAGE_SIZE_BOUNDS,
    };
    broker_sum_stats(broker, NULL, &node->sizes.counts);
    node_ask(call, &node->facts);
    node->sockets_most =
        broker->options.connections_max ? broker->options.connections_max : node->facts.fd_total;
    if (host->load)
        host->load(host->context, &node->load);
    rates_begin_node(&node->totals, call->management);
    LIST_EACH(&broker->vhost_list, link)
        rates_add_vhost(&node->totals, CONTAINER_OF(link, struct vhost, broker_link));
}
