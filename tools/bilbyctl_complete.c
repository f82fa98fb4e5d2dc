/* SPDX-License-Identifier: Apache-2.0 */
/* `autocomplete`: what could stand in the place of the last word, a line each. Commands, options,
 * arguments and columns come from the tables, names of queues and the like from the broker.
 */
#include "base/mem.h"
#include "tools/bilbyctl_help.h"
#include "tools/bilbyctl_print.h"
#include "tools/bilbyctl_verbs.h"

#define PATIENCE_SECONDS 2 /* a key was pressed: better no names than late ones */

struct completion {
    struct ctl *ctl;
    const char *prefix;
    char **words; /* those before it that are no options */
    size_t count;
    const struct ctl_command *command;
    size_t used; /* words of its name */
    struct buf out;
};

static void offer(struct completion *completion, const char *candidate)
{
    if (strncmp(candidate, completion->prefix, strlen(completion->prefix)) == 0)
        buf_printf(&completion->out, "%s\n", candidate);
}

static void offer_words(struct completion *completion, const char *text)
{
    char word[CTL_COLUMN_MAX];

    while (ctl_next_word(&text, word, sizeof(word)))
        offer(completion, word);
}

/* ---- names of the broker's objects ---- */

/* Where the names that an argument or option can have are listed. */
static const struct {
    const char *argument, *path, *member;
} sources[] = {
    {"queue", "/queues/{vhost}?columns=name", "name"},
    {"exchange", "/exchanges/{vhost}?columns=name", "name"},
    {"vhost", "/vhosts?columns=name", "name"},
    {"user", "/users?columns=name", "name"},
    {"connection", "/connections?columns=name", "name"},
};

static void fill_vhost(struct buf *out, const char *path, const char *vhost)
{
    const char *place = strstr(path, "{vhost}");

    if (!place) {
        buf_add_str(out, path);
        return;
    }
    buf_add(out, path, (size_t)(place - path));
    ctl_encode(out, vhost);
    buf_add_str(out, place + strlen("{vhost}"));
}

static void offer_names(struct completion *completion, const char *path, const char *member)
{
    struct ctl_client *client = completion->ctl->client;
    struct buf url = BUF_INIT;
    struct ctl_answer answer;
    size_t index;
    json_t *row;

    fill_vhost(&url, path, ctl_line_value(&completion->ctl->line, "vhost"));
    const struct ctl_question question = {.method = "GET", .path = buf_cstr(&url)};
    ctl_client_timeout(client, PATIENCE_SECONDS);
    if (ctl_client_ask(client, &question, &answer)) {
        json_array_foreach(answer.document, index, row)
        {
            const char *name = json_string_value(json_object_get(row, member));
            if (name && *name && !strpbrk(name, "\n\r"))
                offer(completion, name);
        }
        json_decref(answer.document);
    }
    buf_fini(&url);
}

static void offer_objects(struct completion *completion, const char *argument)
{
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (strcmp(sources[i].argument, argument) == 0)
            offer_names(completion, sources[i].path, sources[i].member);
}

/* ---- what the tables know ---- */

/* First words, or the second ones of names in two words. */
static void offer_commands(struct completion *completion)
{
    const struct ctl_command *command;

    for (size_t i = 0; (command = ctl_command_at(i)); i++) {
        if (!command->name)
            continue;
        size_t len = strcspn(command->name, " ");
        char *first = mem_strndup(command->name, len);
        const struct ctl_command *before = i > 0 ? ctl_command_at(i - 1) : NULL;
        bool again = before && before->name && strncmp(before->name, command->name, len + 1) == 0 &&
                     command->name[len] == ' ';
        if (completion->count == 0 && !again)
            offer(completion, first);
        else if (completion->count == 1 && command->name[len] &&
                 strcmp(first, completion->words[0]) == 0)
            offer(completion, command->name + len + 1);
        mem_free(first);
    }
}

static void offer_options(struct completion *completion)
{
    struct buf word = BUF_INIT;

    for (enum ctl_option_id id = 0; id < CTL_OPTION_COUNT; id++) {
        if (!ctl_command_takes(completion->command, id))
            continue;
        buf_clear(&word);
        buf_printf(&word, "--%s", ctl_option(id)->name);
        offer(completion, buf_cstr(&word));
    }
    buf_fini(&word);
}

static void offer_pairs(struct completion *completion, const struct ctl_argument *arguments,
                        size_t count)
{
    struct buf word = BUF_INIT;

    for (size_t i = 0; i < count; i++) {
        buf_clear(&word);
        buf_printf(&word, "%s=", arguments[i].name);
        offer(completion, buf_cstr(&word));
    }
    buf_fini(&word);
}

static void offer_arguments(struct completion *completion)
{
    struct ctl_argument arguments[CTL_ARGUMENTS_MAX];
    size_t count = ctl_command_arguments(completion->command, arguments);
    size_t at = completion->count - completion->used;
    struct buf columns = BUF_INIT;

    if (count == 0)
        return;
    if (arguments[0].pair) {
        offer_pairs(completion, arguments, count);
        return;
    }
    at = at < count ? at : count - 1;
    if (strcmp(arguments[at].name, "column") == 0) {
        ctl_add_column_names(&columns, completion->command, " ");
        offer_words(completion, buf_cstr(&columns));
        buf_fini(&columns);
    } else if (strcmp(arguments[at].name, "command") == 0) {
        completion->count = at;
        offer_commands(completion);
    } else {
        offer_objects(completion, arguments[at].name);
    }
}

/* The value of the option before the prefix. */
static void offer_values(struct completion *completion, enum ctl_option_id id)
{
    if (id == CTL_FORMATTER)
        offer_words(completion, "table json csv tsv");
    else if (id == CTL_APPLY_TO)
        offer_words(completion, "all queues exchanges");
    else
        offer_objects(completion, ctl_option(id)->name);
}

/* An option that waits for its value in the next word. */
static bool waits(const char *word, enum ctl_option_id *id)
{
    const char *name = word + strspn(word, "-");

    return word[0] == '-' && !strchr(word, '=') && ctl_option_find(slice_str(name), id) &&
           ctl_option(*id)->argument;
}

enum ctl_status verb_autocomplete(struct ctl *ctl)
{
    const struct ctl_line *line = &ctl->line;
    size_t last = line->rest_count ? line->rest_count - 1 : 0;
    struct completion completion = {
        .ctl = ctl,
        .prefix = line->rest_count ? line->rest[last] : "",
        .words = mem_zalloc((last + 1) * sizeof(char *)),
    };
    enum ctl_option_id id = CTL_OPTION_COUNT;
    bool waiting = false;

    for (size_t i = 0; i < last; i++) {
        bool value = waiting;
        waiting = !value && waits(line->rest[i], &id);
        if (!value && !waiting && line->rest[i][0] != '-')
            completion.words[completion.count++] = line->rest[i];
    }
    completion.command = ctl_command_find(completion.words, completion.count, &completion.used);
    if (waiting)
        offer_values(&completion, id);
    else if (completion.prefix[0] == '-')
        offer_options(&completion);
    else if (completion.command)
        offer_arguments(&completion);
    else
        offer_commands(&completion);
    enum ctl_status status = ctl_print(&completion.out);
    buf_fini(&completion.out);
    mem_free(completion.words);
    return status;
}
