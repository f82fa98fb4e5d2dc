/* SPDX-License-Identifier: Apache-2.0 */
/* Import of queues, exchanges and bindings.
 *
 * (1) What is there already stays as it is; when it differs from the document the log says so.
 * (2) A binding whose ends are not there, or that its exchange refuses, is left out with a line in
 *     the log: RabbitMQ's exports may hold bindings of queues that they leave out themselves.
 */
#include "management/import.h"

#include "broker/broker.h"
#include "broker/exchange.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/names.h"
#include "proto/reply.h"
#include "proto/table.h"
#include "routing/exchange_type.h"

/* What queues and exchanges have in common. */
struct thing {
    const char *what;
    struct slice name, vhost_name;
    struct vhost *vhost; /* NULL while checking, if it is yet to be made */
    bool durable, auto_delete;
    struct buf arguments;
};

static enum err read_arguments(const struct import *import, const json_t *item, const char *what,
                               struct slice name, struct buf *arguments)
{
    enum err error = json_to_table(arguments, json_object_get(item, "arguments"));

    if (error == ERR_OK)
        return ERR_OK;
    return import_fail(import, what, name, "\"arguments\": %s", err_text(error));
}

static enum err check_length(const struct import *import, const char *what, struct slice name)
{
    if (name.len <= NAME_LEN_MAX)
        return ERR_OK;
    return import_fail(import, what, name, "longer than %d bytes", NAME_LEN_MAX);
}

static enum err read_thing(const struct import *import, const json_t *item, struct thing *thing)
{
    const char *what = thing->what;

    enum err error = import_text(import, item, what, slice_str("?"), "name", true, &thing->name);
    if (error == ERR_OK)
        error = check_length(import, what, thing->name);
    if (error == ERR_OK)
        error = import_vhost(import, item, what, thing->name, &thing->vhost_name, &thing->vhost);
    if (error == ERR_OK)
        error = import_flag(import, item, what, thing->name, "durable", true, &thing->durable);
    if (error == ERR_OK)
        error =
            import_flag(import, item, what, thing->name, "auto_delete", true, &thing->auto_delete);
    if (error == ERR_OK)
        error = read_arguments(import, item, what, thing->name, &thing->arguments);
    return error;
}

static void note(const struct import *import, const char *what, struct slice name,
                 struct slice vhost, const char *message)
{
    char quoted_name[300], quoted_vhost[300];

    log_warning(import->broker->log, message, "kind=%s name=%s vhost=%s", what,
                log_quote(quoted_name, sizeof(quoted_name), name),
                log_quote(quoted_vhost, sizeof(quoted_vhost), vhost));
}

/* ---- queues ---- */

/* Newer exports name the type beside the arguments. */
static void add_type_argument(const json_t *item, struct thing *thing)
{
    struct slice type = json_slice(json_object_get(item, "type"));
    struct field_value value;

    if (type.len && !slice_equal_str(type, "classic") &&
        !table_find(buf_slice(&thing->arguments), "x-queue-type", &value))
        table_add_str(&thing->arguments, "x-queue-type", type);
}

/* A document names the default type of its own broker: classic, when it says nothing. */
static enum err check_queue(const struct import *import, const struct thing *thing,
                            enum queue_type *type)
{
    struct slice arguments = buf_slice(&thing->arguments);
    struct reply reply;

    if (!queue_type_from(arguments, QUEUE_CLASSIC, thing->name, thing->vhost_name, type, &reply) ||
        !queue_arguments_check(arguments, *type, thing->name, thing->vhost_name, &reply))
        return import_fail(import, thing->what, thing->name, "%s", reply_reason(&reply));
    if (*type == QUEUE_QUORUM && (!thing->durable || thing->auto_delete))
        return import_fail(import, thing->what, thing->name,
                           "a quorum queue must be durable and not auto-delete");
    return ERR_OK;
}

static bool same_queue(const struct queue *queue, const struct thing *thing, enum queue_type type)
{
    struct reply reply;

    return queue->type == type && queue->durable == thing->durable &&
           queue->auto_delete == thing->auto_delete &&
           queue_arguments_equivalent(buf_slice(&queue->arguments), buf_slice(&thing->arguments),
                                      thing->name, thing->vhost_name, &reply);
}

static void make_queue(const struct import *import, const struct thing *thing, enum queue_type type)
{
    const struct queue *there = queue_find(thing->vhost, thing->name);
    struct queue_declare declare = {
        .name = thing->name,
        .durable = thing->durable,
        .auto_delete = thing->auto_delete,
        .arguments = buf_slice(&thing->arguments),
    };

    if (!there)
        queue_create(thing->vhost, &declare, type, NULL, true);
    else if (!same_queue(there, thing, type))
        note(import, thing->what, thing->name, thing->vhost_name,
             "exists with other properties than the import's: left as it is");
}

enum err import_queue(struct import *import, const json_t *item)
{
    struct thing thing = {.what = "queue"};
    enum queue_type type;

    enum err error = read_thing(import, item, &thing);
    if (error == ERR_OK && thing.name.len == 0)
        error = import_fail(import, thing.what, thing.name, "the name is empty");
    if (error == ERR_OK) {
        add_type_argument(item, &thing);
        error = check_queue(import, &thing, &type);
    }
    if (error == ERR_OK && !import->checking)
        make_queue(import, &thing, type);
    buf_fini(&thing.arguments);
    return error;
}

/* ---- exchanges ---- */

static enum err check_exchange(const struct import *import, const struct thing *thing,
                               struct slice type)
{
    struct field_value value;

    if (!exchange_type_find(type))
        return import_fail(import, thing->what, thing->name, "unknown exchange type '%.*s'",
                           SLICE_FMT(type));
    if (table_find(buf_slice(&thing->arguments), "alternate-exchange", &value) &&
        (value.type != FIELD_LONGSTR || value.bytes.len > NAME_LEN_MAX))
        return import_fail(import, thing->what, thing->name,
                           "argument alternate-exchange must be an exchange's name");
    return ERR_OK;
}

static void make_exchange(const struct import *import, const struct thing *thing, struct slice type,
                          bool internal)
{
    const struct exchange *there = exchange_find(thing->vhost, thing->name);
    struct exchange_declare declare = {
        .name = thing->name,
        .type = type,
        .durable = thing->durable,
        .auto_delete = thing->auto_delete,
        .internal = internal,
        .arguments = buf_slice(&thing->arguments),
    };

    if (!there)
        exchange_create(thing->vhost, &declare, true);
    else if (!there->predeclared &&
             (!slice_equal_str(type, there->route.type->name) || there->durable != thing->durable ||
              there->auto_delete != thing->auto_delete || there->internal != internal))
        note(import, thing->what, thing->name, thing->vhost_name,
             "exists with other properties than the import's: left as it is");
}

enum err import_exchange(struct import *import, const json_t *item)
{
    struct thing thing = {.what = "exchange"};
    struct slice type;
    bool internal;

    enum err error = read_thing(import, item, &thing);
    if (error == ERR_OK)
        error = import_text(import, item, thing.what, thing.name, "type", true, &type);
    if (error == ERR_OK)
        error = import_flag(import, item, thing.what, thing.name, "internal", false, &internal);
    if (error == ERR_OK)
        error = check_exchange(import, &thing, type);
    if (error == ERR_OK && !import->checking)
        make_exchange(import, &thing, type, internal);
    buf_fini(&thing.arguments);
    return error;
}

/* ---- bindings ---- */

static enum err read_binding(const struct import *import, const json_t *item, struct bind *bind,
                             struct slice *vhost_name, struct vhost **vhost)
{
    static const char what[] = "binding of exchange";
    struct slice type = {0};

    enum err error = import_text(import, item, what, slice_str("?"), "source", true, &bind->source);
    if (error == ERR_OK)
        error =
            import_text(import, item, what, bind->source, "destination", true, &bind->destination);
    if (error == ERR_OK)
        error = import_text(import, item, what, bind->source, "destination_type", true, &type);
    if (error == ERR_OK)
        error = import_text(import, item, what, bind->source, "routing_key", false, &bind->key);
    if (error == ERR_OK)
        error = check_length(import, "routing key", bind->key);
    if (error == ERR_OK)
        error = import_vhost(import, item, what, bind->source, vhost_name, vhost);
    bind->to_exchange = slice_equal_str(type, "exchange");
    if (error == ERR_OK && !bind->to_exchange && !slice_equal_str(type, "queue"))
        error = import_fail(import, what, bind->source,
                            "\"destination_type\" must be queue or exchange");
    return error;
}

static struct route_target *find_destination(struct vhost *vhost, const struct bind *bind)
{
    if (bind->to_exchange) {
        struct exchange *exchange = exchange_find(vhost, bind->destination);
        return exchange && bind->destination.len ? &exchange->route.target : NULL;
    }
    struct queue *queue = queue_find(vhost, bind->destination);
    return queue && !queue->exclusive ? &queue->target : NULL;
}

static void make_binding(const struct import *import, const struct bind *bind,
                         struct slice vhost_name, struct vhost *vhost)
{
    struct exchange *source = exchange_find(vhost, bind->source);
    struct route_target *destination = find_destination(vhost, bind);
    struct reply reply;
    bool created;

    if (!source || !destination)
        note(import, "binding", source ? bind->destination : bind->source, vhost_name,
             "binding left out: its source or its destination is not there");
    else if (!exchange_add_binding(source, destination, bind, true, &created, &reply))
        note(import, "binding", bind->source, vhost_name, reply_reason(&reply));
}

enum err import_binding(struct import *import, const json_t *item)
{
    struct bind bind = {0};
    struct buf arguments = BUF_INIT;
    struct slice vhost_name;
    struct vhost *vhost;

    enum err error = read_binding(import, item, &bind, &vhost_name, &vhost);
    if (error == ERR_OK)
        error = read_arguments(import, item, "binding of exchange", bind.source, &arguments);
    bind.arguments = buf_slice(&arguments);
    /* Queues are bound to the default exchange by their being there. */
    if (error == ERR_OK && !import->checking && bind.source.len)
        make_binding(import, &bind, vhost_name, vhost);
    buf_fini(&arguments);
    return error;
}
