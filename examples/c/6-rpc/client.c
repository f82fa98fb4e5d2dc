/* SPDX-License-Identifier: Apache-2.0 */
/* Ask the server, wait for the answers: client N…  All questions are under way at once; the number of the
   argument goes with each, so that the answers find their questions. */
#include <stdio.h>
#include <stdlib.h>

#include "../common.h"

static void ask(amqp_connection_state_t connection, amqp_bytes_t replies, int index, const char *n)
{
    char number[12];
    (void)snprintf(number, sizeof number, "%d", index);
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_CORRELATION_ID_FLAG | AMQP_BASIC_REPLY_TO_FLAG,
        .correlation_id = amqp_cstring_bytes(number),
        .reply_to = replies,
    };
    example_publish(connection, "", "rpc", n, &properties);
}

/* Keep the answer under the number of its question. */
static void take_answer(amqp_connection_state_t connection, int argc, char **answers)
{
    amqp_envelope_t envelope;
    example_next(connection, &envelope);
    amqp_bytes_t number = envelope.message.properties.correlation_id;
    amqp_bytes_t body = envelope.message.body;
    char digits[12];
    (void)snprintf(digits, sizeof digits, "%.*s", (int)number.len, (const char *)number.bytes);
    long index = strtol(digits, NULL, 10);
    if (index > 0 && index < argc && !answers[index] &&
        asprintf(&answers[index], "%.*s", (int)body.len, (const char *)body.bytes) < 0)
        abort();
    amqp_destroy_envelope(&envelope);
}

int main(int argc, char **argv)
{
    amqp_connection_state_t connection = example_open();
    amqp_bytes_t replies = example_queue(connection, NULL, false);
    char **answers = calloc((size_t)argc, sizeof *answers);
    if (!answers)
        abort();
    example_consume(connection, replies, true, "answers");
    for (int i = 1; i < argc; i++)
        ask(connection, replies, i, argv[i]);
    for (int i = 1; i < argc; i++)
        take_answer(connection, argc, answers);
    for (int i = 1; i < argc; i++) {
        printf("fibonacci(%s) = %s\n", argv[i], answers[i] ? answers[i] : "?");
        free(answers[i]);
    }
    free(answers);
    amqp_bytes_free(replies);
    example_close(connection);
    return 0;
}
