/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing a message and taking messages out of a queue: for trying things out.
 *
 * (1) One answer holds at most GET_COUNT_MAX messages and GET_BYTES_MAX bytes of bodies (a single
 *     message may be larger), whatever was asked for.
 */
#include "base/base64.h"
#include "broker/exchange.h"
#include "broker/message.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/act.h"
#include "management/body.h"
#include "management/message_json.h"

#include <ctype.h>

#define GET_COUNT_MAX 10000
#define GET_BYTES_MAX ((size_t)32 << 20)

/* ---- publishing ---- */

/* Programs that encode break the text into lines. */
static bool decode_base64(struct buf *payload, struct slice text)
{
    struct buf joined = BUF_INIT;

    for (size_t i = 0; i < text.len; i++)
        if (!isspace(text.data[i]))
            buf_add_u8(&joined, text.data[i]);
    bool valid = base64_decode(payload, buf_slice(&joined)) == ERR_OK;
    buf_fini(&joined);
    return valid;
}

/* The payload's bytes, appended; false after answering 400. */
static bool read_payload(struct call *call, const json_t *body, struct buf *payload)
{
    const json_t *value = json_object_get(body, "payload");
    struct slice text = json_slice(value), encoding;

    if (!json_is_string(value)) {
        call_error(call, 400, "bad_request", "payload_not_string");
        return false;
    }
    if (!body_text(call, body, "payload_encoding", "string", &encoding))
        return false;
    if (slice_equal_str(encoding, "string")) {
        buf_add_slice(payload, text);
        return true;
    }
    if (!slice_equal_str(encoding, "base64"))
        call_bad_term(call, "unsupported_encoding", encoding);
    else if (!decode_base64(payload, text))
        call_bad_term(call, "not_base64", text);
    else
        return true;
    return false;
}

static bool read_properties(struct call *call, const json_t *body, struct buf *properties)
{
    const json_t *object = json_object_get(body, "properties");
    const char *wrong;

    bool none = json_is_null(object) || (json_is_array(object) && json_array_size(object) == 0);

    if (!none && !json_is_object(object)) {
        call_bad_term(call, "not_an_object", slice_str("properties"));
        return false;
    }
    if (message_json_properties(properties, object, &wrong) == ERR_OK)
        return true;
    if (strcmp(wrong, "delivery_mode") == 0 || strcmp(wrong, "priority") == 0 ||
        strcmp(wrong, "timestamp") == 0)
        call_bad_term(call, "not_int", slice_str(wrong));
    else if (!json_is_string(json_object_get(object, wrong)) && strcmp(wrong, "headers") != 0)
        call_bad_term(call, "not_string", slice_str(wrong));
    else
        call_bad_term(call, "bad_property", slice_str(wrong));
    return false;
}

/* NULL after answering. */
static struct message *make_message(struct call *call, struct slice key,
                                    const struct buf *properties, const struct buf *payload)
{
    struct message *message;
    struct reply reply;

    if (!message_size_check(call->broker, payload->len, &reply)) {
        call_channel_reply(call, &reply);
        return NULL;
    }
    message = message_new(call->broker, call_arg(call, "exchange"), key, buf_slice(properties),
                          payload->len);
    if (!message)
        call_error(call, 503, "service_unavailable", "no memory for the message");
    else if (payload->len)
        memcpy(message_body_bytes(message), payload->data, payload->len);
    return message;
}

/* Takes the message over. */
static void publish(struct call *call, struct actor *actor, struct slice key,
                    struct message *message)
{
    const struct publish publish = {
        .exchange = call_arg(call, "exchange"),
        .key = key,
        .mandatory = true,
        .message = message,
    };
    struct reply reply;

    if (!channel_publish(&actor->channel, &publish, &reply)) {
        call_channel_reply(call, &reply);
        return;
    }
    /* A refusal by a queue's length limit is known at once. */
    (void)channel_settle(&actor->channel);
    call_json(call, json_pack("{s:b}", "routed", !actor->returned && !actor->nacked));
}

static void publish_body(struct call *call, const json_t *body)
{
    struct buf properties = BUF_INIT, payload = BUF_INIT;
    struct message *message = NULL;
    struct actor actor;
    struct slice key;

    if (body_short_text(call, body, "routing_key", "", &key) &&
        read_properties(call, body, &properties) && read_payload(call, body, &payload))
        message = make_message(call, key, &properties, &payload);
    if (message && actor_open(&actor, call)) {
        actor_open_channel(&actor);
        publish(call, &actor, key, message);
        actor_close(&actor);
    } else if (message) {
        message_unref(message);
    }
    buf_fini(&payload);
    buf_fini(&properties);
}

void exchange_publish(struct call *call)
{
    static const char *const keys[] = {"routing_key", "properties", "payload", "payload_encoding",
                                       NULL};

    if (!call_vhost(call) || !body_path_name(call, "exchange"))
        return;
    json_t *body = call_body(call);
    if (body && call_keys(call, body, keys))
        publish_body(call, body);
    json_decref(body);
}

/* ---- taking ---- */

#define ACK_MODE_TABLE(X)                                                                          \
    X(ACK_REQUEUE_TRUE, "ack_requeue_true")                                                        \
    X(ACK_REQUEUE_FALSE, "ack_requeue_false")                                                      \
    X(REJECT_REQUEUE_TRUE, "reject_requeue_true")                                                  \
    X(REJECT_REQUEUE_FALSE, "reject_requeue_false")

enum ack_mode {
#define X(name, text) MODE_##name,
    ACK_MODE_TABLE(X)
#undef X
        MODE_NONE
};

struct taking {
    uint64_t count;
    enum ack_mode mode;
    bool base64;
    uint64_t truncate;
};

static enum ack_mode parse_mode(struct slice text)
{
#define X(name, literal)                                                                           \
    if (slice_equal_str(text, literal))                                                            \
        return MODE_##name;
    ACK_MODE_TABLE(X)
#undef X
    return MODE_NONE;
}

/* False after answering 400. */
static bool read_taking(struct call *call, const json_t *body, struct taking *taking)
{
    struct slice mode = json_slice(json_object_get(body, "ackmode"));
    struct slice encoding = json_slice(json_object_get(body, "encoding"));

    *taking = (struct taking){
        .mode = parse_mode(mode),
        .base64 = slice_equal_str(encoding, "base64"),
    };
    if (!body_count(call, body, "count", 1, &taking->count) ||
        !body_count(call, body, "truncate", SIZE_MAX, &taking->truncate))
        return false;
    if (taking->mode == MODE_NONE)
        call_bad_term(call, "unsupported_ackmode", mode);
    else if (!taking->base64 && !slice_equal_str(encoding, "auto"))
        call_error(call, 400, "bad_request", "Unsupported encoding. Please use auto or base64.");
    else
        return true;
    return false;
}

static json_t *message_row(const struct taking *taking, const struct delivery *delivery,
                           uint32_t remaining)
{
    const struct message *message = delivery->message;
    json_t *row = json_object();

    json_put_number(row, "payload_bytes", message->body_len);
    json_put(row, "redelivered", json_boolean(delivery->redelivered));
    json_put(row, "exchange", json_text(message_exchange(message)));
    json_put(row, "routing_key", json_text(message_key(message)));
    json_put_number(row, "message_count", remaining);
    json_put(row, "properties", message_json_of_properties(delivery->properties));
    message_json_put_body(row, message_body(message), taking->base64, taking->truncate);
    return row;
}

/* Takes up to the count; false with the reply filled in. */
static bool take(struct call *call, struct actor *actor, const struct taking *taking, json_t *rows,
                 struct reply *reply)
{
    bool no_ack = taking->mode == MODE_ACK_REQUEUE_FALSE;
    size_t bytes = 0;

    for (uint64_t i = 0; i < taking->count && i < GET_COUNT_MAX && bytes < GET_BYTES_MAX; i++) {
        struct delivery delivery = {0};
        uint32_t remaining;
        if (!channel_get(&actor->channel, call_arg(call, "queue"), no_ack, &delivery, &remaining,
                         reply))
            return false;
        if (!delivery.message)
            break;
        bytes += delivery.message->body_len;
        json_array_append_new(rows, message_row(taking, &delivery, remaining));
        message_unref(delivery.message);
    }
    return true;
}

/* What was taken goes back, or is rejected for good. */
static bool give_back(struct actor *actor, const struct taking *taking, struct reply *reply)
{
    if (taking->mode == MODE_ACK_REQUEUE_FALSE || actor->channel.unacked_count == 0)
        return true;
    return channel_nack(&actor->channel, 0, true, taking->mode != MODE_REJECT_REQUEUE_FALSE, reply);
}

static void answer_refusal(struct call *call, const struct reply *reply)
{
    if (reply->code == REPLY_NOT_FOUND)
        call_error(call, 404, "not_found", "%s", reply->text);
    else if (reply->code == REPLY_ACCESS_REFUSED)
        call_refused(call, reply->text);
    else
        call_channel_reply(call, reply);
}

static void take_body(struct call *call, const json_t *body)
{
    struct taking taking;
    struct actor actor;
    struct reply reply;

    if (!read_taking(call, body, &taking) || !actor_open(&actor, call))
        return;
    json_t *rows = json_array();
    actor_open_channel(&actor);
    bool done = take(call, &actor, &taking, rows, &reply) && give_back(&actor, &taking, &reply);
    actor_close(&actor);
    if (done) {
        call_json(call, rows);
    } else {
        json_decref(rows);
        answer_refusal(call, &reply);
    }
}

void queue_messages_get(struct call *call)
{
    static const char *const keys[] = {"ackmode", "count", "encoding", NULL};

    if (!call_vhost(call))
        return;
    json_t *body = call_body(call);
    if (body && call_keys(call, body, keys))
        take_body(call, body);
    json_decref(body);
}
