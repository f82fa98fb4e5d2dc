/* SPDX-License-Identifier: Apache-2.0 */
/* A running broker.
 *
 *   configure ─► store ─► broker (definitions, users) ─► listeners ─► loop ─► stop ─► free
 *
 * (1) Everything is freed in the reverse order of its making, from wherever the start failed.
 * (2) A signal is noted; stop and reload happen in the turn that follows.
 * (3) Stopping: listeners go first, connections are closed with 320, and the loop runs on until the
 *     last client has gone or shutdown_timeout is over. A second signal ends the waiting.
 */
#include "server/daemon.h"

#include "base/mem.h"
#include "broker/login.h"
#include "config.h"
#include "management/definitions.h"
#include "server/broker_setup.h"
#include "server/client.h"
#include "server/configuration.h"
#include "server/configuration_load.h"
#include "server/facts.h"
#include "server/hasher.h"
#include "server/http_server.h"
#include "server/kernel.h"
#include "server/library_memory.h"
#include "server/log_sink.h"
#include "server/notify.h"
#include "server/ports.h"
#include "server/privileges.h"
#include "server/resources.h"
#include "server/users.h"
#include "storage/store.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MESSAGE_MAX 1024
#define FILES_MASK 0077     /* messages and hashes are nobody else's to read */
#define SAMPLE_OBJECTS 2000 /* looked at in one turn: half a millisecond's work */
/* A client's quantum behind the longest beginning of a frame that is worth copying. */
#define READ_BUFFER_SIZE ((size_t)384 << 10)

struct daemon {
    const struct command_line *line;
    char **environment;
    struct configuration *configuration;
    struct log_sink sink;
    struct log *log;
    struct loop loop;
    bool has_loop;
    struct store *store;
    struct broker_setup setup;
    struct hasher *hasher;
    struct broker *broker;
    struct management *management;
    struct http_server *http;
    struct client_set clients;
    struct ports ports;
    struct resources resources;
    struct facts facts;
    struct loop_node node; /* the turn in which signals are acted on */
    struct event *signals[3];
    size_t signal_count;
    unsigned stop_signals; /* SIGTERM and SIGINT that have come */
    bool reload_wanted;
    bool stopping;
    struct timer stop_timer;
    struct timer sample_timer; /* collect_statistics_interval */
    int64_t sample_next_ms;
    char message[MESSAGE_MAX]; /* why the last step failed */
};

/* -- configuration -- */

static void print_complaint(void *context, struct slice line)
{
    (void)context;
    fprintf(stderr, "bilbyd: %.*s\n", SLICE_FMT(line));
}

static void log_warning_line(void *context, struct slice line)
{
    char quoted[512];
    log_warning((struct log *)context, "configuration", "text=%s",
                log_quote(quoted, sizeof(quoted), line));
}

static void log_error_line(void *context, struct slice line)
{
    char quoted[512];
    log_error((struct log *)context, "configuration", "text=%s",
              log_quote(quoted, sizeof(quoted), line));
}

/* What happened, and daemon->message as the reason. */
static void log_failure(const struct daemon *daemon, const char *what)
{
    char reason[2 * MESSAGE_MAX];
    log_error(daemon->log, what, "reason=%s",
              log_quote(reason, sizeof(reason), slice_str(daemon->message)));
}

/* -- starting: each step says in daemon->message why it failed -- */

/* Low ports are taken while root may; the files are the user's from the first one on. */
static enum exit_code start_privileges(struct daemon *daemon)
{
    const char *user = configuration_text(daemon->configuration, CONFIG_USER);
    if (user[0] == '\0')
        return EXIT_CODE_OK;
    daemon->ports.configuration = daemon->configuration;
    if (privileges_root() && ports_bind(&daemon->ports, daemon->message, MESSAGE_MAX) != ERR_OK)
        return EXIT_CODE_UNAVAILABLE;
    if (privileges_become(user, configuration_text(daemon->configuration, CONFIG_DATA_DIR),
                          daemon->message, MESSAGE_MAX) != ERR_OK)
        return EXIT_CODE_CONFIG;
    return EXIT_CODE_OK;
}

static enum exit_code start_log(struct daemon *daemon)
{
    if (log_sink_configure(&daemon->sink, daemon->configuration, daemon->message, MESSAGE_MAX) !=
        ERR_OK)
        return EXIT_CODE_CREATE;
    configuration_each_line(configuration_warnings(daemon->configuration), log_warning_line,
                            daemon->log);
    if (privileges_root())
        log_warning(daemon->log, "the broker runs as root", "advice=\"set the key 'user'\"");
    return EXIT_CODE_OK;
}

static enum exit_code start_loop(struct daemon *daemon)
{
    int64_t busy_wait_us = configuration_number(daemon->configuration, CONFIG_BUSY_WAIT);
    daemon->has_loop = loop_init(&daemon->loop, READ_BUFFER_SIZE);
    if (!daemon->has_loop) {
        snprintf(daemon->message, MESSAGE_MAX, "no event loop: %s", strerror(errno));
        return EXIT_CODE_OS;
    }
    /* With a single core the client could not send the next event meanwhile. */
    if (cores_usable() > 1)
        patience_init(&daemon->loop.patience, (uint64_t)busy_wait_us * 1000u);
    return EXIT_CODE_OK;
}

static enum exit_code store_exit_code(enum err error)
{
    if (error == ERR_BUSY)
        return EXIT_CODE_BUSY;
    if (error == ERR_CORRUPT || error == ERR_VERSION)
        return EXIT_CODE_DATA;
    return EXIT_CODE_IO;
}

static enum exit_code start_store(struct daemon *daemon)
{
    const struct configuration *configuration = daemon->configuration;
    struct store_options options = {
        .directory = configuration_text(configuration, CONFIG_DATA_DIR),
        .wake = loop_wake,
        .wake_context = &daemon->loop,
        .pending_bytes_max =
            (uint64_t)configuration_number(configuration, CONFIG_STORE_PENDING_MAX),
        .log = daemon->log,
    };
    broker_store_options(&options);
    enum err error = store_open(&daemon->store, &options, daemon->message, MESSAGE_MAX);
    return error == ERR_OK ? EXIT_CODE_OK : store_exit_code(error);
}

static enum exit_code load_definitions(struct daemon *daemon)
{
    const char *path = configuration_text(daemon->configuration, CONFIG_LOAD_DEFINITIONS);
    char why[MESSAGE_MAX / 2];
    if (path[0] == '\0')
        return EXIT_CODE_OK;
    if (definitions_import_file(daemon->broker, path, why, sizeof(why)) == ERR_OK)
        return EXIT_CODE_OK;
    snprintf(daemon->message, MESSAGE_MAX, "cannot import the definitions of %.400s: %s", path,
             why);
    return EXIT_CODE_CONFIG;
}

static enum exit_code start_broker(struct daemon *daemon)
{
    broker_setup_init(&daemon->setup, daemon->configuration, daemon->log);
    daemon->broker = broker_new(&daemon->setup.options, daemon->store);
    daemon->hasher = hasher_new(loop_wake, &daemon->loop);
    if (!daemon->hasher) {
        snprintf(daemon->message, MESSAGE_MAX, "no thread for passwords: %s", strerror(errno));
        return EXIT_CODE_OS;
    }
    const struct password_worker worker = hasher_worker(daemon->hasher);
    logins_set_worker(daemon->broker->access, &worker);
    loop_set_time(&daemon->loop);
    broker_set_time(daemon->broker, daemon->loop.now_ms, daemon->loop.wall_ms);
    enum err error = broker_start(daemon->broker, daemon->message, MESSAGE_MAX);
    if (error != ERR_OK)
        return store_exit_code(error);
    enum exit_code code = load_definitions(daemon);
    if (code == EXIT_CODE_OK &&
        users_apply(daemon->broker, daemon->configuration, daemon->message, MESSAGE_MAX) != ERR_OK)
        code = EXIT_CODE_CONFIG;
    broker_settle(daemon->broker);
    return code;
}

static enum exit_code start_tls(struct daemon *daemon)
{
    SSL_CTX *management;
    enum err error = tls_contexts_new(daemon->configuration, &daemon->clients.tls, &management,
                                      daemon->message, MESSAGE_MAX);
    http_server_set_tls(daemon->http, management);
    return error == ERR_OK ? EXIT_CODE_OK : EXIT_CODE_CONFIG;
}

/* What all counters are at, for the rates that the management port shows. */
static void sample(struct timer *timer, int64_t now_ms)
{
    struct daemon *daemon = CONTAINER_OF(timer, struct daemon, sample_timer);
    int64_t interval_ms =
        configuration_number(daemon->configuration, CONFIG_COLLECT_STATISTICS_INTERVAL);
    if (management_sample(daemon->management, now_ms, interval_ms, SAMPLE_OBJECTS)) {
        timer_set(&daemon->loop.timers, &daemon->sample_timer, now_ms); /* in the next turn */
        return;
    }
    loop_end_period(&daemon->loop);
    daemon->sample_next_ms += interval_ms;
    if (daemon->sample_next_ms <= now_ms)
        daemon->sample_next_ms = now_ms + interval_ms;
    timer_set(&daemon->loop.timers, &daemon->sample_timer, daemon->sample_next_ms);
}

/* Pages of other origins that may use the management port. */
static void allow_origins(struct daemon *daemon)
{
    const struct configuration *configuration = daemon->configuration;
    int64_t max_age_s = configuration_number(configuration, CONFIG_MANAGEMENT_CORS_MAX_AGE);
    struct buf origins = BUF_INIT;
    size_t count;
    const struct config_item *items =
        configuration_list(configuration, CONFIG_MANAGEMENT_CORS_ORIGINS, &count);
    for (size_t i = 0; i < count; i++)
        buf_printf(&origins, "%s%s", i ? " " : "", items[i].text);
    management_allow_origins(daemon->management, buf_cstr(&origins), (uint64_t)max_age_s);
    buf_fini(&origins);
}

static void limit_sql(struct daemon *daemon)
{
    const struct configuration *configuration = daemon->configuration;
    const struct sql_limits limits = {
        .time_ms = configuration_number(configuration, CONFIG_SQL_TIME),
        .rows = (uint32_t)configuration_number(configuration, CONFIG_SQL_ROWS),
        .result_bytes = (uint64_t)configuration_number(configuration, CONFIG_SQL_RESULT),
        .memory_bytes = (uint64_t)configuration_number(configuration, CONFIG_SQL_MEMORY),
    };
    management_limit_sql(daemon->management, &limits);
}

static enum exit_code start_management(struct daemon *daemon)
{
    const struct configuration *configuration = daemon->configuration;
    daemon->facts = (struct facts){
        .resources = &daemon->resources,
        .clients = &daemon->clients,
        .started_ms = daemon->loop.now_ms,
        .data_directory = configuration_text(configuration, CONFIG_DATA_DIR),
        .config_file = daemon->line->config_file,
        .configuration = configuration,
        .amqp_tls = &daemon->clients.tls,
    };
    struct management_host host = facts_host(&daemon->facts);
    daemon->management = management_new(daemon->broker, PACKAGE_VERSION, &host);
    limit_sql(daemon);
    management_show_objects(daemon->management,
                            configuration_number(configuration, CONFIG_PROMETHEUS_PER_OBJECT) != 0);
    struct http_server_options options = {
        .loop = &daemon->loop,
        .management = daemon->management,
        .log = daemon->log,
        .body_size_max = (size_t)configuration_number(configuration, CONFIG_MANAGEMENT_BODY_MAX),
        .request_ms = configuration_number(configuration, CONFIG_MANAGEMENT_REQUEST_TIMEOUT),
        .idle_ms = configuration_number(configuration, CONFIG_MANAGEMENT_IDLE_TIMEOUT),
    };
    daemon->http = http_server_new(&options);
    daemon->facts.http = daemon->http;
    allow_origins(daemon);
    daemon->sample_next_ms = daemon->loop.now_ms;
    sample(&daemon->sample_timer, daemon->loop.now_ms);
    return EXIT_CODE_OK;
}

static enum exit_code start_clients(struct daemon *daemon)
{
    client_set_init(&daemon->clients, &daemon->loop, daemon->broker, daemon->log);
    daemon->clients.login = tls_login_rule(daemon->configuration);
    daemon->clients.tls_handshake_timeout_ms =
        configuration_number(daemon->configuration, CONFIG_SSL_HANDSHAKE_TIMEOUT);
    return EXIT_CODE_OK;
}

static enum exit_code start_listening(struct daemon *daemon)
{
    struct ports *ports = &daemon->ports;
    ports->loop = &daemon->loop;
    ports->log = daemon->log;
    ports->configuration = daemon->configuration;
    ports->clients = &daemon->clients;
    ports->http = daemon->http;
    ports->facts = &daemon->facts;
    return ports_open(ports, daemon->message, MESSAGE_MAX) == ERR_OK ? EXIT_CODE_OK
                                                                     : EXIT_CODE_UNAVAILABLE;
}

/* -- signals -- */

static void stop_now(struct daemon *daemon)
{
    loop_stop(&daemon->loop);
}

static void give_up_waiting(struct timer *timer, int64_t now_ms)
{
    struct daemon *daemon = CONTAINER_OF(timer, struct daemon, stop_timer);
    (void)now_ms;
    log_warning(daemon->log, "stopping without waiting any longer", "connections=%zu",
                daemon->clients.count);
    stop_now(daemon);
}

static void note_emptied(void *context)
{
    stop_now(context);
}

static void begin_stop(struct daemon *daemon)
{
    daemon->stopping = true;
    notify_manager(daemon->environment, "STOPPING=1");
    log_info(daemon->log, "stopping", "connections=%zu", daemon->clients.count);
    ports_close(&daemon->ports);
    broker_close_connections(daemon->broker,
                             "broker forced connection closure with reason 'shutdown'");
    timer_set(&daemon->loop.timers, &daemon->stop_timer,
              daemon->loop.now_ms +
                  configuration_number(daemon->configuration, CONFIG_SHUTDOWN_TIMEOUT));
    client_set_when_empty(&daemon->clients, note_emptied, daemon);
}

static void take_over(struct daemon *daemon, struct configuration *configuration, SSL_CTX *amqp,
                      SSL_CTX *management)
{
    if (log_sink_configure(&daemon->sink, configuration, daemon->message, MESSAGE_MAX) != ERR_OK)
        log_failure(daemon, "the log file stays as it was");
    if (amqp && daemon->clients.tls) {
        SSL_CTX_free(daemon->clients.tls);
        daemon->clients.tls = amqp;
        amqp = NULL;
    }
    SSL_CTX_free(amqp);
    if (management)
        http_server_set_tls(daemon->http, management);
    configuration_each_line(configuration_warnings(configuration), log_warning_line, daemon->log);
    log_info(daemon->log, "reloaded", "what=\"certificates, log\"");
}

/* Certificates and logging follow the configuration as it is now; the rest waits for a restart.
 * When anything is wrong, everything stays as it was. */
static void reload(struct daemon *daemon)
{
    struct configuration *configuration = configuration_load(daemon->line, daemon->environment);
    struct slice errors = configuration_errors(configuration);
    SSL_CTX *amqp, *management;
    if (errors.len > 0) {
        configuration_each_line(errors, log_error_line, daemon->log);
        log_error(daemon->log, "not reloaded", "reason=configuration");
    } else if (tls_contexts_new(configuration, &amqp, &management, daemon->message, MESSAGE_MAX) !=
               ERR_OK) {
        log_failure(daemon, "not reloaded");
    } else {
        take_over(daemon, configuration, amqp, management);
    }
    configuration_free(configuration);
}

static bool act_on_signals(struct loop_node *node)
{
    struct daemon *daemon = CONTAINER_OF(node, struct daemon, node);
    if (daemon->stop_signals > 1)
        stop_now(daemon);
    else if (daemon->stop_signals == 1 && !daemon->stopping)
        begin_stop(daemon);
    if (daemon->reload_wanted) {
        daemon->reload_wanted = false;
        reload(daemon);
    }
    return false;
}

static void no_output(struct loop_node *node)
{
    (void)node;
}

static void note_signal(evutil_socket_t number, short what, void *context)
{
    struct daemon *daemon = context;
    (void)what;
    if (number == SIGHUP)
        daemon->reload_wanted = true;
    else
        daemon->stop_signals++;
    loop_note_input(&daemon->loop, &daemon->node);
}

static enum exit_code start_signals(struct daemon *daemon)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct event *event = evsignal_new(daemon->loop.base, numbers[i], note_signal, daemon);
        CHECK(event && event_add(event, NULL) == 0);
        daemon->signals[daemon->signal_count++] = event;
    }
    return EXIT_CODE_OK;
}

static enum exit_code start_resources(struct daemon *daemon)
{
    resources_init(&daemon->resources, &daemon->loop, daemon->broker, daemon->store, daemon->log,
                   daemon->configuration);
    daemon->resources.descriptors_max = descriptors_raise();
    return EXIT_CODE_OK;
}

/* -- all of it -- */

static enum exit_code start(struct daemon *daemon)
{
    static enum exit_code (*const steps[])(struct daemon * daemon) = {
        start_privileges, start_log,    start_loop,      start_signals,
        start_store,      start_broker, start_resources, start_management,
        start_clients,    start_tls,    start_listening,
    };
    enum exit_code code = EXIT_CODE_OK;
    for (size_t i = 0; i < ARRAY_LEN(steps) && code == EXIT_CODE_OK; i++)
        code = steps[i](daemon);
    return code;
}

static void daemon_init(struct daemon *daemon, const struct command_line *line, char **environment)
{
    *daemon = (struct daemon){.line = line, .environment = environment};
    log_sink_init(&daemon->sink);
    daemon->log = &daemon->sink.log;
    ports_init(&daemon->ports);
    list_init(&daemon->clients.clients);
    loop_node_init(&daemon->node, act_on_signals, no_output);
    timer_init(&daemon->stop_timer, give_up_waiting);
    timer_init(&daemon->sample_timer, sample);
}

/* Gives the code to end with: the one at hand, unless what was left could not be written. */
static enum exit_code daemon_fini(struct daemon *daemon, enum exit_code code)
{
    ports_close(&daemon->ports);
    client_set_fini(&daemon->clients);
    http_server_free(daemon->http);
    management_free(daemon->management);
    resources_fini(&daemon->resources);
    hasher_free(daemon->hasher);
    if (daemon->broker)
        logins_stop(daemon->broker->access);
    /* The store first: what it still has to write belongs to messages that the broker counts. */
    if (daemon->store && !store_close(daemon->store) && code == EXIT_CODE_OK)
        code = EXIT_CODE_IO;
    if (daemon->broker)
        broker_free(daemon->broker);
    broker_setup_fini(&daemon->setup);
    for (size_t i = 0; i < daemon->signal_count; i++)
        event_free(daemon->signals[i]);
    if (daemon->has_loop) {
        loop_node_fini(&daemon->node);
        timer_clear(&daemon->loop.timers, &daemon->stop_timer);
        timer_clear(&daemon->loop.timers, &daemon->sample_timer);
        loop_fini(&daemon->loop);
    }
    configuration_free(daemon->configuration);
    log_sink_fini(&daemon->sink);
    return code;
}

static enum exit_code serve(struct daemon *daemon)
{
    signal(SIGPIPE, SIG_IGN);
    umask(FILES_MASK);
    library_memory_init();
    enum exit_code code = start(daemon);
    if (code != EXIT_CODE_OK) {
        log_failure(daemon, "cannot start");
        return code;
    }
    log_info(daemon->log, "ready", "version=%s pid=%d data_dir=\"%s\" node=%s", PACKAGE_VERSION,
             (int)getpid(), configuration_text(daemon->configuration, CONFIG_DATA_DIR),
             daemon->setup.options.node_name);
    notify_manager(daemon->environment, "READY=1");
    loop_run(&daemon->loop, daemon->broker);
    client_set_fini(&daemon->clients);
    broker_settle(daemon->broker);
    broker_stop(daemon->broker);
    log_info(daemon->log, "stopped", NULL);
    return EXIT_CODE_OK;
}

static enum exit_code check(struct daemon *daemon)
{
    SSL_CTX *amqp, *management;
    configuration_each_line(configuration_warnings(daemon->configuration), print_complaint, NULL);
    if (tls_contexts_new(daemon->configuration, &amqp, &management, daemon->message, MESSAGE_MAX) !=
        ERR_OK) {
        print_complaint(NULL, slice_str(daemon->message));
        return EXIT_CODE_CONFIG;
    }
    SSL_CTX_free(amqp);
    SSL_CTX_free(management);
    printf("the configuration is fine\n");
    return EXIT_CODE_OK;
}

static enum exit_code print(const struct daemon *daemon)
{
    struct buf text = BUF_INIT;
    configuration_print(daemon->configuration, &text);
    fwrite(text.data, 1, text.len, stdout);
    buf_fini(&text);
    return EXIT_CODE_OK;
}

static enum exit_code list_keys(void)
{
    struct buf text = BUF_INIT;
    configuration_describe(&text);
    fwrite(text.data, 1, text.len, stdout);
    buf_fini(&text);
    return EXIT_CODE_OK;
}

/* The commands that need the configuration. */
static enum exit_code run_configured(struct daemon *daemon)
{
    daemon->configuration = configuration_load(daemon->line, daemon->environment);
    struct slice errors = configuration_errors(daemon->configuration);
    if (errors.len > 0) {
        configuration_each_line(errors, print_complaint, NULL);
        return EXIT_CODE_CONFIG;
    }
    if (daemon->line->command == COMMAND_CHECK_CONFIG)
        return check(daemon);
    if (daemon->line->command == COMMAND_PRINT_CONFIG)
        return print(daemon);
    return serve(daemon);
}

enum exit_code daemon_run(const struct command_line *line, char **environment)
{
    struct daemon daemon;
    enum exit_code code;
    switch (line->command) {
    case COMMAND_HELP:
        command_line_help();
        return EXIT_CODE_OK;
    case COMMAND_VERSION:
        printf("bilbyd %s\n", PACKAGE_VERSION);
        return EXIT_CODE_OK;
    case COMMAND_LIST_KEYS:
        return list_keys();
    case COMMAND_RUN:
    case COMMAND_CHECK_CONFIG:
    case COMMAND_PRINT_CONFIG:
        daemon_init(&daemon, line, environment);
        code = run_configured(&daemon);
        return daemon_fini(&daemon, code);
    }
    UNREACHABLE();
}
