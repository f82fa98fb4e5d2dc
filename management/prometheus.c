/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics as text, in Prometheus' exposition format 0.0.4: all lines of a metric together, its HELP and
 * TYPE before them.
 *
 *   SCRAPE_COUNTING ─► the node's lines ─► for each scope of objects: SCRAPE_NOTING ─► SCRAPE_WRITING
 *
 * (1) Objects are walked once for a scope: their values are noted in a matrix (or summed up), and
 *     written a metric at a time from there. All of it in parts.
 * (2) A name that is no UTF-8 has U+FFFD for each byte that isn't.
 */
#include "management/metrics.h"

#include "base/mem.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/exchange.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/identity.h"
#include "management/object.h"
#include "management/walk.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define PREFIX "rabbitmq_"
#define SCOPE_METRICS_MAX 32 /* rows of metrics.def of one scope of objects */

/* What things cost, see management_work(). */
#define OBJECT_WORK 128
#define VALUE_WORK 16

/* Objects of one scope: for each its labels and a row of values. */
struct table {
    const struct metric *metrics[SCOPE_METRICS_MAX]; /* the wanted ones */
    size_t width;
    struct buf labels;
    size_t *label_ends; /* a row each */
    double *values;     /* width a row; the sums in the first */
    size_t count, capacity;
    size_t metric, row; /* the next line: of which metric, of which object */
};

enum scrape_stage { SCRAPE_COUNTING, SCRAPE_NOTING, SCRAPE_WRITING };

struct scrape {
    struct call *call;
    enum metrics_form form;
    struct buf *out;
    enum scrape_stage stage;
    enum metric_scope scope;
    struct walk walk;
    bool walking;
    uint64_t publishers; /* channels that have published */
    struct table table;
};

/* ---- lines ---- */

static void add_number(struct buf *out, double value)
{
    char text[32];

    if (value >= 0 && value < 9e15 && value == (double)(uint64_t)value)
        snprintf(text, sizeof(text), "%" PRIu64, (uint64_t)value);
    else
        snprintf(text, sizeof(text), "%.9g", value);
    buf_add_str(out, text);
}

static void add_name(const struct scrape *scrape, const struct metric *metric, const char *suffix)
{
    const char *name = metric->name;
    size_t prefix = strlen(PREFIX);

    if (scrape->form == METRICS_CHOSEN && strncmp(name, PREFIX, prefix) == 0) {
        buf_add_str(scrape->out, PREFIX "detailed_");
        name += prefix;
    }
    buf_add_str(scrape->out, name);
    buf_add_str(scrape->out, suffix);
}

static void add_head(const struct scrape *scrape, const struct metric *metric)
{
    struct buf *out = scrape->out;

    buf_add_str(out, "# HELP ");
    add_name(scrape, metric, "");
    buf_printf(out, " %s. %s.\n# TYPE ", metric->meaning, metric->advice);
    add_name(scrape, metric, "");
    buf_printf(out, " %s\n", metric_kind_text(metric->kind));
}

static void add_line(const struct scrape *scrape, const struct metric *metric, struct slice labels,
                     double value)
{
    struct buf *out = scrape->out;

    add_name(scrape, metric, "");
    if (labels.len) {
        buf_add_u8(out, '{');
        buf_add_slice(out, labels);
        buf_add_u8(out, '}');
    }
    buf_add_u8(out, ' ');
    add_number(out, value);
    buf_add_u8(out, '\n');
}

/* ---- labels ---- */

static bool is_ascii(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= 0x80)
            return false;
    return true;
}

static void add_escaped(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\\' || text.data[i] == '"')
            buf_add_u8(out, '\\');
        if (text.data[i] == '\n')
            buf_add_str(out, "\\n");
        else
            buf_add_u8(out, text.data[i]);
    }
}

/* `name` begins with the comma that a further label needs. */
static void add_label(struct buf *out, const char *name, struct slice value)
{
    buf_add_str(out, name);
    buf_add_str(out, "=\"");
    if (is_ascii(value)) {
        add_escaped(out, value);
    } else {
        json_t *text = json_text(value);
        add_escaped(out, json_slice(text));
        json_decref(text);
    }
    buf_add_u8(out, '"');
}

static void add_node_labels(const struct call *call, enum metric_scope scope, struct buf *out)
{
    const char *node = call->broker->options.node_name;

    switch (scope) {
    case METRIC_IDENTITY:
        add_label(out, "rabbitmq_node", slice_str(node));
        add_label(out, ",rabbitmq_cluster", slice_str(node));
        add_label(out, ",rabbitmq_cluster_permanent_id", slice_str(node));
        add_label(out, ",rabbitmq_endpoint", slice_str("aggregated"));
        break;
    case METRIC_BUILD:
        add_label(out, "rabbitmq_version", slice_str(IMITATED_VERSION));
        add_label(out, ",prometheus_plugin_version", slice_str(call->management->version));
        add_label(out, ",prometheus_client_version", slice_str(call->management->version));
        add_label(out, ",erlang_version", slice_str("none"));
        add_label(out, ",product_name", slice_str(PRODUCT_NAME));
        add_label(out, ",product_version", slice_str(call->management->version));
        break;
    case METRIC_GLOBAL:
    case METRIC_GLOBAL_QUEUES:
        add_label(out, "protocol", slice_str("amqp091"));
        if (scope == METRIC_GLOBAL_QUEUES)
            add_label(out, ",queue_type", slice_str("all"));
        break;
    case METRIC_DEATHS:
        add_label(out, "queue_type", slice_str("all"));
        add_label(out, ",dead_letter_strategy", slice_str("all"));
        break;
    case METRIC_NODE:
    case METRIC_QUEUE:
    case METRIC_EXCHANGE:
    case METRIC_CHANNEL:
    case METRIC_CONNECTION:
        break;
    }
}

/* ---- the node ---- */

/* RabbitMQ's texts of bounds in bytes; dashboards compare them. */
static void add_bound(struct buf *out, const struct metric *metric, uint64_t bound)
{
    if (metric->unit == METRIC_SECONDS)
        buf_printf(out, "%g", (double)bound / 1e9);
    else if (metric->unit == METRIC_BYTES && bound < 1000000)
        buf_printf(out, "%.1f", (double)bound);
    else
        buf_printf(out, "%g", (double)bound);
}

static void add_histogram(const struct scrape *scrape, const struct metric *metric,
                          const struct histogram_facts *facts)
{
    struct buf *out = scrape->out;
    uint64_t count = 0;

    if (!facts->bounds)
        return;
    add_head(scrape, metric);
    for (size_t i = 0; i <= facts->bounds->count; i++) {
        count += facts->counts.counts[i];
        add_name(scrape, metric, "_bucket{le=\"");
        if (i < facts->bounds->count)
            add_bound(out, metric, facts->bounds->upto[i]);
        else
            buf_add_str(out, "+Inf");
        buf_printf(out, "\"} %" PRIu64 "\n", count);
    }
    add_name(scrape, metric, "_sum ");
    double sum = (double)facts->counts.sum;
    add_number(out, metric->unit == METRIC_SECONDS ? sum / 1e9 : sum);
    buf_add_u8(out, '\n');
    add_name(scrape, metric, "_count");
    buf_printf(out, " %" PRIu64 "\n", count);
}

static void write_node(const struct scrape *scrape)
{
    struct metrics_node node;
    const struct metric *metric;

    metrics_read_node(&node, scrape->call);
    node.publishers = scrape->publishers;
    for (size_t i = 0; (metric = metric_at(i)) && metric->scope < METRIC_QUEUE; i++) {
        if (metric->kind == METRIC_HISTOGRAM) {
            add_histogram(scrape, metric, metric->histogram(&node));
            continue;
        }
        double value = metric->value(&node);
        if (isnan(value))
            continue;
        struct buf labels = BUF_INIT;
        add_node_labels(scrape->call, metric->scope, &labels);
        add_head(scrape, metric);
        add_line(scrape, metric, buf_slice(&labels), value);
        buf_fini(&labels);
    }
}

/* ---- objects ---- */

/* Calls visit() for each "name=value" of the query, decoded; true as soon as that is. */
static bool query_any(struct slice query, const char *name,
                      bool (*visit)(const void *context, struct slice value), const void *context)
{
    size_t name_len = strlen(name);
    bool found = false;

    while (query.len > 0 && !found) {
        const uint8_t *end = memchr(query.data, '&', query.len);
        size_t len = end ? (size_t)(end - query.data) : query.len;
        if (len > name_len && memcmp(query.data, name, name_len) == 0 &&
            query.data[name_len] == '=') {
            struct buf value = BUF_INIT;
            struct slice raw = slice_of(query.data + name_len + 1, len - name_len - 1);
            found = http_decode(&value, raw, true) && visit(context, buf_slice(&value));
            buf_fini(&value);
        }
        len += end != NULL;
        query = slice_of(query.data + len, query.len - len);
    }
    return found;
}

static bool is_family(const void *metric, struct slice family)
{
    return metric_in_family(metric, family);
}

static bool is_vhost(const void *vhost, struct slice name)
{
    return slice_equal_str(name, ((const struct vhost *)vhost)->name);
}

static bool is_any(const void *context, struct slice value)
{
    (void)context;
    (void)value;
    return true;
}

static bool wants_metric(const struct scrape *scrape, const struct metric *metric)
{
    return scrape->form != METRICS_CHOSEN ||
           query_any(scrape->call->request->query, "family", is_family, metric);
}

static bool wants_vhost(const struct scrape *scrape, const struct vhost *vhost)
{
    struct slice query = scrape->call->request->query;

    return scrape->form != METRICS_CHOSEN || !query_any(query, "vhost", is_any, NULL) ||
           query_any(query, "vhost", is_vhost, vhost);
}

static void grow(struct table *table)
{
    table->capacity = table->capacity ? 2 * table->capacity : 64;
    table->values =
        mem_realloc(table->values, table->capacity * table->width * sizeof(*table->values));
    table->label_ends =
        mem_realloc(table->label_ends, table->capacity * sizeof(*table->label_ends));
}

/* An object's row; its labels have just been added. */
static void add_object(struct scrape *scrape, const void *it)
{
    struct table *table = &scrape->table;
    bool sums = scrape->form == METRICS_SUMS;

    call_spend(scrape->call, OBJECT_WORK + VALUE_WORK * table->width);
    if (table->count == table->capacity)
        grow(table);
    double *row = table->values + table->count * table->width;
    for (size_t i = 0; i < table->width; i++) {
        double value = table->metrics[i]->value(it);
        row[i] = sums && isnan(value) ? 0 : value;
    }
    if (!sums) {
        table->label_ends[table->count++] = table->labels.len;
        return;
    }
    /* Row 0 is the sum, row 1 the one just read. */
    for (size_t i = 0; i < table->width; i++)
        table->values[i] += row[i];
}

static void label_object(struct scrape *scrape, const struct vhost *vhost, const char *kind,
                         const char *name)
{
    if (scrape->form == METRICS_SUMS)
        return;
    add_label(&scrape->table.labels, "vhost", slice_str(vhost->name));
    add_label(&scrape->table.labels, kind, slice_str(name));
}

static void add_queue(struct scrape *scrape, const struct queue *queue)
{
    label_object(scrape, queue->vhost, ",queue", queue->name);
    add_object(scrape, queue);
}

static void add_exchange(struct scrape *scrape, const struct exchange *exchange)
{
    label_object(scrape, exchange->vhost, ",exchange", exchange->name);
    add_object(scrape, exchange);
}

static void add_channels(struct scrape *scrape, const struct connection *connection)
{
    LIST_EACH(&connection->channels, link) {
        const struct channel *channel = CONTAINER_OF(link, struct channel, connection_link);
        char *name = object_channel_name(channel);
        label_object(scrape, connection->vhost, ",channel", name);
        mem_free(name);
        add_object(scrape, channel);
    }
}

static void add_connection(struct scrape *scrape, const struct connection *connection)
{
    const struct management_host *host = &scrape->call->management->host;
    struct metrics_connection it = {
        .connection = connection,
        .facts.received_bytes = FACT_UNKNOWN,
        .facts.received_frames = FACT_UNKNOWN,
        .facts.sent_bytes = FACT_UNKNOWN,
        .facts.sent_frames = FACT_UNKNOWN,
        .facts.send_pending = FACT_UNKNOWN,
    };

    if (host->connection)
        host->connection(host->context, connection, &it.facts);
    label_object(scrape, connection->vhost, ",connection", connection->name);
    add_object(scrape, &it);
}

static void visit(void *context, void *object)
{
    struct scrape *scrape = context;
    const struct connection *connection = object;

    if (scrape->scope == METRIC_QUEUE)
        add_queue(scrape, object);
    else if (scrape->scope == METRIC_EXCHANGE)
        add_exchange(scrape, object);
    else if (connection->internal || !connection->vhost || !wants_vhost(scrape, connection->vhost))
        call_spend(scrape->call, VALUE_WORK);
    else if (scrape->scope == METRIC_CHANNEL)
        add_channels(scrape, connection);
    else
        add_connection(scrape, connection);
}

/* A sum stands even where there is nothing. */
static void forget(void *context)
{
    struct scrape *scrape = context;
    struct table *table = &scrape->table;

    buf_clear(&table->labels);
    table->count = 0;
    if (scrape->form != METRICS_SUMS)
        return;
    memset(table->values, 0, table->width * sizeof(*table->values));
    table->label_ends[table->count++] = 0;
}

static void free_table(struct table *table)
{
    buf_fini(&table->labels);
    mem_free(table->label_ends);
    mem_free(table->values);
    *table = (struct table){0};
}

static bool walked_vhost(const void *context, const struct vhost *vhost)
{
    return wants_vhost(context, vhost);
}

static void begin_scope(struct scrape *scrape)
{
    struct table *table = &scrape->table;
    const struct metric *metric;

    for (size_t i = 0; (metric = metric_at(i)); i++) {
        if (metric->scope != scrape->scope || !wants_metric(scrape, metric))
            continue;
        CHECK(table->width < SCOPE_METRICS_MAX);
        table->metrics[table->width++] = metric;
    }
    if (table->width == 0)
        return;
    grow(table);
    forget(scrape);
    walk_init(&scrape->walk, scrape->call->broker,
              scrape->scope == METRIC_QUEUE      ? WALK_QUEUES
              : scrape->scope == METRIC_EXCHANGE ? WALK_EXCHANGES
                                                 : WALK_CONNECTIONS,
              walked_vhost, scrape);
    scrape->walking = true;
}

/* True when all objects of the scope are noted. */
static bool note_objects(struct scrape *scrape)
{
    const struct walk_visitor visitor = {.visit = visit, .forget = forget, .context = scrape};

    if (scrape->walking && !walk_run(&scrape->walk, scrape->call, &visitor))
        return false;
    if (scrape->walking)
        walk_fini(&scrape->walk);
    scrape->walking = false;
    return true;
}

static void write_line(const struct scrape *scrape, const struct table *table)
{
    size_t begin = table->row ? table->label_ends[table->row - 1] : 0;
    size_t end = table->label_ends[table->row];
    double value = table->values[table->row * table->width + table->metric];

    if (!isnan(value))
        add_line(scrape, table->metrics[table->metric],
                 /* Rows may have no labels at all; then there is no text of them. */
                 begin < end ? slice_of(table->labels.data + begin, end - begin)
                             : slice_of(NULL, 0),
                 value);
}

/* True when all lines of the scope are written. */
static bool write_lines(struct scrape *scrape)
{
    struct table *table = &scrape->table;

    for (; table->metric < table->width; table->metric++, table->row = 0) {
        if (table->row == 0)
            add_head(scrape, table->metrics[table->metric]);
        for (; table->row < table->count; table->row++) {
            if (call_spent(scrape->call))
                return false;
            size_t before = scrape->out->len;
            write_line(scrape, table);
            call_spend(scrape->call, scrape->out->len - before + 1);
        }
    }
    return true;
}

/* ---- the whole ---- */

static void count_publishers(void *context, void *object)
{
    struct scrape *scrape = context;
    const struct connection *connection = object;

    LIST_EACH(&connection->channels, link)
        scrape->publishers +=
            CONTAINER_OF(link, struct channel, connection_link)->stats.publish > 0;
    call_spend(scrape->call, VALUE_WORK * ((size_t)connection->channel_count + 1));
}

static void forget_publishers(void *context)
{
    ((struct scrape *)context)->publishers = 0;
}

/* True when the node's lines are written. */
static bool run_node(struct scrape *scrape)
{
    const struct walk_visitor visitor = {
        .visit = count_publishers, .forget = forget_publishers, .context = scrape};

    if (!scrape->walking)
        walk_init(&scrape->walk, scrape->call->broker, WALK_CONNECTIONS, NULL, NULL);
    scrape->walking = true;
    if (!walk_run(&scrape->walk, scrape->call, &visitor))
        return false;
    walk_fini(&scrape->walk);
    scrape->walking = false;
    size_t before = scrape->out->len;
    write_node(scrape);
    call_spend(scrape->call, scrape->out->len - before);
    return true;
}

/* True when the last scope is written. */
static bool run_objects(struct scrape *scrape)
{
    for (;;) {
        if (scrape->stage == SCRAPE_NOTING) {
            if (!note_objects(scrape))
                return false;
            scrape->stage = SCRAPE_WRITING;
        }
        if (!write_lines(scrape))
            return false;
        free_table(&scrape->table);
        if (scrape->scope == METRIC_CONNECTION)
            return true;
        scrape->scope++;
        begin_scope(scrape);
        scrape->stage = SCRAPE_NOTING;
    }
}

static bool run_scrape(struct call *call, void *state)
{
    struct scrape *scrape = state;

    CHECK(scrape->call == call);
    if (scrape->stage == SCRAPE_COUNTING) {
        if (scrape->form != METRICS_CHOSEN && !run_node(scrape))
            return false;
        scrape->scope = METRIC_QUEUE;
        begin_scope(scrape);
        scrape->stage = SCRAPE_NOTING;
    }
    return run_objects(scrape);
}

static void free_scrape(void *state)
{
    struct scrape *scrape = state;

    if (scrape->walking)
        walk_fini(&scrape->walk);
    free_table(&scrape->table);
    mem_free(scrape);
}

void metrics_answer(struct call *call, enum metrics_form form)
{
    static const struct call_task task = {.run = run_scrape, .free = free_scrape};
    struct scrape *scrape = MEM_NEW(struct scrape);

    scrape->call = call;
    scrape->form = form;
    scrape->out = &call->response->body;
    call_begin_as(call, "text/plain; version=0.0.4; charset=utf-8");
    call_set_task(call, &task, scrape);
}
