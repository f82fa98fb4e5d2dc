/* SPDX-License-Identifier: Apache-2.0 */
/* One request on its way through its handler: who asks, what the path captured, and the ways in
 * which a handler answers.
 *
 * (1) A handler answers exactly once; management_handle() checks.
 * (2) call->vhost is the virtual host of the path's {vhost}, or NULL when there is none of that
 *     name; a handler whose path has a {vhost} checks it (call_vhost()).
 */
#ifndef MANAGEMENT_CALL_H
#define MANAGEMENT_CALL_H

#include "broker/access.h"
#include "broker/broker.h"
#include "management/json.h"
#include "management/management.h"
#include "management/route.h"
#include "proto/reply.h"

struct management {
    struct broker *broker;
    const char *version;
    struct management_host host;
    struct sampler *sampler;
    bool metrics_of_objects; /* see management_show_objects() */
};

struct call_capture {
    struct slice name; /* in the route's pattern */
    struct slice raw;  /* as it came */
    struct buf value;  /* decoded */
};

struct call {
    struct management *management;
    struct broker *broker;
    const struct http_request *request;
    struct http_response *response;
    const struct route *route;
    struct call_capture captures[ROUTE_CAPTURES_MAX];
    size_t capture_count;
    struct user *user; /* NULL on routes that are open to all */
    struct vhost *vhost;
    bool answered;
    bool brief; /* rows are wanted to sort by: without the details of rates */
};

/* -- the question -- */

/* What the path captured under that name, decoded; NUL-terminated behind its end. An exchange named
 * "amq.default" is the default one. */
struct slice call_arg(const struct call *call, const char *name);
/* A copy on the heap of a query's parameter, NULL when it is absent. */
char *call_query(const struct call *call, const char *name);
/* The parameter is there and says "true". */
bool call_flag(const struct call *call, const char *name);
/* The virtual host, or NULL after answering 404. */
struct vhost *call_vhost(struct call *call);
/* The body as a JSON object (an absent or null body is the empty one); NULL after answering 400. */
json_t *call_body(struct call *call) MUST_USE;
/* True when the object has all the keys, a NULL-terminated list; else 400 is answered. */
bool call_keys(struct call *call, const json_t *body, const char *const *keys);
/* The value of a key as a boolean: a JSON one, or the texts "true" and "false"; absent: `fallback`.
 * False after answering 400. */
bool call_bool(struct call *call, const json_t *body, const char *key, bool fallback, bool *value);

bool call_admin(const struct call *call);
/* Monitoring users and administrators see everything. */
bool call_monitor(const struct call *call);
/* May see the virtual host's objects. */
bool call_sees(const struct call *call, struct slice vhost);

/* -- the answer -- */

/* 200 with a document, of which the query's `columns` remain. `document` is taken over. */
void call_json(struct call *call, json_t *document);
/* The same with an array whose elements are made one by one, each written before the next is made: a
 * long list costs its text and no more. */
void call_rows(struct call *call, size_t count,
               json_t *(*row)(struct call *call, void *context, size_t index), void *context);
/* Any status with a document; taken over. */
void call_document(struct call *call, int status, json_t *document);
/* A status without a body. */
void call_empty(struct call *call, int status);
/* 201 when something was made, else 204. */
void call_made(struct call *call, bool created);
/* {"error":error,"reason":…} */
void call_error(struct call *call, int status, const char *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* 400 "bad_request" with a reason that is a list, as RabbitMQ prints its terms. */
void call_bad_term(struct call *call, const char *term, struct slice what);
/* 404 "Object Not Found". */
void call_not_found(struct call *call);
/* 401 "not_authorised". */
void call_refused(struct call *call, const char *reason);
/* A broker function's refusal, as the API words it for objects: 404, 401 "Access refused.", or 400
 * with the reason. */
void call_reply(struct call *call, const struct reply *reply);
/* And for what goes through a channel (publish, get): the code and the whole text. */
void call_channel_reply(struct call *call, const struct reply *reply);

#endif
