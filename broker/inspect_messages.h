/* SPDX-License-Identifier: Apache-2.0 */
/* The lanes of a virtual host and the messages that are in memory alone, for inspect.h. */
#ifndef BROKER_INSPECT_MESSAGES_H
#define BROKER_INSPECT_MESSAGES_H

struct store_query;
struct vhost;

void inspect_messages(struct vhost *vhost, struct store_query *query);

#endif
