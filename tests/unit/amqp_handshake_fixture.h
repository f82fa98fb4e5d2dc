/* SPDX-License-Identifier: Apache-2.0 */
/* The handshake step by step, as the client's side takes it, for the tests of conversations. */
#ifndef TESTS_UNIT_AMQP_HANDSHAKE_FIXTURE_H
#define TESTS_UNIT_AMQP_HANDSHAKE_FIXTURE_H

#include "base/buf.h"
#include "proto/frame.h"
#include "proto/table.h"
#include "tests/support/amqp_fixture.h"

static struct amqp_fixture fixture;

static inline void set_up(void)
{
    amqp_fixture_open(&fixture, NULL);
}

static inline void tear_down(void)
{
    amqp_fixture_close(&fixture);
}

/* The protocol header was answered with connection.start; `peer` NULL: one from this machine. */
static inline struct amqp_test_client *begin(const struct amqp_peer *peer)
{
    struct amqp_test_client *client = amqp_client_new(&fixture, peer);
    amqp_client_bytes(client, PROTOCOL_HEADER_0_9_1, PROTOCOL_HEADER_SIZE);
    amqp_expect(client, 0, METHOD_CONNECTION_START);
    return client;
}

/* `capable`: it understands connection.close in place of a lost connection. */
static inline void start_ok(struct amqp_test_client *client, const char *mechanism,
                            struct slice response, bool capable)
{
    struct buf capabilities = BUF_INIT;
    struct buf properties = BUF_INIT;
    table_add_bool(&capabilities, "authentication_failure_close", capable);
    table_add_table(&properties, "capabilities", buf_slice(&capabilities));
    table_add_str(&properties, "connection_name", slice_str("unit test"));
    struct method method = {.kind = METHOD_CONNECTION_START_OK};
    method.connection_start_ok.client_properties = buf_slice(&properties);
    method.connection_start_ok.mechanism = slice_str(mechanism);
    method.connection_start_ok.response = response;
    amqp_client_send(client, 0, &method);
    buf_fini(&capabilities);
    buf_fini(&properties);
}

static inline void tune_ok(struct amqp_test_client *client, uint16_t channel_max,
                           uint32_t frame_max, uint16_t heartbeat)
{
    struct method method = {.kind = METHOD_CONNECTION_TUNE_OK};
    method.connection_tune_ok.channel_max = channel_max;
    method.connection_tune_ok.frame_max = frame_max;
    method.connection_tune_ok.heartbeat = heartbeat;
    amqp_client_send(client, 0, &method);
}

static inline void open_vhost(struct amqp_test_client *client, const char *vhost)
{
    struct method method = {.kind = METHOD_CONNECTION_OPEN};
    method.connection_open.virtual_host = slice_str(vhost);
    amqp_client_send(client, 0, &method);
}

/* Logged in as guest, tune-ok sent with these values. */
static inline struct amqp_test_client *tuned(uint16_t channel_max, uint32_t frame_max,
                                             uint16_t heartbeat)
{
    struct amqp_test_client *client = begin(NULL);
    start_ok(client, "PLAIN", slice_of("\0guest\0guest", 12), true);
    amqp_expect(client, 0, METHOD_CONNECTION_TUNE);
    tune_ok(client, channel_max, frame_max, heartbeat);
    return client;
}

#endif
