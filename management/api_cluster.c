/* SPDX-License-Identifier: Apache-2.0 */
/* What operators of a cluster ask for, answered by the only node: nothing is to be moved, synchronised
 * or started, so all that is possible is done already. */
#include "management/node.h"
#include "management/sampler.h"

/* Every queue's leader is here. */
void queues_rebalance(struct call *call)
{
    call_empty(call, 204);
}

/* A virtual host that exists runs. */
void vhost_start(struct call *call)
{
    struct slice node = call_arg(call, "node"), vhost = call_arg(call, "vhost");

    if (!slice_equal_str(node, node_name(call)))
        call_error(call, 400, "bad_request", "Request to node %.*s failed with nodedown",
                   SLICE_FMT(node));
    else if (!call->vhost)
        call_error(call, 400, "bad_request",
                   "Request to node %s failed with {no_such_vhost,<<\"%.*s\">>}", node_name(call),
                   SLICE_FMT(vhost));
    else
        call_empty(call, 204);
}

/* A queue has one replica: it is in step with itself. */
void queue_action(struct call *call)
{
    static const char *const keys[] = {"action", NULL};

    if (!call_queue(call))
        return;
    json_t *body = call_body(call);
    if (body && call_keys(call, body, keys)) {
        struct slice action = json_slice(json_object_get(body, "action"));
        if (slice_equal_str(action, "sync") || slice_equal_str(action, "cancel_sync"))
            call_empty(call, 204);
        else
            call_bad_term(call, "unknown", action);
    }
    json_decref(body);
}

/* ---- statistics ---- */

/* Forgets the past; counters, and what is there, stay. */
void statistics_reset(struct call *call)
{
    if (call->capture_count > 0 && !node_check(call))
        return;
    sampler_forget(call->management->sampler, call->management);
    call_empty(call, 204);
}

/* Tables of Erlang's: RabbitMQ's answer when none match. */
void node_tables_get(struct call *call)
{
    if (node_check(call))
        call_json(call, json_pack("{s:s}", "ets_tables_memory", "no_tables"));
}
