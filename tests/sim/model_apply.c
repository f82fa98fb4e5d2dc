/* SPDX-License-Identifier: Apache-2.0 */
/* What each method of a client does, and what the node owes for it. */
#include "tests/sim/model.h"
#include "tests/sim/peek.h"

struct m_connection *model_connect(struct model *model, unsigned client)
{
    struct m_connection *connection = ARENA_NEW(model->arena, struct m_connection);
    connection->client = client;
    connection->state = M_OPEN;
    for (uint16_t i = 0; i <= M_CHANNELS_MAX; i++) {
        connection->channels[i].connection = connection;
        connection->channels[i].number = i;
    }
    vec_push(model->arena, &model->connections, connection);
    return connection;
}

static const char *text_of(struct model *model, struct slice text)
{
    return arena_text(model->arena, text);
}

static struct m_expect *answer(struct model *model, struct m_channel *channel,
                               enum method_kind kind)
{
    if (channel->quiet)
        return ARENA_NEW(model->arena, struct m_expect);
    return model_expect(model, channel->connection, channel->number, kind);
}

/* An answer that must wait until what this turn wrote is on the disk. */
static void answer_durably(struct model *model, struct m_channel *channel, enum method_kind kind,
                           bool durable)
{
    struct m_expect *expect = answer(model, channel, kind);
    if (durable)
        expect->turn = model->turn;
}

/* The user has this right; else the channel is closed. */
static bool may(struct model *model, struct m_channel *channel, enum m_right right,
                const char *name)
{
    if (model_allows(model, channel->connection, right, name))
        return true;
    model_channel_error(model, channel, 403);
    return false;
}

/* The queue, if the connection may use it; else the channel is closed. */
static struct m_queue *need_queue(struct model *model, struct m_channel *channel, const char *name)
{
    struct m_queue *queue = model_queue(model, name);
    if (queue && (!queue->owner || queue->owner == channel->connection))
        return queue;
    model_channel_error(model, channel, queue ? 405 : 404);
    return NULL;
}

/* Likewise, and the user must be allowed to read it. */
static struct m_queue *need_readable(struct model *model, struct m_channel *channel,
                                     const char *name)
{
    return may(model, channel, M_READ, name) ? need_queue(model, channel, name) : NULL;
}

/* What no client may do ends its connection. */
void model_end_hard(struct model *model, struct m_connection *connection, uint16_t code)
{
    model_connection_end(model, connection);
    model_expect(model, connection, 0, METHOD_CONNECTION_CLOSE)->code = code;
}

/* -- channel -- */

static void open_channel(struct model *model, struct m_channel *channel)
{
    struct m_connection *connection = channel->connection;
    uint16_t number = channel->number;
    *channel = (struct m_channel){
        .connection = connection,
        .number = number,
        .state = M_OPEN,
        .flow = true,
        .tag_next = 1,
        .publish_next = 1,
        .opened = ++connection->channels_opened,
    };
    answer(model, channel, METHOD_CHANNEL_OPEN_OK);
}

/* -- queues -- */

/* What a new queue takes besides the right to make it. */
static bool may_create(struct model *model, struct m_channel *channel,
                       const struct queue_spec *spec)
{
    const char *dead_exchange = spec->settings.dead_exchange;
    int64_t limit = model_limit(model, RULE_VHOST_QUEUES);
    if (dead_exchange &&
        (!may(model, channel, M_READ, spec->name) || !may(model, channel, M_WRITE, dead_exchange)))
        return false;
    if (limit < 0 || (int64_t)model->queues.count < limit)
        return true;
    model_channel_error(model, channel, 406);
    return false;
}

static void declare_queue(struct model *model, struct m_channel *channel, const struct m_op *op)
{
    const struct queue_spec *spec = op->queue;
    bool passive = op->method.queue_declare.passive;
    if (!passive && !may(model, channel, M_CONFIGURE, spec->name))
        return;
    struct m_queue *queue = model_queue(model, spec->name);
    bool mine = queue && (!queue->owner || queue->owner == channel->connection);
    if (queue && !mine) {
        model_channel_error(model, channel, 405);
        return;
    }
    if (!queue && passive) {
        model_channel_error(model, channel, 404);
        return;
    }
    bool created = !queue;
    if (created && !may_create(model, channel, spec))
        return;
    if (created) {
        queue = ARENA_NEW(model->arena, struct m_queue);
        queue->spec = spec;
        model_settle_queue(model, queue);
        queue->durable = spec->durable && !spec->exclusive;
        queue->owner = spec->exclusive ? channel->connection : NULL;
        queue->born = model->turn;
        queue->died = M_NEVER;
        vec_push(model->arena, &model->queues, queue);
    }
    model_touch(model, queue);
    struct m_expect *expect = answer(model, channel, METHOD_QUEUE_DECLARE_OK);
    expect->name = spec->name;
    expect->count = (uint32_t)queue->ready.count;
    expect->consumers = (uint32_t)queue->consumers.count;
    if (created && queue->durable)
        expect->turn = model->turn;
}

static void delete_queue(struct model *model, struct m_channel *channel, const struct m_op *op)
{
    const struct method_queue_delete *method = &op->method.queue_delete;
    if (!may(model, channel, M_CONFIGURE, op->queue->name))
        return;
    struct m_queue *queue = model_queue(model, op->queue->name);
    uint32_t count = 0;
    bool durable = false;
    if (queue) {
        if (queue->owner && queue->owner != channel->connection) {
            model_channel_error(model, channel, 405);
            return;
        }
        if ((method->if_unused && queue->consumers.count > 0) ||
            (method->if_empty && queue->ready.count > 0)) {
            model_channel_error(model, channel, 406);
            return;
        }
        count = (uint32_t)queue->ready.count;
        durable = queue->durable;
        model_queue_destroy(model, queue);
    }
    struct m_expect *expect = answer(model, channel, METHOD_QUEUE_DELETE_OK);
    expect->count = count;
    if (durable)
        expect->turn = model->turn;
}

static void purge_queue(struct model *model, struct m_channel *channel, const struct m_op *op)
{
    struct m_queue *queue = need_readable(model, channel, op->queue->name);
    if (!queue)
        return;
    uint32_t count = (uint32_t)queue->ready.count;
    uint64_t before = model->changes;
    while (queue->ready.count > 0)
        model_entry_gone(model, queue->ready.at[0]);
    struct m_expect *expect = answer(model, channel, METHOD_QUEUE_PURGE_OK);
    expect->count = count;
    if (model->changes != before)
        expect->turn = model->turn;
}

/* -- exchanges and bindings -- */

static void declare_exchange(struct model *model, struct m_channel *channel, const struct m_op *op)
{
    bool created = !model_exchange(model, op->exchange->name);
    const char *alternate = op->exchange->alternate;
    if (!may(model, channel, M_CONFIGURE, op->exchange->name) ||
        (created && alternate &&
         (!may(model, channel, M_READ, op->exchange->name) ||
          !may(model, channel, M_WRITE, alternate))))
        return;
    if (created) {
        struct m_exchange *exchange = ARENA_NEW(model->arena, struct m_exchange);
        exchange->spec = op->exchange;
        exchange->born = model->turn;
        exchange->died = M_NEVER;
        vec_push(model->arena, &model->exchanges, exchange);
    }
    answer_durably(model, channel, METHOD_EXCHANGE_DECLARE_OK, created && op->exchange->durable);
}

static bool has_binding_from(const struct model *model, const struct m_exchange *exchange)
{
    for (size_t i = 0; i < model->bindings.count; i++)
        if (((struct m_binding *)model->bindings.at[i])->source == exchange)
            return true;
    return false;
}

static void delete_exchange(struct model *model, struct m_channel *channel, const struct m_op *op)
{
    if (!may(model, channel, M_CONFIGURE, op->exchange->name))
        return;
    struct m_exchange *exchange = model_exchange(model, op->exchange->name);
    bool durable = exchange && exchange->spec->durable;
    if (exchange && op->method.exchange_delete.if_unused && has_binding_from(model, exchange)) {
        model_channel_error(model, channel, 406);
        return;
    }
    if (exchange)
        model_exchange_destroy(model, exchange);
    answer_durably(model, channel, METHOD_EXCHANGE_DELETE_OK, durable);
}

static struct m_binding *find_binding(struct model *model, const struct m_binding *wanted)
{
    for (size_t i = 0; i < model->bindings.count; i++) {
        struct m_binding *binding = model->bindings.at[i];
        if (binding->source == wanted->source && binding->queue == wanted->queue &&
            binding->exchange == wanted->exchange && !strcmp(binding->key, wanted->key) &&
            binding->header_h == wanted->header_h && binding->header_g == wanted->header_g &&
            binding->any == wanted->any)
            return binding;
    }
    return NULL;
}

static bool is_locked(const struct m_queue *queue, const struct m_channel *channel)
{
    return queue && queue->owner && queue->owner != channel->connection;
}

/* With `strict` source, topic and destination are asked for in this order; else what isn't there isn't
 * bound, and what isn't bound may be unbound from anybody's queue. 0: no error. */
static uint16_t binding_error(struct model *model, const struct m_channel *channel,
                              const struct m_op *op, const struct m_binding *wanted, bool strict)
{
    bool reachable = wanted->queue || wanted->exchange;
    if (!strict && (!wanted->source || !reachable))
        return 0;
    if (!wanted->source)
        return 404;
    if (!model_allows_topic(model, channel->connection, M_READ, op->exchange, wanted->key))
        return 403;
    if (!reachable)
        return 404;
    bool touched = strict || find_binding(model, wanted);
    return touched && is_locked(wanted->queue, channel) ? 405 : 0;
}

/* Fills in source and destination as they are now; false: something is wrong and told so. */
static bool resolve_binding(struct model *model, struct m_channel *channel, const struct m_op *op,
                            struct m_binding *wanted, bool strict)
{
    *wanted = *op->binding;
    if (!may(model, channel, M_WRITE, op->queue ? op->queue->name : op->destination->name) ||
        !may(model, channel, M_READ, op->exchange->name))
        return false;
    if (op->queue)
        wanted->queue = model_queue(model, op->queue->name);
    else
        wanted->exchange = model_exchange(model, op->destination->name);
    wanted->source = model_exchange(model, op->exchange->name);
    uint16_t error = binding_error(model, channel, op, wanted, strict);
    if (error)
        model_channel_error(model, channel, error);
    return error == 0;
}

static bool is_durable(const struct m_binding *binding)
{
    return binding->source->spec->durable &&
           (binding->queue ? binding->queue->durable : binding->exchange->spec->durable);
}

static void bind(struct model *model, struct m_channel *channel, const struct m_op *op)
{
    struct m_binding wanted;
    if (!resolve_binding(model, channel, op, &wanted, true))
        return;
    bool created = !find_binding(model, &wanted);
    bool durable = created && is_durable(&wanted);
    if (created) {
        struct m_binding *binding = ARENA_NEW(model->arena, struct m_binding);
        *binding = wanted;
        binding->stored = durable;
        binding->born = model->turn;
        binding->died = M_NEVER;
        vec_push(model->arena, &model->bindings, binding);
    }
    answer_durably(model, channel, op->queue ? METHOD_QUEUE_BIND_OK : METHOD_EXCHANGE_BIND_OK,
                   durable);
}

static void unbind(struct model *model, struct m_channel *channel, const struct m_op *op)
{
    struct m_binding wanted;
    if (!resolve_binding(model, channel, op, &wanted, false))
        return;
    struct m_binding *binding = find_binding(model, &wanted);
    bool durable = binding && binding->stored;
    if (binding)
        model_unbind(model, binding);
    answer_durably(model, channel, op->queue ? METHOD_QUEUE_UNBIND_OK : METHOD_EXCHANGE_UNBIND_OK,
                   durable);
}

/* -- basic -- */

static void consume(struct model *model, struct m_channel *channel, const struct m_op *op)
{
    const struct method_basic_consume *method = &op->method.basic_consume;
    if (op->for_replies) {
        model_reply_consume(model, channel, op);
        return;
    }
    struct m_queue *queue = need_readable(model, channel, op->queue->name);
    if (!queue)
        return;
    bool held = false;
    for (size_t i = 0; i < queue->consumers.count; i++)
        held = held || ((struct m_consumer *)queue->consumers.at[i])->exclusive;
    if (held || (method->exclusive && (queue->consumers.count > 0 || queue->spec->single_active))) {
        model_channel_error(model, channel, 403);
        return;
    }
    struct m_consumer *consumer = ARENA_NEW(model->arena, struct m_consumer);
    consumer->tag = text_of(model, method->consumer_tag);
    consumer->channel = channel;
    consumer->queue = queue;
    consumer->no_ack = method->no_ack;
    consumer->exclusive = method->exclusive;
    consumer->prefetch = channel->prefetch;
    consumer->priority = op->priority;
    vec_push(model->arena, &channel->consumers, consumer);
    vec_push(model->arena, &queue->consumers, consumer);
    queue->unused_at_ms = INT64_MAX;
    if (queue->spec->single_active && !queue->active)
        queue->active = consumer;
    answer(model, channel, METHOD_BASIC_CONSUME_OK)->name = consumer->tag;
}

static void cancel(struct model *model, struct m_channel *channel, const struct m_op *op)
{
    const char *tag = text_of(model, op->method.basic_cancel.consumer_tag);
    for (size_t i = 0; i < channel->consumers.count; i++) {
        struct m_consumer *consumer = channel->consumers.at[i];
        if (strcmp(consumer->tag, tag) != 0)
            continue;
        model_consumer_end(model, consumer);
        break;
    }
    if (model_reply_consumes(channel, slice_str(tag)))
        model_reply_end(channel);
    answer(model, channel, METHOD_BASIC_CANCEL_OK)->name = tag;
}

/* The node has just answered that it can't read. */
static bool says_unreadable(const struct m_connection *connection)
{
    const struct m_frame *last = connection->emitted.count > 0
                                     ? connection->emitted.at[connection->emitted.count - 1]
                                     : NULL;
    return last && last->method.kind == METHOD_CONNECTION_CLOSE &&
           last->method.connection_close.reply_code == 541;
}

static void get(struct model *model, struct m_channel *channel, const struct m_op *op)
{
    struct m_queue *queue = need_readable(model, channel, op->queue->name);
    if (!queue)
        return;
    if (queue->spec->single_active && queue->spec->quorum) {
        model_channel_error(model, channel, 405);
        return;
    }
    model_touch(model, queue);
    struct m_entry *entry = model_head(queue);
    if (!entry) {
        answer(model, channel, METHOD_BASIC_GET_EMPTY);
        return;
    }
    if (says_unreadable(channel->connection) && peek_unreadable(model, queue)) {
        model_note(model, COVER_UNREADABLE);
        model_end_hard(model, channel->connection, 541);
        return;
    }
    struct m_expect *expect = answer(model, channel, METHOD_BASIC_GET_OK);
    expect->entry = entry;
    expect->message = entry->message;
    expect->redelivered = entry->redelivered;
    expect->count = (uint32_t)queue->ready.count - 1;
    expect->tag = channel->tag_next - 1; /* counted when the frame was made */
    if (op->method.basic_get.no_ack) {
        model_entry_gone(model, entry);
        return;
    }
    vec_remove(&queue->ready, entry);
    entry->place = M_UNACKED;
    queue->unacked++;
    model_unacked_add(model, channel, model_unacked_new(model, entry, expect->tag, NULL));
}

static void accept(struct model *model, struct m_channel *channel, struct m_op *op)
{
    bool rejected = false;
    op->message->reply = op->message->wants_reply ? channel->reply : NULL;
    if (channel->transactional)
        vec_push(model->arena, &channel->tx_publishes, op);
    else
        model_publish(model, channel, op, &rejected);
}

static void publish(struct model *model, struct m_channel *channel, struct m_op *op)
{
    const struct m_exchange *exchange = model_exchange(model, op->message->exchange);
    if (!may(model, channel, M_WRITE, op->message->exchange))
        return;
    if (!exchange)
        model_channel_error(model, channel, 404);
    else if (exchange->spec->internal)
        model_channel_error(model, channel, 403);
    else if (op->message->wants_reply && !channel->reply)
        model_channel_error(model, channel, 406);
    else if (!model_allows_user_id(model, channel->connection, op->message->user_id))
        model_note(model, COVER_USER_ID_REFUSED), model_channel_error(model, channel, 406);
    else if (!model_allows_topic(model, channel->connection, M_WRITE, exchange->spec,
                                 op->message->key))
        model_channel_error(model, channel, 403);
    else
        accept(model, channel, op);
}

static void commit(struct model *model, struct m_channel *channel)
{
    if (!channel->transactional) {
        model_channel_error(model, channel, 406);
        return;
    }
    uint64_t before = model->changes;
    if (channel->tx_publishes.count + channel->tx_acks.count > 0)
        model_note(model, COVER_COMMITTED);
    if (!model_tx_commit(model, channel))
        model_note(model, COVER_COMMIT_REFUSED), model_channel_error(model, channel, 406);
    else
        answer_durably(model, channel, METHOD_TX_COMMIT_OK, model->changes != before);
}

static void roll_back(struct model *model, struct m_channel *channel)
{
    if (channel->tx_publishes.count + channel->tx_acks.count > 0)
        model_note(model, COVER_ROLLED_BACK);
    model_tx_rollback(model, channel);
    answer(model, channel, METHOD_TX_ROLLBACK_OK);
}

static void recover(struct model *model, struct m_channel *channel)
{
    if (channel->unacked.count > 0)
        model_note(model, COVER_RECOVERED);
    model_recover(model, channel);
    answer(model, channel, METHOD_BASIC_RECOVER_OK);
}

static void select_mode(struct model *model, struct m_channel *channel, bool transactional)
{
    if (transactional ? channel->confirming : channel->transactional) {
        model_channel_error(model, channel, 406);
        return;
    }
    if (transactional)
        channel->transactional = true;
    else
        channel->confirming = true;
    answer(model, channel, transactional ? METHOD_TX_SELECT_OK : METHOD_CONFIRM_SELECT_OK);
}

static void set_qos(struct model *model, struct m_channel *channel,
                    const struct method_basic_qos *qos)
{
    if (qos->global)
        channel->prefetch_global = qos->prefetch_count;
    else
        channel->prefetch = qos->prefetch_count;
    answer(model, channel, METHOD_BASIC_QOS_OK);
}

/* Methods of an open channel. */
static void apply_open(struct model *model, struct m_channel *channel, struct m_op *op)
{
    /* style: no exhaustive switch, because most methods are not a client's. */
    enum method_kind kind = op->method.kind;
    if (kind == METHOD_BASIC_PUBLISH)
        publish(model, channel, op);
    else if (kind == METHOD_BASIC_ACK || kind == METHOD_BASIC_NACK || kind == METHOD_BASIC_REJECT)
        model_ack(model, channel, &op->method);
    else if (kind == METHOD_BASIC_GET)
        get(model, channel, op);
    else if (kind == METHOD_BASIC_CONSUME)
        consume(model, channel, op);
    else if (kind == METHOD_BASIC_CANCEL)
        cancel(model, channel, op);
    else if (kind == METHOD_BASIC_QOS)
        set_qos(model, channel, &op->method.basic_qos);
    else if (kind == METHOD_QUEUE_DECLARE)
        declare_queue(model, channel, op);
    else if (kind == METHOD_QUEUE_DELETE)
        delete_queue(model, channel, op);
    else if (kind == METHOD_QUEUE_PURGE)
        purge_queue(model, channel, op);
    else if (kind == METHOD_EXCHANGE_DECLARE)
        declare_exchange(model, channel, op);
    else if (kind == METHOD_EXCHANGE_DELETE)
        delete_exchange(model, channel, op);
    else if (kind == METHOD_QUEUE_BIND || kind == METHOD_EXCHANGE_BIND)
        bind(model, channel, op);
    else if (kind == METHOD_QUEUE_UNBIND || kind == METHOD_EXCHANGE_UNBIND)
        unbind(model, channel, op);
    else if (kind == METHOD_CONFIRM_SELECT || kind == METHOD_TX_SELECT)
        select_mode(model, channel, kind == METHOD_TX_SELECT);
    else if (kind == METHOD_TX_COMMIT)
        commit(model, channel);
    else if (kind == METHOD_TX_ROLLBACK && !channel->transactional)
        model_channel_error(model, channel, 406);
    else if (kind == METHOD_TX_ROLLBACK)
        roll_back(model, channel);
    else if (kind == METHOD_BASIC_RECOVER)
        recover(model, channel);
    else if (kind == METHOD_CHANNEL_FLOW)
        answer(model, channel, METHOD_CHANNEL_FLOW_OK);
    else if (kind == METHOD_CHANNEL_CLOSE)
        model_channel_end(model, channel), answer(model, channel, METHOD_CHANNEL_CLOSE_OK);
    else
        model_fail(model, "the model does not know %s", method_info(kind)->name);
}

static void log_in(struct model *model, struct m_connection *connection, const struct m_op *op)
{
    const struct user_spec *user = op->second_user ? model_user(model) : NULL;
    connection->refused =
        op->second_user && (!user->password || strcmp(user->password, op->password) != 0);
    connection->second_user = op->second_user && !connection->refused;
    if (connection->refused)
        model_note(model, COVER_LOGIN_REFUSED), model_end_hard(model, connection, 403);
    else
        model_expect(model, connection, 0, METHOD_CONNECTION_TUNE);
}

static void apply_connection(struct model *model, struct m_connection *connection,
                             const struct m_op *op)
{
    if (connection->state != M_OPEN && op->method.kind == METHOD_CONNECTION_OPEN)
        return;
    if (op->protocol_header)
        model_expect(model, connection, 0, METHOD_CONNECTION_START);
    else if (op->method.kind == METHOD_CONNECTION_START_OK) {
        connection->cancel_notify = op->cancel_notify;
        connection->understands_blocked = op->understands_blocked;
        log_in(model, connection, op);
    } else if (op->method.kind == METHOD_CONNECTION_OPEN && !model_may_enter(model, connection)) {
        model_end_hard(model, connection, 530);
    } else if (op->method.kind == METHOD_CONNECTION_OPEN) {
        connection->running = true;
        connection->entered = ++model->entered;
        model_expect(model, connection, 0, METHOD_CONNECTION_OPEN_OK);
    } else if (op->method.kind == METHOD_CONNECTION_CLOSE) {
        model_connection_end(model, connection);
        model_expect(model, connection, 0, METHOD_CONNECTION_CLOSE_OK);
    }
}

static void note_outcome(struct model *model, const struct m_connection *connection,
                         const struct m_op *op, size_t owed)
{
    uint16_t code = 0;
    bool hard = false;
    for (size_t i = owed; i < connection->expected.count; i++) {
        const struct m_expect *expect = connection->expected.at[i];
        hard = hard || expect->kind == METHOD_CONNECTION_CLOSE;
        code = expect->kind == METHOD_CHANNEL_CLOSE ? expect->code : code;
    }
    coverage_note_method(&model->world->coverage, op->method.kind, code, hard);
}

static void apply(struct model *model, struct m_connection *connection, struct m_op *op)
{
    if (op->heartbeat)
        return;
    if (op->channel == 0) {
        apply_connection(model, connection, op);
        return;
    }
    if (connection->state != M_OPEN)
        return;
    struct m_channel *channel = &connection->channels[op->channel];
    enum method_kind kind = op->protocol_header ? METHOD_COUNT : op->method.kind;
    channel->quiet = op->no_wait;
    connection->published =
        connection->published || (op->message && channel->state == M_OPEN && !op->hard);
    if (op->hard && channel->state != M_CLOSING)
        model_end_hard(model, connection, op->hard);
    else if (channel->state == M_OPEN)
        apply_open(model, channel, op);
    else if (channel->state == M_CLOSING && kind == METHOD_CHANNEL_CLOSE_OK)
        channel->state = M_CLOSED;
    else if (channel->state == M_CLOSING && kind == METHOD_CHANNEL_CLOSE)
        answer(model, channel, METHOD_CHANNEL_CLOSE_OK);
    else if (channel->state == M_CLOSED && kind == METHOD_CHANNEL_OPEN &&
             !model_may_open_channel(model, connection))
        model_end_hard(model, connection, 530);
    else if (channel->state == M_CLOSED && kind == METHOD_CHANNEL_OPEN)
        open_channel(model, channel);
    else if (channel->state == M_CLOSED)
        model_fail(model, "client %u sent %s on a closed channel", connection->client,
                   method_info(kind)->name);
}

void model_apply(struct model *model, struct m_connection *connection, struct m_op *op)
{
    size_t owed = connection->expected.count;
    bool counts = !op->heartbeat && !op->protocol_header && connection->state == M_OPEN;
    apply(model, connection, op);
    if (counts)
        note_outcome(model, connection, op, owed);
}
