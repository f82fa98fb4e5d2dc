/* SPDX-License-Identifier: Apache-2.0 */
/* The methods by which a connection opens and ends, seen from the client. */
#ifndef TOOLS_PERF_HANDSHAKE_H
#define TOOLS_PERF_HANDSHAKE_H

#include "proto/method.h"

struct perf_link;

/* Takes what concerns the connection as a whole (and the opening and closing of channels); false:
 * the method is somebody else's. */
bool perf_handshake_method(struct perf_link *link, uint16_t channel, const struct method *method);

#endif
