/* SPDX-License-Identifier: Apache-2.0 */
/* Product and version decide how client libraries behave (kombu's qos, the Java client's tests), so
 * by default they name the RabbitMQ whose behaviour is ours; platform and information say plainly
 * who is speaking.
 */
#include "session/server_properties.h"

#include "base/check.h"
#include "broker/broker.h"
#include "config.h"
#include "proto/table.h"

#define RABBITMQ_VERSION "3.13.7" /* whose behaviour on the wire is ours */

static const char *const CAPABILITIES[] = {
    "publisher_confirms",           "exchange_exchange_bindings", "basic.nack",
    "consumer_cancel_notify",       "connection.blocked",         "consumer_priorities",
    "authentication_failure_close", "per_consumer_qos",           "direct_reply_to",
};

static void add_text(struct buf *out, const char *name, const char *text)
{
    table_add_str(out, name, slice_str(text));
}

void server_properties_write(struct buf *out, const struct broker *broker)
{
    bool imitates = broker->options.identity_rabbitmq;
    struct buf capabilities = BUF_INIT;
    for (size_t i = 0; i < ARRAY_LEN(CAPABILITIES); i++)
        table_add_bool(&capabilities, CAPABILITIES[i], true);
    table_add_table(out, "capabilities", buf_slice(&capabilities));
    buf_fini(&capabilities);
    add_text(out, "cluster_name", broker->options.node_name);
    add_text(out, "copyright", "Copyright the Bilby authors");
    add_text(out, "information",
             "Bilby " PACKAGE_VERSION ", licensed under the Apache License 2.0");
    add_text(out, "platform", "Bilby " PACKAGE_VERSION);
    add_text(out, "product", imitates ? "RabbitMQ" : "Bilby");
    add_text(out, "version", imitates ? RABBITMQ_VERSION : PACKAGE_VERSION);
}
