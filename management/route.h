/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes: verb, path, who may, which handler, and a line of help. */
#ifndef MANAGEMENT_ROUTE_H
#define MANAGEMENT_ROUTE_H

#include "base/slice.h"

#define ROUTE_CAPTURES_MAX 5

struct call;

/* Who may. Texts are what a user who may not is told. */
#define ROUTE_ACCESS_TABLE(X)                                                                      \
    X(ANYONE, "")                                                                                  \
    X(USER, "Not management user")                                                                 \
    X(VHOST, "User not authorised to access virtual host")                                         \
    X(VISIBLE, "User not authorised to access virtual host")                                       \
    X(POLICYMAKER, "User not authorised to access object")                                         \
    X(METRICS, "Not monitor user") /* on the metrics' own port anyone */                           \
    X(MONITORING, "Not monitor user")                                                              \
    X(ADMINISTRATOR, "Not administrator user")

enum route_access {
#define X(name, text) ROUTE_##name,
    ROUTE_ACCESS_TABLE(X)
#undef X
};

struct route {
    const char *method;  /* GET answers HEAD too */
    const char *pattern; /* "/api/queues/{vhost}/{queue}" */
    enum route_access access;
    void (*handle)(struct call *call);
    const char *help;
};

/* The table's rows in order; NULL past the end. */
const struct route *route_at(size_t index);
const char *route_refusal(enum route_access access);

#define ROUTE(method, pattern, access, handler, help) void handler(struct call *call);
#include "management/routes.def"
#undef ROUTE

#endif
