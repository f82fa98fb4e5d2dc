/* SPDX-License-Identifier: Apache-2.0 */
/* From the disk back into memory: users, virtual hosts, exchanges, queues, bindings, messages.
 *
 * (1) Nothing is appended to a database before all of it is loaded.
 * (2) What a database holds is not trusted: a row that makes no sense is named in the log and left
 *     out, and stays in the file.
 */
#include "base/mem.h"
#include "broker/access.h"
#include "broker/broker.h"
#include "broker/exchange.h"
#include "broker/parameter.h"
#include "broker/policy.h"
#include "broker/queue.h"
#include "broker/queue_messages.h"
#include "broker/vhost.h"
#include "proto/table.h"
#include "routing/exchange_type.h"
#include "storage/store.h"

#include <stdio.h>

static void complain(const struct vhost *vhost, const char *what, struct slice name)
{
    char quoted[300];
    log_error(vhost->broker->log, "a row of the database makes no sense and is left out",
              "vhost=%s kind=%s name=%s", vhost->name, what,
              log_quote(quoted, sizeof quoted, name));
}

/* -- topology -- */

static bool is_name(struct slice name)
{
    return name.len > 0 && name.len <= UINT8_MAX && slice_is_text(name);
}

static void load_exchange(void *context, const struct store_record *record)
{
    struct vhost *vhost = context;
    struct exchange_declare declare = {
        .name = record->values[0].bytes,
        .type = record->values[1].bytes,
        .durable = true,
        .auto_delete = record->values[2].integer != 0,
        .internal = record->values[3].integer != 0,
        .arguments = record->values[4].bytes,
    };
    bool good = exchange_type_find(declare.type) && is_name(declare.name) &&
                table_validate(declare.arguments) == ERR_OK;
    if (good && !exchange_find(vhost, declare.name))
        exchange_create(vhost, &declare, false);
    else
        complain(vhost, "exchange", declare.name);
}

static bool type_named(struct slice name, enum queue_type *type)
{
    for (unsigned i = 0; i < QUEUE_TYPES; i++) {
        *type = (enum queue_type)i;
        if (slice_equal_str(name, queue_type_name(*type)))
            return true;
    }
    return false;
}

static void load_queue(void *context, const struct store_record *record)
{
    struct vhost *vhost = context;
    struct queue_declare declare = {
        .name = record->values[0].bytes,
        .durable = true,
        .auto_delete = record->values[2].integer != 0,
        .arguments = record->values[3].bytes,
    };
    enum queue_type type;
    struct reply reply;
    bool good = type_named(record->values[1].bytes, &type) && is_name(declare.name) &&
                table_validate(declare.arguments) == ERR_OK &&
                queue_arguments_check(declare.arguments, type, declare.name, slice_str(vhost->name),
                                      &reply);
    if (good && !queue_find(vhost, declare.name))
        queue_create(vhost, &declare, type, NULL, false);
    else
        complain(vhost, "queue", declare.name);
}

static void load_binding(void *context, const struct store_record *record)
{
    struct vhost *vhost = context;
    struct bind bind = {
        .source = record->values[0].bytes,
        .destination = record->values[1].bytes,
        .to_exchange = slice_equal_str(record->values[2].bytes, "exchange"),
        .key = record->values[3].bytes,
        .arguments = record->values[4].bytes,
    };
    struct exchange *source = bind.source.len ? exchange_find(vhost, bind.source) : NULL;
    struct exchange *to = bind.to_exchange ? exchange_find(vhost, bind.destination) : NULL;
    struct queue *queue = bind.to_exchange ? NULL : queue_find(vhost, bind.destination);
    struct route_target *destination = to ? &to->route.target : queue ? &queue->target : NULL;
    bool created;
    struct reply reply;
    if (!source || !destination || bind.key.len > UINT8_MAX ||
        table_validate(bind.arguments) != ERR_OK ||
        !exchange_add_binding(source, destination, &bind, false, &created, &reply))
        complain(vhost, "binding", bind.source);
}

/* -- lanes: their messages stay on the disk until they are wanted -- */

/* The store's rows are read while the walk over the lanes goes on: that needs them side by side. */
struct found_lanes {
    struct vhost *vhost;
    struct store_lane *items; /* queue names are not kept: `lanes` has what they name */
    struct lane **lanes;
    size_t count;
};

static void load_lane(void *context, const struct store_lane *stored)
{
    struct found_lanes *found = context;
    struct queue *queue = queue_find(found->vhost, stored->queue);
    if (!queue || stored->priority > queue->settings.priority_max) {
        complain(found->vhost, "lane of queue", stored->queue);
        return;
    }
    size_t count = found->count + 1;
    found->items = mem_realloc(found->items, count * sizeof *found->items);
    found->lanes = mem_realloc(found->lanes, count * sizeof *found->lanes);
    found->items[found->count] = *stored;
    found->lanes[found->count++] = queue_lane(queue, stored->priority);
}

static enum err load_lanes(struct vhost *vhost)
{
    struct found_lanes found = {.vhost = vhost};
    enum err error = store_load_lanes(vhost->db, load_lane, &found);
    for (size_t i = 0; error == ERR_OK && i < found.count; i++) {
        if (found.lanes[i]->store_id) /* a damaged database has two of them: the first counts */
            complain(vhost, "lane of queue", slice_str(found.lanes[i]->queue->name));
        else
            lane_restore(found.lanes[i], &found.items[i]);
    }
    mem_free(found.items);
    mem_free(found.lanes);
    return error;
}

enum err vhost_load(struct vhost *vhost, char *message, size_t message_size)
{
    static const struct {
        enum store_record_kind kind;
        void (*each)(void *context, const struct store_record *record);
    } steps[] = {
        {STORE_EXCHANGE, load_exchange},
        {STORE_QUEUE, load_queue},
        {STORE_BINDING, load_binding},
    };
    enum err error = ERR_OK;
    for (size_t i = 0; error == ERR_OK && i < ARRAY_LEN(steps); i++)
        error = store_load(vhost->db, steps[i].kind, steps[i].each, vhost);
    if (error == ERR_OK)
        error = load_lanes(vhost);
    vhost->flushed = store_last(vhost->db);
    if (error != ERR_OK)
        snprintf(message, message_size, "loading virtual host '%s' failed: %s", vhost->name,
                 err_text(error));
    return error;
}

/* -- the node -- */

/* Virtual hosts are opened after the walk over the node's database. */
struct found_vhosts {
    struct broker *broker;
    enum err error;
    char *message;
    size_t message_size;
};

static char *text_or_null(struct slice text)
{
    return text.len ? slice_dup(text) : NULL;
}

static void replace(char **text, struct slice with)
{
    mem_free(*text);
    *text = slice_dup(with);
}

static void load_vhost(void *context, const struct store_record *record)
{
    struct found_vhosts *found = context;
    if (found->error != ERR_OK)
        return;
    struct vhost *vhost;
    found->error = vhost_restore(found->broker, record->values[0].bytes, &vhost, found->message,
                                 found->message_size);
    if (found->error != ERR_OK)
        return;
    if (store_created(vhost->db))
        log_error(found->broker->log,
                  "the database of a virtual host is missing: an empty one takes its place",
                  "vhost=%s", vhost->name);
    replace(&vhost->description, record->values[1].bytes);
    replace(&vhost->tags, record->values[2].bytes);
    vhost->default_queue_type = text_or_null(record->values[3].bytes);
    vhost->tracing = record->values[4].integer != 0;
    vhost->metadata = text_or_null(record->values[5].bytes);
    found->error = vhost_load(vhost, found->message, found->message_size);
}

static void load_limit(void *context, const struct store_record *record)
{
    struct vhost *vhost = vhost_find(context, record->values[0].bytes);
    if (!vhost)
        return;
    if (slice_equal_str(record->values[1].bytes, "max-connections"))
        vhost->connections_max = record->values[2].integer;
    else if (slice_equal_str(record->values[1].bytes, "max-queues"))
        vhost->queues_max = record->values[2].integer;
}

static enum err make_default_vhost(struct broker *broker, char *message, size_t message_size)
{
    bool created;
    if (broker->vhosts.count > 0)
        return ERR_OK;
    return vhost_create(broker, slice_str(broker->options.default_vhost), &created, message,
                        message_size)
               ? ERR_OK
               : ERR_IO;
}

static void count_user(void *context, struct user *user)
{
    (void)user;
    ++*(size_t *)context;
}

static enum err make_default_user(struct broker *broker, char *message, size_t message_size)
{
    const struct broker_options *options = &broker->options;
    size_t users = 0;
    access_each_user(broker->access, count_user, &users);
    if (users > 0 || !options->default_user || !options->default_user[0])
        return ERR_OK;
    access_set_user(broker->access, slice_str(options->default_user),
                    slice_str(options->default_pass), slice_str(options->default_user_tags));
    return access_set_permission(
        broker->access, slice_str(options->default_user), slice_str(options->default_vhost),
        slice_str(options->default_permission_configure),
        slice_str(options->default_permission_write), slice_str(options->default_permission_read),
        message, message_size);
}

static enum err load_node(struct broker *broker, char *message, size_t message_size)
{
    struct store_db *node = store_node(broker->store);
    struct found_vhosts found = {
        .broker = broker, .message = message, .message_size = message_size};
    message[0] = '\0';
    /* First of all: queues and exchanges look for theirs when they are made. */
    enum err error = policies_load(broker->policies);
    if (error == ERR_OK)
        error = store_load(node, STORE_VHOST, load_vhost, &found);
    if (error == ERR_OK)
        error = found.error;
    if (error == ERR_OK)
        error = store_load(node, STORE_VHOST_LIMIT, load_limit, broker);
    if (error == ERR_OK)
        error = access_load(broker->access);
    if (error == ERR_OK)
        error = parameters_load(broker->parameters);
    if (error != ERR_OK && message[0] == '\0')
        snprintf(message, message_size, "loading the node's database failed: %s", err_text(error));
    return error;
}

enum err broker_start(struct broker *broker, char *message, size_t message_size)
{
    CHECK(message_size > 0);
    enum err error = load_node(broker, message, message_size);
    if (error == ERR_OK)
        error = make_default_vhost(broker, message, message_size);
    if (error == ERR_OK)
        error = make_default_user(broker, message, message_size);
    return error;
}
