/* SPDX-License-Identifier: Apache-2.0 */
/* Every method that a client may send × every right that it takes, over real conversations.
 *
 * A row of `doors` is one way to use a method: what is sent, and the rights it takes, in the order in
 * which they are asked for. From each row follow
 *   - with exactly these rights, and no other, it is done;
 *   - with all rights there are but one of these, it is refused, with RabbitMQ's text naming that one;
 *   - with no right at all, it is refused for want of the first.
 * A method of proto/methods.def that a client may send and that has no row fails the test.
 */
#include "broker/access.h"
#include "broker/broker.h"
#include "proto/frame.h"
#include "proto/table.h"
#include "tests/support/amqp_fixture.h"
#include "tests/support/suite.h"

#include <stdio.h>

#define CHANNEL 1
#define RIGHTS_MAX 4
#define KEY "a.b"

/* ---- rights ---- */

enum kind { CONFIGURE, WRITE, READ, TOPIC_WRITE, TOPIC_READ };

struct right {
    enum kind kind;
    const char *what; /* "queue", "exchange"; of topic rights the exchange's name */
    const char *name; /* of topic rights the key */
};

#define R(kind, what, name)                                                                        \
    {                                                                                              \
        (kind), (what), (name)                                                                     \
    }

/* ---- what is there: made by guest while guest may do everything ----
 * queues q; exchanges x (direct), f (fanout), t (topic); bindings x→q, t→q, x→f, t→f with KEY */

static void declare_exchange(struct method *method)
{
    method->exchange_declare.type = slice_str("direct");
}

static void declare_with_alternate(struct method *method);
static void declare_with_dead_letters(struct method *method);

static void passive_exchange(struct method *method)
{
    method->exchange_declare.passive = true;
}

static void passive_queue(struct method *method)
{
    method->queue_declare.passive = true;
}

static void exclusive_queue(struct method *method)
{
    method->queue_declare.exclusive = true;
}

static void reply_to(struct method *method)
{
    method->basic_consume.queue = slice_str("amq.rabbitmq.reply-to");
    method->basic_consume.no_ack = true;
}

/* ---- the table ---- */

enum trait {
    IN_TX = 1,    /* on a channel in transaction mode */
    ANSWERED = 2, /* what comes first is the method's -ok, or a content */
    ON_ZERO = 4,  /* on channel 0 */
};

struct door {
    enum method_kind kind;
    const char *name; /* what it is about: names[0] … */
    const char *other;
    void (*adjust)(struct method *method);
    unsigned traits;
    struct right rights[RIGHTS_MAX];
};

#define NONE NULL, NULL, NULL

static const struct door doors[] = {
    {METHOD_EXCHANGE_DECLARE,
     "new",
     NULL,
     declare_exchange,
     ANSWERED,
     {R(CONFIGURE, "exchange", "new")}},
    {METHOD_EXCHANGE_DECLARE,
     "x",
     NULL,
     declare_exchange,
     ANSWERED,
     {R(CONFIGURE, "exchange", "x")}},
    {METHOD_EXCHANGE_DECLARE, "x", NULL, passive_exchange, ANSWERED, {{0}}},
    {METHOD_EXCHANGE_DECLARE,
     "new",
     NULL,
     declare_with_alternate,
     ANSWERED,
     {R(CONFIGURE, "exchange", "new"), R(READ, "exchange", "new"), R(WRITE, "exchange", "f")}},
    {METHOD_EXCHANGE_DELETE, "x", NULL, NULL, ANSWERED, {R(CONFIGURE, "exchange", "x")}},
    {METHOD_EXCHANGE_DELETE,
     "nothing",
     NULL,
     NULL,
     ANSWERED,
     {R(CONFIGURE, "exchange", "nothing")}},
    {METHOD_EXCHANGE_BIND,
     "f",
     "x",
     NULL,
     ANSWERED,
     {R(WRITE, "exchange", "f"), R(READ, "exchange", "x")}},
    {METHOD_EXCHANGE_BIND,
     "f",
     "t",
     NULL,
     ANSWERED,
     {R(WRITE, "exchange", "f"), R(READ, "exchange", "t"), R(TOPIC_READ, "t", KEY)}},
    {METHOD_EXCHANGE_UNBIND,
     "f",
     "x",
     NULL,
     ANSWERED,
     {R(WRITE, "exchange", "f"), R(READ, "exchange", "x")}},
    {METHOD_EXCHANGE_UNBIND,
     "f",
     "t",
     NULL,
     ANSWERED,
     {R(WRITE, "exchange", "f"), R(READ, "exchange", "t"), R(TOPIC_READ, "t", KEY)}},
    {METHOD_QUEUE_DECLARE, "new", NULL, NULL, ANSWERED, {R(CONFIGURE, "queue", "new")}},
    {METHOD_QUEUE_DECLARE, "q", NULL, NULL, ANSWERED, {R(CONFIGURE, "queue", "q")}},
    {METHOD_QUEUE_DECLARE, "new", NULL, exclusive_queue, ANSWERED, {R(CONFIGURE, "queue", "new")}},
    {METHOD_QUEUE_DECLARE, "q", NULL, passive_queue, ANSWERED, {{0}}},
    {METHOD_QUEUE_DECLARE,
     "new",
     NULL,
     declare_with_dead_letters,
     ANSWERED,
     {R(CONFIGURE, "queue", "new"), R(READ, "queue", "new"), R(WRITE, "exchange", "f")}},
    {METHOD_QUEUE_BIND,
     "q",
     "x",
     NULL,
     ANSWERED,
     {R(WRITE, "queue", "q"), R(READ, "exchange", "x")}},
    {METHOD_QUEUE_BIND,
     "q",
     "t",
     NULL,
     ANSWERED,
     {R(WRITE, "queue", "q"), R(READ, "exchange", "t"), R(TOPIC_READ, "t", KEY)}},
    {METHOD_QUEUE_UNBIND,
     "q",
     "x",
     NULL,
     ANSWERED,
     {R(WRITE, "queue", "q"), R(READ, "exchange", "x")}},
    {METHOD_QUEUE_UNBIND,
     "q",
     "t",
     NULL,
     ANSWERED,
     {R(WRITE, "queue", "q"), R(READ, "exchange", "t"), R(TOPIC_READ, "t", KEY)}},
    {METHOD_QUEUE_PURGE, "q", NULL, NULL, ANSWERED, {R(READ, "queue", "q")}},
    {METHOD_QUEUE_DELETE, "q", NULL, NULL, ANSWERED, {R(CONFIGURE, "queue", "q")}},
    {METHOD_QUEUE_DELETE, "nothing", NULL, NULL, ANSWERED, {R(CONFIGURE, "queue", "nothing")}},
    {METHOD_BASIC_CONSUME, "q", NULL, NULL, ANSWERED, {R(READ, "queue", "q")}},
    {METHOD_BASIC_CONSUME, NULL, NULL, reply_to, ANSWERED, {{0}}},
    {METHOD_BASIC_GET, "q", NULL, NULL, ANSWERED, {R(READ, "queue", "q")}},
    {METHOD_BASIC_PUBLISH, "x", NULL, NULL, 0, {R(WRITE, "exchange", "x")}},
    {METHOD_BASIC_PUBLISH, "", NULL, NULL, 0, {R(WRITE, "exchange", "amq.default")}},
    {METHOD_BASIC_PUBLISH,
     "t",
     NULL,
     NULL,
     0,
     {R(WRITE, "exchange", "t"), R(TOPIC_WRITE, "t", KEY)}},
    {METHOD_BASIC_PUBLISH, "x", NULL, NULL, IN_TX, {R(WRITE, "exchange", "x")}},
    {METHOD_BASIC_PUBLISH,
     "t",
     NULL,
     NULL,
     IN_TX,
     {R(WRITE, "exchange", "t"), R(TOPIC_WRITE, "t", KEY)}},
    /* Methods that name no resource. */
    {METHOD_CHANNEL_OPEN, NONE, 0, {{0}}},
    {METHOD_CHANNEL_FLOW, NONE, 0, {{0}}},
    {METHOD_CHANNEL_FLOW_OK, NONE, 0, {{0}}},
    {METHOD_CHANNEL_CLOSE, NONE, ANSWERED, {{0}}},
    {METHOD_CHANNEL_CLOSE_OK, NONE, 0, {{0}}},
    {METHOD_ACCESS_REQUEST, NONE, ANSWERED, {{0}}},
    {METHOD_BASIC_QOS, NONE, ANSWERED, {{0}}},
    {METHOD_BASIC_CANCEL, NONE, ANSWERED, {{0}}},
    {METHOD_BASIC_CANCEL_OK, NONE, 0, {{0}}},
    {METHOD_BASIC_ACK, NONE, 0, {{0}}},
    {METHOD_BASIC_REJECT, NONE, 0, {{0}}},
    {METHOD_BASIC_RECOVER_ASYNC, NONE, 0, {{0}}},
    {METHOD_BASIC_RECOVER, NONE, 0, {{0}}},
    {METHOD_BASIC_NACK, NONE, 0, {{0}}},
    {METHOD_CONFIRM_SELECT, NONE, ANSWERED, {{0}}},
    {METHOD_TX_SELECT, NONE, ANSWERED, {{0}}},
    {METHOD_TX_COMMIT, NONE, IN_TX | ANSWERED, {{0}}},
    {METHOD_TX_ROLLBACK, NONE, IN_TX | ANSWERED, {{0}}},
    /* The connection's own; open and update-secret have tests of their own below. */
    {METHOD_CONNECTION_START_OK, NONE, ON_ZERO, {{0}}},
    {METHOD_CONNECTION_SECURE_OK, NONE, ON_ZERO, {{0}}},
    {METHOD_CONNECTION_TUNE_OK, NONE, ON_ZERO, {{0}}},
    {METHOD_CONNECTION_OPEN, NONE, ON_ZERO, {{0}}},
    {METHOD_CONNECTION_CLOSE, NONE, ON_ZERO | ANSWERED, {{0}}},
    {METHOD_CONNECTION_CLOSE_OK, NONE, ON_ZERO, {{0}}},
    {METHOD_CONNECTION_UPDATE_SECRET, NONE, ON_ZERO | ANSWERED, {{0}}},
};

/* ---- sending ---- */

static struct amqp_fixture fixture;
static struct amqp_test_client *client;
static struct buf arguments;

static void declare_with_alternate(struct method *method)
{
    declare_exchange(method);
    table_add_str(&arguments, "alternate-exchange", slice_str("f"));
    method->exchange_declare.arguments = buf_slice(&arguments);
}

static void declare_with_dead_letters(struct method *method)
{
    table_add_str(&arguments, "x-dead-letter-exchange", slice_str("f"));
    method->queue_declare.arguments = buf_slice(&arguments);
}

/* The names of a door's resources, where its method has them. */
static void fill_in(struct method *method, const struct door *door)
{
    struct slice name = slice_str(door->name), other = slice_str(door->other);
    struct slice key = slice_str(KEY);
    method->kind = door->kind;
    if (door->kind == METHOD_EXCHANGE_DECLARE)
        method->exchange_declare.exchange = name;
    else if (door->kind == METHOD_EXCHANGE_DELETE)
        method->exchange_delete.exchange = name;
    else if (door->kind == METHOD_EXCHANGE_BIND || door->kind == METHOD_EXCHANGE_UNBIND)
        method->exchange_bind =
            (struct method_exchange_bind){.destination = name, .source = other, .routing_key = key};
    else if (door->kind == METHOD_QUEUE_DECLARE)
        method->queue_declare.queue = name;
    else if (door->kind == METHOD_QUEUE_BIND)
        method->queue_bind =
            (struct method_queue_bind){.queue = name, .exchange = other, .routing_key = key};
    else if (door->kind == METHOD_QUEUE_UNBIND)
        method->queue_unbind =
            (struct method_queue_unbind){.queue = name, .exchange = other, .routing_key = key};
    else if (door->kind == METHOD_QUEUE_PURGE)
        method->queue_purge.queue = name;
    else if (door->kind == METHOD_QUEUE_DELETE)
        method->queue_delete.queue = name;
    else if (door->kind == METHOD_BASIC_CONSUME)
        method->basic_consume.queue = name;
    else if (door->kind == METHOD_BASIC_GET)
        method->basic_get.queue = name;
    if (door->adjust)
        door->adjust(method);
}

static uint16_t channel_of(const struct door *door)
{
    return door->traits & ON_ZERO ? 0 : CHANNEL;
}

static void send(const struct door *door)
{
    struct method method = {0};
    if (door->kind == METHOD_BASIC_PUBLISH) {
        amqp_client_publish(client, CHANNEL, door->name, KEY, false, slice_of(NULL, 0),
                            slice_str("body"));
    } else {
        fill_in(&method, door);
        amqp_client_send(client, channel_of(door), &method);
    }
    amqp_fixture_settle(&fixture);
}

/* ---- the world, and what guest may do in it ---- */

static void bind(const char *source)
{
    const struct door queue = {.kind = METHOD_QUEUE_BIND, .name = "q", .other = source};
    const struct door exchange = {.kind = METHOD_EXCHANGE_BIND, .name = "f", .other = source};
    send(&queue);
    amqp_expect(client, CHANNEL, METHOD_QUEUE_BIND_OK);
    send(&exchange);
    amqp_expect(client, CHANNEL, METHOD_EXCHANGE_BIND_OK);
}

static void make_exchange(const char *name, const char *type)
{
    amqp_call(client, CHANNEL,
              &(struct method){
                  .kind = METHOD_EXCHANGE_DECLARE,
                  .exchange_declare = {.exchange = slice_str(name), .type = slice_str(type)}},
              METHOD_EXCHANGE_DECLARE_OK);
}

static void open_world(const struct door *door)
{
    amqp_fixture_open(&fixture, NULL);
    client = amqp_client_login(&fixture, 0);
    amqp_open_channel(client, CHANNEL);
    amqp_declare(client, CHANNEL, "q", "", slice_of(NULL, 0));
    make_exchange("x", "direct");
    make_exchange("f", "fanout");
    make_exchange("t", "topic");
    bind("x");
    bind("t");
    if (door->traits & IN_TX)
        amqp_call(client, CHANNEL, &(struct method){.kind = METHOD_TX_SELECT}, METHOD_TX_SELECT_OK);
}

static void close_world(void)
{
    buf_fini(&arguments);
    amqp_fixture_close(&fixture);
}

/* A pattern for one kind of right: exactly the names of `door` but those of `without`; or, when
 * `most`, everything but the latter. Resources of different kinds have different names here. */
static void write_pattern(char out[256], const struct door *door, enum kind kind,
                          const struct right *without, bool most)
{
    size_t len = 0;
    if (most) {
        bool lacks = without && without->kind == kind;
        snprintf(out, 256, lacks ? "^(?!%s$)" : ".*", lacks ? without->name : "");
        return;
    }
    out[0] = '\0';
    for (const struct right *right = door->rights; right < door->rights + RIGHTS_MAX; right++)
        if (right->name && right->kind == kind && right != without)
            len += (size_t)snprintf(out + len, 256 - len, "%s^%s$", len ? "|" : "", right->name);
}

static void grant(const struct door *door, const struct right *without, bool most)
{
    char patterns[TOPIC_READ + 1][256], message[256];
    const struct slice guest = slice_str("guest"), vhost = slice_str("/");
    for (enum kind kind = CONFIGURE; kind <= TOPIC_READ; kind++)
        write_pattern(patterns[kind], door, kind, without, most);
    ck_assert_int_eq(access_set_permission(fixture.broker->access, guest, vhost,
                                           slice_str(patterns[CONFIGURE]),
                                           slice_str(patterns[WRITE]), slice_str(patterns[READ]),
                                           message, sizeof(message)),
                     ERR_OK);
    ck_assert_int_eq(access_set_topic_permission(fixture.broker->access, guest, vhost,
                                                 slice_str("t"), slice_str(patterns[TOPIC_WRITE]),
                                                 slice_str(patterns[TOPIC_READ]), message,
                                                 sizeof(message)),
                     ERR_OK);
}

/* ---- outcomes ---- */

static void refusal_text(char text[256], const struct right *right)
{
    static const char *const verbs[] = {"configure", "write", "read", "write", "read"};
    if (right->kind >= TOPIC_WRITE)
        snprintf(text, 256,
                 "ACCESS_REFUSED - %s access to topic '%s' in exchange '%s' in vhost '/' refused "
                 "for user 'guest'",
                 verbs[right->kind], right->name, right->what);
    else
        snprintf(text, 256,
                 "ACCESS_REFUSED - %s access to %s '%s' in vhost '/' refused for user 'guest'",
                 verbs[right->kind], right->what, right->name);
}

static void expect_refused(const struct door *door, const struct right *right)
{
    char text[256];
    const struct method_info *info = method_info(door->kind);
    refusal_text(text, right);
    amqp_expect_close(client, CHANNEL, 403, text, info->class_id, info->method_id);
}

/* Nothing that came says 403; what should be answered, is. */
static void expect_allowed(const struct door *door)
{
    struct frame frame;
    struct reply error;
    struct method method;
    bool first = true;
    while (frame_parse(buf_slice(&client->from_broker), UINT32_MAX / 2, &frame, &error) ==
           FRAME_WHOLE) {
        if (frame.type == FRAME_METHOD) {
            ck_assert(method_decode(&method, frame.payload, &error));
            bool closes =
                method.kind == METHOD_CHANNEL_CLOSE || method.kind == METHOD_CONNECTION_CLOSE;
            ck_assert_msg(!closes || method.connection_close.reply_code != 403, "%s: %.*s",
                          method_info(door->kind)->name,
                          SLICE_FMT(method.connection_close.reply_text));
            ck_assert_msg(!closes || !first || !(door->traits & ANSWERED), "%s: %.*s",
                          method_info(door->kind)->name,
                          SLICE_FMT(method.connection_close.reply_text));
        }
        first = false;
        buf_drain(&client->from_broker, frame.size);
    }
    ck_assert_msg(!first || !(door->traits & ANSWERED), "%s: no answer",
                  method_info(door->kind)->name);
}

/* ---- tests ---- */

START_TEST(exactly_its_rights_are_enough)
{
    for (const struct door *door = doors; door < doors + ARRAY_LEN(doors); door++) {
        open_world(door);
        grant(door, NULL, false);
        send(door);
        expect_allowed(door);
        close_world();
    }
}
END_TEST

START_TEST(each_of_its_rights_is_needed)
{
    size_t refusals = 0;
    for (const struct door *door = doors; door < doors + ARRAY_LEN(doors); door++) {
        for (const struct right *right = door->rights; right < door->rights + RIGHTS_MAX; right++) {
            if (!right->name)
                break;
            for (int most = 0; most < 2; most++, refusals++) {
                open_world(door);
                grant(door, right, most);
                send(door);
                expect_refused(door, right);
                close_world();
            }
        }
    }
    ck_assert_uint_ge(refusals, 90);
}
END_TEST

START_TEST(rights_are_asked_for_in_order)
{
    const struct door nothing = {.name = NULL};
    for (const struct door *door = doors; door < doors + ARRAY_LEN(doors); door++) {
        if (!door->rights[0].name)
            continue;
        open_world(door);
        grant(&nothing, NULL, false);
        send(door);
        expect_refused(door, &door->rights[0]);
        close_world();
    }
}
END_TEST

/* A right that is taken away ends what was allowed a moment ago, cached routes included. */
START_TEST(a_right_that_goes_is_gone_at_once)
{
    for (const struct door *door = doors; door < doors + ARRAY_LEN(doors); door++) {
        if (door->kind != METHOD_BASIC_PUBLISH)
            continue;
        open_world(door);
        send(door);
        send(door);
        expect_allowed(door);
        grant(door, &door->rights[0], true);
        send(door);
        expect_refused(door, &door->rights[0]);
        close_world();
    }
}
END_TEST

START_TEST(every_method_of_clients_has_a_row)
{
    for (int kind = 0; kind < METHOD_COUNT; kind++) {
        const struct method_info *info = method_info((enum method_kind)kind);
        bool found = !(info->flags & METHOD_BY_CLIENT);
        for (size_t i = 0; i < ARRAY_LEN(doors); i++)
            found = found || doors[i].kind == (enum method_kind)kind;
        ck_assert_msg(found, "%s has no row in the matrix of permissions", info->name);
    }
}
END_TEST

/* A name that the server makes is asked about like any other. */
START_TEST(server_named_queues_take_the_right_to_their_names)
{
    const struct door door = {.kind = METHOD_QUEUE_DECLARE, .name = ""};
    static const char expected[] = "ACCESS_REFUSED - configure access to queue 'amq.gen-";
    char message[256];
    open_world(&door);
    for (int allowed = 0; allowed < 2; allowed++) {
        ck_assert_int_eq(
            access_set_permission(fixture.broker->access, slice_str("guest"), slice_str("/"),
                                  slice_str(allowed ? "^amq\\.gen-" : "^q"), slice_str(""),
                                  slice_str(""), message, sizeof(message)),
            ERR_OK);
        amqp_open_channel(client, (uint16_t)(2 + allowed));
        struct method method = {.kind = METHOD_QUEUE_DECLARE};
        amqp_client_send(client, (uint16_t)(2 + allowed), &method);
        if (allowed) {
            amqp_expect(client, 3, METHOD_QUEUE_DECLARE_OK);
            break;
        }
        const struct method *close = amqp_expect(client, 2, METHOD_CHANNEL_CLOSE);
        ck_assert(slice_starts_with(close->channel_close.reply_text, expected));
    }
    close_world();
}
END_TEST

/* The rights are asked about in the connection's virtual host and nowhere else. */
START_TEST(update_secret_looks_at_the_virtual_host_again)
{
    const struct door door = {.kind = METHOD_CONNECTION_UPDATE_SECRET, .traits = ON_ZERO};
    open_world(&door);
    ck_assert(access_clear_permission(fixture.broker->access, slice_str("guest"), slice_str("/")));
    send(&door);
    amqp_expect_close(client, 0, 530, "NOT_ALLOWED - access to vhost '/' refused for user 'guest'",
                      10, 70);
    close_world();
}
END_TEST

/* Without an entry in the virtual host every right is refused to who was let in before. */
START_TEST(no_entry_is_no_right)
{
    for (const struct door *door = doors; door < doors + ARRAY_LEN(doors); door++) {
        if (!door->rights[0].name)
            continue;
        open_world(door);
        ck_assert(
            access_clear_permission(fixture.broker->access, slice_str("guest"), slice_str("/")));
        send(door);
        expect_refused(door, &door->rights[0]);
        close_world();
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        exactly_its_rights_are_enough,
        each_of_its_rights_is_needed,
        rights_are_asked_for_in_order,
        a_right_that_goes_is_gone_at_once,
        every_method_of_clients_has_a_row,
        server_named_queues_take_the_right_to_their_names,
        update_secret_looks_at_the_virtual_host_again,
        no_entry_is_no_right,
    };
    return suite_run("permission_matrix", NULL, NULL, tests, ARRAY_LEN(tests));
}
