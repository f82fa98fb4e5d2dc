/* SPDX-License-Identifier: Apache-2.0 */
/* Queue a task for each argument. The task is a text; every dot in it is a tenth of a second of work. */
#include <stdio.h>

#include "../common.h"

int main(int argc, char **argv)
{
    amqp_connection_state_t connection = example_open();
    amqp_basic_properties_t persistent = {
        ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
        .delivery_mode = AMQP_DELIVERY_PERSISTENT,
    };

    /* A durable queue and persistent messages: the work survives a restart of the broker. */
    amqp_bytes_free(example_queue(connection, "tasks", true));
    for (int i = 1; i < argc; i++) {
        example_publish(connection, "", "tasks", argv[i], &persistent);
        printf("queued: %s\n", argv[i]);
    }
    example_close(connection);
    return 0;
}
