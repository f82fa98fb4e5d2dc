/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and objects to standard output, in the format that the options ask for. */
#ifndef TOOLS_BILBYCTL_PRINT_H
#define TOOLS_BILBYCTL_PRINT_H

#include "tools/bilbyctl_request.h"
#include "tools/bilbyctl_table.h"

/* How to show; complains about an unknown --formatter. */
enum ctl_status ctl_view_init(struct ctl_view *view, const struct ctl *ctl) MUST_USE;
/* The row's columns or those that the command line names. `noun` as in struct ctl_view. */
enum ctl_status ctl_print_rows(const struct ctl *ctl, const char *noun,
                               const json_t *rows) MUST_USE;
enum ctl_status ctl_print_object(const struct ctl *ctl, const json_t *object) MUST_USE;
/* Writes to standard output, all of it. */
enum ctl_status ctl_print(const struct buf *text) MUST_USE;

#endif
