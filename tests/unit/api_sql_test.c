/* SPDX-License-Identifier: Apache-2.0 */
/* Questions in SQL: that each message is told once, whatever has become of it; what may not be asked. */
#include "base/mem.h"
#include "base/rng.h"
#include "broker/inspect.h"
#include "proto/table.h"
#include "tests/support/api_fixture.h"
#include "tests/support/memvfs.h"
#include "tests/support/suite.h"

#include <inttypes.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

static struct api api;
static struct memvfs *disk;
static struct test_client *client;
static struct test_channel *channel;

static void setup(void)
{
    disk = memvfs_new("api-sql");
    api = (struct api){0};
    api.world.vfs = "api-sql";
    api.world.queue_memory = 20000;
    api_open(&api);
    client = client_open(&api.world, 'a');
    channel = client_channel(client, 1);
}

static void teardown(void)
{
    client_close(client);
    api_close(&api);
    memvfs_free(disk);
}

/* ---- asking ---- */

static int post(const char *query, int limit)
{
    json_t *body = json_pack("{s:s, s:s, s:i}", "vhost", "/", "query", query, "limit", limit);
    char *text = json_dumps(body, JSON_COMPACT);
    int status =
        ask_bytes(&api, "POST", "/api/sql", "application/json", slice_of(text, strlen(text)));

    free(text);
    json_decref(body);
    return status;
}

static json_t *result_of(const char *query, int limit)
{
    ck_assert_msg(post(query, limit) == 200, "%s: %s", query, answer(&api));
    json_t *document = json_loads(answer(&api), 0, NULL);
    ck_assert_ptr_nonnull(document);
    return document;
}

/* The rows as text, with ' for ". */
static const char *rows(const char *query)
{
    static char text[4096];
    json_t *document = result_of(query, 100000);
    char *dump = json_dumps(json_object_get(document, "rows"), JSON_COMPACT);

    snprintf(text, sizeof(text), "%s", dump);
    for (char *at = text; *at; at++)
        *at = *at == '"' ? '\'' : *at;
    ck_assert(json_is_true(json_object_get(document, "complete")));
    free(dump);
    json_decref(document);
    return text;
}

static void refuse(const char *query, const char *reason)
{
    ck_assert_msg(post(query, 10) == 400, "%s: %s", query, answer(&api));
    ck_assert_msg(strstr(answer(&api), reason), "%s: %s", query, answer(&api));
}

static void send_one(const char *queue, const char *body, bool persistent)
{
    struct test_properties properties = {.persistent = persistent};

    ck_assert(publish_with(channel, "", queue, body, &properties, false));
}

/* ---- what there is ---- */

START_TEST(every_table_has_the_columns_that_are_told)
{
    ck_assert_int_eq(ask(&api, "GET", "/api/sql", NULL), 200);
    json_t *known = json_loads(answer(&api), 0, NULL);
    size_t i, k;
    json_t *view, *column;

    ck_assert_uint_eq(json_array_size(json_object_get(known, "views")), inspect_table_count + 1);
    json_array_foreach(json_object_get(known, "views"), i, view)
    {
        char query[64];
        snprintf(query, sizeof(query), "SELECT * FROM %s",
                 json_string_value(json_object_get(view, "name")));
        json_t *result = result_of(query, 1);
        const json_t *columns = json_object_get(result, "columns");
        ck_assert_uint_eq(json_array_size(columns),
                          json_array_size(json_object_get(view, "columns")));
        json_array_foreach(json_object_get(view, "columns"), k, column)
            ck_assert_str_eq(json_string_value(json_array_get(columns, k)),
                             json_string_value(json_object_get(column, "name")));
        json_decref(result);
    }
    json_decref(known);
}
END_TEST

START_TEST(the_examples_work)
{
    ck_assert_int_eq(ask(&api, "GET", "/api/sql", NULL), 200);
    json_t *known = json_loads(answer(&api), 0, NULL);
    size_t i;
    json_t *example;

    json_array_foreach(json_object_get(known, "examples"), i, example)
        json_decref(result_of(json_string_value(json_object_get(example, "query")), 10));
    ck_assert_uint_gt(i, 3);
    json_decref(known);
}
END_TEST

START_TEST(topology_and_clients_are_told)
{
    declare_durable(client, "q", slice_str(""));
    ck_assert(bind_queue(client, "amq.topic", "q", "a.#"));
    ck_assert(consume(channel, "q", "tag", false));
    prefetch(channel, 7, false);
    ck_assert_int_eq(ask(&api, "PUT", "/api/policies/%2F/p",
                         "{'pattern':'^q','definition':{'max-length':9},'priority':3}"),
                     201);
    ck_assert_str_eq(rows("SELECT name, durable, policy, consumers, arguments FROM queues"),
                     "[['q',1,'p',1,'{}']]");
    ck_assert_str_eq(rows("SELECT * FROM bindings"), "[['amq.topic','q','queue','a.#','{}',1]]");
    ck_assert_str_eq(rows("SELECT type, bindings FROM exchanges WHERE name = 'amq.topic'"),
                     "[['topic',1]]");
    ck_assert_str_eq(rows("SELECT queue, consumer_tag, channel, ack_required FROM consumers"),
                     "[['q','tag',1,1]]");
    ck_assert_str_eq(rows("SELECT number, consumers, prefetch FROM channels"), "[[1,1,7]]");
    ck_assert_str_eq(rows("SELECT user, channels FROM connections"), "[['guest',1]]");
    ck_assert_str_eq(
        rows("SELECT name, pattern, priority, definition ->> 'max-length' FROM policies"),
        "[['p','^q',3,9]]");
}
END_TEST

/* Only the columns that a statement needs are filled in, however it names them. */
START_TEST(columns_are_found_in_every_kind_of_join)
{
    declare_durable(client, "q", slice_str(""));
    declare(client, "r", slice_str(""));
    ck_assert(bind_queue(client, "amq.topic", "q", "k"));
    ck_assert_str_eq(rows("SELECT count(*) FROM queues"), "[[2]]");
    ck_assert_str_eq(rows("SELECT q.name, q.durable FROM queues q NATURAL JOIN "
                          "(SELECT 'q' AS name)"),
                     "[['q',1]]");
    ck_assert_str_eq(rows("SELECT a.durable, b.type FROM queues a JOIN queues b USING (name) "
                          "ORDER BY name"),
                     "[[1,'classic'],[0,'classic']]");
    ck_assert_str_eq(rows("SELECT name FROM queues WHERE EXISTS (SELECT 1 FROM bindings WHERE "
                          "destination = queues.name AND (routing_key = 'k' OR source = 'x'))"),
                     "[['q']]");
    ck_assert_str_eq(
        rows("SELECT e.name, b.destination FROM exchanges e LEFT JOIN bindings b ON "
             "b.source = e.name WHERE e.name IN ('amq.topic', 'amq.fanout') ORDER BY 1"),
        "[['amq.fanout',null],['amq.topic','q']]");
    ck_assert_str_eq(rows("SELECT type, min(name), max(durable) FROM queues GROUP BY type"
                          " HAVING count(DISTINCT auto_delete) = 1"),
                     "[['classic','q',1]]");
}
END_TEST

/* ---- messages ---- */

START_TEST(messages_are_told_with_all_they_have)
{
    struct buf headers = BUF_INIT;

    declare_durable(client, "q", slice_str(""));
    table_add_str(&headers, "tenant", slice_str("acme"));
    table_add_array(&headers, "BCC", slice_of("S\0\0\0\4none", 9)); /* no column has it */
    struct test_properties properties = {
        .persistent = true, .priority = 4, .expiration = "60000", .headers = buf_slice(&headers)};
    ck_assert(publish_with(channel, "", "q", "{\"paid\":0}", &properties, false));
    ck_assert_str_eq(rows("SELECT queue, position, state, redelivered, stored, exchange, "
                          "routing_key, delivery_mode, priority, expiration, headers, "
                          "payload ->> 'paid', payload_bytes, body, content_type FROM messages"),
                     "[['q',0,'ready',0,1,'','q',2,4,'60000','{\\'tenant\\':\\'acme\\'}',0,10,"
                     "'x'7b2270616964223a307d'',null]]");
    ck_assert_str_eq(rows("SELECT expires_at FROM messages"), "[[1700000060000]]");
    buf_fini(&headers);
}
END_TEST

START_TEST(a_payload_that_is_no_text_is_null)
{
    declare_durable(client, "q", slice_str(""));
    send_one("q", "\xff\xfe", true);
    send_one("q", "", true);
    ck_assert_str_eq(rows("SELECT payload, payload_bytes, body FROM messages ORDER BY position"),
                     "[[null,2,'x'fffe''],['',0,'x''']]");
}
END_TEST

/* Written, to be written, in memory alone: the picture is the same. */
START_TEST(it_does_not_matter_where_a_message_is)
{
    declare_durable(client, "q", slice_str(""));
    send_one("q", "1", true);
    world_turn(&api.world); /* now it has a row */
    send_one("q", "2", false);
    send_one("q", "3", true); /* this one has yet to be written */
    ck_assert_str_eq(rows("SELECT payload, stored, state FROM messages ORDER BY position"),
                     "[['1',1,'ready'],['2',0,'ready'],['3',1,'ready']]");
    ck_assert_str_eq(rows("SELECT payload FROM messages WHERE queue = 'q' ORDER BY position DESC"),
                     "[['3'],['2'],['1']]");
}
END_TEST

START_TEST(what_is_acknowledged_is_not_there_though_its_row_is)
{
    declare_durable(client, "q", slice_str(""));
    for (int i = 0; i < 3; i++)
        send_one("q", "x", true);
    world_turn(&api.world);
    get(channel, "q", false);
    get(channel, "q", false);
    world_turn(&api.world);
    ck_assert(ack(channel, 1, false)); /* the deletion of its row is still to be written */
    ck_assert_str_eq(rows("SELECT position, state FROM messages"), "[[1,'unacked'],[2,'ready']]");
    ck_assert(nack(channel, 2, false, true));
    ck_assert_str_eq(rows("SELECT position, state, redelivered FROM messages"),
                     "[[1,'ready',1],[2,'ready',0]]");
}
END_TEST

START_TEST(a_quorum_queues_failed_deliveries_are_counted)
{
    struct buf arguments = BUF_INIT;

    table_add_str(&arguments, "x-queue-type", slice_str("quorum"));
    declare_durable(client, "q", buf_slice(&arguments));
    send_one("q", "x", true);
    world_turn(&api.world);
    get(channel, "q", false);
    ck_assert(nack(channel, 1, false, true));
    ck_assert_str_eq(rows("SELECT delivery_count, redelivered FROM messages"), "[[1,1]]");
    world_turn(&api.world);
    ck_assert_str_eq(rows("SELECT delivery_count, redelivered FROM messages"), "[[1,1]]");
    buf_fini(&arguments);
}
END_TEST

START_TEST(positions_are_in_the_order_of_delivery_with_priorities_too)
{
    struct buf arguments = BUF_INIT;

    table_add_int64(&arguments, "x-max-priority", 2);
    declare_durable(client, "q", buf_slice(&arguments));
    for (int i = 0; i < 6; i++) {
        char body[2] = {(char)('0' + i), '\0'};
        struct test_properties properties = {.persistent = i < 4, .priority = i % 3};
        ck_assert(publish_with(channel, "", "q", body, &properties, false));
    }
    ck_assert_str_eq(rows("SELECT group_concat(payload, '') FROM (SELECT payload FROM messages "
                          "WHERE queue = 'q' ORDER BY position)"),
                     "[['251403']]");
    ck_assert_str_eq(rows("SELECT payload FROM messages WHERE queue = 'q' AND position >= 1 << 43 "
                          "AND position < 2 << 43 ORDER BY position DESC"),
                     "[['4'],['1']]");
    ck_assert_str_eq(rows("SELECT payload FROM messages WHERE position = 1 AND queue = 'q'"),
                     "[['5']]");
    buf_fini(&arguments);
}
END_TEST

START_TEST(a_plan_reads_one_queue_in_its_order)
{
    ck_assert_str_eq(rows("EXPLAIN QUERY PLAN SELECT position FROM messages WHERE queue = 'q' "
                          "ORDER BY position LIMIT 10"),
                     "[[4,0,0,'SCAN messages VIRTUAL TABLE INDEX 0:q']]");
    ck_assert_str_eq(rows("EXPLAIN QUERY PLAN SELECT payload FROM messages WHERE queue = 'q' AND "
                          "position > 5 ORDER BY queue, position DESC"),
                     "[[3,0,0,'SCAN messages VIRTUAL TABLE INDEX 3:q>']]");
}
END_TEST

START_TEST(bounds_that_make_no_sense_find_nothing)
{
    declare_durable(client, "q", slice_str(""));
    send_one("q", "x", true);
    ck_assert_str_eq(rows("SELECT 1 FROM messages WHERE queue = 'q' AND position < 0"), "[]");
    ck_assert_str_eq(rows("SELECT 1 FROM messages WHERE queue = 'q' AND position = -1"), "[]");
    ck_assert_str_eq(rows("SELECT 1 FROM messages WHERE queue = NULL"), "[]");
    ck_assert_str_eq(rows("SELECT 1 FROM messages WHERE queue = 5"), "[]");
    ck_assert_str_eq(rows("SELECT 1 FROM messages WHERE queue = 'other'"), "[]");
    ck_assert_str_eq(rows("SELECT 1 FROM messages WHERE position > 9223372036854775806"), "[]");
    ck_assert_str_eq(rows("SELECT 1 FROM messages WHERE position < 0.5"), "[[1]]");
    ck_assert_str_eq(rows("SELECT 1 FROM messages WHERE position IN (0, 7)"), "[[1]]");
    ck_assert_str_eq(rows("SELECT 1 FROM messages WHERE queue = 'Q' COLLATE NOCASE"), "[[1]]");
    ck_assert_str_eq(rows("SELECT count(*) FROM messages a JOIN messages b ON a.queue = b.queue "
                          "AND a.position = b.position"),
                     "[[1]]");
}
END_TEST

/* ---- whatever happens ---- */

#define NUMBERS 3000

enum fate { NOWHERE, READY, UNACKED };

static struct {
    enum fate fate[NUMBERS];
    unsigned queue[NUMBERS];
    unsigned sent;
    struct {
        uint64_t tag;
        unsigned number;
    } taken[NUMBERS];
    size_t taken_count;
} model;

static const char *const queue_names[] = {"durable", "transient", "ranked", "quorum"};

static void declare_all(void)
{
    struct buf ranked = BUF_INIT, quorum = BUF_INIT;

    table_add_int64(&ranked, "x-max-priority", 3);
    table_add_str(&quorum, "x-queue-type", slice_str("quorum"));
    ck_assert(declare_durable(client, "durable", slice_str("")));
    ck_assert(declare(client, "transient", slice_str("")));
    ck_assert(declare_durable(client, "ranked", buf_slice(&ranked)));
    ck_assert(declare_durable(client, "quorum", buf_slice(&quorum)));
    buf_fini(&ranked);
    buf_fini(&quorum);
}

static void publish_some(struct rng *rng)
{
    for (uint64_t n = rng_below(rng, 20); n > 0 && model.sent < NUMBERS; n--) {
        unsigned queue = (unsigned)rng_below(rng, ARRAY_LEN(queue_names));
        struct test_properties properties = {.persistent = rng_below(rng, 3) > 0,
                                             .priority = (int)rng_below(rng, 4)};
        char body[200];
        int len = snprintf(body, sizeof(body), "%u ", model.sent);
        memset(body + len, '.', 150);
        body[len + 150] = '\0';
        ck_assert(publish_with(channel, "", queue_names[queue], body, &properties, false));
        model.fate[model.sent] = READY;
        model.queue[model.sent++] = queue;
    }
}

/* The trace tells which message was got. */
static void get_one(const char *queue, bool no_ack)
{
    buf_clear(&api.world.trace);
    get(channel, queue, no_ack);
    const char *trace = buf_cstr(&api.world.trace);
    const char *body = strstr(trace, "body=");
    if (!body)
        return;
    unsigned number = (unsigned)strtoul(body + 5, NULL, 10);
    ck_assert_int_eq(model.fate[number], READY);
    model.fate[number] = no_ack ? NOWHERE : UNACKED;
    if (no_ack)
        return;
    model.taken[model.taken_count].number = number;
    model.taken[model.taken_count++].tag = strtoull(strchr(trace, '#') + 1, NULL, 10);
}

static void settle_one(struct rng *rng)
{
    if (model.taken_count == 0)
        return;
    size_t index = rng_below(rng, model.taken_count);
    unsigned number = model.taken[index].number;
    uint64_t tag = model.taken[index].tag;
    bool requeue = rng_below(rng, 2);
    if (requeue)
        ck_assert(nack(channel, tag, false, true));
    else
        ck_assert(ack(channel, tag, false));
    model.fate[number] = requeue ? READY : NOWHERE;
    model.taken[index] = model.taken[--model.taken_count];
}

static void purge(unsigned queue)
{
    char path[64];

    snprintf(path, sizeof(path), "/api/queues/%%2F/%s/contents", queue_names[queue]);
    ck_assert_int_eq(ask(&api, "DELETE", path, NULL), 204);
    for (unsigned i = 0; i < model.sent; i++)
        if (model.queue[i] == queue && model.fate[i] == READY)
            model.fate[i] = NOWHERE;
}

/* Every message of the model is told, once, in its queue and state; and nothing else is. */
static void compare(void)
{
    json_t *result = result_of("SELECT queue, position, state, payload FROM messages "
                               "ORDER BY queue, position",
                               100000);
    size_t count = 0, i;
    json_t *row, *before = NULL;

    json_array_foreach(json_object_get(result, "rows"), i, row)
    {
        const char *queue = json_string_value(json_array_get(row, 0));
        unsigned number = (unsigned)strtoul(json_string_value(json_array_get(row, 3)), NULL, 10);
        bool unacked = strcmp(json_string_value(json_array_get(row, 2)), "unacked") == 0;
        ck_assert_str_eq(queue, queue_names[model.queue[number]]);
        ck_assert_msg(model.fate[number] == (unacked ? UNACKED : READY), "message %u of %s is %s",
                      number, queue, unacked ? "unacked" : "ready");
        if (before && json_equal(json_array_get(before, 0), json_array_get(row, 0)))
            ck_assert_int_lt(json_integer_value(json_array_get(before, 1)),
                             json_integer_value(json_array_get(row, 1)));
        before = row;
    }
    for (unsigned n = 0; n < model.sent; n++)
        count += model.fate[n] != NOWHERE;
    ck_assert_uint_eq(i, count);
    json_decref(result);
}

static void do_something(struct rng *rng)
{
    switch (rng_below(rng, 12)) {
    case 0:
    case 1:
    case 2:
    case 3:
        publish_some(rng);
        break;
    case 4:
    case 5:
        get_one(queue_names[rng_below(rng, ARRAY_LEN(queue_names))], false);
        break;
    case 6:
        get_one(queue_names[rng_below(rng, ARRAY_LEN(queue_names))], true);
        break;
    case 7:
    case 8:
        settle_one(rng);
        break;
    case 9:
        world_turn(&api.world);
        break;
    case 10:
        world_turn_without_disk(&api.world);
        break;
    default:
        if (rng_below(rng, 30) == 0)
            purge((unsigned)rng_below(rng, ARRAY_LEN(queue_names)));
    }
}

START_TEST(each_message_is_told_once_whatever_happens)
{
    uint8_t seed[32] = {(uint8_t)_i};
    struct rng rng;

    rng_init(&rng, seed);
    model.sent = 0;
    model.taken_count = 0;
    declare_all();
    for (int step = 0; step < 600; step++) {
        do_something(&rng);
        if (step % 5 == 0)
            compare();
    }
    world_turn(&api.world);
    compare();
}
END_TEST

/* ---- what may not be asked ---- */

START_TEST(only_reading_is_allowed)
{
    static const struct {
        const char *query, *reason;
    } hostile[] = {
        {"DELETE FROM messages", "may not be modified"},
        {"INSERT INTO queues (name) VALUES ('x')", "not authorized"},
        {"UPDATE queues SET name = 'x'", "may not be modified"},
        {"CREATE TABLE t (x)", "not authorized"},
        {"CREATE TEMP TABLE t (x)", "not authorized"},
        {"CREATE VIRTUAL TABLE t USING messages", "not authorized"},
        {"DROP TABLE messages", "not authorized"},
        {"ATTACH 'node.db' AS node", "not authorized"},
        {"DETACH main", "not authorized"},
        {"PRAGMA journal_mode = DELETE", "not authorized"},
        {"PRAGMA table_info(messages)", "not authorized"},
        {"SELECT * FROM pragma_database_list", "not authorized"},
        {"SELECT count(*) FROM pragma_database_list", "not authorized"},
        {"VACUUM", "only statements that read"},
        {"VACUUM INTO '/tmp/x'", "only statements that read"},
        {"BEGIN", "not authorized"},
        {"COMMIT", "not authorized"},
        {"SAVEPOINT x", "not authorized"},
        {"ANALYZE", "not authorized"},
        {"REINDEX", "only statements that read"},
        {"SELECT * FROM sqlite_master", "prohibited"},
        {"SELECT * FROM sqlite_schema", "prohibited"},
        {"SELECT * FROM users", "no such table"},
        {"SELECT password_hash FROM node.users", "no such table"},
        {"SELECT load_extension('x')", "not authorized to use function"},
        {"SELECT readfile('/etc/passwd')", "no such function"},
        {"SELECT writefile('/tmp/x', 'y')", "no such function"},
        {"SELECT sqlite_compileoption_get(1)", "not authorized to use function"},
        {"SELECT printf('%.*c', 1000000000, 'x')", "not authorized to use function"},
        {"SELECT json_patch('{}', '{}')", "not authorized to use function"},
        {"SELECT fts3_tokenizer('x')", "function"},
        {"SELECT 1; SELECT 2", "one statement at a time"},
        {"SELECT 1; DELETE FROM messages", "one statement at a time"},
        {"SELECT 1; nonsense", "one statement at a time"},
        {"", "there is no statement"},
        {"-- nothing", "there is no statement"},
        {"nonsense", "syntax error"},
        {"SELECT \"no column\"", "no such column"},
        {"SELECT ?1", "variable number"},
        {"SELECT trim('xax', 'x')", "takes one argument"},
    };

    for (size_t i = 0; i < ARRAY_LEN(hostile); i++)
        refuse(hostile[i].query, hostile[i].reason);
    ck_assert_str_eq(rows("SELECT 1; -- and no more\n ; "), "[[1]]");
}
END_TEST

START_TEST(bombs_are_stopped)
{
    struct sql_limits limits = {
        .time_ms = 200, .rows = 100, .result_bytes = 1000, .memory_bytes = 8u << 20};

    management_limit_sql(api.management, &limits);
    refuse("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n",
           "took longer than 200 ms");
    refuse("SELECT randomblob(1000000000)", "too big");
    refuse("SELECT zeroblob(1000000000)", "too big");
    refuse(
        "WITH RECURSIVE n(x) AS (SELECT 'x' UNION ALL SELECT x || x FROM n) SELECT max(x) FROM n",
        "too big");
    refuse(
        "SELECT 'a' LIKE '%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a"
        "%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a'",
        "too complex");
    refuse("SELECT replace(hex(zeroblob(100000)), '0', hex(zeroblob(1000)))", "too big");
}
END_TEST

START_TEST(results_are_cut)
{
    struct sql_limits limits = {
        .time_ms = 5000, .rows = 100, .result_bytes = 1000, .memory_bytes = 8u << 20};
    const char *count =
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 1000) "
        "SELECT x FROM n";

    management_limit_sql(api.management, &limits);
    json_t *result = result_of(count, 5);
    ck_assert_uint_eq(json_array_size(json_object_get(result, "rows")), 5);
    ck_assert(json_is_true(json_object_get(result, "truncated")));
    json_decref(result);
    result = result_of(count, 100000); /* no more than the limit allows */
    ck_assert_uint_eq(json_array_size(json_object_get(result, "rows")), 100);
    json_decref(result);
    result = result_of("SELECT x.name, hex(zeroblob(100)) FROM exchanges x", 100);
    ck_assert(json_is_true(json_object_get(result, "truncated")));
    ck_assert_uint_eq(json_array_size(json_object_get(result, "rows")), 4);
    json_decref(result);
    result = result_of("SELECT 1", 1);
    ck_assert(json_is_false(json_object_get(result, "truncated")));
    json_decref(result);
}
END_TEST

START_TEST(values_come_out_as_json)
{
    ck_assert_str_eq(rows("SELECT 1, -9223372036854775808, 0.5, 1e300 * 1e300, NULL, 'ä', x'00ff'"),
                     "[[1,-9223372036854775808,0.5,null,null,'ä','x'00ff'']]");
    ck_assert_int_eq(post("SELECT char(1) || char(34) || char(92) AS x, "
                          "CAST(x'ff41' AS TEXT) AS y",
                          1),
                     200);
    ck_assert(strstr(answer(&api), "{\"columns\":[\"x\",\"y\"],"
                                   "\"rows\":[[\"\\u0001\\\"\\\\\",\"\xef\xbf\xbd"
                                   "A\"]],"));
}
END_TEST

START_TEST(our_functions_do_as_sqlites_do)
{
    ck_assert_str_eq(rows("SELECT instr('häh','h'), instr('häh','äh'), instr('a','b'), instr('','')"
                          ", instr(x'00ff', x'ff'), instr(NULL, 'a')"),
                     "[[1,2,0,1,2,null]]");
    ck_assert_str_eq(rows("SELECT replace('abcabc','bc','-'), replace('abc','','x'), "
                          "replace('aaa','a',''), replace('abc', NULL, 'x')"),
                     "[['a-a-','abc','',null]]");
    ck_assert_str_eq(rows("SELECT trim('  a '), ltrim(' a'), rtrim('a ')"), "[['a','a','a']]");
}
END_TEST

START_TEST(who_may_ask)
{
    expect(&api, "PUT", "/api/users/m", "{'password':'m','tags':'monitoring,management'}", 201,
           NULL);
    api.credentials = "m:m";
    expect(&api, "GET", "/api/sql", NULL, 401, NULL);
    expect(&api, "POST", "/api/sql", "{'query':'SELECT 1'}", 401, NULL);
    api.credentials = "guest:guest";
    expect(&api, "POST", "/api/sql", "{'query':'SELECT 1','vhost':'none'}", 404, NULL);
    expect(&api, "POST", "/api/sql", "{}", 400, NULL);
    expect(&api, "POST", "/api/sql", "{'query':7}", 400, NULL);
    expect(&api, "POST", "/api/sql", "{'query':'SELECT 1','limit':-1}", 400, NULL);
    char *long_query = mem_alloc(STORE_QUERY_TEXT_MAX + 2);
    memset(long_query, ' ', STORE_QUERY_TEXT_MAX + 1);
    long_query[STORE_QUERY_TEXT_MAX + 1] = '\0';
    ck_assert_int_eq(post(long_query, 1), 400);
    mem_free(long_query);
}
END_TEST

/* ---- trouble ---- */

START_TEST(a_disk_that_cannot_be_read_is_told)
{
    declare_durable(client, "q", slice_str(""));
    send_one("q", "x", true);
    world_turn(&api.world);
    memvfs_fail(disk, (struct memvfs_fault){
                          .operations = MEMVFS_READ, .lasting = true, .result = SQLITE_IOERR_READ});
    int status = post("SELECT payload FROM messages", 1);
    memvfs_fail(disk, (struct memvfs_fault){0});
    ck_assert_msg(status == 503 || status == 400, "%d %s", status, answer(&api));
    ck_assert_msg(strstr(answer(&api), "the database can't be read"), "%s", answer(&api));
    ck_assert_str_eq(rows("SELECT payload FROM messages"), "[['x']]");
}
END_TEST

START_TEST(a_virtual_host_may_go_while_it_is_asked)
{
    expect(&api, "PUT", "/api/vhosts/v", NULL, 201, NULL);
    struct vhost *vhost = vhost_find(api.world.broker, slice_str("v"));
    const struct store_query_options options = {
        .sql = slice_str("SELECT * FROM queues"),
        .tables = inspect_tables,
        .table_count = inspect_table_count,
        .rows_max = 10,
        .bytes_max = 1000,
        .time_max_ms = 1000,
        .snapshot = inspect_snapshot,
        .retain = inspect_retain,
        .context = vhost,
    };
    struct store_query *first = store_query_new(vhost->db, &options);
    struct store_query *second = store_query_new(vhost->db, &options);
    ck_assert_ptr_null(store_query_new(vhost->db, &options)); /* STORE_QUERIES_MAX */
    store_query_free(second);
    expect(&api, "DELETE", "/api/vhosts/v", NULL, 204, NULL);
    ck_assert_ptr_nonnull(store_query_result(first));
    ck_assert_int_eq(store_query_result(first)->outcome, STORE_QUERY_UNAVAILABLE);
    store_query_free(first);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api_sql");
    TCase *tests = tcase_create("api_sql");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, every_table_has_the_columns_that_are_told);
    tcase_add_test(tests, the_examples_work);
    tcase_add_test(tests, topology_and_clients_are_told);
    tcase_add_test(tests, columns_are_found_in_every_kind_of_join);
    tcase_add_test(tests, messages_are_told_with_all_they_have);
    tcase_add_test(tests, a_payload_that_is_no_text_is_null);
    tcase_add_test(tests, it_does_not_matter_where_a_message_is);
    tcase_add_test(tests, what_is_acknowledged_is_not_there_though_its_row_is);
    tcase_add_test(tests, a_quorum_queues_failed_deliveries_are_counted);
    tcase_add_test(tests, positions_are_in_the_order_of_delivery_with_priorities_too);
    tcase_add_test(tests, a_plan_reads_one_queue_in_its_order);
    tcase_add_test(tests, bounds_that_make_no_sense_find_nothing);
    tcase_add_loop_test(tests, each_message_is_told_once_whatever_happens, 0, 8);
    tcase_add_test(tests, only_reading_is_allowed);
    tcase_add_test(tests, bombs_are_stopped);
    tcase_add_test(tests, results_are_cut);
    tcase_add_test(tests, values_come_out_as_json);
    tcase_add_test(tests, our_functions_do_as_sqlites_do);
    tcase_add_test(tests, who_may_ask);
    tcase_add_test(tests, a_disk_that_cannot_be_read_is_told);
    tcase_add_test(tests, a_virtual_host_may_go_while_it_is_asked);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
