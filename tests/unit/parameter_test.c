/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters: set, replaced, cleared, forgotten with their virtual host, loaded again. */
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

static void expect(const char *parameters)
{
    buf_clear(&listed);
    parameters_each(world.broker->parameters, list_parameter, NULL);
    ck_assert_str_eq(buf_cstr(&listed), parameters);
}

static bool set(const char *vhost, const char *component, const char *name, const char *value)
{
    const struct parameter parameter = {slice_str(vhost), slice_str(component), slice_str(name),
                                        slice_str(value)};
    bool created;

    ck_assert_int_eq(parameter_set(world.broker->parameters, &parameter, &created), ERR_OK);
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
    expect("//shovel/s=2 //global=1 ");
    restart();
    expect("//shovel/s=2 //global=1 ");
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
    expect("");
}
END_TEST

START_TEST(vhost_takes_its_own_along)
{
    set("/", "c", "n", "1");
    set("other", "c", "n", "2");
    set("", "", "global", "3");
    parameters_forget_vhost(world.broker->parameters, slice_str("/"));
    expect("other/c/n=2 //global=3 ");
    restart();
    expect("other/c/n=2 //global=3 ");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        parameters_are_kept,
        parameters_are_found_and_cleared,
        vhost_takes_its_own_along,
    };
    return suite_run("parameter", setup, teardown, tests, ARRAY_LEN(tests));
}
