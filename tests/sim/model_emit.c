/* SPDX-License-Identifier: Apache-2.0 */
/* What the node says, against what it may and must say. */
#include "tests/sim/model.h"
#include "tests/sim/node.h"
#include "tests/sim/peek.h"

#include <inttypes.h>

static struct m_consumer *find_consumer(const struct m_channel *channel, struct slice tag)
{
    for (size_t i = 0; i < channel->consumers.count; i++) {
        struct m_consumer *consumer = channel->consumers.at[i];
        if (slice_equal_str(tag, consumer->tag))
            return consumer;
    }
    return NULL;
}

static void check_tag(struct model *model, struct m_channel *channel, uint64_t tag)
{
    if (tag != channel->tag_next)
        model_fail(model, "client %u ch %u: delivery tag %" PRIu64 ", expected %" PRIu64,
                   channel->connection->client, channel->number, tag, channel->tag_next);
    channel->tag_next++;
}

void model_emit(struct model *model, struct m_connection *connection, struct m_frame *frame)
{
    struct m_channel *channel = &connection->channels[frame->channel];
    frame->connection = connection;
    vec_push(model->arena, &connection->releases, frame->release);
    if (frame->method.kind == METHOD_BASIC_GET_OK)
        check_tag(model, channel, frame->method.basic_get_ok.delivery_tag);
    if (frame->method.kind == METHOD_CONNECTION_BLOCKED ||
        frame->method.kind == METHOD_CONNECTION_UNBLOCKED) {
        model_told(model, connection, frame);
        return;
    }
    if (frame->method.kind != METHOD_BASIC_DELIVER) {
        vec_push(model->arena, &connection->emitted, frame);
        return;
    }
    const struct method_basic_deliver *deliver = &frame->method.basic_deliver;
    if (model_reply_consumes(channel, deliver->consumer_tag)) {
        check_tag(model, channel, deliver->delivery_tag);
        vec_push(model->arena, &connection->emitted, frame);
        return;
    }
    frame->consumer = find_consumer(channel, deliver->consumer_tag);
    if (channel->state != M_OPEN || !frame->consumer)
        model_fail(model, "client %u ch %u: delivery to %.*s, who is not there", connection->client,
                   frame->channel, SLICE_FMT(deliver->consumer_tag));
    check_tag(model, channel, deliver->delivery_tag);
    vec_push(model->arena, &model->deliveries, frame);
}

/* -- deliveries -- */

static bool frame_is(struct model *model, const struct m_frame *frame, const struct m_entry *entry,
                     const char **why)
{
    const struct method_basic_deliver *deliver = &frame->method.basic_deliver;
    *why = "exchange or routing key";
    return slice_equal_str(deliver->exchange, entry->message->exchange) &&
           slice_equal_str(deliver->routing_key, entry->message->key) &&
           model_content_matches(model, entry->message, m_count_now(entry), frame, why);
}

static void check_flag(struct model *model, const struct m_entry *entry, bool redelivered)
{
    if ((entry->redelivered == M_YES && !redelivered) ||
        (entry->redelivered == M_NO && redelivered))
        model_fail(model, "%s: message %" PRIu64 " %sflagged as redelivered, which is wrong",
                   entry->queue->spec->name, entry->message->id, redelivered ? "" : "not ");
}

static void check_credit(struct model *model, const struct m_consumer *consumer,
                         const struct m_entry *entry)
{
    const struct m_channel *channel = consumer->channel;
    const struct m_queue *queue = entry->queue;
    if (queue->spec->single_active && queue->active != consumer)
        model_fail(model, "%s: message %" PRIu64 " delivered to %s, who is not the active one",
                   queue->spec->name, entry->message->id, consumer->tag);
    if (!channel->flow)
        model_fail(model, "%s: delivery to %s, whose channel is stopped", queue->spec->name,
                   consumer->tag);
    if (consumer->no_ack)
        return;
    if (consumer->prefetch && consumer->unacked >= consumer->prefetch)
        model_fail(model, "%s: prefetch of %s exceeded: %u", queue->spec->name, consumer->tag,
                   consumer->prefetch);
    if (channel->prefetch_global && model_unacked(channel) >= channel->prefetch_global)
        model_fail(model, "%s: prefetch of the channel of %s exceeded: %u", queue->spec->name,
                   consumer->tag, channel->prefetch_global);
}

static void note_delivery(const struct model *model, const struct m_entry *entry, bool redelivered)
{
    if (redelivered)
        model_note(model, COVER_REDELIVERED);
    if (entry->stored && entry->born == 0)
        model_note(model, COVER_SURVIVED);
    if (entry->lane > 0 && model->world->queue_memory > 0)
        model_note(model, COVER_PRIORITY);
}

static void take(struct model *model, struct m_frame *frame, struct m_entry *entry)
{
    const struct method_basic_deliver *deliver = &frame->method.basic_deliver;
    struct m_consumer *consumer = frame->consumer;
    struct m_queue *queue = entry->queue;
    check_credit(model, consumer, entry);
    check_flag(model, entry, deliver->redelivered);
    if (consumer->last_tag >= deliver->delivery_tag)
        model_fail(model, "%s: %s got message %" PRIu64 " out of order", queue->spec->name,
                   consumer->tag, entry->message->id);
    consumer->last_tag = deliver->delivery_tag;
    consumer->got++;
    model->delivered++;
    note_delivery(model, entry, deliver->redelivered);
    frame->release->entry = entry;
    if (consumer->no_ack) {
        model_entry_gone(model, entry);
        return;
    }
    model_leave_ready(model, entry);
    entry->place = M_UNACKED;
    queue->unacked++;
    consumer->unacked++;
    model_unacked_add(model, consumer->channel,
                      model_unacked_new(model, entry, deliver->delivery_tag, consumer));
}

static bool has_credit(const struct m_consumer *consumer)
{
    const struct m_channel *channel = consumer->channel;
    return consumer->no_ack ||
           ((!consumer->prefetch || consumer->unacked < consumer->prefetch) &&
            (!channel->prefetch_global || model_unacked(channel) < channel->prefetch_global));
}

/* The frame's channel was closed in this turn: what it got went back, and may have been dealt again. */
static bool closes(const struct m_frame *frame)
{
    const struct m_connection *connection = frame->connection;
    for (size_t i = 0; i < connection->emitted.count; i++) {
        const struct m_frame *emitted = connection->emitted.at[i];
        enum method_kind kind = emitted->method.kind;
        if (kind == METHOD_CONNECTION_CLOSE || kind == METHOD_CONNECTION_CLOSE_OK ||
            (emitted->channel == frame->channel &&
             (kind == METHOD_CHANNEL_CLOSE || kind == METHOD_CHANNEL_CLOSE_OK)))
            return true;
    }
    return connection->aborted;
}

/* Of two deliveries of one message in a turn, the first went to a channel that was closed then. */
bool model_take_delivery(struct model *model, struct m_entry *entry, bool patient)
{
    size_t found = model->deliveries.count;
    for (size_t i = 0; i < model->deliveries.count; i++) {
        struct m_frame *frame = model->deliveries.at[i];
        const char *why;
        if (frame->consumer->queue != entry->queue || (patient && !has_credit(frame->consumer)) ||
            !frame_is(model, frame, entry, &why))
            continue;
        bool ends = closes(frame);
        if (ends || found == model->deliveries.count)
            found = i;
        if (ends)
            break;
    }
    if (found == model->deliveries.count)
        return false;
    struct m_frame *frame = model->deliveries.at[found];
    vec_remove_at(&model->deliveries, found);
    take(model, frame, entry);
    return true;
}

bool model_has_delivery(const struct model *model, const struct m_queue *queue,
                        const struct m_message *message)
{
    for (size_t i = 0; i < model->deliveries.count; i++) {
        const struct m_frame *frame = model->deliveries.at[i];
        if (frame->consumer->queue == queue && frame->content.id == message->id)
            return true;
    }
    return false;
}

/* Says what is wrong with a delivery that the model has no place for. */
_Noreturn static void explain(struct model *model, const struct m_frame *frame)
{
    const struct m_queue *queue = frame->consumer->queue;
    const struct m_entry *head = model_head(queue);
    uint64_t id = frame->content.id;
    const char *why = NULL;
    for (size_t i = 0; i < queue->ready.count; i++) {
        struct m_entry *entry = queue->ready.at[i];
        if (entry->message->id != id)
            continue;
        if (frame_is(model, frame, entry, &why))
            model_fail(model,
                       "%s: message %" PRIu64 " delivered before %" PRIu64 " (which has %" PRId64
                       " ms) to %s",
                       queue->spec->name, id, head->message->id,
                       head->deadline_ms == INT64_MAX ? -1 : head->deadline_ms - model->now_ms,
                       frame->consumer->tag);
    }
    if (why)
        model_fail(model, "%s: message %" PRIu64 " delivered with wrong content: %s",
                   queue->spec->name, id, why);
    model_fail(model,
               "%s: message %" PRIu64 " delivered to %s, but is not ready there: lost track, "
               "invented, or delivered twice",
               queue->spec->name, id, frame->consumer->tag);
}

static bool has_delivery_from(const struct model *model, const struct m_queue *queue)
{
    for (size_t i = 0; i < model->deliveries.count; i++)
        if (((const struct m_frame *)model->deliveries.at[i])->consumer->queue == queue)
            return true;
    return false;
}

static void settle_deliveries(struct model *model)
{
    for (size_t i = 0; i < model->queues.count && model->deliveries.count > 0; i++) {
        struct m_queue *queue = model->queues.at[i];
        if (has_delivery_from(model, queue))
            model_deal(model, queue, false);
    }
    if (model->deliveries.count > 0)
        explain(model, model->deliveries.at[0]);
}

/* Whoever has a higher priority and could still take something was passed over. */
static void check_priorities(struct model *model, const struct m_queue *queue)
{
    const struct m_consumer *taker = model_taker(queue);
    for (size_t i = 0; taker && i < queue->consumers.count; i++) {
        const struct m_consumer *consumer = queue->consumers.at[i];
        if (consumer->got > 0 && consumer->priority < taker->priority)
            model_fail(model, "%s: %s was served although %s of a higher priority could be",
                       queue->spec->name, consumer->tag, taker->tag);
    }
}

/* -- confirms -- */

static void confirm(struct model *model, const struct m_frame *frame)
{
    bool nack = frame->method.kind == METHOD_BASIC_NACK;
    uint64_t tag =
        nack ? frame->method.basic_nack.delivery_tag : frame->method.basic_ack.delivery_tag;
    bool multiple = nack ? frame->method.basic_nack.multiple : frame->method.basic_ack.multiple;
    struct m_channel *channel = &frame->connection->channels[frame->channel];
    size_t found = 0;
    for (size_t i = 0; i < channel->publishes.count;) {
        struct m_publish *publish = channel->publishes.at[i];
        if (multiple ? publish->seq > tag : publish->seq != tag) {
            i++;
            continue;
        }
        if (publish->rejected != nack)
            model_fail(model, "client %u ch %u: publish %" PRIu64 " of message %" PRIu64 " %s",
                       frame->connection->client, frame->channel, publish->seq, publish->id,
                       nack ? "nacked for no reason" : "confirmed, though a queue refused it");
        vec_remove_at(&channel->publishes, i);
        vec_push(model->arena, &frame->release->confirmed, publish);
        model->confirmed++;
        found++;
    }
    if (found == 0)
        model_fail(model, "client %u ch %u: confirm of %" PRIu64 ", which is not waited for",
                   frame->connection->client, frame->channel, tag);
}

/* -- answers -- */

static bool name_is(const char *expected, struct slice name)
{
    return !expected || slice_equal_str(name, expected);
}

static void check_answer(struct model *model, const struct m_expect *expect,
                         const struct m_frame *frame)
{
    const struct method *method = &frame->method;
    const char *why = NULL;
    if (method->kind == METHOD_CHANNEL_CLOSE && method->channel_close.reply_code != expect->code)
        model_fail(model, "client %u ch %u: closed with %u %.*s, expected %u",
                   frame->connection->client, frame->channel, method->channel_close.reply_code,
                   SLICE_FMT(method->channel_close.reply_text), expect->code);
    if (method->kind == METHOD_CONNECTION_CLOSE &&
        method->connection_close.reply_code != expect->code)
        why = "code";
    if (method->kind == METHOD_QUEUE_DECLARE_OK) {
        const struct method_queue_declare_ok *ok = &method->queue_declare_ok;
        if (!name_is(expect->name, ok->queue) || ok->message_count != expect->count ||
            ok->consumer_count != expect->consumers)
            model_fail(model, "declare-ok of %s says %u messages, %u consumers; expected %u, %u",
                       expect->name, ok->message_count, ok->consumer_count, expect->count,
                       expect->consumers);
    }
    if (method->kind == METHOD_QUEUE_DELETE_OK &&
        method->queue_delete_ok.message_count != expect->count)
        why = "message count";
    if (method->kind == METHOD_QUEUE_PURGE_OK &&
        method->queue_purge_ok.message_count != expect->count)
        why = "message count";
    if (method->kind == METHOD_BASIC_CONSUME_OK &&
        !name_is(expect->name, method->basic_consume_ok.consumer_tag))
        why = "consumer tag";
    if (why)
        model_fail(model, "client %u ch %u: %s with a wrong %s", frame->connection->client,
                   frame->channel, method_info(method->kind)->name, why);
}

static void check_got(struct model *model, const struct m_expect *expect,
                      const struct m_frame *frame)
{
    const struct method_basic_get_ok *ok = &frame->method.basic_get_ok;
    struct m_entry before = *expect->entry;
    const char *why = "exchange or routing key";
    before.redelivered = expect->redelivered;
    if (!slice_equal_str(ok->exchange, expect->message->exchange) ||
        !slice_equal_str(ok->routing_key, expect->message->key) ||
        !model_content_matches(model, expect->message, m_count_now(expect->entry), frame, &why))
        model_fail(model, "%s: basic.get gave message %" PRIu64 ", expected %" PRIu64 " (%s)",
                   before.queue->spec->name, frame->content.id, expect->message->id, why);
    if (ok->message_count != expect->count)
        model_fail(model, "%s: get-ok says %u messages remain, expected %u",
                   before.queue->spec->name, ok->message_count, expect->count);
    check_flag(model, &before, ok->redelivered);
    frame->release->entry = expect->entry;
    model->delivered++;
}

static void check_returned(struct model *model, const struct m_expect *expect,
                           const struct m_frame *frame)
{
    const struct method_basic_return *given = &frame->method.basic_return;
    const char *why = "code, exchange or routing key";
    if (given->reply_code != 312 || !slice_equal_str(given->exchange, expect->message->exchange) ||
        !slice_equal_str(given->routing_key, expect->message->key) ||
        !model_content_matches(model, expect->message, 0, frame, &why))
        model_fail(model, "basic.return of message %" PRIu64 " is wrong: %s", expect->message->id,
                   why);
}

static void check_reply(struct model *model, const struct m_expect *expect,
                        const struct m_frame *frame)
{
    const struct method_basic_deliver *given = &frame->method.basic_deliver;
    const char *why = "exchange, routing key or flag";
    if (given->exchange.len > 0 || !slice_equal_str(given->routing_key, expect->message->key) ||
        given->redelivered || !model_content_matches(model, expect->message, 0, frame, &why))
        model_fail(model, "reply message %" PRIu64 " is wrong: %s", expect->message->id, why);
    model->delivered++;
}

static bool answers(const struct m_expect *expect, const struct m_frame *frame)
{
    if (expect->channel != frame->channel || expect->kind != frame->method.kind)
        return false;
    if (expect->kind == METHOD_BASIC_DELIVER)
        return name_is(expect->name, frame->method.basic_deliver.consumer_tag);
    if (expect->kind == METHOD_BASIC_CANCEL)
        return name_is(expect->name, frame->method.basic_cancel.consumer_tag);
    return true;
}

static void settle_frame(struct model *model, struct m_connection *connection,
                         const struct m_frame *frame)
{
    enum method_kind kind = frame->method.kind;
    if (kind == METHOD_BASIC_ACK || kind == METHOD_BASIC_NACK) {
        confirm(model, frame);
        return;
    }
    for (size_t i = 0; i < connection->expected.count; i++) {
        const struct m_expect *expect = connection->expected.at[i];
        if (!answers(expect, frame))
            continue;
        vec_remove_at(&connection->expected, i);
        check_answer(model, expect, frame);
        if (kind == METHOD_BASIC_GET_OK)
            check_got(model, expect, frame);
        if (kind == METHOD_BASIC_DELIVER)
            check_reply(model, expect, frame);
        if (kind == METHOD_BASIC_RETURN)
            check_returned(model, expect, frame);
        frame->release->turn = expect->turn;
        frame->release->what = method_info(kind)->name;
        return;
    }
    struct slice text = kind == METHOD_CHANNEL_CLOSE ? frame->method.channel_close.reply_text
                        : kind == METHOD_CONNECTION_CLOSE
                            ? frame->method.connection_close.reply_text
                            : slice_str("");
    model_fail(model, "client %u ch %u: the node sent %s %.*s, which nobody asked for",
               connection->client, frame->channel, method_info(kind)->name, SLICE_FMT(text));
}

static void settle_expected(struct model *model, struct m_connection *connection)
{
    for (size_t i = 0; i < connection->emitted.count; i++)
        settle_frame(model, connection, connection->emitted.at[i]);
    connection->emitted.count = 0;
    if (connection->aborted)
        connection->expected.count = 0;
    if (connection->expected.count == 0)
        return;
    const struct m_expect *owed = connection->expected.at[0];
    model_fail(model, "client %u ch %u: %s is owed and did not come", connection->client,
               owed->channel, method_info(owed->kind)->name);
}

void model_phase_end(struct model *model)
{
    settle_deliveries(model);
    for (size_t i = 0; i < model->connections.count; i++)
        settle_expected(model, model->connections.at[i]);
    for (size_t i = 0; i < model->queues.count; i++) {
        struct m_queue *queue = model->queues.at[i];
        if (model->phase == PHASE_DISPATCH)
            check_priorities(model, queue);
        for (size_t j = 0; j < queue->consumers.count; j++)
            ((struct m_consumer *)queue->consumers.at[j])->got = 0;
    }
}

void model_dispatched(struct model *model)
{
    for (size_t i = 0; i < model->queues.count; i++) {
        const struct m_queue *queue = model->queues.at[i];
        const struct m_consumer *taker = model_taker(queue);
        if (queue->ready.count > 0 && taker && !peek_waits(model, queue))
            model_fail(model, "%s: %zu messages are ready, %s could take one, and nothing happens",
                       queue->spec->name, queue->ready.count, taker->tag);
    }
}

/* -- leaving for the network -- */

/* A message that was confirmed is on the disk, or nothing is left of it. */
static void check_confirmed(struct model *model, const struct m_publish *publish)
{
    for (size_t i = 0; i < publish->roots.count; i++) {
        const struct m_entry *root = publish->roots.at[i];
        bool durable = root->born <= model->durable && realm_known(model->node, model->realm);
        if (!root->stored || durable)
            continue;
        for (size_t j = 0; j < model->stored.count; j++) {
            const struct m_entry *entry = model->stored.at[j];
            if (entry->root == root && entry->place != M_GONE && !entry->queue->gone)
                model_fail(model,
                           "message %" PRIu64 " is confirmed, is in %s and not on the disk: "
                           "stored in %s in turn %" PRIu64 ", durable %" PRIu64,
                           publish->id, entry->queue->spec->name, root->queue->spec->name,
                           root->born, model->durable);
        }
    }
}

void model_released(struct model *model, struct m_connection *connection, uint64_t offset)
{
    while (connection->releases.count > 0) {
        struct m_release *release = connection->releases.at[0];
        if (release->offset > offset)
            break;
        vec_remove_at(&connection->releases, 0);
        if (release->turn > model->durable)
            model_fail(model,
                       "client %u: %s left before what it says was on the disk (turn %" PRIu64
                       ", durable %" PRIu64 ")",
                       connection->client, release->what, release->turn, model->durable);
        if (release->turn > 0 && !realm_known(model->node, model->realm))
            model_fail(model, "client %u: %s left before the virtual host was on the disk",
                       connection->client, release->what);
        if (release->entry)
            release->entry->seen = true;
        for (size_t i = 0; i < release->confirmed.count; i++)
            check_confirmed(model, release->confirmed.at[i]);
    }
}
