/* SPDX-License-Identifier: Apache-2.0 */
/* A store under test: opened on a memvfs, a real directory or in memory, with counted releases, and
 * its content as text, so that two states of it can be compared.
 */
#ifndef TESTS_SUPPORT_STORE_FIXTURE_H
#define TESTS_SUPPORT_STORE_FIXTURE_H

#include "base/buf.h"
#include "storage/store.h"

struct store_fixture {
    struct store_options options;
    struct log log;
    struct store *store; /* NULL while closed */
    struct store_db *node;
    struct store_db *vhost; /* "/" */
    char message[512];      /* of the last open */
    unsigned log_lines;     /* errors and notices of the store */
};

/* Who a message was borrowed from: counts how often it was given back. */
struct store_owner {
    unsigned released;
};

/* Manual mode on a memvfs of that name, or in memory when `vfs` is NULL. */
void store_fixture_init(struct store_fixture *fixture, const char *vfs);
/* Opens the store and its virtual host "/"; what went wrong is in fixture->message. */
enum err store_fixture_open(struct store_fixture *fixture) MUST_USE;
void store_fixture_close(struct store_fixture *fixture);
void store_fixture_crash(struct store_fixture *fixture);

/* Manual mode: hands over, writes and collects until nothing waits or the disk refuses. */
void store_fixture_settle(struct store_fixture *fixture);

/* Appends a message whose parts follow from its lane and position. */
uint64_t store_fixture_put(struct store_fixture *fixture, uint32_t lane, uint64_t position,
                           struct store_owner *owner);

/* The content of the virtual host's database, every record, lane and message, as text. Only right
 * after opening. */
void store_fixture_dump(struct store_fixture *fixture, struct buf *out);

#endif
