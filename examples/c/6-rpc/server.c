/* SPDX-License-Identifier: Apache-2.0 */
/* Answer questions about Fibonacci numbers: the answer goes where the question says, with its number on it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../common.h"

static uint64_t fibonacci(int n)
{
    uint64_t one = 0, two = 1;
    for (int i = 0; i < n; i++) {
        uint64_t next = one + two;
        one = two;
        two = next;
    }
    return one;
}

static int number_of(amqp_bytes_t text)
{
    char digits[12];
    (void)snprintf(digits, sizeof digits, "%.*s", (int)text.len, (const char *)text.bytes);
    return (int)strtol(digits, NULL, 10);
}

static void answer(amqp_connection_state_t connection)
{
    amqp_envelope_t asked;
    example_next(connection, &asked);
    int n = number_of(asked.message.body);
    printf("asked: fibonacci(%d)\n", n);
    (void)fflush(stdout);

    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, fibonacci(n));
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_CORRELATION_ID_FLAG,
        .correlation_id = asked.message.properties.correlation_id,
    };
    example_check_status(amqp_basic_publish(connection, CHANNEL, amqp_empty_bytes,
                                            asked.message.properties.reply_to, 0, 0, &properties,
                                            amqp_cstring_bytes(text)),
                         "answering");
    example_check_status(amqp_basic_ack(connection, CHANNEL, asked.delivery_tag, 0),
                         "acknowledging");
    amqp_destroy_envelope(&asked);
}

int main(void)
{
    int left = example_count();
    amqp_connection_state_t connection = example_open();
    amqp_bytes_t queue = example_queue(connection, "rpc", false);
    amqp_basic_qos(connection, CHANNEL, 0, 1, 0);
    example_check(amqp_get_rpc_reply(connection), "setting the prefetch");
    example_consume(connection, queue, false, "questions");
    do {
        answer(connection);
    } while (--left != 0);
    amqp_bytes_free(queue);
    example_close(connection);
    return 0;
}
