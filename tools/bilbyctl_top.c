/* SPDX-License-Identifier: Apache-2.0 */
/* `top`: the busiest queues. Rates are differences between two looks at the queues' counters. */
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

/* The counters whose rates are shown, and the columns' names. */
#define RATES(X)                                                                                   \
    X("publish", "publish/s")                                                                      \
    X("deliver_get", "deliver/s")                                                                  \
    X("ack", "ack/s")

static const struct {
    const char *counter, *column;
} rates[] = {
#define X(counter_name, column_name) {.counter = (counter_name), .column = (column_name)},
    RATES(X)
#undef X
};

struct look {
    json_t *queues; /* as the API gives them */
    double at;      /* seconds */
};

static enum ctl_status look_at(struct ctl *ctl, struct look *look)
{
    const struct ctl_options *options = &ctl->line.options;
    struct buf path = BUF_INIT;
    struct timespec now;

    buf_add_str(&path, "/queues");
    if (!ctl_options_flag(options, CTL_ALL_VHOSTS)) {
        buf_add_u8(&path, '/');
        ctl_encode(&path, ctl_line_value(&ctl->line, "vhost"));
    }
    buf_add_str(&path, "?columns=vhost,name,messages_ready,messages_unacknowledged,consumers,"
                       "message_stats");
    const struct ctl_question question = {
        .method = "GET", .path = buf_cstr(&path), .about = "such virtual host"};
    enum ctl_status status = ctl_client_call(ctl->client, &question, &look->queues);
    clock_gettime(CLOCK_MONOTONIC, &now);
    look->at = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    buf_fini(&path);
    return status;
}

/* An object of queues' counters by virtual host and name. */
static void queue_key(struct buf *key, const json_t *queue)
{
    const char *vhost = json_string_value(json_object_get(queue, "vhost"));
    const char *name = json_string_value(json_object_get(queue, "name"));

    buf_clear(key);
    buf_printf(key, "%zu %s %s", vhost ? strlen(vhost) : 0, vhost ? vhost : "", name ? name : "");
}

static json_t *index_queues(const json_t *queues)
{
    json_t *index = json_object();
    struct buf key = BUF_INIT;
    size_t at;
    json_t *queue;

    json_array_foreach(queues, at, queue)
    {
        queue_key(&key, queue);
        json_object_set(index, buf_cstr(&key), queue);
    }
    buf_fini(&key);
    return index;
}

static double counter_of(const json_t *queue, const char *name)
{
    return json_number_value(json_object_get(json_object_get(queue, "message_stats"), name));
}

/* Adds the rates to a queue; returns their sum, by which queues are sorted. A queue that is new, or
 * was made again, counts from nothing. */
static double add_rates(json_t *queue, const json_t *before, double seconds)
{
    double sum = 0;

    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        double now = counter_of(queue, rates[i].counter);
        double then = counter_of(before, rates[i].counter);
        double rate = (now >= then ? now - then : now) / seconds;
        json_object_set_new(queue, rates[i].column, json_integer((json_int_t)(rate + 0.5)));
        sum += rate;
    }
    return sum;
}

struct ranked {
    json_t *queue;
    double rate, messages;
};

static int compare(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;

    if (a->rate != b->rate)
        return a->rate > b->rate ? -1 : 1;
    if (a->messages != b->messages)
        return a->messages > b->messages ? -1 : 1;
    return 0;
}

/* The busiest queues of the later look, with rates. */
static json_t *rank(const struct look *before, const struct look *after, size_t lines)
{
    size_t count = json_array_size(after->queues);
    struct ranked *ranked = mem_zalloc((count + 1) * sizeof(*ranked));
    json_t *index = index_queues(before->queues);
    json_t *top = json_array();
    struct buf key = BUF_INIT;
    double seconds = after->at > before->at ? after->at - before->at : 1;

    for (size_t i = 0; i < count; i++) {
        json_t *queue = json_array_get(after->queues, i);
        queue_key(&key, queue);
        ranked[i].queue = queue;
        ranked[i].rate = add_rates(queue, json_object_get(index, buf_cstr(&key)), seconds);
        ranked[i].messages = json_number_value(json_object_get(queue, "messages_ready"));
    }
    qsort(ranked, count, sizeof(*ranked), compare);
    for (size_t i = 0; i < count && i < lines; i++)
        json_array_append(top, ranked[i].queue);
    buf_fini(&key);
    json_decref(index);
    mem_free(ranked);
    return top;
}

static enum ctl_status show(const struct ctl *ctl, const json_t *top, size_t total)
{
    static const char shows[] = "*name *publish/s *deliver/s *ack/s *ready:messages_ready "
                                "*unacked:messages_unacknowledged *consumers vhost";
    struct ctl_columns columns;
    struct ctl_view view;
    struct buf text = BUF_INIT;

    enum ctl_status status = ctl_view_init(&view, ctl);
    if (status == CTL_STATUS_OK)
        status = ctl_columns_choose(&columns, shows, NULL, 0);
    if (status != CTL_STATUS_OK)
        return status;
    if (ctl_options_flag(&ctl->line.options, CTL_ALL_VHOSTS))
        ctl_columns_lead(&columns, shows, "vhost");
    if (!ctl_options_flag(&ctl->line.options, CTL_ONCE) && isatty(STDOUT_FILENO))
        buf_add_str(&text, CLEAR_SCREEN);
    ctl_add_table(&text, &view, &columns, top);
    if (ctl_talks(ctl))
        buf_printf(&text, "%zu of %zu queues\n", json_array_size(top), total);
    status = ctl_print(&text);
    buf_fini(&text);
    return status;
}

/* One picture: a look, set against the one before, which it replaces. */
static enum ctl_status picture(struct ctl *ctl, struct look *before, size_t lines)
{
    struct look after;

    enum ctl_status status = look_at(ctl, &after);
    if (status != CTL_STATUS_OK)
        return status;
    json_t *top = rank(before, &after, lines);
    status = show(ctl, top, json_array_size(after.queues));
    json_decref(top);
    json_decref(before->queues);
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
    if (status != CTL_STATUS_OK)
        return status;
    do {
        nanosleep(&interval, NULL);
        status = picture(ctl, &before, lines);
    } while (status == CTL_STATUS_OK && !ctl_options_flag(options, CTL_ONCE));
    json_decref(before.queues);
    return status;
}
