/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of queues: what each refuses, in RabbitMQ's words. */
#include "broker/queue_settings.h"

#include "proto/table.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/suite.h"

#include <stdio.h>

static struct world world;
static struct test_client *client;
static struct buf arguments;

static void setup(void)
{
    world = (struct world){0};
    arguments = BUF_INIT;
    world_open(&world);
    client = client_open(&world, 'a');
}

static void teardown(void)
{
    world_close(&world);
    buf_fini(&arguments);
}

/* The refusal says which argument, of which queue, and `why`. */
static void expect_refused(const char *name, const char *why)
{
    char text[512];
    ck_assert(!declare_durable(client, "q", buf_slice(&arguments)));
    snprintf(text, sizeof(text),
             "PRECONDITION_FAILED - invalid arg '%s' for queue 'q' in vhost '/': %s", name, why);
    ck_assert_str_eq(world.reply.text, text);
    ck_assert_ptr_null(world_queue(&world, "q"));
}

static void refuse_integer(const char *type, const char *name, int64_t value, const char *why)
{
    buf_clear(&arguments);
    table_add_str(&arguments, "x-queue-type", slice_str(type));
    table_add_int64(&arguments, name, value);
    expect_refused(name, why);
}

static void refuse_text(const char *type, const char *name, struct slice value, const char *why)
{
    buf_clear(&arguments);
    table_add_str(&arguments, "x-queue-type", slice_str(type));
    table_add_str(&arguments, name, value);
    expect_refused(name, why);
}

START_TEST(numbers_have_bounds)
{
    refuse_integer("classic", "x-expires", 0, "{value_zero,0}");
    refuse_integer("classic", "x-expires", -1, "{value_negative,-1}");
    refuse_integer("classic", "x-expires", INT64_C(315360000001), "{value_too_large,315360000001}");
    refuse_integer("classic", "x-message-ttl", -5, "{value_negative,-5}");
    refuse_integer("quorum", "x-max-length", -1, "{value_negative,-1}");
    refuse_integer("quorum", "x-quorum-initial-group-size", 0, "{value_zero,0}");
    refuse_integer("quorum", "x-quorum-initial-group-size", -3, "{value_negative,-3}");
    refuse_integer("classic", "x-max-priority", 256, "{max_value_exceeded,256}");
    refuse_integer("classic", "x-queue-version", 3, "\"unsupported queue version '3'\"");
}
END_TEST

START_TEST(texts_are_of_few_words)
{
    refuse_text("classic", "x-overflow", slice_str("drop-tail"), "invalid_overflow");
    refuse_text("classic", "x-queue-mode", slice_str("eager"),
                "\"unsupported queue mode 'eager'\"");
    refuse_text("classic", "x-queue-leader-locator", slice_str("here"),
                "invalid_queue_locator_arg");
    refuse_text("quorum", "x-dead-letter-strategy", slice_str("maybe"), "invalid_dlx_strategy");
    refuse_text("classic", "x-dead-letter-routing-key", slice_str("k"),
                "routing_key_but_no_dlx_defined");
}
END_TEST

START_TEST(types_are_not_exchanged)
{
    refuse_integer("classic", "x-queue-mode", 1, "{unacceptable_type,long}");
    refuse_text("classic", "x-max-length", slice_str("5"), "{unacceptable_type,longstr}");
    refuse_text("classic", "x-single-active-consumer", slice_str("yes"),
                "{unacceptable_type,longstr}");
    refuse_integer("quorum", "x-dead-letter-strategy", 1, "{unacceptable_type,long}");
}
END_TEST

START_TEST(names_fit_a_short_string)
{
    char name[257];
    memset(name, 'x', sizeof(name));
    refuse_text("classic", "x-dead-letter-exchange", slice_of(name, 256), "{value_too_large,256}");
}
END_TEST

START_TEST(what_means_nothing_on_one_node_is_taken)
{
    table_add_str(&arguments, "x-queue-type", slice_str("quorum"));
    table_add_str(&arguments, "x-dead-letter-exchange", slice_str("x"));
    table_add_str(&arguments, "x-dead-letter-strategy", slice_str("at-most-once"));
    table_add_str(&arguments, "x-queue-leader-locator", slice_str("balanced"));
    table_add_int64(&arguments, "x-quorum-initial-group-size", 3);
    ck_assert_msg(declare_durable(client, "q", buf_slice(&arguments)), "%s", world.reply.text);
    buf_clear(&arguments);
    table_add_str(&arguments, "x-queue-mode", slice_str("lazy"));
    table_add_int64(&arguments, "x-queue-version", 2);
    ck_assert_msg(declare_durable(client, "c", buf_slice(&arguments)), "%s", world.reply.text);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        numbers_have_bounds,
        texts_are_of_few_words,
        types_are_not_exchanged,
        names_fit_a_short_string,
        what_means_nothing_on_one_node_is_taken,
    };
    return suite_run("queue_settings", setup, teardown, tests, ARRAY_LEN(tests));
}
