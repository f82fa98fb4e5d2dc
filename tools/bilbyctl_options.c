/* SPDX-License-Identifier: Apache-2.0 */
/* Options from the command line's words, the environment and a file of "key = value". */
#include "tools/bilbyctl_options.h"

#include "base/buf.h"
#include "base/mem.h"
#include "tools/bilbyctl_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#define CTL_KIND_FLAG false
#define CTL_KIND_TEXT false
#define CTL_KIND_NUMBER true

#define NUMBER_MAX 2147483647UL /* more seconds, lines or ports than anyone means */
#define CONFIG_BYTES_MAX ((size_t)1 << 20)

static const struct ctl_option options_table[] = {
#define X(id, short_name, long_name, kind, place, what, text)                                      \
    {.shorthand = (short_name),                                                                    \
     .name = (long_name),                                                                          \
     .argument = (what),                                                                           \
     .help = (text),                                                                               \
     .where = CTL_WHERE_##place,                                                                   \
     .number = CTL_KIND_##kind},
    CTL_OPTIONS(X)
#undef X
};

const struct ctl_option *ctl_option(enum ctl_option_id id)
{
    CHECK(id < CTL_OPTION_COUNT);
    return &options_table[id];
}

bool ctl_option_find(struct slice word, enum ctl_option_id *id)
{
    for (size_t i = 0; i < CTL_OPTION_COUNT && word.len > 0; i++) {
        if (slice_equal_str(word, options_table[i].name) ||
            slice_equal_str(word, options_table[i].shorthand)) {
            *id = (enum ctl_option_id)i;
            return true;
        }
    }
    return false;
}

void ctl_options_fini(struct ctl_options *options)
{
    for (size_t i = 0; i < CTL_OPTION_COUNT; i++)
        mem_free(options->values[i]);
}

/* ---- one value ---- */

static bool valid_number(const char *text)
{
    char *end;

    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    return isdigit((unsigned char)*text) && !*end && errno == 0 && value <= NUMBER_MAX;
}

/* The password itself and a file with it are one thing: the first source that has either counts. */
static bool has_other_password(const struct ctl_options *options, enum ctl_option_id id)
{
    return (id == CTL_PASSWORD && options->values[CTL_PASSWORD_FILE]) ||
           (id == CTL_PASSWORD_FILE && options->values[CTL_PASSWORD]);
}

enum ctl_status ctl_options_set(struct ctl_options *options, enum ctl_option_id id,
                                const char *value, const char *origin)
{
    const struct ctl_option *option = ctl_option(id);

    if (options->values[id] || has_other_password(options, id))
        return CTL_STATUS_OK;
    if (option->number && !valid_number(value))
        return ctl_complain(CTL_STATUS_USAGE, "%s: %s is a whole number, not '%s'", origin,
                            option->name, value);
    if (!option->argument && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
        return ctl_complain(CTL_STATUS_USAGE, "%s: %s is true or false, not '%s'", origin,
                            option->name, value);
    options->values[id] = mem_strndup(value, strlen(value));
    return CTL_STATUS_OK;
}

static bool is_setting(enum ctl_option_id id)
{
    enum ctl_where where = ctl_option(id)->where;

    return where == CTL_WHERE_SETTING || where == CTL_WHERE_SCOPED;
}

/* ---- the environment ---- */

/* BILBYCTL_PASSWORD_FILE */
static void variable_name(struct buf *out, const char *option)
{
    buf_add_str(out, "BILBYCTL_");
    for (; *option; option++)
        buf_add_u8(out, *option == '-' ? '_' : (uint8_t)toupper((unsigned char)*option));
}

enum ctl_status ctl_options_environment(struct ctl_options *options)
{
    struct buf name = BUF_INIT;
    enum ctl_status status = CTL_STATUS_OK;

    for (enum ctl_option_id id = 0; id < CTL_OPTION_COUNT && status == CTL_STATUS_OK; id++) {
        if (!is_setting(id))
            continue;
        buf_clear(&name);
        variable_name(&name, ctl_option(id)->name);
        const char *value = getenv(buf_cstr(&name));
        if (value && *value)
            status = ctl_options_set(options, id, value, buf_cstr(&name));
    }
    buf_fini(&name);
    return status;
}

/* ---- the file ---- */

static struct slice trimmed(struct slice text)
{
    while (text.len && isspace(text.data[0]))
        text = slice_of(text.data + 1, text.len - 1);
    while (text.len && isspace(text.data[text.len - 1]))
        text.len--;
    return text;
}

static struct slice next_line(struct slice *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->len);
    struct slice line = slice_of(rest->data, end ? (size_t)(end - rest->data) : rest->len);
    size_t skip = line.len + (end ? 1 : 0);

    *rest = slice_of(rest->data + skip, rest->len - skip);
    return trimmed(line);
}

static enum ctl_status set_pair(struct ctl_options *options, struct slice key, struct slice value,
                                const char *origin)
{
    enum ctl_option_id id;

    if (!ctl_option_find(key, &id) || !is_setting(id) || id == CTL_NODE || key.len == 1)
        return ctl_complain(CTL_STATUS_CONFIG, "%s: there is no setting '%.*s'", origin,
                            SLICE_FMT(key));
    char *text = slice_dup(value);
    enum ctl_status status = ctl_options_set(options, id, text, origin);
    mem_free(text);
    return status == CTL_STATUS_OK ? status : CTL_STATUS_CONFIG;
}

/* One line in the part of the file that is wanted. */
static enum ctl_status read_line(struct ctl_options *options, struct slice line, const char *origin)
{
    const uint8_t *equals = memchr(line.data, '=', line.len);

    if (!equals)
        return ctl_complain(CTL_STATUS_CONFIG, "%s: this is no 'key = value'", origin);
    size_t key_len = (size_t)(equals - line.data);
    return set_pair(options, trimmed(slice_of(line.data, key_len)),
                    trimmed(slice_of(equals + 1, line.len - key_len - 1)), origin);
}

/* The lines of one section, or (NULL) those before the first. */
static enum ctl_status read_section(struct ctl_options *options, const char *path,
                                    struct slice text, const char *wanted, bool *found)
{
    enum ctl_status status = CTL_STATUS_OK;
    struct buf origin = BUF_INIT;
    bool inside = !wanted;
    unsigned number = 0;

    while (text.len > 0 && status == CTL_STATUS_OK) {
        struct slice line = next_line(&text);
        number++;
        if (line.len == 0 || line.data[0] == '#' || line.data[0] == ';')
            continue;
        if (line.data[0] == '[' && line.data[line.len - 1] == ']') {
            inside = wanted && slice_equal_str(slice_of(line.data + 1, line.len - 2), wanted);
            *found = *found || inside;
        } else if (inside) {
            buf_clear(&origin);
            buf_printf(&origin, "%s:%u", path, number);
            status = read_line(options, line, buf_cstr(&origin));
        }
    }
    buf_fini(&origin);
    return status;
}

/* rabbit@host: the host. */
static enum ctl_status node_is_host(struct ctl_options *options)
{
    const char *node = options->values[CTL_NODE];
    const char *at = strchr(node, '@');

    return ctl_options_set(options, CTL_HOST, at ? at + 1 : node, "--node");
}

enum ctl_status ctl_options_text(struct ctl_options *options, const char *path, struct slice text)
{
    bool found = false;
    enum ctl_status status = CTL_STATUS_OK;

    if (options->values[CTL_NODE])
        status = read_section(options, path, text, options->values[CTL_NODE], &found);
    if (status == CTL_STATUS_OK && options->values[CTL_NODE] && !found)
        status = node_is_host(options);
    if (status == CTL_STATUS_OK)
        status = read_section(options, path, text, NULL, &found);
    return status;
}

/* The user's own file; empty when there is no home. */
static void home_path(struct buf *out)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");

    if (config && *config)
        buf_printf(out, "%s/bilbyctl.conf", config);
    else if (home && *home)
        buf_printf(out, "%s/.config/bilbyctl.conf", home);
}

enum ctl_status ctl_options_file(struct ctl_options *options)
{
    const char *variable = getenv("BILBYCTL_CONFIG");
    const char *given =
        ctl_options_text_of(options, CTL_CONFIG, variable && *variable ? variable : NULL);
    struct buf path = BUF_INIT, text = BUF_INIT;
    enum ctl_status status = CTL_STATUS_OK;

    if (given)
        buf_add_str(&path, given);
    else
        home_path(&path);
    if (given || (path.len && ctl_file_exists(buf_cstr(&path))))
        status = ctl_file_read(&text, buf_cstr(&path), CONFIG_BYTES_MAX);
    if (status == CTL_STATUS_OK)
        status = ctl_options_text(options, buf_cstr(&path), buf_slice(&text));
    buf_fini(&text);
    buf_fini(&path);
    return status;
}

/* ---- asking ---- */

const char *ctl_options_text_of(const struct ctl_options *options, enum ctl_option_id id,
                                const char *fallback)
{
    return options->values[id] ? options->values[id] : fallback;
}

bool ctl_options_flag(const struct ctl_options *options, enum ctl_option_id id)
{
    return options->values[id] && strcmp(options->values[id], "true") == 0;
}

unsigned long ctl_options_number(const struct ctl_options *options, enum ctl_option_id id,
                                 unsigned long fallback)
{
    return options->values[id] ? strtoul(options->values[id], NULL, 10) : fallback;
}
