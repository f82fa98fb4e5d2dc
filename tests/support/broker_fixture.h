/* SPDX-License-Identifier: Apache-2.0 */
/* A broker in a test: store in memory or on the test's disk, time by hand, clients whose output is
 * text. What clients get is written line by line to a trace that tests compare:
 *
 *   a1 deliver C #1 key=k body=hello [redelivered]      a1 get #2 key=k body=x left=0
 *   a1 return 312 NO_ROUTE key=k body=x                 a1 confirm 3 multiple | nack
 *   a1 cancelled C                                      a1 failed 406 PRECONDITION_FAILED - …
 *   a close 320 CONNECTION_FORCED - …                   a blocked low on memory | a unblocked
 *
 * where a is the connection's letter and 1 the channel's number.
 */
#ifndef TESTS_SUPPORT_BROKER_FIXTURE_H
#define TESTS_SUPPORT_BROKER_FIXTURE_H

#include "base/buf.h"
#include "broker/broker.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/exchange.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "proto/reply.h"

struct store;

struct world {
    struct broker_options options;
    struct store *store;
    struct broker *broker;
    struct buf trace;
    struct reply reply; /* of the last operation that failed */
    int64_t now_ms;
    int64_t wall_ms;
    const char *vfs;       /* NULL: in memory, gone with the store */
    bool show_headers;     /* deliveries print their headers */
    uint64_t queue_memory; /* options.queue_memory; 0: the default */
};

struct test_client {
    struct connection base;
    struct world *world;
    char letter;
};

struct test_channel {
    struct channel base;
    struct test_client *client;
};

/* A message's properties; zero is none of them. */
struct test_properties {
    bool persistent;
    int priority;
    const char *expiration;
    const char *reply_to;
    const char *user_id;
    struct slice headers;
};

void world_open(struct world *world);
/* As a crash would: what was not written is gone; then opened again on the same files. Clients must
 * have been let go of by client_drop(). Needs world->vfs. */
void world_crash(struct world *world);
/* A clean end and a new start on the same files. Needs world->vfs. */
void world_restart(struct world *world);
/* Ends everything; checks that no message is left in memory. */
void world_close(struct world *world);

/* Deals, settles, lets the store write and confirms come back; queues' invariants are checked. */
void world_turn(struct world *world);
/* As world_turn(), but nothing becomes durable. */
void world_turn_without_disk(struct world *world);
/* Time passes, timers run, then a turn. */
void world_wait(struct world *world, int64_t ms);
/* The trace so far equals `text`; then it is empty. */
void world_expect(struct world *world, const char *text);
struct vhost *world_vhost(struct world *world);
struct queue *world_queue(struct world *world, const char *name);

/* A connection of guest's, to "/" or another virtual host. */
struct test_client *client_open(struct world *world, char letter);
struct test_client *client_open_in(struct world *world, char letter, const char *vhost);
void client_close(struct test_client *client);
struct test_channel *client_channel(struct test_client *client, uint16_t number);
void test_channel_close(struct test_channel *channel);

/* Operations; the ones that return bool leave world->reply on failure. */
bool declare(struct test_client *client, const char *queue, struct slice arguments);
bool declare_durable(struct test_client *client, const char *queue, struct slice arguments);
bool declare_exchange(struct test_client *client, const char *name, const char *type);
bool bind_queue(struct test_client *client, const char *exchange, const char *queue,
                const char *key);
bool publish(struct test_channel *channel, const char *exchange, const char *key, const char *body);
bool publish_with(struct test_channel *channel, const char *exchange, const char *key,
                  const char *body, const struct test_properties *properties, bool mandatory);
bool consume(struct test_channel *channel, const char *queue, const char *tag, bool no_ack);
bool consume_with(struct test_channel *channel, const char *queue, const char *tag, bool no_ack,
                  bool exclusive, struct slice arguments);
/* basic.get, traced; "get-empty" when there was nothing. */
void get(struct test_channel *channel, const char *queue, bool no_ack);
bool ack(struct test_channel *channel, uint64_t tag, bool multiple);
bool nack(struct test_channel *channel, uint64_t tag, bool multiple, bool requeue);
void prefetch(struct test_channel *channel, uint16_t count, bool global);
/* The last operation failed with this text. */
void expect_error(struct world *world, const char *text);

#endif
