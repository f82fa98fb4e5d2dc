/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions: everything but messages (users, virtual hosts, permissions, queues, exchanges,
 * bindings, parameters, policies) as one JSON document in RabbitMQ's format, out and in.
 *
 * (1) An import is checked whole before anything of it takes effect; the first thing that is wrong
 *     is reported by its name, and then nothing has changed. (Only what others delete while it is
 *     done can end it in the middle.)
 * (2) It merges: what is there and not in the document stays; queues and exchanges that are there
 *     are left as they are.
 * (3) Permissions are not asked: who may import is the caller's to decide.
 */
#ifndef MANAGEMENT_DEFINITIONS_H
#define MANAGEMENT_DEFINITIONS_H

#include "base/buf.h"
#include "base/err.h"

struct broker;
struct call;
struct vhost;

/* Answers with the document of the whole node, or of the path's virtual host, if the path has one. */
void definitions_answer(struct call *call);

/* Imports a document from its JSON text, which stays the caller's; `vhost` not NULL: into that one, and
 * objects need no "vhost" of their own; virtual hosts that it makes are waited for. ERR_INVALID with a
 * message that names the object; ERR_SYNTAX when it is no JSON, with the place. */
enum err definitions_import_text(struct broker *broker, struct vhost *vhost, struct slice text,
                                 char *message, size_t message_size) MUST_USE;

/* The same in parts, between which the broker may change. */
struct definitions_import;
struct definitions_import *definitions_import_new(struct broker *broker, struct vhost *vhost,
                                                  struct slice text) MUST_USE;
void definitions_import_free(struct definitions_import *import);
/* Goes on for about `work`, as management_work() counts it; true: it is over, as *error says. */
bool definitions_import_run(struct definitions_import *import, size_t work,
                            enum err *error) MUST_USE;
/* It can't go on before the store has something new: a virtual host's database is being opened. */
bool definitions_import_waits(const struct definitions_import *import);
/* What the last part has cost, and what is wrong. */
uint64_t definitions_import_work(const struct definitions_import *import);
const char *definitions_import_message(const struct definitions_import *import);
#define DEFINITIONS_MESSAGE_MAX 512

/* The same from a file (configuration key load_definitions), after broker_start(). ERR_IO with a
 * message when it can't be read. */
enum err definitions_import_file(struct broker *broker, const char *path, char *message,
                                 size_t message_size) MUST_USE;

#endif
