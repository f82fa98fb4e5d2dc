/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: libevent says what is ready, the turn does all the work, in the order that
 * broker/broker.h asks for.
 *
 * (1) Callbacks of libevent only note: they put a node into a list, or raise a flag.
 * (2) One turn has one time.
 * (3) A node gets one quantum of input a turn; what is left waits for the next turn, so nobody
 *     starves.
 * (4) All of it is one thread's.
 */
#ifndef SERVER_LOOP_H
#define SERVER_LOOP_H

#include "base/histogram.h"
#include "base/list.h"
#include "base/log.h"
#include "base/timer.h"
#include "server/patience.h"

#include <event2/event.h>
#include <event2/event_struct.h>

struct broker;

/* Something that takes part in turns: embedded in clients and listeners. */
struct loop_node {
    struct list input_link;
    struct list output_link;
    /* Its quantum of input; true: there is more. May free the node. */
    bool (*input)(struct loop_node *node);
    /* Writes what is there to write. May free the node. */
    void (*output)(struct loop_node *node);
};

struct loop {
    struct event_base *base;
    struct broker *broker; /* NULL until loop_start() */
    struct timers timers;  /* of the server's rooms: handshakes, heartbeats, pauses */
    struct list input;     /* nodes that are readable */
    struct list output;    /* nodes that have something to write, or to look after */
    int64_t now_ms;        /* monotonic, of this turn */
    int64_t wall_ms;
    uint8_t *read_buffer; /* shared: input is read into it, one node at a time */
    size_t read_buffer_size;
    bool dealing; /* the last turn left messages that consumers could take */
    bool more;    /* another turn without waiting */
    bool stopped;
    bool noted;                       /* a callback has noted something since the wait began */
    struct patience patience;         /* how long to look for the next event before sleeping */
    bool woken;                       /* the store has finished something */
    void (*collected)(void *context); /* called after it was taken note of; may be NULL */
    void *collected_context;
    int wake_fd; /* eventfd that the store's writers write to */
    struct event *wake_event;
    struct event *deadline_event;
    uint64_t begun_ns;      /* when this turn began */
    struct histogram turns; /* how long turns took, in nanoseconds, by LOOP_TURN_BOUNDS */
    uint64_t longest_ns[2]; /* the longest turn of this period and of the one before */
    int64_t deadline_ms;    /* what deadline_event is set to; INT64_MAX: not set */
};

/* It sleeps between turns, until patience_init() on its `patience` says otherwise.
 * False when the kernel gives no event mechanism; errno says why. */
bool loop_init(struct loop *loop, size_t read_buffer_size) MUST_USE;
void loop_fini(struct loop *loop);

/* For store_open(): wakes the loop; any thread. The context is the loop. */
void loop_wake(void *context);

/* Runs turns until loop_stop(). */
void loop_run(struct loop *loop, struct broker *broker);
void loop_stop(struct loop *loop);
/* The present time becomes the loop's and its broker's; each turn begins with it. */
void loop_set_time(struct loop *loop);
/* What the clock says within a turn, for who has a share of it. */
uint64_t loop_clock_ns(void);

extern const struct histogram_bounds LOOP_TURN_BOUNDS;
/* The longest turn of the last one to two periods; a period ends with each call of the latter. */
uint64_t loop_longest_ns(const struct loop *loop);
void loop_end_period(struct loop *loop);

void loop_node_init(struct loop_node *node, bool (*input)(struct loop_node *node),
                    void (*output)(struct loop_node *node));
/* Leaves the lists. */
void loop_node_fini(struct loop_node *node);
/* Gives the node its turn of input or output; harmless when it waits already. */
void loop_note_input(struct loop *loop, struct loop_node *node);
void loop_note_output(struct loop *loop, struct loop_node *node);

#endif
