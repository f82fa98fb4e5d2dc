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

static json_t *text(const char *string)
{
    return json_text(slice_str(string));
}

/* ---- connections ---- */

/* "192.0.2.1:5672" (or "[::1]:5672") as two fields. */
static void set_endpoint(json_t *object, struct slice endpoint, const char *host_key,
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
    json_put(object, host_key, json_text(host));
    char *port = slice_dup(slice_of(endpoint.data + colon, endpoint.len - colon));
    json_put(object, port_key, json_integer(strtol(port, NULL, 10)));
    mem_free(port);
}

/* A connection's name says where it comes from and where it goes to. */
static void set_endpoints(json_t *object, const char *name, bool own)
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

static void set_tls(json_t *row, const struct connection_facts *facts)
{
    json_put(row, "ssl", json_boolean(facts->tls_version));
    json_put(row, "ssl_protocol", json_text_or_null(facts->tls_version));
    json_put(row, "ssl_cipher", json_text_or_null(facts->tls_cipher));
    json_put(row, "peer_cert_subject", json_text_or_null(facts->peer_certificate_subject));
}

static void set_facts(json_t *row, const struct connection_facts *facts)
{
    json_put(row, "protocol", json_text_or_null(facts->protocol));
    json_put(row, "state", json_text_or_null(facts->state));
    json_put(row, "auth_mechanism", json_text_or_null(facts->auth_mechanism));
    json_put(row, "client_properties", json_of_table(facts->client_properties));
    if (facts->user_provided_name.len)
        json_put(row, "user_provided_name", json_text(facts->user_provided_name));
    json_put_number(row, "channel_max", facts->channel_max);
    json_put_number(row, "frame_max", facts->frame_max);
    json_put_number(row, "timeout", facts->heartbeat_s);
    json_put_known(row, "recv_cnt", facts->received_frames);
    json_put_known(row, "send_cnt", facts->sent_frames);
    json_put_known(row, "send_pend", facts->send_pending);
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

json_t *object_connection(struct call *call, void *object)
{
    const struct connection *connection = object;
    struct connection_facts facts;
    json_t *row = json_object();

    json_put(row, "name", text(connection->name));
    json_put(row, "node", json_string(call->broker->options.node_name));
    json_put(row, "type", json_string("network"));
    json_put(row, "vhost", json_text_or_null(vhost_name(connection)));
    json_put(row, "user", json_text_or_null(user_name(connection)));
    json_put(row, "user_who_performed_action", json_text_or_null(user_name(connection)));
    json_put(row, "connected_at", json_integer(connection->opened_wall_ms));
    json_put_number(row, "channels", connection->channel_count);
    set_endpoints(row, connection->name, true);
    if (ask_host(call, connection, &facts)) {
        set_facts(row, &facts);
        rates_put(call, row, RATES_CONNECTION, RATES_DATA, &facts, connection->history);
    }
    return row;
}

static json_t *connection_details(const struct connection *connection)
{
    json_t *details = json_object();

    json_put(details, "name", text(connection->name));
    set_endpoints(details, connection->name, false);
    return details;
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

static void set_channel_name(json_t *object, const struct channel *channel)
{
    char *name = object_channel_name(channel);

    json_put(object, "name", text(name));
    mem_free(name);
}

json_t *object_channel(struct call *call, void *object)
{
    const struct channel *channel = object;
    const struct connection *connection = channel->connection;
    json_t *row = json_object();

    set_channel_name(row, channel);
    json_put_number(row, "number", channel->number);
    json_put(row, "node", json_string(call->broker->options.node_name));
    json_put(row, "vhost", json_text_or_null(vhost_name(connection)));
    json_put(row, "user", json_text_or_null(user_name(connection)));
    json_put(row, "user_who_performed_action", json_text_or_null(user_name(connection)));
    json_put(row, "connection_details", connection_details(connection));
    json_put(row, "confirm", json_boolean(channel->confirming));
    json_put(row, "transactional", json_boolean(channel->tx));
    json_put(row, "state", json_string(channel->flow_active ? "running" : "flow"));
    json_put_number(row, "consumer_count", channel->consumer_count);
    json_put_number(row, "messages_unacknowledged", channel->unacked_count);
    json_put_number(row, "messages_unconfirmed", channel->confirms_last - channel->confirms_first);
    json_put_number(row, "prefetch_count", channel->prefetch_consumer);
    json_put_number(row, "global_prefetch_count", channel->prefetch_global);
    json_put(row, "message_stats",
             rates_object(call, RATES_CHANNEL, RATES_MESSAGES, channel, channel->history));
    return row;
}

/* ---- consumers ---- */

static json_t *channel_details(const struct call *call, const struct channel *channel)
{
    const struct connection *connection = channel->connection;
    json_t *details = json_object();

    set_channel_name(details, channel);
    json_put_number(details, "number", channel->number);
    json_put(details, "connection_name", text(connection->name));
    json_put(details, "node", json_string(call->broker->options.node_name));
    json_put(details, "user", json_text_or_null(user_name(connection)));
    set_endpoints(details, connection->name, false);
    return details;
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

json_t *object_consumer(struct call *call, void *object)
{
    const struct consumer *consumer = object;
    const struct queue *queue = consumer->queue;
    json_t *row = json_object();
    json_t *named = json_object();

    json_put(named, "name", text(queue->name));
    json_put(named, "vhost", text(queue->vhost->name));
    json_put(row, "queue", named);
    json_put(row, "consumer_tag", text(consumer->tag));
    json_put(row, "channel_details", channel_details(call, consumer->channel));
    json_put(row, "ack_required", json_boolean(!consumer->no_ack));
    json_put(row, "exclusive", json_boolean(consumer->exclusive));
    json_put(row, "active", json_boolean(is_active(consumer)));
    json_put(row, "activity_status", json_string(activity(consumer)));
    json_put_number(row, "prefetch_count", consumer->prefetch);
    json_put(row, "arguments", json_of_table(buf_slice(&consumer->arguments)));
    return row;
}
