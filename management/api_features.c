/* SPDX-License-Identifier: Apache-2.0 */
/* Feature flags and deprecated features, as clients ask for them before they rely on one.
 *
 * (1) The list is fixed: what is there works from the first start and cannot be turned off. A flag for
 *     what Bilby does not have is shown as "unavailable", and cannot be turned on.
 */
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/list.h"

/* ---- feature flags ---- */

/* By RabbitMQ's names, those that say something about what a client can see. */
#define FLAG_TABLE(X)                                                                              \
    X("direct_exchange_routing_v2", true, "Direct exchanges route by an index")                    \
    X("drop_unroutable_metric", true, "Dropped unroutable messages are counted")                   \
    X("empty_basic_get_metric", true, "basic.get on an empty queue is counted")                    \
    X("implicit_default_bindings", true, "Queues' bindings to the default exchange are implicit")  \
    X("quorum_queue", true, "Queues of the type quorum")                                           \
    X("stream_queue", false, "Queues of the type stream")                                          \
    X("user_limits", true, "Limits of users")                                                      \
    X("virtual_host_metadata", true, "Virtual hosts have a description and tags")

static const struct flag {
    const char *name;
    bool available;
    const char *description;
} flags[] = {
#define X(flag_name, flag_available, text) {flag_name, flag_available, text},
    FLAG_TABLE(X)
#undef X
};

static const char *const by_name[] = {"name", NULL};

static json_t *flag_row(const struct flag *flag)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "name", flag->name, "desc",
                     flag->description, "doc_url", "", "state",
                     flag->available ? "enabled" : "unavailable", "stability",
                     flag->available ? "required" : "stable", "provided_by", "bilby");
}

void feature_flags_list(struct call *call)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        json_array_append_new(rows, flag_row(&flags[i]));
    list_answer(call, rows, by_name);
}

void feature_flag_enable(struct call *call)
{
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (flags[i].available && slice_equal_str(call_arg(call, "name"), flags[i].name)) {
            call_empty(call, 204);
            return;
        }
    }
    call_error(call, 400, "bad_request", "unsupported");
}

/* ---- deprecated features ---- */

static bool uses_global_qos(const struct call *call)
{
    LIST_EACH(&call->broker->connections, connection_link) {
        const struct connection *connection =
            CONTAINER_OF(connection_link, struct connection, broker_link);
        LIST_EACH(&connection->channels, link)
            if (CONTAINER_OF(link, struct channel, connection_link)->prefetch_global > 0)
                return true;
    }
    return false;
}

static bool uses_transient_queues(const struct call *call)
{
    LIST_EACH(&call->broker->vhost_list, link) {
        struct vhost *vhost = CONTAINER_OF(link, struct vhost, broker_link);
        HMAP_EACH(&vhost->queues, node) {
            const struct queue *queue = CONTAINER_OF(node, struct queue, node);
            if (!queue->durable && !queue->exclusive)
                return true;
        }
    }
    return false;
}

static bool always(const struct call *call)
{
    (void)call;
    return true;
}

/* What RabbitMQ is going to take away; all of it stays here. */
static const struct deprecated {
    const char *name;
    const char *description;
    bool (*used)(const struct call *call);
} deprecated[] = {
    {"global_qos", "A prefetch limit that a channel's consumers share", uses_global_qos},
    {"management_metrics_collection", "Counters and rates in the management API", always},
    {"transient_nonexcl_queues", "Queues that are neither durable nor exclusive",
     uses_transient_queues},
};

static json_t *deprecated_row(const struct deprecated *feature)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "name", feature->name, "desc",
                     feature->description, "doc_url", "", "state", "permitted", "deprecation_phase",
                     "permitted_by_default", "provided_by", "bilby");
}

static void list_deprecated(struct call *call, bool only_used)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < ARRAY_LEN(deprecated); i++)
        if (!only_used || deprecated[i].used(call))
            json_array_append_new(rows, deprecated_row(&deprecated[i]));
    list_answer(call, rows, by_name);
}

void deprecated_features_list(struct call *call)
{
    list_deprecated(call, false);
}

void deprecated_features_used(struct call *call)
{
    list_deprecated(call, true);
}
