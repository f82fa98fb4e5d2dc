/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings coming and going, and the walk: over other exchanges, in circles, to alternates. */
#include "routing/router.h"

#include "routing_fixture.h"

static struct fixture fixture;

static void setup(void)
{
    fixture_init(&fixture);
}

static void teardown(void)
{
    fixture_fini(&fixture);
}

static struct buf arguments_of(const char *name, const char *value)
{
    struct buf table = BUF_INIT;

    table_add_str(&table, name, slice_str(value));
    return table;
}

/* ---- bindings ---- */

START_TEST(a_second_bind_finds_the_first)
{
    struct route_exchange *direct = fixture_exchange(&fixture, "direct");
    struct binding *first;
    struct binding *second;

    ck_assert_int_eq(router_bind(&fixture.router, direct, &fixture.queues[0], slice_str("k"),
                                 slice_of(NULL, 0), &first, &fixture.error),
                     BIND_NEW);
    ck_assert_int_eq(router_bind(&fixture.router, direct, &fixture.queues[0], slice_str("k"),
                                 slice_of(NULL, 0), &second, &fixture.error),
                     BIND_EXISTED);
    ck_assert_ptr_eq(first, second);
    ck_assert_uint_eq(direct->bindings_from_count, 1);
    ck_assert_uint_eq(fixture.queues[0].bindings_to_count, 1);
    ck_assert_uint_eq(fixture.router.bindings.count, 1);
    ck_assert(slice_equal_str(first->key, "k"));
    ck_assert_uint_eq(first->arguments.len, 0);
    ck_assert(!first->durable);
    ck_assert_uint_eq(first->store_id, 0);
}
END_TEST

START_TEST(source_destination_key_and_arguments_make_a_binding_distinct)
{
    struct route_exchange *one = fixture_exchange(&fixture, "direct");
    struct route_exchange *two = fixture_exchange(&fixture, "direct");
    struct buf v1 = arguments_of("n", "1");
    struct buf v2 = arguments_of("n", "2");
    struct fixture *f = &fixture;

    ck_assert_int_eq(fixture_bind_with(f, one, 0, "k", slice_of(NULL, 0)), BIND_NEW);
    ck_assert_int_eq(fixture_bind_with(f, two, 0, "k", slice_of(NULL, 0)), BIND_NEW);
    ck_assert_int_eq(fixture_bind_with(f, one, 1, "k", slice_of(NULL, 0)), BIND_NEW);
    ck_assert_int_eq(fixture_bind_with(f, one, 0, "l", slice_of(NULL, 0)), BIND_NEW);
    ck_assert_int_eq(fixture_bind_with(f, one, 0, "k", buf_slice(&v1)), BIND_NEW);
    ck_assert_int_eq(fixture_bind_with(f, one, 0, "k", buf_slice(&v2)), BIND_NEW);
    ck_assert_int_eq(fixture_bind_with(f, one, 0, "k", buf_slice(&v2)), BIND_EXISTED);
    ck_assert_uint_eq(f->router.bindings.count, 6);
    ck_assert_str_eq(fixture_route(f, one, "k"), "0 1");
    buf_fini(&v1);
    buf_fini(&v2);
}
END_TEST

START_TEST(arguments_are_the_same_in_any_order)
{
    struct route_exchange *fanout = fixture_exchange(&fixture, "fanout");
    struct buf forth = BUF_INIT;
    struct buf back = BUF_INIT;

    table_add_int32(&forth, "a", 1);
    table_add_str(&forth, "b", slice_str("x"));
    table_add_str(&back, "b", slice_str("x"));
    table_add_int32(&back, "a", 1);
    ck_assert_int_eq(fixture_bind_with(&fixture, fanout, 0, "", buf_slice(&back)), BIND_NEW);
    ck_assert_int_eq(fixture_bind_with(&fixture, fanout, 0, "", buf_slice(&forth)), BIND_EXISTED);
    struct binding *binding =
        router_find(&fixture.router, fanout, &fixture.queues[0], slice_str(""), buf_slice(&back));
    ck_assert_ptr_nonnull(binding);
    ck_assert(slice_equal(binding->arguments, buf_slice(&forth)));
    buf_fini(&forth);
    buf_fini(&back);
}
END_TEST

START_TEST(a_binding_owns_its_key_and_arguments)
{
    struct route_exchange *direct = fixture_exchange(&fixture, "direct");
    char key[] = "key";
    struct buf arguments = arguments_of("name", "value");
    struct binding *binding;

    ck_assert_int_eq(router_bind(&fixture.router, direct, &fixture.queues[0], slice_str(key),
                                 buf_slice(&arguments), &binding, &fixture.error),
                     BIND_NEW);
    memset(key, 'z', sizeof(key) - 1);
    memset(arguments.data, 'z', arguments.len);
    buf_fini(&arguments);
    arguments = arguments_of("name", "value");
    ck_assert(slice_equal_str(binding->key, "key"));
    ck_assert(slice_equal(binding->arguments, buf_slice(&arguments)));
    ck_assert_str_eq(fixture_route(&fixture, direct, "key"), "0");
    buf_fini(&arguments);
}
END_TEST

START_TEST(what_is_unbound_is_not_found)
{
    struct route_exchange *direct = fixture_exchange(&fixture, "direct");

    ck_assert_ptr_null(router_find(&fixture.router, direct, &fixture.queues[0], slice_str("k"),
                                   slice_of(NULL, 0)));
    fixture_bind(&fixture, direct, 0, "k");
    fixture_bind(&fixture, direct, 1, "k");
    fixture_unbind(&fixture, direct, 0, "k");
    ck_assert_ptr_null(router_find(&fixture.router, direct, &fixture.queues[0], slice_str("k"),
                                   slice_of(NULL, 0)));
    ck_assert_uint_eq(fixture.queues[0].bindings_to_count, 0);
    ck_assert_uint_eq(direct->bindings_from_count, 1);
    ck_assert_str_eq(fixture_route(&fixture, direct, "k"), "1");
}
END_TEST

START_TEST(the_generation_tells_of_every_change)
{
    struct route_exchange *direct = fixture_exchange(&fixture, "direct");
    uint64_t before = fixture.router.generation;

    fixture_bind(&fixture, direct, 0, "k");
    ck_assert_uint_gt(fixture.router.generation, before);
    before = fixture.router.generation;
    ck_assert_int_eq(fixture_bind_with(&fixture, direct, 0, "k", slice_of(NULL, 0)), BIND_EXISTED);
    fixture_route(&fixture, direct, "k");
    ck_assert_uint_eq(fixture.router.generation, before);
    fixture_unbind(&fixture, direct, 0, "k");
    ck_assert_uint_gt(fixture.router.generation, before);
    before = fixture.router.generation;
    router_changed(&fixture.router);
    ck_assert_uint_gt(fixture.router.generation, before);
}
END_TEST

static void count_gone(struct binding *binding, void *context)
{
    size_t *count = context;

    ck_assert_uint_gt(binding->source->bindings_from_count, 0);
    ck_assert_uint_gt(binding->destination->bindings_to_count, 0);
    *count += 1;
}

START_TEST(all_bindings_to_a_queue_go_with_it)
{
    struct route_exchange *direct = fixture_exchange(&fixture, "direct");
    struct route_exchange *topic = fixture_exchange(&fixture, "topic");
    struct route_exchange *fanout = fixture_exchange(&fixture, "fanout");
    size_t gone = 0;

    fixture_bind(&fixture, direct, 0, "a");
    fixture_bind(&fixture, direct, 0, "b");
    fixture_bind(&fixture, direct, 1, "a");
    fixture_bind(&fixture, topic, 0, "#");
    fixture_bind(&fixture, fanout, 0, "");
    fixture_bind(&fixture, fanout, 1, "");
    router_unbind_all_to(&fixture.router, &fixture.queues[0], count_gone, &gone);
    ck_assert_uint_eq(gone, 4);
    ck_assert_uint_eq(fixture.queues[0].bindings_to_count, 0);
    ck_assert_uint_eq(fixture.router.bindings.count, 2);
    ck_assert_str_eq(fixture_route(&fixture, direct, "a"), "1");
    ck_assert_str_eq(fixture_route(&fixture, topic, "a"), "-");
    ck_assert_str_eq(fixture_route(&fixture, fanout, "a"), "1");
}
END_TEST

START_TEST(all_bindings_from_an_exchange_go_with_it)
{
    struct route_exchange *direct = fixture_exchange(&fixture, "direct");
    struct route_exchange *fanout = fixture_exchange(&fixture, "fanout");
    size_t gone = 0;

    fixture_bind(&fixture, direct, 0, "a");
    fixture_bind(&fixture, direct, 1, "b");
    fixture_bind(&fixture, fanout, 1, "");
    fixture_bind_exchange(&fixture, fanout, direct, "");
    fixture_bind_exchange(&fixture, direct, direct, "self");
    router_unbind_all_from(&fixture.router, direct, count_gone, &gone);
    ck_assert_uint_eq(gone, 3);
    ck_assert_uint_eq(direct->bindings_from_count, 0);
    ck_assert_uint_eq(direct->target.bindings_to_count, 1);
    ck_assert_uint_eq(fixture.queues[1].bindings_to_count, 1);
    ck_assert_str_eq(fixture_route(&fixture, fanout, "b"), "1");
}
END_TEST

/* ---- the walk ---- */

START_TEST(several_keys_reach_each_queue_once)
{
    struct route_exchange *direct = fixture_exchange(&fixture, "direct");
    struct slice keys[] = {slice_str("a"), slice_str("b"), slice_str("a"), slice_str("none")};
    struct route_request request = {.exchange = direct, .keys = keys, .key_count = 4};

    fixture_bind(&fixture, direct, 0, "a");
    fixture_bind(&fixture, direct, 0, "b");
    fixture_bind(&fixture, direct, 1, "b");
    fixture_bind(&fixture, direct, 2, "c");
    ck_assert(router_route(&fixture.router, &request, &fixture.result));
    ck_assert_str_eq(fixture_text(&fixture), "0 1");
}
END_TEST

START_TEST(exchanges_lead_to_exchanges)
{
    struct route_exchange *fanout = fixture_exchange(&fixture, "fanout");
    struct route_exchange *direct = fixture_exchange(&fixture, "direct");
    struct route_exchange *topic = fixture_exchange(&fixture, "topic");

    fixture_bind_exchange(&fixture, fanout, direct, "ignored");
    fixture_bind_exchange(&fixture, fanout, topic, "");
    fixture_bind_exchange(&fixture, direct, topic, "a.b");
    fixture_bind(&fixture, fanout, 0, "");
    fixture_bind(&fixture, direct, 1, "a.b");
    fixture_bind(&fixture, topic, 2, "a.*");
    fixture_bind(&fixture, topic, 0, "a.#");
    ck_assert_str_eq(fixture_route(&fixture, fanout, "a.b"), "0 1 2");
    ck_assert_str_eq(fixture_route(&fixture, fanout, "x"), "0");
    ck_assert_str_eq(fixture_route(&fixture, direct, "a.b"), "0 1 2");
    ck_assert_str_eq(fixture_route(&fixture, topic, "a"), "0");
}
END_TEST

START_TEST(circles_end)
{
    struct route_exchange *a = fixture_exchange(&fixture, "fanout");
    struct route_exchange *b = fixture_exchange(&fixture, "fanout");
    struct route_exchange *c = fixture_exchange(&fixture, "fanout");

    fixture_bind_exchange(&fixture, a, a, "");
    fixture_bind_exchange(&fixture, a, b, "");
    fixture_bind_exchange(&fixture, b, c, "");
    fixture_bind_exchange(&fixture, c, a, "");
    fixture_bind(&fixture, c, 5, "");
    ck_assert_str_eq(fixture_route(&fixture, a, ""), "5");
    ck_assert_str_eq(fixture_route(&fixture, b, ""), "5");
    ck_assert_str_eq(fixture_route(&fixture, c, ""), "5");
}
END_TEST

/* A client can lay a path as long as it likes: the stack must not notice. */
START_TEST(a_long_chain_is_walked_without_recursion)
{
    enum { LENGTH = 20000 };
    struct route_exchange *chain = mem_zalloc(LENGTH * sizeof(*chain));
    const struct exchange_type *type = exchange_type_find(slice_str("fanout"));

    for (size_t i = 0; i < LENGTH; i++)
        route_exchange_init(&chain[i], type, &fixture.router);
    for (size_t i = 0; i + 1 < LENGTH; i++)
        fixture_bind_exchange(&fixture, &chain[i], &chain[i + 1], "");
    fixture_bind(&fixture, &chain[LENGTH - 1], 1, "");
    ck_assert_str_eq(fixture_route(&fixture, &chain[0], ""), "1");
    for (size_t i = 0; i < LENGTH; i++)
        router_unbind_all_from(&fixture.router, &chain[i], NULL, NULL);
    for (size_t i = 0; i < LENGTH; i++)
        route_exchange_fini(&chain[i]);
    mem_free(chain);
}
END_TEST

/* ---- alternates ---- */

/* By place in the fixture: each to the next, the last to the first. */
static struct route_exchange *next_exchange(struct route_exchange *exchange)
{
    size_t i = (size_t)(exchange - fixture.exchanges);

    return &fixture.exchanges[(i + 1) % fixture.exchange_count];
}

static struct route_exchange *no_exchange(struct route_exchange *exchange)
{
    (void)exchange;
    return NULL;
}

START_TEST(what_matches_nothing_goes_to_the_alternate)
{
    struct route_exchange *direct = fixture_exchange(&fixture, "direct");
    struct route_exchange *fanout = fixture_exchange(&fixture, "fanout");

    fixture_bind(&fixture, direct, 0, "k");
    fixture_bind(&fixture, fanout, 1, "");
    ck_assert_str_eq(fixture_route(&fixture, direct, "none"), "-");
    direct->alternate = no_exchange;
    ck_assert_str_eq(fixture_route(&fixture, direct, "none"), "-");
    direct->alternate = next_exchange;
    ck_assert_str_eq(fixture_route(&fixture, direct, "none"), "1");
    ck_assert_str_eq(fixture_route(&fixture, direct, "k"), "0");
}
END_TEST

START_TEST(alternates_of_alternates_in_circles)
{
    struct route_exchange *a = fixture_exchange(&fixture, "direct");
    struct route_exchange *b = fixture_exchange(&fixture, "topic");
    struct route_exchange *c = fixture_exchange(&fixture, "headers");

    a->alternate = b->alternate = c->alternate = next_exchange;
    ck_assert_str_eq(fixture_route(&fixture, a, "k"), "-");
    fixture_bind(&fixture, c, 4, "");
    ck_assert_str_eq(fixture_route(&fixture, a, "k"), "4");
    fixture_bind(&fixture, b, 5, "k");
    ck_assert_str_eq(fixture_route(&fixture, a, "k"), "5");
    ck_assert_str_eq(fixture_route(&fixture, c, "k"), "4");
}
END_TEST

/* A match is a match though the queue has its copy already, and though the exchange it leads to
 * drops the message. */
START_TEST(only_an_exchanges_own_bindings_count)
{
    struct route_exchange *first = fixture_exchange(&fixture, "fanout");
    struct route_exchange *second = fixture_exchange(&fixture, "fanout");
    struct route_exchange *third = fixture_exchange(&fixture, "fanout");
    struct route_exchange *empty = fixture_exchange(&fixture, "direct");

    fixture_bind(&fixture, first, 0, "");
    fixture_bind_exchange(&fixture, first, second, "");
    fixture_bind(&fixture, second, 0, "");
    fixture_bind(&fixture, third, 9, "");
    second->alternate = next_exchange;
    ck_assert_str_eq(fixture_route(&fixture, first, ""), "0");
    router_unbind_all_from(&fixture.router, second, NULL, NULL);
    ck_assert_str_eq(fixture_route(&fixture, first, ""), "0 9");
    fixture_bind_exchange(&fixture, second, empty, "");
    ck_assert_str_eq(fixture_route(&fixture, first, ""), "0");
}
END_TEST

/* ---- the default exchange ---- */

/* Queues are named by their numbers. */
static struct route_target *queue_by_number(struct route_exchange *exchange, struct slice name)
{
    (void)exchange;
    if (name.len != 1 || name.data[0] < '0' || name.data[0] > '9')
        return NULL;
    return &fixture.queues[name.data[0] - '0'];
}

START_TEST(the_default_exchange_finds_queues_by_name)
{
    struct route_exchange exchange;
    struct slice keys[] = {slice_str("3"), slice_str("x"), slice_str("4"), slice_str("3")};
    struct route_request request = {.exchange = &exchange, .keys = keys, .key_count = 4};

    route_exchange_init(&exchange, &default_exchange_type, &fixture.router);
    exchange.lookup = queue_by_number;
    ck_assert(router_route(&fixture.router, &request, &fixture.result));
    ck_assert_str_eq(fixture_text(&fixture), "3 4");
    ck_assert_str_eq(fixture_route(&fixture, &exchange, "x"), "-");
    ck_assert_str_eq(fixture_route(&fixture, &exchange, "7"), "7");
    route_exchange_fini(&exchange);
}
END_TEST

/* ---- explaining ---- */

struct listener {
    struct route_observer observer;
    char text[512];
};

static void listen(struct route_observer *observer, enum route_event event,
                   const struct route_exchange *exchange, const struct binding *binding,
                   const struct route_target *target)
{
    static const char *const names[] = {
        [ROUTE_ENTER] = "enter", [ROUTE_MATCHED] = "matched",     [ROUTE_UNMATCHED] = "unmatched",
        [ROUTE_QUEUE] = "queue", [ROUTE_ALTERNATE] = "alternate",
    };
    struct listener *listener = CONTAINER_OF(observer, struct listener, observer);
    size_t len = strlen(listener->text);

    len += (size_t)snprintf(listener->text + len, sizeof(listener->text) - len, "%s %td",
                            names[event], exchange - fixture.exchanges);
    if (binding)
        len += (size_t)snprintf(listener->text + len, sizeof(listener->text) - len, " %.*s",
                                SLICE_FMT(binding->key));
    ck_assert_int_eq(target != NULL, event == ROUTE_QUEUE || event == ROUTE_ALTERNATE);
    snprintf(listener->text + len, sizeof(listener->text) - len, "; ");
}

static const char *explain(struct listener *listener, struct route_exchange *exchange,
                           const char *key)
{
    struct slice keys[] = {slice_str(key), slice_str(key)};
    struct route_request request = {.exchange = exchange, .keys = keys, .key_count = 2};

    *listener = (struct listener){.observer.step = listen};
    router_explain(&fixture.router, &request, &fixture.result, &listener->observer);
    return listener->text;
}

START_TEST(an_observer_sees_every_binding_once)
{
    struct route_exchange *topic = fixture_exchange(&fixture, "topic");
    struct route_exchange *direct = fixture_exchange(&fixture, "direct");
    struct route_exchange *fanout = fixture_exchange(&fixture, "fanout");
    struct listener listener;

    fixture_bind(&fixture, topic, 0, "a.#");
    fixture_bind(&fixture, topic, 0, "b.#");
    fixture_bind_exchange(&fixture, topic, direct, "#");
    fixture_bind(&fixture, direct, 1, "k");
    fixture_bind(&fixture, fanout, 2, "f");
    direct->alternate = next_exchange;
    ck_assert_str_eq(explain(&listener, topic, "a.b"),
                     "enter 0; matched 0 a.#; matched 0 #; unmatched 0 b.#; "
                     "enter 1; unmatched 1 k; alternate 1; "
                     "enter 2; matched 2 f; ");
    ck_assert_str_eq(fixture_text(&fixture), "0 2");
    ck_assert_str_eq(explain(&listener, direct, "k"), "enter 1; matched 1 k; ");
}
END_TEST

START_TEST(an_observer_sees_the_default_exchanges_queue)
{
    struct route_exchange *exchange = &fixture.exchanges[fixture.exchange_count++];
    struct listener listener;

    route_exchange_init(exchange, &default_exchange_type, &fixture.router);
    exchange->lookup = queue_by_number;
    ck_assert_str_eq(explain(&listener, exchange, "5"), "enter 0; queue 0; queue 0; ");
    ck_assert_str_eq(fixture_text(&fixture), "5");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("router");
    TCase *tests = tcase_create("router");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_second_bind_finds_the_first);
    tcase_add_test(tests, source_destination_key_and_arguments_make_a_binding_distinct);
    tcase_add_test(tests, arguments_are_the_same_in_any_order);
    tcase_add_test(tests, a_binding_owns_its_key_and_arguments);
    tcase_add_test(tests, what_is_unbound_is_not_found);
    tcase_add_test(tests, the_generation_tells_of_every_change);
    tcase_add_test(tests, all_bindings_to_a_queue_go_with_it);
    tcase_add_test(tests, all_bindings_from_an_exchange_go_with_it);
    tcase_add_test(tests, several_keys_reach_each_queue_once);
    tcase_add_test(tests, exchanges_lead_to_exchanges);
    tcase_add_test(tests, circles_end);
    tcase_add_test(tests, a_long_chain_is_walked_without_recursion);
    tcase_add_test(tests, what_matches_nothing_goes_to_the_alternate);
    tcase_add_test(tests, alternates_of_alternates_in_circles);
    tcase_add_test(tests, only_an_exchanges_own_bindings_count);
    tcase_add_test(tests, the_default_exchange_finds_queues_by_name);
    tcase_add_test(tests, an_observer_sees_every_binding_once);
    tcase_add_test(tests, an_observer_sees_the_default_exchanges_queue);
    suite_add_tcase(suite, tests);
    return fixture_main(suite);
}
