/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about the node as a whole, and those that are one request and a sentence. */
#include "config.h"
#include "tools/bilbyctl_print.h"
#include "tools/bilbyctl_verbs.h"

#include <stdio.h>
#include <time.h>

enum ctl_status verb_send(struct ctl *ctl)
{
    enum ctl_status status = ctl_fetch(ctl, NULL);

    if (status == CTL_STATUS_OK)
        ctl_say_done(ctl);
    return status;
}

enum ctl_status verb_version(struct ctl *ctl)
{
    (void)ctl;
    puts(PACKAGE_VERSION);
    return CTL_STATUS_OK;
}

enum ctl_status verb_server_version(struct ctl *ctl)
{
    json_t *version;

    enum ctl_status status = ctl_fetch(ctl, &version);
    if (status == CTL_STATUS_OK && !json_is_string(version))
        status = ctl_complain(CTL_STATUS_SOFTWARE, "the broker does not tell its version");
    if (status == CTL_STATUS_OK)
        puts(json_string_value(version));
    json_decref(version);
    return status;
}

enum ctl_status verb_refuse(struct ctl *ctl)
{
    const struct ctl_command *command = ctl->line.command;

    return ctl_complain(CTL_STATUS_USAGE, "%s is refused: %s", command->name, command->shows);
}

/* ---- waiting ---- */

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static const struct timespec pause_between = {.tv_nsec = 100L * 1000 * 1000};

enum ctl_status verb_await_startup(struct ctl *ctl)
{
    const struct ctl_question question = {.method = "GET", .path = "/whoami", .about = "user"};
    double deadline =
        seconds_now() + (double)ctl_options_number(&ctl->line.options, CTL_TIMEOUT, 60);
    struct ctl_answer answer;

    while (!ctl_client_ask(ctl->client, &question, &answer)) {
        if (seconds_now() >= deadline)
            return ctl_complain(CTL_STATUS_UNAVAILABLE, "%s", ctl_client_failure(ctl->client));
        nanosleep(&pause_between, NULL);
    }
    json_decref(answer.document);
    if (answer.status >= 300)
        return ctl_client_explain(ctl->client, &question, &answer);
    ctl_say_done(ctl);
    return CTL_STATUS_OK;
}

/* ---- status ---- */

static void add_duration(struct buf *out, long long seconds)
{
    if (seconds >= 86400)
        buf_printf(out, "%lld d ", seconds / 86400);
    if (seconds >= 3600)
        buf_printf(out, "%lld h ", seconds / 3600 % 24);
    buf_printf(out, "%lld min %lld s", seconds / 60 % 60, seconds % 60);
}

static long long number_at(const json_t *object, const char *path)
{
    return (long long)json_number_value(ctl_member(object, path));
}

static const char *text_at(const json_t *object, const char *path)
{
    const char *text = json_string_value(ctl_member(object, path));

    return text ? text : "";
}

static void heading(struct buf *out, const char *name)
{
    buf_printf(out, "%-14s", name);
}

static void add_of(struct buf *out, const char *name, const json_t *node, const char *used,
                   const char *total, bool alarm)
{
    heading(out, name);
    ctl_add_bytes(out, json_number_value(json_object_get(node, used)));
    buf_add_str(out, ", alarm at ");
    ctl_add_bytes(out, json_number_value(json_object_get(node, total)));
    buf_add_str(out, alarm ? " (the alarm is on)\n" : "\n");
}

static void add_node(struct buf *out, const json_t *node)
{
    heading(out, "Uptime");
    add_duration(out, number_at(node, "uptime") / 1000);
    buf_printf(out, ", process %s\n", text_at(node, "os_pid"));
    add_of(out, "Memory", node, "mem_used", "mem_limit",
           json_is_true(json_object_get(node, "mem_alarm")));
    add_of(out, "Disk free", node, "disk_free", "disk_free_limit",
           json_is_true(json_object_get(node, "disk_free_alarm")));
    heading(out, "Descriptors");
    buf_printf(out, "%lld of %lld, %lld sockets\n", number_at(node, "fd_used"),
               number_at(node, "fd_total"), number_at(node, "sockets_used"));
}

static void add_listeners(struct buf *out, const json_t *listeners)
{
    size_t index;
    json_t *listener;

    json_array_foreach(listeners, index, listener)
    {
        heading(out, index ? "" : "Listeners");
        buf_printf(out, "%s on %s port %lld\n", text_at(listener, "protocol"),
                   text_at(listener, "ip_address"), number_at(listener, "port"));
    }
}

static void add_totals(struct buf *out, const json_t *overview)
{
    static const char *const kinds[] = {"connections", "channels", "exchanges", "queues",
                                        "consumers"};
    const json_t *totals = json_object_get(overview, "object_totals");

    heading(out, "Totals");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        size_t count = (size_t)number_at(totals, kinds[i]);
        buf_printf(out, "%s%zu ", i ? ", " : "", count);
        ctl_add_noun(out, kinds[i], count);
    }
    buf_add_u8(out, '\n');
    heading(out, "Messages");
    buf_printf(out, "%lld: %lld ready, %lld unacknowledged\n",
               number_at(overview, "queue_totals.messages"),
               number_at(overview, "queue_totals.messages_ready"),
               number_at(overview, "queue_totals.messages_unacknowledged"));
}

/* `node` is NULL for users who may not see it. */
static enum ctl_status print_status(const json_t *overview, const json_t *node)
{
    struct buf out = BUF_INIT;

    heading(&out, "Node");
    buf_printf(&out, "%s\n", text_at(overview, "node"));
    heading(&out, "Version");
    buf_printf(&out, "%s %s, as RabbitMQ %s\n", text_at(overview, "product_name"),
               text_at(overview, "product_version"), text_at(overview, "rabbitmq_version"));
    if (node)
        add_node(&out, node);
    add_totals(&out, overview);
    add_listeners(&out, json_object_get(overview, "listeners"));
    enum ctl_status status = ctl_print(&out);
    buf_fini(&out);
    return status;
}

static bool for_programs(const struct ctl *ctl)
{
    return strcmp(ctl_options_text_of(&ctl->line.options, CTL_FORMATTER, "table"), "table") != 0;
}

enum ctl_status verb_status(struct ctl *ctl)
{
    const struct ctl_question about_all = {
        .method = "GET", .path = "/overview", .about = "overview"};
    const struct ctl_question about_node = {.method = "GET", .path = "/nodes", .about = "node"};
    struct ctl_answer answer = {0};
    json_t *overview;

    enum ctl_status status = ctl_client_call(ctl->client, &about_all, &overview);
    if (status != CTL_STATUS_OK)
        return status;
    if (!ctl_client_ask(ctl->client, &about_node, &answer)) {
        json_decref(overview);
        return ctl_complain(CTL_STATUS_UNAVAILABLE, "%s", ctl_client_failure(ctl->client));
    }
    json_t *node = answer.status < 300 ? json_array_get(answer.document, 0) : NULL;
    if (for_programs(ctl)) {
        json_object_update(overview, node);
        status = ctl_print_object(ctl, overview);
    } else {
        status = print_status(overview, node);
    }
    json_decref(answer.document);
    json_decref(overview);
    return status;
}

/* ---- closing connections ---- */

static enum ctl_status close_one(struct ctl *ctl, const char *name)
{
    struct buf path = BUF_INIT;
    struct ctl_answer answer;

    buf_add_str(&path, "/connections/");
    ctl_encode(&path, name);
    const struct ctl_question question = {
        .method = "DELETE",
        .path = buf_cstr(&path),
        .reason = ctl_line_value(&ctl->line, "reason"),
        .about = "connection",
    };
    enum ctl_status status = CTL_STATUS_OK;
    if (!ctl_client_ask(ctl->client, &question, &answer)) {
        status = ctl_complain(CTL_STATUS_UNAVAILABLE, "%s", ctl_client_failure(ctl->client));
    } else {
        /* One that has gone by itself is closed as well. */
        if (answer.status >= 300 && answer.status != 404)
            status = ctl_client_explain(ctl->client, &question, &answer);
        json_decref(answer.document);
    }
    buf_fini(&path);
    return status;
}

enum ctl_status verb_close_all_connections(struct ctl *ctl)
{
    const struct ctl_question question = {
        .method = "GET", .path = "/connections?columns=name,vhost", .about = "connection"};
    const char *vhost = ctl_line_value(&ctl->line, "vhost");
    bool all = ctl_options_flag(&ctl->line.options, CTL_GLOBAL);
    size_t index, closed = 0;
    json_t *rows, *row;

    enum ctl_status status = ctl_client_call(ctl->client, &question, &rows);
    json_array_foreach(rows, index, row)
    {
        if (status != CTL_STATUS_OK || (!all && strcmp(text_at(row, "vhost"), vhost) != 0))
            continue;
        status = close_one(ctl, text_at(row, "name"));
        closed += status == CTL_STATUS_OK;
    }
    json_decref(rows);
    if (status == CTL_STATUS_OK && ctl_talks(ctl))
        printf("%zu connection%s closed\n", closed, closed == 1 ? "" : "s");
    return status;
}

/* ---- everything, for a bug report ---- */

/* Runs another command, of all virtual hosts where it has the choice. */
static enum ctl_status run_part(struct ctl *ctl, const char *name)
{
    char *word = (char *)(uintptr_t)name; /* only read */
    size_t used;
    const struct ctl_command *whole = ctl->line.command;
    const struct ctl_command *part = ctl_command_find(&word, 1, &used);

    CHECK(part);
    printf("\n== %s ==\n", name);
    fflush(stdout);
    ctl->line.command = part;
    enum ctl_status status = part->run(ctl);
    ctl->line.command = whole;
    return status;
}

enum ctl_status verb_report(struct ctl *ctl)
{
    static const char *const parts[] = {
        "status",         "environment",   "list_vhosts",      "list_users",
        "list_policies",  "list_queues",   "list_exchanges",   "list_bindings",
        "list_consumers", "list_channels", "list_connections", "list_feature_flags",
    };
    enum ctl_status status = ctl_options_set(&ctl->line.options, CTL_ALL_VHOSTS, "true", "report");

    for (size_t i = 0; status == CTL_STATUS_OK && i < ARRAY_LEN(parts); i++)
        status = run_part(ctl, parts[i]);
    return status;
}
