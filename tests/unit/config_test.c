/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: types, the file's grammar, precedence, complaints, and the table itself. */
#include "server/command_line.h"
#include "server/config_table.h"
#include "server/configuration.h"
#include "server/configuration_load.h"
#include "server/endpoint.h"

#include <check.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

static struct configuration *configuration;

static void setup(void)
{
    configuration = configuration_new();
}

static void teardown(void)
{
    configuration_free(configuration);
}

static void parse(const char *text)
{
    configuration_parse(configuration, "test.conf", slice_str(text));
}

static void assert_lines(struct slice lines, const char *expected)
{
    char text[2000];
    snprintf(text, sizeof(text), "%.*s", SLICE_FMT(lines));
    ck_assert_str_eq(text, expected);
}

#define assert_errors(expected) assert_lines(configuration_errors(configuration), expected)
#define assert_number(key, expected)                                                               \
    ck_assert_int_eq(configuration_number(configuration, CONFIG_##key), expected)
#define assert_text(key, expected)                                                                 \
    ck_assert_str_eq(configuration_text(configuration, CONFIG_##key), expected)

/* One value of one key; the errors when it is refused. */
static int64_t set(const char *key, const char *value, enum config_key id)
{
    configuration_set(configuration, "here", key, value);
    assert_errors("");
    return configuration_number(configuration, id);
}

static void refuse(const char *key, const char *value, const char *complaint)
{
    struct configuration *other = configuration_new();
    configuration_set(other, "here", key, value);
    assert_lines(configuration_errors(other), complaint);
    configuration_free(other);
}

/* -- types -- */

START_TEST(integers_have_bounds)
{
    ck_assert_int_eq(set("heartbeat", "0", CONFIG_HEARTBEAT), 0);
    ck_assert_int_eq(set("heartbeat", "65535", CONFIG_HEARTBEAT), 65535);
    refuse("heartbeat", "65536",
           "here: 'heartbeat' must be an integer, from 0 to 65535, not '65536'\n");
    refuse("heartbeat", "-1", "here: 'heartbeat' must be an integer, from 0 to 65535, not '-1'\n");
    refuse("heartbeat", "", "here: 'heartbeat' must be an integer, from 0 to 65535, not ''\n");
    refuse("heartbeat", "6 0",
           "here: 'heartbeat' must be an integer, from 0 to 65535, not '6 0'\n");
    refuse(
        "heartbeat", "99999999999999999999999",
        "here: 'heartbeat' must be an integer, from 0 to 65535, not '99999999999999999999999'\n");
}
END_TEST

START_TEST(sizes_have_units)
{
    ck_assert_int_eq(set("max_message_size", "65536", CONFIG_MAX_MESSAGE_SIZE), 65536);
    ck_assert_int_eq(set("disk_free_limit.absolute", "50MB", CONFIG_DISK_FREE_ABSOLUTE), 50000000);
    ck_assert_int_eq(set("disk_free_limit.absolute", "2GiB", CONFIG_DISK_FREE_ABSOLUTE),
                     2147483648);
    ck_assert_int_eq(set("disk_free_limit.absolute", "3 kb", CONFIG_DISK_FREE_ABSOLUTE), 3000);
    ck_assert_int_eq(set("disk_free_limit.absolute", "4M", CONFIG_DISK_FREE_ABSOLUTE), 4194304);
    refuse("disk_free_limit.absolute", "9999999999TiB",
           "here: 'disk_free_limit.absolute' must be a size such as 65536, 50MB or 1GiB, at least "
           "0, not '9999999999TiB'\n");
    refuse("max_message_size", "1XB",
           "here: 'max_message_size' must be a size such as 65536, 50MB or 1GiB, from 1 to "
           "536870912, not '1XB'\n");
}
END_TEST

START_TEST(durations_are_milliseconds)
{
    ck_assert_int_eq(set("handshake_timeout", "10000", CONFIG_HANDSHAKE_TIMEOUT), 10000);
    ck_assert_int_eq(set("handshake_timeout", "10s", CONFIG_HANDSHAKE_TIMEOUT), 10000);
    ck_assert_int_eq(set("consumer_timeout", "1h", CONFIG_CONSUMER_TIMEOUT), 3600000);
    refuse("handshake_timeout", "ten",
           "here: 'handshake_timeout' must be milliseconds or a duration such as 10s or 30m, from "
           "1 to 3600000, not 'ten'\n");
}
END_TEST

START_TEST(ratios_are_millionths)
{
    ck_assert_int_eq(set("vm_memory_high_watermark.relative", "0.4", CONFIG_MEMORY_RELATIVE),
                     400000);
    ck_assert_int_eq(set("vm_memory_high_watermark.relative", "1", CONFIG_MEMORY_RELATIVE),
                     1000000);
    refuse("vm_memory_high_watermark.relative", "1.1",
           "here: 'vm_memory_high_watermark.relative' must be a number such as 0.4, not '1.1'\n");
    refuse("vm_memory_high_watermark.relative", ".4",
           "here: 'vm_memory_high_watermark.relative' must be a number such as 0.4, not '.4'\n");
}
END_TEST

START_TEST(other_types)
{
    ck_assert_int_eq(set("connection_max", "infinity", CONFIG_CONNECTION_MAX), 0);
    ck_assert_int_eq(set("connection_max", "100", CONFIG_CONNECTION_MAX), 100);
    ck_assert_int_eq(set("log.console", "false", CONFIG_LOG_CONSOLE), 0);
    ck_assert_int_eq(set("ssl_options.verify", "verify_peer", CONFIG_SSL_VERIFY), 1);
    set("management.tcp.ip", "::1", CONFIG_MANAGEMENT_TCP_IP);
    refuse("log.console", "yes", "here: 'log.console' must be true or false, not 'yes'\n");
    refuse("log.level", "loud",
           "here: 'log.level' must be none, error, warning, info or debug, not 'loud'\n");
    refuse("ssl_options.verify", "maybe",
           "here: 'ssl_options.verify' must be one of verify_none|verify_peer, not 'maybe'\n");
    refuse("management.tcp.ip", "localhost",
           "here: 'management.tcp.ip' must be an IP address, not 'localhost'\n");
    refuse("default_user", "", "here: 'default_user' must be a text of allowed length, not ''\n");
}
END_TEST

START_TEST(secrets_are_not_repeated_in_complaints)
{
    refuse("default_users.ann.password", "",
           "here: 'default_users.ann.password' must be a text of allowed length, not '…'\n");
}
END_TEST

/* -- endpoints -- */

START_TEST(endpoints_in_all_forms)
{
    struct endpoint endpoint;
    ck_assert(endpoint_parse("5672", &endpoint));
    ck_assert_str_eq(endpoint.host, "");
    ck_assert_uint_eq(endpoint.port, 5672);
    ck_assert(endpoint_parse("127.0.0.1:5673", &endpoint));
    ck_assert_str_eq(endpoint.host, "127.0.0.1");
    ck_assert(endpoint_parse("[::1]:5674", &endpoint));
    ck_assert_str_eq(endpoint.host, "::1");
    ck_assert_uint_eq(endpoint.port, 5674);
    ck_assert(endpoint_parse("::1:5675", &endpoint)); /* as RabbitMQ's files have it */
    ck_assert_str_eq(endpoint.host, "::1");
    ck_assert_uint_eq(endpoint.port, 5675);
    ck_assert(endpoint_parse("localhost:65535", &endpoint));
    static const char *const wrong[] = {
        "",     "0",     "65536", "::1",  "1:2:5672",      "[::1]",
        "host", "host:", ":5672", "[]:1", "1.2.3.4:5672x",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        ck_assert_msg(!endpoint_parse(wrong[i], &endpoint), "%s", wrong[i]);
}
END_TEST

static void assert_printed(int family, const char *address, const char *expected, bool loopback)
{
    struct sockaddr_storage storage = {.ss_family = (sa_family_t)family};
    struct sockaddr_in *v4 = (void *)&storage;
    struct sockaddr_in6 *v6 = (void *)&storage;
    char text[ENDPOINT_TEXT_MAX];
    if (family == AF_INET)
        v4->sin_port = htons(5672);
    else
        v6->sin6_port = htons(5672);
    void *into = family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr;
    ck_assert_int_eq(inet_pton(family, address, into), 1);
    endpoint_print((struct sockaddr *)&storage, text);
    ck_assert_str_eq(text, expected);
    ck_assert_int_eq(endpoint_is_loopback((struct sockaddr *)&storage), loopback);
}

START_TEST(addresses_are_printed_as_rabbitmq_does)
{
    assert_printed(AF_INET, "127.0.0.2", "127.0.0.2:5672", true);
    assert_printed(AF_INET, "10.0.0.1", "10.0.0.1:5672", false);
    assert_printed(AF_INET6, "::1", "[::1]:5672", true);
    assert_printed(AF_INET6, "::ffff:127.0.0.1", "127.0.0.1:5672", true);
    assert_printed(AF_INET6, "2001:db8::1", "[2001:db8::1]:5672", false);
}
END_TEST

/* -- the file -- */

START_TEST(a_file_in_rabbitmqs_form)
{
    parse("# a comment\n"
          "% another\n"
          "\n"
          "heartbeat = 30\n"
          "  frame_max=65536   \r\n"
          "listeners.tcp.1 = 127.0.0.1:5673 # the local one\n"
          "listeners.tcp.2 = [::1]:5673\n"
          "default_pass = 'pa#ss = wo rd'\n"
          "default_user_tags.monitoring = true\n"
          "loopback_users.guest = false");
    assert_errors("");
    assert_number(HEARTBEAT, 30);
    assert_number(FRAME_MAX, 65536);
    assert_text(DEFAULT_PASS, "pa#ss = wo rd");
    size_t count;
    const struct config_item *items =
        configuration_list(configuration, CONFIG_LISTENERS_TCP_NAME, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(items[0].text, "127.0.0.1:5673");
    ck_assert_str_eq(items[1].text, "[::1]:5673");
    ck_assert_ptr_null(
        configuration_find(configuration, CONFIG_DEFAULT_USER_TAGS, "administrator"));
    ck_assert_int_eq(configuration_find(configuration, CONFIG_LOOPBACK_USERS_NAME, "guest")->number,
                     0);
}
END_TEST

START_TEST(complaints_name_file_and_line)
{
    parse("heartbeat = 30\n"
          "heartbeet = 30\n"
          "heartbeat\n"
          "= 5\n"
          "default_pass = 'open\n"
          "default_pass = 'a' b\n"
          "default_pass = pa#ss\n"
          "nothing.like.it.at.all.in.the.table = 1\n"
          "frame_max = 1\n");
    assert_errors(
        "test.conf:2: unknown key 'heartbeet'; did you mean 'heartbeat'?\n"
        "test.conf:3: expected 'key = value'\n"
        "test.conf:4: there is no key before the '='\n"
        "test.conf:5: the closing quote is missing\n"
        "test.conf:6: there is something after the closing quote\n"
        "test.conf:7: a '#' begins a comment: put the value into single quotes, or a space before "
        "it\n"
        "test.conf:8: unknown key 'nothing.like.it.at.all.in.the.table'\n"
        "test.conf:9: 'frame_max' must be a size such as 65536, 50MB or 1GiB, from 4096 to "
        "16777216, not '1'\n");
}
END_TEST

START_TEST(a_zero_byte_is_refused)
{
    static const char text[] = "heartbeat = 3\0000\n";
    configuration_parse(configuration, "test.conf", slice_of(text, sizeof(text) - 1));
    assert_errors("test.conf:1: there is a zero byte\n");
}
END_TEST

START_TEST(control_characters_are_refused)
{
    refuse("cluster_name", "a\nheartbeat = 1", "here: the value holds a control character\n");
}
END_TEST

START_TEST(a_missing_file_is_an_error)
{
    configuration_read_file(configuration, "/nonexistent/bilby.conf");
    assert_errors("/nonexistent/bilby.conf: No such file or directory\n");
}
END_TEST

START_TEST(keys_of_rabbitmq_without_meaning)
{
    parse("num_acceptors.tcp = 10\n"
          "cluster_formation.classic_config.nodes.1 = rabbit@a\n"
          "proxy_protocol = false\n"
          "auth_backends.1 = internal\n"
          "max_connections = 7\n"
          "auth_backends.2 = ldap\n"
          "management_agent.disable_metrics_collector = false\n"
          "log.connection.level = info\n"
          "tcp_listen_options.linger.timeout = 0\n");
    assert_errors("test.conf:6: 'auth_backends.2' must be one of internal|"
                  "rabbit_auth_backend_internal, not 'ldap': users are kept in the broker's own "
                  "database only\n");
    assert_lines(configuration_warnings(configuration),
                 "test.conf:1: 'num_acceptors.tcp' has no effect here: one loop accepts all "
                 "connections\n"
                 "test.conf:2: 'cluster_formation.classic_config.nodes.1' has no effect here: this "
                 "is a single node\n"
                 "test.conf:8: 'log.connection.level' has no effect here: levels are those of "
                 "standard error and of the file\n"
                 "test.conf:9: 'tcp_listen_options.linger.timeout' has no effect here: a client "
                 "that is sent away has a second to read why\n");
    assert_number(CONNECTION_MAX, 7);
}
END_TEST

/* -- lists and precedence -- */

START_TEST(list_items_in_order_of_their_numbers)
{
    parse("auth_mechanisms.10 = EXTERNAL\n"
          "auth_mechanisms.2 = AMQPLAIN\n"
          "auth_mechanisms.1 = PLAIN\n"
          "auth_mechanisms.2 = PLAIN\n");
    size_t count;
    const struct config_item *items =
        configuration_list(configuration, CONFIG_AUTH_MECHANISMS, &count);
    ck_assert_uint_eq(count, 3);
    ck_assert_str_eq(items[0].text, "PLAIN");
    ck_assert_str_eq(items[1].text, "PLAIN");
    ck_assert_str_eq(items[2].text, "EXTERNAL");
}
END_TEST

START_TEST(environment_names_keys)
{
    char *environment[] = {
        (char[]){"PATH=/bin"},
        (char[]){"BILBY_HEARTBEAT=11"},
        (char[]){"BILBY_VM_MEMORY_HIGH_WATERMARK_RELATIVE=0.5"},
        (char[]){"BILBY_LISTENERS_TCP_1=127.0.0.1:5680"},
        (char[]){"BILBY_LOOPBACK_USERS_Ann=true"},
        (char[]){"BILBY_DEFAULT_USERS_ann_PASSWORD=secret"},
        (char[]){"BILBY_SERVICE_HOST=10.0.0.1"},
        (char[]){"BILBY_CONFIG_FILE=x"},
        (char[]){"BILBY_FRAME_MAX=3"},
        NULL,
    };
    configuration_read_environment(configuration, environment);
    assert_errors("environment: 'BILBY_FRAME_MAX' must be a size such as 65536, 50MB or 1GiB, from "
                  "4096 to 16777216, not '3'\n");
    assert_lines(configuration_warnings(configuration),
                 "environment: 'BILBY_SERVICE_HOST' is no key of ours\n");
    assert_number(HEARTBEAT, 11);
    assert_number(MEMORY_RELATIVE, 500000);
    ck_assert_str_eq(configuration_find(configuration, CONFIG_LISTENERS_TCP_NAME, "1")->text,
                     "127.0.0.1:5680");
    ck_assert_ptr_nonnull(configuration_find(configuration, CONFIG_LOOPBACK_USERS_NAME, "Ann"));
    ck_assert_str_eq(configuration_find(configuration, CONFIG_USERS_PASSWORD, "ann")->text,
                     "secret");
}
END_TEST

START_TEST(sources_in_rising_precedence)
{
    char path[] = "/tmp/bilby-config-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    FILE *file = fdopen(fd, "w");
    fputs("heartbeat = 1\nframe_max = 8192\nchannel_max = 5\ndata_dir = /file\n", file);
    fclose(file);
    char *environment[] = {(char[]){"BILBY_FRAME_MAX=16384"}, (char[]){"BILBY_CHANNEL_MAX=6"},
                           (char[]){"BILBY_DATA_DIR=/environment"}, NULL};
    struct command_line line = {
        .config_file = path,
        .data_directory = "/command-line",
        .sets = {"channel_max = 7"},
        .set_count = 1,
    };
    struct configuration *loaded = configuration_load(&line, environment);
    ck_assert_uint_eq(configuration_errors(loaded).len, 0);
    ck_assert_int_eq(configuration_number(loaded, CONFIG_HEARTBEAT), 1);
    ck_assert_int_eq(configuration_number(loaded, CONFIG_FRAME_MAX), 16384);
    ck_assert_int_eq(configuration_number(loaded, CONFIG_CHANNEL_MAX), 7);
    ck_assert_str_eq(configuration_text(loaded, CONFIG_DATA_DIR), "/command-line");
    configuration_free(loaded);
    remove(path);
}
END_TEST

START_TEST(assignments_need_an_equals_sign)
{
    configuration_assign(configuration, "--set", "heartbeat=12");
    configuration_assign(configuration, "--set", "heartbeat");
    assert_number(HEARTBEAT, 12);
    assert_errors("--set: 'heartbeat' must have the form KEY=VALUE\n");
}
END_TEST

START_TEST(keys_that_need_each_other)
{
    parse("listeners.ssl.default = 5671\n"
          "ssl_options.verify = verify_peer\n"
          "management.ssl.port = 15671\n"
          "default_users.bob.tags = monitoring\n");
    configuration_check(configuration);
    assert_errors("'listeners.ssl' needs 'ssl_options.certfile' and 'ssl_options.keyfile'\n"
                  "'ssl_options.verify = verify_peer' needs 'ssl_options.cacertfile'\n"
                  "'management.ssl.port' needs a certificate and its key: "
                  "'management.ssl.certfile' and '.keyfile', or those of 'ssl_options'\n"
                  "'default_users.bob' needs 'default_users.bob.password'\n");
}
END_TEST

/* -- printing, and the table -- */

START_TEST(what_is_printed_can_be_read_again)
{
    parse("heartbeat = 31\n"
          "listeners.tcp.9 = 127.0.0.1:5699\n"
          "cluster_name = 'it''s # one'\n"
          "default_users.ann.password = hunter2\n");
    struct buf first = BUF_INIT, second = BUF_INIT;
    configuration_print(configuration, &first);
    ck_assert_ptr_null(strstr(buf_cstr(&first), "hunter2"));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&first), "\nlisteners.tcp.9 = 127.0.0.1:5699\n"));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&first), "\ncluster_name = 'it''s # one'\n"));
    struct configuration *again = configuration_new();
    configuration_parse(again, "printed", buf_slice(&first));
    assert_lines(configuration_errors(again), "");
    configuration_set(again, "here", "default_users.ann.password", "other");
    configuration_print(again, &second);
    ck_assert_str_eq(buf_cstr(&first), buf_cstr(&second));
    configuration_free(again);
    buf_fini(&first);
    buf_fini(&second);
}
END_TEST

/* Every pattern finds its own row, as a key and as a variable; so no two rows are in each other's
 * way, and what the table offers can be set from everywhere. */
START_TEST(every_row_is_found_by_its_name)
{
    for (size_t key = 0; key < CONFIG_KEYS; key++) {
        const struct config_row *row = config_table_row((enum config_key)key);
        char variable[200];
        size_t len = strlen(row->pattern);
        struct config_match match = config_table_find(row->pattern);
        ck_assert_msg(match.kind == CONFIG_MATCH_KEY && match.key == key, "%s", row->pattern);
        for (size_t i = 0; i <= len; i++) {
            char c = row->pattern[i];
            variable[i] = c == '.' ? '_' : c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
        }
        match = config_table_find_variable(variable);
        ck_assert_msg(match.kind == CONFIG_MATCH_KEY && match.key == key, "%s", variable);
    }
}
END_TEST

/* Other names, and what is only known: the reason that is found is the row's own. */
START_TEST(every_other_row_is_found_by_its_name)
{
    static const struct other {
        const char *pattern;
        enum config_match_kind kind;
        const char *reason;
    } others[] = {
#define CONFIG_ALIAS(name, id) {name, CONFIG_MATCH_KEY, NULL},
#define CONFIG_FIXED(name, list, why) {name, CONFIG_MATCH_FIXED, why},
#define CONFIG_IGNORED(name, why) {name, CONFIG_MATCH_IGNORED, why},
#include "server/config_keys.def"
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct config_match match = config_table_find(others[i].pattern);
        ck_assert_msg(match.kind == others[i].kind, "%s", others[i].pattern);
        if (others[i].reason)
            ck_assert_str_eq(match.reason, others[i].reason);
        for (size_t before = 0; before < i; before++)
            ck_assert_msg(strcmp(others[before].pattern, others[i].pattern) != 0, "%s",
                          others[i].pattern);
    }
}
END_TEST

START_TEST(every_row_has_a_default_that_is_allowed_and_a_help_line)
{
    for (size_t key = 0; key < CONFIG_KEYS; key++) {
        const struct config_row *row = config_table_row((enum config_key)key);
        ck_assert_msg(row->help && row->help[0], "%s", row->pattern);
        ck_assert_msg((row->range.type == CONFIG_TYPE_CHOICE) == (row->range.choices != NULL), "%s",
                      row->pattern);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("config");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, integers_have_bounds);
    tcase_add_test(tcase, sizes_have_units);
    tcase_add_test(tcase, durations_are_milliseconds);
    tcase_add_test(tcase, ratios_are_millionths);
    tcase_add_test(tcase, other_types);
    tcase_add_test(tcase, secrets_are_not_repeated_in_complaints);
    tcase_add_test(tcase, endpoints_in_all_forms);
    tcase_add_test(tcase, addresses_are_printed_as_rabbitmq_does);
    tcase_add_test(tcase, a_file_in_rabbitmqs_form);
    tcase_add_test(tcase, complaints_name_file_and_line);
    tcase_add_test(tcase, a_zero_byte_is_refused);
    tcase_add_test(tcase, control_characters_are_refused);
    tcase_add_test(tcase, a_missing_file_is_an_error);
    tcase_add_test(tcase, keys_of_rabbitmq_without_meaning);
    tcase_add_test(tcase, list_items_in_order_of_their_numbers);
    tcase_add_test(tcase, environment_names_keys);
    tcase_add_test(tcase, sources_in_rising_precedence);
    tcase_add_test(tcase, assignments_need_an_equals_sign);
    tcase_add_test(tcase, keys_that_need_each_other);
    tcase_add_test(tcase, what_is_printed_can_be_read_again);
    tcase_add_test(tcase, every_row_is_found_by_its_name);
    tcase_add_test(tcase, every_other_row_is_found_by_its_name);
    tcase_add_test(tcase, every_row_has_a_default_that_is_allowed_and_a_help_line);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
