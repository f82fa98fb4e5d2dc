/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on queues by name: queue.declare, queue.delete, queue.purge, with all their checks. */
#include "broker/access.h"
#include "broker/broker.h"
#include "broker/connection.h"
#include "broker/queue.h"
#include "broker/reply_to.h"
#include "broker/vhost.h"
#include "proto/reply.h"
#include "proto/table.h"
#include "storage/store.h"

#include <inttypes.h>
#include <stdio.h>

#define RESERVED_PREFIX "amq."
#define LOCKED_TEXT                                                                                \
    "cannot obtain exclusive access to locked queue '%s' in vhost '%s'. It could be originally "   \
    "declared on another connection or the exclusive property value does not match that of the "   \
    "original declaration."

/* -- finding -- */

static bool not_found(struct slice name, const struct vhost *vhost, struct reply *reply)
{
    return reply_set(reply, REPLY_NOT_FOUND, "no queue '%.*s' in vhost '%s'", SLICE_FMT(name),
                     vhost->name);
}

static bool check_owner(const struct connection *connection, const struct queue *queue,
                        struct reply *reply)
{
    if (!queue->exclusive || queue->owner == connection)
        return true;
    return reply_set(reply, REPLY_RESOURCE_LOCKED, LOCKED_TEXT, queue->name, queue->vhost->name);
}

struct queue *queue_lookup(struct connection *connection, struct slice name, struct reply *reply)
{
    struct queue *queue = queue_find(connection->vhost, name);
    if (!queue) {
        not_found(name, connection->vhost, reply);
        return NULL;
    }
    return check_owner(connection, queue, reply) ? queue : NULL;
}

static bool check_right(const struct connection *connection, enum permission permission,
                        struct slice name, struct reply *reply)
{
    return access_check(connection->user, slice_str(connection->vhost->name), permission, "queue",
                        name, reply);
}

/* -- queue.declare -- */

static enum queue_type default_type(const struct vhost *vhost)
{
    const char *name = vhost->default_queue_type ? vhost->default_queue_type
                                                 : vhost->broker->options.default_queue_type;
    return name && strcmp(name, queue_type_name(QUEUE_QUORUM)) == 0 ? QUEUE_QUORUM : QUEUE_CLASSIC;
}

static bool check_flag(const char *what, const struct queue *queue, bool received, bool current,
                       struct reply *reply)
{
    if (received == current)
        return true;
    return reply_set(reply, REPLY_PRECONDITION_FAILED,
                     "inequivalent arg '%s' for queue '%s' in vhost '%s': received '%s' but "
                     "current is '%s'",
                     what, queue->name, queue->vhost->name, received ? "true" : "false",
                     current ? "true" : "false");
}

static bool check_type(const struct queue *queue, enum queue_type received, struct slice arguments,
                       struct reply *reply)
{
    if (received == queue->type)
        return true;
    struct field_value value;
    if (!table_find(arguments, "x-queue-type", &value))
        return reply_set(reply, REPLY_PRECONDITION_FAILED,
                         "inequivalent arg 'x-queue-type' for queue '%s' in vhost '%s': received "
                         "none but current is the value '%s' of type 'longstr'",
                         queue->name, queue->vhost->name, queue_type_name(queue->type));
    return reply_set(reply, REPLY_PRECONDITION_FAILED,
                     "inequivalent arg 'x-queue-type' for queue '%s' in vhost '%s': received '%s' "
                     "but current is '%s'",
                     queue->name, queue->vhost->name, queue_type_name(received),
                     queue_type_name(queue->type));
}

static bool check_equivalent(struct connection *connection, const struct queue *queue,
                             const struct queue_declare *declare, enum queue_type type,
                             struct reply *reply)
{
    if (!check_owner(connection, queue, reply))
        return false;
    if (declare->exclusive != queue->exclusive)
        return reply_set(reply, REPLY_RESOURCE_LOCKED, LOCKED_TEXT, queue->name,
                         queue->vhost->name);
    /* An exclusive queue is never durable, so what is asked of it does not matter. */
    if (!queue->exclusive && !check_flag("durable", queue, declare->durable, queue->durable, reply))
        return false;
    return check_flag("auto_delete", queue, declare->auto_delete, queue->auto_delete, reply) &&
           check_type(queue, type, declare->arguments, reply) &&
           queue_arguments_equivalent(buf_slice(&queue->arguments), declare->arguments,
                                      declare->name, slice_str(queue->vhost->name), reply);
}

/* What the quorum type asks of a declaration. */
static bool check_quorum(const struct queue_declare *declare, bool named_by_server,
                         const struct vhost *vhost, struct reply *reply)
{
    if (named_by_server)
        return reply_set(reply, REPLY_PRECONDITION_FAILED,
                         "Cannot declare a server-named queue for type rabbit_quorum_queue");
    const char *property = NULL;
    if (declare->auto_delete)
        property = "auto-delete";
    else if (declare->exclusive)
        property = "exclusive-owner";
    else if (!declare->durable)
        property = "non-durable";
    if (!property)
        return true;
    return reply_set(reply, REPLY_PRECONDITION_FAILED,
                     "invalid property '%s' for queue '%.*s' in vhost '%s'", property,
                     SLICE_FMT(declare->name), vhost->name);
}

static bool check_limits(const struct vhost *vhost, struct slice name, struct reply *reply)
{
    uint32_t most = vhost->broker->options.queues_max;
    if (vhost->queues_max >= 0 && vhost->queues.count >= (uint64_t)vhost->queues_max)
        return reply_set(reply, REPLY_PRECONDITION_FAILED,
                         "cannot declare queue '%.*s': queue limit in vhost '%s' (%" PRId64
                         ") is reached",
                         SLICE_FMT(name), vhost->name, vhost->queues_max);
    if (most && vhost->broker->queue_count >= most)
        return reply_set(reply, REPLY_PRECONDITION_FAILED,
                         "cannot declare queue '%.*s': queue limit in cluster (%u) is reached",
                         SLICE_FMT(name), most);
    return true;
}

/* A dead letter exchange takes the right to read here and to write there. */
static bool check_dead_letter(const struct connection *connection,
                              const struct queue_declare *declare, struct reply *reply)
{
    struct field_value value;
    if (!table_find(declare->arguments, "x-dead-letter-exchange", &value))
        return true;
    return check_right(connection, PERMISSION_READ, declare->name, reply) &&
           access_check(connection->user, slice_str(connection->vhost->name), PERMISSION_WRITE,
                        "exchange", value.bytes, reply);
}

/* RabbitMQ looks at this one's type before all other arguments. */
static bool check_dead_letter_type(const struct queue_declare *declare, const struct vhost *vhost,
                                   struct reply *reply)
{
    struct field_value value;
    if (!table_find(declare->arguments, "x-dead-letter-exchange", &value) ||
        value.type == FIELD_LONGSTR)
        return true;
    return reply_set(reply, REPLY_PRECONDITION_FAILED,
                     "invalid type '%s' for arg 'x-dead-letter-exchange' in queue '%.*s' in vhost "
                     "'%s'",
                     field_type_name(value.type), SLICE_FMT(declare->name), vhost->name);
}

static bool create(struct connection *connection, const struct queue_declare *declare,
                   bool named_by_server, enum queue_type type, struct queue **queue,
                   struct reply *reply)
{
    struct vhost *vhost = connection->vhost;
    if (!slice_is_text(declare->name))
        return reply_set(reply, REPLY_PRECONDITION_FAILED,
                         "queue name '%.*s...' in vhost '%s' holds a zero octet",
                         SLICE_FMT(declare->name), vhost->name);
    if (!check_dead_letter_type(declare, vhost, reply) ||
        !queue_arguments_check(declare->arguments, type, declare->name, slice_str(vhost->name),
                               reply))
        return false;
    if (type == QUEUE_QUORUM && !check_quorum(declare, named_by_server, vhost, reply))
        return false;
    if (!check_dead_letter(connection, declare, reply) ||
        !check_limits(vhost, declare->name, reply))
        return false;
    *queue = queue_create(vhost, declare, type, declare->exclusive ? connection : NULL, true);
    vhost->broker->churn.queues_created++;
    if ((*queue)->durable)
        connection_hold(connection, store_last(vhost->db));
    return true;
}

static bool declare_passive(struct connection *connection, const struct queue_declare *declare,
                            struct queue **queue, struct reply *reply)
{
    *queue = queue_lookup(connection, declare->name, reply);
    if (*queue)
        queue_touch(*queue);
    return *queue != NULL;
}

bool queue_declare(struct connection *connection, const struct queue_declare *given,
                   struct queue **queue, struct reply *reply)
{
    struct queue_declare declare = *given;
    struct broker *broker = connection->broker;
    char made[32];
    bool named_by_server = declare.name.len == 0;
    *queue = NULL;
    if (named_by_server && !declare.passive) {
        char random[23];
        rng_name22(&broker->rng, random);
        declare.name = slice_of(made, (size_t)snprintf(made, sizeof made, "amq.gen-%s", random));
    }
    if (declare.passive)
        return declare_passive(connection, &declare, queue, reply);
    if (!named_by_server && slice_starts_with(declare.name, RESERVED_PREFIX))
        return reply_set(reply, REPLY_ACCESS_REFUSED,
                         "queue name '%.*s' contains reserved prefix 'amq.*'",
                         SLICE_FMT(declare.name));
    if (!check_right(connection, PERMISSION_CONFIGURE, declare.name, reply))
        return false;
    broker->churn.queues_declared++;
    enum queue_type type;
    if (!queue_type_from(declare.arguments, default_type(connection->vhost), declare.name,
                         slice_str(connection->vhost->name), &type, reply))
        return false;
    *queue = queue_find(connection->vhost, declare.name);
    if (!*queue)
        return create(connection, &declare, named_by_server, type, queue, reply);
    if (!check_equivalent(connection, *queue, &declare, type, reply))
        return false;
    queue_touch(*queue);
    return true;
}

/* -- queue.delete and queue.purge -- */

static uint32_t clamp(uint64_t count)
{
    return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}

bool queue_delete(struct connection *connection, struct slice name, bool if_unused, bool if_empty,
                  uint32_t *messages, struct reply *reply)
{
    struct vhost *vhost = connection->vhost;
    *messages = 0;
    if (!check_right(connection, PERMISSION_CONFIGURE, name, reply))
        return false;
    struct queue *queue = queue_find(vhost, name);
    if (!queue)
        return true;
    if (!check_owner(connection, queue, reply))
        return false;
    if (if_unused && queue->consumer_count > 0)
        return reply_set(reply, REPLY_PRECONDITION_FAILED, "queue '%s' in vhost '%s' in use",
                         queue->name, vhost->name);
    if (if_empty && queue->ready_count > 0)
        return reply_set(reply, REPLY_PRECONDITION_FAILED, "queue '%s' in vhost '%s' not empty",
                         queue->name, vhost->name);
    *messages = clamp(queue->ready_count);
    bool durable = queue->durable;
    queue_destroy(queue);
    if (durable)
        connection_hold(connection, store_last(vhost->db));
    return true;
}

bool queue_purge(struct connection *connection, struct slice name, uint32_t *messages,
                 struct reply *reply)
{
    *messages = 0;
    if (!check_right(connection, PERMISSION_READ, name, reply))
        return false;
    struct queue *queue = queue_lookup(connection, name, reply);
    if (!queue)
        return false;
    *messages = clamp(queue_purge_ready(queue));
    if (queue->durable && *messages)
        connection_hold(connection, store_last(connection->vhost->db));
    return true;
}
