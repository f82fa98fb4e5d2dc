/* SPDX-License-Identifier: Apache-2.0 */
/* `explain`: where a message would go and why, for people to read from top to bottom. */
#include "tools/bilbyctl_print.h"
#include "tools/bilbyctl_verbs.h"

/* ---- asking ---- */

static void add_parameter(struct buf *path, const struct ctl *ctl, const char *name, char separator)
{
    const char *value = ctl_line_value(&ctl->line, name);

    buf_add_u8(path, (uint8_t)separator);
    buf_printf(path, "%s=", name);
    ctl_encode(path, value ? value : "");
}

static enum ctl_status ask(struct ctl *ctl, json_t **answer)
{
    const char *exchange = ctl_line_value(&ctl->line, "exchange");
    struct buf path = BUF_INIT, about = BUF_INIT;

    exchange = exchange && *exchange ? exchange : "amq.default";
    buf_add_str(&path, "/exchanges/");
    ctl_encode(&path, ctl_line_value(&ctl->line, "vhost"));
    buf_add_u8(&path, '/');
    ctl_encode(&path, exchange);
    buf_add_str(&path, "/explain");
    add_parameter(&path, ctl, "routing_key", '?');
    add_parameter(&path, ctl, "headers", '&');
    add_parameter(&path, ctl, "properties", '&');
    buf_printf(&about, "exchange \"%s\" in virtual host \"%s\"", exchange,
               ctl_line_value(&ctl->line, "vhost"));
    const struct ctl_question question = {
        .method = "GET", .path = buf_cstr(&path), .about = buf_cstr(&about)};
    enum ctl_status status = ctl_client_call(ctl->client, &question, answer);
    buf_fini(&path);
    buf_fini(&about);
    return status;
}

/* ---- telling ---- */

static void add_member(struct buf *out, const json_t *object, const char *name)
{
    ctl_add_visible(out, json_object_get(object, name));
}

/* An exchange's name; the default one has none. */
static void add_exchange(struct buf *out, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (json_string_length(value) == 0)
        buf_add_str(out, "(default exchange)");
    else
        ctl_add_visible(out, value);
}

/* "orders --[eu.#]--> europe" */
static void add_binding(struct buf *out, const json_t *binding)
{
    const json_t *arguments = json_object_get(binding, "arguments");

    add_exchange(out, binding, "source");
    buf_add_str(out, " --[");
    add_member(out, binding, "routing_key");
    if (json_object_size(arguments)) {
        buf_add_u8(out, ' ');
        ctl_add_visible(out, arguments);
    }
    buf_add_str(out, "]--> ");
    add_member(out, binding, "destination");
}

static void add_path(struct buf *out, const json_t *path)
{
    size_t index;
    json_t *binding;

    json_array_foreach(path, index, binding)
    {
        buf_add_str(out, "    ");
        add_binding(out, binding);
        buf_add_u8(out, '\n');
    }
}

static void add_sentences(struct buf *out, const json_t *sentences)
{
    size_t index;
    json_t *sentence;

    json_array_foreach(sentences, index, sentence)
    {
        buf_add_str(out, "  - ");
        ctl_add_visible(out, sentence);
        buf_add_u8(out, '\n');
    }
}

static void add_queue(struct buf *out, const json_t *queue)
{
    buf_add_str(out, "\nQueue ");
    add_member(out, queue, "name");
    buf_add_u8(out, '\n');
    add_path(out, json_object_get(queue, "path"));
    add_sentences(out, json_object_get(queue, "then"));
}

static void add_near(struct buf *out, const json_t *rows)
{
    size_t index;
    json_t *row;

    if (json_array_size(rows))
        buf_add_str(out, "  Nearly matched:\n");
    json_array_foreach(rows, index, row)
    {
        buf_add_str(out, "    ");
        add_binding(out, row);
        buf_add_str(out, ": ");
        add_member(out, row, "reason");
        buf_add_u8(out, '\n');
    }
}

static void add_stop(struct buf *out, const json_t *stop)
{
    long long bindings = json_integer_value(json_object_get(stop, "bindings"));
    bool used = json_is_true(json_object_get(stop, "alternate_used"));

    buf_add_str(out, "\nExchange ");
    add_exchange(out, stop, "name");
    buf_add_str(out, ", ");
    add_member(out, stop, "type");
    buf_printf(out, ": %lld of %lld binding%s match%s\n",
               (long long)json_integer_value(json_object_get(stop, "matched_count")), bindings,
               bindings == 1 ? "" : "s", bindings == 1 ? "es" : "");
    add_near(out, json_object_get(stop, "near"));
    if (used) {
        buf_add_str(out, "  Nothing matches: on to the alternate exchange ");
        add_member(out, stop, "alternate_exchange");
        buf_add_u8(out, '\n');
    }
}

/* How many more there are than are shown. */
static void add_more(struct buf *out, const json_t *answer, const char *list, const char *count)
{
    size_t shown = json_array_size(json_object_get(answer, list));
    size_t all = (size_t)json_integer_value(json_object_get(answer, count));

    if (all > shown)
        buf_printf(out, "\n… and %zu more %s\n", all - shown, list);
}

static enum ctl_status print_answer(const json_t *answer)
{
    struct buf out = BUF_INIT;
    size_t index;
    json_t *part;

    add_member(&out, answer, "outcome");
    buf_add_u8(&out, '\n');
    json_array_foreach(json_object_get(answer, "queues"), index, part) add_queue(&out, part);
    add_more(&out, answer, "queues", "queue_count");
    json_array_foreach(json_object_get(answer, "exchanges"), index, part) add_stop(&out, part);
    add_more(&out, answer, "exchanges", "exchange_count");
    if (json_is_false(json_object_get(answer, "looked_at_all")))
        buf_printf(&out, "\nOf the bindings that don't match, %lld were looked at.\n",
                   (long long)json_integer_value(json_object_get(answer, "looked_at")));
    enum ctl_status status = ctl_print(&out);
    buf_fini(&out);
    return status;
}

enum ctl_status verb_explain(struct ctl *ctl)
{
    const char *formatter = ctl_options_text_of(&ctl->line.options, CTL_FORMATTER, "table");
    json_t *answer;

    enum ctl_status status = ask(ctl, &answer);
    if (status == CTL_STATUS_OK)
        status =
            strcmp(formatter, "table") == 0 ? print_answer(answer) : ctl_print_object(ctl, answer);
    json_decref(answer);
    return status;
}
