/* SPDX-License-Identifier: Apache-2.0 */
/* A queue's life: made, found, destroyed; its timers; its settings. What happens to its messages is
 * in queue_messages.c, to its consumers in queue_dispatch.c, declarations in queue_declare.c.
 */
#include "broker/queue.h"

#include "base/history.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/connection.h"
#include "broker/consumer.h"
#include "broker/exchange.h"
#include "broker/queue_messages.h"
#include "broker/vhost.h"
#include "proto/table.h"
#include "storage/store.h"

static uint64_t name_hash(const struct vhost *vhost, struct slice name)
{
    return hmap_hash(name, vhost->broker->hash_seed);
}

struct queue *queue_find(struct vhost *vhost, struct slice name)
{
    struct hmap_node *node = hmap_first(&vhost->queues, name_hash(vhost, name));
    for (; node; node = hmap_next_same(node)) {
        struct queue *queue = CONTAINER_OF(node, struct queue, node);
        if (slice_equal_str(name, queue->name))
            return queue;
    }
    return NULL;
}

static void write_record(struct queue *queue, bool put)
{
    struct store_record record = {
        .kind = STORE_QUEUE,
        .values = {{.bytes = slice_str(queue->name)},
                   {.bytes = slice_str(queue_type_name(queue->type))},
                   {.integer = queue->auto_delete},
                   {.bytes = buf_slice(&queue->arguments)}},
    };
    if (put)
        vhost_put_record(queue->vhost, &record);
    else
        vhost_remove_record(queue->vhost, &record);
}

static void unused_expired(struct timer *timer, int64_t now_ms)
{
    (void)now_ms;
    struct queue *queue = CONTAINER_OF(timer, struct queue, unused_timer);
    log_debug(queue->vhost->broker->log, "queue expired", "vhost=%s queue=%s", queue->vhost->name,
              queue->name);
    queue_destroy(queue);
}

static void init_members(struct queue *queue)
{
    list_init(&queue->owner_link);
    list_init(&queue->groups);
    list_init(&queue->consumers);
    list_init(&queue->runnable_link);
    timer_init(&queue->expiry_timer, queue_expiry_due);
    timer_init(&queue->unused_timer, unused_expired);
    timer_init(&queue->length_timer, queue_length_due);
}

enum policy_kind queue_policy_kind(const struct queue *queue)
{
    return queue->type == QUEUE_QUORUM ? POLICY_QUORUM : POLICY_CLASSIC;
}

/* Arguments and policies together. */
static void work_out_settings(struct queue *queue, struct policy_effect *policies,
                              struct queue_settings *settings)
{
    policy_effect_init(policies, queue->vhost->broker->policies, slice_str(queue->vhost->name),
                       slice_str(queue->name), queue_policy_kind(queue));
    queue_settings_read(settings, buf_slice(&queue->arguments), buf_slice(&policies->definition),
                        queue->type);
}

struct queue *queue_create(struct vhost *vhost, const struct queue_declare *declare,
                           enum queue_type type, struct connection *owner, bool store)
{
    struct broker *broker = vhost->broker;
    struct queue *queue = MEM_NEW(struct queue);
    queue->vhost = vhost;
    queue->refs = 1;
    queue->name = slice_dup(declare->name);
    queue->durable = declare->durable && !owner;
    queue->auto_delete = declare->auto_delete;
    queue->exclusive = owner != NULL;
    queue->owner = owner;
    queue->idle_since_wall_ms = broker->wall_ms;
    init_members(queue);
    table_sort(&queue->arguments, declare->arguments);
    queue->type = type;
    work_out_settings(queue, &queue->policies, &queue->settings);
    queue->lanes = mem_zalloc((queue->settings.priority_max + 1u) * sizeof(struct lane *));
    if (owner)
        list_push_back(&owner->exclusive_queues, &queue->owner_link);
    route_target_init(&queue->target, &vhost->router);
    hmap_insert(&vhost->queues, &queue->node, name_hash(vhost, declare->name));
    router_changed(&vhost->router);
    broker->queue_count++;
    if (queue->durable && store)
        write_record(queue, true);
    queue_touch(queue);
    return queue;
}

void queue_ref(struct queue *queue)
{
    queue->refs++;
}

static void free_lanes(struct queue *queue)
{
    for (unsigned i = 0; i <= queue->settings.priority_max; i++)
        lane_free(queue->lanes[i]);
    mem_free(queue->lanes);
}

void queue_unref(struct queue *queue)
{
    CHECK(queue->refs > 0);
    if (--queue->refs > 0)
        return;
    CHECK(queue->deleted);
    CHECK(queue->ready_count == 0);
    CHECK(list_empty(&queue->groups));
    free_lanes(queue);
    heap_fini(&queue->expiry);
    buf_fini(&queue->arguments);
    policy_effect_fini(&queue->policies);
    history_free(queue->history);
    mem_free(queue->name);
    mem_free(queue);
}

static void cancel_consumers(struct queue *queue)
{
    while (!list_empty(&queue->consumers))
        consumer_cancel_by_broker(LIST_FIRST(&queue->consumers, struct consumer, queue_link));
}

static void delete_stored(struct queue *queue)
{
    for (unsigned i = 0; i <= queue->settings.priority_max; i++) {
        struct lane *lane = queue->lanes[i];
        if (lane && lane->store_id && vhost_keeps_rows(queue->vhost))
            store_lane_delete(queue->vhost->db, lane->store_id);
        if (lane && lane->transient_id && vhost_keeps_rows(queue->vhost))
            store_lane_delete(queue->vhost->db, lane->transient_id);
    }
    if (queue->durable)
        write_record(queue, false);
}

static void leave_vhost(struct queue *queue)
{
    struct vhost *vhost = queue->vhost;
    hmap_remove(&vhost->queues, &queue->node);
    router_changed(&vhost->router);
    vhost->broker->queue_count--;
    vhost->unacked_count -= queue->unacked_count; /* what is out is nobody's from now on */
    list_remove(&queue->owner_link);
    list_remove(&queue->runnable_link);
    timer_clear(&vhost->broker->timers, &queue->expiry_timer);
    timer_clear(&vhost->broker->timers, &queue->unused_timer);
    timer_clear(&vhost->broker->timers, &queue->length_timer);
}

void queue_destroy(struct queue *queue)
{
    CHECK(!queue->deleted);
    struct vhost *vhost = queue->vhost;
    queue->deleted = true;
    queue->settings.single_active_consumer = false;
    leave_vhost(queue);
    cancel_consumers(queue);
    exchange_drop_bindings_to(vhost, &queue->target);
    queue_purge_ready(queue);
    delete_stored(queue);
    vhost->broker->churn.queues_deleted++;
    queue_unref(queue);
}

/* The time for which it may stay unused starts now, if it is unused. */
static void watch_unused(struct queue *queue)
{
    struct timers *timers = &queue->vhost->broker->timers;
    if (queue->settings.expires_ms >= 0 && queue->consumer_count == 0 && !queue->deleted)
        timer_set(timers, &queue->unused_timer,
                  queue->vhost->broker->now_ms + queue->settings.expires_ms);
    else
        timer_clear(timers, &queue->unused_timer);
}

void queue_touch(struct queue *queue)
{
    struct broker *broker = queue->vhost->broker;
    queue->idle_since_wall_ms = broker->wall_ms;
    watch_unused(queue);
}

void queue_apply_policies(struct queue *queue)
{
    CHECK(!queue->deleted);
    struct policy_effect policies;
    struct queue_settings settings;
    work_out_settings(queue, &policies, &settings);
    CHECK(settings.priority_max == queue->settings.priority_max); /* no policy's matter */
    policy_effect_fini(&queue->policies);
    queue->policies = policies;
    queue->settings = settings;
    if (queue->settings.overflow == OVERFLOW_DROP_HEAD && queue_over_length(queue))
        timer_set(&queue->vhost->broker->timers, &queue->length_timer,
                  queue->vhost->broker->now_ms);
    watch_unused(queue);
}
