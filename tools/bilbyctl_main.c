/* SPDX-License-Identifier: Apache-2.0 */
/* bilbyctl: a broker from the command line, over its management API. Reads the
 * command line, the environment and the configuration file, then lets the command's handler work.
 */
#include "config.h"
#include "tools/bilbyctl_help.h"
#include "tools/bilbyctl_print.h"

#include <stdio.h>

static enum ctl_status show_help(const struct ctl_command *command)
{
    struct buf text = BUF_INIT;

    ctl_add_help(&text, command);
    enum ctl_status status = ctl_print(&text);
    buf_fini(&text);
    return status;
}

/* Command line, then environment, then file. */
static enum ctl_status gather(struct ctl *ctl)
{
    struct ctl_options *options = &ctl->line.options;
    struct ctl_view view;

    enum ctl_status status = ctl_options_environment(options);
    if (status == CTL_STATUS_OK)
        status = ctl_options_file(options);
    return status == CTL_STATUS_OK ? ctl_view_init(&view, ctl) : status;
}

static enum ctl_status work(struct ctl *ctl)
{
    enum ctl_status status = gather(ctl);

    if (status == CTL_STATUS_OK)
        status = ctl_client_new(&ctl->client, &ctl->line.options);
    if (status == CTL_STATUS_OK)
        status = ctl->line.command->run(ctl);
    ctl_client_free(ctl->client);
    return status;
}

int main(int argc, char **argv)
{
    struct ctl ctl = {0};

    enum ctl_status status = ctl_line_parse(&ctl.line, argc, argv);
    if (status != CTL_STATUS_OK) {
        ctl_line_fini(&ctl.line);
        return (int)status;
    }
    if (ctl_options_flag(&ctl.line.options, CTL_VERSION))
        puts("bilbyctl " PACKAGE_VERSION);
    else if (ctl_options_flag(&ctl.line.options, CTL_HELP))
        status = show_help(ctl.line.command);
    else
        status = work(&ctl);
    ctl_line_fini(&ctl.line);
    if (fflush(stdout) != 0 && status == CTL_STATUS_OK)
        status = ctl_complain(CTL_STATUS_NO_OUTPUT, "standard output can't be written");
    return (int)status;
}
