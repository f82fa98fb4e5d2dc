/* SPDX-License-Identifier: Apache-2.0 */
/* A whole broker: users, virtual hosts, queues, connections, all that hangs off one object. It asks
 * for no time, no socket and no file: time is handed in, bytes are the session's, the disk is
 * store.h. Several may live in one process.
 *
 * One turn of the loop, in this order (rule 0 of the architecture):
 *   broker_set_time()  → broker_collect() when the store woke the loop
 *   → broker_run_timers() → sessions' input → broker_dispatch() → broker_settle() → sockets written
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "base/err.h"
#include "base/hmap.h"
#include "base/list.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/timer.h"
#include "broker/password.h"
#include "broker/stats.h"

struct access;
struct parameters;
struct policies;
struct connection;
struct store;
struct store_options;
struct vhost;
struct reply;

/* The limits and defaults that a configuration sets. All have sound values after
 * broker_options_init(). */
struct broker_options {
    struct log *log;
    uint8_t seed[32];      /* of the generator: secret in production */
    const char *node_name; /* "rabbit@host": cluster_name and the API's node */
    const char *default_vhost;
    const char *default_user; /* made, with its permissions, when the store is empty */
    const char *default_pass;
    const char *default_user_tags; /* comma-separated */
    const char *default_permission_configure;
    const char *default_permission_write;
    const char *default_permission_read;
    const char *default_queue_type; /* "classic" or "quorum" */
    uint64_t message_size_max;      /* bytes of body */
    int64_t consumer_timeout_ms;    /* 0: none */
    uint32_t channel_max;           /* offered in connection.tune */
    uint32_t frame_max;
    uint16_t heartbeat_s;
    int64_t handshake_timeout_ms;
    uint32_t consumers_per_channel_max; /* 0: no limit */
    uint32_t connections_max;           /* 0: no limit */
    uint32_t channels_max;              /* of the node; 0: no limit */
    uint32_t queues_max;                /* of the node; 0: no limit */
    uint32_t exchanges_max;             /* of a virtual host; 0: no limit */
    uint32_t vhosts_max;                /* 0: no limit */
    uint32_t unacked_per_channel_max;   /* deliveries stop there */
    uint64_t queue_memory;       /* bytes of ready messages kept in memory, all queues together */
    uint64_t lane_memory_min;    /* a lane's share of it is not less: tests page with little */
    uint32_t page_messages;      /* read back at a time: milliseconds of a fast consumer's work */
    int64_t expiry_ahead_ms;     /* paged messages are in memory so long before they expire */
    bool identity_rabbitmq;      /* server-properties name the product RabbitMQ */
    const char *auth_mechanisms; /* space-separated, in the order offered */
    struct password_hashing password_hashing; /* of passwords that are set */
    int64_t login_failure_window_ms;          /* failed logins count that long */
    uint32_t login_failures_per_user;         /* of one user from one address; 0: any number */
    uint32_t login_failures_per_address;      /* 0: any number */
    const char *loopback_users; /* comma-separated names that may come from loopback only */
    const char *anonymous_user; /* the user of SASL ANONYMOUS; "" or NULL: not offered */
};
void broker_options_init(struct broker_options *options);

/* Reasons for which publishers are held, save the last one: of that, operators are told. The broker sees
 * to the last two itself: the store can't write; paged messages can't be read back. */
#define ALARM_TABLE(X) X(MEMORY, "memory") X(DISK, "disk") X(STORE, "store") X(READ, "read")
enum alarm {
#define X(name, text) ALARM_##name,
    ALARM_TABLE(X)
#undef X
        ALARM_COUNT
};

#define BROKER_MESSAGE_POOLS 3

/* How often a password was right, and wrong. */
struct login_counts {
    uint64_t succeeded, failed;
};

struct broker {
    struct broker_options options;
    struct log *log;
    struct store *store; /* the caller's; outlives the broker */
    struct rng rng;
    uint64_t hash_seed;     /* of all maps */
    int64_t now_ms;         /* monotonic; set at the start of a turn */
    int64_t wall_ms;        /* Unix time in milliseconds, of the same moment */
    int64_t wall_offset_ms; /* the difference of the two, as of when the clock was set last */
    struct timers timers;
    struct hmap vhosts;            /* struct vhost by name */
    struct list vhost_list;        /* struct vhost.broker_link, oldest first */
    struct list dying;             /* struct vhost.dying_link: being deleted */
    struct access *access;         /* users and what they may do */
    struct parameters *parameters; /* as they were set */
    struct policies *policies;
    struct list connections;    /* struct connection.broker_link */
    struct hmap connection_ids; /* struct connection.id_node */
    uint32_t connection_count;
    uint64_t connection_id_next;
    struct list runnable; /* struct queue.runnable_link: messages and credit are there */
    struct list heavy;    /* struct lane.heavy_link: to be paged out */
    uint32_t lane_count;
    uint32_t unreadable_lanes;  /* while there are any, ALARM_READ is on */
    struct list confirming;     /* struct channel.confirming_link */
    struct hmap reply_channels; /* struct channel by reply-to token */
    uint32_t queue_count;
    uint32_t channel_count; /* of users' connections */
    bool alarms[ALARM_COUNT];
    bool shutting_down;
    struct pool entries;                              /* of struct entry */
    struct pool small_messages[BROKER_MESSAGE_POOLS]; /* by size: 128, 256, 512 bytes */
    uint64_t message_bytes;                           /* memory of messages */
    uint64_t message_count;
    uint64_t entry_count;           /* their places in queues: many for each after a fan-out */
    struct message_stats stats;     /* of virtual hosts that are gone, see broker_sum_stats() */
    struct histogram message_sizes; /* likewise */
    struct {
        uint64_t connections_opened, connections_closed;
        uint64_t channels_opened, channels_closed;
        uint64_t queues_declared, queues_created, queues_deleted;
    } churn;
    struct login_counts logins; /* of clients */
};

/* The store must be open; nothing is loaded yet. */
struct broker *broker_new(const struct broker_options *options, struct store *store);
/* Connections must be gone. Doesn't touch the store: close it before, so that its batches have let go
 * of their messages. */
void broker_free(struct broker *broker);

/* Loads users, virtual hosts, topology and messages; makes the default virtual host and user when
 * the store is empty. On failure `message` says what is wrong with which part. */
enum err broker_start(struct broker *broker, char *message, size_t message_size) MUST_USE;
/* A clean end: notes exactly what was delivered, flushes the databases. Connections are gone. */
void broker_stop(struct broker *broker);

/* -- the turn -- */

void broker_set_time(struct broker *broker, int64_t now_ms, int64_t wall_ms);
/* Takes note of what the store has finished (store_collect()): held output may go, confirms become
 * due; and of the password that is checked or hashed. For every turn in which one of them woke the
 * loop. */
void broker_collect(struct broker *broker);
/* INT64_MAX when there is nothing to wait for. */
int64_t broker_next_deadline(const struct broker *broker);
void broker_run_timers(struct broker *broker);
/* Deals messages to consumers, a quantum a queue in turn, and goes on applying policies and deleting
 * virtual hosts; true when there is more to do: the caller runs another turn without waiting. */
bool broker_dispatch(struct broker *broker);
/* Ends the turn: hands the batches to the store, sends the confirms that are due. */
void broker_settle(struct broker *broker);

/* -- the rest -- */

/* Sets in a store's options the callbacks with which it serves a broker. */
void broker_store_options(struct store_options *options);
/* Raises or clears an alarm; connections that publish are told. */
void broker_set_alarm(struct broker *broker, enum alarm alarm, bool on);
bool broker_alarmed(const struct broker *broker);
/* Little space is left, or the store can't write. */
bool broker_disk_alarmed(const struct broker *broker);
/* Raises or clears ALARM_STORE by what the databases say; for a virtual host that goes as well. */
void broker_note_store(struct broker *broker);
/* What was counted in all virtual hosts, those that are gone included. Both may be NULL. */
void broker_sum_stats(const struct broker *broker, struct message_stats *stats,
                      struct histogram *message_sizes);
/* What all messages take, ready or not; one that stands in many queues counts once. */
uint64_t broker_message_memory(const struct broker *broker);
/* A lane's share of options.queue_memory. */
uint64_t broker_lane_memory(const struct broker *broker);
/* Closes every connection with 320 CONNECTION_FORCED and this reason. */
void broker_close_connections(struct broker *broker, const char *reason);

#endif
