/* SPDX-License-Identifier: Apache-2.0 */
/* The tables about topology and clients. (Messages: inspect_messages.c.) */
#include "broker/inspect.h"

#include "base/list.h"
#include "broker/access.h"
#include "broker/broker.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/consumer.h"
#include "broker/exchange.h"
#include "broker/inspect_messages.h"
#include "broker/policy.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "routing/exchange_type.h"

/* -- columns: name, type, help, value -- */

#define QUEUE_COLUMNS(X)                                                                           \
    X(name, TEXT, "its name", queue->name)                                                         \
    X(type, TEXT, "classic or quorum", queue_type_name(queue->type))                               \
    X(durable, BOOLEAN, "it outlives a restart of the broker", queue->durable)                     \
    X(exclusive, BOOLEAN, "it is one connection's", queue->exclusive)                              \
    X(auto_delete, BOOLEAN, "it goes with its last consumer", queue->auto_delete)                  \
    X(arguments, JSON, "as declared", buf_slice(&queue->arguments))                                \
    X(policy, POLICY, "that applies", queue->policies.policy)                                      \
    X(operator_policy, POLICY, "that applies", queue->policies.operator_policy)                    \
    X(messages, INTEGER, "ready and unacknowledged", queue->ready_count + queue->unacked_count)    \
    X(ready, INTEGER, "messages to be delivered", queue->ready_count)                              \
    X(unacked, INTEGER, "messages that clients have", queue->unacked_count)                        \
    X(bytes, INTEGER, "bodies of all messages", queue->ready_bytes + queue->unacked_bytes)         \
    X(memory, INTEGER, "bytes that ready messages take in memory", memory_of(queue))               \
    X(consumers, INTEGER, "how many", queue->consumer_count)                                       \
    X(publish, INTEGER, "messages that came, since it was made or found", queue->stats.publish)    \
    X(deliver, INTEGER, "deliveries", queue->stats.deliver + queue->stats.deliver_no_ack)          \
    X(ack, INTEGER, "acknowledgements", queue->stats.ack)                                          \
    X(redeliver, INTEGER, "deliveries that were not the first", queue->stats.redeliver)            \
    X(owner, TEXT, "the connection that an exclusive one belongs to",                              \
      queue->owner ? queue->owner->name : NULL)

#define EXCHANGE_COLUMNS(X)                                                                        \
    X(name, TEXT, "its name; empty: the default exchange", exchange->name)                         \
    X(type, TEXT, "direct, fanout, topic or headers", exchange->route.type->name)                  \
    X(durable, BOOLEAN, "it outlives a restart of the broker", exchange->durable)                  \
    X(auto_delete, BOOLEAN, "it goes with its last binding", exchange->auto_delete)                \
    X(internal, BOOLEAN, "clients may not publish to it", exchange->internal)                      \
    X(arguments, JSON, "as declared", buf_slice(&exchange->arguments))                             \
    X(alternate_exchange, TEXT, "that gets what nothing matches", exchange->alternate)             \
    X(policy, POLICY, "that applies", exchange->policies.policy)                                   \
    X(bindings, INTEGER, "from it", exchange->route.bindings_from_count)                           \
    X(publish_in, INTEGER, "messages that came", exchange->stats.publish_in)                       \
    X(publish_out, INTEGER, "messages that it gave to queues", exchange->stats.publish_out)

#define BINDING_COLUMNS(X)                                                                         \
    X(source, TEXT, "an exchange", exchange->name)                                                 \
    X(destination, TEXT, "a queue or an exchange", target_name(binding->destination))              \
    X(destination_type, TEXT, "queue or exchange",                                                 \
      binding->destination->is_exchange ? "exchange" : "queue")                                    \
    X(routing_key, SLICE, "the binding's key", binding->key)                                       \
    X(arguments, JSON, "as bound", binding->arguments)                                             \
    X(durable, BOOLEAN, "it outlives a restart of the broker", binding->durable)

#define CONSUMER_COLUMNS(X)                                                                        \
    X(queue, TEXT, "the queue's name", consumer->queue->name)                                      \
    X(consumer_tag, TEXT, "its tag", consumer->tag)                                                \
    X(connection, TEXT, "the connection's name", consumer->channel->connection->name)              \
    X(channel, INTEGER, "the channel's number", consumer->channel->number)                         \
    X(prefetch, INTEGER, "deliveries it may have at a time; 0: no limit", consumer->prefetch)      \
    X(unacked, INTEGER, "deliveries it has", consumer->unacked)                                    \
    X(ack_required, BOOLEAN, "it acknowledges", !consumer->no_ack)                                 \
    X(exclusive, BOOLEAN, "no other may consume", consumer->exclusive)                             \
    X(priority, INTEGER, "its priority", consumer->group->priority)                                \
    X(arguments, JSON, "as given", buf_slice(&consumer->arguments))

#define CHANNEL_COLUMNS(X)                                                                         \
    X(connection, TEXT, "the connection's name", channel->connection->name)                        \
    X(number, INTEGER, "its number", channel->number)                                              \
    X(consumers, INTEGER, "how many", channel->consumer_count)                                     \
    X(unacked, INTEGER, "deliveries not acknowledged", channel->unacked_count)                     \
    X(prefetch, INTEGER, "of consumers to come; 0: no limit", channel->prefetch_consumer)          \
    X(prefetch_global, INTEGER, "of all together; 0: no limit", channel->prefetch_global)          \
    X(confirming, BOOLEAN, "publishes are confirmed", channel->confirming)                         \
    X(unconfirmed, INTEGER, "publishes not confirmed yet",                                         \
      channel->confirms_last - channel->confirms_first)                                            \
    X(transactional, BOOLEAN, "tx.select was called", channel->tx != NULL)                         \
    X(publish, INTEGER, "messages published", channel->stats.publish)                              \
    X(deliver, INTEGER, "deliveries", channel->stats.deliver + channel->stats.deliver_no_ack)

#define CONNECTION_COLUMNS(X)                                                                      \
    X(name, TEXT, "from where to where", connection->name)                                         \
    X(user, TEXT, "who logged in", connection->user ? connection->user->name : NULL)               \
    X(channels, INTEGER, "how many", connection->channel_count)                                    \
    X(connected_at, INTEGER, "Unix time in milliseconds", connection->opened_wall_ms)              \
    X(publishes, BOOLEAN, "it has sent messages", connection->publishes)                           \
    X(blocked, BOOLEAN, "an alarm holds it", connection->told_blocked)

#define POLICY_COLUMNS(X)                                                                          \
    X(name, SLICE, "its name", policy->name)                                                       \
    X(is_operator, BOOLEAN, "it is an operator's", policy->of_operator)                            \
    X(pattern, SLICE, "which names it is for", policy->pattern)                                    \
    X(apply_to, SLICE, "queues, exchanges, all …", policy->apply_to)                               \
    X(priority, INTEGER, "the highest that matches applies", policy->priority)                     \
    X(definition, JSON, "what it sets", policy->definition)

/* -- their descriptions -- */

/* Other ways to give a text. */
#define STORE_QUERY_SLICE STORE_QUERY_TEXT
#define STORE_QUERY_POLICY STORE_QUERY_TEXT
#define X(name, type, help, value) {#name, STORE_QUERY_##type, help},
static const struct store_query_column queue_columns[] = {QUEUE_COLUMNS(X)};
static const struct store_query_column exchange_columns[] = {EXCHANGE_COLUMNS(X)};
static const struct store_query_column binding_columns[] = {BINDING_COLUMNS(X)};
static const struct store_query_column consumer_columns[] = {CONSUMER_COLUMNS(X)};
static const struct store_query_column channel_columns[] = {CHANNEL_COLUMNS(X)};
static const struct store_query_column connection_columns[] = {CONNECTION_COLUMNS(X)};
static const struct store_query_column policy_columns[] = {POLICY_COLUMNS(X)};
#undef X

enum table { QUEUES, EXCHANGES, BINDINGS, CONSUMERS, CHANNELS, CONNECTIONS, POLICIES };

#define TABLE(name, help, columns)                                                                 \
    {                                                                                              \
        name, help, columns, ARRAY_LEN(columns)                                                    \
    }
const struct store_query_table inspect_tables[] = {
    [QUEUES] = TABLE("queues", "queues", queue_columns),
    [EXCHANGES] = TABLE("exchanges", "exchanges, the predeclared ones too", exchange_columns),
    [BINDINGS] =
        TABLE("bindings", "bindings, without those of the default exchange", binding_columns),
    [CONSUMERS] = TABLE("consumers", "consumers", consumer_columns),
    [CHANNELS] = TABLE("channels", "channels of clients", channel_columns),
    [CONNECTIONS] = TABLE("connections", "connections of clients", connection_columns),
    [POLICIES] = TABLE("policies", "policies and operator policies", policy_columns),
};
const size_t inspect_table_count = ARRAY_LEN(inspect_tables);

/* -- values -- */

static const char *target_name(struct route_target *target)
{
    return target->is_exchange ? target_exchange(target)->name : target_queue(target)->name;
}

static uint64_t memory_of(const struct queue *queue)
{
    uint64_t memory = 0;

    for (size_t i = 0; i <= queue->settings.priority_max; i++)
        if (queue->lanes[i])
            memory += queue->lanes[i]->memory;
    return memory;
}

static void add_TEXT(struct store_query *query, const char *text)
{
    if (text)
        store_query_add_text(query, slice_str(text));
    else
        store_query_add_null(query);
}

static void add_SLICE(struct store_query *query, struct slice text)
{
    store_query_add_text(query, text);
}

static void add_POLICY(struct store_query *query, const struct policy *policy)
{
    if (policy)
        store_query_add_text(query, policy->name);
    else
        store_query_add_null(query);
}

static void add_JSON(struct store_query *query, struct slice table)
{
    store_query_add_json(query, table);
}

#define add_INTEGER(query, value) store_query_add_integer(query, (int64_t)(value))
#define add_BOOLEAN(query, value) store_query_add_integer(query, (value) ? 1 : 0)

/* -- filling -- */

/* How many rows may still be added. */
struct filling {
    struct store_query *query;
    size_t rows_left;
    size_t cells_left;
    uint64_t wanted; /* columns of the row that are still to come */
};

/* False when a bound is reached. */
static bool begin_row(struct filling *filling, enum table table)
{
    uint64_t wanted = store_query_wants(filling->query, &inspect_tables[table]);
    size_t cells = (size_t)__builtin_popcountll(wanted);

    if (filling->rows_left == 0 || filling->cells_left < cells) {
        store_query_note(filling->query, "not all rows of the tables are there: too many for one "
                                         "look");
        return false;
    }
    filling->rows_left--;
    filling->cells_left -= cells;
    filling->wanted = wanted;
    store_query_add_row(filling->query, &inspect_tables[table]);
    return true;
}

#define X(name, type, help, value)                                                                 \
    if (filling->wanted & 1)                                                                       \
        add_##type(filling->query, value);                                                         \
    filling->wanted >>= 1;

static bool add_queue(struct filling *filling, const struct queue *queue)
{
    if (!begin_row(filling, QUEUES))
        return false;
    QUEUE_COLUMNS(X)
    return true;
}

static void add_queues(struct filling *filling, const struct vhost *vhost)
{
    HMAP_EACH(&vhost->queues, node)
        if (!add_queue(filling, CONTAINER_OF(node, struct queue, node)))
            return;
}

static bool add_exchange(struct filling *filling, const struct exchange *exchange)
{
    if (!begin_row(filling, EXCHANGES))
        return false;
    EXCHANGE_COLUMNS(X)
    return true;
}

static void add_exchanges(struct filling *filling, const struct vhost *vhost)
{
    HMAP_EACH(&vhost->exchanges, node)
        if (!add_exchange(filling, CONTAINER_OF(node, struct exchange, node)))
            return;
}

static bool add_binding(struct filling *filling, const struct exchange *exchange,
                        const struct binding *binding)
{
    if (!begin_row(filling, BINDINGS))
        return false;
    BINDING_COLUMNS(X)
    return true;
}

static bool add_bindings_from(struct filling *filling, const struct exchange *exchange)
{
    const struct list *head = &exchange->route.bindings_from;

    for (const struct list *node = head->next; node != head; node = node->next)
        if (!add_binding(filling, exchange, CONTAINER_OF(node, struct binding, in_source)))
            return false;
    return true;
}

static void add_bindings(struct filling *filling, const struct vhost *vhost)
{
    HMAP_EACH(&vhost->exchanges, node)
        if (!add_bindings_from(filling, CONTAINER_OF(node, struct exchange, node)))
            return;
}

static bool add_consumers_of(struct filling *filling, const struct queue *queue)
{
    const struct list *head = &queue->consumers;

    for (const struct list *node = head->next; node != head; node = node->next) {
        const struct consumer *consumer = CONTAINER_OF(node, struct consumer, queue_link);
        if (!begin_row(filling, CONSUMERS))
            return false;
        CONSUMER_COLUMNS(X)
    }
    return true;
}

static void add_consumers(struct filling *filling, const struct vhost *vhost)
{
    HMAP_EACH(&vhost->queues, node)
        if (!add_consumers_of(filling, CONTAINER_OF(node, struct queue, node)))
            return;
}

static bool add_channels_of(struct filling *filling, const struct connection *connection)
{
    const struct list *head = &connection->channels;

    for (const struct list *node = head->next; node != head; node = node->next) {
        const struct channel *channel = CONTAINER_OF(node, struct channel, connection_link);
        if (!begin_row(filling, CHANNELS))
            return false;
        CHANNEL_COLUMNS(X)
    }
    return true;
}

static void add_channels(struct filling *filling, const struct vhost *vhost)
{
    const struct list *head = &vhost->connections;

    for (const struct list *node = head->next; node != head; node = node->next) {
        const struct connection *connection = CONTAINER_OF(node, struct connection, vhost_link);
        if (!connection->internal && !add_channels_of(filling, connection))
            return;
    }
}

static void add_connections(struct filling *filling, const struct vhost *vhost)
{
    const struct list *head = &vhost->connections;

    for (const struct list *node = head->next; node != head; node = node->next) {
        const struct connection *connection = CONTAINER_OF(node, struct connection, vhost_link);
        if (connection->internal)
            continue;
        if (!begin_row(filling, CONNECTIONS))
            return;
        CONNECTION_COLUMNS(X)
    }
}

struct policy_filling {
    struct filling *filling;
    struct slice vhost;
};

static void add_policy(void *context, const struct policy *policy)
{
    const struct policy_filling *of = context;
    struct filling *filling = of->filling;

    if (!slice_equal(policy->vhost, of->vhost) || !begin_row(filling, POLICIES))
        return;
    POLICY_COLUMNS(X)
}

static void add_policies(struct filling *filling, const struct vhost *vhost)
{
    struct policy_filling of = {.filling = filling, .vhost = slice_str(vhost->name)};

    policies_each(vhost->broker->policies, add_policy, &of);
}

#undef X

void inspect_snapshot(void *context, struct store_query *query)
{
    static void (*const fillers[])(struct filling * filling, const struct vhost *vhost) = {
        [QUEUES] = add_queues,       [EXCHANGES] = add_exchanges, [BINDINGS] = add_bindings,
        [CONSUMERS] = add_consumers, [CHANNELS] = add_channels,   [CONNECTIONS] = add_connections,
        [POLICIES] = add_policies,
    };
    struct vhost *vhost = context;
    struct filling filling = {
        .query = query, .rows_left = INSPECT_ROWS_MAX, .cells_left = INSPECT_CELLS_MAX};

    for (size_t i = 0; i < ARRAY_LEN(fillers); i++)
        if (store_query_uses(query, &inspect_tables[i]))
            fillers[i](&filling, vhost);
    if (store_query_uses(query, &store_query_messages))
        inspect_messages(vhost, query);
}
