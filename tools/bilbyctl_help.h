/* SPDX-License-Identifier: Apache-2.0 */
/* What bilbyctl says about itself, out of its tables. */
#ifndef TOOLS_BILBYCTL_HELP_H
#define TOOLS_BILBYCTL_HELP_H

#include "tools/bilbyctl_command.h"

/* Appends the text of --help: about one command, or (NULL) all. */
void ctl_add_help(struct buf *out, const struct ctl_command *command);

/* The table's lines of names and columns, as the man page and completion want them. */
void ctl_add_column_names(struct buf *out, const struct ctl_command *command,
                          const char *separator);

#endif
