/* SPDX-License-Identifier: Apache-2.0 */
/* Heartbeats: the node gives up who is silent, nobody else, and is not silent itself.
 *
 * Time comes in jumps, and the node looks once a turn: so silence is measured in time for what the node
 * must not do yet, and in looks that it could have had, half an interval apart, for what it must have
 * done by then.
 */
#include "tests/sim/node.h"

#include "broker/connection.h"

#include <inttypes.h>

#define LOOKS_MAX 8 /* two whole intervals, begun at any time, and one more for good measure */
#define BEATS_MAX 4

static int64_t interval_ms(const struct node *node)
{
    return node->world->heartbeat_s * 1000;
}

void node_heard(const struct node *node, struct link *link)
{
    link->heard_ms = link->looked_ms = node->now_ms;
    link->looks = 0;
}

void node_check_abort(const struct node *node, const struct link *link)
{
    int64_t silence_ms = node->now_ms - link->heard_ms;
    if (link->model->state != M_OPEN)
        return;
    if (!node->world->heartbeat_s || silence_ms < 2 * interval_ms(node))
        model_fail(node->model, "client %u is given up after %" PRId64 " ms of silence",
                   link->client, silence_ms);
}

static void check_client(struct node *node, struct link *link)
{
    if (connection_paused(link->connection)) {
        link->looked_ms = node->now_ms; /* nobody listens */
        link->looks = 0;
        return;
    }
    if (node->now_ms - link->looked_ms < interval_ms(node) / 2)
        return;
    link->looked_ms = node->now_ms;
    if (++link->looks > LOOKS_MAX)
        model_fail(node->model, "client %u is silent for %" PRId64 " ms and not given up",
                   link->client, node->now_ms - link->heard_ms);
}

static void check_node(struct node *node, struct link *link)
{
    if (link->tapped != link->beat_tapped || outq_len(amqp_connection_output(link->amqp)) > 0) {
        link->beat_tapped = link->tapped;
        link->beats_missed = 0;
        link->beat_ms = node->now_ms;
        return;
    }
    if (node->now_ms - link->beat_ms < interval_ms(node) / 2)
        return;
    link->beat_ms = node->now_ms;
    if (++link->beats_missed > BEATS_MAX)
        model_fail(node->model, "client %u gets no heartbeats", link->client);
}

void node_check_silence(struct node *node)
{
    for (size_t i = 0; node->world->heartbeat_s && i < node->links.count; i++) {
        struct link *link = node->links.at[i];
        if (!link->amqp || !link->model->running || link->model->state != M_OPEN)
            continue;
        check_client(node, link);
        check_node(node, link);
    }
}
