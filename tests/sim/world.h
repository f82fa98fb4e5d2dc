/* SPDX-License-Identifier: Apache-2.0 */
/* What a seed makes a world of: its queues and exchanges with their arguments, how many clients it
 * has, what they like to do, how bad the network and how short-lived the machine are.
 *
 * (1) Everything here follows from the seed alone and does not change during a run.
 * (2) A name always stands for the same declaration, so that redeclaring is legal.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "base/rng.h"
#include "tests/sim/arena.h"
#include "tests/sim/coverage.h"
#include "tests/sim/rules.h"
#include "tests/sim/trace.h"

#define WORLD_QUEUES_MAX 10
#define WORLD_EXCHANGES_MAX 10
#define WORLD_CLIENTS_MAX 8
#define WORLD_REALMS_MAX 2
#define WORLD_CROWD_MIN 1000
#define WORLD_SECOND_USER "ann" /* and her password, at first */
#define WORLD_OTHER_PASSWORD "bob"

struct queue_spec {
    const char *name;
    bool durable, exclusive, auto_delete, quorum, single_active;
    struct settings settings; /* by its arguments */
    int priority_max;         /* 0: none */
    struct slice arguments;   /* encoded table */
};

enum exchange_kind { KIND_DIRECT, KIND_FANOUT, KIND_TOPIC, KIND_HEADERS, KIND_COUNT };

struct exchange_spec {
    const char *name;
    enum exchange_kind kind;
    bool durable, auto_delete, internal, predeclared;
    const char *alternate; /* NULL: none */
    struct slice arguments;
};

/* What a client does next, by weight. */
#define ACT_TABLE(X)                                                                               \
    X(PUBLISH)                                                                                     \
    X(ACK)                                                                                         \
    X(NACK)                                                                                        \
    X(REJECT)                                                                                      \
    X(GET)                                                                                         \
    X(CONSUME)                                                                                     \
    X(CANCEL)                                                                                      \
    X(QOS)                                                                                         \
    X(PURGE)                                                                                       \
    X(RECOVER)                                                                                     \
    X(DECLARE_QUEUE)                                                                               \
    X(DELETE_QUEUE)                                                                                \
    X(DECLARE_EXCHANGE)                                                                            \
    X(DELETE_EXCHANGE)                                                                             \
    X(BIND)                                                                                        \
    X(UNBIND)                                                                                      \
    X(CONFIRM)                                                                                     \
    X(TX_SELECT)                                                                                   \
    X(TX_COMMIT)                                                                                   \
    X(TX_ROLLBACK)                                                                                 \
    X(BAD_ACK)                                                                                     \
    X(MISBEHAVE)                                                                                   \
    X(ASK)                                                                                         \
    X(REPLY)                                                                                       \
    X(FLOW)                                                                                        \
    X(OPEN_CHANNEL)                                                                                \
    X(CLOSE_CHANNEL)                                                                               \
    X(CLOSE_CONNECTION)                                                                            \
    X(DIE)

enum act {
#define X(name) ACT_##name,
    ACT_TABLE(X)
#undef X
        ACT_COUNT
};

struct world {
    uint64_t seed;
    struct rng rng;
    struct arena arena;
    struct trace trace;
    unsigned steps;

    struct queue_spec queues[WORLD_QUEUES_MAX];
    unsigned queue_count;
    struct exchange_spec exchanges[WORLD_EXCHANGES_MAX]; /* [0] is the default exchange */
    unsigned exchange_count;
    struct rule_spec rules[RULES_MAX];
    unsigned rule_count;
    bool second_user;     /* every other client comes as that one */
    unsigned realm_count; /* virtual hosts; in all of them stands the same */
    unsigned client_count;
    unsigned acting;       /* so many of them do something in a step; 0: all */
    unsigned channels_max; /* a client */

    bool rich; /* queues of all kinds, and more of what is rare elsewhere */
    unsigned act_weights[ACT_COUNT];
    unsigned act_total;
    unsigned persistent_percent, mandatory_percent, expiration_percent, priority_percent;
    unsigned headers_percent, cc_percent, default_exchange_percent, user_id_percent;
    unsigned body_max;
    unsigned no_ack_percent, no_wait_percent;
    unsigned crash_permille, restart_permille, cut_permille, alarm_permille, fault_permille,
        clock_permille, maintain_permille, rule_permille, vhost_permille; /* a step */
    unsigned time_percent; /* of steps in which time passes */
    unsigned high_water;   /* bytes of output at which a connection counts as congested */
    unsigned pipe_bytes;   /* the network takes that much at once from the node */
    uint64_t store_pending_max;
    /* No queue is bounded: a node that must drop at once reads at once, in the midst of its timers, and
     * the model does not know what has come. */
    bool unlimited;
    bool lazy_pages;          /* what is read back comes later */
    uint64_t queue_memory;    /* of all queues; 0: the default, which pages nothing here */
    uint64_t lane_memory_min; /* otherwise: how soon one pages, */
    uint32_t page_messages;   /* and how much comes back at a time, */
    int64_t expiry_ahead_ms;  /* how long before it expires */
    uint32_t frame_max;
    uint16_t heartbeat_s; /* 0: none; else a half-open connection is found by its silence alone */
    int64_t consumer_timeout_ms; /* 0: none */
    unsigned write_percent;      /* of steps: how fast the disk is */
    uint64_t message_next;
    struct coverage coverage; /* what it has met; decides nothing */
    enum sim_sweep sweep;
    uint64_t sweep_at; /* it strikes at this operation of the disk; 0: never */
};

void world_init(struct world *world, const struct sim_request *request);
void world_fini(struct world *world);

/* In world_rules.c. */
void world_make_rules(struct world *world);

uint64_t world_below(struct world *world, uint64_t bound);
bool world_percent(struct world *world, unsigned percent);
bool world_permille(struct world *world, unsigned permille);
enum act world_act(struct world *world);
const char *act_name(enum act act);
const char *exchange_kind_name(enum exchange_kind kind);

const struct queue_spec *world_queue(const struct world *world, const char *name);
const struct exchange_spec *world_exchange(const struct world *world, const char *name);
/* A routing or binding key of the world's small vocabulary. */
const char *world_key(struct world *world);
const char *world_pattern(struct world *world);

#endif
