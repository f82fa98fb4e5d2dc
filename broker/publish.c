/* SPDX-License-Identifier: Apache-2.0 */
/* Routing a message and handing it to the queues found.
 *
 * (1) All queues of one message are appended to in one step, so its rows land in one batch.
 */
#include "broker/publish.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/exchange.h"
#include "broker/message.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "proto/table.h"

#define SENDER_SELECTED_HEADERS 2
#define OUTRUN_DEPTH 1024 /* some turns' worth of deliveries: shorter queues are just in motion */

static void add_key(struct publish_keys *keys, struct slice key)
{
    if (keys->count == keys->capacity) {
        size_t capacity = keys->capacity * 2;
        struct slice *grown = mem_alloc(capacity * sizeof *grown);
        memcpy(grown, keys->all, keys->count * sizeof *grown);
        if (keys->all != keys->fixed)
            mem_free(keys->all);
        keys->all = grown;
        keys->capacity = capacity;
    }
    keys->all[keys->count++] = key;
}

void publish_keys_add(struct publish_keys *keys, struct slice array)
{
    struct field_iter iter = {array};
    struct field_value key;
    while (field_next(&iter, NULL, &key))
        if (key.type == FIELD_LONGSTR)
            add_key(keys, key.bytes);
}

void publish_keys_init(struct publish_keys *keys, struct slice key, struct slice headers)
{
    static const char *const names[SENDER_SELECTED_HEADERS] = {"CC", "BCC"};
    keys->all = keys->fixed;
    keys->capacity = ARRAY_LEN(keys->fixed);
    keys->count = 0;
    add_key(keys, key);
    for (size_t i = 0; headers.len && i < SENDER_SELECTED_HEADERS; i++) {
        struct field_value list;
        if (table_find(headers, names[i], &list) && list.type == FIELD_ARRAY)
            publish_keys_add(keys, list.bytes);
    }
}

void publish_keys_copy(struct buf *out, struct slice array)
{
    struct field_iter iter = {array};
    struct field_value key;
    while (field_next(&iter, NULL, &key))
        if (key.type == FIELD_LONGSTR)
            array_add_str(out, key.bytes);
}

void publish_keys_fini(struct publish_keys *keys)
{
    if (keys->all != keys->fixed)
        mem_free(keys->all);
}

static void append_to_all(const struct route_result *routes, struct message *message,
                          struct publish_result *result)
{
    for (size_t i = 0; i < routes->count; i++) {
        struct queue *queue = target_queue(routes->queues[i]);
        queue->stats.publish++;
        if (queue_append(queue, message, &result->seq) == APPEND_REJECTED)
            result->rejected = true;
        if (queue->consumer_count > 0 && queue->ready_count > OUTRUN_DEPTH)
            result->outruns = true;
        result->queues++;
    }
}

void publish_route_keys(struct exchange *exchange, struct message *message,
                        const struct slice *keys, size_t key_count, struct slice headers,
                        struct route_result *routes, struct publish_result *result)
{
    struct route_request request = {
        .exchange = &exchange->route,
        .keys = keys,
        .key_count = key_count,
        .headers = headers,
    };
    *result = (struct publish_result){0};
    exchange->stats.publish_in++;
    exchange->vhost->stats.publish_in++;
    if (!router_route(&exchange->vhost->router, &request, routes))
        return;
    exchange->stats.publish_out += routes->count;
    exchange->vhost->stats.publish_out += routes->count;
    append_to_all(routes, message, result);
}

void publish_route(struct exchange *exchange, struct message *message, struct slice headers,
                   struct route_result *routes, struct publish_result *result)
{
    struct publish_keys keys;
    publish_keys_init(&keys, message_key(message), headers);
    publish_route_keys(exchange, message, keys.all, keys.count, headers, routes, result);
    publish_keys_fini(&keys);
}
