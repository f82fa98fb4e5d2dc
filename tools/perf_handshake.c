/* SPDX-License-Identifier: Apache-2.0 */
/* Handshake, channels' opening, and closing. */
#include "tools/perf_handshake.h"

#include "proto/table.h"
#include "tools/perf_link.h"

static const char *const CAPABILITIES[] = {
    "publisher_confirms",     "exchange_exchange_bindings", "basic.nack",
    "consumer_cancel_notify", "connection.blocked",         "authentication_failure_close",
};

static void add_client_properties(struct buf *table)
{
    struct buf capabilities = BUF_INIT;
    for (size_t i = 0; i < ARRAY_LEN(CAPABILITIES); i++)
        table_add_bool(&capabilities, CAPABILITIES[i], true);
    table_add_str(table, "product", slice_str("bilby-perf"));
    table_add_str(table, "connection_name", slice_str("bilby-perf"));
    table_add_table(table, "capabilities", buf_slice(&capabilities));
    buf_fini(&capabilities);
}

static void answer_start(struct perf_link *link)
{
    const struct perf_uri *uri = &link->peer->uri;
    struct buf properties = BUF_INIT;
    struct buf response = BUF_INIT;

    add_client_properties(&properties);
    if (!link->peer->external) {
        buf_add_u8(&response, 0);
        buf_add_str(&response, uri->user);
        buf_add_u8(&response, 0);
        buf_add_str(&response, uri->password);
    }
    struct method answer = {
        .kind = METHOD_CONNECTION_START_OK,
        .connection_start_ok = {.client_properties = buf_slice(&properties),
                                .mechanism = slice_str(link->peer->external ? "EXTERNAL" : "PLAIN"),
                                .response = buf_slice(&response),
                                .locale = slice_str("en_US")}};
    perf_link_send(link, 0, &answer);
    link->state = PERF_LINK_TUNE;
    buf_fini(&properties);
    buf_fini(&response);
}

/* No heartbeats: what is measured shall be the load alone. */
static void answer_tune(struct perf_link *link, const struct method_connection_tune *tune)
{
    uint32_t theirs = tune->frame_max ? tune->frame_max : UINT32_MAX;
    link->frame_max = theirs < link->peer->frame_max ? theirs : link->peer->frame_max;
    struct method answer = {.kind = METHOD_CONNECTION_TUNE_OK,
                            .connection_tune_ok = {.channel_max = tune->channel_max,
                                                   .frame_max = link->frame_max,
                                                   .heartbeat = 0}};
    struct method open_method = {
        .kind = METHOD_CONNECTION_OPEN,
        .connection_open = {.virtual_host = slice_str(link->peer->uri.vhost)}};
    perf_link_send(link, 0, &answer);
    perf_link_send(link, 0, &open_method);
    link->state = PERF_LINK_OPEN;
}

static void become_ready(struct perf_link *link)
{
    link->state = PERF_LINK_READY;
    if (link->ops->ready)
        link->ops->ready(link);
}

static void on_opened(struct perf_link *link)
{
    struct method open_method = {.kind = METHOD_CHANNEL_OPEN};
    link->state = PERF_LINK_CHANNELS;
    for (uint16_t i = 1; i <= link->channel_count; i++)
        perf_link_send(link, i, &open_method);
    if (link->channel_count == 0)
        become_ready(link);
}

static void on_channel_opened(struct perf_link *link)
{
    if (++link->channels_opened == link->channel_count)
        become_ready(link);
}

static void on_channel_closed(struct perf_link *link, const struct method_channel_close *why)
{
    perf_loop_fail(link->loop, "the server closed a channel: %u %.*s", why->reply_code,
                   SLICE_FMT(why->reply_text));
}

static void on_connection_closed(struct perf_link *link, const struct method_connection_close *why)
{
    perf_loop_fail(link->loop, "the server closed the connection: %u %.*s", why->reply_code,
                   SLICE_FMT(why->reply_text));
}

bool perf_handshake_method(struct perf_link *link, uint16_t channel, const struct method *method)
{
    if (method->kind == METHOD_CONNECTION_START && link->state == PERF_LINK_START)
        answer_start(link);
    else if (method->kind == METHOD_CONNECTION_TUNE && link->state == PERF_LINK_TUNE)
        answer_tune(link, &method->connection_tune);
    else if (method->kind == METHOD_CONNECTION_OPEN_OK && link->state == PERF_LINK_OPEN)
        on_opened(link);
    else if (method->kind == METHOD_CHANNEL_OPEN_OK && link->state == PERF_LINK_CHANNELS)
        on_channel_opened(link);
    else if (method->kind == METHOD_CHANNEL_CLOSE)
        on_channel_closed(link, &method->channel_close);
    else if (method->kind == METHOD_CONNECTION_CLOSE)
        on_connection_closed(link, &method->connection_close);
    else if (method->kind == METHOD_CONNECTION_CLOSE_OK && link->state == PERF_LINK_CLOSING)
        link->state = PERF_LINK_CLOSED;
    else if (method->kind == METHOD_CONNECTION_BLOCKED)
        link->blocked = true;
    else if (method->kind == METHOD_CONNECTION_UNBLOCKED)
        link->blocked = false;
    else
        return channel == 0;
    return true;
}
