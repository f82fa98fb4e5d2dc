/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to the management API. */
#include "server/facts.h"

#include "broker/broker.h"
#include "broker/connection.h"
#include "server/client.h"
#include "server/configuration.h"
#include "server/endpoint.h"
#include "server/http_server.h"
#include "server/kernel.h"
#include "server/library_memory.h"
#include "server/loop.h"
#include "server/resources.h"
#include "server/tls.h"
#include "session/amqp_connection.h"
#include "storage/store.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* With more, the rest are taken to be like these: a request must not hold the loop. */
#define CONNECTIONS_LOOKED_AT 500

void facts_add_listener(struct facts *facts, const char *protocol, int fd)
{
    struct sockaddr_storage own = {0};
    socklen_t len = sizeof(own);
    if (facts->listener_count == LISTENERS_MAX ||
        getsockname(fd, (struct sockaddr *)&own, &len) < 0)
        return;
    struct listener_facts *listener = &facts->listeners[facts->listener_count++];
    char address[ENDPOINT_TEXT_MAX];
    listener->protocol = protocol;
    listener->port = endpoint_print_host((struct sockaddr *)&own, address);
    snprintf(listener->address, sizeof(listener->address), "%s", address);
}

static void tell_node(void *context, struct node_facts *out)
{
    const struct facts *facts = context;
    const struct resources *resources = facts->resources;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    out->pid = (uint64_t)getpid();
    out->uptime_ms = (uint64_t)(resources->loop->now_ms - facts->started_ms);
    out->processors = processors > 0 ? (uint64_t)processors : FACT_UNKNOWN;
    out->threads_used = threads_used();
    out->threads_most = threads_most();
    out->fd_used = resources_descriptors(resources);
    out->fd_total = resources->descriptors_max;
    out->memory_used = resources->memory_used;
    out->memory_limit = resources->memory_limit;
    out->disk_free = resources->disk_free;
    out->disk_free_limit = resources->disk_free_limit;
    out->data_directory = facts->data_directory;
    out->config_file = facts->config_file;
}

static void tell_load(void *context, struct load_facts *out)
{
    const struct facts *facts = context;
    const struct resources *resources = facts->resources;
    out->memory_used = resources->memory_used;
    out->disk_free = resources->disk_free;
    out->turn_longest_ns = loop_longest_ns(resources->loop);
    out->turns = (struct histogram_facts){resources->loop->turns, &LOOP_TURN_BOUNDS};
    struct store_stats store;
    store_total(resources->store, &store);
    out->store_pending = store.pending_bytes;
    out->store_file = store.file_bytes;
    out->store_free = store.free_bytes;
    out->store_memory = store_memory();
    out->tls_memory = library_memory_tls();
    out->event_memory = library_memory_events();
    out->mapped_memory = memory_kinds().mapped;
    out->commits = (struct histogram_facts){store.commits, &STORE_COMMIT_BOUNDS};
    out->batches = (struct histogram_facts){store.batch_operations, &STORE_BATCH_BOUNDS};
}

static SSL_CTX *tls_of(const struct facts *facts, const char *protocol)
{
    if (strcmp(protocol, "amqp/ssl") == 0)
        return *facts->amqp_tls;
    return strcmp(protocol, "https") == 0 ? http_server_tls(facts->http) : NULL;
}

/* The heap is asked as a whole: parts of it are told apart by those who know them. */
static void tell_heap(struct memory_facts *out)
{
    struct mallinfo2 heap = mallinfo2();
    struct memory_kinds kinds = memory_kinds();
    out->resident = kinds.mapped + kinds.anonymous;
    out->mapped = kinds.mapped;
    out->heap_used = heap.uordblks + heap.hblkhd;
    /* What is free may have been given back, piece by piece; used pages are resident. */
    uint64_t rest = kinds.anonymous > out->heap_used ? kinds.anonymous - out->heap_used : 0;
    out->heap_free = heap.fordblks < rest ? heap.fordblks : rest;
}

/* What a part of the connections has, for all of them. */
static uint64_t scaled(uint64_t bytes, size_t part, size_t all)
{
    return part ? bytes / part * all + bytes % part * all / part : 0;
}

static void tell_memory(void *context, struct memory_facts *out)
{
    const struct facts *facts = context;
    struct amqp_memory sum = {0};
    size_t looked_at = 0;
    LIST_EACH(&facts->resources->broker->connections, link) {
        if (looked_at == CONNECTIONS_LOOKED_AT)
            break;
        amqp_connection_memory(CONTAINER_OF(link, struct connection, broker_link), &sum);
        looked_at++;
    }
    size_t all = facts->clients->count;
    size_t scale = looked_at == CONNECTIONS_LOOKED_AT && all > looked_at ? all : looked_at;
    out->conversations = scaled(sum.conversations, looked_at, scale) + all * client_memory();
    out->outputs = scaled(sum.outputs, looked_at, scale);
    out->channels = scaled(sum.channels, looked_at, scale);
    out->store = store_memory();
    out->tls = library_memory_tls();
    out->events = library_memory_events();
    tell_heap(out);
}

static size_t tell_listeners(void *context, struct listener_facts *out, size_t most)
{
    const struct facts *facts = context;
    size_t count = facts->listener_count < most ? facts->listener_count : most;
    memcpy(out, facts->listeners, count * sizeof(*out));
    for (size_t i = 0; i < count; i++)
        out[i].certificate_expires_s = tls_expires_s(tls_of(facts, out[i].protocol));
    return count;
}

static bool tell_connection(void *context, const struct connection *connection,
                            struct connection_facts *out)
{
    struct amqp_connection_info info;
    (void)context;
    if (!amqp_connection_info(connection, &info))
        return false;
    *out = (struct connection_facts){
        .protocol = "AMQP 0-9-1",
        .state = info.state,
        .auth_mechanism = info.auth_mechanism,
        .client_properties = info.client_properties,
        .user_provided_name = info.user_provided_name,
        .channel_max = info.channel_max,
        .frame_max = info.frame_max,
        .heartbeat_s = info.heartbeat_s,
        .received_bytes = info.received_bytes,
        .received_frames = info.received_frames,
        .sent_bytes = info.sent_bytes,
        .sent_frames = info.sent_frames,
        .send_pending = info.send_pending_bytes,
        .tls_version = info.tls_protocol,
        .tls_cipher = info.tls_cipher,
    };
    return true;
}

static void tell_environment(void *context,
                             void (*each)(void *row, const char *key, const char *value), void *row)
{
    const struct facts *facts = context;
    configuration_each(facts->configuration, each, row);
}

struct management_host facts_host(struct facts *facts)
{
    return (struct management_host){
        .context = facts,
        .node = tell_node,
        .load = tell_load,
        .memory = tell_memory,
        .listeners = tell_listeners,
        .connection = tell_connection,
        .environment = tell_environment,
    };
}
