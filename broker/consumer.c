/* SPDX-License-Identifier: Apache-2.0 */
/* Consumers and the groups in which a queue keeps them. See consumer.h for the invariants. */
#include "broker/consumer.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/queue.h"
#include "broker/vhost.h"

static struct consumer_group *group_for(struct queue *queue, int64_t priority)
{
    struct list *before = &queue->groups;
    LIST_EACH(&queue->groups, node) {
        struct consumer_group *group = CONTAINER_OF(node, struct consumer_group, link);
        if (group->priority == priority)
            return group;
        if (group->priority < priority) {
            before = node;
            break;
        }
    }
    struct consumer_group *group = MEM_NEW(struct consumer_group);
    group->priority = priority;
    list_init(&group->ready);
    list_insert_before(&group->link, before);
    return group;
}

static void leave_group(struct consumer *consumer)
{
    struct consumer_group *group = consumer->group;
    list_remove(&consumer->ready_link);
    CHECK(group->consumers > 0);
    if (--group->consumers > 0)
        return;
    CHECK(list_empty(&group->ready));
    list_remove(&group->link);
    mem_free(group);
}

struct consumer *consumer_new(struct channel *channel, struct queue *queue, struct slice tag,
                              int64_t priority)
{
    struct consumer *consumer = MEM_NEW(struct consumer);
    consumer->channel = channel;
    consumer->queue = queue;
    consumer->tag = slice_dup(tag);
    list_init(&consumer->ready_link);
    list_init(&consumer->channel_link);
    list_init(&consumer->queue_link);
    consumer->group = group_for(queue, priority);
    consumer->group->consumers++;
    list_push_back(&channel->consumers, &consumer->channel_link);
    hmap_insert(&channel->consumer_tags, &consumer->tag_node,
                hmap_hash(tag, channel->connection->broker->hash_seed));
    channel->consumer_count++;
    list_push_back(&queue->consumers, &consumer->queue_link);
    queue->consumer_count++;
    queue->vhost->consumer_count++;
    queue->had_consumer = true;
    timer_clear(&queue->vhost->broker->timers, &queue->unused_timer);
    return consumer;
}

bool consumer_can_take(const struct consumer *consumer)
{
    const struct channel *channel = consumer->channel;
    const struct queue *queue = consumer->queue;
    if (channel->connection->congested || !channel->flow_active)
        return false;
    if (queue->settings.single_active_consumer && queue->single_active != consumer)
        return false;
    if (consumer->no_ack)
        return true;
    if (consumer->prefetch && consumer->unacked >= consumer->prefetch)
        return false;
    if (channel->prefetch_global && channel->unacked_consumed >= channel->prefetch_global)
        return false;
    uint32_t most = channel->connection->broker->options.unacked_per_channel_max;
    return most == 0 || channel->unacked_count < most;
}

void consumer_wake(struct consumer *consumer)
{
    if (list_linked(&consumer->ready_link) || !consumer_can_take(consumer))
        return;
    list_push_back(&consumer->group->ready, &consumer->ready_link);
    queue_wake(consumer->queue);
}

/* A single-active queue whose active consumer left: the next in line, by priority, then age. */
static void choose_active(struct queue *queue)
{
    struct consumer *best = NULL;
    LIST_EACH(&queue->consumers, node) {
        struct consumer *candidate = CONTAINER_OF(node, struct consumer, queue_link);
        if (!best || candidate->group->priority > best->group->priority)
            best = candidate;
    }
    queue->single_active = best;
    if (best)
        consumer_wake(best);
}

static void detach(struct consumer *consumer)
{
    struct channel *channel = consumer->channel;
    struct queue *queue = consumer->queue;
    channel_forget_consumer(channel, consumer);
    leave_group(consumer);
    list_remove(&consumer->channel_link);
    hmap_remove(&channel->consumer_tags, &consumer->tag_node);
    channel->consumer_count--;
    list_remove(&consumer->queue_link);
    queue->consumer_count--;
    queue->vhost->consumer_count--;
    if (queue->exclusive_consumer == consumer)
        queue->exclusive_consumer = NULL;
    if (queue->single_active == consumer)
        choose_active(queue);
}

static void release(struct consumer *consumer)
{
    mem_free(consumer->tag);
    buf_fini(&consumer->arguments);
    mem_free(consumer);
}

void consumer_free(struct consumer *consumer)
{
    struct queue *queue = consumer->queue;
    detach(consumer);
    release(consumer);
    if (queue->consumer_count > 0 || queue->deleted)
        return;
    if (queue->auto_delete)
        queue_destroy(queue);
    else
        queue_touch(queue);
}

void consumer_cancel_by_broker(struct consumer *consumer)
{
    struct channel *channel = consumer->channel;
    detach(consumer);
    channel->ops->cancelled(channel, slice_str(consumer->tag));
    release(consumer);
}
