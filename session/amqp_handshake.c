/* SPDX-License-Identifier: Apache-2.0 */
/* Class connection: the handshake, its end, and what else is said on channel 0.
 * [0-9-1 §1.4 class connection; rabbitmq: auth_failure, connection.blocked, update-secret]
 */
#include "broker/access.h"
#include "broker/broker.h"
#include "broker/vhost.h"
#include "proto/reply.h"
#include "proto/table.h"
#include "session/amqp.h"
#include "session/server_properties.h"

#include <inttypes.h>

#define CHANNEL_MAX_LEAST 1u

void amqp_handshake_begin(struct amqp_connection *amqp)
{
    struct buf properties = BUF_INIT;
    struct buf mechanisms = BUF_INIT;
    struct sasl_login login = amqp_sasl_login(amqp);
    server_properties_write(&properties, amqp->base.broker);
    sasl_offer(&mechanisms, &login);
    struct method method = {.kind = METHOD_CONNECTION_START};
    method.connection_start.version_major = 0;
    method.connection_start.version_minor = 9;
    method.connection_start.server_properties = buf_slice(&properties);
    method.connection_start.mechanisms = buf_slice(&mechanisms);
    method.connection_start.locales = slice_str("en_US");
    amqp_send(amqp, 0, &method);
    buf_fini(&properties);
    buf_fini(&mechanisms);
    amqp_set_state(amqp, AMQP_STARTING);
}

/* -- start-ok, secure-ok -- */

static bool capability(struct slice capabilities, const char *name)
{
    struct field_value value;
    return table_find(capabilities, name, &value) && value.type == FIELD_BOOL && value.boolean;
}

static void keep_client_properties(struct amqp_connection *amqp, struct slice properties)
{
    buf_clear(&amqp->client_properties);
    buf_add_slice(&amqp->client_properties, properties);
    struct field_value value;
    struct slice kept = buf_slice(&amqp->client_properties);
    if (table_find(kept, "capabilities", &value) && value.type == FIELD_TABLE) {
        amqp->can_blocked = capability(value.bytes, "connection.blocked");
        amqp->can_cancel_notify = capability(value.bytes, "consumer_cancel_notify");
        amqp->can_failure_close = capability(value.bytes, "authentication_failure_close");
    }
    if (table_find(kept, "connection_name", &value) && value.type == FIELD_LONGSTR)
        amqp->user_provided_name = value.bytes;
}

/* The client learns no more than that it failed, and only if it can tell that from a crash. */
static void refuse_login(struct amqp_connection *amqp, const struct sasl_outcome *outcome)
{
    char user[128];
    log_warning(amqp->base.broker->log, "login refused",
                "conn=%" PRIu64 " user=%s mechanism=%s reason=\"%s\"", amqp->base.id,
                log_quote(user, sizeof(user), outcome->name), amqp->mechanism->name,
                outcome->reason);
    if (amqp->can_failure_close) {
        struct reply reply;
        reply_set(&reply, REPLY_ACCESS_REFUSED,
                  "Login was refused using authentication mechanism %s. %s", amqp->mechanism->name,
                  outcome->throttled ? "Too many logins have failed: try again later."
                                     : "For details see the broker logfile.");
        amqp_send_close(amqp, &reply);
    }
    amqp_set_state(amqp, AMQP_REFUSED);
}

static void accept_login(struct amqp_connection *amqp, struct user *user)
{
    const struct broker_options *options = &amqp->base.broker->options;
    user_ref(user);
    amqp->base.user = user;
    amqp_send(amqp, 0,
              &(struct method){.kind = METHOD_CONNECTION_TUNE,
                               .connection_tune = {.channel_max = (uint16_t)options->channel_max,
                                                   .frame_max = options->frame_max,
                                                   .heartbeat = options->heartbeat_s}});
    amqp_set_state(amqp, AMQP_TUNING);
}

/* False: malformed. */
static bool act_on(struct amqp_connection *amqp, const struct sasl_outcome *outcome)
{
    switch (outcome->verdict) {
    case SASL_ACCEPTED:
        amqp->base.broker->logins.succeeded++;
        accept_login(amqp, outcome->user);
        return true;
    case SASL_REFUSED:
        amqp->base.broker->logins.failed++;
        refuse_login(amqp, outcome);
        return true;
    case SASL_PENDING:
        amqp->login = outcome->pending;
        amqp_set_state(amqp, AMQP_SECURING);
        return true;
    case SASL_MALFORMED:
        return false;
    }
    UNREACHABLE();
}

static bool authenticate(struct amqp_connection *amqp, struct slice response, struct reply *reply)
{
    struct sasl_login login = amqp_sasl_login(amqp);
    struct sasl_outcome outcome;
    sasl_respond(amqp->mechanism, &login, response, &outcome, reply);
    return act_on(amqp, &outcome);
}

void amqp_login_done(void *context, const struct login_result *result)
{
    struct amqp_connection *amqp = context;
    struct sasl_login login = amqp_sasl_login(amqp);
    struct sasl_outcome outcome;
    amqp->login = NULL;
    if (amqp->state != AMQP_SECURING)
        return; /* the broker has ended it meanwhile */
    sasl_conclude(&login, result, &outcome);
    (void)act_on(amqp, &outcome);
}

static bool on_start_ok(struct amqp_connection *amqp, const struct method *method,
                        struct reply *reply)
{
    const struct method_connection_start_ok *start = &method->connection_start_ok;
    struct sasl_login login = amqp_sasl_login(amqp);
    keep_client_properties(amqp, start->client_properties);
    amqp->mechanism = sasl_find(&login, start->mechanism, reply);
    return amqp->mechanism && authenticate(amqp, start->response, reply);
}

/* -- tune-ok -- */

struct negotiated {
    const char *name;
    uint32_t least;
    uint32_t offered; /* 0: no limit of ours */
    uint32_t asked;   /* 0: no limit of the client's */
    const char *detail;
};

static bool check_negotiated(const struct negotiated *value, struct reply *reply)
{
    bool low = value->asked != 0 && value->asked < value->least;
    bool high = value->offered != 0 && (value->asked == 0 || value->asked > value->offered);
    if (!low && !high)
        return true;
    reply_set(reply, REPLY_NOT_ALLOWED,
              "negotiated %s = %" PRIu32 "%s is %s than the %s allowed value (%" PRIu32 ")",
              value->name, value->asked, value->detail, low ? "lower" : "higher",
              low ? "minimum" : "maximum", low ? value->least : value->offered);
    reply->class_id = method_info(METHOD_CONNECTION_TUNE)->class_id;
    reply->method_id = method_info(METHOD_CONNECTION_TUNE)->method_id;
    return false;
}

static bool on_tune_ok(struct amqp_connection *amqp, const struct method *method,
                       struct reply *reply)
{
    const struct method_connection_tune_ok *tune = &method->connection_tune_ok;
    const struct broker_options *options = &amqp->base.broker->options;
    struct negotiated frame_max = {"frame_max", FRAME_SIZE_MIN, options->frame_max, tune->frame_max,
                                   ""};
    struct negotiated channel_max = {"channel_max", CHANNEL_MAX_LEAST, options->channel_max,
                                     tune->channel_max, tune->channel_max ? "" : " (no limit)"};
    if (!check_negotiated(&frame_max, reply) || !check_negotiated(&channel_max, reply))
        return false;
    amqp->frame_max = tune->frame_max ? tune->frame_max : UINT32_MAX / 2;
    amqp->channel_max = tune->channel_max;
    amqp->heartbeat_s = tune->heartbeat;
    amqp_set_state(amqp, AMQP_OPENING);
    return true;
}

/* -- open, close -- */

static bool on_open(struct amqp_connection *amqp, const struct method *method, struct reply *reply)
{
    if (!connection_open_vhost(&amqp->base, method->connection_open.virtual_host, reply))
        return false;
    amqp_send(amqp, 0, &(struct method){.kind = METHOD_CONNECTION_OPEN_OK});
    amqp_set_state(amqp, AMQP_RUNNING);
    char peer[256];
    char user[128];
    char vhost[128];
    char given[128];
    log_info(amqp->base.broker->log, "connection opened",
             "conn=%" PRIu64 " peer=%s user=%s vhost=%s mechanism=%s tls=%s name=%s", amqp->base.id,
             log_quote(peer, sizeof(peer), slice_str(amqp->base.name)),
             log_quote(user, sizeof(user), slice_str(amqp->base.user->name)),
             log_quote(vhost, sizeof(vhost), slice_str(amqp->base.vhost->name)),
             amqp->mechanism->name, amqp->tls_protocol ? amqp->tls_protocol : "none",
             log_quote(given, sizeof(given), amqp->user_provided_name));
    return true;
}

/* Exclusive queues are gone before the client hears close-ok. */
static bool on_close(struct amqp_connection *amqp, const struct method *method, struct reply *reply)
{
    (void)method;
    (void)reply;
    amqp_release(amqp);
    amqp_send(amqp, 0, &(struct method){.kind = METHOD_CONNECTION_CLOSE_OK});
    amqp->parted = true;
    amqp_finish(amqp);
    return true;
}

/* Users of the broker's own database have no credentials that run out: the secret is taken note of
 * and what the user may do is looked at again, as RabbitMQ does it. */
static bool on_update_secret(struct amqp_connection *amqp, const struct method *method,
                             struct reply *reply)
{
    (void)method;
    const struct user *user = amqp->base.user;
    struct slice vhost = slice_str(amqp->base.vhost->name);
    if (user->deleted)
        return reply_set(reply, REPLY_NOT_ALLOWED, "New secret was refused by one of the backends");
    if (!access_vhost(user, vhost))
        return reply_set(reply, REPLY_NOT_ALLOWED, "access to vhost '%.*s' refused for user '%s'",
                         SLICE_FMT(vhost), user->name);
    amqp_send(amqp, 0, &(struct method){.kind = METHOD_CONNECTION_UPDATE_SECRET_OK});
    return true;
}

/* -- dispatch -- */

static const struct row {
    enum method_kind kind;
    enum amqp_state first; /* the states in which it may come */
    enum amqp_state last;
    bool (*handle)(struct amqp_connection *amqp, const struct method *method, struct reply *reply);
} ROWS[] = {
    {METHOD_CONNECTION_START_OK, AMQP_STARTING, AMQP_STARTING, on_start_ok},
    {METHOD_CONNECTION_TUNE_OK, AMQP_TUNING, AMQP_TUNING, on_tune_ok},
    {METHOD_CONNECTION_OPEN, AMQP_OPENING, AMQP_OPENING, on_open},
    {METHOD_CONNECTION_CLOSE, AMQP_STARTING, AMQP_RUNNING, on_close},
    {METHOD_CONNECTION_UPDATE_SECRET, AMQP_RUNNING, AMQP_RUNNING, on_update_secret},
};

bool amqp_connection_method(struct amqp_connection *amqp, const struct method *method,
                            struct reply *reply)
{
    const struct method_info *info = method_info(method->kind);
    bool good = false;
    const struct row *found = NULL;
    for (size_t i = 0; i < ARRAY_LEN(ROWS) && !found; i++)
        if (ROWS[i].kind == method->kind && amqp->state >= ROWS[i].first &&
            amqp->state <= ROWS[i].last)
            found = &ROWS[i];
    if (found)
        good = found->handle(amqp, method, reply);
    else
        reply_set(reply, REPLY_CHANNEL_ERROR, "unexpected method in connection state %s",
                  amqp_state_name(amqp->state));
    if (!good && reply->class_id == 0) {
        reply->class_id = info->class_id;
        reply->method_id = info->method_id;
    }
    return good;
}
