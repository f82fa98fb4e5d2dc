/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as command line, environment and file together give it. */
#ifndef SERVER_CONFIGURATION_LOAD_H
#define SERVER_CONFIGURATION_LOAD_H

#include "base/slice.h"

struct command_line;
struct configuration;

/* Reads and checks everything; complaints are in the configuration. Called again at a reload. */
struct configuration *configuration_load(const struct command_line *line, char **environment);
/* Hands over the lines of complaints one by one, without their ends. */
void configuration_each_line(struct slice lines, void (*each)(void *context, struct slice line),
                             void *context);

#endif
