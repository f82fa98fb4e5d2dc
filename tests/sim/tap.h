/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what the node says, as it says it, and tells the model. */
#ifndef TESTS_SIM_TAP_H
#define TESTS_SIM_TAP_H

struct node;

/* Every new byte of every link. */
void tap_all(struct node *node);

#endif
