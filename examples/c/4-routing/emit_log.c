/* SPDX-License-Identifier: Apache-2.0 */
/* Send a log message under its severity: emit_log SEVERITY TEXT… */
#include <stdio.h>

#include "../common.h"

int main(int argc, char **argv)
{
    const char *key = argc > 1 ? argv[1] : "info";
    char text[EXAMPLE_TEXT_MAX];
    example_words(text, argc, argv, 2, "nothing to see here");
    amqp_connection_state_t connection = example_open();
    example_exchange(connection, "direct_logs", "direct");
    example_publish(connection, "direct_logs", key, text, NULL);
    printf("sent: %s: %s\n", key, text);
    example_close(connection);
    return 0;
}
