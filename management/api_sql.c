/* SPDX-License-Identifier: Apache-2.0 */
/* Queries in SQL over what is in a virtual host. The store runs them (storage/query.h), the broker
 * fills in what it alone knows (broker/inspect.h).
 *
 *   sql_post() ─▶ rests until the query is done ─▶ its result's text, in parts
 */
#include "base/mem.h"
#include "broker/inspect.h"
#include "broker/vhost.h"
#include "management/body.h"

#define ROWS_DEFAULT 1000

/* ---- what there is ---- */

static json_t *table_json(const struct store_query_table *table)
{
    json_t *columns = json_array();

    for (size_t i = 0; i < table->column_count; i++)
        json_array_append_new(columns,
                              json_pack("{s:s, s:s, s:s}", "name", table->columns[i].name, "type",
                                        store_query_type_name(table->columns[i].type), "help",
                                        table->columns[i].help));
    return json_pack("{s:s, s:s, s:o}", "name", table->name, "help", table->help, "columns",
                     columns);
}

static json_t *examples_json(void)
{
    static const struct {
        const char *title, *query;
    } examples[] = {
        {"The ten oldest unpaid orders of a queue",
         "SELECT position, payload ->> 'customer' AS customer, payload ->> 'total' AS total\n"
         "FROM messages\n"
         "WHERE queue = 'orders' AND payload ->> 'paid' = 0\n"
         "ORDER BY position LIMIT 10"},
        {"Which queues are the longest, and who consumes from them",
         "SELECT name, messages, ready, unacked, consumers FROM queues\n"
         "ORDER BY messages DESC LIMIT 20"},
        {"What is in a queue, by routing key",
         "SELECT routing_key, count(*) AS messages, sum(payload_bytes) AS bytes\n"
         "FROM messages WHERE queue = 'orders'\n"
         "GROUP BY routing_key ORDER BY messages DESC"},
        {"Messages with a header",
         "SELECT queue, position, message_id, headers ->> 'tenant' AS tenant FROM messages\n"
         "WHERE headers ->> 'tenant' = 'acme' LIMIT 100"},
        {"What was dead-lettered, from where and why",
         "SELECT queue, position, headers ->> '$.\"x-death\"[0].queue' AS came_from,\n"
         "    headers ->> '$.\"x-death\"[0].reason' AS reason\n"
         "FROM messages WHERE headers ->> 'x-death' IS NOT NULL LIMIT 100"},
        {"Messages that clients have had in hand and not acknowledged",
         "SELECT queue, count(*) AS messages FROM messages WHERE state = 'unacked' GROUP BY queue"},
        {"Queues with messages and without a consumer",
         "SELECT name, messages FROM queues WHERE messages > 0 AND consumers = 0"},
        {"Exchanges that nothing is bound to",
         "SELECT name FROM exchanges WHERE bindings = 0 AND name <> ''"},
    };
    json_t *list = json_array();

    for (size_t i = 0; i < ARRAY_LEN(examples); i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "title", examples[i].title, "query", examples[i].query));
    return list;
}

void sql_get(struct call *call)
{
    json_t *views = json_array();
    json_t *functions = json_array();
    const char *name;

    json_array_append_new(views, table_json(&store_query_messages));
    for (size_t i = 0; i < inspect_table_count; i++)
        json_array_append_new(views, table_json(&inspect_tables[i]));
    for (size_t i = 0; (name = store_query_function(i)); i++)
        json_array_append_new(functions, json_string(name));
    call_json(call, json_pack("{s:o, s:o, s:o}", "views", views, "functions", functions, "examples",
                              examples_json()));
}

/* ---- a query ---- */

struct asked {
    struct store_query *query;
    size_t sent; /* bytes of the rows' text */
};

static void write_end(struct buf *out, const struct store_query_result *result)
{
    buf_printf(out, ",\"truncated\":%s,\"milliseconds\":%.3f,\"complete\":%s,\"notes\":[",
               result->truncated ? "true" : "false", result->milliseconds,
               result->note_count ? "false" : "true");
    for (size_t i = 0; i < result->note_count; i++)
        buf_printf(out, "%s\"%s\"", i ? "," : "", result->notes[i]);
    buf_add_str(out, "]}");
}

/* A part of the result's text; true: that was the last. */
static bool write_part(struct call *call, struct asked *asked, struct store_query_result *result)
{
    struct buf *out = &call->response->body;
    size_t before = out->len;

    if (!call->answered) {
        call_begin(call);
        buf_add_str(out, "{\"columns\":");
        buf_add_slice(out, buf_slice(&result->columns));
        buf_add_str(out, ",\"rows\":");
    }
    size_t left = result->rows.len - asked->sent;
    size_t part = left < call_work_left(call) ? left : call_work_left(call);
    buf_add(out, result->rows.data + asked->sent, part);
    asked->sent += part;
    if (asked->sent == result->rows.len)
        write_end(out, result);
    call_spend(call, out->len - before);
    return asked->sent == result->rows.len;
}

static bool run(struct call *call, void *state)
{
    struct asked *asked = state;
    struct store_query_result *result = store_query_result(asked->query);

    if (!result) {
        call_wait(call);
        return false;
    }
    switch (result->outcome) {
    case STORE_QUERY_OK:
        return write_part(call, asked, result);
    case STORE_QUERY_BAD:
        call_error(call, 400, "bad_request", "%s", buf_cstr(&result->message));
        return true;
    case STORE_QUERY_UNAVAILABLE:
        call_error(call, 503, "service_unavailable", "%s", buf_cstr(&result->message));
        return true;
    }
    UNREACHABLE();
}

static void forget(void *state)
{
    struct asked *asked = state;

    store_query_free(asked->query);
    mem_free(asked);
}

static void ask_store(struct call *call, struct vhost *vhost, struct slice sql, uint64_t rows)
{
    static const struct call_task task = {.run = run, .free = forget};
    const struct sql_limits *limits = &call->management->sql;
    const struct store_query_options options = {
        .sql = sql,
        .tables = inspect_tables,
        .table_count = inspect_table_count,
        .rows_max = rows < limits->rows ? (uint32_t)rows : limits->rows,
        .bytes_max = limits->result_bytes,
        .memory_max = limits->memory_bytes,
        .time_max_ms = limits->time_ms,
        .snapshot = inspect_snapshot,
        .retain = inspect_retain,
        .context = vhost,
    };
    struct store_query *query = store_query_new(vhost->db, &options);

    if (!query) {
        call_error(call, 503, "service_unavailable",
                   "%d queries are running already: try again in a moment", STORE_QUERIES_MAX);
        return;
    }
    struct asked *asked = MEM_NEW(struct asked);
    asked->query = query;
    call_set_task(call, &task, asked);
}

static void query(struct call *call, const json_t *body)
{
    struct slice name, sql;
    uint64_t rows;

    if (!body_text(call, body, "vhost", "/", &name) || !body_text(call, body, "query", "", &sql) ||
        !body_count(call, body, "limit", ROWS_DEFAULT, &rows))
        return;
    struct vhost *vhost = vhost_find(call->broker, name);
    if (!vhost)
        call_error(call, 404, "not_found", "no such virtual host");
    else if (sql.len > STORE_QUERY_TEXT_MAX)
        call_error(call, 400, "bad_request", "the query is longer than %d bytes",
                   STORE_QUERY_TEXT_MAX);
    else
        ask_store(call, vhost, sql, rows);
}

void sql_post(struct call *call)
{
    static const char *const keys[] = {"query", NULL};
    json_t *body = call_body(call);

    call->response->reads = true;
    if (body && call_keys(call, body, keys))
        query(call, body);
    json_decref(body);
}
