/* SPDX-License-Identifier: Apache-2.0 */
/* From the configuration to the broker's and the store's options. */
#ifndef SERVER_BROKER_SETUP_H
#define SERVER_BROKER_SETUP_H

#include "base/buf.h"
#include "broker/broker.h"

struct configuration;

/* The options, and the texts of theirs that are put together from several values. */
struct broker_setup {
    struct broker_options options;
    struct buf node_name;
    struct buf mechanisms;
    struct buf loopback_users;
    struct buf user_tags;
};

/* `options` borrows from the setup and the configuration, which must outlive the broker. The seed
 * comes from the kernel. */
void broker_setup_init(struct broker_setup *setup, const struct configuration *configuration,
                       struct log *log);
void broker_setup_fini(struct broker_setup *setup);

#endif
