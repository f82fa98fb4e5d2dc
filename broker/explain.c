/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a walk down; see explain.h.
 *
 *   router_explain() → observe(): ENTER     → the next stop is being asked
 *                                 MATCHED   → written down; a target not seen before: a stop or queue
 *                                 UNMATCHED → among the nearest, if it is near
 *                                 QUEUE     → a queue
 *                                 ALTERNATE → a stop
 */
#include "broker/explain.h"

#include "base/buf.h"
#include "base/hmap.h"
#include "base/mem.h"
#include "broker/exchange.h"
#include "broker/publish.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "routing/exchange_type.h"

/* A target that has been reached, so that it is written down once. */
struct seen {
    struct hmap_node node;
    const struct route_target *target;
};

struct writer {
    struct route_observer observer;
    struct explanation *explanation;
    const struct route_request *request;
    struct hmap seen; /* struct seen, by the target's id */
    size_t at;        /* the stop that is being asked */
    size_t stop_capacity;
    size_t matched_left;
};

/* ---- what has been reached ---- */

/* True the first time. */
static bool reach(struct writer *writer, const struct route_target *target)
{
    uint64_t hash = hmap_hash_u64(target->id, writer->request->exchange->router->seed);
    struct hmap_node *node = hmap_first(&writer->seen, hash);

    for (; node; node = hmap_next_same(node))
        if (CONTAINER_OF(node, struct seen, node)->target == target)
            return false;
    struct seen *seen = MEM_NEW(struct seen);
    seen->target = target;
    hmap_insert(&writer->seen, &seen->node, hash);
    return true;
}

static void forget_seen(struct writer *writer)
{
    HMAP_EACH_SAFE(&writer->seen, node) {
        hmap_remove(&writer->seen, node);
        mem_free(CONTAINER_OF(node, struct seen, node));
    }
    hmap_fini(&writer->seen);
}

static void add_stop(struct writer *writer, struct exchange *exchange, enum explain_reached reached,
                     const struct binding *by)
{
    struct explanation *explanation = writer->explanation;

    explanation->stops = mem_grow(explanation->stops, &writer->stop_capacity,
                                  explanation->stop_count, sizeof(explanation->stops[0]));
    explanation->stops[explanation->stop_count++] = (struct explain_stop){
        .exchange = exchange, .reached = reached, .by = by, .from = writer->at};
}

static void add_queue(struct writer *writer, struct queue *queue, const struct binding *by)
{
    struct explanation *explanation = writer->explanation;

    if (explanation->queue_count == EXPLAIN_QUEUES_MAX)
        return;
    explanation->queues[explanation->queue_count++] =
        (struct explain_queue){.queue = queue, .by = by, .from = writer->at};
}

/* The walk hands out const pointers; what is written down is shown, never changed, but the functions
 * that show it take the objects as they are. */
static struct route_target *target_of(const struct route_target *target)
{
    return (struct route_target *)(uintptr_t)target;
}

static void note_target(struct writer *writer, const struct route_target *target,
                        const struct binding *by)
{
    /* Queues past the last one written down need not be told apart. */
    if (!target->is_exchange && writer->explanation->queue_count == EXPLAIN_QUEUES_MAX)
        return;
    if (!reach(writer, target))
        return;
    if (target->is_exchange)
        add_stop(writer, target_exchange(target_of(target)),
                 by ? EXPLAIN_BINDING : EXPLAIN_ALTERNATE, by);
    else
        add_queue(writer, target_queue(target_of(target)), by);
}

/* ---- bindings ---- */

static void note_matched(struct writer *writer, struct explain_stop *stop,
                         const struct binding *binding)
{
    stop->matched_total++;
    if (writer->matched_left == 0)
        return;
    writer->matched_left--;
    if ((stop->matched_count & (stop->matched_count - 1)) == 0) {
        size_t capacity = stop->matched_count ? 2 * stop->matched_count : 1;
        stop->matched = mem_realloc((void *)stop->matched, capacity * sizeof(stop->matched[0]));
    }
    stop->matched[stop->matched_count++] = binding;
}

/* Keeps the nearest, in order; of equals those that came first. */
static void note_near(struct explain_stop *stop, const struct binding *binding, uint32_t distance)
{
    size_t place = stop->near_count;

    while (place > 0 && stop->near[place - 1].distance > distance)
        place--;
    if (place == EXPLAIN_NEAR_MAX)
        return;
    size_t last = stop->near_count < EXPLAIN_NEAR_MAX ? stop->near_count++ : stop->near_count - 1;
    for (size_t i = last; i > place; i--)
        stop->near[i] = stop->near[i - 1];
    stop->near[place] = (struct explain_near){.binding = binding, .distance = distance};
}

static void note_unmatched(struct writer *writer, struct explain_stop *stop,
                           const struct binding *binding)
{
    const struct exchange_type *type = stop->exchange->route.type;

    stop->unmatched_total++;
    writer->explanation->looked_at++;
    if (type->miss)
        note_near(stop, binding, type->miss(writer->request, binding, NULL));
}

static void observe(struct route_observer *observer, enum route_event event,
                    const struct route_exchange *exchange, const struct binding *binding,
                    const struct route_target *target)
{
    struct writer *writer = CONTAINER_OF(observer, struct writer, observer);
    struct explanation *explanation = writer->explanation;
    struct explain_stop *stop = &explanation->stops[writer->at];

    switch (event) {
    case ROUTE_ENTER:
        /* They are entered in the order in which they were reached. */
        while (&explanation->stops[writer->at].exchange->route != exchange)
            CHECK(++writer->at < explanation->stop_count);
        break;
    case ROUTE_MATCHED:
        note_matched(writer, stop, binding);
        note_target(writer, binding->destination, binding);
        break;
    case ROUTE_UNMATCHED:
        note_unmatched(writer, stop, binding);
        break;
    case ROUTE_QUEUE:
        note_target(writer, target, NULL);
        break;
    case ROUTE_ALTERNATE:
        stop->alternate = target_exchange(target_of(target));
        note_target(writer, target, NULL);
        break;
    }
}

/* ---- the whole ---- */

/* Only now, for the few that are left. */
static void add_reasons(const struct explanation *explanation, const struct route_request *request)
{
    for (size_t i = 0; i < explanation->stop_count && i < EXPLAIN_STOPS_MAX; i++) {
        struct explain_stop *stop = &explanation->stops[i];
        for (size_t k = 0; k < stop->near_count; k++) {
            struct buf reason = BUF_INIT;
            stop->exchange->route.type->miss(request, stop->near[k].binding, &reason);
            stop->near[k].reason = slice_dup(buf_slice(&reason));
            buf_fini(&reason);
        }
    }
}

void explain_route(struct explanation *explanation, struct exchange *exchange, struct slice key,
                   struct slice headers)
{
    struct route_result result = ROUTE_RESULT_INIT;
    struct publish_keys keys;
    publish_keys_init(&keys, key, headers);
    struct route_request request = {
        .exchange = &exchange->route,
        .keys = keys.all,
        .key_count = keys.count,
        .headers = headers,
    };
    struct writer writer = {
        .observer = {.work_max = EXPLAIN_WORK_MAX, .step = observe},
        .explanation = explanation,
        .request = &request,
        .matched_left = EXPLAIN_MATCHED_MAX,
    };

    *explanation = (struct explanation){
        .queues = mem_alloc(EXPLAIN_QUEUES_MAX * sizeof(struct explain_queue))};
    (void)reach(&writer, &exchange->route.target);
    add_stop(&writer, exchange, EXPLAIN_PUBLISHED, NULL);
    router_explain(&exchange->vhost->router, &request, &result, &writer.observer);
    explanation->queue_total = result.count;
    explanation->cut = writer.observer.work >= EXPLAIN_WORK_MAX;
    add_reasons(explanation, &request);
    forget_seen(&writer);
    route_result_fini(&result);
    publish_keys_fini(&keys);
}

void explanation_fini(struct explanation *explanation)
{
    for (size_t i = 0; i < explanation->stop_count; i++) {
        struct explain_stop *stop = &explanation->stops[i];
        for (size_t k = 0; k < stop->near_count; k++)
            mem_free(stop->near[k].reason);
        mem_free((void *)stop->matched);
    }
    mem_free(explanation->stops);
    mem_free(explanation->queues);
    *explanation = (struct explanation){0};
}
