/* SPDX-License-Identifier: Apache-2.0 */
/* Explained routing: where a message would go, by which way, what nearly matched, and what would
 * become of it. What broker/explain.h writes down, as JSON. */
#include "base/mem.h"
#include "broker/channel_publish.h"
#include "broker/exchange.h"
#include "broker/explain.h"
#include "broker/message.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/explain_then.h"
#include "management/message_json.h"
#include "management/names.h"
#include "management/object.h"
#include "proto/properties.h"
#include "routing/exchange_type.h"

#include <stdlib.h>

/* ---- the question ---- */

struct question {
    struct exchange *exchange;
    char *key;        /* heap */
    struct buf bytes; /* property bytes */
    struct buf own;   /* the headers that were given by themselves, a table's content */
    struct slice headers;
    struct explain_message message;
};

static void question_fini(struct question *question)
{
    mem_free(question->key);
    buf_fini(&question->bytes);
    buf_fini(&question->own);
}

/* A parameter of the query as a JSON object: absent or empty, an empty one. NULL after answering
 * 400. */
static json_t *query_object(struct call *call, const char *name)
{
    char *text = call_query(call, name);
    json_t *object = text && *text ? json_loads(text, 0, NULL) : json_object();

    mem_free(text);
    if (json_is_object(object))
        return object;
    json_decref(object);
    call_error(call, 400, "bad_request", "the parameter \"%s\" is not a JSON object", name);
    return NULL;
}

static bool read_properties(struct call *call, struct question *question)
{
    struct properties properties;
    struct reply reply;
    const char *wrong = "";
    json_t *object = query_object(call, "properties");
    bool valid = object && message_json_properties(&question->bytes, object, &wrong) == ERR_OK;

    if (object && !valid)
        call_error(call, 400, "bad_request", "the property \"%s\" has no valid value", wrong);
    json_decref(object);
    if (!valid)
        return false;
    valid = properties_parse(&properties, buf_slice(&question->bytes), &reply);
    question->message = (struct explain_message){.ttl_ms = MESSAGE_NO_TTL};
    if (valid && properties_has(&properties, PROPERTY_EXPIRATION))
        valid = publish_read_expiration(properties_get(&properties, PROPERTY_EXPIRATION),
                                        &question->message.ttl_ms, &reply);
    if (!valid) {
        call_channel_reply(call, &reply);
        return false;
    }
    question->message.priority = properties_octet(&properties, PROPERTY_PRIORITY, 0);
    question->message.persistent = properties_persistent(&properties);
    question->message.mode_known = properties_has(&properties, PROPERTY_DELIVERY_MODE);
    question->headers = properties_get(&properties, PROPERTY_HEADERS);
    return true;
}

/* Headers that are given by themselves stand above those among the properties. */
static bool read_headers(struct call *call, struct question *question)
{
    json_t *object = query_object(call, "headers");

    if (!object)
        return false;
    bool given = json_object_size(object) > 0;
    enum err error = json_to_table(&question->own, object);
    json_decref(object);
    if (error != ERR_OK) {
        call_error(call, 400, "bad_request", "the headers can't be encoded: %s",
                   error == ERR_LIMIT ? "they are nested too deeply" : "a name is too long");
        return false;
    }
    if (given)
        question->headers = buf_slice(&question->own);
    return true;
}

/* False after answering. */
static bool read_question(struct call *call, struct question *question)
{
    question->exchange = call_exchange(call);
    if (!question->exchange)
        return false;
    question->key = call_query(call, "routing_key");
    if (!question->key)
        question->key = slice_dup(slice_str(""));
    if (strlen(question->key) > NAME_LEN_MAX) {
        call_error(call, 400, "bad_request", "the routing key is longer than 255 bytes");
        return false;
    }
    return read_properties(call, question) && read_headers(call, question);
}

/* ---- the answer ---- */

static json_t *binding_json(const struct binding *binding)
{
    struct binding_row row = binding_row_of(binding);

    return object_json(NULL, object_binding, &row);
}

#define PATH_MAX_SHOWN 50 /* bindings of a path: of a longer one, the last so many */

/* From the exchange that was published to, to the queue. */
static json_t *path_json(const struct explanation *explanation, const struct explain_queue *queue)
{
    struct binding_row implicit = binding_row_implicit(queue->queue);
    json_t *path = json_array();
    const struct explain_stop *stop = &explanation->stops[queue->from];

    json_array_append_new(path, queue->by ? binding_json(queue->by)
                                          : object_json(NULL, object_binding, &implicit));
    for (; stop->reached != EXPLAIN_PUBLISHED; stop = &explanation->stops[stop->from])
        if (stop->by && json_array_size(path) < PATH_MAX_SHOWN)
            json_array_insert_new(path, 0, binding_json(stop->by));
    return path;
}

static json_t *queues_json(const struct explanation *explanation,
                           const struct explain_message *message)
{
    json_t *queues = json_array();

    for (size_t i = 0; i < explanation->queue_count; i++) {
        const struct queue *queue = explanation->queues[i].queue;
        json_t *row = json_object();
        json_put(row, "name", json_text(slice_str(queue->name)));
        json_put(row, "durable", json_boolean(queue->durable));
        json_put_number(row, "messages", queue->ready_count + queue->unacked_count);
        json_put_number(row, "consumers", queue->consumer_count);
        json_put(row, "path", path_json(explanation, &explanation->queues[i]));
        json_put(row, "then", explain_then(queue, message));
        json_array_append_new(queues, row);
    }
    return queues;
}

static json_t *near_json(const struct explain_stop *stop)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < stop->near_count; i++) {
        json_t *row = binding_json(stop->near[i].binding);
        json_put(row, "reason", json_text(slice_str(stop->near[i].reason)));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *reached_json(const struct explain_stop *stop)
{
    switch (stop->reached) {
    case EXPLAIN_PUBLISHED:
        return json_null();
    case EXPLAIN_BINDING:
        return binding_json(stop->by);
    case EXPLAIN_ALTERNATE:
        return json_string("alternate");
    }
    UNREACHABLE();
}

static json_t *stop_json(const struct explain_stop *stop, struct slice key)
{
    const struct exchange *exchange = stop->exchange;
    json_t *row = json_object();
    json_t *matched = json_array();

    for (size_t i = 0; i < stop->matched_count; i++)
        json_array_append_new(matched, binding_json(stop->matched[i]));
    json_put(row, "name", json_text(slice_str(exchange->name)));
    json_put(row, "type", json_string(exchange->route.type->name));
    json_put(row, "internal", json_boolean(exchange->internal));
    json_put(row, "routing_key", json_text(key));
    json_put(row, "reached_by", reached_json(stop));
    json_put_number(row, "bindings", exchange->route.bindings_from_count);
    json_put(row, "matched", matched);
    json_put_number(row, "matched_count", stop->matched_total);
    json_put(row, "near", near_json(stop));
    json_put_number(row, "looked_at", stop->unmatched_total);
    json_put(row, "alternate_exchange", json_text_or_null(exchange->alternate));
    json_put(row, "alternate_used", json_boolean(stop->alternate != NULL));
    return row;
}

static json_t *stops_json(const struct explanation *explanation, struct slice key)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < explanation->stop_count && i < EXPLAIN_STOPS_MAX; i++)
        json_array_append_new(rows, stop_json(&explanation->stops[i], key));
    return rows;
}

/* An alternate exchange that would have been asked, but isn't there. */
static const struct exchange *without_alternate(const struct explanation *explanation)
{
    for (size_t i = 0; i < explanation->stop_count; i++) {
        const struct explain_stop *stop = &explanation->stops[i];
        if (stop->exchange->alternate && stop->matched_total == 0 && !stop->alternate)
            return stop->exchange;
    }
    return NULL;
}

static json_t *outcome_json(const struct explanation *explanation, const struct exchange *exchange)
{
    const struct exchange *without = without_alternate(explanation);
    struct buf text = BUF_INIT;

    if (exchange->internal)
        buf_add_str(&text, "A client may not publish to an internal exchange; a message that comes "
                           "here another way: ");
    if (explanation->queue_total > 0)
        buf_printf(&text, "Routed to %zu queue%s.", explanation->queue_total,
                   explanation->queue_total == 1 ? "" : "s");
    else
        buf_add_str(&text, "Unroutable: dropped; a mandatory message would be returned "
                           "(312 NO_ROUTE).");
    if (without)
        buf_printf(&text, " The alternate exchange \"%s\" of \"%s\" does not exist.",
                   without->alternate, without->name);
    json_t *outcome = json_text(buf_slice(&text));
    buf_fini(&text);
    return outcome;
}

static json_t *answer_json(const struct question *question, const struct explanation *explanation)
{
    const struct exchange *exchange = question->exchange;
    struct slice key = slice_str(question->key);
    json_t *answer = json_object();

    json_put(answer, "vhost", json_text(slice_str(exchange->vhost->name)));
    json_put(answer, "exchange", json_text(slice_str(exchange->name)));
    json_put(answer, "routing_key", json_text(key));
    json_put(answer, "headers", json_of_table(question->headers));
    json_put(answer, "routed", json_boolean(explanation->queue_total > 0));
    json_put(answer, "outcome", outcome_json(explanation, exchange));
    json_put(answer, "queues", queues_json(explanation, &question->message));
    json_put_number(answer, "queue_count", explanation->queue_total);
    json_put(answer, "exchanges", stops_json(explanation, key));
    json_put_number(answer, "exchange_count", explanation->stop_count);
    json_put_number(answer, "looked_at", explanation->looked_at);
    json_put(answer, "looked_at_all", json_boolean(!explanation->cut));
    return answer;
}

void exchange_explain(struct call *call)
{
    struct question question = {0};
    struct explanation explanation;

    if (read_question(call, &question)) {
        explain_route(&explanation, question.exchange, slice_str(question.key), question.headers);
        call_json(call, answer_json(&question, &explanation));
        explanation_fini(&explanation);
    }
    question_fini(&question);
}
