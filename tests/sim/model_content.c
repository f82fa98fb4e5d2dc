/* SPDX-License-Identifier: Apache-2.0 */
/* Is what arrives what was sent? Properties and bodies made and compared field by field. */
#include "tests/sim/model.h"

#include "proto/properties.h"
#include "proto/table.h"

#include <stdio.h>

uint8_t model_body_byte(uint64_t id, uint64_t at)
{
    return (uint8_t)(id * 31 + at * 7 + (at >> 8));
}

static void set_text(struct properties *properties, enum property id, const char *text)
{
    if (text)
        properties_set(properties, id, slice_str(text));
}

static void add_array(struct buf *table, const char *name, const char *const *texts, size_t count)
{
    struct buf array = BUF_INIT;
    for (size_t i = 0; i < count; i++)
        if (texts[i])
            array_add_str(&array, slice_str(texts[i]));
    if (array.len)
        table_add_array(table, name, buf_slice(&array));
    buf_fini(&array);
}

static void write_headers(struct buf *table, const struct m_message *message)
{
    if (message->header_h >= 0)
        table_add_int32(table, "h", (int32_t)message->header_h);
    if (message->header_g >= 0)
        table_add_int64(table, "g", message->header_g);
    add_array(table, "CC", message->cc, 2);
    add_array(table, "BCC", &message->bcc, 1);
}

struct slice model_properties(struct model *model, const struct m_message *message)
{
    struct properties properties = {0};
    struct buf headers = BUF_INIT;
    struct buf out = BUF_INIT;
    char id[32];
    snprintf(id, sizeof id, "%lu", (unsigned long)message->id);
    uint8_t mode = 2;
    uint8_t priority = (uint8_t)message->priority;
    set_text(&properties, PROPERTY_MESSAGE_ID, id);
    set_text(&properties, PROPERTY_EXPIRATION, message->expiration);
    set_text(&properties, PROPERTY_USER_ID, message->user_id);
    set_text(&properties, PROPERTY_REPLY_TO, message->wants_reply ? "amq.rabbitmq.reply-to" : NULL);
    write_headers(&headers, message);
    if (message->has_headers)
        properties_set(&properties, PROPERTY_HEADERS, buf_slice(&headers));
    if (message->persistent)
        properties_set(&properties, PROPERTY_DELIVERY_MODE, slice_of(&mode, 1));
    if (message->priority >= 0)
        properties_set(&properties, PROPERTY_PRIORITY, slice_of(&priority, 1));
    properties_encode(&out, &properties);
    struct slice copy = arena_copy(model->arena, buf_slice(&out));
    buf_fini(&out);
    buf_fini(&headers);
    return copy;
}

/* -- comparing -- */

static bool text_is(struct slice table, const char *name, const char *text)
{
    struct field_value value;
    return table_find(table, name, &value) && value.type == FIELD_LONGSTR &&
           slice_equal_str(value.bytes, text);
}

static bool number_is(struct slice table, const char *name, int64_t number)
{
    struct field_value value;
    return table_find(table, name, &value) && field_is_integer(value.type) &&
           value.integer == number;
}

static bool time_is(struct slice table, int64_t seconds)
{
    struct field_value value;
    return table_find(table, "time", &value) && value.type == FIELD_TIMESTAMP &&
           value.integer == seconds;
}

static bool array_is(struct slice table, const char *name, const char *const *texts, size_t count)
{
    struct field_value value;
    if (!table_find(table, name, &value) || value.type != FIELD_ARRAY)
        return false;
    struct field_iter iter = {value.bytes};
    for (size_t i = 0; i < count; i++) {
        if (!texts[i])
            continue;
        struct field_value text;
        if (!field_next(&iter, NULL, &text) || text.type != FIELD_LONGSTR ||
            !slice_equal_str(text.bytes, texts[i]))
            return false;
    }
    return iter.rest.len == 0;
}

static size_t field_count(struct slice table)
{
    struct field_iter iter = {table};
    struct slice name;
    struct field_value value;
    size_t count = 0;
    while (field_next(&iter, &name, &value))
        count++;
    return count;
}

/* Notes what is being looked at, for the violation's text. */
#define IS(what, condition) (*why = (what), (condition))

static bool death_matches(const struct m_death *death, struct slice table, const char **why)
{
    size_t fields = death->original_expiration ? 7 : 6;
    return IS("x-death original-expiration",
              !death->original_expiration ||
                  text_is(table, "original-expiration", death->original_expiration)) &&
           IS("x-death fields", field_count(table) == fields) &&
           IS("x-death reason", text_is(table, "reason", death->reason)) &&
           IS("x-death queue", text_is(table, "queue", death->queue)) &&
           IS("x-death count", number_is(table, "count", death->count)) &&
           IS("x-death exchange", text_is(table, "exchange", death->exchange)) &&
           IS("x-death time", time_is(table, death->time_s)) &&
           IS("x-death routing-keys",
              array_is(table, "routing-keys", death->keys, death->key_count));
}

static bool marks_match(const struct m_death *mark, const char *which, struct slice headers)
{
    char queue[32], reason[32], exchange[32];
    snprintf(queue, sizeof queue, "x-%s-death-queue", which);
    snprintf(reason, sizeof reason, "x-%s-death-reason", which);
    snprintf(exchange, sizeof exchange, "x-%s-death-exchange", which);
    return text_is(headers, queue, mark->queue) && text_is(headers, reason, mark->reason) &&
           text_is(headers, exchange, mark->exchange);
}

static bool deaths_match(const struct m_message *message, struct slice headers, const char **why)
{
    struct field_value list;
    if (!IS("x-death", table_find(headers, "x-death", &list) && list.type == FIELD_ARRAY))
        return false;
    struct field_iter iter = {list.bytes};
    for (unsigned i = 0; i < message->death_count; i++) {
        struct field_value table;
        if (!IS("x-death length", field_next(&iter, NULL, &table) && table.type == FIELD_TABLE) ||
            !death_matches(&message->deaths[i], table.bytes, why))
            return false;
    }
    return IS("x-death length", iter.rest.len == 0) &&
           IS("x-first-death", marks_match(&message->first, "first", headers)) &&
           IS("x-last-death", marks_match(&message->last, "last", headers));
}

static bool headers_match(const struct m_message *message, uint32_t count, struct slice headers,
                          const char **why)
{
    size_t fields = 0;
    *why = "headers h, g";
    if (message->header_h >= 0 && (fields++, !number_is(headers, "h", message->header_h)))
        return false;
    if (message->header_g >= 0 && (fields++, !number_is(headers, "g", message->header_g)))
        return false;
    *why = "header CC";
    if (message->cc[0] && (fields++, !array_is(headers, "CC", message->cc, 2)))
        return false;
    if (message->death_count && (fields += 7, !deaths_match(message, headers, why)))
        return false;
    *why = "header x-delivery-count";
    if (count && (fields++, !number_is(headers, "x-delivery-count", count)))
        return false;
    *why = "more headers than expected";
    return field_count(headers) == fields;
}

static bool property_is(const struct properties *properties, enum property id, const char *text)
{
    if (!text)
        return !properties_has(properties, id);
    return properties_has(properties, id) && slice_equal_str(properties->values[id], text);
}

bool model_content_matches(struct model *model, const struct m_message *message, uint32_t count,
                           const struct m_frame *frame, const char **why)
{
    const struct m_content *content = &frame->content;
    struct properties properties;
    struct reply reply;
    *why = "malformed properties";
    if (!properties_parse(&properties, content->properties, &reply))
        return false;
    *why = "another message";
    if (content->id != message->id)
        return false;
    *why = "body";
    if (!content->body_good || content->body_len != message->body_len)
        return false;
    *why = "expiration";
    if (!property_is(&properties, PROPERTY_EXPIRATION, message->expiration))
        return false;
    *why = "user id";
    if (!property_is(&properties, PROPERTY_USER_ID, message->user_id))
        return false;
    *why = "delivery mode";
    if (properties_persistent(&properties) != message->persistent)
        return false;
    *why = "priority";
    if (properties_has(&properties, PROPERTY_PRIORITY) != (message->priority >= 0) ||
        (message->priority >= 0 &&
         properties_octet(&properties, PROPERTY_PRIORITY, 0) != message->priority))
        return false;
    *why = "reply-to";
    return model_reply_matches(model, message, properties_get(&properties, PROPERTY_REPLY_TO)) &&
           headers_match(message, count, properties_get(&properties, PROPERTY_HEADERS), why);
}
