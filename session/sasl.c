/* SPDX-License-Identifier: Apache-2.0 */
/* SASL PLAIN, AMQPLAIN, EXTERNAL and ANONYMOUS.
 *
 * (1) No password is logged or kept.
 * (2) A mechanism is usable exactly if it is offered: configured, and possible on this connection.
 */
#include "session/sasl.h"

#include "base/check.h"
#include "broker/access.h"
#include "broker/broker.h"
#include "proto/reply.h"
#include "proto/table.h"

static void refuse(struct sasl_outcome *outcome, const char *reason)
{
    outcome->verdict = SASL_REFUSED;
    outcome->reason = reason;
}

static void take_verdict(struct sasl_outcome *outcome, const struct login_result *result)
{
    outcome->name = result->name;
    outcome->user = result->user;
    switch (result->verdict) {
    case LOGIN_PENDING:
        outcome->verdict = SASL_PENDING;
        break;
    case LOGIN_ACCEPTED:
        outcome->verdict = SASL_ACCEPTED;
        break;
    case LOGIN_REFUSED:
    case LOGIN_THROTTLED:
        outcome->throttled = result->verdict == LOGIN_THROTTLED;
        refuse(outcome, login_verdict_text(result->verdict));
        break;
    }
}

static void log_in(const struct sasl_login *login, struct slice name, struct slice password,
                   struct sasl_outcome *outcome)
{
    const struct login_request request = {
        .name = name,
        .password = password,
        .source = login->source,
        .done = login->done,
        .context = login->context,
    };
    struct login_result result;

    login_begin(login->broker->access, &request, &result, &outcome->pending);
    take_verdict(outcome, &result);
}

/* -- PLAIN: NUL user NUL password; no authorisation identity, as in RabbitMQ [RFC 4616] -- */

static bool take_element(struct slice *rest, struct slice *element)
{
    if (rest->len == 0 || rest->data[0] != 0)
        return false;
    const uint8_t *start = rest->data + 1;
    size_t left = rest->len - 1;
    const uint8_t *end = left ? memchr(start, 0, left) : NULL;
    size_t len = end ? (size_t)(end - start) : left;
    *element = slice_of(start, len);
    *rest = slice_of(start + len, left - len);
    return true;
}

static bool always_offered(const struct sasl_login *login)
{
    (void)login;
    return true;
}

static void plain_respond(const struct sasl_login *login, struct slice response,
                          struct sasl_outcome *outcome, struct reply *reply)
{
    struct slice rest = response;
    struct slice name;
    struct slice password;
    if (take_element(&rest, &name) && take_element(&rest, &password) && rest.len == 0) {
        log_in(login, name, password, outcome);
        return;
    }
    outcome->verdict = SASL_MALFORMED;
    reply_set(reply, REPLY_SYNTAX_ERROR, "response invalid (%zu bytes)", response.len);
}

/* -- AMQPLAIN: a field table's content -- */

static void amqplain_respond(const struct sasl_login *login, struct slice response,
                             struct sasl_outcome *outcome, struct reply *reply)
{
    struct field_value name;
    struct field_value password;
    if (table_validate(response) == ERR_OK && table_find(response, "LOGIN", &name) &&
        table_find(response, "PASSWORD", &password) && name.type == FIELD_LONGSTR &&
        password.type == FIELD_LONGSTR) {
        log_in(login, name.bytes, password.bytes, outcome);
        return;
    }
    outcome->verdict = SASL_MALFORMED;
    reply_set(reply, REPLY_SYNTAX_ERROR, "AMQPLAIN auth info is missing LOGIN or PASSWORD field");
}

/* -- EXTERNAL: the TLS client certificate has named the user -- */

static bool external_offered(const struct sasl_login *login)
{
    return login->tls_login != NULL;
}

static void external_respond(const struct sasl_login *login, struct slice response,
                             struct sasl_outcome *outcome, struct reply *reply)
{
    (void)response;
    (void)reply;
    outcome->name = slice_str(login->tls_login);
    outcome->user = access_find(login->broker->access, outcome->name);
    if (outcome->user)
        outcome->verdict = SASL_ACCEPTED;
    else
        refuse(outcome, "the certificate names no user");
}

/* -- ANONYMOUS: everyone is one configured user -- */

static bool anonymous_offered(const struct sasl_login *login)
{
    const char *user = login->broker->options.anonymous_user;
    return user && *user;
}

static void anonymous_respond(const struct sasl_login *login, struct slice response,
                              struct sasl_outcome *outcome, struct reply *reply)
{
    (void)response;
    (void)reply;
    outcome->name = slice_str(login->broker->options.anonymous_user);
    outcome->user = access_find(login->broker->access, outcome->name);
    if (outcome->user)
        outcome->verdict = SASL_ACCEPTED;
    else
        refuse(outcome, "there is no such user");
}

static const struct sasl_mechanism MECHANISMS[] = {
    {"PLAIN", always_offered, plain_respond},
    {"AMQPLAIN", always_offered, amqplain_respond},
    {"EXTERNAL", external_offered, external_respond},
    {"ANONYMOUS", anonymous_offered, anonymous_respond},
};

static const struct sasl_mechanism *find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(MECHANISMS); i++)
        if (slice_equal_str(name, MECHANISMS[i].name))
            return &MECHANISMS[i];
    return NULL;
}

/* The next word of a space-separated list; empty at the end. */
static struct slice next_word(struct slice *list)
{
    while (list->len && list->data[0] == ' ')
        *list = slice_of(list->data + 1, list->len - 1);
    const uint8_t *end = list->len ? memchr(list->data, ' ', list->len) : NULL;
    struct slice word = slice_of(list->data, end ? (size_t)(end - list->data) : list->len);
    *list = slice_of(list->data + word.len, list->len - word.len);
    return word;
}

static bool configured(const struct sasl_login *login, const struct sasl_mechanism *mechanism)
{
    struct slice list = slice_str(login->broker->options.auth_mechanisms);
    for (struct slice word = next_word(&list); word.len; word = next_word(&list))
        if (slice_equal_str(word, mechanism->name))
            return true;
    return false;
}

void sasl_offer(struct buf *out, const struct sasl_login *login)
{
    struct slice list = slice_str(login->broker->options.auth_mechanisms);
    for (struct slice word = next_word(&list); word.len; word = next_word(&list)) {
        const struct sasl_mechanism *mechanism = find(word);
        if (!mechanism || !mechanism->offered(login))
            continue;
        if (out->len)
            buf_add_u8(out, ' ');
        buf_add_slice(out, word);
    }
}

const struct sasl_mechanism *sasl_find(const struct sasl_login *login, struct slice name,
                                       struct reply *reply)
{
    const struct sasl_mechanism *mechanism = find(name);
    if (mechanism && mechanism->offered(login) && configured(login, mechanism))
        return mechanism;
    reply_set(reply, REPLY_COMMAND_INVALID, "%s authentication mechanism '%.*s'",
              mechanism ? "invalid" : "unknown", SLICE_FMT(name));
    return NULL;
}

/* What is asked of whoever is accepted. */
static void check_address(const struct sasl_login *login, struct sasl_outcome *outcome)
{
    if (outcome->verdict == SASL_ACCEPTED && !login->loopback &&
        access_loopback_only(login->broker->access, outcome->user))
        refuse(outcome, "this user may come from this machine only");
}

void sasl_respond(const struct sasl_mechanism *mechanism, const struct sasl_login *login,
                  struct slice response, struct sasl_outcome *outcome, struct reply *reply)
{
    *outcome = (struct sasl_outcome){0};
    mechanism->respond(login, response, outcome, reply);
    check_address(login, outcome);
}

void sasl_conclude(const struct sasl_login *login, const struct login_result *result,
                   struct sasl_outcome *outcome)
{
    CHECK(result->verdict != LOGIN_PENDING);
    *outcome = (struct sasl_outcome){0};
    take_verdict(outcome, result);
    check_address(login, outcome);
}
