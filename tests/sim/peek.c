/* SPDX-License-Identifier: Apache-2.0 */
/* See peek.h. The one file of the simulator that reads the broker's structures. */
#include "tests/sim/peek.h"

#include "broker/broker.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/exchange.h"
#include "broker/lane_due.h"
#include "broker/message.h"
#include "broker/queue.h"
#include "broker/queue_messages.h"
#include "broker/vhost.h"
#include "proto/properties.h"
#include "proto/table.h"
#include "session/amqp.h"
#include "storage/maintain.h"
#include "storage/store_db.h"
#include "tests/sim/node.h"

#include <inttypes.h>
#include <stdlib.h>

static struct vhost *vhost_of(const struct model *model)
{
    return vhost_find(model->node->broker, slice_str(model->realm->name));
}

static struct queue *queue_of(const struct model *model, const struct m_queue *queue)
{
    struct vhost *vhost = vhost_of(model);
    return vhost ? queue_find(vhost, slice_str(queue->spec->name)) : NULL;
}

/* -- ties -- */

uint64_t peek_queue_order(const struct model *model, const struct m_queue *queue)
{
    /* In the node it may have gone by now. */
    const struct queue *found = queue->gone || queue->node_id ? NULL : queue_of(model, queue);
    return found ? found->target.id : queue->node_id;
}

static void write_headers(struct buf *table, const struct m_message *message)
{
    if (message->header_h >= 0)
        table_add_int32(table, "h", (int32_t)message->header_h);
    if (message->header_g >= 0)
        table_add_int64(table, "g", message->header_g);
}

static void move_to_front(struct vec *queues, size_t front, const struct queue *queue)
{
    for (size_t i = front; i < queues->count; i++) {
        struct m_queue *candidate = queues->at[i];
        if (strcmp(candidate->spec->name, queue->name) != 0)
            continue;
        memmove(queues->at + front + 1, queues->at + front, (i - front) * sizeof *queues->at);
        queues->at[front] = candidate;
        return;
    }
}

void peek_sort_queues(const struct model *model, const struct m_exchange *exchange,
                      const struct m_message *message, const char *const *keys, unsigned key_count,
                      struct vec *queues)
{
    struct vhost *vhost = vhost_of(model);
    struct exchange *source = vhost ? exchange_find(vhost, slice_str(exchange->spec->name)) : NULL;
    if (!source)
        return;
    struct slice slices[M_KEYS_MAX];
    struct buf headers = BUF_INIT;
    struct route_result result = ROUTE_RESULT_INIT;
    for (unsigned i = 0; i < key_count; i++)
        slices[i] = slice_str(keys[i]);
    write_headers(&headers, message);
    struct route_request request = {.exchange = &source->route,
                                    .keys = slices,
                                    .key_count = key_count,
                                    .headers = buf_slice(&headers)};
    router_route(&vhost->router, &request, &result);
    for (size_t i = result.count; i-- > 0;)
        move_to_front(queues, 0, target_queue(result.queues[i]));
    route_result_fini(&result);
    buf_fini(&headers);
}

static void add_due(struct peek_due *due, size_t *count, struct peek_due item,
                    const struct timer *timer, int64_t now_ms)
{
    if (!timer_is_set(timer) || timer->node.key > now_ms)
        return;
    item.key = timer->node.key;
    item.sequence = timer->node.sequence;
    size_t at = (*count)++;
    while (at > 0 && (due[at - 1].key > item.key ||
                      (due[at - 1].key == item.key && due[at - 1].sequence > item.sequence))) {
        due[at] = due[at - 1];
        at--;
    }
    due[at] = item;
}

static void add_queues(const struct model *model, struct peek_due *due, size_t *count, size_t most)
{
    int64_t now_ms = model->node->broker->now_ms;
    for (size_t i = 0; i < model->queues.count && *count + 3 <= most; i++) {
        const struct m_queue *queue = model->queues.at[i];
        const struct queue *found = queue_of(model, queue);
        struct peek_due item = {.queue = queue->spec->name};
        if (!found)
            continue;
        add_due(due, count, item, &found->expiry_timer, now_ms);
        item.length = true;
        add_due(due, count, item, &found->length_timer, now_ms);
        item.length = false;
        item.unused = true;
        add_due(due, count, item, &found->unused_timer, now_ms);
    }
}

static void add_channels(const struct link *link, struct peek_due *due, size_t *count, size_t most)
{
    LIST_EACH(&link->connection->channels, node) {
        const struct channel *channel = CONTAINER_OF(node, struct channel, connection_link);
        struct peek_due item = {.channel = &link->model->channels[channel->number]};
        if (*count < most)
            add_due(due, count, item, &channel->ack_timer, channel->connection->broker->now_ms);
    }
}

static void add_beat(struct link *link, struct peek_due *due, size_t *count, size_t most)
{
    struct peek_due item = {.link = link};
    if (*count < most)
        add_due(due, count, item, &link->amqp->deadline, link->connection->broker->now_ms);
}

bool peek_aborted(const struct link *link)
{
    return link->amqp->state == AMQP_ABORTED;
}

size_t peek_due(const struct model *model, struct peek_due *due, size_t most)
{
    size_t count = 0;
    add_queues(model, due, &count, most);
    for (size_t i = 0; i < model->node->links.count; i++) {
        struct link *link = model->node->links.at[i];
        if (!link->amqp || link->realm != model->realm)
            continue;
        add_channels(link, due, &count, most);
        add_beat(link, due, &count, most);
    }
    return count;
}

/* -- comparing -- */

static uint64_t id_of(const struct message *message)
{
    struct slice id;
    char text[32] = "";
    if (!properties_find(message_properties(message), PROPERTY_MESSAGE_ID, &id))
        return 0;
    memcpy(text, id.data, id.len < sizeof text ? id.len : sizeof text - 1);
    return strtoull(text, NULL, 10);
}

static void compare_entry(struct model *model, const struct entry *entry,
                          const struct m_entry *wanted)
{
    const char *name = wanted->queue->spec->name;
    const struct broker *broker = model->node->broker;
    uint64_t id = id_of(entry->message);
    if (id != wanted->message->id)
        model_fail(model, "%s: holds message %" PRIu64 " where %" PRIu64 " should be", name, id,
                   wanted->message->id);
    if ((wanted->redelivered == M_YES && !entry->redelivered) ||
        (wanted->redelivered == M_NO && entry->redelivered))
        model_fail(model, "%s: message %" PRIu64 " is %sflagged as redelivered, which is wrong",
                   name, id, entry->redelivered ? "" : "not ");
    if (entry->delivery_count != m_count_now(wanted))
        model_fail(model, "%s: message %" PRIu64 " has delivery count %u, expected %u", name, id,
                   entry->delivery_count, m_count_now(wanted));
    if (entry->deadline_ms != wanted->deadline_ms)
        model_fail(model, "%s: message %" PRIu64 " expires in %" PRId64 " ms, expected %" PRId64,
                   name, id, entry->deadline_ms - broker->now_ms,
                   wanted->deadline_ms - broker->now_ms);
    if (entry->is_stored != wanted->stored)
        model_fail(model, "%s: message %" PRIu64 " is %sstored, which is wrong", name, id,
                   entry->is_stored ? "" : "not ");
}

/* The model's entry of this lane after `*index` in its ready list. */
static struct m_entry *next_of_lane(const struct m_queue *queue, int lane, size_t *index)
{
    while (*index < queue->ready.count) {
        struct m_entry *entry = queue->ready.at[(*index)++];
        if (entry->lane == lane)
            return entry;
    }
    return NULL;
}

static size_t list_count(const struct list *list)
{
    size_t count = 0;
    for (const struct list *node = list->next; node != list; node = node->next)
        count++;
    return count;
}

/* What is on the disk alone can't be looked at: it is only counted. Behind it stands the tail. */
static size_t skip_paged(struct model *model, const struct lane *lane, const struct m_queue *wanted,
                         int number, size_t index)
{
    uint64_t count = lane->paged_count + list_count(&lane->resident);
    const struct m_entry *expected;
    for (; count > 0; count--)
        if (!next_of_lane(wanted, number, &index))
            model_fail(model, "%s: has %" PRIu64 " paged messages too many", wanted->spec->name,
                       count);
    for (const struct list *node = lane->tail.next; node != &lane->tail; node = node->next) {
        const struct entry *entry = CONTAINER_OF(node, struct entry, link);
        expected = next_of_lane(wanted, number, &index);
        if (!expected)
            model_fail(model, "%s: holds message %" PRIu64 " that should not be there",
                       wanted->spec->name, id_of(entry->message));
        compare_entry(model, entry, expected);
    }
    return index;
}

static void compare_lane(struct model *model, const struct queue *queue,
                         const struct m_queue *wanted, int number)
{
    size_t index = 0;
    const struct lane *lane = queue->lanes[number];
    const struct m_entry *expected;
    if (lane)
        LIST_EACH(&lane->ready, node) {
            const struct entry *entry = CONTAINER_OF(node, struct entry, link);
            expected = next_of_lane(wanted, number, &index);
            if (!expected)
                model_fail(model, "%s: holds message %" PRIu64 " that should not be there",
                           wanted->spec->name, id_of(entry->message));
            compare_entry(model, entry, expected);
        }
    if (lane && lane->paged_count > 0)
        index = skip_paged(model, lane, wanted, number, index);
    expected = next_of_lane(wanted, number, &index);
    if (expected)
        model_fail(model, "%s: message %" PRIu64 " is lost", wanted->spec->name,
                   expected->message->id);
}

static bool text_is(bool has, struct slice found, const char *text)
{
    return has == (text != NULL) && (!text || slice_equal_str(found, text));
}

static void compare_settings(struct model *model, const struct queue_settings *found,
                             const struct m_queue *queue)
{
    static const enum overflow overflows[] = {
        [SPEC_DROP_HEAD] = OVERFLOW_DROP_HEAD,
        [SPEC_REJECT] = OVERFLOW_REJECT_PUBLISH,
        [SPEC_REJECT_DEAD_LETTER] = OVERFLOW_REJECT_PUBLISH_DLX,
    };
    const struct settings *wanted = &queue->settings;
    int64_t delivery_limit = queue->spec->quorum ? wanted->delivery_limit : -1;
    if (found->message_ttl_ms != wanted->ttl_ms || found->expires_ms != wanted->expires_ms ||
        found->length_max != wanted->length_max || found->bytes_max != wanted->bytes_max ||
        found->delivery_limit != delivery_limit || found->overflow != overflows[wanted->overflow] ||
        !text_is(found->has_dead_letter_exchange, found->dead_letter_exchange,
                 wanted->dead_exchange) ||
        !text_is(found->has_dead_letter_key, found->dead_letter_key, wanted->dead_key))
        model_fail(model, "%s: arguments and policies make something else of it",
                   queue->spec->name);
}

static void compare_queue(struct model *model, struct m_queue *wanted)
{
    const struct queue *queue = queue_of(model, wanted);
    if (!queue)
        model_fail(model, "%s: the queue is lost", wanted->spec->name);
    wanted->node_id = queue->target.id;
    queue_assert(queue);
    compare_settings(model, &queue->settings, wanted);
    for (int i = 0; i <= queue->settings.priority_max; i++)
        compare_lane(model, queue, wanted, i);
    if (queue->unacked_count != wanted->unacked)
        model_fail(model, "%s: %" PRIu64 " messages are unacknowledged, expected %u",
                   wanted->spec->name, queue->unacked_count, wanted->unacked);
    if (queue->consumer_count != wanted->consumers.count)
        model_fail(model, "%s: %u consumers, expected %zu", wanted->spec->name,
                   queue->consumer_count, wanted->consumers.count);
}

static void compare_exchanges(struct model *model, struct vhost *vhost)
{
    size_t own = 0;
    for (size_t i = 0; i < model->exchanges.count; i++) {
        const struct m_exchange *exchange = model->exchanges.at[i];
        own += !exchange->spec->predeclared;
        if (!exchange_find(vhost, slice_str(exchange->spec->name)))
            model_fail(model, "exchange %s is lost", exchange->spec->name);
    }
    size_t count = 0;
    HMAP_EACH(&vhost->exchanges, node)
        count += !CONTAINER_OF(node, struct exchange, node)->predeclared;
    if (count != own)
        model_fail(model, "%zu exchanges, expected %zu", count, own);
    if (vhost->router.bindings.count != model->bindings.count)
        model_fail(model, "%zu bindings, expected %zu", vhost->router.bindings.count,
                   model->bindings.count);
}

/* Nothing on the disk alone expires before the lane's bound says so. */
static void check_bound(struct model *model, const struct lane *lane, const struct m_entry *known)
{
    int64_t deadline_ms;
    uint64_t position;
    (void)lane_due_bound(lane, &deadline_ms, &position);
    if (known->deadline_ms < deadline_ms)
        model_fail(model, "%s: message %" PRIu64 " expires before the node will look for it",
                   known->queue->spec->name, known->message->id);
}

/* The node's entry in memory that the model's may be: the first one from *node on. */
static const struct entry *next_held(const struct lane *lane, const struct list **node)
{
    while (*node == &lane->ready || *node == &lane->resident)
        *node = *node == &lane->ready ? lane->resident.next : lane->tail.next;
    return *node == &lane->tail ? NULL : CONTAINER_OF(*node, struct entry, link);
}

/* Tells those in memory from those on the disk alone, which come to be known in their places. */
static void mark_held(struct model *model, const struct lane *lane, const struct m_queue *queue)
{
    size_t index = 0;
    struct m_entry *known;
    const struct list *node = lane->ready.next;
    while ((known = next_of_lane(queue, lane->priority, &index))) {
        const struct entry *entry = next_held(lane, &node);
        bool held = entry && entry->deadline_ms == known->deadline_ms &&
                    id_of(entry->message) == known->message->id;
        known->node_position = held ? entry->position + 1 : 0;
        known->waits = !held;
        known->back = !held || (lane->paged_count > 0 && entry->position >= lane->page_first);
        if (held)
            node = node->next;
        else
            check_bound(model, lane, known);
    }
}

static bool is_behind(const struct m_entry *known, const struct lane *lane, int64_t deadline_ms,
                      uint64_t position)
{
    if (known->deadline_ms != deadline_ms)
        return known->deadline_ms > deadline_ms;
    if (known->lane != lane->priority)
        return known->lane < lane->priority;
    return known->node_position > position + 1;
}

/* What expires later than something that may be on the disk alone leaves later, too. */
static void mark_behind(const struct lane *lane, const struct m_queue *queue)
{
    int64_t deadline_ms;
    uint64_t position;
    if (!lane_due_bound(lane, &deadline_ms, &position))
        return;
    for (size_t i = 0; i < queue->ready.count; i++) {
        struct m_entry *known = queue->ready.at[i];
        known->waits = known->waits || is_behind(known, lane, deadline_ms, position);
    }
}

void peek_mark_paged(struct model *model)
{
    for (size_t i = 0; i < model->queues.count; i++) {
        const struct m_queue *queue = model->queues.at[i];
        const struct queue *found = queue_of(model, queue);
        for (int lane = 0; found && lane <= found->settings.priority_max; lane++)
            if (found->lanes[lane])
                mark_held(model, found->lanes[lane], queue);
        for (int lane = 0; found && lane <= found->settings.priority_max; lane++)
            if (found->lanes[lane])
                mark_behind(found->lanes[lane], queue);
    }
}

void peek_mark_new(const struct model *model, struct m_entry *entry)
{
    const struct queue *queue = queue_of(model, entry->queue);
    int64_t deadline_ms;
    uint64_t position;
    entry->node_position = UINT64_MAX; /* behind all others of its lane */
    for (int i = 0; queue && i <= queue->settings.priority_max; i++)
        if (queue->lanes[i] && lane_due_bound(queue->lanes[i], &deadline_ms, &position))
            entry->waits = entry->waits || is_behind(entry, queue->lanes[i], deadline_ms, position);
}

static void compare_sums(struct model *model, const struct vhost *vhost)
{
    uint64_t ready = 0;
    uint64_t unacked = 0;
    uint64_t consumers = 0;
    for (size_t i = 0; i < model->queues.count; i++) {
        const struct m_queue *queue = model->queues.at[i];
        ready += queue->ready.count;
        unacked += queue->unacked;
        consumers += queue->consumers.count;
    }
    if (vhost->ready_count != ready || vhost->unacked_count != unacked ||
        vhost->consumer_count != consumers)
        model_fail(model,
                   "the virtual host counts %" PRIu64 " ready, %" PRIu64
                   " unacknowledged messages, %" PRIu64 " consumers, expected %" PRIu64 ", %" PRIu64
                   ", %" PRIu64,
                   vhost->ready_count, vhost->unacked_count, vhost->consumer_count, ready, unacked,
                   consumers);
}

void peek_compare(struct model *model)
{
    struct vhost *vhost = vhost_of(model);
    if (vhost->queues.count != model->queues.count)
        model_fail(model, "%zu queues, expected %zu", vhost->queues.count, model->queues.count);
    for (size_t i = 0; i < model->queues.count; i++)
        compare_queue(model, model->queues.at[i]);
    compare_exchanges(model, vhost);
    compare_sums(model, vhost);
}

bool peek_unreadable(const struct model *model, const struct m_queue *queue)
{
    const struct node *node = model->node;
    const struct queue *found = queue_of(model, queue);
    if (!found || !node_broken(node))
        return false;
    const struct lane *lane = queue_first_lane(found);
    return lane && list_empty(&lane->ready) && lane->unreadable && node->broker->alarms[ALARM_READ];
}

bool peek_waits(const struct model *model, const struct m_queue *queue)
{
    const struct queue *found = queue_of(model, queue);
    return peek_reading(model, queue) || peek_unreadable(model, queue) ||
           (found && node_broken(model->node) && list_linked(&found->runnable_link));
}

uint64_t peek_ready(const struct model *model, const struct m_queue *queue)
{
    const struct queue *found = queue_of(model, queue);
    return found ? found->ready_count : 0;
}

bool peek_reading(const struct model *model, const struct m_queue *queue)
{
    const struct queue *found = queue_of(model, queue);
    for (int i = 0; found && i <= found->settings.priority_max; i++)
        if (found->lanes[i] && found->lanes[i]->read.under_way)
            return true;
    return false;
}

uint64_t peek_given(const struct realm *realm)
{
    const struct batch *given = realm->db->given;
    return given ? given->first + given->op_count - 1 : 0;
}

bool peek_applied(const struct realm *realm)
{
    return realm->db->writer.state == WRITER_DONE;
}

bool peek_refused(const struct node *node)
{
    bool refused = store_node(node->store)->status != ERR_OK;
    for (unsigned i = 0; i < node->realm_count; i++)
        refused = refused || (node->realms[i].db && node->realms[i].db->status != ERR_OK);
    return refused;
}

void peek_maintain(struct node *node)
{
    EACH_REALM(node, realm)
    {
        if (!realm->db)
            continue;
        enum writer_state state = realm->db->writer.state;
        if (state != WRITER_WRITING && state != WRITER_WAITING)
            maintain_step(&realm->db->database, MAINTAIN_IDLE);
    }
}

void peek_empty(struct model *model)
{
    const struct broker *broker = model->node->broker;
    const struct vhost *vhost = vhost_of(model);
    struct store_stats stats;
    store_stats(model->realm->db, &stats);
    const struct {
        const char *what;
        uint64_t count;
    } sums[] = {
        {"messages", broker->message_count},
        {"bytes of messages", broker->message_bytes},
        {"queues", broker->queue_count},
        {"lanes", broker->lane_count},
        {"connections", broker->connection_count},
        {"channels", broker->channel_count},
        {"channels that wait for replies", broker->reply_channels.count},
        {"queues to be dealt from", !list_empty(&broker->runnable)},
        {"lanes to be paged out", !list_empty(&broker->heavy)},
        {"channels to be confirmed", !list_empty(&broker->confirming)},
        {"timers", broker_next_deadline(broker) != INT64_MAX},
        {"bytes for the disk", stats.pending_bytes},
        {"ready messages of the virtual host", vhost->ready_count},
        {"unacknowledged messages of the virtual host", vhost->unacked_count},
        {"consumers of the virtual host", vhost->consumer_count},
        {"channels of the virtual host", vhost->channel_count},
        {"connections of the virtual host", vhost->connection_count},
        {"dead letters on their way", !list_empty(&vhost->dead_letters)},
        {"connections held for the disk", !list_empty(&vhost->waiting)},
    };
    for (size_t i = 0; i < ARRAY_LEN(sums); i++)
        if (sums[i].count > 0)
            model_fail(model, "all is gone, and there are %" PRIu64 " %s left", sums[i].count,
                       sums[i].what);
}
