/* SPDX-License-Identifier: Apache-2.0 */
/* The reference model: what a broker promises, in naive lists, with nothing shared with broker/ or
 * routing/. It is told of every method at the moment at which the node has taken it, and of every
 * frame at the moment at which the node has made it, and says what is wrong.
 *
 * (1) What the node answers to a method follows from the model exactly. Only the choice among
 *     consumers of one queue is the node's; it is checked against the rules.
 * (2) Time on the disk is counted in turns: all that happens in a turn is durable together. Every
 *     stored thing has the turns in which it was born and died; a crash cuts at a turn.
 * (3) Deaths and births are never forgotten before they are durable.
 * (4) Objects live in the world's arena and are never freed.
 */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include "proto/method.h"
#include "tests/sim/world.h"

#define M_NEVER UINT64_MAX
#define M_KEYS_MAX 4
#define M_DEATHS_MAX 24
#define M_CHANNELS_MAX 8

/* What is known about a redelivered flag: after a crash it may be set in vain. */
enum m_flag { M_NO, M_MAYBE, M_YES };

struct m_death {
    const char *queue, *reason, *exchange;
    const char *keys[M_KEYS_MAX];
    unsigned key_count;
    int64_t count, time_s;
    const char *original_expiration; /* NULL: none */
};

/* A consumer of direct replies. */
struct m_reply {
    struct m_channel *channel;
    const char *tag;
    const char *address; /* NULL: not known yet */
    bool alive;
};

/* A message as it is in a queue. Dead-lettering makes a new one of the same id. */
struct m_message {
    uint64_t id;
    const char *exchange, *key;
    const char *cc[2], *bcc; /* NULL: none; bcc is gone from what is delivered */
    bool persistent;
    int priority;               /* negative: no such property */
    const char *expiration;     /* NULL: none */
    const char *user_id;        /* NULL: none */
    bool has_headers;           /* besides those of deaths */
    int64_t header_h, header_g; /* negative: absent */
    size_t body_len;
    bool wants_reply;      /* its publisher says so; then, once it is published: */
    struct m_reply *reply; /* where answers go */
    struct m_death deaths[M_DEATHS_MAX];
    unsigned death_count;
    struct m_death first, last;
};

struct m_publish;
struct m_queue;
struct realm;
struct peek_due;

enum m_place { M_READY, M_UNACKED, M_GONE };

struct m_count {
    struct m_count *older;
    uint64_t turn;
    uint32_t value;
};

struct m_entry {
    struct m_message *message;
    struct m_queue *queue;
    uint64_t position; /* rises within the queue */
    int lane;
    enum m_place place;
    enum m_flag redelivered;
    bool stored; /* durable queue, persistent message */
    bool seen;   /* released to the network: a client may have it */
    uint64_t
        node_position; /* when the timers began to run: in the node's memory; 0: on the disk alone, */
    bool waits;        /* or it expires behind such ones */
    bool back;         /* it can't be dealt: others before it have yet to be read */
    struct m_count *counts; /* failed deliveries, newest first; NULL: none */
    int64_t deadline_ms;    /* monotonic; INT64_MAX: never */
    int64_t expires_ms;     /* the same by the wall clock, as it is on the disk */
    uint64_t born, died;
    struct m_publish *origin; /* NULL: not to be confirmed, or from before a crash */
    struct m_entry *root;     /* what was published; itself, unless dead-lettered */
};

struct m_queue {
    const struct queue_spec *spec;
    struct settings settings;                           /* by arguments and policies */
    const struct policy_spec *policy, *operator_policy; /* NULL: none */
    struct m_connection *owner;                         /* of an exclusive one */
    bool durable;
    struct vec ready;          /* struct m_entry, by position; lanes mixed */
    struct vec consumers;      /* struct m_consumer, oldest first */
    struct m_consumer *active; /* single active */
    unsigned unacked;
    uint64_t position_next;
    int64_t unused_at_ms; /* x-expires; INT64_MAX */
    uint64_t born, died;
    bool gone;
    uint64_t node_id; /* of the node's own; 0: made in this turn */
};

struct m_exchange {
    const struct exchange_spec *spec;
    uint64_t born, died;
    bool gone;
};

struct m_binding {
    struct m_exchange *source;
    struct m_queue *queue; /* or */
    struct m_exchange *exchange;
    const char *key;
    int64_t header_h, header_g; /* arguments for headers exchanges; negative: absent */
    bool any;                   /* x-match */
    bool stored;
    uint64_t born, died;
    bool gone;
};

struct m_consumer {
    const char *tag;
    struct m_channel *channel;
    struct m_queue *queue;
    bool no_ack, exclusive;
    unsigned prefetch;
    int64_t priority;
    unsigned unacked;
    unsigned got; /* in this phase */
    uint64_t last_tag;
};

struct m_unacked {
    uint64_t tag;
    struct m_entry *entry;
    struct m_consumer *consumer; /* NULL: basic.get, or cancelled */
    bool got;                    /* by basic.get */
    int64_t deadline_ms;         /* acknowledged by then; INT64_MAX: whenever */
};

/* A publish on a confirming channel. */
struct m_publish {
    uint64_t seq, id;
    bool rejected;    /* to be nacked */
    struct vec roots; /* struct m_entry */
};

struct m_op;
enum m_state { M_CLOSED, M_OPEN, M_CLOSING }; /* closing: the node closed, close-ok is to come */

struct m_channel {
    struct m_connection *connection;
    uint16_t number;
    enum m_state state;
    bool confirming, transactional, flow;
    unsigned prefetch, prefetch_global;
    uint64_t tag_next, publish_next;
    uint64_t opened;                          /* among the connection's: they end in that order */
    struct vec consumers, unacked, publishes; /* m_consumer, m_unacked, unanswered m_publish */
    struct vec tx_publishes;                  /* struct m_op */
    struct vec tx_acks;                       /* model_channel.c's */
    struct m_reply *reply;                    /* NULL: none */
    bool quiet;                               /* the method being applied wants no answer */
};

/* A frame that the node owes. */
struct m_expect {
    uint16_t channel;
    enum method_kind kind;
    uint16_t code;             /* of channel.close and connection.close */
    uint32_t count, consumers; /* message_count, consumer_count */
    const char *name;          /* queue or consumer tag; NULL: any */
    struct m_message *message; /* get-ok, return */
    struct m_entry *entry;     /* get-ok */
    uint64_t tag;
    enum m_flag redelivered;
    uint64_t turn; /* tx.commit-ok: not to leave before it is durable */
};

struct m_connection {
    unsigned client;
    enum m_state state;
    bool congested; /* the node was told so */
    uint64_t channels_opened;
    bool cancel_notify;       /* the client understands basic.cancel from the node */
    bool second_user;         /* it logged in as that one, who is there since */
    bool aborted;             /* the node gives it up, and ends it with the turn */
    bool refused;             /* its login was, or its user is gone: nobody waits for it */
    bool running;             /* connection.open was taken, */
    uint64_t entered;         /* in this order */
    bool understands_blocked; /* and connection.blocked */
    bool may_publish;         /* content of it may have been taken, */
    bool published;           /* or was */
    bool told_blocked;
    struct m_channel channels[M_CHANNELS_MAX + 1]; /* by number */
    struct vec expected;                           /* struct m_expect */
    struct vec emitted;  /* struct m_frame of this phase that are no deliveries */
    struct vec releases; /* struct m_release, by offset */
};

/* What a client sends, as the model is told of it. */
struct m_op {
    uint16_t channel;
    struct method method;
    struct m_message *message; /* basic.publish */
    const struct queue_spec *queue;
    const struct exchange_spec *exchange;    /* declared, deleted, or a binding's source */
    const struct exchange_spec *destination; /* of exchange.bind */
    struct m_binding *binding; /* queue.bind, exchange.bind and their opposites: a pattern */
    int64_t priority;          /* basic.consume */
    bool cancel_notify;        /* connection.start-ok says so */
    bool understands_blocked;  /* likewise */
    bool second_user;          /* likewise, */
    const char *password;      /* and with which password */
    bool no_wait;              /* no answer is wanted */
    uint16_t hard; /* code with which the node ends the connection for it; 0: it does not */
    bool protocol_header, heartbeat;
    bool for_replies; /* basic.consume */
};

/* Content of a frame from the node; slices are valid for the run's life. */
struct m_content {
    struct slice properties;
    uint64_t body_len;
    bool body_good; /* it is what belongs to the id and the size */
    uint64_t id;    /* from message-id */
};

/* What must hold when bytes of the node leave for the network. */
struct m_release {
    uint64_t offset;       /* end of the frame in the connection's stream */
    struct m_entry *entry; /* a delivery: a client may have seen it from then on */
    uint64_t turn;         /* must be durable by then; 0: none */
    const char *what;      /* the answer that says so */
    struct vec confirmed;  /* struct m_publish */
};

/* A frame that the node has made. */
struct m_frame {
    struct m_connection *connection;
    uint16_t channel;
    struct method method;
    struct m_content content;
    struct m_consumer *consumer; /* of a delivery */
    struct m_release *release;
};

/* The last one: the disk takes no writes. */
enum m_alarm { M_ALARM_MEMORY, M_ALARM_DISK, M_ALARM_STORE, M_ALARM_COUNT };

enum m_phase { PHASE_COLLECT, PHASE_TIMERS, PHASE_INPUT, PHASE_DISPATCH, PHASE_SETTLE };

struct m_rule {
    unsigned state;
    unsigned possible; /* a bit for each state that a crash may leave */
};

enum m_right { M_CONFIGURE, M_WRITE, M_READ };

struct model {
    struct world *world;
    struct arena *arena;
    struct trace *trace;
    struct node *node;         /* for looking at ties only: see peek.h */
    const struct realm *realm; /* the virtual host that it is about */
    int64_t now_ms;            /* monotonic, as all deadlines in memory */
    int64_t wall_ms;           /* what is on the disk and in x-death */
    uint64_t turn;             /* the one that is going on, from 1 */
    uint64_t handed;           /* turns up to here are with the writer */
    uint64_t durable;          /* turns up to here survive a crash */
    enum m_phase phase;
    bool alarms[M_ALARM_COUNT];
    struct m_rule rules[RULES_MAX];
    struct vec queues, exchanges, bindings;                /* alive */
    struct vec dead_queues, dead_exchanges, dead_bindings; /* not yet durably */
    struct vec stored; /* struct m_entry, durable ones, dead ones until that is durable */
    struct vec connections;
    struct vec replies;    /* struct m_reply, dead ones too */
    struct vec deliveries; /* struct m_frame of this phase, not yet matched */
    uint64_t entered;      /* connections so far */
    uint64_t changes;      /* of what is stored */
    struct vec deaths;     /* work list of dead-lettering */
    struct vec due;        /* struct peek_due that are still to run, in their order; PHASE_TIMERS */
    const struct m_queue *expiring; /* whose messages run out just now; NULL: none */
    bool dead_lettering;
    uint64_t delivered, confirmed, dead_lettered, replied,
        expired; /* what this run has seen, for the summary */
};

/* -- model.c: lifecycle and queries -- */

static inline void model_note(const struct model *model, enum cover_event event)
{
    model->world->coverage.events[event]++;
}

struct model *model_new(struct world *world);
/* Nothing is in the virtual host, and nothing was; connections and alarms stay. */
void model_empty(struct model *model);
/* Takes over what has been going on meanwhile: the turn, what is durable, the time. */
void model_take_time(struct model *model, const struct model *now);
struct m_queue *model_queue(const struct model *model, const char *name);
struct m_exchange *model_exchange(const struct model *model, const char *name);
_Noreturn void model_fail(struct model *model, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
uint32_t m_count_now(const struct m_entry *entry);
struct m_expect *model_expect(struct model *model, struct m_connection *connection,
                              uint16_t channel, enum method_kind kind);

/* -- model_apply.c: what clients do -- */

struct m_connection *model_connect(struct model *model, unsigned client);
/* The node has taken this method. model_emit() is called for what it made of it first. */
void model_apply(struct model *model, struct m_connection *connection, struct m_op *op);

/* The node ends the connection with this error. */
void model_end_hard(struct model *model, struct m_connection *connection, uint16_t code);

/* -- model_channel.c: acknowledgements, transactions, ends -- */

void model_ack(struct model *model, struct m_channel *channel, const struct method *method);
void model_recover(struct model *model, struct m_channel *channel);
/* False: a queue refused a message. */
bool model_tx_commit(struct model *model, struct m_channel *channel);
void model_tx_rollback(struct model *model, struct m_channel *channel);
void model_tx_forget(struct m_channel *channel, const struct m_consumer *consumer);
struct m_unacked *model_unacked_new(struct model *model, struct m_entry *entry, uint64_t tag,
                                    struct m_consumer *consumer);
/* Enters it by its tag. */
void model_unacked_add(struct model *model, struct m_channel *channel, struct m_unacked *unacked);
/* How many deliveries to consumers are unacknowledged on the channel. */
unsigned model_unacked(const struct m_channel *channel);
void model_channel_error(struct model *model, struct m_channel *channel, uint16_t code);
void model_channel_end(struct model *model, struct m_channel *channel);
void model_connection_end(struct model *model, struct m_connection *connection);
/* The node has been told that the connection is gone. */
void model_disconnected(struct model *model, struct m_connection *connection);

/* -- model_publish.c: routes, appends, dead letters -- */

/* Queues for these keys, each once. */
void model_route(struct model *model, struct m_exchange *exchange, const struct m_message *message,
                 const char *const *keys, unsigned key_count, struct vec *queues);
void model_publish(struct model *model, struct m_channel *channel, struct m_op *op, bool *rejected);
void model_dead_letter(struct model *model, struct m_queue *queue, struct m_entry *entry,
                       struct m_message *message, const char *reason);
void model_expire(struct model *model, struct m_queue *queue);

/* -- model_queue.c: entries and consumers -- */

enum m_place model_append(struct model *model, struct m_queue *queue, struct m_message *message,
                          struct m_publish *origin, struct m_entry *root);
/* Takes note of all that the node dealt from the queue in this phase; `patient` as below. */
void model_deal(struct model *model, struct m_queue *queue, bool patient);
struct m_entry *model_head(const struct m_queue *queue);
uint64_t model_ready_bytes(const struct m_queue *queue);
void model_make_ready(struct model *model, struct m_entry *entry);
void model_leave_ready(struct model *model, struct m_entry *entry);
void model_entry_gone(struct model *model, struct m_entry *entry);
void model_return(struct model *model, struct m_unacked **items, size_t count);
void model_consumer_end(struct model *model, struct m_consumer *consumer);
bool model_can_take(const struct m_consumer *consumer);
struct m_consumer *model_taker(const struct m_queue *queue);
void model_choose_active(struct m_queue *queue);
void model_enforce_length(struct model *model, struct m_queue *queue);
void model_queue_destroy(struct model *model, struct m_queue *queue);
void model_touch(struct model *model, struct m_queue *queue);
void model_exchange_destroy(struct model *model, struct m_exchange *exchange);
void model_unbind(struct model *model, struct m_binding *binding);

/* -- model_emit.c: what the node says -- */

/* A frame that the node has made; `frame->release` says where it ends in the stream. */
void model_emit(struct model *model, struct m_connection *connection, struct m_frame *frame);
/* The entry, its queue's head, was dealt to a consumer in this phase: takes note of it. With `patient`
 * not yet, if that consumer has no credit for it so far. */
bool model_take_delivery(struct model *model, struct m_entry *entry, bool patient);
/* A message of this id was dealt from the queue in this phase. */
bool model_has_delivery(const struct model *model, const struct m_queue *queue,
                        const struct m_message *message);
/* End of a phase: every delivery has been legal, nothing is owed. */
void model_phase_end(struct model *model);
/* broker_dispatch() said that there is no more: nobody waits who could be served. */
void model_dispatched(struct model *model);
/* Bytes up to `offset` have left for the network. */
void model_released(struct model *model, struct m_connection *connection, uint64_t offset);

/* -- model_rules.c: policies, permissions, limits -- */

/* Works out what its arguments and the policies settle. */
void model_settle_queue(const struct model *model, struct m_queue *queue);
/* NULL: none. */
const char *model_alternate(const struct model *model, const struct m_exchange *exchange);
void model_set_rule(struct model *model, unsigned index, unsigned state);
/* All rules are on the disk as they are. */
void model_rules_durable(struct model *model);
/* After a start the rule is in this state: may it be? */
void model_find_rule(struct model *model, unsigned index, unsigned state);
bool model_allows(const struct model *model, const struct m_connection *connection,
                  enum m_right right, const char *name);
/* May it publish to (M_WRITE), or bind (M_READ) with, this key? */
bool model_allows_topic(const struct model *model, const struct m_connection *connection,
                        enum m_right right, const struct exchange_spec *exchange, const char *key);
/* May its messages say that they are this user's? */
bool model_allows_user_id(const struct model *model, const struct m_connection *connection,
                          const char *user_id);
/* Of the second user as it is now. */
const struct user_spec *model_user(const struct model *model);
/* The connections in a virtual host that is deleted; its content stays as they leave it. */
void model_vhost_deleted(struct model *model);
/* The connections of a user who is deleted. */
void model_user_deleted(struct model *model);
/* Negative: none. */
int64_t model_limit(const struct model *model, enum rule_kind kind);
bool model_may_enter(const struct model *model, const struct m_connection *connection);
bool model_may_open_channel(const struct model *model, const struct m_connection *connection);

/* -- model_reply.c: direct reply-to -- */

void model_reply_consume(struct model *model, struct m_channel *channel, const struct m_op *op);
void model_reply_end(struct m_channel *channel);
bool model_reply_consumes(const struct m_channel *channel, struct slice tag);
/* Is it a reply to a channel that is there? Then that owes a delivery. */
bool model_reply_deliver(struct model *model, struct m_message *message);
bool model_reply_matches(struct model *model, const struct m_message *message, struct slice given);

/* -- model_alarm.c: alarms -- */

void model_set_alarm(struct model *model, enum m_alarm alarm, bool on);
bool model_alarmed(const struct model *model);
void model_told(struct model *model, struct m_connection *connection, const struct m_frame *frame);
/* The node must not read from it. */
bool model_held(const struct model *model, const struct m_connection *connection);
/* End of a turn: everybody concerned knows. */
void model_check_told(struct model *model);

/* -- model_content.c: is this the message? -- */

bool model_content_matches(struct model *model, const struct m_message *message, uint32_t count,
                           const struct m_frame *frame, const char **why);
/* Encoded properties of a message as its publisher sends it. */
struct slice model_properties(struct model *model, const struct m_message *message);
uint8_t model_body_byte(uint64_t id, uint64_t at);

/* -- model_time.c: time, turns, crashes -- */

void model_set_time(struct model *model, int64_t now_ms, int64_t wall_ms);
/* broker_run_timers() ran what was due, in this order. */
/* What stands first among the queue's deadlines has come or gone: its timer is set anew, behind others of
 * the same moment. Only while timers run. */
void model_expiry_moved(struct model *model, const struct m_queue *queue);
/* NULL: nothing in memory has a deadline. */
struct m_entry *model_first_to_expire(const struct m_queue *queue);
void model_timers(struct model *model, const struct peek_due *due, size_t count);
/* All that is due has been read and has expired: for a node that does not wait for its disk. */
void model_check_expired(struct model *model);
void model_turn_end(struct model *model);
/* Everything up to the end of this turn is on the disk. */
void model_durable(struct model *model, uint64_t turn);
/* The node started with what this turn left on the disk; `clean`: it was stopped in order. Reduces the
 * model to what is there now. */
void model_restart(struct model *model, uint64_t turn, bool clean);
/* What a start after this turn finds. */
bool model_survives(uint64_t born, uint64_t died, uint64_t turn);
bool model_queue_survives(const struct m_queue *queue, uint64_t turn);
bool model_exchange_survives(const struct m_exchange *exchange, uint64_t turn);
bool model_binding_survives(const struct m_binding *binding, uint64_t turn);
bool model_entry_survives(const struct m_entry *entry, uint64_t turn);

#endif
