/* SPDX-License-Identifier: Apache-2.0 */
/* A message's headers by name, and the numbers for names and values. */
#include "routing/header_view.h"

#include "base/hmap.h"

#include "routing_fixture.h"

#define SEED 11

static struct header_view view;
static struct buf table;

static void setup(void)
{
    view = (struct header_view){0};
    table = BUF_INIT;
}

static void teardown(void)
{
    header_view_fini(&view);
    buf_fini(&table);
}

static const struct header *find(const char *name)
{
    return header_view_find(&view, slice_str(name), hmap_hash(slice_str(name), SEED));
}

START_TEST(finds_by_name)
{
    ck_assert_ptr_null(find("a"));
    table_add_int32(&table, "a", 1);
    table_add_str(&table, "", slice_str("nameless"));
    header_view_read(&view, buf_slice(&table), SEED);
    ck_assert_uint_eq(view.count, 2);
    ck_assert_int_eq(find("a")->value.integer, 1);
    ck_assert(slice_equal_str(find("")->value.bytes, "nameless"));
    ck_assert_ptr_null(find("b"));
}
END_TEST

START_TEST(the_last_of_a_name_counts)
{
    table_add_int32(&table, "a", 1);
    table_add_int32(&table, "b", 2);
    table_add_int32(&table, "a", 3);
    header_view_read(&view, buf_slice(&table), SEED);
    ck_assert_uint_eq(view.count, 2);
    ck_assert_int_eq(find("a")->value.integer, 3);
    ck_assert_int_eq(view.headers[0].value.integer, 3);
}
END_TEST

/* Reading must leave no slot of the message before, whatever runs the names formed. */
START_TEST(nothing_stays_from_message_to_message)
{
    char name[32];

    for (int message = 0; message < 300; message++) {
        buf_clear(&table);
        for (int i = 0; i <= message % 37; i++) {
            snprintf(name, sizeof(name), "%d.%d", message, i);
            table_add_int32(&table, name, i);
        }
        header_view_read(&view, buf_slice(&table), SEED);
        ck_assert_uint_eq(view.count, (size_t)(message % 37) + 1);
        for (int i = 0; i <= message % 37; i++) {
            snprintf(name, sizeof(name), "%d.%d", message, i);
            ck_assert_int_eq(find(name)->value.integer, i);
            snprintf(name, sizeof(name), "%d.%d", message - 1, i);
            ck_assert_ptr_null(find(name));
        }
        size_t used = 0;
        for (size_t i = 0; i < view.slot_count; i++)
            used += view.slots[i] != 0;
        ck_assert_uint_eq(used, view.count);
    }
    header_view_read(&view, slice_of(NULL, 0), SEED);
    ck_assert_uint_eq(view.count, 0);
}
END_TEST

START_TEST(equal_values_have_equal_numbers)
{
    const struct field_value values[] = {
        {.type = FIELD_INT8, .integer = 5},
        {.type = FIELD_INT64, .integer = 5},
        {.type = FIELD_UINT32, .integer = 5},
        {.type = FIELD_TIMESTAMP, .integer = 5},
        {.type = FIELD_INT8, .integer = -5},
        {.type = FIELD_BOOL, .boolean = true},
        {.type = FIELD_BOOL, .boolean = false},
        {.type = FIELD_DOUBLE, .real = 5},
        {.type = FIELD_FLOAT, .real = 5},
        {.type = FIELD_DOUBLE, .real = 0.0},
        {.type = FIELD_FLOAT, .real = -0.0},
        {.type = FIELD_LONGSTR, .bytes = slice_str("5")},
        {.type = FIELD_BYTES, .bytes = slice_str("5")},
        {.type = FIELD_LONGSTR, .bytes = slice_str("")},
        {.type = FIELD_DECIMAL, .decimal = {1, 50}},
        {.type = FIELD_DECIMAL, .decimal = {0, 5}},
        {.type = FIELD_VOID},
    };
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        for (size_t k = 0; k < ARRAY_LEN(values); k++)
            ck_assert_msg(header_value_equal(&values[i], &values[k]) ==
                              (header_hash(1, &values[i]) == header_hash(1, &values[k])),
                          "%zu and %zu", i, k);
    ck_assert(header_hash(1, &values[0]) != header_hash(2, &values[0]));
    ck_assert(header_hash(1, &values[16]) == header_hash_presence(1));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("header_view");
    TCase *tests = tcase_create("header_view");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, finds_by_name);
    tcase_add_test(tests, the_last_of_a_name_counts);
    tcase_add_test(tests, nothing_stays_from_message_to_message);
    tcase_add_test(tests, equal_values_have_equal_numbers);
    suite_add_tcase(suite, tests);
    return fixture_main(suite);
}
