/* SPDX-License-Identifier: Apache-2.0 */
/* SASL mechanisms: from a client's response to one of the broker's users. All of ours need one
 * response only; what is wrong with a login is for the log, never for the client.
 */
#ifndef SESSION_SASL_H
#define SESSION_SASL_H

#include "base/buf.h"
#include "base/slice.h"

struct broker;
struct reply;
struct user;

/* What a login is about, beside the response. */
struct sasl_login {
    struct broker *broker;
    const char *tls_login; /* the user that the client certificate names, or NULL */
    bool loopback;         /* the client is on this machine */
};

enum sasl_verdict {
    SASL_ACCEPTED,
    SASL_REFUSED,   /* `reason` says why, for the log */
    SASL_MALFORMED, /* `reply` is filled in: 502 */
};

struct sasl_outcome {
    enum sasl_verdict verdict;
    struct user *user;  /* not referenced yet */
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

#endif
