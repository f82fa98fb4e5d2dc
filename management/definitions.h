/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions: everything but messages (users, virtual hosts, permissions, queues, exchanges,
 * bindings, parameters, policies) as one JSON document in RabbitMQ's format, out and in.
 *
 * (1) An import is checked whole before anything of it takes effect; the first thing that is wrong
 *     is reported by its name, and then nothing has changed.
 * (2) It merges: what is there and not in the document stays; queues and exchanges that are there
 *     are left as they are.
 * (3) Permissions are not asked: who may import is the caller's to decide.
 */
#ifndef MANAGEMENT_DEFINITIONS_H
#define MANAGEMENT_DEFINITIONS_H

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>

struct broker;
struct call;
struct vhost;

/* Answers with the document of the whole node, or of the path's virtual host, if the path has one. */
void definitions_answer(struct call *call);

/* Imports a parsed document; `vhost` not NULL: into that one, and objects need no "vhost"
 * of their own.
 * ERR_INVALID with a message that names the object. */
enum err definitions_import(struct broker *broker, struct vhost *vhost, json_t *document,
                            char *message, size_t message_size) MUST_USE;
/* The same from JSON text. ERR_SYNTAX when it is none, with the place. */
enum err definitions_import_text(struct broker *broker, struct vhost *vhost, struct slice text,
                                 char *message, size_t message_size) MUST_USE;
/* The same from a file (configuration key load_definitions), after broker_start(). ERR_IO with a
 * message when it can't be read. */
enum err definitions_import_file(struct broker *broker, const char *path, char *message,
                                 size_t message_size) MUST_USE;

#endif
