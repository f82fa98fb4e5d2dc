/* SPDX-License-Identifier: Apache-2.0 */
/* Put one message into the queue "hello" and go home. */
#include <stdio.h>

#include "../common.h"

int main(int argc, char **argv)
{
    char text[EXAMPLE_TEXT_MAX];
    example_words(text, argc, argv, 1, "Hello, marsupials!");
    amqp_connection_state_t connection = example_open();

    /* Whoever comes first makes the queue; to declare it again does no harm. */
    amqp_bytes_free(example_queue(connection, "hello", false));
    example_publish(connection, "", "hello", text, NULL);
    printf("sent: %s\n", text);
    example_close(connection);
    return 0;
}
