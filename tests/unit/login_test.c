/* SPDX-License-Identifier: Apache-2.0 */
/* Logins over a worker that works when the test says so: who waits, who doesn't, what a wrong
 * password costs, what the throttle sees, when a new password's hash is stored. */
#include "broker/login.h"

#include "base/mem.h"
#include "broker/access.h"
#include "broker/broker.h"
#include "broker/connection.h"
#include "broker/password.h"
#include "broker/point.h"
#include "proto/frame.h"
#include "proto/table.h"
#include "tests/support/amqp_fixture.h"
#include "tests/support/suite.h"

#include <stdio.h>

static struct amqp_fixture fixture;
static struct access *access_of_broker;

/* ---- the worker ---- */

static struct {
    struct password_job *job;
    bool done;
    unsigned runs;
} worker;

static void submit(void *context, struct password_job *job)
{
    (void)context;
    ck_assert_ptr_null(worker.job);
    worker.job = job;
    worker.done = false;
}

static struct password_job *collect(void *context)
{
    struct password_job *job = worker.done ? worker.job : NULL;
    (void)context;
    if (job)
        worker.job = NULL;
    return job;
}

/* Runs the job that it has, and the turns that follow. */
static void work(void)
{
    ck_assert_ptr_nonnull(worker.job);
    password_job_run(worker.job);
    worker.done = true;
    worker.runs++;
    amqp_fixture_settle(&fixture);
}

static void work_off(void)
{
    while (worker.job)
        work();
}

static void start(void)
{
    struct broker_options options;
    broker_options_init(&options);
    options.password_hashing =
        (struct password_hashing){.algorithm = PASSWORD_PBKDF2, .iterations = 10};
    options.login_failures_per_user = 3;
    options.login_failures_per_address = 5;
    amqp_fixture_open(&fixture, &options);
    access_of_broker = fixture.broker->access;
    const struct password_worker own = {.submit = submit, .collect = collect};
    worker.job = NULL;
    worker.runs = 0;
    logins_set_worker(access_of_broker, &own);
}

static void stop(void)
{
    work_off();
    amqp_fixture_close(&fixture);
}

/* ---- clients ---- */

static struct amqp_test_client *come(const char *source, const char *user, const char *password)
{
    const struct amqp_peer peer = {.name = "a -> b", .loopback = true, .source = source};
    struct amqp_test_client *client = amqp_client_new(&fixture, &peer);
    struct buf capabilities = BUF_INIT, properties = BUF_INIT, response = BUF_INIT;
    amqp_client_bytes(client, PROTOCOL_HEADER_0_9_1, PROTOCOL_HEADER_SIZE);
    amqp_expect(client, 0, METHOD_CONNECTION_START);
    table_add_bool(&capabilities, "authentication_failure_close", true);
    table_add_table(&properties, "capabilities", buf_slice(&capabilities));
    buf_add_u8(&response, 0);
    buf_add_str(&response, user);
    buf_add_u8(&response, 0);
    buf_add_str(&response, password);
    struct method method = {.kind = METHOD_CONNECTION_START_OK};
    method.connection_start_ok.client_properties = buf_slice(&properties);
    method.connection_start_ok.mechanism = slice_str("PLAIN");
    method.connection_start_ok.response = buf_slice(&response);
    amqp_client_send(client, 0, &method);
    buf_fini(&capabilities);
    buf_fini(&properties);
    buf_fini(&response);
    amqp_fixture_settle(&fixture);
    return client;
}

static void expect_refusal(struct amqp_test_client *client, const char *why)
{
    char text[200];
    const struct method *method = amqp_expect(client, 0, METHOD_CONNECTION_CLOSE);
    snprintf(text, sizeof(text),
             "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. %s", why);
    ck_assert_uint_eq(method->connection_close.reply_code, 403);
    ck_assert(slice_equal_str(method->connection_close.reply_text, text));
}

static void expect_wrong(struct amqp_test_client *client)
{
    expect_refusal(client, "For details see the broker logfile.");
}

static void expect_throttled(struct amqp_test_client *client)
{
    expect_refusal(client, "Too many logins have failed: try again later.");
}

/* A user whose password is known by its hash alone, as after a restart. */
static void add_user(const char *name, const char *password)
{
    const struct password_hashing hashing = {.algorithm = PASSWORD_PBKDF2, .iterations = 10};
    struct user *user;
    char *hash = password_hash(&hashing, &fixture.broker->rng, slice_str(password));
    ck_assert_int_eq(access_set_user_hash(access_of_broker, slice_str(name), slice_str(hash),
                                          slice_str("bilby_password_hashing_pbkdf2"), slice_str(""),
                                          &user),
                     ERR_OK);
    mem_free(hash);
}

/* ---- waiting ---- */

START_TEST(first_login_waits_and_the_next_does_not)
{
    add_user("u", "right");
    struct amqp_test_client *first = come("a", "u", "right");
    amqp_expect_nothing(first);
    work();
    amqp_expect(first, 0, METHOD_CONNECTION_TUNE);
    amqp_expect(come("b", "u", "right"), 0, METHOD_CONNECTION_TUNE);
    ck_assert_uint_eq(worker.runs, 1);
}
END_TEST

START_TEST(one_computation_lets_all_of_a_user_in)
{
    struct amqp_test_client *clients[100];
    add_user("u", "right");
    add_user("v", "other");
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        clients[i] = i == 1 ? come("a", "v", "other") : come("a", "u", "right");
    work();
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        if (i != 1)
            amqp_expect(clients[i], 0, METHOD_CONNECTION_TUNE);
    amqp_expect_nothing(clients[1]);
    work();
    amqp_expect(clients[1], 0, METHOD_CONNECTION_TUNE);
    ck_assert_uint_eq(worker.runs, 2);
}
END_TEST

START_TEST(every_wrong_password_costs_one_computation)
{
    add_user("u", "right");
    work_off();
    struct amqp_test_client *good = come("a", "u", "right");
    work();
    amqp_expect(good, 0, METHOD_CONNECTION_TUNE);
    struct amqp_test_client *known = come("b", "u", "wrong");
    struct amqp_test_client *unknown = come("c", "nobody", "wrong");
    struct amqp_test_client *empty = come("d", "u", "");
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(worker.job->hashing.algorithm, PASSWORD_PBKDF2);
        work();
    }
    expect_wrong(known);
    expect_wrong(unknown);
    expect_wrong(empty);
    ck_assert_uint_eq(worker.runs, 4);
}
END_TEST

/* RabbitMQ's digest alone would answer in a microsecond. */
START_TEST(wrong_password_of_an_imported_hash_costs_the_same)
{
    struct user *user;
    ck_assert_int_eq(
        access_set_user_hash(access_of_broker, slice_str("u"),
                             slice_str("kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"),
                             slice_str("rabbit_password_hashing_sha256"), slice_str(""), &user),
        ERR_OK);
    struct amqp_test_client *wrong = come("a", "u", "wrong");
    ck_assert_ptr_nonnull(worker.job->decoy);
    ck_assert(password_hash_valid(PASSWORD_PBKDF2, slice_str(worker.job->decoy)));
    work();
    expect_wrong(wrong);
    struct amqp_test_client *right = come("a", "u", "test12");
    work();
    amqp_expect(right, 0, METHOD_CONNECTION_TUNE);
}
END_TEST

START_TEST(client_may_leave_while_it_waits)
{
    add_user("u", "right");
    struct amqp_test_client *running = come("a", "u", "right");
    struct amqp_test_client *waiting = come("a", "nobody", "x");
    amqp_client_drop(running);
    amqp_client_drop(waiting);
    work();
    ck_assert_ptr_null(worker.job);
    amqp_expect(come("a", "u", "right"), 0, METHOD_CONNECTION_TUNE); /* what it learned is kept */
}
END_TEST

START_TEST(handshake_time_stands_still_while_we_look)
{
    add_user("u", "right");
    struct amqp_test_client *client = come("a", "u", "right");
    amqp_fixture_pass(&fixture, 60000);
    work();
    amqp_expect(client, 0, METHOD_CONNECTION_TUNE);
    amqp_fixture_pass(&fixture, 10000);
    amqp_expect_closed(client);
}
END_TEST

START_TEST(deleted_or_changed_meanwhile_is_refused)
{
    add_user("u", "right");
    struct amqp_test_client *changed = come("a", "u", "right");
    access_set_user(access_of_broker, slice_str("u"), slice_str("new"), slice_str(""));
    work();
    expect_wrong(changed);
    struct amqp_test_client *deleted = come("a", "u", "wrong");
    ck_assert(access_delete_user(access_of_broker, slice_str("u")));
    work_off();
    expect_wrong(deleted);
}
END_TEST

/* ---- throttling ---- */

START_TEST(guesses_end_and_other_addresses_do_not_care)
{
    add_user("u", "right");
    for (int i = 0; i < 3; i++) {
        struct amqp_test_client *client = come("a", "u", "guess");
        work();
        expect_wrong(client);
    }
    expect_throttled(come("a", "u", "right"));
    struct amqp_test_client *elsewhere = come("b", "u", "right");
    work();
    amqp_expect(elsewhere, 0, METHOD_CONNECTION_TUNE);
    expect_throttled(come("a", "u", "right")); /* a password that is known in memory too */
    amqp_fixture_pass(&fixture, 60000);
    amqp_expect(come("a", "u", "right"), 0, METHOD_CONNECTION_TUNE);
}
END_TEST

START_TEST(guesses_at_once_are_no_more_than_in_a_row)
{
    struct amqp_test_client *clients[50];
    add_user("u", "right");
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        clients[i] = come("a", "u", "guess");
    work_off();
    ck_assert_uint_eq(worker.runs, 3);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        if (i < 3)
            expect_wrong(clients[i]);
        else
            expect_throttled(clients[i]);
    }
}
END_TEST

START_TEST(address_that_tries_many_users_is_refused)
{
    char user[8];
    for (int i = 0; i < 5; i++) {
        snprintf(user, sizeof(user), "u%d", i);
        expect_wrong((come("a", user, "x"), work(), fixture.clients));
    }
    expect_throttled(come("a", "u9", "x"));
    ck_assert_uint_eq(worker.runs, 5);
}
END_TEST

/* ---- passwords that are set ---- */

START_TEST(new_password_is_in_force_before_its_hash_is_made)
{
    struct user *user =
        access_set_user(access_of_broker, slice_str("u"), slice_str("new"), slice_str(""));
    ck_assert_str_eq(user->password_hash, "");
    amqp_expect(come("a", "u", "new"), 0, METHOD_CONNECTION_TUNE);
    work();
    ck_assert(password_hash_valid(PASSWORD_PBKDF2, slice_str(user->password_hash)));
    ck_assert_str_eq(user->hashing_algorithm, "bilby_password_hashing_pbkdf2");
    ck_assert(password_verify(PASSWORD_PBKDF2, slice_str(user->password_hash), slice_str("new")));
}
END_TEST

START_TEST(last_of_two_passwords_wins)
{
    struct user *user =
        access_set_user(access_of_broker, slice_str("u"), slice_str("one"), slice_str(""));
    access_set_user(access_of_broker, slice_str("u"), slice_str("two"), slice_str(""));
    work();
    ck_assert_str_eq(user->password_hash, "");
    work();
    ck_assert(password_verify(PASSWORD_PBKDF2, slice_str(user->password_hash), slice_str("two")));
    struct amqp_test_client *old = come("a", "u", "one");
    work();
    expect_wrong(old);
}
END_TEST

START_TEST(answer_waits_for_the_hash_on_the_disk)
{
    access_set_user(access_of_broker, slice_str("u"), slice_str("new"), slice_str(""));
    struct broker_point *point = broker_point_new(fixture.broker);
    ck_assert_ptr_nonnull(point);
    amqp_fixture_settle(&fixture);
    ck_assert(!broker_point_durable(fixture.broker, point));
    fixture.disk_stalls = true;
    work();
    ck_assert(!broker_point_durable(fixture.broker, point));
    fixture.disk_stalls = false;
    amqp_fixture_settle(&fixture);
    ck_assert(broker_point_durable(fixture.broker, point));
    broker_point_free(point);
}
END_TEST

START_TEST(users_without_a_password_stay_out)
{
    struct user *user;
    ck_assert_int_eq(access_set_user_hash(access_of_broker, slice_str("u"), slice_str(""),
                                          slice_str("bilby_password_hashing_pbkdf2"), slice_str(""),
                                          &user),
                     ERR_OK);
    struct amqp_test_client *client = come("a", "u", "");
    work();
    expect_wrong(client);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        first_login_waits_and_the_next_does_not,
        one_computation_lets_all_of_a_user_in,
        every_wrong_password_costs_one_computation,
        wrong_password_of_an_imported_hash_costs_the_same,
        client_may_leave_while_it_waits,
        handshake_time_stands_still_while_we_look,
        deleted_or_changed_meanwhile_is_refused,
        guesses_end_and_other_addresses_do_not_care,
        guesses_at_once_are_no_more_than_in_a_row,
        address_that_tries_many_users_is_refused,
        new_password_is_in_force_before_its_hash_is_made,
        last_of_two_passwords_wins,
        answer_waits_for_the_hash_on_the_disk,
        users_without_a_password_stay_out,
    };
    return suite_run("login", start, stop, tests, ARRAY_LEN(tests));
}
