/* SPDX-License-Identifier: Apache-2.0 */
/* See tap.h. */
#include "tests/sim/tap.h"

#include "broker/connection.h"
#include "proto/frame.h"
#include "proto/properties.h"
#include "tests/sim/node.h"

#include <inttypes.h>
#include <stdlib.h>

#define RUNS_MAX 8192

static void tell(struct node *node, struct link *link, struct m_frame *frame)
{
    frame->release = ARENA_NEW(&node->world->arena, struct m_release);
    frame->release->offset = link->parsed;
    trace_line(&node->world->trace, "  > client %u ch %u: %s%s%lu", link->client, frame->channel,
               method_info(frame->method.kind)->name,
               frame->content.properties.len ? " message " : " ",
               (unsigned long)(frame->content.properties.len ? frame->content.id
                               : frame->method.kind == METHOD_BASIC_ACK
                                   ? frame->method.basic_ack.delivery_tag
                                   : 0));
    vec_push(&node->world->arena, &link->frames, frame);
    model_emit(link->realm->model, link->model, frame);
}

static void tap_method(struct node *node, struct link *link, const struct frame *raw)
{
    struct m_frame *frame = ARENA_NEW(&node->world->arena, struct m_frame);
    struct reply reply;
    frame->channel = raw->channel;
    if (!method_decode(&frame->method, arena_copy(&node->world->arena, raw->payload), &reply))
        model_fail(node->model, "client %u: the node sent a malformed method", link->client);
    if (raw->channel > M_CHANNELS_MAX || link->assembling[raw->channel])
        model_fail(node->model, "client %u ch %u: a method in the middle of a content",
                   link->client, raw->channel);
    if (method_info(frame->method.kind)->flags & METHOD_CONTENT)
        link->assembling[raw->channel] = frame;
    else
        tell(node, link, frame);
}

static void complete(struct node *node, struct link *link, uint16_t channel)
{
    struct m_frame *frame = link->assembling[channel];
    if (link->body_at[channel] < frame->content.body_len)
        return;
    link->assembling[channel] = NULL;
    tell(node, link, frame);
}

static void tap_header(struct node *node, struct link *link, const struct frame *raw)
{
    struct m_frame *frame = link->assembling[raw->channel];
    struct content_header header;
    struct reply reply;
    struct slice id;
    if (!frame || !content_header_parse(&header, raw->payload, &reply))
        model_fail(node->model, "client %u ch %u: a content header out of place", link->client,
                   raw->channel);
    frame->content.properties = arena_copy(&node->world->arena, header.properties);
    frame->content.body_len = header.body_size;
    frame->content.body_good = true;
    struct properties properties;
    if (!properties_parse(&properties, header.properties, &reply))
        model_fail(node->model, "client %u ch %u: malformed properties", link->client,
                   raw->channel);
    if (properties_find(header.properties, PROPERTY_MESSAGE_ID, &id))
        frame->content.id = strtoull(arena_text(&node->world->arena, id), NULL, 10);
    link->body_at[raw->channel] = 0;
    complete(node, link, raw->channel);
}

static void tap_body(struct node *node, struct link *link, const struct frame *raw)
{
    struct m_frame *frame = link->assembling[raw->channel];
    if (!frame)
        model_fail(node->model, "client %u ch %u: a body out of place", link->client, raw->channel);
    uint64_t at = link->body_at[raw->channel];
    for (size_t i = 0; i < raw->payload.len; i++)
        if (raw->payload.data[i] != model_body_byte(frame->content.id, at + i))
            frame->content.body_good = false;
    link->body_at[raw->channel] = at + raw->payload.len;
    if (link->body_at[raw->channel] > frame->content.body_len)
        model_fail(node->model, "client %u ch %u: more body than announced", link->client,
                   raw->channel);
    complete(node, link, raw->channel);
}

static void tap_frames(struct node *node, struct link *link)
{
    size_t at = 0;
    for (;;) {
        struct frame raw;
        struct reply reply;
        struct slice rest = slice_of(link->tap.data + at, link->tap.len - at);
        enum frame_status status = frame_parse(rest, node->world->frame_max, &raw, &reply);
        if (status == FRAME_BROKEN)
            model_fail(node->model, "client %u: the node sent a broken frame", link->client);
        if (status == FRAME_PARTIAL)
            break;
        at += raw.size;
        link->parsed += raw.size;
        if (raw.type == FRAME_METHOD)
            tap_method(node, link, &raw);
        else if (raw.type == FRAME_HEADER && raw.channel <= M_CHANNELS_MAX)
            tap_header(node, link, &raw);
        else if (raw.type == FRAME_BODY && raw.channel <= M_CHANNELS_MAX)
            tap_body(node, link, &raw);
        else if (raw.type != FRAME_HEARTBEAT)
            model_fail(node->model, "client %u: a frame of type %u", link->client, raw.type);
    }
    buf_drain(&link->tap, at);
}

/* The bytes from `from` on, held-back ones included. */
static void copy_new(struct link *link, const struct outq *output)
{
    struct outq all = *output;
    struct slice runs[RUNS_MAX];
    uint64_t offset = output->drained;
    all.limit = UINT64_MAX;
    size_t count = outq_peek(&all, runs, RUNS_MAX);
    for (size_t i = 0; i < count; i++) {
        uint64_t skip = link->tapped > offset ? link->tapped - offset : 0;
        offset += runs[i].len;
        if (skip >= runs[i].len)
            continue;
        struct slice fresh = slice_of(runs[i].data + skip, runs[i].len - skip);
        buf_add_slice(&link->tap, fresh);
        buf_add_slice(&link->shadow, fresh);
        link->tapped += fresh.len;
    }
}

static void tap(struct node *node, struct link *link)
{
    const struct outq *output = amqp_connection_output(link->amqp);
    if (output->added == link->tapped)
        return;
    copy_new(link, output);
    if (output->added != link->tapped)
        model_fail(node->model, "client %u: the output is in more than %u runs", link->client,
                   RUNS_MAX);
    tap_frames(node, link);
}

void tap_all(struct node *node)
{
    for (size_t i = 0; i < node->links.count; i++) {
        struct link *link = node->links.at[i];
        if (!link->amqp)
            continue;
        tap(node, link);
        link->model->congested = link->connection->congested;
    }
}
