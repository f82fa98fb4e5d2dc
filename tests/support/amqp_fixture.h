/* SPDX-License-Identifier: Apache-2.0 */
/* A broker with its store in memory, and AMQP clients of it, in one thread and on simulated time:
 * bytes in, bytes out. Expectations fail the running test.
 */
#ifndef TESTS_SUPPORT_AMQP_FIXTURE_H
#define TESTS_SUPPORT_AMQP_FIXTURE_H

#include "base/buf.h"
#include "proto/method.h"
#include "proto/properties.h"
#include "session/amqp_connection.h"

struct broker;
struct store;

struct amqp_fixture {
    struct store *store;
    struct broker *broker;
    int64_t now_ms;
    bool disk_stalls; /* nothing becomes durable */
    struct amqp_test_client *clients;
};

/* One client; all of its memory is freed by the fixture. */
struct amqp_test_client {
    struct amqp_test_client *next;
    struct amqp_fixture *fixture;
    struct amqp_connection *amqp; /* NULL: the socket is closed */
    struct buf to_broker;         /* not consumed yet */
    struct buf from_broker;       /* not looked at yet */
    struct buf taken;             /* the frame that was looked at last: methods borrow from it */
    unsigned wakes;
    bool stuck;           /* the client does not read */
    bool closed;          /* by the broker */
    bool parted;          /* … which leaves it to the client to end the stream first */
    struct method method; /* of the last expectation */
};

/* A content as it came. */
struct amqp_content {
    struct method method; /* of the method before it; its slices are gone, numbers stay */
    struct properties properties;
    uint64_t body_size;
    struct buf header;
    struct buf body;
};

/* `options` NULL: the defaults. */
struct broker_options;
void amqp_fixture_open(struct amqp_fixture *fixture, const struct broker_options *options);
/* As above, with the store's limit of bytes that may wait for the disk. */
void amqp_fixture_open_with(struct amqp_fixture *fixture, const struct broker_options *options,
                            uint64_t pending_bytes_max);
void amqp_fixture_close(struct amqp_fixture *fixture);
/* Turns until nothing moves any more. */
void amqp_fixture_settle(struct amqp_fixture *fixture);
/* Lets time pass, in steps, with turns. */
void amqp_fixture_pass(struct amqp_fixture *fixture, int64_t ms);

/* A client that has sent nothing yet. */
struct amqp_test_client *amqp_client_new(struct amqp_fixture *fixture,
                                         const struct amqp_peer *peer);
/* As guest in "/", with all capabilities, no heartbeat; frame_max 0 takes what is offered. */
struct amqp_test_client *amqp_client_login(struct amqp_fixture *fixture, uint32_t frame_max);
/* The client closes its socket. */
void amqp_client_drop(struct amqp_test_client *client);

void amqp_client_bytes(struct amqp_test_client *client, const void *bytes, size_t len);
void amqp_client_send(struct amqp_test_client *client, uint16_t channel,
                      const struct method *method);
void amqp_client_publish(struct amqp_test_client *client, uint16_t channel, const char *exchange,
                         const char *key, bool mandatory, struct slice properties,
                         struct slice body);

/* The next frame is this method on this channel; its slices stay valid until the next expectation. */
const struct method *amqp_expect(struct amqp_test_client *client, uint16_t channel,
                                 enum method_kind kind);
/* Sends, then expects. */
const struct method *amqp_call(struct amqp_test_client *client, uint16_t channel,
                               const struct method *method, enum method_kind answer);
/* channel.close or connection.close (channel 0) with code and text; answered with close-ok. */
void amqp_expect_close(struct amqp_test_client *client, uint16_t channel, unsigned code,
                       const char *text, unsigned class_id, unsigned method_id);
/* A method with content; `content` is the caller's to finish. */
void amqp_expect_content(struct amqp_test_client *client, uint16_t channel, enum method_kind kind,
                         struct amqp_content *content);
void amqp_content_fini(struct amqp_content *content);
/* Nothing (more) came. */
void amqp_expect_nothing(struct amqp_test_client *client);
void amqp_expect_bytes(struct amqp_test_client *client, const void *bytes, size_t len);
/* The broker closed the socket. */
void amqp_expect_closed(struct amqp_test_client *client);

/* -- what most tests do -- */

void amqp_open_channel(struct amqp_test_client *client, uint16_t channel);
/* Declares a queue with these flags: 'd'urable, 'e'xclusive, 'a'uto-delete. */
void amqp_declare(struct amqp_test_client *client, uint16_t channel, const char *queue,
                  const char *flags, struct slice arguments);
void amqp_consume(struct amqp_test_client *client, uint16_t channel, const char *queue,
                  const char *tag, bool no_ack);
/* A delivery with this body; returns its tag. */
uint64_t amqp_expect_delivery(struct amqp_test_client *client, uint16_t channel, const char *body);

#endif
