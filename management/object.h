/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's objects as JSON, with the fields and names that RabbitMQ's API has; fields that
 * Bilby has no real value for are left out.
 */
#ifndef MANAGEMENT_OBJECT_H
#define MANAGEMENT_OBJECT_H

#include "management/call.h"

struct binding;
struct channel;
struct connection;
struct consumer;
struct exchange;
struct parameter;
struct policy;
struct queue;

/* The functions that write the members of a list's rows take the object as void *, see struct list_kind. */

/* What such a function writes, as a value, for answers that are no lists. */
json_t *object_json(const struct call *call,
                    void (*write)(const struct call *call, struct row *row, const void *object),
                    const void *object) MUST_USE;

void object_vhost(const struct call *call, struct row *row, const void *vhost);
/* What was kept as metadata, and what is always part of it. */
json_t *object_vhost_metadata(const struct vhost *vhost) MUST_USE;
/* {"max-connections":n,"max-queues":n}, those that are set. */
json_t *object_vhost_limits(const struct vhost *vhost) MUST_USE;
void object_user(const struct call *call, struct row *row, const void *user);
json_t *object_user_limits(const struct user *user) MUST_USE;
void object_exchange(const struct call *call, struct row *row, const void *exchange);
void object_queue(const struct call *call, struct row *row, const void *queue);
void object_consumer(const struct call *call, struct row *row, const void *consumer);
void object_connection(const struct call *call, struct row *row, const void *connection);
void object_channel(const struct call *call, struct row *row, const void *channel);
/* "consumer_details": those of a list, which they are in by the link at that offset. */
void object_consumers(const struct call *call, struct row *row, const struct list *consumers,
                      size_t link_offset);
json_t *object_permission(const struct permission_row *row) MUST_USE;
json_t *object_topic_permission(const struct topic_permission_row *row) MUST_USE;

json_t *object_parameter(const struct parameter *parameter) MUST_USE;
json_t *object_policy(const struct policy *policy) MUST_USE;

/* "127.0.0.1:1234 -> 127.0.0.1:5672 (1)", on the heap. */
char *object_channel_name(const struct channel *channel);

/* A binding, or the implicit one of a queue to the default exchange. */
struct binding_row {
    struct slice vhost, source, destination;
    bool to_exchange;
    struct slice key;
    struct slice arguments; /* sorted table */
};
struct binding_row binding_row_of(const struct binding *binding);
/* That by which the default exchange finds the queue. */
struct binding_row binding_row_implicit(const struct queue *queue);
/* Of a struct binding_row. */
void object_binding(const struct call *call, struct row *row, const void *binding);
/* How paths name a binding among those of a source and a destination: the quoted key, "~" when it
 * is empty, and "~hash" behind it when there are arguments. */
void object_binding_key(struct buf *out, const struct binding_row *row);

/* Unix milliseconds as "2026-01-31T12:34:56.789+00:00". */
void object_time(struct row *row, const char *key, int64_t wall_ms);

#endif
