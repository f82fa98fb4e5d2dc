/* SPDX-License-Identifier: Apache-2.0 */
/* What the C examples share; see common.h. */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <amqp_tcp_socket.h>

enum { FRAME_MAX = 131072 };

static void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "%s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void fail_server(const char *what, const amqp_method_t *method)
{
    if (method->id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *close = method->decoded;
        (void)fprintf(stderr, "%s: %d %.*s\n", what, close->reply_code, (int)close->reply_text.len,
                      (const char *)close->reply_text.bytes);
    } else if (method->id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *close = method->decoded;
        (void)fprintf(stderr, "%s: %d %.*s\n", what, close->reply_code, (int)close->reply_text.len,
                      (const char *)close->reply_text.bytes);
    } else {
        (void)fprintf(stderr, "%s: unexpected method 0x%08x\n", what, (unsigned)method->id);
    }
    exit(EXIT_FAILURE);
}

void example_check(amqp_rpc_reply_t reply, const char *what)
{
    switch (reply.reply_type) {
    case AMQP_RESPONSE_NORMAL:
        return;
    case AMQP_RESPONSE_NONE:
        fail(what, "no answer");
        break;
    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
        fail(what, amqp_error_string2(reply.library_error));
        break;
    case AMQP_RESPONSE_SERVER_EXCEPTION:
        fail_server(what, &reply.reply);
        break;
    }
}

void example_check_status(int status, const char *what)
{
    if (status != AMQP_STATUS_OK)
        fail(what, amqp_error_string2(status));
}

amqp_connection_state_t example_open(void)
{
    const char *address = getenv("AMQP_URL");
    char *url = strdup(address ? address : "amqp://guest:guest@127.0.0.1:5672/%2f");
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    struct amqp_connection_info to;
    if (!url || !socket)
        fail("connecting", "out of memory");
    if (amqp_parse_url(url, &to) != AMQP_STATUS_OK)
        fail("AMQP_URL", "not an AMQP address");
    /* An address that ends in a slash names the default virtual host here. */
    const char *vhost = *to.vhost ? to.vhost : "/";
    example_check_status(amqp_socket_open(socket, to.host, to.port), "connecting");
    example_check(amqp_login(connection, vhost, 0, FRAME_MAX, 0, AMQP_SASL_METHOD_PLAIN, to.user,
                             to.password),
                  "logging in");
    free(url);
    amqp_channel_open(connection, CHANNEL);
    example_check(amqp_get_rpc_reply(connection), "opening the channel");
    return connection;
}

void example_close(amqp_connection_state_t connection)
{
    example_check(amqp_channel_close(connection, CHANNEL, AMQP_REPLY_SUCCESS), "closing");
    example_check(amqp_connection_close(connection, AMQP_REPLY_SUCCESS), "closing");
    example_check_status(amqp_destroy_connection(connection), "closing");
}

amqp_bytes_t example_queue(amqp_connection_state_t connection, const char *name, bool durable)
{
    amqp_bytes_t wanted = name ? amqp_cstring_bytes(name) : amqp_empty_bytes;
    amqp_queue_declare_ok_t *ok = amqp_queue_declare(connection, CHANNEL, wanted, 0, durable,
                                                     name == NULL, 0, amqp_empty_table);
    example_check(amqp_get_rpc_reply(connection), "declaring the queue");
    return amqp_bytes_malloc_dup(ok->queue);
}

void example_exchange(amqp_connection_state_t connection, const char *name, const char *type)
{
    amqp_exchange_declare(connection, CHANNEL, amqp_cstring_bytes(name), amqp_cstring_bytes(type),
                          0, 0, 0, 0, amqp_empty_table);
    example_check(amqp_get_rpc_reply(connection), "declaring the exchange");
}

void example_publish(amqp_connection_state_t connection, const char *exchange, const char *key,
                     const char *text, const amqp_basic_properties_t *properties)
{
    example_check_status(amqp_basic_publish(connection, CHANNEL, amqp_cstring_bytes(exchange),
                                            amqp_cstring_bytes(key), 0, 0, properties,
                                            amqp_cstring_bytes(text)),
                         "publishing");
}

void example_consume(amqp_connection_state_t connection, amqp_bytes_t queue, bool no_ack,
                     const char *what)
{
    amqp_basic_consume(connection, CHANNEL, queue, amqp_empty_bytes, 0, no_ack, 0,
                       amqp_empty_table);
    example_check(amqp_get_rpc_reply(connection), "consuming");
    printf("waiting for %s\n", what);
    (void)fflush(stdout);
}

void example_next(amqp_connection_state_t connection, amqp_envelope_t *envelope)
{
    amqp_maybe_release_buffers(connection);
    example_check(amqp_consume_message(connection, envelope, NULL, 0), "waiting");
}

int example_count(void)
{
    const char *count = getenv("COUNT");
    return count ? (int)strtol(count, NULL, 10) : 0;
}

void example_words(char text[static EXAMPLE_TEXT_MAX], int argc, char **argv, int first,
                   const char *otherwise)
{
    size_t used = 0;
    if (first >= argc)
        (void)snprintf(text, EXAMPLE_TEXT_MAX, "%s", otherwise);
    for (int i = first; i < argc; i++) {
        const char *gap = i > first ? " " : "";
        int more = snprintf(text + used, EXAMPLE_TEXT_MAX - used, "%s%s", gap, argv[i]);
        if (more < 0 || (size_t)more >= EXAMPLE_TEXT_MAX - used)
            fail("arguments", "too long");
        used += (size_t)more;
    }
}
