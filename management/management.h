/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP API for operators, in RabbitMQ's form: one table of routes, each a function from a
 * request to a response over the broker's objects.
 *
 * (1) No I/O: the server owns sockets and HTTP's syntax.
 * (2) What corresponds to an AMQP method is done by the broker's own functions in the name of the
 *     user, so checks and texts are the same.
 * (3) The event loop's thread only, and of each turn a small part: what would take long is answered in
 *     parts, between which the broker changes.
 */
#ifndef MANAGEMENT_MANAGEMENT_H
#define MANAGEMENT_MANAGEMENT_H

#include "base/check.h"
#include "base/histogram.h"
#include "management/http.h"

struct broker;
struct connection;
struct login;
struct login_result;
struct management;

/* A number that the host does not know; it is left out of answers. */
#define FACT_UNKNOWN UINT64_MAX

/* The process and its machine, as the server knows them. */
struct node_facts {
    uint64_t pid;
    uint64_t uptime_ms;
    uint64_t processors;
    uint64_t threads_used, threads_most;
    uint64_t fd_used, fd_total;
    uint64_t memory_used, memory_limit;  /* bytes */
    uint64_t disk_free, disk_free_limit; /* bytes */
    const char *data_directory;          /* NULL: unknown */
    const char *config_file;             /* NULL: none */
};

struct listener_facts {
    const char *protocol; /* RabbitMQ's names: "amqp", "amqp/ssl", "http", "https" */
    char address[64];
    uint16_t port;
    int64_t certificate_expires_s; /* Unix time, the first of its chain's to end; 0: no TLS */
};
#define LISTENERS_MAX 32

/* What only the session and the server know of a client's connection. Texts and slices must stay
 * valid until the callback's caller returns. */
struct connection_facts {
    const char *protocol; /* "AMQP 0-9-1"; all texts may be NULL: unknown */
    const char *state;    /* "running", "blocked", "closing" … */
    const char *auth_mechanism;
    struct slice client_properties; /* encoded table's content */
    struct slice user_provided_name;
    uint32_t channel_max, frame_max;
    uint32_t heartbeat_s;
    uint64_t received_bytes, received_frames;
    uint64_t sent_bytes, sent_frames, send_pending;
    const char *tls_version, *tls_cipher; /* NULL without TLS */
    const char *peer_certificate_subject;
};

/* `bounds` NULL: unknown. */
struct histogram_facts {
    struct histogram counts;
    const struct histogram_bounds *bounds;
};

/* What the process costs at this moment; cheap enough to be asked every few seconds. */
struct load_facts {
    uint64_t memory_used, disk_free;                 /* bytes, of the last look */
    uint64_t turn_longest_ns;                        /* of the last seconds */
    uint64_t store_pending, store_file, store_free;  /* bytes */
    uint64_t store_memory, tls_memory, event_memory; /* bytes, as in struct memory_facts */
    uint64_t mapped_memory;
    struct histogram_facts turns;   /* how long the loop's turns took, in nanoseconds */
    struct histogram_facts commits; /* the store's transactions, in nanoseconds */
    struct histogram_facts batches; /* operations in each of them */
};

/* The process's memory by what it is used for, in bytes. */
struct memory_facts {
    uint64_t resident;
    uint64_t mapped;        /* of it: code and files */
    uint64_t heap_used;     /* all that is allocated, what follows included */
    uint64_t heap_free;     /* kept by the allocator, and resident */
    uint64_t conversations; /* clients, without their channels and what waits to be written */
    uint64_t outputs;       /* what waits to be written, without messages' bodies */
    uint64_t channels;
    uint64_t store;  /* SQLite's */
    uint64_t tls;    /* OpenSSL's */
    uint64_t events; /* libevent's: the HTTP server, and the sockets' readiness */
};

/* Answers that the broker does not have. Every function may be NULL. They fill in what they know:
 * 64-bit numbers start as FACT_UNKNOWN, all else zeroed. */
struct management_host {
    void *context;
    void (*node)(void *context, struct node_facts *facts);
    void (*load)(void *context, struct load_facts *facts);
    void (*memory)(void *context, struct memory_facts *facts);
    size_t (*listeners)(void *context, struct listener_facts *facts, size_t most);
    /* False when it knows nothing of that connection. */
    bool (*connection)(void *context, const struct connection *connection,
                       struct connection_facts *facts);
    /* Calls `each` with every key of the configuration in effect and its value, NULL for a secret. */
    void (*environment)(void *context, void (*each)(void *row, const char *key, const char *value),
                        void *row);
};

/* `version` is Bilby's own; static storage. `host` is copied. */
struct management *management_new(struct broker *broker, const char *version,
                                  const struct management_host *host);
/* NULL is fine. */
void management_free(struct management *management);

/* /metrics is to tell what /metrics/per-object tells. */
void management_show_objects(struct management *management, bool on);

/* Pages of these origins, separated by spaces ("*": of any), may use the API in browsers; "": none. */
void management_allow_origins(struct management *management, const char *origins,
                              uint64_t max_age_s);

/* What a query in SQL may take. */
struct sql_limits {
    int64_t time_ms;
    uint32_t rows;
    uint64_t result_bytes;
    uint64_t memory_bytes;
};
void management_limit_sql(struct management *management, const struct sql_limits *limits);

/* Notes what all counters are at, for the rates; to be called every `interval_ms`. `now_ms` is the
 * broker's clock. After about `objects_max` objects it returns true: call it again for the rest. */
bool management_sample(struct management *management, int64_t now_ms, int64_t interval_ms,
                       size_t objects_max) MUST_USE;

/* ---- requests ---- */

/* What one part of an answer may cost. Work is counted, not timed: in bytes of text, and other things
 * in what they take as long as. A part goes over it by one object's row at most. */
#define MANAGEMENT_WORK 65536u /* about 100 microseconds */

struct call;

/* Looks at the request's credentials. False: somebody else is still looking, and `done` will be
 * called with what `request.login` is to be, unless the `login` is cancelled. True: the result, if
 * there are credentials at all (else `result` stays as it was). */
bool management_authenticate(struct management *management, const struct http_request *request,
                             void (*done)(void *context, const struct login_result *result),
                             void *context, struct login_result *result,
                             struct login **login) MUST_USE;

/* Begins to answer one request. `response` is initialised; both, and what the request's slices lie in,
 * stay until management_end(). */
struct call *management_begin(struct management *management, const struct http_request *request,
                              struct http_response *response) MUST_USE;
/* Another part of the answer, in another turn of the loop or in the same, that costs about `work`; true:
 * it is complete. As soon as response->begun is set, the caller may send what is in the body and
 * empty it. */
bool management_work(struct call *call, size_t work);
/* There is nothing to do for it until the store has something new (store_collect()). */
bool management_waits(const struct call *call);
/* The call is to be worked on to its end, even when nobody waits for its answer any more. */
bool management_finishes(const struct call *call);
/* At any time: an answer that nobody waits for any more is given up. */
void management_end(struct call *call);
/* The most that one part has cost since the start. */
uint64_t management_work_most(const struct management *management);

#endif
