/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings. The operations themselves are declared in exchange.h; see binding.h. */
#include "broker/binding.h"

#include "broker/access.h"
#include "broker/broker.h"
#include "broker/connection.h"
#include "broker/exchange.h"
#include "broker/queue.h"
#include "broker/reply_to.h"
#include "broker/vhost.h"
#include "proto/reply.h"
#include "routing/exchange_type.h"
#include "storage/store.h"

static struct slice target_name(struct route_target *target)
{
    return slice_str(target->is_exchange ? target_exchange(target)->name
                                         : target_queue(target)->name);
}

static bool target_durable(struct route_target *target)
{
    return target->is_exchange ? target_exchange(target)->durable : target_queue(target)->durable;
}

static struct exchange *source_of(const struct binding *binding)
{
    return CONTAINER_OF(binding->source, struct exchange, route);
}

static void write_record(const struct binding *binding, bool put)
{
    struct exchange *source = source_of(binding);
    struct store_record record = {
        .kind = STORE_BINDING,
        .values = {{.bytes = slice_str(source->name)},
                   {.bytes = target_name(binding->destination)},
                   {.bytes = slice_str(binding->destination->is_exchange ? "exchange" : "queue")},
                   {.bytes = binding->key},
                   {.bytes = binding->arguments}},
    };
    if (put)
        vhost_put_record(source->vhost, &record);
    else
        vhost_remove_record(source->vhost, &record);
}

bool exchange_add_binding(struct exchange *source, struct route_target *destination,
                          const struct bind *bind, bool store, bool *created, struct reply *reply)
{
    struct binding *binding;
    enum bind_outcome outcome = router_bind(&source->vhost->router, &source->route, destination,
                                            bind->key, bind->arguments, &binding, reply);
    if (outcome == BIND_REFUSED)
        return false;
    *created = outcome == BIND_NEW;
    if (!*created)
        return true;
    source->had_binding = true;
    binding->durable = source->durable && target_durable(destination);
    if (binding->durable && store)
        write_record(binding, true);
    return true;
}

static void forget(struct binding *binding, void *context)
{
    (void)context;
    if (binding->durable)
        write_record(binding, false);
}

void binding_drop_from(struct exchange *exchange)
{
    router_unbind_all_from(&exchange->vhost->router, &exchange->route, forget, NULL);
}

/* Auto-delete exchanges that lost a binding line up in vhost->ending, so that a chain of them ends in
 * a loop and not in a recursion as deep as a client makes it. */
static void note_loss(struct exchange *exchange)
{
    if (exchange->auto_delete && exchange->had_binding && !list_linked(&exchange->ending_link))
        list_push_back(&exchange->vhost->ending, &exchange->ending_link);
}

static void end_unbound(struct vhost *vhost)
{
    if (vhost->ending_exchanges)
        return;
    vhost->ending_exchanges = true;
    struct exchange *exchange;
    while ((exchange = LIST_FIRST(&vhost->ending, struct exchange, ending_link))) {
        list_remove(&exchange->ending_link);
        if (exchange->route.bindings_from_count == 0)
            exchange_destroy(exchange);
    }
    vhost->ending_exchanges = false;
}

static void forget_and_note(struct binding *binding, void *context)
{
    forget(binding, context);
    note_loss(source_of(binding));
}

void exchange_drop_bindings_to(struct vhost *vhost, struct route_target *target)
{
    router_unbind_all_to(&vhost->router, target, forget_and_note, NULL);
    end_unbound(vhost);
}

/* -- bind and unbind -- */

static bool check_names(const struct bind *bind, struct reply *reply)
{
    if (bind->source.len == 0 || (bind->to_exchange && bind->destination.len == 0))
        return reply_set(reply, REPLY_ACCESS_REFUSED,
                         "operation not permitted on the default exchange");
    if (!bind->to_exchange && reply_to_is_pseudo_queue(bind->destination))
        return reply_set(reply, REPLY_ACCESS_REFUSED,
                         "cannot bind or unbind to a volatile (direct reply-to) queue");
    return true;
}

/* In RabbitMQ's order. */
static bool check_allowed(struct connection *connection, const struct bind *bind,
                          struct reply *reply)
{
    struct slice vhost = slice_str(connection->vhost->name);
    return access_check(connection->user, vhost, PERMISSION_WRITE,
                        bind->to_exchange ? "exchange" : "queue", bind->destination, reply) &&
           check_names(bind, reply) &&
           access_check(connection->user, vhost, PERMISSION_READ, "exchange", bind->source, reply);
}

static bool check_topic(struct connection *connection, const struct exchange *source,
                        const struct bind *bind, struct reply *reply)
{
    if (source->route.type != &topic_exchange_type)
        return true;
    return access_check_topic(connection->user, slice_str(connection->vhost->name), PERMISSION_READ,
                              bind->source, bind->key, reply);
}

static struct exchange *need_exchange(struct vhost *vhost, struct slice name, struct reply *reply)
{
    struct exchange *exchange = exchange_find(vhost, name);
    if (!exchange)
        reply_set(reply, REPLY_NOT_FOUND, "no exchange '%.*s' in vhost '%s'", SLICE_FMT(name),
                  vhost->name);
    return exchange;
}

static struct route_target *need_destination(struct connection *connection, const struct bind *bind,
                                             struct reply *reply)
{
    if (bind->to_exchange) {
        struct exchange *exchange = need_exchange(connection->vhost, bind->destination, reply);
        return exchange ? &exchange->route.target : NULL;
    }
    struct queue *queue = queue_lookup(connection, bind->destination, reply);
    return queue ? &queue->target : NULL;
}

bool exchange_bind(struct connection *connection, const struct bind *bind, struct reply *reply)
{
    struct vhost *vhost = connection->vhost;
    if (!check_allowed(connection, bind, reply))
        return false;
    struct exchange *source = need_exchange(vhost, bind->source, reply);
    if (!source || !check_topic(connection, source, bind, reply))
        return false;
    struct route_target *destination = need_destination(connection, bind, reply);
    bool created;
    if (!destination || !exchange_add_binding(source, destination, bind, true, &created, reply))
        return false;
    if (created && source->durable && target_durable(destination))
        connection_hold(connection, store_last(vhost->db));
    return true;
}

/* The destination without a complaint: what isn't there isn't bound. */
static struct route_target *find_destination(struct vhost *vhost, const struct bind *bind)
{
    if (bind->to_exchange) {
        struct exchange *exchange = exchange_find(vhost, bind->destination);
        return exchange ? &exchange->route.target : NULL;
    }
    struct queue *queue = queue_find(vhost, bind->destination);
    return queue ? &queue->target : NULL;
}

bool exchange_unbind(struct connection *connection, const struct bind *bind, struct reply *reply)
{
    struct vhost *vhost = connection->vhost;
    if (!check_allowed(connection, bind, reply))
        return false;
    struct exchange *source = exchange_find(vhost, bind->source);
    struct route_target *destination = find_destination(vhost, bind);
    if (!source || !destination)
        return true;
    if (!check_topic(connection, source, bind, reply))
        return false;
    struct binding *binding =
        router_find(&vhost->router, &source->route, destination, bind->key, bind->arguments);
    if (!binding)
        return true;
    if (!destination->is_exchange && !queue_lookup(connection, bind->destination, reply))
        return false; /* another connection's */
    bool durable = binding->durable;
    forget(binding, NULL);
    router_unbind(&vhost->router, binding);
    note_loss(source);
    end_unbound(vhost);
    if (durable)
        connection_hold(connection, store_last(vhost->db));
    return true;
}
