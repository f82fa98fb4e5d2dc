/* SPDX-License-Identifier: Apache-2.0 */
/* The model's window into the node. It serves two purposes: to find a difference in the step that
 * makes it, long before a client could notice; and to learn, where the promises leave the node a
 * choice among simultaneous things (which of two queues' messages expire first in the same
 * millisecond), what it chose.
 */
#ifndef TESTS_SIM_PEEK_H
#define TESTS_SIM_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link;
struct m_channel;
struct m_entry;
struct m_exchange;
struct m_message;
struct m_queue;
struct model;
struct node;
struct realm;
struct vec;

/* The order in which the node goes through queues when one acknowledgement concerns several. */
uint64_t peek_queue_order(const struct model *model, const struct m_queue *queue);

/* Puts the queues of a route into the order in which the node comes to them. */
void peek_sort_queues(const struct model *model, const struct m_exchange *exchange,
                      const struct m_message *message, const char *const *keys, unsigned key_count,
                      struct vec *queues);

struct peek_due {
    const char *queue;         /* the model's spelling; NULL: an acknowledgement is overdue */
    bool unused;               /* x-expires; */
    bool length;               /* or more is to be dropped; else its messages' deadlines */
    struct m_channel *channel; /* whose acknowledgement */
    struct link *link;         /* a heartbeat of its connection; then the others mean nothing */
    int64_t key;
    uint64_t sequence;
};

/* The timers of queues that broker_run_timers() will run now, in their order; how many. */
size_t peek_due(const struct model *model, struct peek_due *due, size_t most);

/* The node has given it up. */
bool peek_aborted(const struct link *link);

/* Every queue, exchange, binding and entry of the node against the model; violations end the run. */
void peek_compare(struct model *model);
/* Notes which messages are on the disk alone: they expire a little later than those in memory, once
 * they have been read. */
void peek_mark_paged(struct model *model);
/* The same of one that has come just now, and expires at once. */
void peek_mark_new(const struct model *model, struct m_entry *entry);
/* Whether the queue waits for messages to be read back from the disk. */
/* The last operation that the writer has; 0: it has none. */
uint64_t peek_given(const struct realm *realm);
/* How many rights the node's database has of that user. */
int64_t peek_rights(const struct node *node, const char *user);
/* The queue's next message is on the disk alone, the last attempt to read it failed, and operators are
 * told. */
bool peek_unreadable(const struct model *model, const struct m_queue *queue);
/* How many ready messages it has. */
uint64_t peek_ready(const struct model *model, const struct m_queue *queue);
/* Nothing is dealt from the queue for now, and rightly so: what comes next is being read, can't be, or came
 * when nobody dealt any more. */
bool peek_waits(const struct model *model, const struct m_queue *queue);
bool peek_reading(const struct model *model, const struct m_queue *queue);
/* Whether the disk refused what a database wanted to write last. */
bool peek_refused(const struct node *node);
/* Whether the writer has applied the batch that it was given. */
bool peek_applied(const struct realm *realm);
/* One step of the maintenance that idle writers do. */
void peek_maintain(struct node *node);
/* Nothing of a message is left in memory. */
void peek_empty(struct model *model);
/* Whether the disk holds, row by row, what a crash after this turn leaves; `why` says what is not so. For
 * a node that has just started. In peek_disk.c. */
bool peek_stored(const struct model *model, uint64_t turn, const char **why);

#endif
