/* SPDX-License-Identifier: Apache-2.0 */
/* What a test of a class of methods begins with: a broker, one client that is logged in, its channel 1
 * open; and the few things that it then does all the time.
 */
#ifndef TESTS_UNIT_AMQP_CLASS_FIXTURE_H
#define TESTS_UNIT_AMQP_CLASS_FIXTURE_H

#include "tests/support/amqp_fixture.h"

#define NONE slice_of(NULL, 0)
#define PERSISTENT slice_of("\x10\0\2", 3) /* properties: delivery-mode 2 */

static struct amqp_fixture fixture;
static struct amqp_test_client *client;

static inline void set_up(void)
{
    amqp_fixture_open(&fixture, NULL);
    client = amqp_client_login(&fixture, 0);
    amqp_open_channel(client, 1);
}

static inline void tear_down(void)
{
    amqp_fixture_close(&fixture);
}

/* Sends, then expects. */
static inline const struct method *call(const struct method *method, enum method_kind answer)
{
    return amqp_call(client, 1, method, answer);
}

static inline void send(const struct method *method)
{
    amqp_client_send(client, 1, method);
}

/* To the default exchange, without properties. */
static inline void publish(const char *key, const char *body)
{
    amqp_client_publish(client, 1, "", key, false, NONE, slice_str(body));
}

/* How many messages the queue has ready. */
static inline uint32_t ready(const char *queue)
{
    struct method method = {.kind = METHOD_QUEUE_DECLARE};
    method.queue_declare.queue = slice_str(queue);
    method.queue_declare.passive = true;
    return call(&method, METHOD_QUEUE_DECLARE_OK)->queue_declare_ok.message_count;
}

#endif
