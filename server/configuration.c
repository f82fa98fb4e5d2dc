/* SPDX-License-Identifier: Apache-2.0 */
/* The values of the configuration: taking, asking, telling. */
#include "server/configuration.h"

#include "base/mem.h"
#include "server/config_table.h"

#include <stdio.h>
#include <stdlib.h>

#define WHY_MAX 400
#define LIST_MAX 10000 /* items of one list: more is a mistake, not a configuration */

struct slot {
    struct config_item *items; /* sorted by name; a plain key has exactly one */
    size_t count;
    bool given; /* set anywhere: the default does not count any more */
};

struct configuration {
    struct slot slots[CONFIG_KEYS];
    struct buf errors;
    struct buf warnings;
    size_t secrets; /* values of type SECRET that were given */
};

/* -- slots -- */

static void item_fini(struct config_item *item)
{
    mem_free(item->name);
    mem_free(item->text);
}

static void slot_clear(struct slot *slot)
{
    for (size_t i = 0; i < slot->count; i++)
        item_fini(&slot->items[i]);
    mem_free(slot->items);
    slot->items = NULL;
    slot->count = 0;
}

/* Numbers in their own order and before other names: "2" before "10" before "default". */
static int name_compare(const char *a, const char *b)
{
    bool a_number = a[0] && strspn(a, "0123456789") == strlen(a);
    bool b_number = b[0] && strspn(b, "0123456789") == strlen(b);
    if (a_number != b_number)
        return a_number ? -1 : 1;
    if (a_number && strlen(a) != strlen(b))
        return strlen(a) < strlen(b) ? -1 : 1;
    return strcmp(a, b);
}

static void slot_put(struct slot *slot, struct slice name, const char *text, int64_t number)
{
    struct config_item item = {slice_dup(name), slice_dup(slice_str(text)), number};
    size_t at = 0;
    while (at < slot->count && name_compare(slot->items[at].name, item.name) < 0)
        at++;
    if (at < slot->count && strcmp(slot->items[at].name, item.name) == 0) {
        item_fini(&slot->items[at]);
        slot->items[at] = item;
        return;
    }
    slot->items = mem_realloc(slot->items, (slot->count + 1) * sizeof(*slot->items));
    memmove(&slot->items[at + 1], &slot->items[at], (slot->count - at) * sizeof(*slot->items));
    slot->items[at] = item;
    slot->count++;
}

/* Defaults are part of the program: that they pass their own check is proved by a test, and here. */
static void put_default(struct slot *slot, const struct config_row *row, struct slice name,
                        const char *text)
{
    char why[WHY_MAX];
    int64_t number = 0;
    CHECK(text[0] == '\0' || config_value_parse(&row->range, text, &number, why, sizeof(why)));
    slot_put(slot, name, text, number);
}

static void default_list(struct slot *slot, const struct config_row *row)
{
    for (const char *p = row->fallback; *p;) {
        size_t name = strcspn(p, "=");
        size_t value = strcspn(p + name + 1, " ");
        char *text = mem_strndup(p + name + 1, value);
        put_default(slot, row, slice_of(p, name), text);
        mem_free(text);
        p += name + 1 + value;
        p += strspn(p, " ");
    }
}

struct configuration *configuration_new(void)
{
    struct configuration *configuration = MEM_NEW(struct configuration);
    for (size_t key = 0; key < CONFIG_KEYS; key++) {
        const struct config_row *row = config_table_row((enum config_key)key);
        if (config_table_is_list(row))
            default_list(&configuration->slots[key], row);
        else
            put_default(&configuration->slots[key], row, slice_str(""), row->fallback);
    }
    return configuration;
}

void configuration_free(struct configuration *configuration)
{
    if (!configuration)
        return;
    for (size_t key = 0; key < CONFIG_KEYS; key++)
        slot_clear(&configuration->slots[key]);
    buf_fini(&configuration->errors);
    buf_fini(&configuration->warnings);
    mem_free(configuration);
}

/* -- taking -- */

void configuration_complain(struct configuration *configuration, const char *where,
                            const char *sentence)
{
    buf_printf(&configuration->errors, "%s: %s\n", where, sentence);
}

void configuration_warn(struct configuration *configuration, const char *where,
                        const char *sentence)
{
    buf_printf(&configuration->warnings, "%s: %s\n", where, sentence);
}

size_t configuration_secrets(const struct configuration *configuration)
{
    return configuration->secrets;
}

static bool has_control_character(const char *value)
{
    for (const char *p = value; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return true;
    }
    return false;
}

static void take(struct configuration *configuration, const char *where, const char *key,
                 const struct config_match *match, const char *value)
{
    const struct config_row *row = config_table_row(match->key);
    struct slot *slot = &configuration->slots[match->key];
    char why[WHY_MAX];
    int64_t number;
    if (has_control_character(value)) {
        configuration_complain(configuration, where, "the value holds a control character");
        return;
    }
    if (!config_value_parse(&row->range, value, &number, why, sizeof(why))) {
        bool secret = row->range.type == CONFIG_TYPE_SECRET;
        buf_printf(&configuration->errors, "%s: '%s' %s, not '%s'\n", where, key, why,
                   secret ? "…" : value);
        return;
    }
    if (config_table_is_list(row) && !slot->given)
        slot_clear(slot);
    if (slot->count >= LIST_MAX) {
        buf_printf(&configuration->errors, "%s: '%s' has more than %d items\n", where, key,
                   LIST_MAX);
        return;
    }
    slot->given = true;
    configuration->secrets += row->range.type == CONFIG_TYPE_SECRET;
    slot_put(slot, match->name, value, number);
}

static void take_fixed(struct configuration *configuration, const char *where, const char *key,
                       const struct config_match *match, const char *value)
{
    struct config_range range = {.type = CONFIG_TYPE_CHOICE, .choices = match->choices};
    char why[WHY_MAX];
    int64_t number;
    if (!config_value_parse(&range, value, &number, why, sizeof(why)))
        buf_printf(&configuration->errors, "%s: '%s' %s, not '%s': %s\n", where, key, why, value,
                   match->reason);
}

static void refuse_unknown(struct configuration *configuration, const char *where, const char *key)
{
    const char *nearest = config_table_nearest(key);
    if (nearest)
        buf_printf(&configuration->errors, "%s: unknown key '%s'; did you mean '%s'?\n", where, key,
                   nearest);
    else
        buf_printf(&configuration->errors, "%s: unknown key '%s'\n", where, key);
}

void configuration_set(struct configuration *configuration, const char *where, const char *key,
                       const char *value)
{
    struct config_match match = config_table_find(key);
    switch (match.kind) {
    case CONFIG_MATCH_KEY:
        take(configuration, where, key, &match, value);
        break;
    case CONFIG_MATCH_FIXED:
        take_fixed(configuration, where, key, &match, value);
        break;
    case CONFIG_MATCH_IGNORED:
        buf_printf(&configuration->warnings, "%s: '%s' has no effect here: %s\n", where, key,
                   match.reason);
        break;
    case CONFIG_MATCH_NONE:
        refuse_unknown(configuration, where, key);
        break;
    }
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

void configuration_assign(struct configuration *configuration, const char *where,
                          const char *assignment)
{
    size_t len = strcspn(assignment, "=");
    if (assignment[len] == '\0') {
        buf_printf(&configuration->errors, "%s: '%s' must have the form KEY=VALUE\n", where,
                   assignment);
        return;
    }
    const char *value = skip_blanks(assignment + len + 1);
    while (len > 0 && assignment[len - 1] == ' ')
        len--;
    char *key = mem_strndup(assignment, len);
    configuration_set(configuration, where, key, value);
    mem_free(key);
}

void configuration_read_environment(struct configuration *configuration, char **environment)
{
    static const char prefix[] = "BILBY_";
    for (char **variable = environment; *variable; variable++) {
        const char *name = *variable + strlen(prefix);
        size_t len = strcspn(*variable, "=");
        if (strncmp(*variable, prefix, strlen(prefix)) != 0 || (*variable)[len] == '\0')
            continue;
        char *where = mem_strndup(*variable, len);
        char *given = mem_strndup(name, len - strlen(prefix));
        struct config_match match = config_table_find_variable(given);
        if (match.kind == CONFIG_MATCH_KEY)
            take(configuration, "environment", where, &match, *variable + len + 1);
        else if (strcmp(given, "CONFIG_FILE") != 0)
            buf_printf(&configuration->warnings, "environment: '%s' is no key of ours\n", where);
        mem_free(given);
        mem_free(where);
    }
}

/* -- keys that need each other -- */

static void complain(struct configuration *configuration, const char *sentence)
{
    buf_printf(&configuration->errors, "%s\n", sentence);
}

static void check_tls(struct configuration *configuration)
{
    size_t listeners;
    configuration_list(configuration, CONFIG_LISTENERS_SSL_NAME, &listeners);
    if (configuration_given(configuration, CONFIG_LISTENERS_SSL))
        listeners = 0;
    bool certificate = configuration_given(configuration, CONFIG_SSL_CERTFILE) &&
                       configuration_given(configuration, CONFIG_SSL_KEYFILE);
    if (listeners > 0 && !certificate)
        complain(configuration,
                 "'listeners.ssl' needs 'ssl_options.certfile' and 'ssl_options.keyfile'");
    if (configuration_number(configuration, CONFIG_SSL_FAIL_IF_NO_PEER_CERT) &&
        strcmp(configuration_text(configuration, CONFIG_SSL_VERIFY), "verify_peer") != 0)
        complain(configuration, "'ssl_options.fail_if_no_peer_cert' needs 'ssl_options.verify = "
                                "verify_peer'");
    if (strcmp(configuration_text(configuration, CONFIG_SSL_VERIFY), "verify_peer") == 0 &&
        !configuration_given(configuration, CONFIG_SSL_CACERTFILE))
        complain(configuration, "'ssl_options.verify = verify_peer' needs "
                                "'ssl_options.cacertfile'");
}

static void check_management_tls(struct configuration *configuration)
{
    bool own = configuration_given(configuration, CONFIG_MANAGEMENT_SSL_CERTFILE);
    bool shared = configuration_given(configuration, CONFIG_SSL_CERTFILE);
    bool key = configuration_given(configuration,
                                   own ? CONFIG_MANAGEMENT_SSL_KEYFILE : CONFIG_SSL_KEYFILE);
    bool verify =
        strcmp(configuration_text(configuration, CONFIG_MANAGEMENT_SSL_VERIFY), "verify_peer") == 0;
    if (configuration_number(configuration, CONFIG_MANAGEMENT_SSL_PORT) &&
        !((own || shared) && key))
        complain(configuration, "'management.ssl.port' needs a certificate and its key: "
                                "'management.ssl.certfile' and '.keyfile', or those of "
                                "'ssl_options'");
    if (verify && !configuration_given(configuration, CONFIG_MANAGEMENT_SSL_CACERTFILE))
        complain(configuration, "'management.ssl.verify = verify_peer' needs "
                                "'management.ssl.cacertfile'");
    if (!verify && configuration_number(configuration, CONFIG_MANAGEMENT_SSL_FAIL))
        complain(configuration, "'management.ssl.fail_if_no_peer_cert' needs "
                                "'management.ssl.verify = verify_peer'");
}

/* A further user needs a password; its other keys alone make nobody. */
static void check_users(struct configuration *configuration)
{
    static const enum config_key parts[] = {CONFIG_USERS_TAGS, CONFIG_USERS_VHOST_PATTERN,
                                            CONFIG_USERS_CONFIGURE, CONFIG_USERS_READ,
                                            CONFIG_USERS_WRITE};
    for (size_t part = 0; part < ARRAY_LEN(parts); part++) {
        size_t count;
        const struct config_item *items = configuration_list(configuration, parts[part], &count);
        for (size_t i = 0; i < count; i++) {
            if (!configuration_find(configuration, CONFIG_USERS_PASSWORD, items[i].name))
                buf_printf(&configuration->errors,
                           "'default_users.%s' needs 'default_users.%s.password'\n", items[i].name,
                           items[i].name);
        }
    }
}

void configuration_check(struct configuration *configuration)
{
    check_tls(configuration);
    check_management_tls(configuration);
    check_users(configuration);
    configuration_check_files(configuration);
}

struct slice configuration_errors(const struct configuration *configuration)
{
    return buf_slice(&configuration->errors);
}

struct slice configuration_warnings(const struct configuration *configuration)
{
    return buf_slice(&configuration->warnings);
}

/* -- asking -- */

static const struct config_item *single(const struct configuration *configuration,
                                        enum config_key key)
{
    CHECK(key < CONFIG_KEYS);
    CHECK(configuration->slots[key].count == 1);
    return &configuration->slots[key].items[0];
}

int64_t configuration_number(const struct configuration *configuration, enum config_key key)
{
    return single(configuration, key)->number;
}

const char *configuration_text(const struct configuration *configuration, enum config_key key)
{
    return single(configuration, key)->text;
}

bool configuration_given(const struct configuration *configuration, enum config_key key)
{
    return configuration_text(configuration, key)[0] != '\0';
}

const struct config_item *configuration_list(const struct configuration *configuration,
                                             enum config_key key, size_t *count)
{
    CHECK(key < CONFIG_KEYS);
    *count = configuration->slots[key].count;
    return configuration->slots[key].items;
}

const struct config_item *configuration_find(const struct configuration *configuration,
                                             enum config_key key, const char *name)
{
    size_t count;
    const struct config_item *items = configuration_list(configuration, key, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(items[i].name, name) == 0)
            return &items[i];
    }
    return NULL;
}

/* -- telling -- */

/* What would not survive the file's grammar bare goes into quotes. */
static void print_value(struct buf *out, const char *text)
{
    size_t len = strlen(text);
    bool bare =
        len > 0 && !strchr(text, '#') && text[0] != '\'' && text[0] != ' ' && text[len - 1] != ' ';
    if (bare) {
        buf_printf(out, "%s\n", text);
        return;
    }
    buf_add_str(out, "'");
    for (const char *p = text; *p; p++)
        buf_add_str(out, *p == '\'' ? "\'\'" : (char[]){*p, '\0'});
    buf_add_str(out, "'\n");
}

/* The key of an item, whose name stands for NAME in the pattern. */
static void add_key(struct buf *out, const char *pattern, const char *name)
{
    const char *hole = strstr(pattern, "NAME");
    if (hole)
        buf_printf(out, "%.*s%s%s", (int)(hole - pattern), pattern, name, hole + strlen("NAME"));
    else
        buf_add_str(out, pattern);
}

static void print_item(struct buf *out, const struct config_row *row,
                       const struct config_item *item)
{
    bool secret = row->range.type == CONFIG_TYPE_SECRET;
    bool silent = item->text[0] == '\0';
    if (secret || silent)
        buf_add_str(out, "# ");
    add_key(out, row->pattern, item->name);
    buf_add_str(out, " = ");
    if (secret)
        buf_add_str(out, silent ? "(not set)\n" : "(set, not shown)\n");
    else if (silent)
        buf_add_str(out, "(not set)\n");
    else
        print_value(out, item->text);
}

void configuration_print(const struct configuration *configuration, struct buf *out)
{
    for (size_t key = 0; key < CONFIG_KEYS; key++) {
        const struct slot *slot = &configuration->slots[key];
        for (size_t i = 0; i < slot->count; i++)
            print_item(out, config_table_row((enum config_key)key), &slot->items[i]);
    }
}

static void tell_item(const struct config_row *row, const struct config_item *item,
                      void (*each)(void *context, const char *key, const char *value),
                      void *context)
{
    struct buf key = BUF_INIT;
    if (item->text[0] == '\0')
        return;
    add_key(&key, row->pattern, item->name);
    each(context, buf_cstr(&key), row->range.type == CONFIG_TYPE_SECRET ? NULL : item->text);
    buf_fini(&key);
}

void configuration_each(const struct configuration *configuration,
                        void (*each)(void *context, const char *key, const char *value),
                        void *context)
{
    for (size_t key = 0; key < CONFIG_KEYS; key++) {
        const struct slot *slot = &configuration->slots[key];
        for (size_t i = 0; i < slot->count; i++)
            tell_item(config_table_row((enum config_key)key), &slot->items[i], each, context);
    }
}

void configuration_describe(struct buf *out)
{
    for (size_t key = 0; key < CONFIG_KEYS; key++) {
        const struct config_row *row = config_table_row((enum config_key)key);
        const char *type =
            row->range.choices ? row->range.choices : config_type_text(row->range.type);
        buf_printf(out, "%s\t%s\t%s\t%s\n", row->pattern, type, row->fallback, row->help);
    }
}
