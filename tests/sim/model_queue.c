/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of a queue and its consumers: order, limits, credit, who is served. */
#include "tests/sim/model.h"
#include "tests/sim/peek.h"

#include <stdlib.h>

/* What is over the limit goes in portions, so that it does not keep all others waiting. */
#define SHED_AT_ONCE 1024

/* -- order -- */

/* Higher lanes first, then by position. */
struct m_entry *model_head(const struct m_queue *queue)
{
    struct m_entry *head = NULL;
    for (size_t i = 0; i < queue->ready.count; i++) {
        struct m_entry *entry = queue->ready.at[i];
        if (!head || entry->lane > head->lane)
            head = entry;
    }
    return head;
}

uint64_t model_ready_bytes(const struct m_queue *queue)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < queue->ready.count; i++)
        bytes += ((struct m_entry *)queue->ready.at[i])->message->body_len;
    return bytes;
}

void model_make_ready(struct model *model, struct m_entry *entry)
{
    struct vec *ready = &entry->queue->ready;
    size_t index = ready->count;
    while (index > 0 && ((struct m_entry *)ready->at[index - 1])->position > entry->position)
        index--;
    vec_insert(model->arena, ready, index, entry);
    entry->place = M_READY;
    if (model->due.count > 0 && model_first_to_expire(entry->queue) == entry)
        model_expiry_moved(model, entry->queue);
}

void model_leave_ready(struct model *model, struct m_entry *entry)
{
    struct m_queue *queue = entry->queue;
    bool first = model->due.count > 0 && model_first_to_expire(queue) == entry;
    CHECK(vec_remove(&queue->ready, entry));
    if (first)
        model_expiry_moved(model, queue);
}

/* It leaves the ready list, or the unacknowledged ones, for good. */
void model_entry_gone(struct model *model, struct m_entry *entry)
{
    if (entry->place == M_READY)
        model_leave_ready(model, entry);
    entry->place = M_GONE;
    entry->died = model->turn;
    /* What the writer has not seen yet is never written. */
    model->changes += entry->stored && !entry->queue->gone && entry->born <= model->handed;
}

/* -- limits -- */

static bool over(const struct m_queue *queue, uint64_t count, uint64_t bytes)
{
    const struct settings *settings = &queue->settings;
    return (settings->length_max >= 0 && count > (uint64_t)settings->length_max) ||
           (settings->bytes_max >= 0 && bytes > (uint64_t)settings->bytes_max);
}

/* What stands at the head beyond its time goes before anything is dealt. */
static void drop_expired(struct model *model, struct m_queue *queue)
{
    struct m_entry *head;
    while ((head = model_head(queue)) && head->deadline_ms < model->now_ms && !head->back)
        model_dead_letter(model, queue, head, head->message, "expired");
}

/* Notes that the node dealt the head, if it did. */
static bool deal_one(struct model *model, struct m_queue *queue, bool patient)
{
    drop_expired(model, queue);
    struct m_entry *head = model_head(queue);
    return head && model_take_delivery(model, head, patient);
}

void model_deal(struct model *model, struct m_queue *queue, bool patient)
{
    while (deal_one(model, queue, patient)) {
    }
}

static bool refuses(struct model *model, struct m_queue *queue, const struct m_message *message)
{
    if (queue->settings.overflow == SPEC_DROP_HEAD)
        return false;
    if (!over(queue, queue->ready.count + 1, model_ready_bytes(queue) + message->body_len))
        return false;
    model_deal(model, queue, true);
    /* The delivery itself may have filled its consumer's wire. */
    if (queue->ready.count == 0 &&
        (model_taker(queue) || model_has_delivery(model, queue, message)))
        return false;
    return over(queue, queue->ready.count + 1, model_ready_bytes(queue) + message->body_len);
}

/* What is over the limit goes from the head, unless a consumer takes it first. */
void model_enforce_length(struct model *model, struct m_queue *queue)
{
    for (unsigned i = 0;
         i < SHED_AT_ONCE && over(queue, queue->ready.count, model_ready_bytes(queue)); i++) {
        if (deal_one(model, queue, true))
            continue;
        struct m_entry *head = model_head(queue);
        if (!head || !over(queue, queue->ready.count, model_ready_bytes(queue)))
            break;
        if (peek_unreadable(model, queue) && peek_ready(model, queue) >= queue->ready.count)
            break; /* what it has to drop next can't be read */
        const struct m_consumer *taker = model_taker(queue);
        if (taker && !peek_reading(model, queue))
            model_fail(model,
                       "%s: message %lu dropped over the length limit while %s could take it",
                       queue->spec->name, (unsigned long)head->message->id, taker->tag);
        model_dead_letter(model, queue, head, head->message, "maxlen");
    }
}

/* -- appending -- */

static int64_t deadline_of(const struct model *model, const struct m_queue *queue,
                           const struct m_message *message)
{
    int64_t ttl = queue->settings.ttl_ms;
    if (message->expiration) {
        int64_t own = strtoll(message->expiration, NULL, 10);
        if (ttl < 0 || own < ttl)
            ttl = own;
    }
    return ttl < 0 ? INT64_MAX : model->now_ms + ttl;
}

static int lane_of(const struct m_queue *queue, const struct m_message *message)
{
    int priority = message->priority < 0 ? 0 : message->priority;
    return priority < queue->spec->priority_max ? priority : queue->spec->priority_max;
}

static struct m_entry *new_entry(struct model *model, struct m_queue *queue,
                                 struct m_message *message)
{
    struct m_entry *entry = ARENA_NEW(model->arena, struct m_entry);
    entry->message = message;
    entry->queue = queue;
    entry->position = queue->position_next++;
    entry->lane = lane_of(queue, message);
    entry->stored = queue->durable && message->persistent;
    entry->deadline_ms = deadline_of(model, queue, message);
    if (entry->deadline_ms < INT64_MAX)
        entry->expires_ms = entry->deadline_ms - model->now_ms + model->wall_ms;
    entry->born = model->turn;
    entry->died = M_NEVER;
    if (entry->stored)
        vec_push(model->arena, &model->stored, entry);
    model->changes += entry->stored;
    return entry;
}

enum m_place model_append(struct model *model, struct m_queue *queue, struct m_message *message,
                          struct m_publish *origin, struct m_entry *root)
{
    if (refuses(model, queue, message)) {
        if (queue->settings.overflow == SPEC_REJECT_DEAD_LETTER)
            model_dead_letter(model, queue, NULL, message, "maxlen");
        return M_GONE;
    }
    struct m_entry *entry = new_entry(model, queue, message);
    entry->origin = origin;
    entry->root = root ? root : entry;
    if (origin && !root)
        vec_push(model->arena, &origin->roots, entry);
    trace_line(model->trace, "    %s: message %lu at %lu%s", queue->spec->name,
               (unsigned long)message->id, (unsigned long)entry->position,
               entry->stored ? ", stored" : "");
    model_make_ready(model, entry);
    if (entry->deadline_ms <= model->now_ms) {
        peek_mark_new(model, entry);
        model_deal(model, queue, true);
        model_expire(model, queue);
    }
    model_enforce_length(model, queue);
    return M_READY;
}

/* -- returning -- */

static void count_failure(struct model *model, struct m_entry *entry)
{
    struct m_count *count = ARENA_NEW(model->arena, struct m_count);
    count->older = entry->counts;
    count->turn = model->turn;
    count->value = m_count_now(entry) + 1;
    entry->counts = count;
    model->changes += entry->stored;
}

static void return_one(struct model *model, struct m_entry *entry)
{
    struct m_queue *queue = entry->queue;
    queue->unacked--;
    if (queue->gone) {
        model_entry_gone(model, entry);
        return;
    }
    if (queue->spec->quorum)
        count_failure(model, entry);
    int64_t limit = queue->spec->quorum ? queue->settings.delivery_limit : -1;
    if (limit >= 0 && m_count_now(entry) > limit) {
        model_dead_letter(model, queue, entry, entry->message, "delivery_limit");
    } else if (entry->deadline_ms <= model->now_ms) {
        model_dead_letter(model, queue, entry, entry->message, "expired");
    } else {
        entry->redelivered = M_YES;
        trace_line(model->trace, "    %s: message %lu back at %lu", queue->spec->name,
                   (unsigned long)entry->message->id, (unsigned long)entry->position);
        model_make_ready(model, entry);
    }
}

/* Runs of one queue together, each run in order of lane and position. */
static bool stands_before(const struct model *model, const struct m_entry *a,
                          const struct m_entry *b)
{
    if (a->queue != b->queue)
        return peek_queue_order(model, a->queue) < peek_queue_order(model, b->queue);
    if (a->lane != b->lane)
        return a->lane < b->lane;
    return a->position < b->position;
}

static void sort_items(const struct model *model, struct m_unacked **items, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && stands_before(model, items[j]->entry, items[j - 1]->entry);
             j--) {
            struct m_unacked *swap = items[j];
            items[j] = items[j - 1];
            items[j - 1] = swap;
        }
}

void model_return(struct model *model, struct m_unacked **items, size_t count)
{
    sort_items(model, items, count);
    for (size_t i = 0; i < count; i++) {
        struct m_queue *queue = items[i]->entry->queue;
        return_one(model, items[i]->entry);
        bool last = i + 1 == count || items[i + 1]->entry->queue != queue;
        if (last && !queue->gone)
            model_enforce_length(model, queue);
    }
}

/* -- consumers -- */

bool model_can_take(const struct m_consumer *consumer)
{
    const struct m_channel *channel = consumer->channel;
    if (channel->connection->congested || !channel->flow || channel->state != M_OPEN)
        return false;
    if (consumer->queue->spec->single_active && consumer->queue->active != consumer)
        return false;
    if (consumer->no_ack)
        return true;
    if (consumer->prefetch && consumer->unacked >= consumer->prefetch)
        return false;
    return !channel->prefetch_global || model_unacked(channel) < channel->prefetch_global;
}

/* A consumer that could be served, of the highest priority; NULL when there is none. */
struct m_consumer *model_taker(const struct m_queue *queue)
{
    struct m_consumer *best = NULL;
    for (size_t i = 0; i < queue->consumers.count; i++) {
        struct m_consumer *consumer = queue->consumers.at[i];
        if (model_can_take(consumer) && (!best || consumer->priority > best->priority))
            best = consumer;
    }
    return best;
}

/* The next in line of a single-active queue: by priority, then age. */
void model_choose_active(struct m_queue *queue)
{
    struct m_consumer *best = NULL;
    for (size_t i = 0; i < queue->consumers.count; i++) {
        struct m_consumer *consumer = queue->consumers.at[i];
        if (!best || consumer->priority > best->priority)
            best = consumer;
    }
    queue->active = best;
}

/* x-expires counts from the last use without consumers. */
void model_touch(struct model *model, struct m_queue *queue)
{
    bool counts = queue->settings.expires_ms >= 0 && queue->consumers.count == 0;
    queue->unused_at_ms = counts ? model->now_ms + queue->settings.expires_ms : INT64_MAX;
}

void model_consumer_end(struct model *model, struct m_consumer *consumer)
{
    struct m_channel *channel = consumer->channel;
    struct m_queue *queue = consumer->queue;
    for (size_t i = 0; i < channel->unacked.count; i++) {
        struct m_unacked *unacked = channel->unacked.at[i];
        if (unacked->consumer == consumer)
            unacked->consumer = NULL;
    }
    model_tx_forget(channel, consumer);
    CHECK(vec_remove(&channel->consumers, consumer));
    CHECK(vec_remove(&queue->consumers, consumer));
    if (queue->active == consumer)
        model_choose_active(queue);
    if (queue->active && queue->consumers.count > 0 && queue->active->last_tag == 0 &&
        consumer->last_tag > 0)
        model_note(model, COVER_HANDED_OVER);
    if (queue->consumers.count > 0 || queue->gone)
        return;
    if (queue->spec->auto_delete)
        model_queue_destroy(model, queue);
    else
        model_touch(model, queue);
}

/* -- the end of a queue -- */

static struct m_binding *binding_to_queue(const struct model *model, const struct m_queue *queue)
{
    for (size_t i = 0; i < model->bindings.count; i++) {
        struct m_binding *binding = model->bindings.at[i];
        if (binding->queue == queue)
            return binding;
    }
    return NULL;
}

void model_queue_destroy(struct model *model, struct m_queue *queue)
{
    queue->gone = true;
    queue->died = model->turn;
    CHECK(vec_remove(&model->queues, queue));
    vec_push(model->arena, &model->dead_queues, queue);
    while (queue->consumers.count > 0) {
        struct m_consumer *consumer = queue->consumers.at[0];
        struct m_channel *channel = consumer->channel;
        if (channel->connection->cancel_notify && channel->state == M_OPEN)
            model_note(model, COVER_CANCELLED),
                model_expect(model, channel->connection, channel->number, METHOD_BASIC_CANCEL)
                    ->name = consumer->tag;
        model_consumer_end(model, consumer);
    }
    struct m_binding *binding;
    while ((binding = binding_to_queue(model, queue)))
        model_unbind(model, binding);
    while (queue->ready.count > 0)
        model_entry_gone(model, queue->ready.at[queue->ready.count - 1]);
}

/* -- bindings and exchanges -- */

static bool has_bindings_from(const struct model *model, const struct m_exchange *exchange)
{
    for (size_t i = 0; i < model->bindings.count; i++)
        if (((struct m_binding *)model->bindings.at[i])->source == exchange)
            return true;
    return false;
}

static void bury(struct model *model, struct m_binding *binding)
{
    CHECK(vec_remove(&model->bindings, binding));
    binding->gone = true;
    binding->died = model->turn;
    vec_push(model->arena, &model->dead_bindings, binding);
}

/* An auto-delete exchange ends with its last binding. */
void model_unbind(struct model *model, struct m_binding *binding)
{
    struct m_exchange *source = binding->source;
    bury(model, binding);
    if (source->spec->auto_delete && !source->gone && !has_bindings_from(model, source))
        model_exchange_destroy(model, source);
}

static struct m_binding *binding_from(const struct model *model, const struct m_exchange *exchange)
{
    for (size_t i = 0; i < model->bindings.count; i++) {
        struct m_binding *binding = model->bindings.at[i];
        if (binding->source == exchange)
            return binding;
    }
    return NULL;
}

static struct m_binding *binding_to(const struct model *model, const struct m_exchange *exchange)
{
    for (size_t i = 0; i < model->bindings.count; i++) {
        struct m_binding *binding = model->bindings.at[i];
        if (binding->exchange == exchange)
            return binding;
    }
    return NULL;
}

void model_exchange_destroy(struct model *model, struct m_exchange *exchange)
{
    exchange->gone = true;
    exchange->died = model->turn;
    CHECK(vec_remove(&model->exchanges, exchange));
    vec_push(model->arena, &model->dead_exchanges, exchange);
    struct m_binding *binding;
    while ((binding = binding_from(model, exchange)))
        bury(model, binding);
    while ((binding = binding_to(model, exchange)))
        model_unbind(model, binding);
}
