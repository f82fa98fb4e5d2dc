/* SPDX-License-Identifier: Apache-2.0 */
/* Users and permissions: logins, rights, topic rights, limits, and that all of it is there again
 * after a restart. */
#include "broker/access.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/memvfs.h"
#include "tests/support/suite.h"

#define DISK "access-test"

static struct memvfs *disk;
static struct world world;
static struct access *access_of_world;
static struct reply reply;
static char message[256];

static void open_on_disk(void)
{
    disk = memvfs_new(DISK);
    world = (struct world){.vfs = DISK};
    world_open(&world);
    access_of_world = world.broker->access;
}

static void close_disk(void)
{
    world_close(&world);
    memvfs_free(disk);
}

static void restart(void)
{
    world_turn(&world);
    world_restart(&world);
    access_of_world = world.broker->access;
}

static struct slice s(const char *text)
{
    return slice_str(text);
}

static struct user *add(const char *name, const char *password, const char *tags)
{
    return access_set_user(access_of_world, s(name), s(password), s(tags));
}

static struct user *find(const char *name)
{
    return access_find(access_of_world, s(name));
}

static enum err permit(const char *user, const char *configure, const char *write, const char *read)
{
    return access_set_permission(access_of_world, s(user), s("/"), s(configure), s(write), s(read),
                                 message, sizeof(message));
}

static bool allows(const char *user, enum permission permission, const char *name)
{
    return access_allows(find(user), s("/"), permission, s(name));
}

/* ---- logins ---- */

START_TEST(password_opens_and_nothing_else_does)
{
    struct user *alice = add("alice", "s3cret", "monitoring, own,management");

    ck_assert_ptr_eq(access_login(access_of_world, s("alice"), s("s3cret")), alice);
    ck_assert_ptr_null(access_login(access_of_world, s("alice"), s("S3cret")));
    ck_assert_ptr_null(access_login(access_of_world, s("alice"), s("")));
    ck_assert_ptr_null(access_login(access_of_world, s("bob"), s("s3cret")));
    ck_assert_ptr_null(access_login(access_of_world, s("bob"), s("decoy")));
    ck_assert_str_eq(alice->tags, "monitoring,own,management");
    ck_assert(user_has_tag(alice, USER_TAG_MONITORING));
    ck_assert(user_has_tag(alice, USER_TAG_MANAGEMENT));
    ck_assert(!user_has_tag(alice, USER_TAG_ADMINISTRATOR));
}
END_TEST

START_TEST(new_password_replaces_the_old_one)
{
    struct user *alice = add("alice", "one", "");
    uint64_t generation = access_generation(access_of_world);

    ck_assert_ptr_eq(add("alice", "two", "administrator"), alice);
    ck_assert_uint_gt(access_generation(access_of_world), generation);
    ck_assert_ptr_null(access_login(access_of_world, s("alice"), s("one")));
    ck_assert_ptr_eq(access_login(access_of_world, s("alice"), s("two")), alice);
    ck_assert(user_has_tag(alice, USER_TAG_ADMINISTRATOR));
}
END_TEST

START_TEST(exported_hash_logs_in)
{
    struct user *user = NULL;
    struct slice hash = s("kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR");

    ck_assert_int_eq(access_set_user_hash(access_of_world, s("eve"), hash,
                                          s("rabbit_password_hashing_sha256"), s(""), &user),
                     ERR_OK);
    ck_assert_ptr_eq(access_login(access_of_world, s("eve"), s("test12")), user);
    ck_assert_int_eq(access_set_user_hash(access_of_world, s("eve"), hash,
                                          s("rabbit_password_hashing_sha512"), s(""), &user),
                     ERR_INVALID);
    ck_assert_int_eq(
        access_set_user_hash(access_of_world, s("eve"), hash, s("crypt"), s(""), &user),
        ERR_INVALID);
    /* Refused changes left it as it was; the empty hash lets nobody in. */
    ck_assert_ptr_eq(access_login(access_of_world, s("eve"), s("test12")), user);
    ck_assert_int_eq(access_set_user_hash(access_of_world, s("eve"), s(""),
                                          s("rabbit_password_hashing_sha256"), s(""), &user),
                     ERR_OK);
    ck_assert_ptr_null(access_login(access_of_world, s("eve"), s("test12")));
}
END_TEST

START_TEST(guest_comes_from_loopback_only)
{
    ck_assert(access_loopback_only(access_of_world, find("guest")));
    ck_assert(!access_loopback_only(access_of_world, add("guest2", "x", "")));
}
END_TEST

/* ---- rights ---- */

START_TEST(patterns_decide)
{
    add("alice", "x", "");
    ck_assert(!access_vhost(find("alice"), s("/")));
    ck_assert_int_eq(permit("alice", "^alice\\.", "", "^(?!amq\\.)"), ERR_OK);
    ck_assert(access_vhost(find("alice"), s("/")));
    ck_assert(!access_vhost(find("alice"), s("other")));
    ck_assert(allows("alice", PERMISSION_CONFIGURE, "alice.q"));
    ck_assert(!allows("alice", PERMISSION_CONFIGURE, "bob.q"));
    ck_assert(!allows("alice", PERMISSION_WRITE, "alice.q"));
    ck_assert(allows("alice", PERMISSION_READ, "anything"));
    ck_assert(!allows("alice", PERMISSION_READ, "amq.topic"));
    ck_assert(!allows("alice", PERMISSION_READ, "")); /* it is called amq.default */
    ck_assert(!access_allows(find("alice"), s("other"), PERMISSION_READ, s("x")));
}
END_TEST

START_TEST(refusals_have_their_texts)
{
    struct user *alice = add("alice", "x", "");

    ck_assert(!access_check(alice, s("/"), PERMISSION_CONFIGURE, "queue", s("q"), &reply));
    ck_assert_int_eq(reply.code, REPLY_ACCESS_REFUSED);
    ck_assert_str_eq(reply.text, "ACCESS_REFUSED - configure access to queue 'q' in vhost '/' "
                                 "refused for user 'alice'");
    ck_assert(!access_check(alice, s("/"), PERMISSION_WRITE, "exchange", s(""), &reply));
    ck_assert_str_eq(reply.text, "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost "
                                 "'/' refused for user 'alice'");
    ck_assert_int_eq(permit("alice", ".*", ".*", ".*"), ERR_OK);
    ck_assert(access_check(alice, s("/"), PERMISSION_WRITE, "exchange", s(""), &reply));
}
END_TEST

START_TEST(bad_patterns_change_nothing)
{
    add("alice", "x", "");
    ck_assert_int_eq(permit("alice", ".*", ".*", ".*"), ERR_OK);
    uint64_t generation = access_generation(access_of_world);
    ck_assert_int_eq(permit("alice", ".*", "(", ".*"), ERR_SYNTAX);
    ck_assert_str_eq(message, "missing closing parenthesis at offset 1");
    ck_assert_int_eq(permit("nobody", ".*", ".*", ".*"), ERR_NOT_FOUND);
    ck_assert_uint_eq(access_generation(access_of_world), generation);
    ck_assert(allows("alice", PERMISSION_WRITE, "q"));
}
END_TEST

START_TEST(evil_pattern_refuses)
{
    char name[128];

    memset(name, 'a', sizeof(name) - 2);
    name[sizeof(name) - 2] = '!';
    name[sizeof(name) - 1] = 0;
    add("alice", "x", "");
    ck_assert_int_eq(permit("alice", "^(a+)+$", ".*", ".*"), ERR_OK);
    ck_assert(!allows("alice", PERMISSION_CONFIGURE, name));
}
END_TEST

/* ---- topics ---- */

static enum err permit_topic(const char *exchange, const char *write, const char *read)
{
    return access_set_topic_permission(access_of_world, s("al.ice"), s("/"), s(exchange), s(write),
                                       s(read), message, sizeof(message));
}

static bool may_write(const char *exchange, const char *key)
{
    return access_check_topic(find("al.ice"), s("/"), PERMISSION_WRITE, s(exchange), s(key),
                              &reply);
}

START_TEST(topic_rights_follow_variables)
{
    add("al.ice", "x", "");
    ck_assert(!access_has_topic(find("al.ice"), s("/")));
    ck_assert(may_write("amq.topic", "anything"));
    ck_assert_int_eq(permit_topic("amq.topic", "^{username}\\.", "^{vhost}$"), ERR_OK);
    ck_assert(access_has_topic(find("al.ice"), s("/")));
    ck_assert(!access_vhost(find("al.ice"), s("/"))); /* a topic right alone opens no door */
    ck_assert(may_write("amq.topic", "al.ice.news"));
    ck_assert(!may_write("amq.topic", "alxice.news")); /* the name's dot is a dot */
    ck_assert_str_eq(reply.text, "ACCESS_REFUSED - write access to topic 'alxice.news' in exchange "
                                 "'amq.topic' in vhost '/' refused for user 'al.ice'");
    ck_assert(may_write("other", "whatever"));
    ck_assert(access_check_topic(find("al.ice"), s("/"), PERMISSION_READ, s("amq.topic"), s("/"),
                                 &reply));
    ck_assert_int_eq(permit_topic("amq.topic", "^x", "("), ERR_SYNTAX);
    ck_assert(may_write("amq.topic", "al.ice.news"));
    ck_assert(access_clear_topic_permission(access_of_world, s("al.ice"), s("/"), s("amq.topic")));
    ck_assert(!access_clear_topic_permission(access_of_world, s("al.ice"), s("/"), s("amq.topic")));
    ck_assert(may_write("amq.topic", "alxice.news"));
}
END_TEST

/* ---- lives ---- */

START_TEST(deleting_a_user_closes_its_connections)
{
    struct test_client *client = client_open(&world, 'a');
    struct user *guest = find("guest");

    ck_assert(access_delete_user(access_of_world, s("guest")));
    world_expect(&world, "a close 320 CONNECTION_FORCED - user 'guest' is deleted\n");
    ck_assert(!access_delete_user(access_of_world, s("guest")));
    ck_assert_ptr_null(find("guest"));
    /* The connection keeps the object, which may do nothing any more. */
    ck_assert(guest->deleted);
    ck_assert(!access_vhost(guest, s("/")));
    client_close(client);
}
END_TEST

START_TEST(limits_are_set_and_cleared)
{
    struct user *alice = add("alice", "x", "");

    ck_assert(access_set_user_limit(access_of_world, alice, s("max-connections"), 3));
    ck_assert(access_set_user_limit(access_of_world, alice, s("max-channels"), 0));
    ck_assert(!access_set_user_limit(access_of_world, alice, s("max-queues"), 1));
    ck_assert_int_eq(alice->connections_max, 3);
    ck_assert_int_eq(alice->channels_max, 0);
    restart();
    ck_assert_int_eq(find("alice")->connections_max, 3);
    ck_assert_int_eq(find("alice")->channels_max, 0);
    ck_assert(access_set_user_limit(access_of_world, find("alice"), s("max-connections"), -5));
    restart();
    ck_assert_int_eq(find("alice")->connections_max, -1);
    ck_assert_int_eq(find("alice")->channels_max, 0);
}
END_TEST

START_TEST(all_of_it_survives_a_restart)
{
    add("alice", "s3cret", "policymaker,own");
    add("gone", "x", "");
    ck_assert_int_eq(permit("alice", "^a", "^b", ""), ERR_OK);
    ck_assert_int_eq(permit("gone", ".*", ".*", ".*"), ERR_OK);
    ck_assert_int_eq(access_set_topic_permission(access_of_world, s("alice"), s("/"),
                                                 s("amq.topic"), s("^{username}"), s(".*"), message,
                                                 sizeof(message)),
                     ERR_OK);
    ck_assert(access_delete_user(access_of_world, s("gone")));
    restart();
    struct user *alice = find("alice");
    ck_assert_ptr_eq(access_login(access_of_world, s("alice"), s("s3cret")), alice);
    ck_assert_str_eq(alice->tags, "policymaker,own");
    ck_assert(user_has_tag(alice, USER_TAG_POLICYMAKER));
    ck_assert(allows("alice", PERMISSION_CONFIGURE, "ab"));
    ck_assert(!allows("alice", PERMISSION_CONFIGURE, "b"));
    ck_assert(allows("alice", PERMISSION_WRITE, "b"));
    ck_assert(!allows("alice", PERMISSION_READ, "x"));
    ck_assert(
        !access_check_topic(alice, s("/"), PERMISSION_WRITE, s("amq.topic"), s("bob"), &reply));
    ck_assert_ptr_null(find("gone"));
}
END_TEST

static void count_rows(void *context, const struct permission_row *row)
{
    (void)row;
    ++*(int *)context;
}

static void count_topic_rows(void *context, const struct topic_permission_row *row)
{
    ck_assert(slice_equal_str(row->write, "^{username}"));
    ++*(int *)context;
}

static void expect_rows(int permissions, int topics)
{
    int count = 0, topic_count = 0;

    access_each_permission(access_of_world, count_rows, &count);
    access_each_topic_permission(access_of_world, count_topic_rows, &topic_count);
    ck_assert_int_eq(count, permissions);
    ck_assert_int_eq(topic_count, topics);
}

START_TEST(vhost_takes_its_permissions_along)
{
    add("alice", "x", "");
    ck_assert_int_eq(permit("alice", ".*", ".*", ".*"), ERR_OK);
    for (int i = 0; i < 3; i++) {
        char exchange[8] = {'x', (char)('0' + i), 0};
        ck_assert_int_eq(access_set_topic_permission(access_of_world, s("alice"), s("/"),
                                                     s(exchange), s("^{username}"), s(".*"),
                                                     message, sizeof(message)),
                         ERR_OK);
    }
    expect_rows(2, 3); /* guest's and alice's */
    access_forget_vhost(access_of_world, s("/"));
    expect_rows(0, 0);
    ck_assert(!access_vhost(find("guest"), s("/")));
    restart();
    expect_rows(0, 0);
}
END_TEST

START_TEST(clearing_a_permission_leaves_topics)
{
    add("alice", "x", "");
    ck_assert_int_eq(permit("alice", ".*", ".*", ".*"), ERR_OK);
    ck_assert_int_eq(access_set_topic_permission(access_of_world, s("alice"), s("/"), s("x"),
                                                 s("^{username}"), s(".*"), message,
                                                 sizeof(message)),
                     ERR_OK);
    ck_assert(access_clear_permission(access_of_world, s("alice"), s("/")));
    ck_assert(!access_clear_permission(access_of_world, s("alice"), s("/")));
    ck_assert(!allows("alice", PERMISSION_READ, "q"));
    expect_rows(1, 1);
    restart();
    expect_rows(1, 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        password_opens_and_nothing_else_does,
        new_password_replaces_the_old_one,
        exported_hash_logs_in,
        guest_comes_from_loopback_only,
        patterns_decide,
        refusals_have_their_texts,
        bad_patterns_change_nothing,
        evil_pattern_refuses,
        topic_rights_follow_variables,
        deleting_a_user_closes_its_connections,
        limits_are_set_and_cleared,
        all_of_it_survives_a_restart,
        vhost_takes_its_permissions_along,
        clearing_a_permission_leaves_topics,
    };
    return suite_run("access", open_on_disk, close_disk, tests, ARRAY_LEN(tests));
}
