/* SPDX-License-Identifier: Apache-2.0 */
/* bilbyctl's columns, cells and formats, and the requests that its table describes. */
#include "tools/bilbyctl_table.h"

#include "tests/support/suite.h"
#include "tools/bilbyctl_request.h"

static struct buf out;

static void setup(void)
{
    out = BUF_INIT;
}

static void teardown(void)
{
    buf_fini(&out);
}

static const char shows[] = "*name *size:data.size tags";

static json_t *parsed(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    ck_assert_ptr_nonnull(value);
    return value;
}

/* The rows in a format, in these columns (NULL: the usual ones). */
static const char *formatted(enum ctl_format format, const char *noun, const char *rows_text,
                             const char *column)
{
    const struct ctl_view view = {.format = format, .headers = true, .noun = noun};
    char *wanted = (char *)(uintptr_t)column;
    struct ctl_columns columns;
    json_t *rows = parsed(rows_text);

    buf_clear(&out);
    ck_assert_int_eq(ctl_columns_choose(&columns, shows, &wanted, column ? 1 : 0), CTL_STATUS_OK);
    ctl_add_table(&out, &view, &columns, rows);
    json_decref(rows);
    return buf_cstr(&out);
}

#define ROWS "[{\"name\":\"a\",\"data\":{\"size\":5}},{\"name\":\"bcd\",\"data\":{\"size\":10}}]"

START_TEST(four_formats)
{
    ck_assert_str_eq(formatted(CTL_FORMAT_TABLE, "sizes", ROWS, NULL),
                     "name  size\na        5\nbcd     10\n2 sizes\n");
    ck_assert_str_eq(formatted(CTL_FORMAT_CSV, NULL, ROWS, NULL), "name,size\na,5\nbcd,10\n");
    ck_assert_str_eq(formatted(CTL_FORMAT_TSV, NULL, ROWS, "size"), "size\n5\n10\n");
    ck_assert_str_eq(formatted(CTL_FORMAT_JSON, NULL, ROWS, NULL),
                     "[\n {\"name\":\"a\",\"size\":5},\n {\"name\":\"bcd\",\"size\":10}\n]\n");
}
END_TEST

START_TEST(nothing_to_show)
{
    ck_assert_str_eq(formatted(CTL_FORMAT_TABLE, "policies", "[]", NULL), "no policies\n");
    ck_assert_str_eq(formatted(CTL_FORMAT_TABLE, "policies", "[{}]", "tags"), "tags\n\n1 policy\n");
    ck_assert_str_eq(formatted(CTL_FORMAT_JSON, NULL, "[]", NULL), "[]\n");
    ck_assert_str_eq(formatted(CTL_FORMAT_JSON, NULL, "[{}]", "name"), "[\n {\"name\":null}\n]\n");
}
END_TEST

START_TEST(hostile_names)
{
    const char *rows = "[{\"name\":\"a\\u001b[2J\\n\\t\\u009b\\u0000\\u007f\\\"\"}]";

    ck_assert_str_eq(formatted(CTL_FORMAT_TSV, NULL, rows, "name"),
                     "name\na\\x1b[2J\\x0a\\x09\\x9b\\x00\\x7f\"\n");
    ck_assert_str_eq(formatted(CTL_FORMAT_CSV, NULL, "[{\"name\":\"a,\\\"b\\n\"}]", "name"),
                     "name\n\"a,\"\"b\n\"\n");
}
END_TEST

static const char *cell(const char *text)
{
    json_t *value = parsed(text);

    buf_clear(&out);
    ctl_add_cell(&out, value);
    json_decref(value);
    return buf_cstr(&out);
}

START_TEST(cells)
{
    ck_assert_str_eq(cell("\"x\""), "x");
    ck_assert_str_eq(cell("[\"x\",2]"), "x, 2");
    ck_assert_str_eq(cell("null"), "");
    ck_assert_str_eq(cell("{}"), "");
    ck_assert_str_eq(cell("{\"a\":[1]}"), "{\"a\":[1]}");
    ck_assert_str_eq(cell("true"), "true");
    ck_assert_str_eq(cell("0.5"), "0.5");
    ck_assert_str_eq(cell("-3"), "-3");
}
END_TEST

START_TEST(columns_are_known_ones_and_their_members)
{
    struct ctl_columns columns;
    char *names[] = {(char *)"size.high", (char *)"tags"};
    char *other = (char *)"siz";

    ck_assert_int_eq(ctl_columns_choose(&columns, shows, names, 2), CTL_STATUS_OK);
    ck_assert_str_eq(columns.columns[0].name, "size.high");
    ck_assert_str_eq(columns.columns[0].path, "data.size.high");
    ctl_columns_lead(&columns, shows, "name");
    ctl_columns_lead(&columns, shows, "tags");
    ck_assert_uint_eq(columns.count, 3);
    ck_assert_str_eq(columns.columns[0].name, "name");
    ck_assert_int_eq(ctl_columns_choose(&columns, shows, &other, 1), CTL_STATUS_USAGE);
}
END_TEST

START_TEST(an_objects_lines)
{
    json_t *object = parsed("{\"name\":\"x\",\"tags\":[\"a\",\"b\"]}");
    const struct ctl_view view = {.format = CTL_FORMAT_TABLE, .headers = true};

    ctl_add_object(&out, &view, object);
    ck_assert_str_eq(buf_cstr(&out), "name  x\ntags  a, b\n");
    json_decref(object);
}
END_TEST

/* ---- requests ---- */

/* "METHOD path body about" of a command line. */
static const char *request_of(char **words)
{
    struct ctl_line line;
    struct ctl_request request;
    int argc = 0;

    while (words[argc])
        argc++;
    ck_assert_int_eq(ctl_line_parse(&line, argc, words), CTL_STATUS_OK);
    ck_assert_int_eq(ctl_request_init(&request, &line), CTL_STATUS_OK);
    char *body = request.body ? json_dumps(request.body, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    buf_clear(&out);
    buf_printf(&out, "%s %s %s|%s|%s", request.method, buf_cstr(&request.path), body ? body : "-",
               buf_cstr(&request.about), request.reason ? request.reason : "-");
    free(body);
    ctl_request_fini(&request);
    ctl_line_fini(&line);
    return buf_cstr(&out);
}

#define REQUEST(...) request_of((char *[]){(char *)"bilbyctl", __VA_ARGS__, NULL})

START_TEST(requests_follow_from_rows)
{
    ck_assert_str_eq(REQUEST("delete_queue", "a b/c", "-p", "v%"),
                     "DELETE /queues/v%25/a%20b%2Fc -|queue \"a b/c\" in virtual host \"v%\"|-");
    ck_assert_str_eq(REQUEST("declare", "queue", "name=q", "arguments={\"x\":1}"),
                     "PUT /queues/%2F/q {\"arguments\":{\"x\":1},\"durable\":true}|"
                     "queue \"q\" in virtual host \"/\"|-");
    ck_assert_str_eq(REQUEST("list_queues", "--all-vhosts"), "GET /queues -||-");
    ck_assert_str_eq(REQUEST("export_definitions", "-"), "GET /definitions -||-");
    ck_assert_str_eq(REQUEST("export_definitions", "-", "-p", "v"),
                     "GET /definitions/v -|virtual host \"v\"|-");
    ck_assert_str_eq(REQUEST("clear_topic_permissions", "u"),
                     "DELETE /topic-permissions/%2F/u -|user \"u\" in virtual host \"/\"|-");
    ck_assert_str_eq(REQUEST("close_connection", "c", "why"),
                     "DELETE /connections/c -|connection \"c\"|why");
    ck_assert_str_eq(
        REQUEST("publish", "routing_key=k"),
        "POST /exchanges/%2F/amq.default/publish {\"payload_encoding\":\"string\","
        "\"properties\":{},\"routing_key\":\"k\"}|exchange \"\" in virtual host \"/\"|-");
}
END_TEST

START_TEST(requests_that_can_not_be)
{
    static const struct {
        const char *words[5];
        enum ctl_status status;
    } wrong[] = {
        {{"declare", "queue", "name=q", "durable=1"}, CTL_STATUS_USAGE},
        {{"declare", "queue", "name=q", "arguments=x"}, CTL_STATUS_DATA},
        {{"declare", "queue", "name="}, CTL_STATUS_USAGE},
        {{"get", "queue=q", "count=1x"}, CTL_STATUS_USAGE},
        {{"set_parameter", "c", "n", "\xff"}, CTL_STATUS_DATA},
        {{"declare", "exchange", "name=e", "type=\xff"}, CTL_STATUS_DATA},
    };

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char *argv[7] = {(char *)"bilbyctl"};
        int argc = 1;
        for (; argc < 6 && wrong[i].words[argc - 1]; argc++)
            argv[argc] = (char *)(uintptr_t)wrong[i].words[argc - 1];
        struct ctl_line line;
        struct ctl_request request;
        ck_assert_int_eq(ctl_line_parse(&line, argc, argv), CTL_STATUS_OK);
        ck_assert_int_eq(ctl_request_init(&request, &line), wrong[i].status);
        ctl_request_fini(&request);
        ctl_line_fini(&line);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        four_formats,
        nothing_to_show,
        hostile_names,
        cells,
        columns_are_known_ones_and_their_members,
        an_objects_lines,
        requests_follow_from_rows,
        requests_that_can_not_be,
    };
    return suite_run("ctl_table", setup, teardown, tests, ARRAY_LEN(tests));
}
