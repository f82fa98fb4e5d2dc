/* SPDX-License-Identifier: Apache-2.0 */
/* Import of definitions: the walk over a document, first to check it whole, then to do it.
 *
 *   IMPORT_READING ─► IMPORT_CHECKING ─► IMPORT_DOING ─► IMPORT_ENDING ─► IMPORT_DONE
 *           └────────────────┴─── something is wrong ───────────▲
 *
 * (1) Sections are done in an order in which everything stands on what came before.
 * (2) Each item is checked and done by itself, so the import can pause between any two. What others
 *     delete meanwhile may make an item fail that was right when it was checked.
 */
#include "management/definitions.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/policy.h"
#include "broker/vhost.h"
#include "management/import.h"
#include "management/json_reader.h"
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
    /* The item can be done without waiting for the disk; NULL: always. */
    bool (*ready)(const struct import *import, const json_t *item);
} sections[] = {
    {"users", true, import_user, NULL},
    {"vhosts", true, import_virtual_host, import_virtual_host_ready},
    {"permissions", true, import_permission, NULL},
    {"topic_permissions", true, import_topic_permission, NULL},
    {"parameters", false, import_parameter, NULL},
    {"global_parameters", true, import_global_parameter, NULL},
    {"policies", false, import_policy, NULL},
    {"queues", false, import_queue, NULL},
    {"exchanges", false, import_exchange, NULL},
    {"bindings", false, import_binding, NULL},
};

/* What things cost, see management_work(): an item is checked, and done; a byte is read. */
#define CHECK_WORK 500
#define DO_WORK 1500
#define READ_WORK 4
#define FREE_WORK 400 /* of an item */

enum import_stage { IMPORT_READING, IMPORT_CHECKING, IMPORT_DOING, IMPORT_ENDING, IMPORT_DONE };

struct definitions_import {
    struct import import;
    char *vhost;   /* the name, heap; NULL: a node's document */
    char *message; /* the import's, heap */
    struct json_reader reader;
    enum import_stage stage;
    json_t *document; /* the reader's */
    size_t section, index;
    enum err error; /* how it ends */
    bool patient;   /* waits for the disk where it has to */
    bool waits;     /* see definitions_import_waits() */
    uint64_t work;  /* spent in this run */
};

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

struct definitions_import *definitions_import_new(struct broker *broker, struct vhost *vhost,
                                                  struct slice text)
{
    struct definitions_import *import = MEM_NEW(struct definitions_import);

    import->message = mem_zalloc(DEFINITIONS_MESSAGE_MAX);
    import->import = (struct import){
        .broker = broker,
        .checking = true,
        .message = import->message,
        .message_size = DEFINITIONS_MESSAGE_MAX,
    };
    import->vhost = vhost ? slice_dup(slice_str(vhost->name)) : NULL;
    json_reader_init(&import->reader, text);
    return import;
}

void definitions_import_free(struct definitions_import *import)
{
    json_reader_fini(&import->reader);
    json_decref((json_t *)(uintptr_t)import->import.users);
    json_decref((json_t *)(uintptr_t)import->import.vhosts);
    mem_free(import->vhost);
    mem_free(import->message);
    mem_free(import);
}

const char *definitions_import_message(const struct definitions_import *import)
{
    return import->message;
}

/* ---- stages: each true when it is over, or *error says why the import is ---- */

static bool spent(const struct definitions_import *import, size_t work)
{
    return import->work >= work;
}

static bool read_document(struct definitions_import *import, size_t work, enum err *error)
{
    struct json_reader *reader = &import->reader;
    size_t before = reader->at;
    enum json_read read = json_reader_run(reader, work / READ_WORK + 1);

    import->work += (reader->at - before) * READ_WORK;
    if (read == JSON_READ_MORE)
        return false;
    import->document = reader->document;
    if (read == JSON_READ_WRONG) {
        snprintf(import->message, DEFINITIONS_MESSAGE_MAX, "%s", reader->message);
        *error = ERR_SYNTAX;
    } else if (!json_is_object(import->document)) {
        snprintf(import->message, DEFINITIONS_MESSAGE_MAX, "definitions must be a JSON object");
        *error = ERR_INVALID;
    } else {
        import->import.users = names_of(import->document, "users");
        import->import.vhosts = names_of(import->document, "vhosts");
    }
    return true;
}

/* While checking nothing is waited for, nor by who is patient. */
static bool ready(const struct definitions_import *import, const struct section *section,
                  const json_t *item)
{
    const struct import *inner = &import->import;
    if (inner->checking || import->patient || !section->ready || !json_is_object(item))
        return true;
    return section->ready(inner, item);
}

/* Those of a section that are left. */
static bool walk_section(struct definitions_import *import, const struct section *section,
                         size_t work, enum err *error)
{
    struct import *inner = &import->import;
    const json_t *items = json_object_get(import->document, section->key);

    if (!items || json_is_null(items))
        return true;
    if (!json_is_array(items)) {
        *error = import_fail(inner, "section", slice_str(section->key), "must be a list");
        return true;
    }
    for (; import->index < json_array_size(items) && *error == ERR_OK; import->index++) {
        const json_t *item = json_array_get(items, import->index);
        import->waits = !ready(import, section, item);
        if (import->waits || spent(import, work))
            return false;
        import->work += inner->checking ? CHECK_WORK : DO_WORK;
        *error = json_is_object(item) ? section->item(inner, item)
                                      : import_fail(inner, "section", slice_str(section->key),
                                                    "item %zu is no object", import->index + 1);
    }
    return true;
}

static bool walk(struct definitions_import *import, size_t work, enum err *error)
{
    for (; import->section < ARRAY_LEN(sections); import->section++, import->index = 0) {
        const struct section *section = &sections[import->section];
        if (import->vhost && section->node_only)
            continue;
        if (!walk_section(import, section, work, error))
            return false;
        if (*error != ERR_OK)
            return true;
    }
    import->section = 0;
    return true;
}

/* The virtual host may have gone since the last part. */
static bool find_vhost(struct definitions_import *import, enum err *error)
{
    if (!import->vhost)
        return true;
    import->import.vhost = vhost_find(import->import.broker, slice_str(import->vhost));
    if (import->import.vhost)
        return true;
    *error =
        import_fail(&import->import, "virtual host", slice_str(import->vhost), "has been deleted");
    return false;
}

/* glibc lays small freed pieces aside and merges all of them when the next large one is asked for, which
 * after a hundred thousand takes 15 ms: so one is asked for after each part. */
static void merge_freed(void)
{
    mem_free(mem_alloc(98304));
}

/* To free a large document takes long as well. */
static bool free_items(struct definitions_import *import, size_t work)
{
    const char *key;
    json_t *items;

    json_object_foreach(import->reader.document, key, items)
    {
        for (size_t left = json_array_size(items); left > 0; left--) {
            if (spent(import, work)) {
                merge_freed();
                return false;
            }
            import->work += FREE_WORK;
            json_array_remove(items, left - 1);
        }
    }
    return true;
}

static bool run_stage(struct definitions_import *import, size_t work, enum err *error)
{
    switch (import->stage) {
    case IMPORT_READING:
        return read_document(import, work, error);
    case IMPORT_CHECKING:
    case IMPORT_DOING:
        return find_vhost(import, error) ? walk(import, work, error) : true;
    case IMPORT_ENDING:
        return free_items(import, work);
    case IMPORT_DONE:
        return false;
    }
    UNREACHABLE();
}

bool definitions_import_run(struct definitions_import *import, size_t work, enum err *error)
{
    enum err wrong = ERR_OK;

    import->work = 0;
    while (run_stage(import, work, &wrong)) {
        import->stage = wrong == ERR_OK ? import->stage + 1 : IMPORT_ENDING;
        import->import.checking = import->stage < IMPORT_DOING;
        import->error = wrong == ERR_OK ? import->error : wrong;
        wrong = ERR_OK;
    }
    *error = import->error;
    return import->stage == IMPORT_DONE;
}

bool definitions_import_waits(const struct definitions_import *import)
{
    return import->waits;
}

uint64_t definitions_import_work(const struct definitions_import *import)
{
    return import->work;
}

enum err definitions_import_text(struct broker *broker, struct vhost *vhost, struct slice text,
                                 char *message, size_t message_size)
{
    struct definitions_import *import = definitions_import_new(broker, vhost, text);
    enum err error;

    import->patient = true;
    while (!definitions_import_run(import, SIZE_MAX, &error))
        continue;
    snprintf(message, message_size, "%s", import->message);
    definitions_import_free(import);
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
