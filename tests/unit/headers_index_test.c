/* SPDX-License-Identifier: Apache-2.0 */
/* Headers bindings: by example, against a naive matcher, and what the index asks. */
#include "routing/headers_index.h"

#include "base/rng.h"

#include "naive_headers.h"
#include "routing_fixture.h"

static struct fixture fixture;
static struct route_exchange *headers;

static void setup(void)
{
    fixture_init(&fixture);
    headers = fixture_exchange(&fixture, "headers");
}

static void teardown(void)
{
    fixture_fini(&fixture);
}

static struct headers_index *index_of_headers(void)
{
    return headers->index;
}

/* A table from text: "name=value name=value …". A value is a number (int32), `true` or `false`,
 * `@number` (timestamp), `8:number` (int8), `64:number` (int64), `void`, `#number` (double),
 * `~number` (float), `!text` (byte array), or a longstr. */
static struct field_value value_of(const char *text)
{
    struct field_value value = {.type = FIELD_LONGSTR, .bytes = slice_str(text)};
    char *end;
    long number = strtol(text, &end, 10);

    if (!strcmp(text, "void"))
        return (struct field_value){.type = FIELD_VOID};
    if (!strcmp(text, "true") || !strcmp(text, "false"))
        return (struct field_value){.type = FIELD_BOOL, .boolean = text[0] == 't'};
    if (text[0] == '@')
        return (struct field_value){.type = FIELD_TIMESTAMP, .integer = atol(text + 1)};
    if (text[0] == '#')
        return (struct field_value){.type = FIELD_DOUBLE, .real = atof(text + 1)};
    if (text[0] == '~')
        return (struct field_value){.type = FIELD_FLOAT, .real = atof(text + 1)};
    if (text[0] == '!')
        return (struct field_value){.type = FIELD_BYTES, .bytes = slice_str(text + 1)};
    if (*text && *end == ':')
        return (struct field_value){.type = number == 8 ? FIELD_INT8 : FIELD_INT64,
                                    .integer = atol(end + 1)};
    if (*text && *end == 0)
        return (struct field_value){.type = FIELD_INT32, .integer = number};
    return value;
}

static struct buf table_of(const char *text)
{
    struct buf table = BUF_INIT;
    char copy[256];
    char *rest = NULL;

    snprintf(copy, sizeof(copy), "%s", text);
    for (char *field = strtok_r(copy, " ", &rest); field; field = strtok_r(NULL, " ", &rest)) {
        char *equals = strchr(field, '=');
        *equals = 0;
        struct field_value value = value_of(equals + 1);
        table_add(&table, slice_str(field), &value);
    }
    return table;
}

static enum bind_outcome bind_text(size_t queue, const char *arguments)
{
    struct buf table = table_of(arguments);
    enum bind_outcome outcome = fixture_bind_with(&fixture, headers, queue, "", buf_slice(&table));

    buf_fini(&table);
    return outcome;
}

static void unbind_text(size_t queue, const char *arguments)
{
    struct buf table = table_of(arguments);
    struct binding *binding = router_find(&fixture.router, headers, &fixture.queues[queue],
                                          slice_str(""), buf_slice(&table));

    ck_assert_ptr_nonnull(binding);
    router_unbind(&fixture.router, binding);
    buf_fini(&table);
}

static const char *route_text(const char *message)
{
    struct buf table = table_of(message);
    const char *text = fixture_route_with(&fixture, headers, "", buf_slice(&table));

    buf_fini(&table);
    return text;
}

static const struct example {
    const char *arguments;
    const char *message;
    bool matches;
} examples[] = {
    {"", "", true}, /* nothing asked for: all of it is there */
    {"", "a=1", true},
    {"a=1", "a=1", true},
    {"a=1", "", false},
    {"a=1", "a=2", false},
    {"a=1", "b=1", false},
    {"a=1 b=x", "a=1 b=x c=y", true},
    {"a=1 b=x", "b=x a=1", true},
    {"a=1 b=x", "a=1", false},
    {"x-match=all a=1 b=x", "a=1 b=x", true},
    {"x-match=all a=1 b=x", "a=1 b=y", false},
    {"x-match=any", "a=1", false},
    {"x-match=any", "", false},
    {"x-match=any a=1 b=x", "a=1", true},
    {"x-match=any a=1 b=x", "b=x", true},
    {"x-match=any a=1 b=x", "a=2 b=y", false},
    {"x-match=any a=1 b=x", "a=1 b=x", true},
    /* presence */
    {"a=void", "a=1", true},
    {"a=void", "a=void", true},
    {"a=void", "b=1", false},
    {"a=void b=1", "a=x b=1", true},
    {"a=void b=1", "b=1", false},
    {"a=1", "a=void", false},
    {"x-match=any a=void b=1", "a=x", true},
    {"x-match=any a=void b=1", "c=x", false},
    /* names that begin with x- */
    {"x-a=1", "", true},
    {"x-a=1", "x-a=2", true},
    {"x-a=1 b=2", "b=2", true},
    {"x-match=any x-a=1", "x-a=1", false},
    {"x-match=all-with-x x-a=1", "x-a=1", true},
    {"x-match=all-with-x x-a=1", "x-a=2", false},
    {"x-match=all-with-x x-a=1 b=2", "b=2", false},
    {"x-match=all-with-x", "", true},
    {"x-match=all-with-x a=1", "a=1 x-match=any", true},
    {"x-match=any-with-x x-a=1 b=2", "x-a=1", true},
    {"x-match=any-with-x x-a=void", "x-a=1", true},
    {"x-match=any-with-x", "x-match=any-with-x", false},
    /* types */
    {"a=1", "a=8:1", true},
    {"a=64:1", "a=1", true},
    {"a=8:-1", "a=64:-1", true},
    {"a=1", "a=true", false},
    {"a=true", "a=true", true},
    {"a=true", "a=false", false},
    {"a=@5", "a=@5", true},
    {"a=#1.5", "a=#1.5", true},
    {"a=#1.5", "a=#2.5", false},
    {"a=#1", "a=1", false},
    {"a=#1.5", "a=~1.5", true},
    {"a=~0", "a=#-0", true},
    {"a=x", "a=!x", true},
    {"a=!x", "a=x", true},
    {"a=!x", "a=!y", false},
    {"a=@5", "a=5", false},
    {"a=", "a=", true},
    {"a=", "b=", false},
    {"a=x", "a=X", false},
    {"a=x", "A=x", false},
    /* the last of a name counts */
    {"a=2", "a=1 a=2", true},
    {"a=1", "a=1 a=2", false},
    {"x-match=any a=1", "a=1 a=2", false},
};

START_TEST(examples_hold)
{
    const struct example *example = &examples[_i];
    struct buf arguments = table_of(example->arguments);
    struct buf message = table_of(example->message);

    ck_assert_int_eq(bind_text(0, example->arguments), BIND_NEW);
    ck_assert_msg(!strcmp(route_text(example->message), example->matches ? "0" : "-"),
                  "'%s' and '%s'", example->arguments, example->message);
    ck_assert_int_eq(naive_headers_match(buf_slice(&arguments), buf_slice(&message)),
                     example->matches);
    unbind_text(0, example->arguments);
    ck_assert_str_eq(route_text(example->message), "-");
    buf_fini(&arguments);
    buf_fini(&message);
}
END_TEST

static const struct refusal {
    const char *arguments;
    const char *text;
} refusals[] = {
    {"x-match=none", "PRECONDITION_FAILED - Invalid x-match field value <<\"none\">>; "
                     "expected all, any, all-with-x, or any-with-x"},
    {"a=1 x-match=", "PRECONDITION_FAILED - Invalid x-match field value <<\"\">>; "
                     "expected all, any, all-with-x, or any-with-x"},
    {"x-match=ALL", "PRECONDITION_FAILED - Invalid x-match field value <<\"ALL\">>; "
                    "expected all, any, all-with-x, or any-with-x"},
    {"x-match=1", "PRECONDITION_FAILED - Invalid x-match field type signedint (value 1); "
                  "expected longstr"},
    {"x-match=true", "PRECONDITION_FAILED - Invalid x-match field type bool (value true); "
                     "expected longstr"},
};

START_TEST(an_invalid_mode_is_refused)
{
    uint64_t generation = fixture.router.generation;

    ck_assert_int_eq(bind_text(0, refusals[_i].arguments), BIND_REFUSED);
    ck_assert_int_eq(fixture.error.code, REPLY_PRECONDITION_FAILED);
    ck_assert_str_eq(fixture.error.text, refusals[_i].text);
    ck_assert_uint_eq(headers->bindings_from_count, 0);
    ck_assert_uint_eq(fixture.queues[0].bindings_to_count, 0);
    ck_assert_uint_eq(fixture.router.bindings.count, 0);
    ck_assert_uint_eq(fixture.router.generation, generation);
}
END_TEST

START_TEST(a_mode_of_any_length_is_refused_in_255_characters)
{
    struct buf table = BUF_INIT;
    char mode[1000];

    memset(mode, 'm', sizeof(mode));
    table_add_str(&table, "x-match", slice_of(mode, sizeof(mode)));
    ck_assert_int_eq(fixture_bind_with(&fixture, headers, 0, "", buf_slice(&table)), BIND_REFUSED);
    ck_assert_uint_le(strlen(fixture.error.text), 255);
    buf_fini(&table);
}
END_TEST

START_TEST(keys_mean_nothing)
{
    struct buf table = table_of("a=1");

    ck_assert_int_eq(fixture_bind_with(&fixture, headers, 0, "k", buf_slice(&table)), BIND_NEW);
    ck_assert_str_eq(fixture_route_with(&fixture, headers, "other", buf_slice(&table)), "0");
    ck_assert_str_eq(fixture_route(&fixture, headers, "k"), "-");
    buf_fini(&table);
}
END_TEST

START_TEST(finds_all_and_only_those_that_match)
{
    static const char *const bindings[] = {
        "format=pdf type=report",
        "x-match=any format=pdf type=log",
        "format=zip type=report",
        "type=void",
        "x-match=any type=report size=1",
        "",
        "x-match=any format=void",
        "x-match=any",
        "size=1 format=pdf",
    };
    for (size_t i = 0; i < ARRAY_LEN(bindings); i++)
        ck_assert_int_eq(bind_text(i, bindings[i]), BIND_NEW);
    ck_assert_str_eq(route_text("format=pdf type=report"), "0 1 3 4 5 6");
    ck_assert_str_eq(route_text("type=report format=zip"), "2 3 4 5 6");
    ck_assert_str_eq(route_text("format=pdf size=1"), "1 4 5 6 8");
    ck_assert_str_eq(route_text(""), "5");
}
END_TEST

START_TEST(tables_and_arrays_compare_by_content)
{
    struct buf inner = table_of("k=1 l=x");
    struct buf other = table_of("l=x k=8:1");
    struct buf binding = BUF_INIT;
    struct buf same = BUF_INIT;
    struct buf array = BUF_INIT;

    table_add_table(&binding, "t", buf_slice(&inner));
    table_add_table(&same, "t", buf_slice(&other));
    ck_assert_int_eq(fixture_bind_with(&fixture, headers, 0, "", buf_slice(&binding)), BIND_NEW);
    ck_assert_str_eq(fixture_route_with(&fixture, headers, "", buf_slice(&same)), "0");
    buf_add_u8(&array, 'V');
    buf_clear(&same);
    table_add_array(&same, "t", buf_slice(&array));
    ck_assert_str_eq(fixture_route_with(&fixture, headers, "", buf_slice(&same)), "-");
    buf_fini(&inner);
    buf_fini(&other);
    buf_fini(&binding);
    buf_fini(&same);
    buf_fini(&array);
}
END_TEST

/* ---- the index ---- */

START_TEST(groups_go_with_their_last_pair)
{
    struct headers_index *index = index_of_headers();

    bind_text(0, "a=1 b=2");
    bind_text(1, "x-match=any a=1 b=2 c=void");
    bind_text(2, "c=void");
    bind_text(3, "");
    ck_assert_uint_eq(index->presence_pairs, 2);
    ck_assert(!list_empty(&index->always));
    unbind_text(1, "x-match=any a=1 b=2 c=void");
    ck_assert_uint_eq(index->presence_pairs, 1);
    ck_assert_uint_eq(index->groups.count, 2); /* an all binding is in one */
    unbind_text(0, "a=1 b=2");
    unbind_text(2, "c=void");
    unbind_text(3, "");
    ck_assert_uint_eq(index->groups.count, 0);
    ck_assert_uint_eq(index->presence_pairs, 0);
    ck_assert(list_empty(&index->always));
}
END_TEST

/* A pair that all bindings share must not gather them: then each would be asked each time. */
START_TEST(all_bindings_are_filed_under_what_tells_them_apart)
{
    enum { COUNT = 2000 };
    char text[64];

    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof(text), "aaa=same id=%d zzz=same", i);
        bind_text((size_t)i % FIXTURE_QUEUES, text);
    }
    /* All but the first, which could not know, by their id. */
    ck_assert_uint_ge(index_of_headers()->groups.count, COUNT - 1);
    ck_assert_str_eq(route_text("aaa=same zzz=same id=77"), "13");
    ck_assert_str_eq(route_text("aaa=same zzz=same id=9999"), "-");
}
END_TEST

START_TEST(a_message_of_many_headers)
{
    enum { COUNT = 5000 };
    struct buf table = BUF_INIT;
    char name[16];

    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "h%d", i);
        table_add_int32(&table, name, i);
    }
    bind_text(0, "h0=0 h4999=4999 h2500=2500");
    bind_text(1, "h0=0 h4999=4999 h2500=2501");
    bind_text(2, "x-match=any h1=0 h2=0 h4000=4000");
    ck_assert_str_eq(fixture_route_with(&fixture, headers, "", buf_slice(&table)), "0 2");
    ck_assert_uint_eq(index_of_headers()->message.count, COUNT);
    ck_assert_str_eq(route_text("h4000=4000"), "2");
    ck_assert_str_eq(route_text("h0=0"), "-");
    ck_assert_uint_le(index_of_headers()->message.capacity, 256); /* the rest is given back */
    buf_fini(&table);
}
END_TEST

/* ---- against the naive matcher ---- */

static struct rng rng;

static void random_table(struct buf *table, bool binding)
{
    static const char *const modes[] = {"all", "any", "all-with-x", "any-with-x"};
    static const char *const names[] = {"a", "b", "c", "x-a", "x-b"};
    static const char *const values[] = {"1",    "8:1", "2",   "x",  "!x",
                                         "true", "#0",  "~-0", "@1", "void"};
    uint64_t count = rng_below(&rng, 5);

    buf_clear(table);
    if (binding && rng_below(&rng, 4) > 0)
        table_add_str(table, "x-match", slice_str(modes[rng_below(&rng, 4)]));
    for (uint64_t i = 0; i < count; i++) {
        struct field_value value = value_of(values[rng_below(&rng, ARRAY_LEN(values))]);
        table_add(table, slice_str(names[rng_below(&rng, ARRAY_LEN(names))]), &value);
    }
}

static struct binding *bound[FIXTURE_QUEUES];

static void flip_random_binding(struct buf *table)
{
    size_t queue = (size_t)rng_below(&rng, FIXTURE_QUEUES);

    if (bound[queue]) {
        router_unbind(&fixture.router, bound[queue]);
        bound[queue] = NULL;
        return;
    }
    random_table(table, true);
    ck_assert_int_eq(router_bind(&fixture.router, headers, &fixture.queues[queue], slice_str(""),
                                 buf_slice(table), &bound[queue], &fixture.error),
                     BIND_NEW);
}

static void compare(struct slice message)
{
    bool found[FIXTURE_QUEUES] = {false};

    fixture_route_with(&fixture, headers, "", message);
    for (size_t i = 0; i < fixture.result.count; i++)
        found[fixture.result.queues[i] - fixture.queues] = true;
    for (size_t i = 0; i < FIXTURE_QUEUES; i++)
        ck_assert_int_eq(found[i], bound[i] && naive_headers_match(bound[i]->arguments, message));
}

START_TEST(agrees_with_the_naive_matcher)
{
    struct buf table = BUF_INIT;

    rng_init_u64(&rng, (uint64_t)_i);
    memset(bound, 0, sizeof(bound));
    for (int i = 0; i < 3000; i++) {
        flip_random_binding(&table);
        random_table(&table, false);
        compare(buf_slice(&table));
    }
    buf_fini(&table);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("headers_index");
    TCase *tests = tcase_create("headers_index");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, examples_hold, 0, (int)ARRAY_LEN(examples));
    tcase_add_loop_test(tests, an_invalid_mode_is_refused, 0, (int)ARRAY_LEN(refusals));
    tcase_add_test(tests, a_mode_of_any_length_is_refused_in_255_characters);
    tcase_add_test(tests, keys_mean_nothing);
    tcase_add_test(tests, finds_all_and_only_those_that_match);
    tcase_add_test(tests, tables_and_arrays_compare_by_content);
    tcase_add_test(tests, groups_go_with_their_last_pair);
    tcase_add_test(tests, all_bindings_are_filed_under_what_tells_them_apart);
    tcase_add_test(tests, a_message_of_many_headers);
    tcase_add_loop_test(tests, agrees_with_the_naive_matcher, 0, 10);
    suite_add_tcase(suite, tests);
    return fixture_main(suite);
}
