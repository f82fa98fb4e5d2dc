/* SPDX-License-Identifier: Apache-2.0 */
/* Options of the broker, key by key. */
#include "server/broker_setup.h"

#include "server/configuration.h"

#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#define HOST_NAME_MAX_BYTES 256

/* "rabbit@host", as clients and tools of RabbitMQ expect a node to be named. */
static void name_node(struct buf *out, const struct configuration *configuration)
{
    char host[HOST_NAME_MAX_BYTES] = "localhost";
    const char *given = configuration_text(configuration, CONFIG_CLUSTER_NAME);
    if (given[0]) {
        buf_add_str(out, given);
        return;
    }
    if (gethostname(host, sizeof(host) - 1) < 0 || host[0] == '\0')
        strcpy(host, "localhost");
    host[strcspn(host, ".")] = '\0';
    buf_printf(out, "rabbit@%s", host);
}

static void add_word(struct buf *out, const char *word, const char *separator)
{
    if (out->len > 0)
        buf_add_str(out, separator);
    buf_add_str(out, word);
}

static void join_texts(struct buf *out, const struct configuration *configuration,
                       enum config_key key, const char *separator)
{
    size_t count;
    const struct config_item *items = configuration_list(configuration, key, &count);
    for (size_t i = 0; i < count; i++)
        add_word(out, items[i].text, separator);
}

/* The names of the items that are true. */
static void join_names(struct buf *out, const struct configuration *configuration,
                       enum config_key key, const char *separator)
{
    size_t count;
    const struct config_item *items = configuration_list(configuration, key, &count);
    for (size_t i = 0; i < count; i++) {
        if (items[i].number)
            add_word(out, items[i].name, separator);
    }
}

static void draw_seed(uint8_t seed[32])
{
    CHECK(getrandom(seed, 32, 0) == 32);
}

static void set_limits(struct broker_options *options, const struct configuration *configuration)
{
    options->message_size_max =
        (uint64_t)configuration_number(configuration, CONFIG_MAX_MESSAGE_SIZE);
    options->consumer_timeout_ms = configuration_number(configuration, CONFIG_CONSUMER_TIMEOUT);
    options->channel_max = (uint32_t)configuration_number(configuration, CONFIG_CHANNEL_MAX);
    options->frame_max = (uint32_t)configuration_number(configuration, CONFIG_FRAME_MAX);
    options->heartbeat_s = (uint16_t)configuration_number(configuration, CONFIG_HEARTBEAT);
    options->handshake_timeout_ms = configuration_number(configuration, CONFIG_HANDSHAKE_TIMEOUT);
    options->consumers_per_channel_max =
        (uint32_t)configuration_number(configuration, CONFIG_CONSUMER_MAX_PER_CHANNEL);
    options->channels_max =
        (uint32_t)configuration_number(configuration, CONFIG_CHANNEL_MAX_PER_NODE);
    options->connections_max = (uint32_t)configuration_number(configuration, CONFIG_CONNECTION_MAX);
    options->queues_max = (uint32_t)configuration_number(configuration, CONFIG_QUEUE_MAX);
    options->exchanges_max = (uint32_t)configuration_number(configuration, CONFIG_EXCHANGE_MAX);
    options->vhosts_max = (uint32_t)configuration_number(configuration, CONFIG_VHOST_MAX);
    options->queue_memory = (uint64_t)configuration_number(configuration, CONFIG_QUEUE_MEMORY);
    options->unacked_per_channel_max =
        (uint32_t)configuration_number(configuration, CONFIG_UNACKED_MAX_PER_CHANNEL);
}

static void set_passwords(struct broker_options *options, const struct configuration *configuration)
{
    const char *module = configuration_text(configuration, CONFIG_PASSWORD_HASHING);
    CHECK(password_algorithm_parse(slice_str(module), &options->password_hashing.algorithm));
    options->password_hashing.iterations =
        (uint32_t)configuration_number(configuration, CONFIG_PASSWORD_ITERATIONS);
    options->login_failure_window_ms =
        configuration_number(configuration, CONFIG_LOGIN_FAILURE_WINDOW);
    options->login_failures_per_user =
        (uint32_t)configuration_number(configuration, CONFIG_LOGIN_FAILURES_PER_USER);
    options->login_failures_per_address =
        (uint32_t)configuration_number(configuration, CONFIG_LOGIN_FAILURES_PER_ADDRESS);
}

/* Definitions bring users of their own: nobody wants one with a well-known password beside them. */
static const char *default_user(const struct configuration *configuration)
{
    bool definitions = configuration_text(configuration, CONFIG_LOAD_DEFINITIONS)[0] != '\0';
    return definitions ? "" : configuration_text(configuration, CONFIG_DEFAULT_USER);
}

static void set_defaults(struct broker_options *options, const struct configuration *configuration)
{
    options->default_vhost = configuration_text(configuration, CONFIG_DEFAULT_VHOST);
    options->default_user = default_user(configuration);
    options->default_pass = configuration_text(configuration, CONFIG_DEFAULT_PASS);
    options->default_permission_configure =
        configuration_text(configuration, CONFIG_DEFAULT_PERMISSIONS_CONFIGURE);
    options->default_permission_write =
        configuration_text(configuration, CONFIG_DEFAULT_PERMISSIONS_WRITE);
    options->default_permission_read =
        configuration_text(configuration, CONFIG_DEFAULT_PERMISSIONS_READ);
    options->default_queue_type = configuration_text(configuration, CONFIG_DEFAULT_QUEUE_TYPE);
}

static void set_identity(struct broker_setup *setup, const struct configuration *configuration)
{
    struct broker_options *options = &setup->options;
    const char *anonymous = configuration_text(configuration, CONFIG_ANONYMOUS_LOGIN_USER);
    const char *identity = configuration_text(configuration, CONFIG_SERVER_IDENTITY);
    name_node(&setup->node_name, configuration);
    join_texts(&setup->mechanisms, configuration, CONFIG_AUTH_MECHANISMS, " ");
    join_names(&setup->user_tags, configuration, CONFIG_DEFAULT_USER_TAGS, ",");
    if (!configuration_given(configuration, CONFIG_LOOPBACK_USERS))
        join_names(&setup->loopback_users, configuration, CONFIG_LOOPBACK_USERS_NAME, ",");
    options->node_name = buf_cstr(&setup->node_name);
    options->auth_mechanisms = buf_cstr(&setup->mechanisms);
    options->default_user_tags = buf_cstr(&setup->user_tags);
    options->loopback_users = buf_cstr(&setup->loopback_users);
    options->anonymous_user = strcmp(anonymous, "none") == 0 ? NULL : anonymous;
    options->identity_rabbitmq = strcmp(identity, "rabbitmq") == 0;
}

void broker_setup_init(struct broker_setup *setup, const struct configuration *configuration,
                       struct log *log)
{
    *setup = (struct broker_setup){0};
    broker_options_init(&setup->options);
    setup->options.log = log;
    draw_seed(setup->options.seed);
    set_limits(&setup->options, configuration);
    set_passwords(&setup->options, configuration);
    set_defaults(&setup->options, configuration);
    set_identity(setup, configuration);
}

void broker_setup_fini(struct broker_setup *setup)
{
    buf_fini(&setup->node_name);
    buf_fini(&setup->mechanisms);
    buf_fini(&setup->loopback_users);
    buf_fini(&setup->user_tags);
}
