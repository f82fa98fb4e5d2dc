/* SPDX-License-Identifier: Apache-2.0 */
/* Listen by pattern: receive_logs PATTERN…  In a pattern * is one word and # any number of words. */
#include <stdio.h>

#include "../common.h"

static void take_one(amqp_connection_state_t connection)
{
    amqp_envelope_t envelope;
    example_next(connection, &envelope);
    printf("received: %.*s: %.*s\n", (int)envelope.routing_key.len,
           (const char *)envelope.routing_key.bytes, (int)envelope.message.body.len,
           (const char *)envelope.message.body.bytes);
    (void)fflush(stdout);
    amqp_destroy_envelope(&envelope);
}

int main(int argc, char **argv)
{
    int left = example_count();
    amqp_connection_state_t connection = example_open();
    example_exchange(connection, "topic_logs", "topic");
    amqp_bytes_t queue = example_queue(connection, NULL, false);
    for (int i = 1; i < argc; i++) {
        amqp_queue_bind(connection, CHANNEL, queue, amqp_cstring_bytes("topic_logs"),
                        amqp_cstring_bytes(argv[i]), amqp_empty_table);
        example_check(amqp_get_rpc_reply(connection), "binding");
    }
    example_consume(connection, queue, true, "logs");
    do {
        take_one(connection);
    } while (--left != 0);
    amqp_bytes_free(queue);
    example_close(connection);
    return 0;
}
