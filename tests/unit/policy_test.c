/* SPDX-License-Identifier: Apache-2.0 */
/* Policies: which one applies, what it does to queues and exchanges that are there, and that it is
 * still there after a restart. */
#include "broker/policy.h"

#include "proto/table.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/memvfs.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>

#define DISK "policy-test"

static struct memvfs *disk;
static struct world world;
static struct test_client *client;
static struct test_channel *channel;
static struct buf scratch;
static struct buf arguments;
static struct buf asked; /* the name of the policy asked for last */

static void connect(void)
{
    client = client_open(&world, 'a');
    channel = client_channel(client, 1);
}

static void setup(void)
{
    disk = memvfs_new(DISK);
    world = (struct world){.vfs = DISK};
    scratch = BUF_INIT;
    arguments = BUF_INIT;
    asked = BUF_INIT;
    world_open(&world);
    connect();
}

static void teardown(void)
{
    world_close(&world);
    memvfs_free(disk);
    buf_fini(&scratch);
    buf_fini(&arguments);
    buf_fini(&asked);
}

static struct slice none(void)
{
    return slice_of(NULL, 0);
}

static struct policies *policies(void)
{
    return world.broker->policies;
}

/* A definition of "key=value" pairs, numbers where they look like some. */
static struct slice definition(const char *pairs)
{
    buf_clear(&scratch);
    while (*pairs) {
        char name[64], value[64], *end;
        int used;
        ck_assert_int_eq(sscanf(pairs, "%63[^=]=%63s%n", name, value, &used), 2);
        long long number = strtoll(value, &end, 10);
        if (*end)
            table_add_str(&scratch, name, slice_str(value));
        else
            table_add_int64(&scratch, name, number);
        pairs += used;
        pairs += *pairs == ' ';
    }
    return buf_slice(&scratch);
}

static struct policy make(const char *name, const char *pattern, const char *apply_to, int priority,
                          const char *pairs)
{
    return (struct policy){
        .vhost = slice_str("/"),
        .name = slice_str(name),
        .pattern = slice_str(pattern),
        .apply_to = slice_str(apply_to),
        .priority = priority,
        .definition = definition(pairs),
    };
}

static bool put(struct policy policy)
{
    bool created;
    struct buf wrong = BUF_INIT;
    ck_assert_msg(policy_check(&policy, &wrong), "%s", buf_cstr(&wrong));
    ck_assert_int_eq(policy_set(policies(), &policy, &created), ERR_OK);
    return created;
}

static bool set(const char *name, const char *pattern, int priority, const char *pairs)
{
    return put(make(name, pattern, "all", priority, pairs));
}

static bool set_operator(const char *name, const char *pattern, const char *pairs)
{
    struct policy policy = make(name, pattern, "all", 0, pairs);
    policy.of_operator = true;
    return put(policy);
}

static bool clear(const char *name)
{
    const struct policy key = {.vhost = slice_str("/"), .name = slice_str(name)};
    return policy_clear(policies(), &key);
}

static const char *name_of(const struct policy *policy)
{
    buf_clear(&asked);
    buf_add_slice(&asked, policy ? policy->name : slice_str("none"));
    return buf_cstr(&asked);
}

static const char *policy_on(const char *queue)
{
    return name_of(world_queue(&world, queue)->policies.policy);
}

static const struct queue_settings *settings(const char *queue)
{
    return &world_queue(&world, queue)->settings;
}

static struct exchange *exchange(const char *name)
{
    return exchange_find(world_vhost(&world), slice_str(name));
}

static bool declare_quorum(const char *name)
{
    buf_clear(&arguments);
    table_add_str(&arguments, "x-queue-type", slice_str("quorum"));
    return declare_durable(client, name, buf_slice(&arguments));
}

static void publish_many(const char *queue, int count)
{
    for (int i = 0; i < count; i++)
        ck_assert(publish(channel, "", queue, "m"));
    world_turn(&world);
}

/* ---- which one applies ---- */

START_TEST(highest_priority_then_name_decides)
{
    declare(client, "q1", none());
    ck_assert(set("b", "^q", 0, "max-length=3"));
    ck_assert_str_eq(policy_on("q1"), "b");
    ck_assert(set("a", "^q", 0, "max-length=4"));
    ck_assert_str_eq(policy_on("q1"), "a");
    ck_assert(set("z", "^q", 1, "max-length=5"));
    ck_assert_str_eq(policy_on("q1"), "z");
    ck_assert_int_eq(settings("q1")->length_max, 5);
    ck_assert(!set("z", "^other", 1, "max-length=5"));
    ck_assert_str_eq(policy_on("q1"), "a");
    ck_assert_int_eq(settings("q1")->length_max, 4);
    ck_assert(clear("a"));
    ck_assert_str_eq(policy_on("q1"), "b");
    ck_assert(clear("b"));
    ck_assert(!clear("b"));
    ck_assert_str_eq(policy_on("q1"), "none");
    ck_assert_int_eq(settings("q1")->length_max, -1);
}
END_TEST

START_TEST(pattern_looks_at_the_name)
{
    declare(client, "orders.eu", none());
    declare(client, "audit", none());
    set("p", "orders\\.(?!us)", 0, "max-length=1");
    ck_assert_str_eq(policy_on("orders.eu"), "p");
    ck_assert_str_eq(policy_on("audit"), "none");
    set("p", "", 0, "max-length=1"); /* the empty pattern matches all */
    ck_assert_str_eq(policy_on("audit"), "p");
}
END_TEST

START_TEST(apply_to_chooses_kinds)
{
    static const struct {
        const char *apply_to;
        bool classic, quorum, exchange;
    } cases[] = {
        {"all", true, true, true},
        {"queues", true, true, false},
        {"classic_queues", true, false, false},
        {"quorum_queues", false, true, false},
        {"exchanges", false, false, true},
        {"streams", false, false, false},
    };
    declare(client, "c", none());
    declare_quorum("r");
    declare_exchange(client, "x", "fanout");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put(make("p", "", cases[i].apply_to, 0, "max-length-bytes=9"));
        ck_assert_int_eq(world_queue(&world, "c")->policies.policy != NULL, cases[i].classic);
        ck_assert_int_eq(world_queue(&world, "r")->policies.policy != NULL, cases[i].quorum);
        ck_assert_int_eq(exchange("x")->policies.policy != NULL, cases[i].exchange);
    }
}
END_TEST

/* RabbitMQ passes over a policy of which the queue's type doesn't know a key. */
START_TEST(unknown_key_of_a_type_passes_it_over)
{
    declare(client, "c", none());
    declare_quorum("r");
    set("low", "", 0, "max-length=5");
    set("high", "", 9, "delivery-limit=2");
    ck_assert_str_eq(policy_on("c"), "low");
    ck_assert_str_eq(policy_on("r"), "high");
    ck_assert_int_eq(settings("r")->delivery_limit, 2);
    ck_assert_int_eq(settings("c")->delivery_limit, -1);
}
END_TEST

START_TEST(new_objects_find_theirs)
{
    set("p", "^n", 0, "max-length=2 alternate-exchange=amq.fanout");
    declare(client, "n1", none());
    declare_exchange(client, "nx", "direct");
    ck_assert_int_eq(settings("n1")->length_max, 2);
    ck_assert_str_eq(exchange("nx")->alternate, "amq.fanout");
}
END_TEST

START_TEST(other_virtual_hosts_are_left_alone)
{
    struct policy policy = make("p", "", "all", 0, "max-length=1");
    declare(client, "q", none());
    policy.vhost = slice_str("other");
    put(policy);
    ck_assert_str_eq(policy_on("q"), "none");
    set("mine", "", 0, "max-length=2");
    policies_forget_vhost(policies(), slice_str("other"));
    ck_assert_ptr_null(policy_find(policies(), &policy));
    ck_assert_str_eq(policy_on("q"), "mine");
}
END_TEST

START_TEST(hopeless_pattern_matches_nothing)
{
    char long_name[43];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    declare(client, "b", none());
    for (char last = 'a'; last < 'a' + 20; last++) {
        long_name[sizeof long_name - 2] = last;
        declare(client, long_name, none());
    }
    set("evil", "^(a+)+!|^c$", 0, "max-length=1");
    ck_assert_str_eq(policy_on(long_name), "none");
    ck_assert_str_eq(policy_on("b"), "none");
    declare(client, "c", none()); /* it would match, but took too long too often */
    ck_assert_str_eq(policy_on("c"), "none");
}
END_TEST

/* ---- merging ---- */

START_TEST(stricter_of_argument_and_policy_counts)
{
    table_add_int64(&arguments, "x-max-length", 10);
    table_add_int64(&arguments, "x-message-ttl", 100);
    table_add_str(&arguments, "x-overflow", slice_str("reject-publish"));
    table_add_str(&arguments, "x-dead-letter-exchange", slice_str("mine"));
    declare(client, "q", buf_slice(&arguments));
    set("p", "", 0,
        "max-length=5 message-ttl=500 max-length-bytes=7 overflow=drop-head "
        "dead-letter-exchange=theirs dead-letter-routing-key=k consumer-timeout=3");
    const struct queue_settings *now = settings("q");
    ck_assert_int_eq(now->length_max, 5);
    ck_assert_int_eq(now->message_ttl_ms, 100);
    ck_assert_int_eq(now->bytes_max, 7);
    ck_assert_int_eq(now->consumer_timeout_ms, 3);
    ck_assert_int_eq(now->overflow, OVERFLOW_REJECT_PUBLISH);
    ck_assert(slice_equal_str(now->dead_letter_exchange, "mine"));
    ck_assert(slice_equal_str(now->dead_letter_key, "k"));
}
END_TEST

START_TEST(operator_policy_only_tightens)
{
    const struct queue_settings *now;
    declare(client, "q", none());
    set("p", "", 0, "max-length=5 message-ttl=500 overflow=reject-publish");
    set_operator("op", "", "max-length=9 message-ttl=50 expires=1000");
    now = settings("q");
    ck_assert_int_eq(now->length_max, 5);
    ck_assert_int_eq(now->message_ttl_ms, 50);
    ck_assert_int_eq(now->expires_ms, 1000);
    ck_assert_int_eq(now->overflow, OVERFLOW_REJECT_PUBLISH);
    ck_assert_str_eq(name_of(world_queue(&world, "q")->policies.operator_policy), "op");
    clear("p");
    ck_assert_int_eq(settings("q")->length_max, 9);
}
END_TEST

START_TEST(absurd_times_are_bounded)
{
    declare(client, "q", none());
    set("p", "", 0, "message-ttl=9223372036854775807 expires=9223372036854775807");
    ck_assert_int_eq(settings("q")->message_ttl_ms, 315360000000);
    publish_many("q", 1);
    world_wait(&world, 1000);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 1);
}
END_TEST

START_TEST(redeclaration_does_not_see_policies)
{
    declare(client, "q", none());
    set("p", "", 0, "max-length=5");
    ck_assert(declare(client, "q", none()));
    table_add_int64(&arguments, "x-max-length", 5);
    ck_assert(!declare(client, "q", buf_slice(&arguments)));
}
END_TEST

/* ---- many objects ---- */

static unsigned count_policy(const char *name)
{
    unsigned count = 0;
    HMAP_EACH(&world_vhost(&world)->queues, node) {
        const struct policy *policy = CONTAINER_OF(node, struct queue, node)->policies.policy;
        count += policy && slice_equal_str(policy->name, name);
    }
    return count;
}

static void declare_many(const char *prefix, unsigned count)
{
    char name[32];
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s%u", prefix, i);
        declare(client, name, none());
    }
}

START_TEST(many_objects_change_turn_by_turn)
{
    unsigned turns = 0;
    declare_many("q", 2000);
    set("p", "^q", 0, "max-length=1");
    uint64_t change = policies_latest(policies());
    unsigned at_once = count_policy("p");
    ck_assert_uint_gt(at_once, 0);
    ck_assert_uint_lt(at_once, 1000);
    for (; !policies_applied(policies(), change); turns++) {
        unsigned before = count_policy("p");
        ck_assert(broker_dispatch(world.broker) || policies_applied(policies(), change));
        ck_assert_uint_lt(count_policy("p") - before, 1000);
    }
    ck_assert_uint_gt(turns, 2);
    ck_assert_uint_eq(count_policy("p"), 2000);
    ck_assert(!broker_dispatch(world.broker));
}
END_TEST

/* What comes in between finds the new policy, what goes leaves nothing behind, and changes of changes
 * come to their end in order. */
START_TEST(changes_follow_each_other)
{
    declare_many("q", 1000);
    set("p", "^q", 0, "max-length=1");
    set("better", "^q", 5, "max-length=2");
    ck_assert(clear("p"));
    set("p", "^q", 9, "max-length=3");
    uint64_t change = policies_latest(policies());
    declare_many("q9", 300);
    for (unsigned i = 0; !policies_applied(policies(), change); i++) {
        char name[32];
        snprintf(name, sizeof name, "q%u", i);
        ck_assert(!policies_applied(policies(), change));
        queue_destroy(world_queue(&world, name));
        broker_dispatch(world.broker);
    }
    ck_assert_uint_eq(count_policy("p"), world_vhost(&world)->queues.count);
    ck_assert(clear("p"));
    ck_assert(clear("better"));
    change = policies_latest(policies());
    while (!policies_applied(policies(), change))
        broker_dispatch(world.broker);
    ck_assert_uint_eq(count_policy("p") + count_policy("better"), 0);
}
END_TEST

START_TEST(virtual_host_goes_before_its_change_is_applied)
{
    declare_many("q", 1000);
    set("p", "^q", 0, "max-length=1");
    set("p", "^q", 0, "max-length=2");
    ck_assert(!policies_applied(policies(), policies_latest(policies())));
    vhost_delete(world_vhost(&world));
    while (vhost_deleting(world.broker, slice_str("/")))
        world_turn(&world);
    ck_assert(policies_applied(policies(), policies_latest(policies())));
    ck_assert(!broker_dispatch(world.broker));
}
END_TEST

/* ---- what changes do ---- */

START_TEST(lower_length_drops_from_the_head)
{
    declare(client, "q", none());
    declare(client, "dead", none());
    publish(channel, "", "q", "one");
    publish(channel, "", "q", "two");
    publish(channel, "", "q", "three");
    world_turn(&world);
    put(make("p", "^q$", "queues", 0,
             "max-length=1 dead-letter-exchange=amq.fanout dead-letter-routing-key=x"));
    bind_queue(client, "amq.fanout", "dead", "");
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 3); /* not within the call */
    world_wait(&world, 0);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 1);
    get(channel, "q", true);
    get(channel, "dead", true);
    get(channel, "dead", true);
    world_expect(&world, "a1 get #1 key=q body=three left=0\n"
                         "a1 get #2 key=x body=one left=1\n"
                         "a1 get #3 key=x body=two left=0\n");
}
END_TEST

START_TEST(long_queues_are_cut_step_by_step)
{
    declare(client, "q", none());
    publish_many("q", 3000);
    set("p", "", 0, "max-length=10");
    broker_set_time(world.broker, world.now_ms, world.wall_ms);
    broker_run_timers(world.broker);
    uint64_t left = world_queue(&world, "q")->ready_count;
    ck_assert_uint_lt(left, 3000);
    for (int i = 0; i < 5; i++)
        world_wait(&world, 0);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 10);
}
END_TEST

START_TEST(rejecting_queues_keep_what_they_have)
{
    declare(client, "q", none());
    publish_many("q", 3);
    ck_assert(channel_confirm_select(&channel->base, &world.reply));
    set("p", "", 0, "max-length=1 overflow=reject-publish");
    world_wait(&world, 0);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 3);
    publish_many("q", 1);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 3);
    world_expect(&world, "a1 confirm 1 nack\n");
}
END_TEST

START_TEST(time_to_live_is_that_of_publishing)
{
    declare(client, "q", none());
    publish_many("q", 1);
    set("p", "", 0, "message-ttl=100");
    publish_many("q", 1);
    clear("p");
    publish_many("q", 1);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 3);
    world_wait(&world, 150);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 2);
    world_wait(&world, 100000);
    ck_assert_uint_eq(world_queue(&world, "q")->ready_count, 2);
}
END_TEST

START_TEST(expiry_starts_and_ends_with_the_policy)
{
    declare(client, "q", none());
    declare(client, "kept", none());
    set("p", "^q", 0, "expires=1000");
    world_wait(&world, 900);
    set("p", "^q", 0, "expires=500");
    world_wait(&world, 400);
    ck_assert_ptr_nonnull(queue_find(world_vhost(&world), slice_str("q")));
    world_wait(&world, 200);
    ck_assert_ptr_null(queue_find(world_vhost(&world), slice_str("q")));
    set("p", "^kept", 0, "expires=1000");
    clear("p");
    world_wait(&world, 5000);
    ck_assert_ptr_nonnull(queue_find(world_vhost(&world), slice_str("kept")));
}
END_TEST

START_TEST(dead_letters_follow_the_policy)
{
    declare(client, "q", none());
    declare(client, "dead", none());
    publish_many("q", 2);
    consume(channel, "q", "C", false);
    world_turn(&world);
    ck_assert(nack(channel, 1, false, false));
    world_turn(&world);
    ck_assert_uint_eq(world_queue(&world, "dead")->ready_count, 0);
    put(make("p", "^q$", "queues", 0, "dead-letter-exchange=amq.direct dead-letter-routing-key=d"));
    bind_queue(client, "amq.direct", "dead", "d");
    ck_assert(nack(channel, 2, false, false));
    world_turn(&world);
    ck_assert_uint_eq(world_queue(&world, "dead")->ready_count, 1);
}
END_TEST

START_TEST(delivery_limit_follows_the_policy)
{
    declare_quorum("r");
    publish_many("r", 1);
    set("p", "^r", 0, "delivery-limit=1");
    for (uint64_t tag = 1; tag <= 2; tag++) {
        ck_assert_uint_eq(world_queue(&world, "r")->ready_count, 1);
        get(channel, "r", false);
        ck_assert(nack(channel, tag, false, true));
        world_turn(&world);
    }
    ck_assert_uint_eq(world_queue(&world, "r")->ready_count, 0);
}
END_TEST

START_TEST(consumer_timeout_follows_the_policy)
{
    declare(client, "q", none());
    consume(channel, "q", "C", false);
    publish_many("q", 1); /* has the node's half hour */
    set("p", "", 0, "consumer-timeout=1000");
    publish_many("q", 1);
    world_wait(&world, 900);
    ck_assert_uint_eq(world_queue(&world, "q")->unacked_count, 2);
    buf_clear(&world.trace);
    world_wait(&world, 200);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&world.trace), "a1 failed 406"));
}
END_TEST

START_TEST(alternate_exchange_follows_the_policy)
{
    declare(client, "lost", none());
    declare_exchange(client, "x", "direct");
    bind_queue(client, "amq.fanout", "lost", "");
    publish(channel, "x", "nowhere", "one");
    put(make("p", "^x$", "exchanges", 0, "alternate-exchange=amq.fanout"));
    publish(channel, "x", "nowhere", "two");
    clear("p");
    publish(channel, "x", "nowhere", "three");
    world_turn(&world);
    get(channel, "lost", true);
    get(channel, "lost", true);
    world_expect(&world, "a1 get #1 key=nowhere body=two left=0\na1 get-empty\n");
}
END_TEST

START_TEST(default_exchange_has_no_alternate)
{
    set("p", "", 0, "alternate-exchange=amq.fanout");
    ck_assert_ptr_null(exchange("")->alternate);
    ck_assert_str_eq(exchange("amq.topic")->alternate, "amq.fanout");
}
END_TEST

/* ---- keeping ---- */

static void reopen(void)
{
    world_turn(&world);
    client_close(client);
    world_restart(&world);
    connect();
}

START_TEST(policies_outlive_a_restart)
{
    declare_durable(client, "q", none());
    set("p", "^q", 7, "max-length=5 dead-letter-exchange=amq.fanout");
    set_operator("p", "^q", "max-length=4");
    set("gone", "^q", 0, "max-length=1");
    clear("gone");
    reopen();
    ck_assert_str_eq(policy_on("q"), "p");
    ck_assert_int_eq(settings("q")->length_max, 4);
    ck_assert(slice_equal_str(settings("q")->dead_letter_exchange, "amq.fanout"));
    ck_assert_int_eq(world_queue(&world, "q")->policies.policy->priority, 7);
    clear("p");
    ck_assert_str_eq(policy_on("q"), "none");
    ck_assert_int_eq(settings("q")->length_max, 4);
    reopen();
    ck_assert_int_eq(settings("q")->length_max, 4);
}
END_TEST

static void list_one(void *context, const struct policy *policy)
{
    buf_printf(context, "%.*s/%.*s%s ", SLICE_FMT(policy->vhost), SLICE_FMT(policy->name),
               policy->of_operator ? "!" : "");
}

START_TEST(walk_is_in_order_of_precedence)
{
    struct buf listed = BUF_INIT;
    set("b", "", 0, "max-length=1");
    set_operator("o", "", "max-length=1");
    set("a", "", 0, "max-length=1");
    set("c", "", 3, "max-length=1");
    policies_each(policies(), list_one, &listed);
    ck_assert_str_eq(buf_cstr(&listed), "//c //a //b //o! ");
    buf_fini(&listed);
}
END_TEST

/* ---- checks ---- */

static void expect_wrong(struct policy policy, const char *text)
{
    struct buf wrong = BUF_INIT;
    ck_assert_int_eq(policy_check(&policy, &wrong), text[0] == 0);
    ck_assert_str_eq(buf_cstr(&wrong), text);
    buf_fini(&wrong);
}

START_TEST(wrong_policies_are_named)
{
    struct policy policy = make("p", "(", "zork", 0, "max-length=x");
    expect_wrong(policy,
                 "pattern should be regular expression but is invalid: missing closing parenthesis "
                 "at offset 1\napply-to 'zork' unrecognised; should be one of: 'queues', "
                 "'classic_queues', 'quorum_queues', 'streams', 'exchanges', or 'all'\n"
                 "<<\"x\">> is not a valid maximum length\n");
    expect_wrong(make("p", "", "all", 0, ""), "no policy provided\n");
    expect_wrong(make("p", "", "all", 0, "bla=x max-length=4 zork=6"),
                 "[{<<\"bla\">>,<<\"x\">>},{<<\"zork\">>,6}] are not recognised policy settings\n");
    expect_wrong(make("p", "", "all", 0, "max-priority=4"),
                 "[{<<\"max-priority\">>,4}] are not recognised policy settings\n");
    policy = make("p", "", "all", 0, "overflow=drop-head");
    policy.of_operator = true;
    expect_wrong(policy,
                 "[{<<\"overflow\">>,<<\"drop-head\">>}] are not recognised policy settings\n");
}
END_TEST

static const struct {
    const char *pair, *wrong;
} value_cases[] = {
    {"alternate-exchange=5", "5 is not a valid alternate exchange name\n"},
    {"dead-letter-exchange=5", "5 is not a valid dead letter exchange name\n"},
    {"dead-letter-routing-key=5", "5 is not a valid dead letter routing key\n"},
    {"dead-letter-strategy=at-most-once", ""},
    {"dead-letter-strategy=x", "<<\"x\">> is not a valid dead letter strategy\n"},
    {"delivery-limit=-1", ""},
    {"delivery-limit=x", "<<\"x\">> is not a valid delivery limit\n"},
    {"expires=0", "0 is not a valid queue expiry\n"},
    {"ha-mode=all", ""},
    {"ha-mode=some", "<<\"some\">> is not a valid ha-mode value\n"},
    {"max-age=7D", ""},
    {"max-age=D", "<<\"D\">> is not a valid max age\n"},
    {"max-age=7x", "<<\"7x\">> is not a valid max age\n"},
    {"max-length=0", ""},
    {"max-length=-1", "-1 is not a valid maximum length\n"},
    {"max-length-bytes=x", "<<\"x\">> is not a valid maximum length in bytes\n"},
    {"message-ttl=0", ""},
    {"message-ttl=-1", "-1 is not a valid message TTL\n"},
    {"overflow=reject-publish-dlx", ""},
    {"overflow=x", "<<\"x\">> is not a valid overflow value\n"},
    {"queue-mode=lazy", ""},
    {"queue-mode=x", "<<\"x\">> is not a valid queue-mode value\n"},
    {"queue-version=2", ""},
    {"queue-version=3", "3 is not a valid queue-version value\n"},
    {"target-group-size=0", "0 is not a valid target group size\n"},
};

START_TEST(values_are_checked)
{
    for (size_t i = 0; i < ARRAY_LEN(value_cases); i++)
        expect_wrong(make("p", "", "all", 0, value_cases[i].pair), value_cases[i].wrong);
}
END_TEST

START_TEST(too_long_names_are_refused)
{
    char name[257];
    memset(name, 'k', sizeof name - 1);
    name[sizeof name - 1] = 0;
    buf_clear(&scratch);
    table_add_str(&scratch, "dead-letter-routing-key", slice_str(name));
    struct buf wrong = BUF_INIT;
    policy_definition_check(buf_slice(&scratch), false, &wrong);
    ck_assert_uint_gt(wrong.len, 256);
    buf_fini(&wrong);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        highest_priority_then_name_decides,
        pattern_looks_at_the_name,
        apply_to_chooses_kinds,
        unknown_key_of_a_type_passes_it_over,
        new_objects_find_theirs,
        other_virtual_hosts_are_left_alone,
        hopeless_pattern_matches_nothing,
        many_objects_change_turn_by_turn,
        changes_follow_each_other,
        virtual_host_goes_before_its_change_is_applied,
        stricter_of_argument_and_policy_counts,
        operator_policy_only_tightens,
        absurd_times_are_bounded,
        redeclaration_does_not_see_policies,
        lower_length_drops_from_the_head,
        long_queues_are_cut_step_by_step,
        rejecting_queues_keep_what_they_have,
        time_to_live_is_that_of_publishing,
        expiry_starts_and_ends_with_the_policy,
        dead_letters_follow_the_policy,
        delivery_limit_follows_the_policy,
        consumer_timeout_follows_the_policy,
        alternate_exchange_follows_the_policy,
        default_exchange_has_no_alternate,
        policies_outlive_a_restart,
        walk_is_in_order_of_precedence,
        wrong_policies_are_named,
        values_are_checked,
        too_long_names_are_refused,
    };
    return suite_run("policy", setup, teardown, tests, ARRAY_LEN(tests));
}
