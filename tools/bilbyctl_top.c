/* SPDX-License-Identifier: Apache-2.0 */
/* `top`: the node at a glance, its busiest queues and connections. Rates are differences between two
 * looks at the counters.
 */
#include "base/mem.h"
#include "tools/bilbyctl_print.h"
#include "tools/bilbyctl_verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CLEAR_SCREEN "\033[H\033[2J"
#define LINES_DEFAULT 20
#define INTERVAL_DEFAULT 2
#define RATES_MAX 3

/* What is looked at: a list of the API, the counters in its rows whose rates are shown, and the columns'
 * names. */
static const struct kind {
    const char *name; /* of the list */
    bool of_vhost;    /* the list may be a virtual host's */
    const char *columns;
    struct {
        const char *counter, *column;
    } rates[RATES_MAX];
    const char *then_by; /* of equal rates the highest of these comes first */
    const char *shows;
} kinds[] = {
    {
        .name = "queues",
        .of_vhost = true,
        .columns =
            "vhost,name,messages_ready,messages_unacknowledged,consumers,message_stats.publish,"
            "message_stats.deliver_get,message_stats.ack",
        .rates = {{"message_stats.publish", "publish/s"},
                  {"message_stats.deliver_get", "deliver/s"},
                  {"message_stats.ack", "ack/s"}},
        .then_by = "messages_ready",
        .shows = "*name *publish/s *deliver/s *ack/s *ready:messages_ready "
                 "*unacked:messages_unacknowledged *consumers vhost",
    },
    {
        .name = "connections",
        .columns = "vhost,name,user,channels,state,recv_oct,send_oct",
        .rates = {{"recv_oct", "bytes_in/s"}, {"send_oct", "bytes_out/s"}},
        .then_by = "channels",
        .shows = "*name *user *bytes_in/s *bytes_out/s *channels *state vhost",
    },
};
#define KINDS ARRAY_LEN(kinds)

struct look {
    json_t *rows[KINDS]; /* as the API gives them */
    json_t *overview;
    json_t *node; /* NULL for users who may not see it */
    double at;    /* seconds */
};

static void forget(struct look *look)
{
    for (size_t i = 0; i < KINDS; i++)
        json_decref(look->rows[i]);
    json_decref(look->overview);
    json_decref(look->node);
}

/* ---- looking ---- */

static enum ctl_status look_at_rows(struct ctl *ctl, const struct kind *kind, json_t **rows)
{
    struct buf path = BUF_INIT;

    buf_printf(&path, "/%s", kind->name);
    if (kind->of_vhost && !ctl_options_flag(&ctl->line.options, CTL_ALL_VHOSTS)) {
        buf_add_u8(&path, '/');
        ctl_encode(&path, ctl_line_value(&ctl->line, "vhost"));
    }
    buf_printf(&path, "?columns=%s", kind->columns);
    const struct ctl_question question = {
        .method = "GET", .path = buf_cstr(&path), .about = "such virtual host"};
    enum ctl_status status = ctl_client_call(ctl->client, &question, rows);
    buf_fini(&path);
    return status;
}

/* Who may not see the node sees the rest. */
static enum ctl_status look_at_node(struct ctl *ctl, json_t **node)
{
    const struct ctl_question question = {.method = "GET", .path = "/nodes", .about = "node"};
    struct ctl_answer answer = {0};

    *node = NULL;
    if (!ctl_client_ask(ctl->client, &question, &answer))
        return ctl_complain(CTL_STATUS_UNAVAILABLE, "%s", ctl_client_failure(ctl->client));
    if (answer.status < 300)
        *node = json_incref(json_array_get(answer.document, 0));
    json_decref(answer.document);
    return CTL_STATUS_OK;
}

/* What it holds is the caller's to forget(), whatever the status. */
static enum ctl_status look_at(struct ctl *ctl, struct look *look)
{
    const struct ctl_question about_all = {
        .method = "GET", .path = "/overview", .about = "overview"};
    struct timespec now;

    *look = (struct look){0};
    enum ctl_status status = ctl_client_call(ctl->client, &about_all, &look->overview);
    if (status == CTL_STATUS_OK)
        status = look_at_node(ctl, &look->node);
    for (size_t i = 0; status == CTL_STATUS_OK && i < KINDS; i++)
        status = look_at_rows(ctl, &kinds[i], &look->rows[i]);
    clock_gettime(CLOCK_MONOTONIC, &now);
    look->at = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    return status;
}

/* ---- rates ---- */

/* Virtual host and name: what a row is known by. */
static void row_key(struct buf *key, const json_t *row)
{
    const char *vhost = json_string_value(json_object_get(row, "vhost"));
    const char *name = json_string_value(json_object_get(row, "name"));

    buf_clear(key);
    buf_printf(key, "%zu %s %s", vhost ? strlen(vhost) : 0, vhost ? vhost : "", name ? name : "");
}

static json_t *index_rows(const json_t *rows)
{
    json_t *index = json_object();
    struct buf key = BUF_INIT;
    size_t at;
    json_t *row;

    json_array_foreach(rows, at, row)
    {
        row_key(&key, row);
        json_object_set(index, buf_cstr(&key), row);
    }
    buf_fini(&key);
    return index;
}

/* Adds the rates to a row; returns their sum, by which rows are sorted. What is new, or was made again,
 * counts from nothing. */
static double add_rates(const struct kind *kind, json_t *row, const json_t *before, double seconds)
{
    double sum = 0;

    for (size_t i = 0; i < RATES_MAX && kind->rates[i].counter; i++) {
        double now = json_number_value(ctl_member(row, kind->rates[i].counter));
        double then = json_number_value(ctl_member(before, kind->rates[i].counter));
        double rate = (now >= then ? now - then : now) / seconds;
        json_object_set_new(row, kind->rates[i].column, json_integer((json_int_t)(rate + 0.5)));
        sum += rate;
    }
    return sum;
}

struct ranked {
    json_t *row;
    double rate, then_by;
};

static int compare(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;

    if (a->rate != b->rate)
        return a->rate > b->rate ? -1 : 1;
    if (a->then_by != b->then_by)
        return a->then_by > b->then_by ? -1 : 1;
    return 0;
}

/* The busiest rows of the later look, with rates. */
static json_t *rank(const struct kind *kind, const json_t *before, const json_t *after,
                    double seconds, size_t lines)
{
    size_t count = json_array_size(after);
    struct ranked *ranked = mem_zalloc((count + 1) * sizeof(*ranked));
    json_t *index = index_rows(before);
    json_t *top = json_array();
    struct buf key = BUF_INIT;

    for (size_t i = 0; i < count; i++) {
        json_t *row = json_array_get(after, i);
        row_key(&key, row);
        ranked[i].row = row;
        ranked[i].rate = add_rates(kind, row, json_object_get(index, buf_cstr(&key)), seconds);
        ranked[i].then_by = json_number_value(ctl_member(row, kind->then_by));
    }
    qsort(ranked, count, sizeof(*ranked), compare);
    for (size_t i = 0; i < count && i < lines; i++)
        json_array_append(top, ranked[i].row);
    buf_fini(&key);
    json_decref(index);
    mem_free(ranked);
    return top;
}

/* ---- showing ---- */

static long long total_of(const json_t *rows, const char *column)
{
    long long sum = 0;
    size_t index;
    json_t *row;

    json_array_foreach(rows, index, row) sum +=
        (long long)json_integer_value(json_object_get(row, column));
    return sum;
}

static double number_at(const json_t *object, const char *path)
{
    return json_number_value(ctl_member(object, path));
}

static void add_used(struct buf *out, const char *what, const json_t *node, const char *used,
                     const char *limit, const char *alarm)
{
    buf_printf(out, "%s ", what);
    ctl_add_bytes(out, number_at(node, used));
    buf_add_str(out, " (alarm at ");
    ctl_add_bytes(out, number_at(node, limit));
    buf_add_str(out, json_is_true(json_object_get(node, alarm)) ? ": it is on)" : ")");
}

static void add_head(struct buf *out, const struct look *look)
{
    const json_t *queues = look->rows[0];

    if (look->node) {
        add_used(out, "Memory", look->node, "mem_used", "mem_limit", "mem_alarm");
        add_used(out, ", disk free", look->node, "disk_free", "disk_free_limit", "disk_free_alarm");
        buf_add_u8(out, '\n');
    }
    buf_printf(out, "Messages %.0f: %.0f ready, %.0f unacknowledged\n",
               number_at(look->overview, "queue_totals.messages"),
               number_at(look->overview, "queue_totals.messages_ready"),
               number_at(look->overview, "queue_totals.messages_unacknowledged"));
    buf_printf(out, "Queues: publish %lld/s, deliver %lld/s, ack %lld/s\n\n",
               total_of(queues, "publish/s"), total_of(queues, "deliver/s"),
               total_of(queues, "ack/s"));
}

static enum ctl_status add_table(struct buf *text, const struct ctl *ctl,
                                 const struct ctl_view *view, const struct kind *kind,
                                 const json_t *top)
{
    struct ctl_columns columns;
    enum ctl_status status = ctl_columns_choose(&columns, kind->shows, NULL, 0);

    if (status != CTL_STATUS_OK)
        return status;
    if (ctl_options_flag(&ctl->line.options, CTL_ALL_VHOSTS))
        ctl_columns_lead(&columns, kind->shows, "vhost");
    ctl_add_table(text, view, &columns, top);
    return CTL_STATUS_OK;
}

/* For people and their terminals. */
static enum ctl_status add_picture(struct buf *text, const struct ctl *ctl,
                                   const struct ctl_view *view, const struct look *look,
                                   json_t *const top[KINDS])
{
    enum ctl_status status = CTL_STATUS_OK;

    if (!ctl_options_flag(&ctl->line.options, CTL_ONCE) && isatty(STDOUT_FILENO))
        buf_add_str(text, CLEAR_SCREEN);
    if (ctl_talks(ctl))
        add_head(text, look);
    for (size_t i = 0; status == CTL_STATUS_OK && i < KINDS; i++) {
        status = add_table(text, ctl, view, &kinds[i], top[i]);
        if (ctl_talks(ctl))
            buf_printf(text, "%zu of %zu %s\n%s", json_array_size(top[i]),
                       json_array_size(look->rows[i]), kinds[i].name, i + 1 < KINDS ? "\n" : "");
    }
    return status;
}

/* For programs: all of it as one object. */
static void add_object(struct buf *text, const struct look *look, json_t *const top[KINDS])
{
    json_t *object = json_object();

    json_object_set(object, "overview", look->overview);
    json_object_set_new(object, "node", look->node ? json_incref(look->node) : json_null());
    for (size_t i = 0; i < KINDS; i++)
        json_object_set(object, kinds[i].name, top[i]);
    char *dump = json_dumps(object, JSON_COMPACT);
    buf_printf(text, "%s\n", dump);
    free(dump);
    json_decref(object);
}

static enum ctl_status show(const struct ctl *ctl, const struct look *look,
                            json_t *const top[KINDS])
{
    struct ctl_view view;
    struct buf text = BUF_INIT;

    enum ctl_status status = ctl_view_init(&view, ctl);
    if (status != CTL_STATUS_OK)
        return status;
    if (view.format == CTL_FORMAT_JSON)
        add_object(&text, look, top);
    else if (view.format == CTL_FORMAT_TABLE)
        status = add_picture(&text, ctl, &view, look, top);
    else /* one table to a file: queues */
        status = add_table(&text, ctl, &view, &kinds[0], top[0]);
    if (status == CTL_STATUS_OK)
        status = ctl_print(&text);
    buf_fini(&text);
    return status;
}

/* One picture: a look, set against the one before, which it replaces. */
static enum ctl_status picture(struct ctl *ctl, struct look *before, size_t lines)
{
    struct look after;
    json_t *top[KINDS];

    enum ctl_status status = look_at(ctl, &after);
    double seconds = after.at > before->at ? after.at - before->at : 1;
    for (size_t i = 0; i < KINDS; i++)
        top[i] = rank(&kinds[i], before->rows[i], after.rows[i], seconds, lines);
    if (status == CTL_STATUS_OK)
        status = show(ctl, &after, top);
    for (size_t i = 0; i < KINDS; i++)
        json_decref(top[i]);
    forget(before);
    *before = after;
    return status;
}

enum ctl_status verb_top(struct ctl *ctl)
{
    const struct ctl_options *options = &ctl->line.options;
    const struct timespec interval = {
        .tv_sec = (time_t)ctl_options_number(options, CTL_INTERVAL, INTERVAL_DEFAULT)};
    size_t lines = ctl_options_number(options, CTL_LINES, LINES_DEFAULT);
    struct look before;

    if (interval.tv_sec == 0)
        return ctl_complain(CTL_STATUS_USAGE, "--interval is at least one second");
    enum ctl_status status = look_at(ctl, &before);
    while (status == CTL_STATUS_OK) {
        nanosleep(&interval, NULL);
        status = picture(ctl, &before, lines);
        if (ctl_options_flag(options, CTL_ONCE))
            break;
    }
    forget(&before);
    return status;
}
