/* SPDX-License-Identifier: Apache-2.0 */
/* Listen to all log messages from now on, with a queue that lives as long as this connection. */
#include <stdio.h>

#include "../common.h"

int main(void)
{
    int left = example_count();
    amqp_connection_state_t connection = example_open();
    example_exchange(connection, "logs", "fanout");
    amqp_bytes_t queue = example_queue(connection, NULL, false);
    amqp_queue_bind(connection, CHANNEL, queue, amqp_cstring_bytes("logs"), amqp_empty_bytes,
                    amqp_empty_table);
    example_check(amqp_get_rpc_reply(connection), "binding");
    example_consume(connection, queue, true, "logs");
    do {
        amqp_envelope_t envelope;
        example_next(connection, &envelope);
        printf("received: %.*s\n", (int)envelope.message.body.len,
               (const char *)envelope.message.body.bytes);
        (void)fflush(stdout);
        amqp_destroy_envelope(&envelope);
    } while (--left != 0);
    amqp_bytes_free(queue);
    example_close(connection);
    return 0;
}
