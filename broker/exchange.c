/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges: made, found, destroyed; exchange.declare and exchange.delete. */
#include "broker/exchange.h"

#include "base/history.h"
#include "base/mem.h"
#include "broker/access.h"
#include "broker/binding.h"
#include "broker/broker.h"
#include "broker/connection.h"
#include "broker/queue.h"
#include "broker/queue_settings.h"
#include "broker/vhost.h"
#include "proto/reply.h"
#include "proto/table.h"
#include "routing/exchange_type.h"
#include "storage/store.h"

#define RESERVED_PREFIX "amq."

static uint64_t name_hash(const struct vhost *vhost, struct slice name)
{
    return hmap_hash(name, vhost->broker->hash_seed);
}

struct exchange *exchange_find(struct vhost *vhost, struct slice name)
{
    if (name.len == 0)
        return vhost->default_exchange;
    struct hmap_node *node = hmap_first(&vhost->exchanges, name_hash(vhost, name));
    for (; node; node = hmap_next_same(node)) {
        struct exchange *exchange = CONTAINER_OF(node, struct exchange, node);
        if (slice_equal_str(name, exchange->name))
            return exchange;
    }
    return NULL;
}

struct queue *target_queue(struct route_target *target)
{
    CHECK(!target->is_exchange);
    return CONTAINER_OF(target, struct queue, target);
}

struct exchange *target_exchange(struct route_target *target)
{
    CHECK(target->is_exchange);
    return CONTAINER_OF(target, struct exchange, route.target);
}

/* -- making and destroying -- */

static struct route_exchange *find_alternate(struct route_exchange *route)
{
    struct exchange *exchange = CONTAINER_OF(route, struct exchange, route);
    struct exchange *alternate =
        exchange->alternate ? exchange_find(exchange->vhost, slice_str(exchange->alternate)) : NULL;
    return alternate ? &alternate->route : NULL;
}

static struct route_target *find_queue(struct route_exchange *route, struct slice name)
{
    struct exchange *exchange = CONTAINER_OF(route, struct exchange, route);
    struct queue *queue = queue_find(exchange->vhost, name);
    return queue ? &queue->target : NULL;
}

static void write_record(struct exchange *exchange, bool put)
{
    struct store_record record = {
        .kind = STORE_EXCHANGE,
        .values = {{.bytes = slice_str(exchange->name)},
                   {.bytes = slice_str(exchange->route.type->name)},
                   {.integer = exchange->auto_delete},
                   {.integer = exchange->internal},
                   {.bytes = buf_slice(&exchange->arguments)}},
    };
    if (put)
        vhost_put_record(exchange->vhost, &record);
    else
        vhost_remove_record(exchange->vhost, &record);
}

static const struct exchange_type *type_of(const struct exchange_declare *declare)
{
    return declare->name.len == 0 ? &default_exchange_type : exchange_type_find(declare->type);
}

/* What the default exchange can't deliver has nowhere else to go. */
static char *choose_alternate(const struct exchange *exchange)
{
    struct field_value value;
    bool found =
        exchange->name[0] &&
        (table_find(buf_slice(&exchange->arguments), "alternate-exchange", &value) ||
         table_find(buf_slice(&exchange->policies.definition), "alternate-exchange", &value));
    return found && value.type == FIELD_LONGSTR ? slice_dup(value.bytes) : NULL;
}

static void find_policies(struct exchange *exchange)
{
    policy_effect_init(&exchange->policies, exchange->vhost->broker->policies,
                       slice_str(exchange->vhost->name), slice_str(exchange->name),
                       POLICY_EXCHANGE);
    exchange->alternate = choose_alternate(exchange);
}

void exchange_apply_policies(struct exchange *exchange)
{
    policy_effect_fini(&exchange->policies);
    mem_free(exchange->alternate);
    find_policies(exchange);
    router_changed(&exchange->vhost->router);
}

struct exchange *exchange_create(struct vhost *vhost, const struct exchange_declare *declare,
                                 bool store)
{
    struct exchange *exchange = MEM_NEW(struct exchange);
    const struct exchange_type *type = type_of(declare);
    CHECK(type);
    exchange->vhost = vhost;
    list_init(&exchange->ending_link);
    exchange->name = slice_dup(declare->name);
    exchange->durable = declare->durable;
    exchange->auto_delete = declare->auto_delete;
    exchange->internal = declare->internal;
    table_sort(&exchange->arguments, declare->arguments);
    find_policies(exchange);
    route_exchange_init(&exchange->route, type, &vhost->router);
    exchange->route.alternate = find_alternate;
    exchange->route.lookup = find_queue;
    if (declare->name.len == 0)
        vhost->default_exchange = exchange;
    hmap_insert(&vhost->exchanges, &exchange->node, name_hash(vhost, declare->name));
    router_changed(&vhost->router);
    if (exchange->durable && store)
        write_record(exchange, true);
    return exchange;
}

void exchange_destroy(struct exchange *exchange)
{
    struct vhost *vhost = exchange->vhost;
    hmap_remove(&vhost->exchanges, &exchange->node);
    list_remove(&exchange->ending_link);
    binding_drop_from(exchange);
    exchange_drop_bindings_to(vhost, &exchange->route.target);
    if (exchange->durable && !exchange->predeclared)
        write_record(exchange, false);
    router_changed(&vhost->router);
    route_exchange_fini(&exchange->route);
    buf_fini(&exchange->arguments);
    policy_effect_fini(&exchange->policies);
    history_free(exchange->history);
    mem_free(exchange->alternate);
    mem_free(exchange->name);
    mem_free(exchange);
}

/* -- exchange.declare -- */

static bool check_equal(const char *what, const struct exchange *exchange, bool received,
                        bool current, struct reply *reply)
{
    if (received == current)
        return true;
    return reply_set(reply, REPLY_PRECONDITION_FAILED,
                     "inequivalent arg '%s' for exchange '%s' in vhost '%s': received '%s' but "
                     "current is '%s'",
                     what, exchange->name, exchange->vhost->name, received ? "true" : "false",
                     current ? "true" : "false");
}

static bool check_equivalent(const struct exchange *exchange,
                             const struct exchange_declare *declare, struct reply *reply)
{
    const char *type = exchange->route.type == &default_exchange_type ? direct_exchange_type.name
                                                                      : exchange->route.type->name;
    if (!slice_equal_str(declare->type, type))
        return reply_set(reply, REPLY_PRECONDITION_FAILED,
                         "inequivalent arg 'type' for exchange '%s' in vhost '%s': received "
                         "'%.*s' but current is '%s'",
                         exchange->name, exchange->vhost->name, SLICE_FMT(declare->type), type);
    return check_equal("durable", exchange, declare->durable, exchange->durable, reply) &&
           check_equal("auto_delete", exchange, declare->auto_delete, exchange->auto_delete,
                       reply) &&
           check_equal("internal", exchange, declare->internal, exchange->internal, reply) &&
           argument_equivalent("alternate-exchange", buf_slice(&exchange->arguments),
                               declare->arguments, "exchange", declare->name,
                               slice_str(exchange->vhost->name), reply);
}

static bool not_found(struct slice name, const struct vhost *vhost, struct reply *reply)
{
    return reply_set(reply, REPLY_NOT_FOUND, "no exchange '%.*s' in vhost '%s'", SLICE_FMT(name),
                     vhost->name);
}

/* The rights that naming an alternate exchange takes. */
static bool check_alternate(struct connection *connection, const struct exchange_declare *declare,
                            struct reply *reply)
{
    struct field_value value;
    if (!table_find(declare->arguments, "alternate-exchange", &value))
        return true;
    const struct vhost *vhost = connection->vhost;
    if (value.type != FIELD_LONGSTR || value.bytes.len > UINT8_MAX)
        return reply_set(reply, REPLY_PRECONDITION_FAILED,
                         "invalid type '%s' for arg 'alternate-exchange' in exchange '%.*s' in "
                         "vhost '%s'",
                         field_type_name(value.type), SLICE_FMT(declare->name), vhost->name);
    if (!slice_is_text(value.bytes))
        return reply_set(reply, REPLY_PRECONDITION_FAILED,
                         "alternate exchange '%.*s...' of exchange '%.*s' in vhost '%s' holds a "
                         "zero octet",
                         SLICE_FMT(value.bytes), SLICE_FMT(declare->name), vhost->name);
    struct slice vhost_name = slice_str(vhost->name);
    return access_check(connection->user, vhost_name, PERMISSION_READ, "exchange", declare->name,
                        reply) &&
           access_check(connection->user, vhost_name, PERMISSION_WRITE, "exchange", value.bytes,
                        reply);
}

static bool check_new(struct connection *connection, const struct exchange_declare *declare,
                      struct reply *reply)
{
    const struct vhost *vhost = connection->vhost;
    uint32_t most = connection->broker->options.exchanges_max;
    if (slice_starts_with(declare->name, RESERVED_PREFIX))
        return reply_set(reply, REPLY_ACCESS_REFUSED,
                         "exchange name '%.*s' contains reserved prefix 'amq.*'",
                         SLICE_FMT(declare->name));
    if (!slice_is_text(declare->name))
        return reply_set(reply, REPLY_PRECONDITION_FAILED,
                         "exchange name '%.*s...' in vhost '%s' holds a zero octet",
                         SLICE_FMT(declare->name), vhost->name);
    if (most && vhost->exchanges.count >= most)
        return reply_set(reply, REPLY_PRECONDITION_FAILED,
                         "cannot declare exchange '%.*s' in vhost '%s': exchange limit of %u is "
                         "reached",
                         SLICE_FMT(declare->name), vhost->name, most);
    return check_alternate(connection, declare, reply);
}

static bool declare_passive(struct connection *connection, const struct exchange_declare *declare,
                            struct reply *reply)
{
    if (declare->name.len == 0)
        return reply_set(reply, REPLY_ACCESS_REFUSED,
                         "operation not permitted on the default exchange");
    return exchange_find(connection->vhost, declare->name) ||
           not_found(declare->name, connection->vhost, reply);
}

bool exchange_declare(struct connection *connection, const struct exchange_declare *declare,
                      struct reply *reply)
{
    struct vhost *vhost = connection->vhost;
    if (declare->passive)
        return declare_passive(connection, declare, reply);
    if (!exchange_type_find(declare->type))
        return reply_set(reply, REPLY_COMMAND_INVALID, "unknown exchange type '%.*s'",
                         SLICE_FMT(declare->type));
    if (declare->name.len == 0)
        return reply_set(reply, REPLY_ACCESS_REFUSED,
                         "operation not permitted on the default exchange");
    if (!access_check(connection->user, slice_str(vhost->name), PERMISSION_CONFIGURE, "exchange",
                      declare->name, reply))
        return false;
    struct exchange *exchange = exchange_find(vhost, declare->name);
    if (exchange)
        return check_equivalent(exchange, declare, reply);
    if (!check_new(connection, declare, reply))
        return false;
    exchange_create(vhost, declare, true);
    if (declare->durable)
        connection_hold(connection, store_last(vhost->db));
    return true;
}

/* -- exchange.delete -- */

bool exchange_delete(struct connection *connection, struct slice name, bool if_unused,
                     struct reply *reply)
{
    struct vhost *vhost = connection->vhost;
    if (name.len == 0)
        return reply_set(reply, REPLY_ACCESS_REFUSED,
                         "operation not permitted on the default exchange");
    if (slice_starts_with(name, RESERVED_PREFIX))
        return reply_set(reply, REPLY_ACCESS_REFUSED,
                         "deletion of system exchange '%.*s' in vhost '%s' not allowed",
                         SLICE_FMT(name), vhost->name);
    if (!access_check(connection->user, slice_str(vhost->name), PERMISSION_CONFIGURE, "exchange",
                      name, reply))
        return false;
    struct exchange *exchange = exchange_find(vhost, name);
    if (!exchange)
        return true;
    if (if_unused && exchange->route.bindings_from_count > 0)
        return reply_set(reply, REPLY_PRECONDITION_FAILED, "exchange '%.*s' in vhost '%s' in use",
                         SLICE_FMT(name), vhost->name);
    bool durable = exchange->durable;
    exchange_destroy(exchange);
    if (durable)
        connection_hold(connection, store_last(vhost->db));
    return true;
}
