/* SPDX-License-Identifier: Apache-2.0 */
/* Send a log message under a key such as "kern.critical": emit_log KEY TEXT… */
#include <stdio.h>

#include "../common.h"

int main(int argc, char **argv)
{
    const char *key = argc > 1 ? argv[1] : "anonymous.info";
    char text[EXAMPLE_TEXT_MAX];
    example_words(text, argc, argv, 2, "nothing to see here");
    amqp_connection_state_t connection = example_open();
    example_exchange(connection, "topic_logs", "topic");
    example_publish(connection, "topic_logs", key, text, NULL);
    printf("sent: %s: %s\n", key, text);
    example_close(connection);
    return 0;
}
