/* SPDX-License-Identifier: Apache-2.0 */
/* Dead-lettering. The record of deaths is the header x-death: an array of tables, the newest first,
 * one for each pair of queue and reason.
 */
#include "broker/dead_letter.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/exchange.h"
#include "broker/message.h"
#include "broker/publish.h"
#include "broker/queue_messages.h"
#include "broker/vhost.h"
#include "proto/properties.h"
#include "proto/table.h"

/* A message on its way, in vhost->dead_letters. */
struct dead_letter {
    struct list link;
    struct message *message; /* a reference; exchange and key are the dead letter exchange's */
    enum death_reason reason;
};

static const char *reason_name(enum death_reason reason)
{
    static const char *const names[] = {
#define X(name, text) #text,
        DEATH_REASON_TABLE(X)
#undef X
    };
    return names[reason];
}

static void count(struct message_stats *stats, enum death_reason reason)
{
    switch (reason) {
#define X(name, text)                                                                              \
    case DEATH_##name:                                                                             \
        stats->dead_letter_##text++;                                                               \
        break;
        DEATH_REASON_TABLE(X)
#undef X
    }
}

/* -- the record -- */

/* A death, as it is about to be written. */
struct death {
    const struct queue *queue;
    const struct message *message;
    struct slice expiration; /* the message's own; empty: none */
    struct slice cc;         /* the content of its CC header's array */
    enum death_reason reason;
};

static bool field_is(struct slice table, const char *name, struct slice text)
{
    struct field_value value;
    return table_find(table, name, &value) && value.type == FIELD_LONGSTR &&
           slice_equal(value.bytes, text);
}

static bool same_death(struct slice table, const struct death *death)
{
    return field_is(table, "queue", slice_str(death->queue->name)) &&
           field_is(table, "reason", slice_str(reason_name(death->reason)));
}

static void add_keys(struct buf *out, const struct death *death)
{
    struct buf keys = BUF_INIT;
    array_add_str(&keys, message_key(death->message));
    publish_keys_copy(&keys, death->cc);
    table_add_array(out, "routing-keys", buf_slice(&keys));
    buf_fini(&keys);
}

static void write_new(struct buf *out, const struct death *death)
{
    if (death->expiration.len)
        table_add_str(out, "original-expiration", death->expiration);
    table_add_int64(out, "count", 1);
    table_add_str(out, "reason", slice_str(reason_name(death->reason)));
    table_add_str(out, "queue", slice_str(death->queue->name));
    table_add_timestamp(out, "time", death->queue->vhost->broker->wall_ms / 1000);
    table_add_str(out, "exchange", message_exchange(death->message));
    add_keys(out, death);
}

/* An earlier record of the same death, counted up. */
static void write_again(struct buf *out, struct slice table)
{
    struct field_iter iter = {table};
    struct slice name;
    struct field_value value;
    while (field_next(&iter, &name, &value)) {
        if (slice_equal_str(name, "count") && field_is_integer(value.type)) {
            value.type = FIELD_INT64;
            value.integer += value.integer < INT64_MAX; /* a client may have written it */
        }
        table_add(out, name, &value);
    }
}

static void write_deaths(struct buf *out, struct slice old, const struct death *death)
{
    struct buf newest = BUF_INIT;
    struct buf others = BUF_INIT;
    struct field_iter iter = {old};
    struct field_value value;
    while (field_next(&iter, NULL, &value)) {
        bool same = value.type == FIELD_TABLE && same_death(value.bytes, death);
        if (same && newest.len == 0)
            write_again(&newest, value.bytes);
        else if (!same)
            array_add(&others, &value);
    }
    if (newest.len == 0)
        write_new(&newest, death);
    array_add_table(out, buf_slice(&newest));
    buf_add_slice(out, buf_slice(&others));
    buf_fini(&newest);
    buf_fini(&others);
}

static bool is_rewritten(struct slice name, bool has_first, bool drops_cc)
{
    if (slice_starts_with(name, "x-first-death-"))
        return !has_first;
    return slice_equal_str(name, "x-death") || slice_starts_with(name, "x-last-death-") ||
           (drops_cc && slice_equal_str(name, "CC"));
}

static void add_marks(struct buf *headers, const char *which, const struct death *death)
{
    struct {
        const char *what;
        struct slice value;
    } marks[] = {
        {"queue", slice_str(death->queue->name)},
        {"reason", slice_str(reason_name(death->reason))},
        {"exchange", message_exchange(death->message)},
    };
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        struct buf name = BUF_INIT;
        buf_printf(&name, "x-%s-death-%s", which, marks[i].what);
        table_add_str(headers, buf_cstr(&name), marks[i].value);
        buf_fini(&name);
    }
}

static void write_headers(struct buf *out, struct slice old, const struct death *death,
                          bool drops_cc)
{
    struct field_value value;
    bool has_first = table_find(old, "x-first-death-reason", &value);
    struct slice deaths = slice_of(NULL, 0);
    if (table_find(old, "x-death", &value) && value.type == FIELD_ARRAY)
        deaths = value.bytes;
    struct buf list = BUF_INIT;
    write_deaths(&list, deaths, death);
    struct buf headers = BUF_INIT;
    struct field_iter iter = {old};
    struct slice name;
    while (field_next(&iter, &name, &value))
        if (!is_rewritten(name, has_first, drops_cc))
            table_add(&headers, name, &value);
    table_add_array(&headers, "x-death", buf_slice(&list));
    if (!has_first)
        add_marks(&headers, "first", death);
    add_marks(&headers, "last", death);
    table_sort(out, buf_slice(&headers));
    buf_fini(&headers);
    buf_fini(&list);
}

/* The message as the dead letter exchange gets it. */
static struct message *dead_message(const struct queue *queue, const struct message *message,
                                    enum death_reason reason)
{
    struct properties properties;
    properties_map(&properties, message_properties(message));
    struct slice old = properties_get(&properties, PROPERTY_HEADERS);
    struct death death = {
        .queue = queue,
        .message = message,
        .reason = reason,
        .expiration = properties_get(&properties, PROPERTY_EXPIRATION),
    };
    struct field_value cc;
    if (table_find(old, "CC", &cc) && cc.type == FIELD_ARRAY)
        death.cc = cc.bytes;
    struct buf headers = BUF_INIT;
    write_headers(&headers, old, &death, queue->settings.has_dead_letter_key);
    properties_set(&properties, PROPERTY_HEADERS, buf_slice(&headers));
    properties_remove(&properties, PROPERTY_EXPIRATION);
    struct buf encoded = BUF_INIT;
    properties_encode(&encoded, &properties);
    bool keeps_keys = !queue->settings.has_dead_letter_key;
    struct message *dead = message_with_properties(
        message, queue->settings.dead_letter_exchange,
        keeps_keys ? message_key(message) : queue->settings.dead_letter_key, buf_slice(&encoded),
        keeps_keys ? message_bcc(message) : slice_of(NULL, 0));
    if (dead)
        dead->ttl_ms = MESSAGE_NO_TTL;
    buf_fini(&encoded);
    buf_fini(&headers);
    return dead;
}

/* -- the way -- */

/* The message died in this queue before, and on no death since was it rejected: it would go round for
 * ever by itself. */
static bool cycles(struct slice deaths, const char *queue)
{
    struct field_iter iter = {deaths};
    struct field_value value;
    while (field_next(&iter, NULL, &value)) {
        if (value.type != FIELD_TABLE)
            continue;
        if (field_is(value.bytes, "reason", slice_str("rejected")))
            return false;
        if (field_is(value.bytes, "queue", slice_str(queue)))
            return true;
    }
    return false;
}

static void append_to(const struct dead_letter *letter, struct queue *queue, struct slice deaths)
{
    if (letter->reason != DEATH_REJECTED && cycles(deaths, queue->name)) {
        log_debug(queue->vhost->broker->log, "dead letter dropped: it would go round for ever",
                  "vhost=%s queue=%s", queue->vhost->name, queue->name);
        return;
    }
    uint64_t seq = 0;
    if (queue_append(queue, letter->message, &seq) == APPEND_OK)
        queue->stats.publish++;
}

static void route(struct vhost *vhost, const struct dead_letter *letter)
{
    struct message *message = letter->message;
    struct exchange *exchange = exchange_find(vhost, message_exchange(message));
    if (!exchange)
        return;
    struct slice headers = message_headers(message);
    struct publish_keys keys;
    publish_keys_init(&keys, message_key(message), headers);
    publish_keys_add(&keys, message_bcc(message));
    struct route_request request = {
        .exchange = &exchange->route,
        .keys = keys.all,
        .key_count = keys.count,
        .headers = headers,
    };
    exchange->stats.publish_in++;
    struct route_result routes = ROUTE_RESULT_INIT;
    struct field_value deaths = {0};
    CHECK(table_find(headers, "x-death", &deaths));
    if (router_route(&vhost->router, &request, &routes)) {
        exchange->stats.publish_out += routes.count;
        for (size_t i = 0; i < routes.count; i++)
            append_to(letter, target_queue(routes.queues[i]), deaths.bytes);
    }
    route_result_fini(&routes);
    publish_keys_fini(&keys);
}

/* Routes all that are waiting, those that come up meanwhile included. */
static void run(struct vhost *vhost)
{
    if (vhost->dead_lettering)
        return;
    vhost->dead_lettering = true;
    struct dead_letter *letter;
    while ((letter = LIST_FIRST(&vhost->dead_letters, struct dead_letter, link))) {
        list_remove(&letter->link);
        route(vhost, letter);
        message_unref(letter->message);
        mem_free(letter);
    }
    vhost->dead_lettering = false;
}

static void send(struct queue *queue, struct message *message, enum death_reason reason)
{
    struct vhost *vhost = queue->vhost;
    count(&queue->stats, reason);
    count(&vhost->stats, reason);
    if (!queue->settings.has_dead_letter_exchange || queue->deleted)
        return;
    if (!exchange_find(vhost, queue->settings.dead_letter_exchange))
        return;
    struct message *dead = dead_message(queue, message, reason);
    if (!dead) {
        log_error(vhost->broker->log, "no memory to dead-letter a message", "vhost=%s queue=%s",
                  vhost->name, queue->name);
        return;
    }
    struct dead_letter *letter = MEM_NEW(struct dead_letter);
    letter->message = dead;
    letter->reason = reason;
    list_push_back(&vhost->dead_letters, &letter->link);
}

void dead_letter_entry(struct queue *queue, struct entry *entry, enum death_reason reason)
{
    send(queue, entry->message, reason);
    entry_discard(queue, entry);
    run(queue->vhost);
}

void dead_letter_message(struct queue *queue, struct message *message, enum death_reason reason)
{
    send(queue, message, reason);
    run(queue->vhost);
}
