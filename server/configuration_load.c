/* SPDX-License-Identifier: Apache-2.0 */
/* Sources in order of rising precedence: file, environment, --data-dir, --set. */
#include "server/configuration_load.h"

#include "server/command_line.h"
#include "server/configuration.h"

struct configuration *configuration_load(const struct command_line *line, char **environment)
{
    struct configuration *configuration = configuration_new();
    if (line->config_file)
        configuration_read_file(configuration, line->config_file);
    configuration_read_environment(configuration, environment);
    if (line->data_directory)
        configuration_set(configuration, "--data-dir", "data_dir", line->data_directory);
    for (size_t i = 0; i < line->set_count; i++)
        configuration_assign(configuration, "--set", line->sets[i]);
    configuration_check(configuration);
    return configuration;
}

void configuration_each_line(struct slice lines, void (*each)(void *context, struct slice line),
                             void *context)
{
    while (lines.len > 0) {
        const uint8_t *end = memchr(lines.data, '\n', lines.len);
        size_t len = end ? (size_t)(end - lines.data) : lines.len;
        each(context, slice_of(lines.data, len));
        len += end != NULL;
        lines = slice_of(lines.data + len, lines.len - len);
    }
}
