/* SPDX-License-Identifier: Apache-2.0 */
/* Names, routes and shares from numbers. */
#include "tools/perf_plan.h"

#include "base/check.h"
#include "proto/table.h"

#include <string.h>

static const char *const TYPES[] = {"direct", "fanout", "topic", "headers"};

/* Binding keys that all match "<key>.alpha.beta". */
static const char *const MATCHING[] = {
    "%s.alpha.beta", "%s.*.beta", "%s.#",      "%s.alpha.*",
    "%s.alpha.#",    "%s.*.*",    "%s.#.beta", "#.%s.alpha.beta",
};
/* Others, that match no key in use. */
static const char *const IDLE[] = {"other%u.alpha.beta", "other%u.*.beta", "other%u.#",
                                   "*.other%u.beta"};

static uint32_t number(uint64_t value)
{
    CHECK(value <= UINT32_MAX);
    return (uint32_t)value;
}

static enum perf_routing routing_of(const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++)
        if (strcmp(type, TYPES[i]) == 0)
            return (enum perf_routing)i;
    return PERF_DIRECT;
}

static void name_exchange(struct perf_plan *plan)
{
    const struct perf_options *o = plan->options;
    if (o->exchange[0])
        snprintf(plan->exchange, sizeof(plan->exchange), "%s", o->exchange);
    else if (o->type[0])
        snprintf(plan->exchange, sizeof(plan->exchange), "bilby-perf-%s", o->type);
    plan->declare_exchange =
        plan->exchange[0] && !o->predeclared && strncmp(plan->exchange, "amq.", 4) != 0;
}

static uint32_t count_bindings(const struct perf_plan *plan)
{
    if (!plan->exchange[0])
        return 0;
    switch (plan->routing) {
    case PERF_DIRECT:
        return plan->keys;
    case PERF_FANOUT:
        return plan->queues;
    case PERF_TOPIC:
    case PERF_HEADERS:
        break;
    }
    uint64_t matching = (uint64_t)plan->keys * plan->options->matches;
    return number(plan->options->bindings > matching ? plan->options->bindings : matching);
}

void perf_plan_init(struct perf_plan *plan, const struct perf_options *options)
{
    *plan = (struct perf_plan){.options = options, .routing = routing_of(options->type)};
    name_exchange(plan);
    plan->queues =
        options->queue_pattern[0] ? number(options->queue_to - options->queue_from + 1) : 1;
    plan->keys = number(options->keys);
    if (plan->keys == 0)
        plan->keys = plan->routing == PERF_DIRECT ? plan->queues : 1;
    plan->bindings = count_bindings(plan);
    plan->producers = number(options->producers * options->producer_channels);
    plan->consumers = number(options->consumers * options->consumer_channels);
}

void perf_plan_queue_name(const struct perf_plan *plan, uint32_t queue, char out[PERF_NAME_SIZE])
{
    const struct perf_options *o = plan->options;
    const char *place = strstr(o->queue_pattern, "%d");
    if (!place)
        snprintf(out, PERF_NAME_SIZE, "%s", o->queue);
    else
        snprintf(out, PERF_NAME_SIZE, "%.*s%llu%s", (int)(place - o->queue_pattern),
                 o->queue_pattern, (unsigned long long)o->queue_from + queue, place + 2);
}

/* What distinguishes a key: its first word. */
static void key_word(const struct perf_plan *plan, uint32_t key, char out[PERF_NAME_SIZE])
{
    const char *prefix = plan->options->routing_key[0] ? plan->options->routing_key : "key";
    snprintf(out, PERF_NAME_SIZE, "%.200s%u", prefix, key);
}

/* Direct keys are queue names, unless the user wants other ones. */
static void direct_key_name(const struct perf_plan *plan, uint32_t key, char out[PERF_NAME_SIZE])
{
    const struct perf_options *o = plan->options;
    if (o->keys)
        key_word(plan, key, out);
    else if (o->routing_key[0])
        snprintf(out, PERF_NAME_SIZE, "%s", o->routing_key);
    else
        perf_plan_queue_name(plan, key, out);
}

void perf_plan_key_name(const struct perf_plan *plan, uint32_t key, char out[PERF_NAME_SIZE])
{
    char word[PERF_NAME_SIZE];
    switch (plan->routing) {
    case PERF_DIRECT:
        direct_key_name(plan, key, out);
        return;
    case PERF_FANOUT:
    case PERF_HEADERS:
        key_word(plan, key, out);
        return;
    case PERF_TOPIC:
        key_word(plan, key, word);
        snprintf(out, PERF_NAME_SIZE, "%.220s.alpha.beta", word);
        return;
    }
}

static void add_part(struct buf *table, uint32_t part)
{
    char name[16];
    snprintf(name, sizeof(name), "part%u", part);
    table_add_str(table, name, slice_str("yes"));
}

void perf_plan_key_headers(const struct perf_plan *plan, uint32_t key, struct buf *table)
{
    char word[PERF_NAME_SIZE];
    if (plan->routing != PERF_HEADERS)
        return;
    key_word(plan, key, word);
    table_add_str(table, "key", slice_str(word));
    for (uint32_t i = 0; i < plan->options->matches; i++)
        add_part(table, i);
}

__attribute__((format(printf, 2, 0))) static void print_key(char out[PERF_NAME_SIZE],
                                                            const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(out, PERF_NAME_SIZE, format, arguments);
    va_end(arguments);
}

static void topic_binding(const struct perf_plan *plan, uint32_t binding, char out[PERF_NAME_SIZE])
{
    char word[PERF_NAME_SIZE];
    uint32_t matches = (uint32_t)plan->options->matches;
    if (binding >= plan->keys * matches) {
        print_key(out, IDLE[binding % ARRAY_LEN(IDLE)], binding);
        return;
    }
    key_word(plan, binding / matches, word);
    print_key(out, MATCHING[binding % matches], word);
}

static void headers_binding(const struct perf_plan *plan, uint32_t binding, struct buf *arguments)
{
    char word[PERF_NAME_SIZE];
    uint32_t matches = (uint32_t)plan->options->matches;
    if (binding < plan->keys * matches)
        key_word(plan, binding / matches, word);
    else
        snprintf(word, sizeof(word), "other%u", binding);
    table_add_str(arguments, "x-match", slice_str("all"));
    table_add_str(arguments, "key", slice_str(word));
    add_part(arguments, binding % matches);
}

uint32_t perf_plan_binding(const struct perf_plan *plan, uint32_t binding, char key[PERF_NAME_SIZE],
                           struct buf *arguments)
{
    key[0] = '\0';
    switch (plan->routing) {
    case PERF_DIRECT:
        perf_plan_key_name(plan, binding, key);
        break;
    case PERF_FANOUT:
        break;
    case PERF_TOPIC:
        topic_binding(plan, binding, key);
        break;
    case PERF_HEADERS:
        headers_binding(plan, binding, arguments);
        break;
    }
    return binding % plan->queues;
}

uint32_t perf_plan_route_count(const struct perf_plan *plan)
{
    switch (plan->routing) {
    case PERF_DIRECT:
        return 1;
    case PERF_FANOUT:
        return plan->queues;
    case PERF_TOPIC:
    case PERF_HEADERS:
        break;
    }
    uint32_t matches = (uint32_t)plan->options->matches;
    return matches < plan->queues ? matches : plan->queues;
}

uint32_t perf_plan_route(const struct perf_plan *plan, uint32_t key, uint32_t i)
{
    switch (plan->routing) {
    case PERF_DIRECT:
        return key % plan->queues;
    case PERF_FANOUT:
        return i;
    case PERF_TOPIC:
    case PERF_HEADERS:
        break;
    }
    return (key * (uint32_t)plan->options->matches + i) % plan->queues;
}

uint32_t perf_share_count(uint32_t owned, uint32_t owners, uint32_t owner)
{
    if (owned < owners)
        return 1;
    return owned / owners + (owner < owned % owners);
}

uint32_t perf_share(uint32_t owned, uint32_t owners, uint32_t owner, uint32_t i)
{
    return owned < owners ? owner % owned : owner + i * owners;
}

static bool keys_are_queues(const struct perf_plan *plan)
{
    return plan->routing == PERF_DIRECT && plan->options->keys == 0;
}

uint32_t perf_plan_producer_keys(const struct perf_plan *plan, uint32_t producer)
{
    return keys_are_queues(plan) ? perf_share_count(plan->keys, plan->producers, producer)
                                 : plan->keys;
}

uint32_t perf_plan_producer_key(const struct perf_plan *plan, uint32_t producer, uint32_t i)
{
    return keys_are_queues(plan) ? perf_share(plan->keys, plan->producers, producer, i) : i;
}

uint32_t perf_plan_queue_consumers(const struct perf_plan *plan, uint32_t queue)
{
    if (plan->consumers == 0)
        return 0;
    if (plan->queues >= plan->consumers)
        return 1;
    return plan->consumers / plan->queues + (queue < plan->consumers % plan->queues);
}
