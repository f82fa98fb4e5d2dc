/* SPDX-License-Identifier: Apache-2.0 */
/* bilbyd's entry. */
#include "server/daemon.h"

#include <unistd.h>

int main(int argc, char **argv)
{
    struct command_line line;
    if (!command_line_parse(&line, argc, argv))
        return EXIT_CODE_USAGE;
    return (int)daemon_run(&line, environ);
}
