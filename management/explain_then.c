/* SPDX-License-Identifier: Apache-2.0 */
/* A message's prospects in a queue, out of the queue's settings and what is in it now. */
#include "management/explain_then.h"

#include "broker/exchange.h"
#include "broker/message.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/json.h"

#include <inttypes.h>

static void say(json_t *sentences, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(json_t *sentences, const char *format, ...)
{
    struct buf text = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    json_array_append_new(sentences, json_text(buf_slice(&text)));
    buf_fini(&text);
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* What happens to a message that dies here, as the end of a sentence: "is dropped". */
static const char *fate(const struct queue *queue, struct buf *room)
{
    const struct queue_settings *settings = &queue->settings;

    buf_clear(room);
    if (!settings->has_dead_letter_exchange)
        return "is dropped";
    if (!exchange_find(queue->vhost, settings->dead_letter_exchange)) {
        buf_printf(room, "is dropped, since the dead letter exchange \"%.*s\" does not exist",
                   SLICE_FMT(settings->dead_letter_exchange));
        return buf_cstr(room);
    }
    buf_add_str(room, "is dead-lettered to ");
    if (settings->dead_letter_exchange.len)
        buf_printf(room, "exchange \"%.*s\"", SLICE_FMT(settings->dead_letter_exchange));
    else
        buf_add_str(room, "the default exchange");
    if (settings->has_dead_letter_key)
        buf_printf(room, " with key \"%.*s\"", SLICE_FMT(settings->dead_letter_key));
    else
        buf_add_str(room, " with the key it has");
    return buf_cstr(room);
}

/* ---- one subject each ---- */

static void say_durability(json_t *sentences, const struct queue *queue,
                           const struct explain_message *message)
{
    if (!queue->durable)
        say(sentences, "The queue is not durable: a restart of the broker ends it and all in it.");
    else if (message->persistent)
        say(sentences, "It is kept on disk and survives a restart of the broker.");
    else
        say(sentences, "A restart of the broker loses it%s.",
            message->mode_known ? ", since it is not persistent"
                                : " unless it is published as persistent (delivery_mode 2)");
}

static void say_length(json_t *sentences, const struct queue *queue)
{
    const struct queue_settings *settings = &queue->settings;
    bool full =
        (settings->length_max >= 0 && queue->ready_count >= (uint64_t)settings->length_max) ||
        (settings->bytes_max >= 0 && queue->ready_bytes >= (uint64_t)settings->bytes_max);
    struct buf room = BUF_INIT;

    if (settings->length_max >= 0)
        say(sentences, "%" PRIu64 " of at most %" PRId64 " ready messages are there.",
            queue->ready_count, settings->length_max);
    if (settings->bytes_max >= 0)
        say(sentences, "%" PRIu64 " of at most %" PRId64 " bytes of ready messages are there.",
            queue->ready_bytes, settings->bytes_max);
    if (!full) {
        buf_fini(&room);
        return;
    }
    if (settings->overflow == OVERFLOW_DROP_HEAD)
        say(sentences, "The queue is full: unless a consumer takes it, the oldest message %s.",
            fate(queue, &room));
    else if (settings->overflow == OVERFLOW_REJECT_PUBLISH)
        say(sentences, "The queue is full: unless a consumer takes it, it is refused; a publisher "
                       "that uses confirms gets basic.nack.");
    else
        say(sentences,
            "The queue is full: unless a consumer takes it, it is refused (basic.nack) "
            "and %s.",
            fate(queue, &room));
    buf_fini(&room);
}

static void say_priority(json_t *sentences, const struct queue *queue,
                         const struct explain_message *message)
{
    uint8_t most = queue->settings.priority_max;

    if (most == 0 && message->priority > 0)
        say(sentences, "Its priority has no effect: the queue has none (x-max-priority).");
    else if (most > 0)
        say(sentences, "It has priority %u of 0 to %u: those of higher priority go first.",
            message->priority < most ? message->priority : most, most);
}

static void say_expiry(json_t *sentences, const struct queue *queue,
                       const struct explain_message *message)
{
    int64_t ttl = queue->settings.message_ttl_ms;
    bool own = message->ttl_ms != MESSAGE_NO_TTL && (ttl < 0 || message->ttl_ms < ttl);
    struct buf room = BUF_INIT;

    ttl = own ? message->ttl_ms : ttl;
    if (ttl == 0)
        say(sentences, "It expires at once unless a consumer can take it (%s), then it %s.",
            own ? "expiration 0" : "time to live 0", fate(queue, &room));
    else if (ttl > 0)
        say(sentences, "It expires %" PRId64 " ms after it came (%s), then it %s.", ttl,
            own ? "its expiration" : "the queue's time to live", fate(queue, &room));
    buf_fini(&room);
}

static void say_consumers(json_t *sentences, const struct queue *queue)
{
    if (queue->consumer_count == 0)
        say(sentences, "No consumer is there: it waits%s.",
            queue->ready_count ? " behind those that are ready" : "");
    else if (queue->settings.single_active_consumer)
        say(sentences, "It goes to the queue's single active consumer (%u more stand by).",
            queue->consumer_count - 1);
    else
        say(sentences, "It goes to one of %u consumer%s.", queue->consumer_count,
            plural(queue->consumer_count));
    if (queue->ready_count)
        say(sentences, "%" PRIu64 " message%s %s ready in the queue already.", queue->ready_count,
            plural(queue->ready_count), queue->ready_count == 1 ? "is" : "are");
}

static void say_rejection(json_t *sentences, const struct queue *queue)
{
    struct buf room = BUF_INIT;

    if (queue->settings.delivery_limit >= 0)
        say(sentences, "When %" PRId64 " deliveries have failed, the next failure ends it: it %s.",
            queue->settings.delivery_limit, fate(queue, &room));
    if (queue->settings.has_dead_letter_exchange)
        say(sentences, "If a consumer rejects it, it %s.", fate(queue, &room));
    buf_fini(&room);
}

static void say_end(json_t *sentences, const struct queue *queue)
{
    if (queue->settings.expires_ms >= 0)
        say(sentences, "The queue itself ends when nobody uses it for %" PRId64 " ms.",
            queue->settings.expires_ms);
    if (queue->exclusive)
        say(sentences, "The queue ends with the connection that declared it.");
    else if (queue->auto_delete)
        say(sentences, "The queue ends with its last consumer.");
}

json_t *explain_then(const struct queue *queue, const struct explain_message *message)
{
    json_t *sentences = json_array();

    say_durability(sentences, queue, message);
    say_length(sentences, queue);
    say_priority(sentences, queue, message);
    say_consumers(sentences, queue);
    say_expiry(sentences, queue, message);
    say_rejection(sentences, queue);
    say_end(sentences, queue);
    return sentences;
}
