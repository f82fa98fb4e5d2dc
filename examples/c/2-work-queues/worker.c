/* SPDX-License-Identifier: Apache-2.0 */
/* Work on tasks, one at a time; start as many workers as you like and they share the queue. */
#include <stdio.h>
#include <time.h>

#include "../common.h"

enum { DOT_NS = 100 * 1000 * 1000 };

static void work(amqp_bytes_t task)
{
    const char *text = task.bytes;
    for (size_t i = 0; i < task.len; i++) {
        if (text[i] == '.')
            nanosleep(&(struct timespec){.tv_nsec = DOT_NS}, NULL);
    }
}

static void take_one(amqp_connection_state_t connection)
{
    amqp_envelope_t envelope;
    example_next(connection, &envelope);
    amqp_bytes_t task = envelope.message.body;
    printf("working: %.*s\n", (int)task.len, (const char *)task.bytes);
    (void)fflush(stdout);
    work(task);
    printf("done: %.*s\n", (int)task.len, (const char *)task.bytes);
    (void)fflush(stdout);

    /* Only now is the task off the books; had we died before, another worker would get it. */
    example_check_status(amqp_basic_ack(connection, CHANNEL, envelope.delivery_tag, 0),
                         "acknowledging");
    amqp_destroy_envelope(&envelope);
}

int main(void)
{
    int left = example_count();
    amqp_connection_state_t connection = example_open();
    amqp_bytes_t queue = example_queue(connection, "tasks", true);

    /* No second task before the first is acknowledged: who is quick gets more. */
    amqp_basic_qos(connection, CHANNEL, 0, 1, 0);
    example_check(amqp_get_rpc_reply(connection), "setting the prefetch");
    example_consume(connection, queue, false, "tasks");
    do {
        take_one(connection);
    } while (--left != 0);
    amqp_bytes_free(queue);
    example_close(connection);
    return 0;
}
