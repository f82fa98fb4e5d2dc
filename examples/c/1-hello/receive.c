/* SPDX-License-Identifier: Apache-2.0 */
/* Print whatever arrives in the queue "hello"; stop after COUNT messages if COUNT is set. */
#include <stdio.h>

#include "../common.h"

int main(void)
{
    int left = example_count();
    amqp_connection_state_t connection = example_open();
    amqp_bytes_t queue = example_queue(connection, "hello", false);
    example_consume(connection, queue, true, "messages");
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
