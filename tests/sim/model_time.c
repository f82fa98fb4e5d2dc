/* SPDX-License-Identifier: Apache-2.0 */
/* Time, turns, and what is left after a crash. */
#include "tests/sim/model.h"
#include "tests/sim/node.h"
#include "tests/sim/peek.h"

void model_set_time(struct model *model, int64_t now_ms, int64_t wall_ms)
{
    model->now_ms = now_ms;
    model->wall_ms = wall_ms;
}

static bool is_overdue(const struct model *model, const struct m_channel *channel)
{
    for (size_t i = 0; channel->state == M_OPEN && i < channel->unacked.count; i++)
        if (((struct m_unacked *)channel->unacked.at[i])->deadline_ms <= model->now_ms)
            return true;
    return false;
}

/* A channel that owes an acknowledgement for too long takes nothing more and will end. */
static void time_out(struct model *model, struct m_channel *channel, struct vec *failed)
{
    if (!is_overdue(model, channel))
        return;
    channel->flow = false;
    vec_push(model->arena, failed, channel);
}

static bool fails_again(const struct vec *failed, size_t index)
{
    const struct m_channel *channel = failed->at[index];
    for (size_t i = index + 1; i < failed->count; i++)
        if (((struct m_channel *)failed->at[i])->connection == channel->connection)
            return true;
    return false;
}

static void end_connection_failed(struct model *model, const struct vec *failed,
                                  const struct m_connection *connection)
{
    struct m_channel *next;
    do {
        next = NULL;
        for (size_t i = 0; i < failed->count; i++) {
            struct m_channel *channel = failed->at[i];
            if (channel->connection == connection && channel->state == M_OPEN &&
                (!next || channel->opened < next->opened))
                next = channel;
        }
        if (next)
            model_channel_error(model, next, 406);
    } while (next);
}

/* Once the timers have run: connections in the order of their last failure, the channels of each in
 * the order of their opening. */
static void end_failed(struct model *model, const struct vec *failed)
{
    for (size_t i = 0; i < failed->count; i++)
        if (!fails_again(failed, i))
            end_connection_failed(model, failed, ((struct m_channel *)failed->at[i])->connection);
}

/* Nothing is dealt to a client that is given up; it ends when the turn does. */
static void give_up(const struct link *link)
{
    link->model->aborted = peek_aborted(link);
    for (unsigned i = 0; i <= M_CHANNELS_MAX && link->model->aborted; i++)
        link->model->channels[i].flow = false;
}

static void expire(struct model *model, struct m_queue *queue)
{
    model->expiring = queue;
    model_expire(model, queue);
    model->expiring = NULL;
}

static bool is_expiry_of(const struct peek_due *due, const struct m_queue *queue)
{
    return due->queue && !due->unused && !due->length && !strcmp(due->queue, queue->spec->name);
}

void model_expiry_moved(struct model *model, const struct m_queue *queue)
{
    const struct m_entry *first = model_first_to_expire(queue);
    struct vec *pending = &model->due;
    size_t index = 0;
    if (queue == model->expiring)
        return; /* it goes on until nothing is due */
    while (index < pending->count && !is_expiry_of(pending->at[index], queue))
        index++;
    if (index < pending->count)
        vec_remove_at(pending, index);
    if (!first || first->deadline_ms > model->now_ms)
        return;
    struct peek_due *due = ARENA_NEW(model->arena, struct peek_due);
    *due = (struct peek_due){.queue = queue->spec->name, .key = first->deadline_ms};
    for (index = 0; index < pending->count; index++)
        if (((const struct peek_due *)pending->at[index])->key > due->key)
            break;
    vec_insert(model->arena, pending, index, due);
}

static void run_timer(struct model *model, const struct peek_due *due, struct vec *failed)
{
    if (due->link) {
        give_up(due->link);
        return;
    }
    if (due->channel) {
        time_out(model, due->channel, failed);
        return;
    }
    struct m_queue *queue = model_queue(model, due->queue);
    if (!queue)
        return;
    if (due->length)
        model_enforce_length(model, queue);
    else if (!due->unused)
        expire(model, queue);
    else if (queue->unused_at_ms <= model->now_ms)
        model_queue_destroy(model, queue);
    else
        model_fail(model, "%s: expired as unused, though it was used", queue->spec->name);
}

static bool is_due(const struct model *model, const struct m_entry *entry)
{
    return !entry->waits && entry->deadline_ms <= model->now_ms;
}

/* Nothing is left that should have gone. */
static void check_all_ran(struct model *model)
{
    for (size_t i = 0; i < model->queues.count; i++) {
        const struct m_queue *queue = model->queues.at[i];
        if (queue->unused_at_ms <= model->now_ms)
            model_fail(model, "%s: should have expired as unused", queue->spec->name);
        for (size_t j = 0; j < queue->ready.count; j++)
            if (is_due(model, queue->ready.at[j]))
                model_fail(model, "%s: a message should have expired", queue->spec->name);
    }
    for (size_t i = 0; i < model->connections.count; i++) {
        const struct m_connection *connection = model->connections.at[i];
        for (unsigned j = 1; j <= M_CHANNELS_MAX; j++)
            if (is_overdue(model, &connection->channels[j]))
                model_fail(model, "client %u ch %u: an acknowledgement is overdue",
                           connection->client, j);
    }
}

void model_check_expired(struct model *model)
{
    for (size_t i = 0; i < model->queues.count; i++) {
        const struct m_queue *queue = model->queues.at[i];
        for (size_t j = 0; j < queue->ready.count; j++) {
            const struct m_entry *entry = queue->ready.at[j];
            if (entry->deadline_ms <= model->now_ms)
                model_fail(model, "%s: message %lu should have been read and expired",
                           queue->spec->name, (unsigned long)entry->message->id);
        }
    }
}

void model_timers(struct model *model, const struct peek_due *due, size_t count)
{
    struct vec failed = {0};
    for (size_t i = 0; i < count; i++) {
        struct peek_due *copy = ARENA_NEW(model->arena, struct peek_due);
        *copy = due[i];
        vec_push(model->arena, &model->due, copy);
    }
    while (model->due.count > 0) {
        const struct peek_due *next = model->due.at[0];
        vec_remove_at(&model->due, 0);
        run_timer(model, next, &failed);
    }
    end_failed(model, &failed);
    check_all_ran(model);
}

void model_turn_end(struct model *model)
{
    model->turn++;
}

void model_durable(struct model *model, uint64_t turn)
{
    model->durable = turn;
    struct vec kept = {0};
    for (size_t i = 0; i < model->stored.count; i++) {
        struct m_entry *entry = model->stored.at[i];
        uint64_t died = entry->died < entry->queue->died ? entry->died : entry->queue->died;
        if (died > turn)
            vec_push(model->arena, &kept, entry);
    }
    model->stored = kept;
}

/* -- after a crash -- */

bool model_survives(uint64_t born, uint64_t died, uint64_t turn)
{
    return born <= turn && died > turn;
}

bool model_queue_survives(const struct m_queue *queue, uint64_t turn)
{
    return queue->durable && model_survives(queue->born, queue->died, turn);
}

bool model_exchange_survives(const struct m_exchange *exchange, uint64_t turn)
{
    return exchange->spec->durable && model_survives(exchange->born, exchange->died, turn);
}

bool model_binding_survives(const struct m_binding *binding, uint64_t turn)
{
    return binding->stored && model_survives(binding->born, binding->died, turn);
}

bool model_entry_survives(const struct m_entry *entry, uint64_t turn)
{
    return model_queue_survives(entry->queue, turn) &&
           model_survives(entry->born, entry->died, turn);
}

static void revive_queue(struct model *model, struct m_queue *queue)
{
    queue->owner = NULL;
    queue->ready = queue->consumers = (struct vec){0};
    queue->active = NULL;
    queue->unacked = 0;
    queue->born = 0;
    queue->died = M_NEVER;
    queue->gone = false;
    queue->node_id = 0;
    model_settle_queue(model, queue);
    vec_push(model->arena, &model->queues, queue);
    model_touch(model, queue);
}

static void restart_queues(struct model *model, uint64_t turn)
{
    struct vec alive = model->queues;
    struct vec dead = model->dead_queues;
    model->queues = model->dead_queues = (struct vec){0};
    for (size_t i = 0; i < alive.count + dead.count; i++) {
        struct m_queue *queue = i < alive.count ? alive.at[i] : dead.at[i - alive.count];
        if (model_queue_survives(queue, turn))
            revive_queue(model, queue);
        else
            queue->gone = true;
    }
}

static void restart_exchanges(struct model *model, uint64_t turn)
{
    struct vec alive = model->exchanges;
    struct vec dead = model->dead_exchanges;
    model->exchanges = model->dead_exchanges = (struct vec){0};
    for (size_t i = 0; i < alive.count + dead.count; i++) {
        struct m_exchange *exchange = i < alive.count ? alive.at[i] : dead.at[i - alive.count];
        exchange->gone = !model_exchange_survives(exchange, turn);
        if (exchange->gone)
            continue;
        exchange->born = 0;
        exchange->died = M_NEVER;
        vec_push(model->arena, &model->exchanges, exchange);
    }
}

static void restart_bindings(struct model *model, uint64_t turn)
{
    struct vec alive = model->bindings;
    struct vec dead = model->dead_bindings;
    model->bindings = model->dead_bindings = (struct vec){0};
    for (size_t i = 0; i < alive.count + dead.count; i++) {
        struct m_binding *binding = i < alive.count ? alive.at[i] : dead.at[i - alive.count];
        binding->gone = !model_binding_survives(binding, turn);
        if (binding->gone)
            continue;
        binding->born = 0;
        binding->died = M_NEVER;
        vec_push(model->arena, &model->bindings, binding);
    }
}

static void revive_entry(struct model *model, struct m_entry *entry, uint64_t turn, bool clean)
{
    while (entry->counts && entry->counts->turn > turn)
        entry->counts = entry->counts->older;
    bool was_out = entry->place != M_READY;
    if (entry->seen && (!clean || was_out))
        entry->redelivered = M_YES;
    else if (!clean || was_out)
        entry->redelivered = M_MAYBE;
    if (entry->deadline_ms < INT64_MAX)
        entry->deadline_ms = entry->expires_ms - model->wall_ms + model->now_ms;
    entry->place = M_GONE;
    entry->born = 0;
    entry->died = M_NEVER;
    entry->origin = NULL;
    entry->root = entry;
    vec_push(model->arena, &model->stored, entry);
    model_make_ready(model, entry);
}

static void restart_entries(struct model *model, uint64_t turn, bool clean)
{
    struct vec stored = model->stored;
    model->stored = (struct vec){0};
    for (size_t i = 0; i < stored.count; i++) {
        struct m_entry *entry = stored.at[i];
        if (!entry->queue->gone && model_survives(entry->born, entry->died, turn))
            revive_entry(model, entry, turn, clean);
    }
}

void model_restart(struct model *model, uint64_t turn, bool clean)
{
    model->connections.count = 0;
    memset(model->alarms, 0, sizeof model->alarms);
    model->deliveries.count = 0;
    for (size_t i = 0; i < model->replies.count; i++)
        ((struct m_reply *)model->replies.at[i])->alive = false;
    model->deaths.count = 0;
    restart_queues(model, turn);
    restart_exchanges(model, turn);
    restart_bindings(model, turn);
    restart_entries(model, turn, clean);
    model->durable = model->handed = model->turn;
    model->turn++;
}
