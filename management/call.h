/* SPDX-License-Identifier: Apache-2.0 */
/* One request on its way through its handler: who asks, what the path captured, and the ways in
 * which a handler answers.
 *
 * (1) A handler answers exactly once, or leaves a task that does.
 * (2) call->vhost is the virtual host of the path's {vhost}, or NULL when there is none of that
 *     name; a handler whose path has a {vhost} checks it (call_vhost()).
 */
#ifndef MANAGEMENT_CALL_H
#define MANAGEMENT_CALL_H

#include "broker/access.h"
#include "broker/broker.h"
#include "management/cors.h"
#include "management/json.h"
#include "management/management.h"
#include "management/route.h"
#include "management/row.h"
#include "proto/reply.h"

struct management {
    struct broker *broker;
    const char *version;
    struct management_host host;
    struct sampler *sampler;
    bool metrics_of_objects; /* see management_show_objects() */
    uint64_t work_most;      /* see management_work_most() */
    struct login_counts logins;
    struct cors cors;
    struct sql_limits sql;
};

/* What a query's "<prefix>_age" and "<prefix>_incr", in seconds, are about. */
#define RATES_GROUPS(X)                                                                            \
    X(LENGTHS, "lengths")                                                                          \
    X(MESSAGES, "msg_rates")                                                                       \
    X(DATA, "data_rates")                                                                          \
    X(CHURN, "msg_rates")                                                                          \
    X(FACTS, "node_stats")

enum rates_group {
#define X(name, prefix) RATES_##name,
    RATES_GROUPS(X)
#undef X
};
#define RATES_GROUP_COUNT (RATES_FACTS + 1)

/* Which samples are asked for. */
struct rates_range {
    int64_t age_ms; /* 0: no samples */
    int64_t step_ms;
};

struct call_capture {
    struct slice name; /* in the route's pattern */
    struct slice raw;  /* as it came */
    struct buf value;  /* decoded */
};

/* What is left to do when a handler has returned. Objects of the broker may go between two parts of
 * it: it holds their names, not them; call->vhost is NULL by then. */
struct call_task {
    /* Goes on until the call's work is spent; true: the call is answered. */
    bool (*run)(struct call *call, void *state);
    void (*free)(void *state);
    bool
        finishes; /* even when the client has gone: half of it would be worse than all or nothing */
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
    struct rates_range ranges[RATES_GROUP_COUNT];
    struct columns columns;       /* of one object's answer */
    const struct call_task *task; /* NULL: there is none */
    void *task_state;
    bool complete;
    bool waits;                    /* see call_wait() */
    size_t work_given, work_spent; /* of this part, see management_work() */
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
/* The path's {queue} or {exchange} in it, or NULL after answering 404. */
struct queue *call_queue(struct call *call);
struct exchange *call_exchange(struct call *call);
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
/* May know of the virtual host. */
bool call_sees(const struct call *call, struct slice vhost);
/* May see what is in it: without permissions there, only administrators do. When the request's header
 * X-Vhost names one, nothing of others is wanted. */
bool call_enters(const struct call *call, struct slice vhost);

/* -- tasks -- */

/* The handler's last deed; `state` is taken over. */
void call_set_task(struct call *call, const struct call_task *task, void *state);
/* From a task's run(), before it returns false: it is to go on when the store has something new. */
void call_wait(struct call *call);
void call_spend(struct call *call, size_t work);
bool call_spent(const struct call *call);
size_t call_work_left(const struct call *call);

/* -- the answer -- */

/* 200 with a document, of which the query's `columns` remain. `document` is taken over. */
void call_json(struct call *call, json_t *document);
/* The same with one object, whose members the caller writes between the two. */
void call_begin_object(struct call *call, struct row *row);
void call_end_object(struct row *row);
/* 200 with JSON that the caller appends to the response's body, maybe in parts. */
void call_begin(struct call *call);
/* The same with text of another kind; static storage. */
void call_begin_as(struct call *call, const char *content_type);
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
