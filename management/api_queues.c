/* SPDX-License-Identifier: Apache-2.0 */
/* Queues. Their messages are in api_messages.c. */
#include "broker/consumer.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/act.h"
#include "management/body.h"
#include "management/list.h"
#include "management/object.h"

static void add_items(struct list_items *items, struct vhost *vhost)
{
    HMAP_EACH(&vhost->queues, node) {
        struct queue *queue = CONTAINER_OF(node, struct queue, node);
        list_items_add(items, slice_str(vhost->name), slice_str(queue->name), queue);
    }
}

void queues_list(struct call *call)
{
    struct list_items items = LIST_ITEMS_INIT;

    if (call->capture_count > 0) {
        if (!call_vhost(call))
            return;
        add_items(&items, call->vhost);
    } else {
        LIST_EACH(&call->broker->vhost_list, link) {
            struct vhost *vhost = CONTAINER_OF(link, struct vhost, broker_link);
            if (call_sees(call, slice_str(vhost->name)))
                add_items(&items, vhost);
        }
    }
    list_answer_items(call, &items, object_queue);
}

/* The queue of the path, or NULL after answering 404. */
static struct queue *path_queue(struct call *call)
{
    struct queue *queue = call->vhost ? queue_find(call->vhost, call_arg(call, "queue")) : NULL;

    if (!queue)
        call_not_found(call);
    return queue;
}

static json_t *consumer_details(struct call *call, const struct queue *queue)
{
    json_t *list = json_array();

    LIST_EACH(&queue->consumers, link)
        json_array_append_new(
            list, object_consumer(call, CONTAINER_OF(link, struct consumer, queue_link)));
    return list;
}

void queue_get(struct call *call)
{
    struct queue *queue = path_queue(call);

    if (!queue)
        return;
    json_t *row = object_queue(call, queue);
    json_put(row, "consumer_details", consumer_details(call, queue));
    call_json(call, row);
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

    if (!path_queue(call) || !actor_open(&actor, call))
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

    if (!path_queue(call) || !actor_open(&actor, call))
        return;
    if (queue_purge(&actor.connection, call_arg(call, "queue"), &messages, &reply))
        call_empty(call, 204);
    else
        call_reply(call, &reply);
    actor_close(&actor);
}
