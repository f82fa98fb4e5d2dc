/* SPDX-License-Identifier: Apache-2.0 */
/* What the host says about the node, for the handlers that need it. */
#ifndef MANAGEMENT_NODE_H
#define MANAGEMENT_NODE_H

#include "management/call.h"

void node_ask(const struct call *call, struct node_facts *facts);
const char *node_name(const struct call *call);
/* The path's {node} is this one, or 404 is answered. */
bool node_check(struct call *call);
/* Fills in up to LISTENERS_MAX; how many. */
size_t node_listeners(const struct call *call, struct listener_facts *listeners);

#endif
