/* SPDX-License-Identifier: Apache-2.0 */
/* Import of definitions: the walk over a document, first to check it whole, then to do it.
 *
 * (1) Sections are done in an order in which everything stands on what came before.
 */
#include "management/definitions.h"

#include "broker/broker.h"
#include "broker/vhost.h"
#include "management/import.h"
#include "proto/reply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- helpers of the sections ---- */

enum err import_fail(const struct import *import, const char *what, struct slice name,
                     const char *format, ...)
{
    struct buf text = BUF_INIT;
    va_list arguments;

    buf_printf(&text, "%s '%.*s': ", what, SLICE_FMT(name));
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    snprintf(import->message, import->message_size, "%s", buf_cstr(&text));
    buf_fini(&text);
    return ERR_INVALID;
}

enum err import_text(const struct import *import, const json_t *item, const char *what,
                     struct slice name, const char *key, bool required, struct slice *text)
{
    const json_t *value = json_object_get(item, key);

    *text = json_slice(value);
    if (!value || json_is_null(value))
        return required ? import_fail(import, what, name, "\"%s\" is missing", key) : ERR_OK;
    if (!json_is_string(value))
        return import_fail(import, what, name, "\"%s\" must be a text", key);
    return ERR_OK;
}

enum err import_flag(const struct import *import, const json_t *item, const char *what,
                     struct slice name, const char *key, bool required, bool *flag)
{
    const json_t *value = json_object_get(item, key);

    *flag = json_is_true(value);
    if (!value)
        return required ? import_fail(import, what, name, "\"%s\" is missing", key) : ERR_OK;
    return json_is_boolean(value)
               ? ERR_OK
               : import_fail(import, what, name, "\"%s\" must be true or false", key);
}

enum err import_vhost(const struct import *import, const json_t *item, const char *what,
                      struct slice name, struct slice *vhost_name, struct vhost **vhost)
{
    if (import->vhost) {
        *vhost_name = slice_str(import->vhost->name);
        *vhost = import->vhost;
        return ERR_OK;
    }
    enum err error = import_text(import, item, what, name, "vhost", true, vhost_name);
    if (error != ERR_OK)
        return error;
    *vhost = vhost_find(import->broker, *vhost_name);
    if (*vhost ||
        (import->checking &&
         json_object_getn(import->vhosts, (const char *)vhost_name->data, vhost_name->len)))
        return ERR_OK;
    return import_fail(import, what, name, "there is no virtual host '%.*s'",
                       SLICE_FMT(*vhost_name));
}

/* ---- the walk ---- */

static const struct section {
    const char *key;
    bool node_only; /* ignored in one virtual host's document */
    enum err (*item)(struct import *import, const json_t *item);
} sections[] = {
    {"users", true, import_user},
    {"vhosts", true, import_virtual_host},
    {"permissions", true, import_permission},
    {"topic_permissions", true, import_topic_permission},
    {"parameters", false, import_parameter},
    {"global_parameters", true, import_global_parameter},
    {"policies", false, import_policy},
    {"queues", false, import_queue},
    {"exchanges", false, import_exchange},
    {"bindings", false, import_binding},
};

static enum err walk_section(struct import *import, const struct section *section,
                             const json_t *document)
{
    const json_t *items = json_object_get(document, section->key);
    size_t index;
    json_t *item;

    if (!items || json_is_null(items))
        return ERR_OK;
    if (!json_is_array(items))
        return import_fail(import, "section", slice_str(section->key), "must be a list");
    json_array_foreach(items, index, item)
    {
        if (!json_is_object(item))
            return import_fail(import, "section", slice_str(section->key), "item %zu is no object",
                               index + 1);
        enum err error = section->item(import, item);
        if (error != ERR_OK)
            return error;
    }
    return ERR_OK;
}

static enum err walk(struct import *import, const json_t *document)
{
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        if (import->vhost && sections[i].node_only)
            continue;
        enum err error = walk_section(import, &sections[i], document);
        if (error != ERR_OK)
            return error;
    }
    return ERR_OK;
}

/* The names that a section defines, as an object's keys. */
static json_t *names_of(const json_t *document, const char *section)
{
    json_t *names = json_object();
    size_t index;
    json_t *item;

    json_array_foreach(json_object_get(document, section), index, item)
    {
        struct slice name = json_slice(json_object_get(item, "name"));
        if (name.len)
            json_object_setn_new(names, (const char *)name.data, name.len, json_true());
    }
    return names;
}

enum err definitions_import(struct broker *broker, struct vhost *vhost, json_t *document,
                            char *message, size_t message_size)
{
    json_t *users = names_of(document, "users");
    json_t *vhosts = names_of(document, "vhosts");
    struct import import = {
        .broker = broker,
        .vhost = vhost,
        .users = users,
        .vhosts = vhosts,
        .checking = true,
        .message = message,
        .message_size = message_size,
    };
    enum err error = ERR_INVALID;

    if (json_is_object(document))
        error = walk(&import, document);
    else
        snprintf(message, message_size, "definitions must be a JSON object");
    if (error == ERR_OK) {
        import.checking = false;
        error = walk(&import, document);
    }
    json_decref(users);
    json_decref(vhosts);
    return error;
}

enum err definitions_import_text(struct broker *broker, struct vhost *vhost, struct slice text,
                                 char *message, size_t message_size)
{
    json_error_t where;
    json_t *document = json_loadb(text.len ? (const char *)text.data : "", text.len, 0, &where);

    if (!document) {
        snprintf(message, message_size, "not JSON: line %d, column %d: %s", where.line,
                 where.column, where.text);
        return ERR_SYNTAX;
    }
    enum err error = definitions_import(broker, vhost, document, message, message_size);
    json_decref(document);
    return error;
}

/* ---- files ---- */

static enum err read_file(const char *path, struct buf *content)
{
    FILE *file = fopen(path, "rbe");

    if (!file)
        return ERR_IO;
    for (;;) {
        uint8_t *room = buf_reserve(content, 65536);
        size_t len = fread(room, 1, 65536, file);
        content->len += len;
        if (len == 0)
            break;
    }
    enum err error = ferror(file) ? ERR_IO : ERR_OK;
    fclose(file);
    return error;
}

enum err definitions_import_file(struct broker *broker, const char *path, char *message,
                                 size_t message_size)
{
    struct buf content = BUF_INIT;
    char why[512] = "";
    char quoted[256];

    enum err error = read_file(path, &content);
    if (error != ERR_OK)
        snprintf(message, message_size, "%s: %s", path, strerror(errno));
    else
        error = definitions_import_text(broker, NULL, buf_slice(&content), why, sizeof(why));
    if (error == ERR_OK)
        log_info(broker->log, "definitions imported", "file=%s",
                 log_quote(quoted, sizeof(quoted), slice_str(path)));
    else if (*why)
        snprintf(message, message_size, "%s: %s", path, why);
    buf_fini(&content);
    return error;
}
