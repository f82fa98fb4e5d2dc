/* SPDX-License-Identifier: Apache-2.0 */
/* The table of exchange types. */
#include "routing/exchange_type.h"

#include "routing_fixture.h"

START_TEST(declarable_types_are_found_by_name)
{
    static const char *const names[] = {"direct", "fanout", "topic", "headers"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct exchange_type *type = exchange_type_find(slice_str(names[i]));
        ck_assert_ptr_nonnull(type);
        ck_assert_str_eq(type->name, names[i]);
        ck_assert(type->declarable);
    }
    ck_assert_ptr_eq(exchange_type_find(slice_str("direct")), &direct_exchange_type);
}
END_TEST

START_TEST(others_are_not)
{
    static const char *const names[] = {"", "Direct", "direct ", "default", "x-no-such", "fan"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        ck_assert_ptr_null(exchange_type_find(slice_str(names[i])));
}
END_TEST

START_TEST(the_table_is_complete)
{
    size_t count = 0;

    for (const struct exchange_type *type; (type = exchange_type_at(count)); count++) {
        ck_assert_ptr_nonnull(type->name);
        ck_assert_ptr_nonnull(type->description);
        ck_assert_ptr_nonnull(type->init);
        ck_assert_ptr_nonnull(type->fini);
        ck_assert_ptr_nonnull(type->route);
        ck_assert_int_eq(type->declarable, type->bind != NULL);
        ck_assert_int_eq(type->declarable, type->unbind != NULL);
    }
    ck_assert_uint_eq(count, 5);
    ck_assert_ptr_null(exchange_type_at(count + 100));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exchange_type");
    TCase *tests = tcase_create("exchange_type");

    tcase_add_test(tests, declarable_types_are_found_by_name);
    tcase_add_test(tests, others_are_not);
    tcase_add_test(tests, the_table_is_complete);
    suite_add_tcase(suite, tests);
    return fixture_main(suite);
}
