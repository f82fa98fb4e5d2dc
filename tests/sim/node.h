/* SPDX-License-Identifier: Apache-2.0 */
/* The node under test: a real broker with real sessions on a real store over a disk in memory, driven
 * turn by turn in simulated time; and the network's ends at it. All that it takes and all that it
 * says is told to the model at that moment.
 *
 * (1) A link's `ops` are told to the model one by one, each when its last byte has been consumed.
 * (2) Output is read ("tapped") when it is made, not when it leaves: what is held back for the disk
 *     is known to the model already. What leaves must be, byte for byte, what was tapped.
 */
#ifndef TESTS_SIM_NODE_H
#define TESTS_SIM_NODE_H

#include "base/buf.h"
#include "session/amqp_connection.h"
#include "storage/store.h"
#include "tests/sim/model.h"
#include "tests/support/memvfs.h"

struct broker;
struct connection;
struct vhost;

/* A client's wire: bytes on their way to the node, and what came out of it. */
struct link {
    unsigned client;
    struct realm *realm;
    struct amqp_connection *amqp;  /* NULL: the node does not know of it any more */
    struct connection *connection; /* the broker's view of it */
    struct m_connection *model;
    struct buf network; /* sent by the client, not there yet */
    struct buf input;   /* there, not consumed yet */
    uint64_t consumed;  /* bytes, all told */
    uint64_t sent;      /* by the client, all told */
    struct vec ops;     /* struct link_op not yet consumed whole */
    bool half_open;     /* the client is gone, and the node does not know yet */

    struct buf tap;    /* tapped bytes that are no whole frame yet */
    struct buf shadow; /* tapped bytes that have not left */
    uint64_t tapped;   /* bytes, all told */
    uint64_t parsed;
    struct m_frame *assembling[M_CHANNELS_MAX + 1]; /* content to come */
    uint64_t body_at[M_CHANNELS_MAX + 1];
    uint64_t left;     /* bytes that left the node */
    uint64_t arrived;  /* and reached the client */
    struct vec frames; /* struct m_frame, made and not yet with the client */
    int64_t heard_ms;  /* when it took something from it last */
    int64_t looked_ms, beat_ms;
    unsigned looks, beats_missed; /* in vain since then */
    uint64_t beat_tapped;
    bool closing; /* the node wants to close once everything is written */
};

struct link_op {
    uint64_t end; /* offset in the client's stream */
    struct m_op *op;
};

/* The turns at which the disk may have stopped, latest first. */
#define CANDIDATES_MAX 3
struct candidates {
    uint64_t turns[CANDIDATES_MAX];
    size_t count;
    bool clean; /* it was stopped in order: what was delivered is known exactly */
};

/* REALM_GOING: it is deleted and still has its database. */
enum realm_state { REALM_THERE, REALM_GOING, REALM_GONE };

/* A virtual host of the node: a model and a database of its own. */
struct realm {
    const char *name;
    enum realm_state state;
    struct model *model;
    struct model *before;   /* what it was before it went; NULL: nothing that could come back */
    struct candidates left; /* in which state that is, in a file that the node does not know */
    struct store_db *db;    /* NULL: it is gone */
    uint64_t known;         /* the operation of the node's database that made it, 0: on the disk; */
    uint64_t forgotten;     /* likewise, that removed it */
    struct vec turns;       /* struct node_turn that are not durable yet */
    bool given;             /* the writer has a batch, or its outcome is not collected */
    bool applied;           /* that batch is on the disk */
    bool refused;           /* by the disk, which may have it all the same */
    uint64_t flushed;       /* last operation of that batch, or of the latest one */
    uint64_t written;       /* last operation on the disk */
};

#define EACH_REALM(node, realm)                                                                    \
    for (struct realm *realm = (node)->realms; realm < (node)->realms + (node)->realm_count;       \
         realm++)

struct node {
    struct world *world;
    struct realm realms[WORLD_REALMS_MAX];
    unsigned realm_count;
    struct model *model; /* the first realm's, which has the rules */
    struct memvfs *disk;
    struct store *store;
    struct broker *broker;
    struct vec links;
    int64_t now_ms, wall_ms;
    uint64_t lives; /* starts so far */
    bool busy;      /* the last dispatch said that there is more */
    bool broken;    /* the disk */
};

/* A turn's last operation. */
struct node_turn {
    uint64_t turn, last;
};

/* In node_life.c, as are all that start, end, break or mend it. */
struct node *node_new(struct world *world);
/* Ends it in order: a clean stop. */
void node_free(struct node *node);

/* A new wire; the client's side is the caller's. */
struct link *node_connect(struct node *node, struct realm *realm, unsigned client);
/* The node learns that the wire is dead. */
void node_disconnect(struct node *node, struct link *link, const char *reason);
void link_free(struct link *link);
void link_send(struct node *node, struct link *link, struct m_op *op, const struct buf *bytes);

/* One turn of the loop; `shares` of the waiting input are fed, at random. */
void node_turn(struct node *node, bool everything);
/* The writers apply the batches they have. */
void node_write(struct node *node);
/* The reader answers what it was asked for. */
void node_read(struct node *node);
/* The writer does what it does when it is idle: checkpoints, giving pages back. */
void node_maintain(struct node *node);
/* From now on the disk refuses what it is asked to change; or works again. */
void node_break_disk(struct node *node);
/* It does, or has just done so. */
bool node_broken(const struct node *node);
void node_mend_disk(struct node *node);
/* The power is gone: all that may happen now is node_crash(). */
bool node_dark(const struct node *node);
/* It dies now and starts again on the same disk. */
void node_crash(struct node *node);
/* It is stopped in order and starts again. */
void node_restart(struct node *node);
void node_set_alarm(struct node *node, enum m_alarm alarm, bool on);
void node_pass_time(struct node *node, int64_t ms);
/* The wall clock is set, which must not concern anything but what a restart reads. */
void node_set_clock(struct node *node, int64_t by_ms);
/* The operator makes a virtual host; NULL: the disk would not have it. */
struct vhost *node_make_vhost(struct node *node, const char *name);
/* -- realm.c: what is with the writers -- */

/* The end of a turn: all that was appended goes to the writer when it is idle. */
void realm_settle(struct realm *realm);
void realm_write(struct realm *realm);
/* The store has been collected. */
void realm_collected(struct realm *realm);
/* As after a start: nothing is under way. */
void realm_reset(struct realm *realm);

/* -- node_vhost.c: the second virtual host comes and goes -- */

/* Within a turn: it is deleted when it is there, and made when it is gone. */
void node_toggle_vhost(struct node *node);
/* The broker may be through with what is being deleted. */
void node_note_vhosts(struct node *node);
/* Before a start, which will find all operations of the node's database up to this one. */
void realm_foresee(struct realm *realm, uint64_t durable);
/* After a start: is it there, may it be, and what may be in it? */
void realm_find(struct node *node, struct realm *realm, const struct candidates *candidates);
/* The next start will find it. */
bool realm_known(const struct node *node, const struct realm *realm);

/* -- node_rules.c: policies, permissions, limits -- */

/* Within a turn. */
void node_set_rule(struct node *node, unsigned index, unsigned state);
/* The node has just started: the model learns which rules are there, if they may be. */
void node_find_rules(struct node *node);
/* Nothing of the node's own database waits for the disk. */
bool node_rules_durable(const struct node *node);

/* -- node_beat.c: heartbeats -- */

/* It took something from this client. */
void node_heard(const struct node *node, struct link *link);
/* It gives the client up: may it? */
void node_check_abort(const struct node *node, const struct link *link);
/* End of a turn. */
void node_check_silence(struct node *node);

/* Nothing waits anywhere in the node. */
bool node_idle(const struct node *node);

#endif
