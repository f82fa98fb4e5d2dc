/* SPDX-License-Identifier: Apache-2.0 */
/* Queues. Their messages are in api_messages.c. */
#include "broker/consumer.h"
#include "broker/queue.h"
#include "management/act.h"
#include "management/body.h"
#include "management/list_named.h"
#include "management/object.h"

static void add_item(struct listing *listing, enum walk_kind kind, void *object)
{
    (void)kind;
    list_add_queue(listing, object);
}

void queues_list(struct call *call)
{
    static const struct list_kind kind = {
        .walks = {WALK_QUEUES},
        .walk_count = 1,
        .add = add_item,
        .find = list_find_queue,
        .write = object_queue,
    };

    list_answer_vhost(call, &kind);
}

void queue_get(struct call *call)
{
    const struct queue *queue = call_queue(call);
    struct row row;

    if (!queue)
        return;
    call_begin_object(call, &row);
    object_queue(call, &row, queue);
    object_consumers(call, &row, &queue->consumers, offsetof(struct consumer, queue_link));
    row_json(&row, "deliveries", json_array()); /* rates of pairs of objects aren't kept */
    row_json(&row, "incoming", json_array());
    call_end_object(&row);
}

/* ---- declaring and deleting ---- */

static bool read_declaration(struct call *call, const json_t *body, struct buf *arguments,
                             struct queue_declare *declare)
{
    declare->name = call_arg(call, "queue");
    if (!body_path_name(call, "queue") ||
        !call_bool(call, body, "durable", false, &declare->durable) ||
        !call_bool(call, body, "auto_delete", false, &declare->auto_delete) ||
        !body_arguments(call, body, arguments))
        return false;
    declare->arguments = buf_slice(arguments);
    return true;
}

static void declare_queue(struct call *call, const struct queue_declare *declare)
{
    bool created = !queue_find(call->vhost, declare->name);
    struct queue *queue;
    struct actor actor;
    struct reply reply;

    if (!actor_open(&actor, call))
        return;
    if (queue_declare(&actor.connection, declare, &queue, &reply))
        call_made(call, created);
    else
        call_reply(call, &reply);
    actor_close(&actor);
}

void queue_put(struct call *call)
{
    struct queue_declare declare = {0};
    struct buf arguments = BUF_INIT;

    if (!call->vhost) {
        call_error(call, 404, "not_found", "vhost_not_found");
        return;
    }
    json_t *body = call_body(call);
    if (body && read_declaration(call, body, &arguments, &declare))
        declare_queue(call, &declare);
    buf_fini(&arguments);
    json_decref(body);
}

void queue_delete_route(struct call *call)
{
    struct actor actor;
    struct reply reply;
    uint32_t messages;

    if (!call_queue(call) || !actor_open(&actor, call))
        return;
    if (queue_delete(&actor.connection, call_arg(call, "queue"), call_flag(call, "if-unused"),
                     call_flag(call, "if-empty"), &messages, &reply))
        call_empty(call, 204);
    else
        call_reply(call, &reply);
    actor_close(&actor);
}

void queue_purge_route(struct call *call)
{
    struct actor actor;
    struct reply reply;
    uint32_t messages;

    if (!call_queue(call) || !actor_open(&actor, call))
        return;
    if (queue_purge(&actor.connection, call_arg(call, "queue"), &messages, &reply))
        call_empty(call, 204);
    else
        call_reply(call, &reply);
    actor_close(&actor);
}
