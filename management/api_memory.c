/* SPDX-License-Identifier: Apache-2.0 */
/* What the process's memory is used for, under RabbitMQ's names for the like of it.
 *
 * (1) Each part is measured or counted by itself; other_system is what the heap holds beyond those
 *     that are named, so that the parts add up to what the process has, within a few per cent.
 */
#include "broker/exchange.h"
#include "broker/lane.h"
#include "broker/message.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/node.h"

#define PIECE ((uint64_t)16) /* what malloc adds to a piece, on average */

/* part, RabbitMQ's name, how many bytes; `it` is a struct sources */
#define PARTS(X)                                                                                   \
    X(READERS, "connection_readers", it->host.conversations)                                       \
    X(WRITERS, "connection_writers", it->host.outputs)                                             \
    X(CHANNELS, "connection_channels", it->host.channels)                                          \
    X(TLS, "connection_other", it->host.tls)                                                       \
    X(QUEUES, "queue_procs", queues_memory(it->broker))                                            \
    X(MESSAGES, "binary", messages_memory(it->broker))                                             \
    X(TOPOLOGY, "mnesia", topology_memory(it->broker))                                             \
    X(STORE, "msg_index", it->host.store)                                                          \
    X(EVENTS, "plugins", it->host.events)                                                          \
    X(CODE, "code", it->host.mapped)                                                               \
    X(UNUSED, "allocated_unused", it->host.heap_free)

enum part {
#define X(part, name, bytes) PART_##part,
    PARTS(X)
#undef X
        PART_COUNT
};

struct sources {
    const struct broker *broker;
    struct memory_facts host;
};

struct memory {
    uint64_t parts[PART_COUNT];
    uint64_t other;
    uint64_t total; /* of all parts and the other */
    uint64_t resident;
};

static uint64_t messages_memory(const struct broker *broker)
{
    return broker->message_bytes + broker->message_count * (sizeof(struct message) + PIECE);
}

static uint64_t queues_memory(const struct broker *broker)
{
    return broker->queue_count *
               (uint64_t)(sizeof(struct queue) + sizeof(struct lane) + 8 * PIECE) +
           broker->message_count * (uint64_t)(sizeof(struct entry) + PIECE);
}

static uint64_t topology_memory(const struct broker *broker)
{
    uint64_t bytes = 0;

    for (const struct list *node = broker->vhost_list.next; node != &broker->vhost_list;
         node = node->next) {
        const struct vhost *vhost = CONTAINER_OF(node, struct vhost, broker_link);
        bytes += sizeof(*vhost) + vhost->exchanges.count * (sizeof(struct exchange) + 4 * PIECE) +
                 vhost->router.bindings.count * (sizeof(struct binding) + 8 * PIECE);
    }
    return bytes;
}

/* Without a host that knows more: messages, and all the rest. */
static void split_in_two(struct memory *memory, const struct broker *broker, uint64_t resident)
{
    uint64_t messages = broker->message_bytes < resident ? broker->message_bytes : resident;

    *memory = (struct memory){.other = resident - messages, .total = resident};
    memory->parts[PART_MESSAGES] = messages;
    memory->resident = resident;
}

static void add_up(struct memory *memory, const struct sources *it)
{
    uint64_t named = 0;

#define X(part, name, bytes) memory->parts[PART_##part] = (bytes);
    PARTS(X)
#undef X
    for (size_t i = 0; i < PART_COUNT; i++)
        named += memory->parts[i];
    /* Neither mapped files nor what is free is of the heap's used part. */
    uint64_t heap = named - it->host.mapped - it->host.heap_free;
    memory->other = it->host.heap_used > heap ? it->host.heap_used - heap : 0;
    memory->total = named + memory->other;
    memory->resident = it->host.resident;
}

static bool read_memory(struct call *call, struct memory *memory)
{
    const struct management_host *host = &call->management->host;
    struct node_facts facts;
    struct sources it = {.broker = call->broker};

    if (!node_check(call))
        return false;
    *memory = (struct memory){0};
    if (host->memory) {
        host->memory(host->context, &it.host);
        add_up(memory, &it);
        return true;
    }
    node_ask(call, &facts);
    if (facts.memory_used == FACT_UNKNOWN) {
        call_json(call, json_pack("{s:s}", "memory", "not_available"));
        return false;
    }
    split_in_two(memory, call->broker, facts.memory_used);
    return true;
}

static uint64_t percent(const struct memory *memory, uint64_t bytes)
{
    return memory->total ? bytes * 100 / memory->total : 0;
}

/* Parts that are nothing are left out where there is no more than that to tell. */
static json_t *breakdown(const struct memory *memory, bool relative)
{
    static const char *const names[PART_COUNT] = {
#define X(part, name, bytes) [PART_##part] = (name),
        PARTS(X)
#undef X
    };
    json_t *object = json_object();
    bool all = memory->parts[PART_CODE] > 0;
    uint64_t shares = 0;

    for (size_t i = 0; i < PART_COUNT; i++) {
        if (!all && i != PART_MESSAGES)
            continue;
        uint64_t share = percent(memory, memory->parts[i]);
        json_put_number(object, names[i], relative ? share : memory->parts[i]);
        shares += share;
    }
    json_put_number(object, "other_system", relative ? 100 - shares : memory->other);
    return object;
}

void node_memory_get(struct call *call)
{
    struct memory memory;

    if (!read_memory(call, &memory))
        return;
    json_t *object = breakdown(&memory, false);
    json_t *total = json_object();
    json_put_number(total, "rss", memory.resident);
    json_put_number(total, "allocated", memory.total);
    json_put(object, "strategy", json_string("rss"));
    json_put(object, "total", total);
    call_json(call, json_pack("{s:o}", "memory", object));
}

/* In percent. */
void node_memory_relative_get(struct call *call)
{
    struct memory memory;

    if (!read_memory(call, &memory))
        return;
    json_t *object = breakdown(&memory, true);
    json_put_number(object, "total", 100);
    call_json(call, json_pack("{s:o}", "memory", object));
}
