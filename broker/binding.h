/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings: exchange.bind and queue.bind, their durability, and what goes with an exchange.
 *
 * (1) A binding is stored exactly if both its ends are durable.
 */
#ifndef BROKER_BINDING_H
#define BROKER_BINDING_H

struct exchange;

/* Bindings from an exchange that is being destroyed: stored ones too. */
void binding_drop_from(struct exchange *exchange);

#endif
