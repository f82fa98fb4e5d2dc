/* SPDX-License-Identifier: Apache-2.0 */
/* Health checks: 200 when all is well, 503 with the reason when it is not. */
#include "management/act.h"
#include "management/node.h"

#include "base/mem.h"
#include "broker/message.h"
#include "broker/queue.h"
#include "broker/vhost.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define DAY_S INT64_C(86400)
#define ALIVENESS_QUEUE "aliveness-test"

static void healthy(struct call *call)
{
    call_json(call, json_pack("{s:s}", "status", "ok"));
}

/* 503 with the fields of `details` (taken over) beside the reason. */
static void unhealthy(struct call *call, const char *reason, json_t *details)
{
    json_t *document = json_pack("{s:s, s:s}", "status", "failed", "reason", reason);

    json_object_update(document, details);
    json_decref(details);
    call_document(call, 503, document);
}

/* ---- alarms, virtual hosts, service ---- */

void health_alarms(struct call *call)
{
    static const char *const names[] = {
#define X(name, text) [ALARM_##name] = (text),
        ALARM_TABLE(X)
#undef X
    };
    json_t *alarms = json_array();

    for (size_t i = 0; i < ALARM_COUNT; i++)
        if (call->broker->alarms[i])
            json_array_append_new(alarms,
                                  json_pack("{s:s, s:s}", "node", call->broker->options.node_name,
                                            "resource", names[i]));
    if (json_array_size(alarms) == 0) {
        json_decref(alarms);
        healthy(call);
    } else {
        unhealthy(call, "There are alarms in effect in the cluster",
                  json_pack("{s:o}", "alarms", alarms));
    }
}

/* A virtual host that could not be opened is not among them: the node would not have started. */
void health_vhosts(struct call *call)
{
    healthy(call);
}

void health_service(struct call *call)
{
    if (call->broker->shutting_down)
        unhealthy(call, "the node is stopping", json_object());
    else
        healthy(call);
}

void health_node(struct call *call)
{
    if (node_check(call))
        health_alarms(call);
}

/* All leaders are here. */
void health_leaders(struct call *call)
{
    if (call->capture_count < 2 || call_vhost(call))
        healthy(call);
}

void health_single(struct call *call)
{
    call_json(call, json_pack("{s:s, s:s}", "status", "ok", "reason", "single node cluster"));
}

/* ---- listeners ---- */

void health_port(struct call *call)
{
    struct listener_facts listeners[LISTENERS_MAX];
    char *text = slice_dup(call_arg(call, "port"));
    char *end;
    long port = strtol(text, &end, 10);
    bool valid = *text && !*end && port > 0 && port <= UINT16_MAX;
    mem_free(text);

    if (!valid) {
        call_error(call, 400, "bad_request", "Invalid port");
        return;
    }
    size_t count = node_listeners(call, listeners);
    json_t *ports = json_array();
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(ports, json_integer(listeners[i].port));
        found |= listeners[i].port == port;
    }
    if (found)
        call_json(call, json_pack("{s:s, s:I}", "status", "ok", "port", (json_int_t)port));
    else
        unhealthy(call, "No active listener",
                  json_pack("{s:I, s:O}", "missing", (json_int_t)port, "ports", ports));
    json_decref(ports);
}

/* Other names under which protocols are asked for. */
static struct slice protocol_name(struct slice asked)
{
    static const struct {
        const char *alias, *name;
    } aliases[] = {
        {"amqp091", "amqp"},   {"amqp0.9.1", "amqp"},    {"amqp10", "amqp"},
        {"amqps", "amqp/ssl"}, {"amqp/tls", "amqp/ssl"},
    };

    for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
        if (slice_equal_str(asked, aliases[i].alias))
            return slice_str(aliases[i].name);
    return asked;
}

static bool listens(const struct listener_facts *listeners, size_t count, struct slice protocol)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal_str(protocol, listeners[i].protocol))
            return true;
    return false;
}

void health_protocol(struct call *call)
{
    struct listener_facts listeners[LISTENERS_MAX];
    size_t count = node_listeners(call, listeners);
    struct slice asked = call_arg(call, "protocols");
    struct slice rest = asked;

    while (rest.len) {
        const uint8_t *comma = memchr(rest.data, ',', rest.len);
        size_t len = comma ? (size_t)(comma - rest.data) : rest.len;
        struct slice name = protocol_name(slice_of(rest.data, len));
        if (listens(listeners, count, name)) {
            call_json(call, json_pack("{s:s, s:o}", "status", "ok", "protocol", json_text(name)));
            return;
        }
        size_t skip = comma ? len + 1 : len;
        rest = slice_of(rest.data + skip, rest.len - skip);
    }
    json_t *protocols = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(protocols, json_string(listeners[i].protocol));
    unhealthy(call, "No active listener",
              json_pack("{s:o, s:o}", "missing", json_text(asked), "protocols", protocols));
}

/* ---- certificates ---- */

/* The moment in so many days, weeks …, as Unix time; false after answering 400. */
static bool read_deadline(struct call *call, int64_t *deadline_s)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {
        {"days", DAY_S},
        {"weeks", 7 * DAY_S},
        {"months", 365 * DAY_S / 12},
        {"years", 365 * DAY_S},
    };
    char *text = slice_dup(call_arg(call, "within"));
    char *end;
    errno = 0;
    long long count = strtoll(text, &end, 10);
    bool valid = *text && !*end && errno == 0;
    mem_free(text);

    if (!valid) {
        call_error(call, 400, "bad_request", "Invalid expiration value.");
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (!slice_equal_str(call_arg(call, "unit"), units[i].name))
            continue;
        int64_t now_s = call->broker->wall_ms / 1000;
        if (__builtin_mul_overflow(count, units[i].seconds, deadline_s) ||
            __builtin_add_overflow(*deadline_s, now_s, deadline_s))
            *deadline_s = count > 0 ? INT64_MAX : INT64_MIN;
        return true;
    }
    call_error(call, 400, "bad_request",
               "Time unit not recognised. Supported units: days, weeks, months, years.");
    return false;
}

static json_t *expiring_row(const struct call *call, const struct listener_facts *listener)
{
    json_t *row = json_object();
    time_t seconds = listener->certificate_expires_s;
    struct tm parts;
    char ends[64];

    strftime(ends, sizeof(ends), "%Y-%m-%d %H:%M:%S", gmtime_r(&seconds, &parts));
    json_put(row, "node", json_string(node_name(call)));
    json_put(row, "protocol", json_string(listener->protocol));
    json_put(row, "interface", json_string(listener->address));
    json_put_number(row, "port", listener->port);
    json_put(row, "certfile_expires_on", json_pack("[s]", ends));
    return row;
}

void health_certificates(struct call *call)
{
    struct listener_facts listeners[LISTENERS_MAX];
    size_t count = node_listeners(call, listeners);
    int64_t deadline_s;

    if (!read_deadline(call, &deadline_s))
        return;
    json_t *expiring = json_array();
    for (size_t i = 0; i < count; i++)
        if (listeners[i].certificate_expires_s && listeners[i].certificate_expires_s < deadline_s)
            json_array_append_new(expiring, expiring_row(call, &listeners[i]));
    if (json_array_size(expiring) == 0)
        healthy(call);
    else
        unhealthy(call, "Certificates expiring", json_pack("{s:O}", "expired", expiring));
    json_decref(expiring);
}

/* ---- limits ---- */

void health_connections(struct call *call)
{
    uint32_t limit = call->broker->options.connections_max, used = call->broker->connection_count;
    json_t *details = json_object();

    json_put_number(details, "current", used);
    json_put(details, "limit", limit ? json_integer(limit) : json_string("infinity"));
    if (limit && used >= limit) {
        unhealthy(call, "node connection limit is reached", details);
    } else {
        json_put(details, "status", json_string("ok"));
        call_json(call, details);
    }
}

/* ---- aliveness ---- */

/* Publishes to the queue and takes the message back. */
static bool pass_message(struct actor *actor, struct reply *reply)
{
    struct slice name = slice_str(ALIVENESS_QUEUE);
    struct delivery delivery = {0};
    uint32_t left;
    struct message *message =
        message_new(actor->connection.broker, slice_str(""), name, slice_of("\0\0", 2), 0);
    struct publish publish = {.key = name, .mandatory = true, .message = message};

    if (!message)
        return reply_set(reply, REPLY_INTERNAL_ERROR, "no memory for a message");
    if (!channel_publish(&actor->channel, &publish, reply) ||
        !channel_get(&actor->channel, name, true, &delivery, &left, reply))
        return false;
    if (!delivery.message)
        return reply_set(reply, REPLY_INTERNAL_ERROR, "the message did not arrive");
    message_unref(delivery.message);
    return true;
}

void aliveness_get(struct call *call)
{
    struct queue_declare declare = {.name = slice_str(ALIVENESS_QUEUE)};
    struct queue *queue;
    struct actor actor;
    struct reply reply;

    if (!call_vhost(call) || !actor_open(&actor, call))
        return;
    actor_open_channel(&actor);
    if (queue_declare(&actor.connection, &declare, &queue, &reply) && pass_message(&actor, &reply))
        healthy(call);
    else
        call_channel_reply(call, &reply);
    actor_close(&actor);
}
