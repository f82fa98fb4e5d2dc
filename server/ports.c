/* SPDX-License-Identifier: Apache-2.0 */
/* Opening ports. */
#include "server/ports.h"

#include "server/configuration.h"
#include "server/facts.h"
#include "server/http_server.h"

#include <stdio.h>

void ports_init(struct ports *ports)
{
    list_init(&ports->listeners);
}

static struct socket_options socket_options_of(const struct configuration *configuration)
{
    return (struct socket_options){
        .backlog = (int)configuration_number(configuration, CONFIG_TCP_BACKLOG),
        .nodelay = configuration_number(configuration, CONFIG_TCP_NODELAY) != 0,
        .keepalive = configuration_number(configuration, CONFIG_TCP_KEEPALIVE) != 0,
        .rate_max = (unsigned)configuration_number(configuration, CONFIG_CONNECTION_RATE),
        .send_buffer = (int)configuration_number(configuration, CONFIG_TCP_SNDBUF),
        .receive_buffer = (int)configuration_number(configuration, CONFIG_TCP_RECBUF),
    };
}

/* The next of those that are bound already, which come in the same order; else new ones. While
 * binding they are put aside, and `set` stays empty. */
static enum err take_or_bind(struct ports *ports, const struct endpoint *endpoint,
                             const struct socket_options *options, struct socket_set *set,
                             char *message, size_t message_size)
{
    struct ports_bound *bound = &ports->bound;
    *set = (struct socket_set){0};
    if (!ports->binding && bound->taken < bound->count) {
        *set = bound->sets[bound->taken];
        bound->sets[bound->taken++] = (struct socket_set){0};
        return ERR_OK;
    }
    if (!ports->binding)
        return socket_bind(endpoint, options, set, message, message_size);
    if (bound->count == PORTS_BOUND_MAX) {
        snprintf(message, message_size, "with 'user' there may be %d listeners", PORTS_BOUND_MAX);
        return ERR_INVALID;
    }
    return socket_bind(endpoint, options, &bound->sets[bound->count++], message, message_size);
}

/* The sockets of one endpoint, noted for the management API and in the log. */
static enum err open_sockets(struct ports *ports, const struct endpoint *endpoint,
                             const char *protocol, struct socket_set *set, char *message,
                             size_t message_size)
{
    struct socket_options options = socket_options_of(ports->configuration);
    enum err error = take_or_bind(ports, endpoint, &options, set, message, message_size);
    if (ports->binding || error != ERR_OK)
        return error;
    error = socket_listen(&options, set, message, message_size);
    for (size_t i = 0; i < set->count; i++)
        facts_add_listener(ports->facts, protocol, set->fds[i]);
    if (error == ERR_OK)
        log_info(ports->log, "listening", "protocol=%s address=%s port=%u", protocol,
                 endpoint->host[0] ? endpoint->host : "*", endpoint->port);
    return error;
}

static enum err open_amqp(struct ports *ports, const char *text, bool tls, char *message,
                          size_t message_size)
{
    struct socket_options options = socket_options_of(ports->configuration);
    struct endpoint endpoint;
    struct socket_set set;
    CHECK(endpoint_parse(text, &endpoint));
    enum err error =
        open_sockets(ports, &endpoint, tls ? "amqp/ssl" : "amqp", &set, message, message_size);
    for (size_t i = 0; i < set.count; i++) {
        struct listener *listener = listener_new(ports->loop, ports->log, set.fds[i], tls, &options,
                                                 client_accept, ports->clients);
        list_push_back(&ports->listeners, &listener->link);
    }
    return error;
}

static enum err open_amqp_list(struct ports *ports, enum config_key off, enum config_key key,
                               bool tls, char *message, size_t message_size)
{
    size_t count;
    const struct config_item *items = configuration_list(ports->configuration, key, &count);
    enum err error = ERR_OK;
    if (configuration_given(ports->configuration, off))
        return ERR_OK;
    for (size_t i = 0; i < count && error == ERR_OK; i++)
        error = open_amqp(ports, items[i].text, tls, message, message_size);
    return error;
}

/* The sockets of an address and a port that the configuration names apart. */
static enum err open_pair(struct ports *ports, enum config_key ip, enum config_key port,
                          const char *protocol, struct socket_set *set, char *message,
                          size_t message_size)
{
    struct endpoint endpoint = {
        .port = (uint16_t)configuration_number(ports->configuration, port),
    };
    snprintf(endpoint.host, sizeof(endpoint.host), "%s",
             configuration_text(ports->configuration, ip));
    return open_sockets(ports, &endpoint, protocol, set, message, message_size);
}

static enum err open_http(struct ports *ports, enum config_key ip, enum config_key port, bool tls,
                          char *message, size_t message_size)
{
    struct socket_set set;
    enum err error =
        open_pair(ports, ip, port, tls ? "https" : "http", &set, message, message_size);
    for (size_t i = 0; i < set.count; i++)
        http_server_listen(ports->http, set.fds[i], tls);
    return error;
}

static enum err open_metrics(struct ports *ports, char *message, size_t message_size)
{
    struct socket_set set;
    enum err error = open_pair(ports, CONFIG_PROMETHEUS_TCP_IP, CONFIG_PROMETHEUS_TCP_PORT,
                               "http/prometheus", &set, message, message_size);
    for (size_t i = 0; i < set.count; i++)
        http_server_listen_metrics(ports->http, set.fds[i]);
    return error;
}

enum err ports_open(struct ports *ports, char *message, size_t message_size)
{
    enum err error = ERR_OK;
    if (!configuration_given(ports->configuration, CONFIG_MANAGEMENT_TCP))
        error = open_http(ports, CONFIG_MANAGEMENT_TCP_IP, CONFIG_MANAGEMENT_TCP_PORT, false,
                          message, message_size);
    if (error == ERR_OK && tls_wanted(ports->configuration, TLS_MANAGEMENT))
        error = open_http(ports, CONFIG_MANAGEMENT_SSL_IP, CONFIG_MANAGEMENT_SSL_PORT, true,
                          message, message_size);
    if (error == ERR_OK && configuration_number(ports->configuration, CONFIG_PROMETHEUS_TCP_PORT))
        error = open_metrics(ports, message, message_size);
    if (error == ERR_OK)
        error = open_amqp_list(ports, CONFIG_LISTENERS_SSL, CONFIG_LISTENERS_SSL_NAME, true,
                               message, message_size);
    if (error == ERR_OK)
        error = open_amqp_list(ports, CONFIG_LISTENERS_TCP, CONFIG_LISTENERS_TCP_NAME, false,
                               message, message_size);
    return error;
}

enum err ports_bind(struct ports *ports, char *message, size_t message_size)
{
    ports->binding = true;
    enum err error = ports_open(ports, message, message_size);
    ports->binding = false;
    return error;
}

void ports_close(struct ports *ports)
{
    struct listener *listener;
    for (size_t i = 0; i < ports->bound.count; i++)
        socket_close(&ports->bound.sets[i]);
    while ((listener = LIST_FIRST(&ports->listeners, struct listener, link)) != NULL)
        listener_free(listener);
}
