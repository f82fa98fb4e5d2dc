/* SPDX-License-Identifier: Apache-2.0 */
/* Tell everyone who listens: a fanout exchange copies the message into every queue bound to it. */
#include <stdio.h>

#include "../common.h"

int main(int argc, char **argv)
{
    char text[EXAMPLE_TEXT_MAX];
    example_words(text, argc, argv, 1, "info: the sun is down, come out");
    amqp_connection_state_t connection = example_open();
    example_exchange(connection, "logs", "fanout");
    example_publish(connection, "logs", "", text, NULL);
    printf("sent: %s\n", text);
    example_close(connection);
    return 0;
}
