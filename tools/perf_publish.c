/* SPDX-License-Identifier: Apache-2.0 */
/* Making templates, and messages of them. */
#include "tools/perf_publish.h"

#include "base/mem.h"
#include "proto/basic.h"
#include "proto/properties.h"
#include "proto/table.h"

#include <errno.h>
#include <stdlib.h>

#define COPIED_MAX 4096 /* bodies up to that are copied, larger ones borrowed */

/* ---- "K=V" ---- */

static bool is_number(const char *text, int64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0;
}

static void add_typed(struct buf *table, const char *key, const char *value)
{
    int64_t number;
    if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
        table_add_bool(table, key, value[0] == 't');
    else if (is_number(value, &number))
        table_add_int64(table, key, number);
    else
        table_add_str(table, key, slice_str(value));
}

void perf_pairs_add(struct buf *table, const char *pairs)
{
    char key[256];
    char value[256];
    bool bad = false;
    while (perf_pair_next(&pairs, key, value, &bad))
        add_typed(table, key, value);
}

/* ---- properties ---- */

/* A message's properties in the making. Strings live in `texts`, one for each property. */
struct making {
    struct properties properties;
    struct buf headers;
    uint8_t timestamp[8];
    char texts[PROPERTY_COUNT][256];
    uint8_t octets[PROPERTY_COUNT];
};

static void set_octet(struct making *making, enum property id, uint8_t value)
{
    making->octets[id] = value;
    properties_set(&making->properties, id, slice_of(&making->octets[id], 1));
}

static void set_text(struct making *making, enum property id, const char *text)
{
    snprintf(making->texts[id], sizeof(making->texts[id]), "%s", text);
    properties_set(&making->properties, id, slice_str(making->texts[id]));
}

/* The property of that name (with - or _); PROPERTY_COUNT: none, or the headers table itself. */
static enum property find_property(const char *name)
{
    char plain[256];
    snprintf(plain, sizeof(plain), "%s", name);
    for (char *at = plain; *at; at++)
        *at = *at == '-' ? '_' : *at;
    for (int id = 0; id < PROPERTY_COUNT; id++)
        if (id != PROPERTY_HEADERS && strcmp(property_name((enum property)id), plain) == 0)
            return (enum property)id;
    return PROPERTY_COUNT;
}

static bool set_property(struct making *making, const char *key, const char *value)
{
    enum property id = find_property(key);
    int64_t number = 0;
    if (id == PROPERTY_COUNT) {
        add_typed(&making->headers, key, value);
        return true;
    }
    switch (property_type(id)) {
    case PROPERTY_TYPE_SHORTSTR:
        set_text(making, id, value);
        return strlen(value) < 256;
    case PROPERTY_TYPE_OCTET:
        if (!is_number(value, &number) || number < 0 || number > 255)
            return false;
        set_octet(making, id, (uint8_t)number);
        return true;
    case PROPERTY_TYPE_TIMESTAMP:
        if (!is_number(value, &number))
            return false;
        wire_u64_write(making->timestamp, (uint64_t)number);
        properties_set(&making->properties, id, slice_of(making->timestamp, 8));
        return true;
    case PROPERTY_TYPE_TABLE:
        break;
    }
    return false;
}

static bool set_from_options(struct making *making, const struct perf_options *o, char *error,
                             size_t error_size)
{
    char key[256];
    char value[256];
    bool bad = false;
    const char *rest = o->properties;
    if (o->flags & PERF_PERSISTENT)
        set_octet(making, PROPERTY_DELIVERY_MODE, 2);
    while (perf_pair_next(&rest, key, value, &bad)) {
        if (!set_property(making, key, value)) {
            snprintf(error, error_size, "--message-properties: %s can't be '%s'", key, value);
            return false;
        }
    }
    return true;
}

/* ---- frames ---- */

static void add_publish(struct buf *out, const struct perf_plan *plan, uint32_t key)
{
    char name[PERF_NAME_SIZE];
    perf_plan_key_name(plan, key, name);
    struct method publish = {.kind = METHOD_BASIC_PUBLISH,
                             .basic_publish = {.exchange = slice_str(plan->exchange),
                                               .routing_key = slice_str(name),
                                               .mandatory = plan->options->flags & PERF_MANDATORY}};
    method_frame_add(out, 1, &publish);
}

static void add_header(struct buf *out, const struct properties *properties, uint64_t size)
{
    struct buf encoded = BUF_INIT;
    properties_encode(&encoded, properties);
    size_t len = content_header_size(buf_slice(&encoded));
    content_header_write(buf_reserve(out, len), 1, size, buf_slice(&encoded));
    out->len += len;
    buf_fini(&encoded);
}

/* All body frames of a body of `size` bytes, which hold nothing of interest. */
static void add_body(struct buf *out, uint16_t channel, size_t size, uint32_t frame_max)
{
    if (size == 0)
        return;
    uint8_t *body = mem_alloc(size);
    memset(body, 'b', size);
    size_t len = content_body_size(size, frame_max);
    content_body_write(buf_reserve(out, len), channel, slice_of(body, size), frame_max);
    out->len += len;
    mem_free(body);
}

static void make_template(struct perf_template *template, const struct perf_templates *templates,
                          const struct perf_plan *plan, uint32_t key,
                          const struct properties *properties, uint32_t frame_max)
{
    struct buf out = BUF_INIT;
    size_t size = plan->options->size;
    add_publish(&out, plan, key);
    template->header_at = (uint32_t)out.len;
    add_header(&out, properties, size);
    template->body_at = (uint32_t)out.len;
    if (size <= COPIED_MAX && size + FRAME_OVERHEAD <= frame_max) {
        add_body(&out, 1, size, frame_max);
    } else {
        const uint8_t *body = templates->tails[1] - FRAME_HEADER_SIZE - PERF_STAMP_SIZE;
        buf_add(&out, body, FRAME_HEADER_SIZE + PERF_STAMP_SIZE);
    }
    template->head_len = (uint32_t)out.len;
    template->head = out.data;
}

static void make_tails(struct perf_templates *templates, size_t size, uint32_t frame_max)
{
    templates->tails = mem_zalloc((templates->channels + 1u) * sizeof(*templates->tails));
    templates->tail_len = content_body_size(size, frame_max) - FRAME_HEADER_SIZE - PERF_STAMP_SIZE;
    for (uint16_t channel = 1; channel <= templates->channels; channel++) {
        struct buf body = BUF_INIT;
        add_body(&body, channel, size, frame_max);
        templates->tails[channel] = body.data + FRAME_HEADER_SIZE + PERF_STAMP_SIZE;
    }
}

static void make_key(struct perf_templates *templates, const struct perf_plan *plan, uint32_t key,
                     const struct making *making, uint32_t frame_max)
{
    struct properties properties = making->properties;
    struct buf headers = BUF_INIT;
    buf_add_slice(&headers, buf_slice(&making->headers));
    perf_plan_key_headers(plan, key, &headers);
    if (headers.len)
        properties_set(&properties, PROPERTY_HEADERS, buf_slice(&headers));
    for (uint32_t priority = 0; priority < templates->priorities; priority++) {
        uint8_t octet = (uint8_t)priority;
        if (plan->options->priorities)
            properties_set(&properties, PROPERTY_PRIORITY, slice_of(&octet, 1));
        make_template(&templates->list[key * templates->priorities + priority], templates, plan,
                      key, &properties, frame_max);
    }
    buf_fini(&headers);
}

bool perf_templates_init(struct perf_templates *templates, const struct perf_plan *plan,
                         uint32_t frame_max, uint16_t channels, const char *reply_to, char *error,
                         size_t error_size)
{
    const struct perf_options *o = plan->options;
    struct making making = {.headers = BUF_INIT};
    if (!set_from_options(&making, o, error, error_size)) {
        buf_fini(&making.headers);
        return false;
    }
    if (reply_to) {
        set_text(&making, PROPERTY_REPLY_TO, reply_to);
        set_text(&making, PROPERTY_CORRELATION_ID, "0123456789");
    }
    *templates = (struct perf_templates){.priorities = o->priorities ? (uint32_t)o->priorities : 1,
                                         .channels = channels};
    templates->stamp_len = o->size >= PERF_STAMP_SIZE            ? PERF_STAMP_SIZE
                           : o->size >= PERF_STAMP_SEQUENCE_SIZE ? PERF_STAMP_SEQUENCE_SIZE
                                                                 : 0;
    templates->count = plan->keys * templates->priorities;
    templates->list = mem_zalloc(templates->count * sizeof(*templates->list));
    if (o->size > COPIED_MAX || o->size + FRAME_OVERHEAD > frame_max)
        make_tails(templates, o->size, frame_max);
    for (uint32_t key = 0; key < plan->keys; key++)
        make_key(templates, plan, key, &making, frame_max);
    buf_fini(&making.headers);
    return true;
}

void perf_templates_fini(struct perf_templates *templates)
{
    for (uint32_t i = 0; i < templates->count; i++)
        mem_free(templates->list[i].head);
    for (uint16_t i = 1; templates->tails && i <= templates->channels; i++)
        mem_free(templates->tails[i] - FRAME_HEADER_SIZE - PERF_STAMP_SIZE);
    mem_free(templates->tails);
    mem_free(templates->list);
    *templates = (struct perf_templates){0};
}

static void keep(void *owner)
{
    (void)owner; /* tails live as long as the templates */
}

void perf_template_add(const struct perf_templates *templates, uint32_t index, uint16_t channel,
                       const struct perf_stamp *stamp, struct outq *out)
{
    const struct perf_template *template = &templates->list[index];
    uint8_t bytes[PERF_STAMP_SIZE];
    uint8_t *at = outq_reserve(out, template->head_len);
    memcpy(at, template->head, template->head_len);
    if (channel != 1) {
        wire_u16_write(at + 1, channel);
        wire_u16_write(at + template->header_at + 1, channel);
        if (template->body_at < template->head_len)
            wire_u16_write(at + template->body_at + 1, channel);
    }
    uint8_t *body = at + template->body_at + FRAME_HEADER_SIZE;
    if (templates->stamp_len == PERF_STAMP_SIZE) {
        perf_stamp_write(body, stamp);
    } else if (templates->stamp_len) {
        perf_stamp_write(bytes, stamp);
        memcpy(body, bytes, templates->stamp_len);
    }
    outq_commit(out, template->head_len);
    if (templates->tail_len)
        outq_add_borrowed(out, templates->tails[channel], templates->tail_len, keep, NULL);
}
