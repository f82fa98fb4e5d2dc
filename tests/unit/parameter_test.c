/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters and policies: set, replaced, cleared, forgotten with their virtual host, loaded
 * again. */
#include "broker/parameter.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/memvfs.h"
#include "tests/support/suite.h"

#define DISK "parameter-test"

static struct memvfs *disk;
static struct world world;
static struct buf listed;

static void setup(void)
{
    disk = memvfs_new(DISK);
    world = (struct world){.vfs = DISK};
    listed = BUF_INIT;
    world_open(&world);
}

static void teardown(void)
{
    world_close(&world);
    memvfs_free(disk);
    buf_fini(&listed);
}

static void list_parameter(void *context, const struct parameter *parameter)
{
    (void)context;
    buf_printf(&listed, "%.*s/%.*s/%.*s=%.*s ", SLICE_FMT(parameter->vhost),
               SLICE_FMT(parameter->component), SLICE_FMT(parameter->name),
               SLICE_FMT(parameter->value));
}

static void list_policy(void *context, const struct policy *policy)
{
    (void)context;
    buf_printf(&listed, "%.*s/%.*s%s %.*s %.*s %d %.*s ", SLICE_FMT(policy->vhost),
               SLICE_FMT(policy->name), policy->of_operator ? "!" : "", SLICE_FMT(policy->pattern),
               SLICE_FMT(policy->apply_to), (int)policy->priority, SLICE_FMT(policy->definition));
}

static void expect(const char *parameters, const char *policies)
{
    buf_clear(&listed);
    parameters_each(world.broker->parameters, list_parameter, NULL);
    ck_assert_str_eq(buf_cstr(&listed), parameters);
    buf_clear(&listed);
    policies_each(world.broker->parameters, list_policy, NULL);
    ck_assert_str_eq(buf_cstr(&listed), policies);
}

static bool set(const char *vhost, const char *component, const char *name, const char *value)
{
    const struct parameter parameter = {slice_str(vhost), slice_str(component), slice_str(name),
                                        slice_str(value)};
    bool created;

    ck_assert_int_eq(parameter_set(world.broker->parameters, &parameter, &created), ERR_OK);
    return created;
}

static bool set_policy(const char *vhost, const char *name, bool of_operator, int priority)
{
    const struct policy policy = {
        .vhost = slice_str(vhost),
        .name = slice_str(name),
        .of_operator = of_operator,
        .pattern = slice_str("^q"),
        .apply_to = slice_str("queues"),
        .priority = priority,
        .definition = slice_str("{}"),
    };
    bool created;

    ck_assert_int_eq(policy_set(world.broker->parameters, &policy, &created), ERR_OK);
    return created;
}

static void restart(void)
{
    world_turn(&world);
    world_restart(&world);
}

START_TEST(parameters_are_kept)
{
    ck_assert(set("/", "shovel", "s", "{\"a\":1}"));
    ck_assert(set("", "", "global", "1"));
    ck_assert(!set("/", "shovel", "s", "2"));
    expect("//shovel/s=2 //global=1 ", "");
    restart();
    expect("//shovel/s=2 //global=1 ", "");
}
END_TEST

START_TEST(parameters_are_found_and_cleared)
{
    const struct parameter key = {.name = slice_str("global")};
    struct parameter found;

    set("", "", "global", "1");
    ck_assert(parameter_find(world.broker->parameters, &key, &found));
    ck_assert(slice_equal_str(found.value, "1"));
    ck_assert(parameter_clear(world.broker->parameters, &key));
    ck_assert(!parameter_clear(world.broker->parameters, &key));
    ck_assert(!parameter_find(world.broker->parameters, &key, &found));
    restart();
    expect("", "");
}
END_TEST

START_TEST(policies_of_both_kinds_are_kept_apart)
{
    const struct policy key = {.vhost = slice_str("/"), .name = slice_str("p")};
    struct policy found;

    ck_assert(set_policy("/", "p", false, 1));
    ck_assert(set_policy("/", "p", true, 2));
    ck_assert(!set_policy("/", "p", false, 3));
    restart();
    ck_assert(policy_find(world.broker->parameters, &key, &found));
    ck_assert_int_eq(found.priority, 3);
    ck_assert(policy_clear(world.broker->parameters, &key));
    expect("", "//p! ^q queues 2 {} ");
    restart();
    expect("", "//p! ^q queues 2 {} ");
}
END_TEST

START_TEST(vhost_takes_its_own_along)
{
    set("/", "c", "n", "1");
    set("other", "c", "n", "2");
    set("", "", "global", "3");
    set_policy("/", "p", false, 0);
    set_policy("other", "p", false, 0);
    parameters_forget_vhost(world.broker->parameters, slice_str("/"));
    expect("other/c/n=2 //global=3 ", "other/p ^q queues 0 {} ");
    restart();
    expect("other/c/n=2 //global=3 ", "other/p ^q queues 0 {} ");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        parameters_are_kept,
        parameters_are_found_and_cleared,
        policies_of_both_kinds_are_kept_apart,
        vhost_takes_its_own_along,
    };
    return suite_run("parameter", setup, teardown, tests, ARRAY_LEN(tests));
}
