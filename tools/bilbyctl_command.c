/* SPDX-License-Identifier: Apache-2.0 */
/* The command line, by one loop over the rows of bilbyctl_commands.def. */
#include "tools/bilbyctl_command.h"

#include "base/mem.h"
#include "tools/bilbyctl_commands.def"
#include "tools/bilbyctl_verbs.h"

#include <stdio.h>

static const struct ctl_command commands[] = {
#define S(title) {.help = (title)},
#define X(own_name, own_arguments, own_options, handler, template, shown, text)                    \
    {.name = (own_name),                                                                           \
     .arguments = (own_arguments),                                                                 \
     .options = (own_options),                                                                     \
     .run = (handler),                                                                             \
     .request = (template),                                                                        \
     .shows = (shown),                                                                             \
     .help = (text)},
    CTL_COMMANDS(X, S)
#undef X
#undef S
};

const struct ctl_command *ctl_command_at(size_t index)
{
    return index < ARRAY_LEN(commands) ? &commands[index] : NULL;
}

static const struct ctl_command *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].name && strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

const struct ctl_command *ctl_command_find(char *const *words, size_t count, size_t *used)
{
    static const char joints[] = {' ', '_'};
    const struct ctl_command *command = NULL;
    char name[CTL_WORD_MAX];

    for (size_t i = 0; i < sizeof(joints) && count > 1 && !command; i++) {
        int len = snprintf(name, sizeof(name), "%s%c%s", words[0], joints[i], words[1]);
        if (len > 0 && (size_t)len < sizeof(name))
            command = find(name);
    }
    *used = command ? 2 : 1;
    return command || count == 0 ? command : find(words[0]);
}

bool ctl_next_word(const char **text, char *word, size_t size)
{
    *text += strspn(*text, " ");
    size_t len = strcspn(*text, " ");

    CHECK(len < size);
    memcpy(word, *text, len);
    word[len] = '\0';
    *text += len;
    return len > 0;
}

/* "[name=]" and the like. */
static void read_argument(struct ctl_argument *argument, char *word)
{
    size_t len = strlen(word);

    *argument = (struct ctl_argument){.required = word[0] != '['};
    if (!argument->required) {
        word[len - 1] = '\0';
        word++;
        len -= 2;
    }
    argument->pair = word[len - 1] == '=';
    argument->rest = word[len - 1] == '.';
    word[len - (argument->pair ? 1 : 0) - (argument->rest ? 3 : 0)] = '\0';
    memcpy(argument->name, word, strlen(word) + 1);
}

size_t ctl_command_arguments(const struct ctl_command *command,
                             struct ctl_argument arguments[CTL_ARGUMENTS_MAX])
{
    const char *text = command->arguments;
    char word[CTL_WORD_MAX];
    size_t count = 0;

    while (ctl_next_word(&text, word, sizeof(word))) {
        CHECK(count < CTL_ARGUMENTS_MAX);
        read_argument(&arguments[count++], word);
    }
    return count;
}

bool ctl_command_takes(const struct ctl_command *command, enum ctl_option_id id)
{
    const struct ctl_option *option = ctl_option(id);
    const char *text = command ? command->options : "";
    char word[CTL_WORD_MAX];

    if (option->where == CTL_WHERE_EVERYWHERE || option->where == CTL_WHERE_SETTING)
        return true;
    while (ctl_next_word(&text, word, sizeof(word)))
        if (strcmp(word, option->name) == 0)
            return true;
    return false;
}

/* ---- options among the words ---- */

/* argv, being walked. */
struct walk {
    int argc, at;
    char **argv;
};

static enum ctl_status take_option(struct ctl_line *line, struct walk *walk)
{
    const char *word = walk->argv[walk->at++];
    const char *name = word + (word[1] == '-' ? 2 : 1);
    const char *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    enum ctl_option_id id;

    /* One letter after one dash, more after two. */
    if ((word[1] == '-') != (len > 1) || !ctl_option_find(slice_of(name, len), &id))
        return ctl_complain(CTL_STATUS_USAGE, "there is no option %s (--help shows them)", word);
    const struct ctl_option *option = ctl_option(id);
    const char *value = "true";
    if (!option->argument && equals)
        return ctl_complain(CTL_STATUS_USAGE, "--%s takes no value", option->name);
    if (option->argument) {
        value = equals ? equals + 1 : walk->argv[walk->at];
        if (!value)
            return ctl_complain(CTL_STATUS_USAGE, "--%s wants a value (%s)", option->name,
                                option->argument);
        walk->at += equals ? 0 : 1;
    }
    bool had = line->options.values[id];
    enum ctl_status status = ctl_options_set(&line->options, id, value, word);
    if (status == CTL_STATUS_OK && option->argument && (had || !line->options.values[id]))
        return ctl_complain(CTL_STATUS_USAGE,
                            "--%s is given twice, or with another that says the same",
                            option->name);
    return status;
}

/* Divides argv into options and words; "--" ends the options. */
static enum ctl_status divide(struct ctl_line *line, struct walk *walk, size_t *count)
{
    enum ctl_status status = CTL_STATUS_OK;
    bool options = true;

    while (walk->at < walk->argc && status == CTL_STATUS_OK) {
        char *word = walk->argv[walk->at];
        if (options && strcmp(word, "--") == 0) {
            options = false;
            walk->at++;
        } else if (options && word[0] == '-' && word[1] != '\0') {
            status = take_option(line, walk);
        } else {
            line->words[(*count)++] = word;
            walk->at++;
        }
    }
    return status;
}

static enum ctl_status check_options(const struct ctl_line *line)
{
    for (enum ctl_option_id id = 0; id < CTL_OPTION_COUNT; id++)
        if (line->options.values[id] && !ctl_command_takes(line->command, id))
            return ctl_complain(CTL_STATUS_USAGE, "%s takes no --%s", line->command->name,
                                ctl_option(id)->name);
    return CTL_STATUS_OK;
}

/* ---- the command's arguments ---- */

static enum ctl_status usage(const struct ctl_line *line, const char *what, const char *name)
{
    return ctl_complain(CTL_STATUS_USAGE, "%s: %s%s\nUsage: bilbyctl %s %s", line->command->name,
                        what, name, line->command->name, line->command->arguments);
}

static enum ctl_status take_pair(struct ctl_line *line, const char *word)
{
    const char *equals = strchr(word, '=');

    if (!equals)
        return usage(line, "this is no name=value: ", word);
    struct slice name = slice_of(word, (size_t)(equals - word));
    for (size_t i = 0; i < line->argument_count; i++) {
        if (!slice_equal_str(name, line->arguments[i].name))
            continue;
        if (line->values[i])
            return usage(line, "given twice: ", line->arguments[i].name);
        line->values[i] = equals + 1;
        return CTL_STATUS_OK;
    }
    return usage(line, "it has no such argument: ", word);
}

static enum ctl_status take_pairs(struct ctl_line *line, char **words, size_t count)
{
    enum ctl_status status = CTL_STATUS_OK;

    for (size_t i = 0; i < count && status == CTL_STATUS_OK; i++)
        status = take_pair(line, words[i]);
    return status;
}

static enum ctl_status take_words(struct ctl_line *line, char **words, size_t count)
{
    size_t arguments = line->argument_count;
    bool rest = arguments > 0 && line->arguments[arguments - 1].rest;
    size_t fixed = rest ? arguments - 1 : arguments;

    if (arguments > 0 && line->arguments[0].pair)
        return take_pairs(line, words, count);
    for (size_t i = 0; i < count && i < fixed; i++)
        line->values[i] = words[i];
    if (count <= fixed)
        return CTL_STATUS_OK;
    if (!rest)
        return usage(line, "what is this? ", words[fixed]);
    line->rest = words + fixed;
    line->rest_count = count - fixed;
    return CTL_STATUS_OK;
}

static enum ctl_status check_required(const struct ctl_line *line)
{
    for (size_t i = 0; i < line->argument_count; i++)
        if (line->arguments[i].required && !line->values[i])
            return usage(line, "it wants ", line->arguments[i].name);
    return CTL_STATUS_OK;
}

static enum ctl_status read_command(struct ctl_line *line, size_t count)
{
    size_t used;

    line->command = ctl_command_find(line->words, count, &used);
    if (!line->command)
        return ctl_complain(CTL_STATUS_USAGE, "there is no command %s (--help shows them)",
                            line->words[0]);
    if (ctl_options_flag(&line->options, CTL_HELP))
        return CTL_STATUS_OK;
    line->argument_count = ctl_command_arguments(line->command, line->arguments);
    enum ctl_status status = take_words(line, line->words + used, count - used);
    if (status == CTL_STATUS_OK)
        status = check_required(line);
    line->vhost_given = line->options.values[CTL_VHOST];
    return status == CTL_STATUS_OK ? check_options(line) : status;
}

enum ctl_status ctl_line_parse(struct ctl_line *line, int argc, char **argv)
{
    struct walk walk = {.argc = argc, .at = 1, .argv = argv};
    size_t count = 0;

    *line = (struct ctl_line){.words = mem_zalloc(((size_t)argc + 1) * sizeof(char *))};
    enum ctl_status status = divide(line, &walk, &count);
    if (status != CTL_STATUS_OK)
        return status;
    if (count > 0)
        return read_command(line, count);
    if (ctl_options_flag(&line->options, CTL_HELP) || ctl_options_flag(&line->options, CTL_VERSION))
        return CTL_STATUS_OK;
    return ctl_complain(CTL_STATUS_USAGE, "what shall it do? (--help shows the commands)");
}

void ctl_line_fini(struct ctl_line *line)
{
    ctl_options_fini(&line->options);
    mem_free(line->words);
}

/* A member of a body has underscores where the option has dashes. */
static bool find_by_member(const char *name, enum ctl_option_id *id)
{
    char option[CTL_WORD_MAX];
    size_t len = strlen(name);

    CHECK(len < sizeof(option));
    for (size_t i = 0; i <= len; i++)
        option[i] = name[i] == '_' ? '-' : name[i];
    return ctl_option_find(slice_of(option, len), id);
}

const char *ctl_line_value(const struct ctl_line *line, const char *name)
{
    enum ctl_option_id id;

    for (size_t i = 0; i < line->argument_count; i++)
        if (strcmp(line->arguments[i].name, name) == 0)
            return line->values[i];
    if (!find_by_member(name, &id))
        return NULL;
    return ctl_options_text_of(&line->options, id, id == CTL_VHOST ? "/" : NULL);
}
