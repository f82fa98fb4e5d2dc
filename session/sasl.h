/* SPDX-License-Identifier: Apache-2.0 */
/* SASL mechanisms: from a client's response to one of the broker's users. All of ours need one
 * response only; what is wrong with a login is for the log, never for the client.
 */
#ifndef SESSION_SASL_H
#define SESSION_SASL_H

#include "base/buf.h"
#include "base/slice.h"
#include "broker/login.h"

struct broker;
struct reply;
struct user;

/* What a login is about, beside the response. */
struct sasl_login {
    struct broker *broker;
    const char *tls_login; /* the user that the client certificate names, or NULL */
    const char *source;    /* where it comes from, for the throttle; NULL: not throttled */
    bool loopback;         /* the client is on this machine */
    /* Called when SASL_PENDING has come to its end: sasl_conclude() makes an outcome of it. */
    void (*done)(void *context, const struct login_result *result);
    void *context;
};

enum sasl_verdict {
    SASL_ACCEPTED,
    SASL_REFUSED,   /* `reason` says why, for the log */
    SASL_PENDING,   /* `pending` is being checked; `done` will be called */
    SASL_MALFORMED, /* `reply` is filled in: 502 */
};

struct sasl_outcome {
    enum sasl_verdict verdict;
    struct user *user; /* not referenced yet */
    bool throttled;    /* refused without a look at the password */
    struct login *pending;
    const char *reason; /* static text */
    struct slice name;  /* as given by the client; borrowed from the response */
};

struct sasl_mechanism {
    const char *name;
    /* Whether it can be used on this connection at all. */
    bool (*offered)(const struct sasl_login *login);
    void (*respond)(const struct sasl_login *login, struct slice response,
                    struct sasl_outcome *outcome, struct reply *reply);
};

/* The mechanisms to offer, space-separated, in the configuration's order; appended to `out`. */
void sasl_offer(struct buf *out, const struct sasl_login *login);

/* The mechanism of that name: NULL and a 503 when it is unknown or is not offered here. */
const struct sasl_mechanism *sasl_find(const struct sasl_login *login, struct slice name,
                                       struct reply *reply);

/* Judges a response; the checks that are common to all mechanisms (loopback) included. */
void sasl_respond(const struct sasl_mechanism *mechanism, const struct sasl_login *login,
                  struct slice response, struct sasl_outcome *outcome, struct reply *reply);

/* The outcome of what was pending. */
void sasl_conclude(const struct sasl_login *login, const struct login_result *result,
                   struct sasl_outcome *outcome);

#endif
