/* SPDX-License-Identifier: Apache-2.0 */
/* Simulated clients: they behave as the protocol allows, know only what has reached them over the
 * network, and wait for answers channel by channel. What they do is drawn from the world's seed.
 */
#ifndef TESTS_SIM_CLIENT_H
#define TESTS_SIM_CLIENT_H

#include "tests/sim/node.h"

enum client_state { CLIENT_AWAY, CLIENT_GREETING, CLIENT_OPEN, CLIENT_LEAVING };

struct client_consumer {
    const char *tag;
    bool no_ack;
};

struct client_channel {
    bool open;
    bool waiting;    /* an answer is due */
    bool closing;    /* channel.close is sent, or the opening */
    bool got_no_ack; /* the basic.get that is waited for */
    bool confirming, transactional;
    bool asks;            /* it consumes replies */
    struct vec consumers; /* struct client_consumer */
    struct vec tags;      /* delivery tags to acknowledge, in order */
};

struct client {
    unsigned id;
    struct world *world;
    struct node *node;
    struct realm *realm;
    struct link *link; /* NULL: away */
    enum client_state state;
    unsigned consumer_next;
    const char *reply_to; /* of the latest request seen; NULL: none */
    int64_t last_sent_ms; /* for heartbeats */
    struct client_channel channels[M_CHANNELS_MAX + 1];
};

void client_init(struct client *client, unsigned id, struct node *node, struct realm *realm);
/* Does something, or nothing. */
void client_act(struct client *client);
/* Says that it is alive, when it is time. */
void client_beat(struct client *client);
/* Frames that have reached it. */
void client_read(struct client *client);
/* The connection is dead, as the client sees it. */
void client_reset(struct client *client);
/* No answer is due. */
bool client_quiet(const struct client *client);

/* -- for the scheduler's own use of a client -- */

void client_connect(struct client *client);
void client_close(struct client *client);
void client_open_channel(struct client *client, uint16_t channel);
void client_declare_queue(struct client *client, uint16_t channel, const struct queue_spec *spec);
void client_declare_exchange(struct client *client, uint16_t channel,
                             const struct exchange_spec *spec);
void client_bind_random(struct client *client, uint16_t channel);
void client_get(struct client *client, uint16_t channel, const struct queue_spec *spec,
                bool no_ack);
void client_delete_queue(struct client *client, uint16_t channel, const struct queue_spec *spec);
void client_delete_exchange(struct client *client, uint16_t channel,
                            const struct exchange_spec *spec);

#endif
