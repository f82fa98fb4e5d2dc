/* SPDX-License-Identifier: Apache-2.0 */
/* Moving what is ready in a queue: into another queue, or once more through an exchange.
 *
 * (1) Nothing is lost: a message is acknowledged only after its destination has taken it, in the same
 *     step of the broker and so in the same transaction of the store.
 * (2) Order is kept. The first message that isn't taken ends the moving and stays where it was.
 * (3) A request moves at most MOVE_COUNT_MAX messages and about MOVE_BYTES_MAX bytes, a part of it what
 *     its work allows; it is answered when they are on the disk. So a long queue, moved request by
 *     request, goes as fast as the disk, and other clients don't wait.
 */
#include "base/mem.h"
#include "broker/channel_publish.h"
#include "broker/message.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/act.h"
#include "management/body.h"
#include "proto/properties.h"

#define MOVE_COUNT_MAX 10000
#define MOVE_BYTES_MAX ((uint64_t)32 << 20)
#define MOVE_WORK 4096u /* one message, without its bytes */

/* The state between two parts. */
struct move {
    json_t *body; /* owns the bytes of the slices */
    struct slice queue, exchange, key;
    bool to_exchange;
    bool own_keys; /* each message goes by its own routing key */
    uint64_t limit, moved, bytes;
};

static void free_move(void *state)
{
    struct move *move = state;

    json_decref(move->body);
    mem_free(move);
}

/* ---- into a queue ---- */

/* The expiration that the message brought: one that came back from the disk doesn't know it. */
static bool read_ttl(const struct message *message, int64_t *ttl_ms, struct reply *reply)
{
    struct properties properties;

    properties_map(&properties, message_properties(message));
    *ttl_ms = MESSAGE_NO_TTL;
    return !properties_has(&properties, PROPERTY_EXPIRATION) ||
           publish_read_expiration(properties_get(&properties, PROPERTY_EXPIRATION), ttl_ms, reply);
}

/* As it is, with the exchange and the key that it was published with. */
static bool append(const struct move *move, struct actor *actor, struct message *message,
                   struct reply *reply)
{
    struct queue *queue = queue_lookup(&actor->connection, move->queue, reply);
    struct message *copy;
    uint64_t seq = 0;
    int64_t ttl_ms;

    if (!queue || !read_ttl(message, &ttl_ms, reply))
        return false;
    copy = message_with_properties(message, message_exchange(message), message_key(message),
                                   message_properties(message), message_bcc(message));
    if (!copy)
        return reply_set(reply, REPLY_RESOURCE_ERROR, "no memory for the message");
    copy->ttl_ms = ttl_ms;
    bool taken = queue_append(queue, copy, &seq) == APPEND_OK;
    message_unref(copy);
    if (!taken)
        return reply_set(reply, REPLY_PRECONDITION_FAILED, "queue '%s' in vhost '%s' is full",
                         queue->name, queue->vhost->name);
    queue->stats.publish++;
    return true;
}

/* ---- through an exchange ---- */

static bool publish_again(const struct move *move, struct actor *actor,
                          const struct message *message, struct reply *reply)
{
    struct publish publish = {.exchange = move->exchange, .mandatory = true};

    publish.key = move->own_keys ? message_key(message) : move->key;
    publish.message = message_with_properties(message, publish.exchange, publish.key,
                                              message_properties(message), slice_of(NULL, 0));
    if (!publish.message)
        return reply_set(reply, REPLY_RESOURCE_ERROR, "no memory for the message");
    actor->returned = actor->nacked = false;
    if (!channel_publish(&actor->channel, &publish, reply))
        return false;
    /* A refusal by a queue's length limit is known at once. */
    (void)channel_settle(&actor->channel);
    if (actor->returned)
        return reply_set(reply, REPLY_NO_ROUTE, "no queue takes the message");
    if (actor->nacked)
        return reply_set(reply, REPLY_PRECONDITION_FAILED, "a queue refused the message");
    return true;
}

/* ---- the way ---- */

enum progress { MOVED, EMPTY, FAILED };

static enum progress move_one(struct call *call, struct move *move, struct actor *actor,
                              struct reply *reply)
{
    struct delivery delivery = {0};
    uint32_t remaining;

    if (!channel_get(&actor->channel, call_arg(call, "queue"), false, &delivery, &remaining, reply))
        return FAILED;
    if (!delivery.message)
        return EMPTY;
    bool taken = move->to_exchange ? publish_again(move, actor, delivery.message, reply)
                                   : append(move, actor, delivery.message, reply);
    uint64_t size = delivery.message->body_len;
    message_unref(delivery.message);
    if (!taken)
        return FAILED; /* the actor's end returns it to its place */
    CHECK(channel_ack(&actor->channel, delivery.tag, false, reply));
    move->moved++;
    move->bytes += size;
    call_spend(call, MOVE_WORK + size);
    return MOVED;
}

static void answer_failure(struct call *call, const struct move *move, const struct reply *reply)
{
    if (reply->code == REPLY_NOT_FOUND)
        call_error(call, 404, "not_found", "%s", reply_reason(reply));
    else if (reply->code == REPLY_ACCESS_REFUSED)
        call_refused(call, reply->text);
    else
        call_error(call, 400, "bad_request", "%s; %llu were moved before", reply_reason(reply),
                   (unsigned long long)move->moved);
}

static void answer_moved(struct call *call, const struct move *move)
{
    const struct queue *queue = queue_find(call->vhost, call_arg(call, "queue"));
    json_int_t remaining = queue ? (json_int_t)queue->ready_count : 0;

    call_json(call,
              json_pack("{s:I, s:I}", "moved", (json_int_t)move->moved, "remaining", remaining));
}

static bool at_limit(const struct move *move)
{
    return move->moved >= move->limit || move->bytes >= MOVE_BYTES_MAX;
}

/* Into a queue one publishes by the default exchange, which checks the right to. */
static bool may_append(const struct call *call, const struct move *move, struct reply *reply)
{
    return move->to_exchange || access_check(call->user, slice_str(call->vhost->name),
                                             PERMISSION_WRITE, "exchange", slice_str(""), reply);
}

static bool run_move(struct call *call, void *state)
{
    struct move *move = state;
    struct actor actor;
    struct reply reply;
    enum progress progress = MOVED;

    call->vhost = vhost_find(call->broker, call_arg(call, "vhost"));
    if (!call_vhost(call) || !actor_open(&actor, call))
        return true;
    actor_open_channel(&actor);
    if (!may_append(call, move, &reply))
        progress = FAILED;
    while (progress == MOVED && !at_limit(move) && !call_spent(call))
        progress = move_one(call, move, &actor, &reply);
    actor_close(&actor);
    if (progress == FAILED)
        answer_failure(call, move, &reply);
    else if (progress == EMPTY || at_limit(move))
        answer_moved(call, move);
    return call->answered;
}

static const struct call_task move_task = {.run = run_move, .free = free_move};

/* ---- the question ---- */

/* False after answering 400. */
static bool read_move(struct call *call, struct move *move)
{
    const json_t *body = move->body;
    bool to_queue = json_object_get(body, "destination_queue");

    move->to_exchange = json_object_get(body, "destination_exchange");
    move->own_keys = !json_object_get(body, "routing_key");
    if (!body_short_text(call, body, "destination_queue", "", &move->queue) ||
        !body_short_text(call, body, "destination_exchange", "", &move->exchange) ||
        !body_short_text(call, body, "routing_key", "", &move->key) ||
        !body_count(call, body, "limit", MOVE_COUNT_MAX, &move->limit))
        return false;
    if (move->limit > MOVE_COUNT_MAX)
        move->limit = MOVE_COUNT_MAX;
    if (to_queue == move->to_exchange)
        call_error(call, 400, "bad_request",
                   "either destination_queue or destination_exchange must be given");
    else if (to_queue && slice_equal(move->queue, call_arg(call, "queue")))
        call_error(call, 400, "bad_request", "the destination is the queue itself");
    else
        return true;
    return false;
}

void queue_move(struct call *call)
{
    if (!call_vhost(call))
        return;
    json_t *body = call_body(call);
    if (!body)
        return;
    struct move *move = MEM_NEW(struct move);
    move->body = body;
    if (read_move(call, move))
        call_set_task(call, &move_task, move);
    else
        free_move(move);
}
