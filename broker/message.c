/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: made once, shared by reference. See message.h for the invariants. */
#include "broker/message.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "proto/properties.h"
#include "proto/reply.h"

#include <inttypes.h>

static size_t message_size(const struct message *message)
{
    return sizeof *message + message->exchange_len + message->key_len + message->properties_len +
           message->bcc_len + message->body_len;
}

bool message_size_check(const struct broker *broker, uint64_t size, struct reply *reply)
{
    uint64_t most = broker->options.message_size_max;
    if (size <= most)
        return true;
    return reply_set(reply, REPLY_PRECONDITION_FAILED,
                     "message size %" PRIu64 " is larger than configured max size %" PRIu64, size,
                     most);
}

static void copy_in(uint8_t **at, struct slice from)
{
    if (from.len)
        memcpy(*at, from.data, from.len);
    *at += from.len;
}

static void read_properties(struct message *message)
{
    struct properties map;
    properties_map(&map, message_properties(message));
    message->priority = properties_octet(&map, PROPERTY_PRIORITY, 0);
    message->persistent = properties_persistent(&map);
    message->has_headers = properties_has(&map, PROPERTY_HEADERS);
}

/* Small ones from the pool of their size. */
static void *allocate(struct broker *broker, size_t size, uint8_t *pool)
{
    for (uint8_t i = 0; i < BROKER_MESSAGE_POOLS; i++) {
        if (size > MESSAGE_POOL_MIN << i)
            continue;
        *pool = (uint8_t)(i + 1);
        return pool_take(&broker->small_messages[i]);
    }
    return mem_try_alloc(size);
}

struct message *message_new_with_bcc(struct broker *broker, struct slice exchange, struct slice key,
                                     struct slice properties, struct slice bcc, uint64_t body_len)
{
    CHECK(exchange.len <= UINT8_MAX);
    CHECK(key.len <= UINT8_MAX);
    CHECK(properties.len <= UINT32_MAX);
    CHECK(bcc.len <= UINT32_MAX);
    CHECK(body_len <= UINT32_MAX);
    uint8_t pool = 0;
    struct message *message = allocate(
        broker, sizeof *message + exchange.len + key.len + properties.len + bcc.len + body_len,
        &pool);
    if (!message)
        return NULL;
    *message = (struct message){
        .broker = broker,
        .ttl_ms = MESSAGE_NO_TTL,
        .body_len = (uint32_t)body_len,
        .refs = 1,
        .pool = pool,
        .properties_len = (uint32_t)properties.len,
        .bcc_len = (uint32_t)bcc.len,
        .exchange_len = (uint8_t)exchange.len,
        .key_len = (uint8_t)key.len,
    };
    uint8_t *at = message->data;
    copy_in(&at, exchange);
    copy_in(&at, key);
    copy_in(&at, properties);
    copy_in(&at, bcc);
    read_properties(message);
    broker->message_bytes += message_size(message);
    broker->message_count++;
    return message;
}

struct message *message_new(struct broker *broker, struct slice exchange, struct slice key,
                            struct slice properties, uint64_t body_len)
{
    return message_new_with_bcc(broker, exchange, key, properties, slice_of(NULL, 0), body_len);
}

struct message *message_with_properties(const struct message *message, struct slice exchange,
                                        struct slice key, struct slice properties, struct slice bcc)
{
    struct message *copy =
        message_new_with_bcc(message->broker, exchange, key, properties, bcc, message->body_len);
    if (!copy)
        return NULL;
    copy->ttl_ms = message->ttl_ms;
    if (message->body_len)
        memcpy(message_body_bytes(copy), message_body(message).data, message->body_len);
    return copy;
}

void message_free(struct message *message)
{
    struct broker *broker = message->broker;
    CHECK(message->refs == 0);
    CHECK(broker->message_count > 0);
    broker->message_count--;
    broker->message_bytes -= message_size(message);
    if (message->pool)
        pool_give(&broker->small_messages[message->pool - 1], message);
    else
        mem_free(message);
}

struct slice message_headers(const struct message *message)
{
    struct slice headers;
    if (message->has_headers &&
        properties_find(message_properties(message), PROPERTY_HEADERS, &headers))
        return headers;
    return slice_of(NULL, 0);
}
