/* SPDX-License-Identifier: Apache-2.0 */
/* The store's directory: its lock, and what the databases' files are called. */
#ifndef STORAGE_FILES_H
#define STORAGE_FILES_H

#include "base/buf.h"
#include "base/err.h"

/* Creates the directory, and those above it, when missing; for its owner only. On failure `message`
 * tells the operator. */
enum err files_directory(const char *directory, char *message, size_t message_size) MUST_USE;
/* Takes the lock file; `*lock` is the descriptor that holds it. ERR_BUSY: another process does. */
enum err files_lock(const char *directory, int *lock, char *message, size_t message_size) MUST_USE;
void files_unlock(int lock);

/* Paths, NUL-terminated in `path`. A virtual host's file is named after it, percent-encoded; when that
 * gets too long, its beginning and a hash. */
void files_node_path(struct buf *path, const char *directory);
void files_vhost_path(struct buf *path, const char *directory, struct slice name);

/* A virtual host's file is there. */
bool files_any_vhost(const char *directory);

/* Bytes that a user other than root can still write there; UINT64_MAX when that's unknown. */
uint64_t files_disk_free(const char *directory);

#endif
