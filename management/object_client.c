/* SPDX-License-Identifier: Apache-2.0 */
/* Connections, channels and consumers as JSON: the broker's part, and what the host adds. */
#include "management/object.h"

#include "base/mem.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/consumer.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/rates.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- connections ---- */

/* "192.0.2.1:5672" (or "[::1]:5672") as two fields. */
static void set_endpoint(struct row *object, struct slice endpoint, const char *host_key,
                         const char *port_key)
{
    size_t colon = endpoint.len;

    while (colon > 0 && endpoint.data[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return;
    struct slice host = slice_of(endpoint.data, colon - 1);
    if (host.len > 2 && host.data[0] == '[')
        host = slice_of(host.data + 1, host.len - 2);
    row_text(object, host_key, host);
    char *port = slice_dup(slice_of(endpoint.data + colon, endpoint.len - colon));
    row_number(object, port_key, (uint64_t)strtol(port, NULL, 10));
    mem_free(port);
}

/* A connection's name says where it comes from and where it goes to. */
static void set_endpoints(struct row *object, const char *name, bool own)
{
    const char *arrow = strstr(name, " -> ");

    if (!arrow)
        return;
    set_endpoint(object, slice_of(name, (size_t)(arrow - name)), "peer_host", "peer_port");
    if (own)
        set_endpoint(object, slice_str(arrow + 4), "host", "port");
}

static bool ask_host(const struct call *call, const struct connection *connection,
                     struct connection_facts *facts)
{
    const struct management_host *host = &call->management->host;

    *facts = (struct connection_facts){
        .received_bytes = FACT_UNKNOWN,
        .received_frames = FACT_UNKNOWN,
        .sent_bytes = FACT_UNKNOWN,
        .sent_frames = FACT_UNKNOWN,
        .send_pending = FACT_UNKNOWN,
    };
    return host->connection && host->connection(host->context, connection, facts);
}

static void set_tls(struct row *row, const struct connection_facts *facts)
{
    row_flag(row, "ssl", facts->tls_version);
    row_string(row, "ssl_protocol", facts->tls_version);
    row_string(row, "ssl_cipher", facts->tls_cipher);
    row_string(row, "peer_cert_subject", facts->peer_certificate_subject);
}

static void set_facts(struct row *row, const struct connection_facts *facts)
{
    row_string(row, "protocol", facts->protocol);
    row_string(row, "state", facts->state);
    row_string(row, "auth_mechanism", facts->auth_mechanism);
    row_table(row, "client_properties", facts->client_properties);
    if (facts->user_provided_name.len)
        row_text(row, "user_provided_name", facts->user_provided_name);
    row_number(row, "channel_max", facts->channel_max);
    row_number(row, "frame_max", facts->frame_max);
    row_number(row, "timeout", facts->heartbeat_s);
    row_known(row, "recv_cnt", facts->received_frames);
    row_known(row, "send_cnt", facts->sent_frames);
    row_known(row, "send_pend", facts->send_pending);
    set_tls(row, facts);
}

static const char *vhost_name(const struct connection *connection)
{
    return connection->vhost ? connection->vhost->name : NULL;
}

static const char *user_name(const struct connection *connection)
{
    return connection->user ? connection->user->name : NULL;
}

void object_connection(const struct call *call, struct row *row, const void *object)
{
    const struct connection *connection = object;
    struct connection_facts facts;

    row_text(row, "name", slice_str(connection->name));
    row_text(row, "node", slice_str(call->broker->options.node_name));
    row_text(row, "type", slice_str("network"));
    row_string(row, "vhost", vhost_name(connection));
    row_string(row, "user", user_name(connection));
    row_string(row, "user_who_performed_action", user_name(connection));
    row_number(row, "connected_at", (uint64_t)connection->opened_wall_ms);
    row_number(row, "channels", connection->channel_count);
    set_endpoints(row, connection->name, true);
    if (ask_host(call, connection, &facts)) {
        set_facts(row, &facts);
        rates_put(call, row, RATES_CONNECTION, RATES_DATA, &facts, connection->history);
    }
}

static void put_connection_details(struct row *details, const struct connection *connection)
{
    row_text(details, "name", slice_str(connection->name));
    set_endpoints(details, connection->name, false);
}

/* ---- channels ---- */

char *object_channel_name(const struct channel *channel)
{
    struct buf name = BUF_INIT;

    buf_printf(&name, "%s (%u)", channel->connection->name, channel->number);
    char *copy = slice_dup(buf_slice(&name));
    buf_fini(&name);
    return copy;
}

static void set_channel_name(struct row *object, const struct channel *channel)
{
    char *name = object_channel_name(channel);

    row_text(object, "name", slice_str(name));
    mem_free(name);
}

void object_channel(const struct call *call, struct row *row, const void *object)
{
    const struct channel *channel = object;
    const struct connection *connection = channel->connection;

    set_channel_name(row, channel);
    row_number(row, "number", channel->number);
    row_text(row, "node", slice_str(call->broker->options.node_name));
    row_string(row, "vhost", vhost_name(connection));
    row_string(row, "user", user_name(connection));
    row_string(row, "user_who_performed_action", user_name(connection));
    if (row_open(row, "connection_details")) {
        put_connection_details(row, connection);
        row_close(row);
    }
    row_flag(row, "confirm", channel->confirming);
    row_flag(row, "transactional", channel->tx);
    row_text(row, "state", slice_str(channel->flow_active ? "running" : "flow"));
    row_number(row, "consumer_count", channel->consumer_count);
    row_number(row, "messages_unacknowledged", channel->unacked_count);
    row_number(row, "messages_unconfirmed", channel->confirms_last - channel->confirms_first);
    row_number(row, "prefetch_count", channel->prefetch_consumer);
    row_number(row, "global_prefetch_count", channel->prefetch_global);
    rates_put_object(call, row, "message_stats", RATES_CHANNEL, RATES_MESSAGES, channel,
                     channel->history);
}

/* ---- consumers ---- */

static void put_channel_details(const struct call *call, struct row *details,
                                const struct channel *channel)
{
    const struct connection *connection = channel->connection;

    set_channel_name(details, channel);
    row_number(details, "number", channel->number);
    row_text(details, "connection_name", slice_str(connection->name));
    row_text(details, "node", slice_str(call->broker->options.node_name));
    row_string(details, "user", user_name(connection));
    set_endpoints(details, connection->name, false);
}

static bool is_active(const struct consumer *consumer)
{
    const struct queue *queue = consumer->queue;

    return !queue->settings.single_active_consumer || queue->single_active == consumer;
}

static const char *activity(const struct consumer *consumer)
{
    if (!consumer->queue->settings.single_active_consumer)
        return "up";
    return is_active(consumer) ? "single_active" : "waiting";
}

void object_consumer(const struct call *call, struct row *row, const void *object)
{
    const struct consumer *consumer = object;
    const struct queue *queue = consumer->queue;

    if (row_open(row, "queue")) {
        row_text(row, "name", slice_str(queue->name));
        row_text(row, "vhost", slice_str(queue->vhost->name));
        row_close(row);
    }
    row_text(row, "consumer_tag", slice_str(consumer->tag));
    if (row_open(row, "channel_details")) {
        put_channel_details(call, row, consumer->channel);
        row_close(row);
    }
    row_flag(row, "ack_required", !consumer->no_ack);
    row_flag(row, "exclusive", consumer->exclusive);
    row_flag(row, "active", is_active(consumer));
    row_text(row, "activity_status", slice_str(activity(consumer)));
    row_number(row, "prefetch_count", consumer->prefetch);
    row_table(row, "arguments", buf_slice(&consumer->arguments));
}

void object_consumers(const struct call *call, struct row *row, const struct list *consumers,
                      size_t link_offset)
{
    if (!row_open_list(row, "consumer_details"))
        return;
    LIST_EACH(consumers, link) {
        if (row_open(row, NULL)) {
            object_consumer(call, row, (const char *)link - link_offset);
            row_close(row);
        }
    }
    row_close(row);
}
