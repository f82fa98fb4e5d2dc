/* SPDX-License-Identifier: Apache-2.0 */
/* The command line, by one loop over the rows of perf_options.def. */
#include "tools/perf_options.h"

#include "base/check.h"
#include "base/slice.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define RPC_SIZE_MIN 16       /* a reply is known by its whole stamp */
#define RPC_SIZE_MAX 500000   /* a reply is encoded in one piece */
#define TEMPLATES_MAX 1000000 /* each is a message in memory */

enum kind {
    KIND_FLAG,
    KIND_ONOFF,
    KIND_NUMBER,
    KIND_BITS,
    KIND_TEXT,
};

struct row {
    const char *shorthand; /* without its dash; "": none */
    const char *name;
    const char *fallback; /* NULL: zero */
    const char *argument; /* what --help calls it; NULL: takes none */
    const char *help;
    uint64_t least;
    uint64_t most;
    size_t offset; /* of the member */
    enum kind kind;
};

/* A section's title is a row without a name. */
static const struct row ROWS[] = {
#define S(title) {.help = (title)},
#define X(short_name, long_name, type, field, standard, low, high, what, text)                     \
    {.shorthand = (short_name),                                                                    \
     .name = (long_name),                                                                          \
     .fallback = (standard),                                                                       \
     .argument = (what),                                                                           \
     .help = (text),                                                                               \
     .least = (low),                                                                               \
     .most = (high),                                                                               \
     .offset = offsetof(struct perf_options, field),                                               \
     .kind = KIND_##type},
    PERF_OPTIONS(X, S)
#undef X
#undef S
};

struct failure {
    char *text;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static bool complain(const struct failure *failure,
                                                           const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->text, failure->size, format, arguments);
    va_end(arguments);
    return false;
}

static void *member(struct perf_options *options, const struct row *row)
{
    return (char *)options + row->offset;
}

static bool set_number(const struct row *row, uint64_t *out, const char *text,
                       const struct failure *failure)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end || text[0] == '-' || errno)
        return complain(failure, "--%s wants a whole number, not '%s'", row->name, text);
    if (value < row->least || value > row->most)
        return complain(failure, "--%s must be from %llu to %llu, not %s", row->name,
                        (unsigned long long)row->least, (unsigned long long)row->most, text);
    *out = value;
    return true;
}

static bool set_bits(const struct row *row, uint64_t *out, const char *text,
                     const struct failure *failure)
{
    if (strcmp(text, "persistent") == 0)
        *out |= PERF_PERSISTENT;
    else if (strcmp(text, "mandatory") == 0)
        *out |= PERF_MANDATORY;
    else
        return complain(failure, "--%s is persistent or mandatory, not '%s'", row->name, text);
    return true;
}

static bool set_onoff(const struct row *row, bool *out, const char *text,
                      const struct failure *failure)
{
    *out = strcmp(text, "true") == 0;
    if (!*out && strcmp(text, "false") != 0)
        return complain(failure, "--%s is true or false, not '%s'", row->name, text);
    return true;
}

static bool set(struct perf_options *options, const struct row *row, const char *text,
                const struct failure *failure)
{
    CHECK(text);
    void *out = member(options, row);
    switch (row->kind) {
    case KIND_FLAG:
        break; /* has no value: see set_flag() */
    case KIND_ONOFF:
        return set_onoff(row, out, text, failure);
    case KIND_NUMBER:
        return set_number(row, out, text, failure);
    case KIND_BITS:
        return set_bits(row, out, text, failure);
    case KIND_TEXT:
        *(const char **)out = text;
        return true;
    }
    UNREACHABLE();
}

static bool set_flag(struct perf_options *options, const struct row *row)
{
    *(bool *)member(options, row) = true;
    return true;
}

/* A default may lie below `least`: then it means "not given". */
static void set_defaults(struct perf_options *options)
{
    memset(options, 0, sizeof(*options));
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const struct row *row = &ROWS[i];
        if (!row->name || !row->fallback)
            continue;
        if (row->kind == KIND_TEXT)
            *(const char **)member(options, row) = row->fallback;
        else if (row->kind == KIND_NUMBER)
            *(uint64_t *)member(options, row) = strtoull(row->fallback, NULL, 10);
    }
}

static const struct row *find(struct slice word)
{
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const struct row *row = &ROWS[i];
        if (row->name && word.len > 0 &&
            (slice_equal_str(word, row->name) || slice_equal_str(word, row->shorthand)))
            return row;
    }
    return NULL;
}

/* One option at argv[*at], its argument behind "=" or in the next word; moves *at past both. */
static bool parse_one(struct perf_options *options, int argc, char *const *argv, int *at,
                      const struct failure *failure)
{
    const char *word = argv[(*at)++];
    if (word[0] != '-')
        return complain(failure, "what is '%s'? Options begin with a dash", word);
    const char *name = word + (word[1] == '-' ? 2 : 1);
    const char *equals = strchr(name, '=');
    const struct row *row = find(slice_of(name, equals ? (size_t)(equals - name) : strlen(name)));
    if (!row)
        return complain(failure, "there is no option %s (--help shows them)", word);
    if (!row->argument)
        return equals ? complain(failure, "--%s takes no value", row->name)
                      : set_flag(options, row);
    if (equals)
        return set(options, row, equals + 1, failure);
    if (*at >= argc)
        return complain(failure, "--%s wants a value (%s)", row->name, row->argument);
    return set(options, row, argv[(*at)++], failure);
}

static bool check_pairs(const char *name, const char *pairs, const struct failure *failure)
{
    char key[256];
    char value[256];
    bool bad = false;
    const char *rest = pairs;
    while (perf_pair_next(&rest, key, value, &bad))
        ;
    return !bad || complain(failure, "--%s wants KEY=VALUE,…, not '%s'", name, pairs);
}

static bool check_modes(const struct perf_options *o, const struct failure *failure)
{
    int modes = o->rpc + (o->churn > 0) + (o->idle > 0) + (o->declare > 0);
    if (modes > 1)
        return complain(failure, "--rpc, --churn, --idle and --declare exclude each other");
    if (o->rpc && (o->producers == 0 || o->consumers == 0))
        return complain(failure, "--rpc needs producers to ask and consumers to answer");
    if (o->rpc && (o->size < RPC_SIZE_MIN || o->size > RPC_SIZE_MAX))
        return complain(failure, "--rpc wants bodies of %d to %d bytes", RPC_SIZE_MIN,
                        RPC_SIZE_MAX);
    if (o->rpc && (o->queue_pattern[0] || o->type[0] || o->exchange[0]))
        return complain(failure, "--rpc uses one queue of the default exchange");
    if (modes == 0 && o->producers == 0 && o->consumers == 0)
        return complain(failure, "neither producers nor consumers: nothing to do");
    if (o->declare && !o->queue_pattern[0])
        return complain(failure, "--declare wants --queue-pattern");
    if (o->declare && o->producers == 0)
        return complain(failure, "--declare needs --producers connections");
    return true;
}

static bool check_topology(const struct perf_options *o, const struct failure *failure)
{
    static const char *const types[] = {"", "direct", "fanout", "topic", "headers"};
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        known = known || strcmp(o->type, types[i]) == 0;
    if (!known)
        return complain(failure, "--type is direct, fanout, topic or headers, not '%s'", o->type);
    if (o->exchange[0] && !o->type[0] && !o->predeclared && o->churn == 0 && o->idle == 0)
        return complain(failure, "--exchange wants --type, or --predeclared");
    if (o->queue_pattern[0] && !strstr(o->queue_pattern, "%d"))
        return complain(failure, "--queue-pattern must contain %%d");
    if (o->queue_from > o->queue_to)
        return complain(failure, "--queue-pattern-from is larger than --queue-pattern-to");
    bool patterns = strcmp(o->type, "topic") == 0 || strcmp(o->type, "headers") == 0;
    if (!patterns && (o->bindings || o->matches > 1))
        return complain(failure, "--bindings and --matches are for --type topic and headers");
    uint64_t keys = o->keys ? o->keys : 1;
    if (o->bindings && o->bindings < keys * o->matches)
        return complain(failure, "--bindings must be at least --keys times --matches");
    return true;
}

static bool check_rest(const struct perf_options *o, const struct failure *failure)
{
    if (o->confirm && o->tx_size)
        return complain(failure, "--confirm and --ptxsize exclude each other");
    if (o->prefetch && o->ack_every > o->prefetch)
        return complain(failure, "--multi-ack-every must not be larger than --qos");
    if (o->channel_prefetch && o->ack_every > o->channel_prefetch)
        return complain(failure, "--multi-ack-every must not be larger than --global-qos");
    uint64_t priorities = o->priorities ? o->priorities : 1;
    if (o->keys * priorities > TEMPLATES_MAX)
        return complain(failure, "--keys times --priorities must be at most %d", TEMPLATES_MAX);
    if (o->cert[0] && !o->key[0])
        return complain(failure, "--cert wants --key");
    return check_pairs("queue-args", o->queue_args, failure) &&
           check_pairs("consumer-args", o->consumer_args, failure) &&
           check_pairs("message-properties", o->properties, failure);
}

bool perf_options_parse(struct perf_options *options, int argc, char *const *argv, char *error,
                        size_t error_size)
{
    struct failure failure = {.text = error, .size = error_size};
    set_defaults(options);
    for (int at = 1; at < argc;)
        if (!parse_one(options, argc, argv, &at, &failure))
            return false;
    if (options->help || options->version)
        return true;
    if (options->quorum)
        options->flags |= PERF_PERSISTENT; /* such queues are durable */
    return check_modes(options, &failure) && check_topology(options, &failure) &&
           check_rest(options, &failure);
}

static void help_row(FILE *out, const struct row *row)
{
    char names[80];
    snprintf(names, sizeof(names), "%s%s%s--%s%s%s", row->shorthand[0] ? "-" : "", row->shorthand,
             row->shorthand[0] ? ", " : "", row->name, row->argument ? " " : "",
             row->argument ? row->argument : "");
    fprintf(out, "  %-36s %s", names, row->help);
    if (row->argument && row->fallback && row->fallback[0])
        fprintf(out, " [%s]", row->fallback);
    fputc('\n', out);
}

void perf_options_help(FILE *out)
{
    fputs("bilby-perf: load an AMQP 0-9-1 broker, measure it and check what it delivers\n", out);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        if (ROWS[i].name)
            help_row(out, &ROWS[i]);
        else
            fprintf(out, "\n%s:\n", ROWS[i].help);
    }
}

static bool copy_part(char *out, size_t size, const char *from, size_t len)
{
    if (len >= size)
        return false;
    memcpy(out, from, len);
    out[len] = '\0';
    return true;
}

bool perf_pair_next(const char **rest, char key[256], char value[256], bool *bad)
{
    const char *at = *rest;
    if (*at == '\0')
        return false;
    size_t len = strcspn(at, ",");
    const char *equals = memchr(at, '=', len);
    if (!equals || equals == at || !copy_part(key, 256, at, (size_t)(equals - at)) ||
        !copy_part(value, 256, equals + 1, len - (size_t)(equals + 1 - at))) {
        *bad = true;
        return false;
    }
    *rest = at + len + (at[len] == ',');
    return true;
}
