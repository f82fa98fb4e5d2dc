/* SPDX-License-Identifier: Apache-2.0 */
/* A message: immutable and reference-counted from the moment its last body byte arrives until the
 * last queue, channel or store batch lets go of it. One allocation holds it all.
 *
 * (1) Exchange, routing key and property bytes are as they arrived; whoever must change them makes
 *     a new message (message_with_properties()).
 * (2) Only its maker writes to the body, and only before anyone else has a reference.
 * (3) References are counted on the event loop's thread alone; the store's writer just reads.
 * (4) BCC keys are no part of the properties, so nobody who receives or inspects a message sees
 *     them: they lie behind, and serve when it is dead-lettered.
 */
#ifndef BROKER_MESSAGE_H
#define BROKER_MESSAGE_H

#include "base/slice.h"

#define MESSAGE_NO_TTL (-1)
#define MESSAGE_POOL_MIN ((size_t)128) /* the smallest pool's pieces; each next is twice that */

struct broker;
struct reply;

struct message {
    struct broker *broker; /* whose memory account it is in */
    int64_t ttl_ms;        /* from the expiration property; MESSAGE_NO_TTL when there is none */
    uint32_t body_len;
    uint32_t refs;
    uint32_t properties_len; /* property flags and list, without class, weight and body size */
    uint32_t bcc_len;        /* the content of the BCC array that came with it; mostly 0 */
    uint8_t exchange_len;
    uint8_t key_len;
    uint8_t priority; /* the priority property, 0 when absent */
    bool persistent;  /* delivery-mode 2 */
    uint8_t pool;     /* whose piece it is: 1 + index in broker->small_messages; 0: malloc */
    bool has_headers; /* there is a headers table: message_headers() is worth a call */
    uint8_t data[];   /* exchange, routing key, properties, BCC, body */
};

/* 406 for a body above options.message_size_max. */
bool message_size_check(const struct broker *broker, uint64_t size, struct reply *reply);
/* With one reference, the caller's; body bytes are the caller's to fill in. Reads priority,
 * delivery mode and the presence of headers out of `properties` (validated bytes); ttl_ms is set by
 * the publishing path. NULL when there is no memory for it. */
struct message *message_new(struct broker *broker, struct slice exchange, struct slice key,
                            struct slice properties, uint64_t body_len);
/* The same with the content of a BCC array. */
struct message *message_new_with_bcc(struct broker *broker, struct slice exchange, struct slice key,
                                     struct slice properties, struct slice bcc, uint64_t body_len);
/* A copy with other property bytes, BCC keys, exchange and key. */
struct message *message_with_properties(const struct message *message, struct slice exchange,
                                        struct slice key, struct slice properties,
                                        struct slice bcc);
void message_free(struct message *message);

static inline struct message *message_ref(struct message *message)
{
    message->refs++;
    return message;
}

static inline void message_unref(struct message *message)
{
    if (--message->refs == 0)
        message_free(message);
}

static inline struct slice message_exchange(const struct message *message)
{
    return slice_of(message->data, message->exchange_len);
}

static inline struct slice message_key(const struct message *message)
{
    return slice_of(message->data + message->exchange_len, message->key_len);
}

static inline struct slice message_properties(const struct message *message)
{
    return slice_of(message->data + message->exchange_len + message->key_len,
                    message->properties_len);
}

/* The content of the BCC array; empty when there is none. */
static inline struct slice message_bcc(const struct message *message)
{
    return slice_of(message_properties(message).data + message->properties_len, message->bcc_len);
}

/* The properties and what is hidden behind them, as they are stored. */
static inline struct slice message_stored_properties(const struct message *message)
{
    return slice_of(message_properties(message).data,
                    (size_t)message->properties_len + message->bcc_len);
}

static inline uint8_t *message_body_bytes(struct message *message)
{
    return message->data + message->exchange_len + message->key_len + message->properties_len +
           message->bcc_len;
}

static inline struct slice message_body(const struct message *message)
{
    return slice_of(message->data + message->exchange_len + message->key_len +
                        message->properties_len + message->bcc_len,
                    message->body_len);
}

/* The headers table's content; empty when there is none. */
struct slice message_headers(const struct message *message);

#endif
