/* SPDX-License-Identifier: Apache-2.0 */
/* Files, standard input and secrets that are typed; and complaints. */
#ifndef TOOLS_BILBYCTL_FILE_H
#define TOOLS_BILBYCTL_FILE_H

#include "base/buf.h"
#include "tools/bilbyctl_status.h"

bool ctl_file_exists(const char *path);
/* Appends the whole file ("-": standard input) of at most `max` bytes. */
enum ctl_status ctl_file_read(struct buf *out, const char *path, size_t max) MUST_USE;
/* Writes a new file, or over an old one; "-": standard output. */
enum ctl_status ctl_file_write(const char *path, struct slice content) MUST_USE;
/* A line of standard input without its end; a person is asked with `prompt` and types unseen. */
enum ctl_status ctl_secret_read(struct buf *out, const char *prompt) MUST_USE;

#endif
