/* SPDX-License-Identifier: Apache-2.0 */
/* The model's life, and questions about it. */
#include "tests/sim/model.h"

#include <stdarg.h>
#include <stdio.h>

static void add_exchange(struct model *model, const struct exchange_spec *spec)
{
    struct m_exchange *exchange = ARENA_NEW(model->arena, struct m_exchange);
    exchange->spec = spec;
    exchange->died = M_NEVER;
    vec_push(model->arena, &model->exchanges, exchange);
}

static void add_predeclared(struct model *model)
{
    for (unsigned i = 0; i < model->world->exchange_count; i++)
        if (model->world->exchanges[i].predeclared)
            add_exchange(model, &model->world->exchanges[i]);
}

struct model *model_new(struct world *world)
{
    struct model *model = ARENA_NEW(&world->arena, struct model);
    model->world = world;
    model->arena = &world->arena;
    model->trace = &world->trace;
    model->turn = 1;
    for (unsigned i = 0; i < world->rule_count; i++)
        model->rules[i].possible = 1;
    add_predeclared(model);
    return model;
}

void model_empty(struct model *model)
{
    struct vec *all[] = {&model->queues,      &model->exchanges,      &model->bindings,
                         &model->dead_queues, &model->dead_exchanges, &model->dead_bindings,
                         &model->stored,      &model->deliveries,     &model->deaths};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        *all[i] = (struct vec){0};
    add_predeclared(model);
}

void model_take_time(struct model *model, const struct model *now)
{
    model->now_ms = now->now_ms;
    model->wall_ms = now->wall_ms;
    model->turn = now->turn;
    model->handed = now->handed;
    model->durable = now->durable;
    model->phase = now->phase;
    model->entered = now->entered;
}

_Noreturn void model_fail(struct model *model, const char *format, ...)
{
    char text[800];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    trace_violation(model->trace, "%s", text);
}

struct m_queue *model_queue(const struct model *model, const char *name)
{
    for (size_t i = 0; i < model->queues.count; i++) {
        struct m_queue *queue = model->queues.at[i];
        if (!strcmp(queue->spec->name, name))
            return queue;
    }
    return NULL;
}

struct m_exchange *model_exchange(const struct model *model, const char *name)
{
    for (size_t i = 0; i < model->exchanges.count; i++) {
        struct m_exchange *exchange = model->exchanges.at[i];
        if (!strcmp(exchange->spec->name, name))
            return exchange;
    }
    return NULL;
}

uint32_t m_count_now(const struct m_entry *entry)
{
    return entry->counts ? entry->counts->value : 0;
}

struct m_expect *model_expect(struct model *model, struct m_connection *connection,
                              uint16_t channel, enum method_kind kind)
{
    struct m_expect *expect = ARENA_NEW(model->arena, struct m_expect);
    expect->channel = channel;
    expect->kind = kind;
    vec_push(model->arena, &connection->expected, expect);
    return expect;
}
