/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of a client share. */
#ifndef TESTS_SIM_CLIENT_SEND_H
#define TESTS_SIM_CLIENT_SEND_H

#include "tests/sim/client.h"

/* An operation to be filled in. */
struct m_op *client_op(struct client *client, uint16_t channel, enum method_kind kind);
/* Puts it on the wire. */
void client_send(struct client *client, struct m_op *op);

#endif
